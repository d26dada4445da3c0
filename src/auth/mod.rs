//! Who is calling: opaque bearer tokens, checked against their digest, and the tokens' own life; service accounts, their proofs
//! and the signed tokens that they are given.

pub mod access;
pub mod bearer;
pub mod clients;
pub mod federations;
pub mod issuer;
pub mod key_pair;
pub mod keys;
pub mod limits;
pub mod tokens;
pub mod trusted;

pub use bearer::{Authenticator, Principal, Refusal};
pub use issuer::Issuer;

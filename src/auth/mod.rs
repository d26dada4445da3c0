//! Who is calling: opaque bearer tokens, checked against their digest, and the tokens' own life.

pub mod bearer;
pub mod tokens;

pub use bearer::{Authenticator, Principal, Refusal};

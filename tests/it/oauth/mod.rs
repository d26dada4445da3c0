//! Service accounts at the token endpoint: their credentials, their tokens, and the end of both. Cases are named by the rows of
//! the Passport document where there is one.

mod assertions;
mod clients;
mod credentials;
mod escalation;
mod federation;
mod foreign;
mod issuer_keys;
mod issuers;
mod itself;
mod keys;
mod life;
mod traps;
mod uses;
pub mod world;

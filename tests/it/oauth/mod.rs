//! Service accounts at the token endpoint: their credentials, their tokens, and the end of both. Cases are named by the rows of
//! the Passport document where there is one.

mod assertions;
mod clients;
mod credentials;
mod foreign;
mod keys;
mod life;
mod world;

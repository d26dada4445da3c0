//! Everything that knows actix: the URL map, extractors, and one codec a dialect over the use-cases.

pub mod access;
pub mod address;
pub mod admin;
pub mod base;
pub mod bearer;
pub mod body;
pub mod caller;
pub mod dry_run;
pub mod etag;
pub mod failure;
pub mod health;
pub mod idm;
pub mod oauth;
pub mod openapi;
pub mod passport;
pub mod path;
pub mod prefer;
pub mod query;
pub mod request;
pub mod router;
pub mod scim;
pub mod state;

pub use router::routes;
pub use state::State;

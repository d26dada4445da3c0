//! The pure core: values in, values out. No database, no network, no clock, no randomness.

pub mod actor;
pub mod condition;
pub mod dialect;
pub mod discovery;
pub mod document;
pub mod duration;
pub mod error;
pub mod expression;
pub mod filter;
pub mod key;
pub mod mapping;
pub mod normal;
pub mod patch;
pub mod plan;
pub mod profile;
pub mod projection;
pub mod relation;
pub mod resource;
pub mod schema;
pub mod scope;
pub mod secret;
pub mod source;
pub mod time;
pub mod token;

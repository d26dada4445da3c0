//! The pure core: values in, values out. No database, no network, no clock, no randomness.

pub mod error;
pub mod expression;
pub mod filter;
pub mod key;
pub mod mapping;
pub mod normal;
pub mod patch;
pub mod schema;
pub mod time;

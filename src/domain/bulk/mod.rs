//! Bulk requests (RFC 7644 §3.7, spec/scim.md §5): read into operations, and put into an order in which what they refer to
//! is there before them.

pub mod order;
pub mod references;
pub mod request;

pub use references::Ids;
pub use request::{Method, Operation, Request, Wish};

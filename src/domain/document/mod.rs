//! Documents: what is stored of an object, read from bodies and shown to clients.
//!
//! A canonical document is a SCIM-shaped JSON object without `id`, `externalId`, `schemas`, `meta` and without attributes that
//! are views of edges. Names are canonical and in schema order, an extension's attributes stand under its URN, and nothing is
//! null, `[]` or `{}`. So two documents say the same exactly when they are equal.

pub mod check;
pub mod elements;
pub mod idm;
pub mod json;
pub mod parse;
pub mod reader;
pub mod reference;
pub mod resource;
pub mod text;
pub mod values;

/// A JSON object that keeps the order of its keys.
pub type Map = serde_json::Map<String, serde_json::Value>;

pub use parse::{Parsed, create, replace};
pub use reference::{Amend, ReferenceChange, ReferenceInput, ReferenceWrite};
pub use resource::resource;

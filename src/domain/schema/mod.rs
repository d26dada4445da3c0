//! Object types as data: what `schema/*.json` says, ready to be asked.
//!
//! Everything that depends on attributes (parsing, validation, filters, PATCH, projection, discovery, the IDM view) reads it
//! here; there is no code for a single attribute anywhere else.

pub mod attribute;
pub mod change;
pub mod definition;
mod notify;
pub mod object_type;
mod overlay;
pub mod path;
pub mod registry;
pub mod relationship;
mod rules;

pub use attribute::{Attribute, AttributeType, Mutability, Returned, Uniqueness};
pub use definition::Problem;
pub use object_type::{IdmForm, IdmProperty, ObjectType, Schema};
pub use path::{AttrPath, Home};
pub use registry::Registry;
pub use relationship::{Backing, Relationship, Side};

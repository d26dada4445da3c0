//! Patches: SCIM PatchOp (RFC 7644 §3.5.2, spec/scim.md §4) and IDM PATCH (spec/idm.md §1.6), both applied to a canonical
//! document; what touches relationships comes out as a list of changes in order.
//!
//! A patch that changes nothing leaves an equal document and an empty list.

pub mod apply;
pub mod idm;
mod related;
pub mod scim;
mod stored;
mod target;

pub use apply::apply;

#[cfg(test)]
mod tests;

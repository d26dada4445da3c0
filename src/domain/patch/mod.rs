//! Patches: SCIM PatchOp (RFC 7644 §3.5.2, spec/scim.md §4) and IDM PATCH (spec/idm.md §1.6), both applied to a canonical
//! document; what touches relationships comes out as a list of changes in order.
//!
//! A patch that changes nothing leaves an equal document and an empty list.

pub mod apply;
pub mod edge;
mod fold;
pub mod idm;
mod related;
pub mod scim;
mod stored;
mod target;

pub use apply::apply;

use super::error::{Fault, Kind};
use super::filter;

/// What one PATCH may ask for at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Operations; each may carry any number of values.
    pub operations: usize,
    /// The size of a path and its filter.
    pub path: filter::Limits,
}

impl Limits {
    /// What holds unless the configuration says otherwise.
    pub const DEFAULT: Self = Self { operations: 1_000, path: filter::Limits::DEFAULT };

    /// Refuses more operations than that.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] naming the limit.
    pub fn admit(&self, operations: usize) -> Result<(), Fault> {
        if operations <= self.operations {
            return Ok(());
        }
        Err(Fault::new(Kind::TooLarge, format!("a PATCH takes at most {} operations, not {operations}", self.operations)))
    }
}

#[cfg(test)]
mod tests;

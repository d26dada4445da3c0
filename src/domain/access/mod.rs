//! Access decisions (spec/access.md §4.3): a pure function of what a principal holds, of the policies in force, and of an instant.
//!
//! An explicit deny beats every role; roles add up; what nothing allows is denied. What cannot be evaluated denies.

pub mod decision;
pub mod lint;
pub mod permission;
pub mod policy;
pub mod question;
pub mod remedy;
pub mod request;
mod trace;

pub use decision::{Beyond, Decision, Miss, Reason, decide};
pub use policy::{Policy, Rule};
pub use question::{Held, Node, Principal, Question};
pub use remedy::{Remedy, Within, remedies};
pub use request::{Asked, Asker, Itself, Who};

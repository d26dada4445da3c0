//! Filters: one tree for the SCIM grammar (RFC 7644 §3.4.2.2) and the IDM grammar (spec/idm.md §1.4).
//!
//! Text is parsed to a tree over path texts, resolved against an object type to a [`Filter`], and evaluated in Rust.
//! The evaluator is the truth; SQL may only narrow what it is asked about.

use crate::domain::schema::{AttrPath, AttributeType};
use crate::domain::time::Timestamp;

/// A filter resolved against one object type.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Always, or never.
    Const(bool),
    /// All of them.
    And(Vec<Filter>),
    /// One of them.
    Or(Vec<Filter>),
    /// Not that.
    Not(Box<Filter>),
    /// Some value of the attribute compares so. `ne` does not occur: it is `Not` of `Eq`, true of what is unassigned.
    Compare {
        /// What is compared.
        target: Target,
        /// How.
        op: CompareOp,
        /// With what.
        operand: Operand,
    },
    /// The attribute has a value: not null, not `[]`, not a complex value with nothing set.
    Present(Target),
    /// One element of a multi-valued complex attribute meets all of the inner filter, whose targets name its sub-attributes.
    Element {
        /// The multi-valued attribute, without sub-attribute.
        attribute: AttrPath,
        /// What one element must meet.
        filter: Box<Filter>,
    },
}

/// The attribute at the left of an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The attribute; for a bare multi-valued complex attribute already its `value` sub-attribute.
    pub path: AttrPath,
    /// Which elements of a multi-valued attribute count.
    pub pick: Pick,
    /// Type of the leaf.
    pub kind: AttributeType,
    /// Whether text compares exactly.
    pub exact: bool,
}

/// Which elements of a multi-valued attribute a target means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Any of them (SCIM).
    Any,
    /// The primary one, else the `work` one, else the first (IDM scalars, spec/types.md).
    Preferred,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

/// The value at the right of an operator, in the attribute's type and normal form.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Text in the normal form of the target (`domain::normal::text`).
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Decimal(f64),
    /// A boolean.
    Boolean(bool),
    /// An instant.
    Instant(Timestamp),
}

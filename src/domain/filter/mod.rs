//! Filters: one tree for the SCIM grammar (RFC 7644 §3.4.2.2) and the IDM grammar (spec/idm.md §1.4).
//!
//! Text is parsed to a tree over path texts, resolved against an object type to a [`Filter`], and evaluated in Rust.
//! The evaluator is the truth; SQL may only narrow what it is asked about.

use std::collections::BTreeSet;

use crate::domain::schema::{AttrPath, AttributeType};
use crate::domain::time::Timestamp;

pub mod ast;
pub mod eval;
pub mod idm;
mod operand;
pub mod resolve;
mod scan;
pub mod scim;

#[cfg(test)]
#[path = "../../../tests/it/harness/filters.rs"]
pub(crate) mod random;
// What `random` reaches for, here and in the integration tests.
#[cfg(test)]
use crate::domain;

pub use ast::Limits;
pub use eval::{matches, matches_element};
pub use resolve::{Dialect, resolve, resolve_among, resolve_element};
pub use scan::Syntax;

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

impl Filter {
    /// All of `parts`, without constants and nested conjunctions.
    pub fn all(parts: Vec<Self>) -> Self {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Const(true) => {}
                Self::Const(false) => return part,
                Self::And(inner) => out.extend(inner),
                other => out.push(other),
            }
        }
        joined(out, true, Self::And)
    }

    /// One of `parts`, without constants and nested disjunctions.
    pub fn any(parts: Vec<Self>) -> Self {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Const(false) => {}
                Self::Const(true) => return part,
                Self::Or(inner) => out.extend(inner),
                other => out.push(other),
            }
        }
        joined(out, false, Self::Or)
    }

    /// Not this.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Const(value) => Self::Const(!value),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Every attribute this filter reads; with a sub-attribute also the attribute it belongs to.
    pub fn attributes(&self) -> BTreeSet<AttrPath> {
        let mut out = BTreeSet::new();
        self.collect(&mut out);
        out
    }

    fn collect(&self, out: &mut BTreeSet<AttrPath>) {
        match self {
            Self::Const(_) => {}
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|p| p.collect(out)),
            Self::Not(inner) => inner.collect(out),
            Self::Compare { target, .. } | Self::Present(target) => out.extend([target.path, target.path.parent()]),
            Self::Element { attribute, filter } => {
                out.insert(*attribute);
                filter.collect(out);
            }
        }
    }
}

fn joined(mut parts: Vec<Filter>, none: bool, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        0 => Filter::Const(none),
        1 => parts.remove(0),
        _ => join(parts),
    }
}

/// The attribute at the left of an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The attribute. A comparison with a bare complex attribute names its `value` sub-attribute here; `Present` keeps the whole.
    /// In [`Filter::Element`] over plain values it is the attribute itself, and means the element.
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

//! Filters as written: the tree over path texts, before anybody asks what the paths mean.

use std::fmt;

/// How large a filter or path may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most nodes; each entry of a list counts.
    pub nodes: usize,
    /// Deepest nesting of parentheses and brackets.
    pub depth: usize,
    /// Longest text, in characters.
    pub chars: usize,
}

impl Limits {
    /// What holds unless the configuration says otherwise, and always for filters that are kept.
    pub const DEFAULT: Self = Self { nodes: 200, depth: 32, chars: 10_000 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A filter as written. `And` and `Or` hold at least two parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Always (IDM alone).
    True,
    /// Never (IDM alone).
    False,
    /// All of them.
    And(Vec<Expr>),
    /// One of them.
    Or(Vec<Expr>),
    /// Not that.
    Not(Box<Expr>),
    /// `path op value`.
    Compare {
        /// Path text; an IDM pointer has lost its leading slash and kept its escapes.
        path: String,
        /// How.
        op: Op,
        /// With what.
        value: Literal,
    },
    /// `path pr`.
    Present {
        /// Path text.
        path: String,
    },
    /// `path[filter]`; `path[filter].sub op value` is read as `path[filter and sub op value]`, which means the same.
    Element {
        /// Path text of the list.
        path: String,
        /// What one element must meet; its paths name parts of the element.
        filter: Box<Expr>,
    },
}

/// An operator as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal; true of what is unassigned.
    Ne,
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
    /// Equal to one of a list (IDM alone).
    In,
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null` (SCIM alone).
    Null,
    /// A boolean.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, an exponent, or too large for 64 bits; always finite.
    Decimal(f64),
    /// Text.
    Text(String),
    /// What `in` takes (IDM alone).
    List(Vec<Literal>),
}

impl Op {
    /// The SCIM operators with their names.
    pub const SCIM: [(&'static str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("co", Self::Co),
        ("sw", Self::Sw),
        ("ew", Self::Ew),
        ("gt", Self::Gt),
        ("ge", Self::Ge),
        ("lt", Self::Lt),
        ("le", Self::Le),
    ];

    /// The operator's name.
    pub fn name(self) -> &'static str {
        Self::SCIM.iter().find(|(_, op)| *op == self).map_or("in", |(name, _)| name)
    }
}

impl fmt::Display for Expr {
    /// The SCIM form, which reads back to the same tree. `true`, `false` and `in` have none and print as in IDM.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => f.write_str("true"),
            Self::False => f.write_str("false"),
            Self::And(parts) => joined(f, parts, " and ", |p| matches!(p, Self::And(_) | Self::Or(_))),
            Self::Or(parts) => joined(f, parts, " or ", |p| matches!(p, Self::Or(_))),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Compare { path, op, value } => write!(f, "{path} {} {value}", op.name()),
            Self::Present { path } => write!(f, "{path} pr"),
            Self::Element { path, filter } => write!(f, "{path}[{filter}]"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], word: &str, enclose: fn(&Expr) -> bool) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        if enclose(part) {
            write!(f, "({part})")?;
        } else {
            write!(f, "{part}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            // `Debug` keeps a fraction or an exponent, so that it stays a decimal.
            Self::Decimal(value) => write!(f, "{value:?}"),
            Self::Text(value) => f.write_str(&serde_json::Value::from(value.as_str()).to_string()),
            Self::List(values) => {
                f.write_str("[")?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

//! What the path of a SCIM PATCH operation leads to.

use serde_json::Value;

use crate::domain::document::reader::{At, Reader};
use crate::domain::document::{Map, values};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::ast::{Expr, Literal, Op};
use crate::domain::filter::{Filter, Limits, resolve_element, scim};
use crate::domain::profile::Profile;
use crate::domain::schema::path::Resolved;
use crate::domain::schema::{AttrPath, ObjectType};

/// A resolved path.
pub(super) enum Target {
    /// An attribute or sub-attribute.
    Attribute(AttrPath),
    /// A whole schema, by index: an extension, or the core schema by its URN.
    Schema(usize),
    /// Some elements of a list, or a sub-attribute of them.
    Elements(Elements),
}

/// `attribute[filter]` or `attribute[filter].sub`.
pub(super) struct Elements {
    /// The list, with the sub-attribute if one is named.
    pub path: AttrPath,
    /// The filter as written: its values keep their case.
    pub expr: Expr,
    /// The filter resolved.
    pub filter: Filter,
}

impl Target {
    /// Resolves the text of a path.
    ///
    /// # Errors
    /// [`Kind::InvalidPath`]; [`Kind::InvalidFilter`] for what stands in the brackets.
    pub fn resolve(kind: &ObjectType, limits: Limits, text: &str) -> Result<Self, Fault> {
        let invalid = |rule: &str| Fault::new(Kind::InvalidPath, format!("path '{}' {rule}", excerpt(text)));
        let unknown = || invalid("names no attribute of the type");
        let text = text.trim();
        if !text.contains('[') {
            return match kind.resolve(text) {
                Some(Resolved::Attribute(path)) => Ok(Self::Attribute(path)),
                Some(Resolved::Extension(index)) => Ok(Self::Schema(index)),
                None if text.eq_ignore_ascii_case(kind.urn()) => Ok(Self::Schema(0)),
                None => Err(unknown()),
            };
        }
        let parsed = scim::parse_path(text, limits)?;
        let path = kind.resolve_attribute(&parsed.attribute).ok_or_else(unknown)?;
        let Some(expr) = parsed.filter else { return Err(invalid("has no filter in its brackets")) };
        let attribute = kind.attribute(path);
        if path.sub.is_some() || !attribute.multi_valued {
            return Err(invalid("filters what is no list"));
        }
        let sub = match parsed.sub {
            Some(name) => Some(attribute.sub(&name).ok_or_else(unknown)?.0),
            None => None,
        };
        let filter = resolve_element(&expr, kind, path)?;
        Ok(Self::Elements(Elements { path: AttrPath { sub, ..path }, expr, filter }))
    }
}

impl Elements {
    /// The element that the filter describes, when it is made of `eq` and `and` alone (spec/scim.md §4.2): what an operation
    /// without match creates.
    pub fn described(&self, kind: &ObjectType) -> Option<Map> {
        let mut terms = Vec::new();
        if !equalities(&self.expr, &mut terms) {
            return None;
        }
        let attribute = kind.attribute(self.path);
        // A filter's "True" is a boolean for every profile (spec/scim.md §3.1).
        let mut reader = Reader::scim(&Profile::GENERIC);
        let mut out = Map::new();
        for (name, literal) in terms {
            let (index, sub) = attribute.sub(name)?;
            let at = At::path(kind, self.path.parent()).sub(&sub.name);
            let value = reader.attribute(sub, at, value_of(literal)?).ok()??;
            if let Some(other) = values::put(&attribute.sub_attributes, &mut out, index, Some(value.clone()))
                && other != value
            {
                return None;
            }
        }
        Some(out)
    }

    /// The values `a`, `b` of a filter `value eq "a" or value eq "b"`.
    pub fn listed(&self) -> Option<Vec<String>> {
        let mut out = Vec::new();
        listed(&self.expr, &mut out).then_some(out)
    }
}

fn equalities<'e>(expr: &'e Expr, out: &mut Vec<(&'e str, &'e Literal)>) -> bool {
    match expr {
        Expr::And(parts) => parts.iter().all(|part| equalities(part, out)),
        Expr::Compare { path, op: Op::Eq, value } => {
            out.push((path, value));
            true
        }
        _ => false,
    }
}

fn listed(expr: &Expr, out: &mut Vec<String>) -> bool {
    match expr {
        Expr::Or(parts) => parts.iter().all(|part| listed(part, out)),
        Expr::Compare { path, op: Op::Eq, value: Literal::Text(value) } if path.eq_ignore_ascii_case("value") => {
            out.push(value.clone());
            true
        }
        _ => false,
    }
}

fn value_of(literal: &Literal) -> Option<Value> {
    match literal {
        Literal::Boolean(value) => Some(Value::Bool(*value)),
        Literal::Integer(value) => Some(Value::from(*value)),
        Literal::Decimal(value) => Some(Value::from(*value)),
        Literal::Text(value) => Some(Value::from(value.as_str())),
        Literal::Null | Literal::List(_) => None,
    }
}

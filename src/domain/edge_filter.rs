//! Filters over the edges of one property: fields of the target, and parts of the reference itself (spec/idm.md §2.3).

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::Fault;
use super::filter::ast::{Expr, Literal, Op};
use super::filter::{self, Dialect, Filter};
use super::key::Key;
use super::relation::{CONDITIONAL, STATIC};
use super::resource::{Edge, encode_segment};
use super::schema::relationship::GRANT;
use super::schema::{ObjectType, Registry, Relationship};

/// A filter over the edges of one property, for each type that it fits; objects of the others do not pass.
#[derive(Debug, Clone)]
pub struct EdgeFilter {
    /// What it means for a type at the far end, by its name.
    pub kinds: BTreeMap<String, Node>,
}

/// What a filter means for edges to one type.
#[derive(Debug, Clone)]
pub enum Node {
    /// All of them.
    And(Vec<Node>),
    /// One of them.
    Or(Vec<Node>),
    /// Not that.
    Not(Box<Node>),
    /// The object at the far end passes.
    Target(Filter),
    /// A part of the reference compares so.
    Part {
        /// The part.
        part: Part,
        /// How.
        op: Op,
        /// With what.
        value: Literal,
    },
    /// The reference has this part.
    Has(Part),
}

/// A part of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// `_ref`.
    Ref,
    /// `_refResourceCollection`.
    Collection,
    /// `_refResourceId`.
    Id,
    /// Something in `_refProperties`, by the names that lead there.
    Property(Vec<String>),
}

impl Part {
    /// The part that a path names, if it names one.
    pub fn parse(path: &str) -> Option<Self> {
        match path {
            "_ref" => Some(Part::Ref),
            "_refResourceCollection" => Some(Part::Collection),
            "_refResourceId" => Some(Part::Id),
            _ => {
                let rest = path.strip_prefix("_refProperties/")?;
                Some(Part::Property(rest.split('/').map(|s| s.replace("~1", "/").replace("~0", "~")).collect()))
            }
        }
    }

    /// Its value: texts, and the JSON of a property.
    pub fn value(&self, of: &Seen<'_>) -> Option<Value> {
        match self {
            Part::Ref => Some(format!("{}/{}", of.kind.collection, encode_segment(of.wire_id)).into()),
            Part::Collection => Some(of.kind.collection.clone().into()),
            Part::Id => Some(of.wire_id.into()),
            Part::Property(names) => match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["_id"] => Some(of.edge.id.to_string().into()),
                ["_rev"] => Some(format!("{:016x}", of.edge.rev).into()),
                ["_grantType"] if of.relation == GRANT => {
                    Some(if of.edge.is_conditional() { CONDITIONAL } else { STATIC }.into())
                }
                _ => {
                    let (first, rest) = names.split_first()?;
                    rest.iter().try_fold(of.edge.properties.get(first)?, |value, name| value.get(name)).cloned()
                }
            },
        }
    }
}

/// An edge as a filter sees it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Name of the relation.
    pub relation: &'a str,
    /// The edge.
    pub edge: &'a Edge,
    /// The type at the far end.
    pub kind: &'a ObjectType,
    /// The id of the object there.
    pub wire_id: &'a str,
}

impl EdgeFilter {
    /// Makes sure that it fits one of the types at the far end.
    ///
    /// # Errors
    /// Those of [`filter::resolve`], for the first type.
    pub fn new(registry: &Registry, relationship: &Relationship, expression: &Expr) -> Result<Self, Fault> {
        let mut kinds = BTreeMap::new();
        let mut refusal = None;
        for kind in relationship.types.iter().filter_map(|name| registry.by_name(name)) {
            match node(expression, kind) {
                Ok(node) => _ = kinds.insert(kind.name.clone(), node),
                Err(fault) => _ = refusal.get_or_insert(fault),
            }
        }
        match refusal {
            Some(fault) if kinds.is_empty() => Err(fault),
            _ => Ok(Self { kinds }),
        }
    }

    /// Whether every edge passes.
    pub fn is_true(&self, relationship: &Relationship) -> bool {
        relationship.types.iter().all(|name| matches!(self.kinds.get(name), Some(Node::Target(Filter::Const(true)))))
    }
}

impl Node {
    /// Whether an edge passes; `target` decides about the object at its far end.
    pub fn holds(&self, seen: &Seen<'_>, target: &mut impl FnMut(&Filter) -> bool) -> bool {
        match self {
            Node::And(parts) => parts.iter().all(|part| part.holds(seen, target)),
            Node::Or(parts) => parts.iter().any(|part| part.holds(seen, target)),
            Node::Not(inner) => !inner.holds(seen, target),
            Node::Target(filter) => target(filter),
            Node::Has(part) => part.value(seen).is_some_and(|value| !value.is_null()),
            Node::Part { part, op, value } => part.value(seen).is_some_and(|own| compares(&own, *op, value)),
        }
    }

    /// What it asks of objects at the far end.
    pub fn filters(&self) -> Vec<&Filter> {
        match self {
            Node::And(parts) | Node::Or(parts) => parts.iter().flat_map(Node::filters).collect(),
            Node::Not(inner) => inner.filters(),
            Node::Target(filter) => vec![filter],
            Node::Part { .. } | Node::Has(_) => Vec::new(),
        }
    }
}

fn asks_of_reference(expression: &Expr) -> bool {
    match expression {
        Expr::True | Expr::False | Expr::Element { .. } => false,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(asks_of_reference),
        Expr::Not(inner) => asks_of_reference(inner),
        Expr::Compare { path, .. } | Expr::Present { path } => Part::parse(path).is_some(),
    }
}

// What asks nothing of the reference stays in one piece, for the store to answer as a whole.
fn node(expression: &Expr, kind: &ObjectType) -> Result<Node, Fault> {
    if !asks_of_reference(expression) {
        return Ok(Node::Target(filter::resolve(expression, kind, Dialect::Idm)?));
    }
    let split = |parts: &[Expr], join: fn(Vec<Expr>) -> Expr| -> Result<Vec<Node>, Fault> {
        let (on_edge, mut plain): (Vec<Expr>, Vec<Expr>) = parts.iter().cloned().partition(asks_of_reference);
        let mut out = on_edge.iter().map(|part| node(part, kind)).collect::<Result<Vec<_>, _>>()?;
        match plain.len() {
            0 => {}
            1 => out.extend(plain.pop().map(|one| node(&one, kind)).transpose()?),
            _ => out.push(node(&join(plain), kind)?),
        }
        Ok(out)
    };
    Ok(match expression {
        Expr::And(parts) => Node::And(split(parts, Expr::And)?),
        Expr::Or(parts) => Node::Or(split(parts, Expr::Or)?),
        Expr::Not(inner) => Node::Not(Box::new(node(inner, kind)?)),
        Expr::Present { path } => match Part::parse(path) {
            Some(part) => Node::Has(part),
            None => Node::Target(filter::resolve(expression, kind, Dialect::Idm)?),
        },
        Expr::Compare { path, op, value } => match Part::parse(path) {
            Some(part) => Node::Part { part, op: *op, value: value.clone() },
            None => Node::Target(filter::resolve(expression, kind, Dialect::Idm)?),
        },
        Expr::True | Expr::False | Expr::Element { .. } => Node::Target(filter::resolve(expression, kind, Dialect::Idm)?),
    })
}

// A list passes when one of its elements does. Texts compare exactly: they are the client's own.
fn compares(own: &Value, op: Op, value: &Literal) -> bool {
    if let Value::Array(list) = own {
        return list.iter().any(|own| compares(own, op, value));
    }
    if let (Op::In, Literal::List(values)) = (op, value) {
        return values.iter().any(|value| compares(own, Op::Eq, value));
    }
    let by = |order: Option<std::cmp::Ordering>| match op {
        Op::Eq => order.is_some_and(|o| o.is_eq()),
        Op::Ne => order.is_none_or(|o| o.is_ne()),
        Op::Gt => order.is_some_and(|o| o.is_gt()),
        Op::Ge => order.is_some_and(|o| o.is_ge()),
        Op::Lt => order.is_some_and(|o| o.is_lt()),
        Op::Le => order.is_some_and(|o| o.is_le()),
        Op::Co | Op::Sw | Op::Ew | Op::In => false,
    };
    match (own, value) {
        (Value::String(own), Literal::Text(text)) => match op {
            Op::Co => own.contains(text.as_str()),
            Op::Sw => own.starts_with(text.as_str()),
            Op::Ew => own.ends_with(text.as_str()),
            _ => by(Some(own.as_str().cmp(text))),
        },
        (Value::Number(own), Literal::Integer(number)) => match own.as_i64() {
            Some(own) => by(Some(own.cmp(number))),
            None => by(own.as_f64().and_then(|own| own.partial_cmp(&(*number as f64)))),
        },
        (Value::Number(own), Literal::Decimal(number)) => by(own.as_f64().and_then(|own| own.partial_cmp(number))),
        (Value::Bool(own), Literal::Boolean(value)) if matches!(op, Op::Eq | Op::Ne) => by(Some(own.cmp(value))),
        _ => op == Op::Ne,
    }
}

/// The edge that a text in `_refProperties/_id` names.
pub fn edge_id(value: &Literal) -> Option<Key> {
    match value {
        Literal::Text(text) => Key::parse(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::filter::idm;

    fn passes(text: &str, properties: Value) -> bool {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let role = registry.by_name("role").unwrap();
        let relationship = user.relationship("roles").unwrap();
        let filter = EdgeFilter::new(&registry, relationship, &idm::parse(text).unwrap()).unwrap();
        let edge = Edge {
            id: Key::new(Uuid::from_u128(5)),
            rev: 2,
            variant: String::new(),
            properties: serde_json::from_value(properties).unwrap(),
            kept: serde_json::Map::new(),
        };
        let seen = Seen { relation: GRANT, edge: &edge, kind: role, wire_id: "a/b" };
        let doc = json!({"name": "R"});
        filter.kinds["role"].holds(&seen, &mut |f| filter::matches(f, role, doc.as_object().unwrap()))
    }

    #[test]
    fn parts_of_the_reference_and_of_the_target() {
        for (text, expected) in [
            ("/_ref eq \"managed/role/a%2Fb\"", true),
            ("! (/_ref eq \"managed/role/a%2Fb\")", false),
            ("_refResourceId eq \"a/b\" and name eq \"R\"", true),
            ("_refResourceId eq \"a/b\" and name eq \"S\"", false),
            ("_refResourceId eq \"x\" or (name eq \"R\" and name pr)", true),
            ("_refResourceCollection sw \"managed/\"", true),
            ("_refProperties/_grantType eq \"\"", true),
            ("_refProperties/_grantType eq \"conditional\"", false),
            ("_refProperties/_rev eq \"0000000000000002\"", true),
            ("_refProperties/_id eq \"00000000-0000-0000-0000-000000000005\"", true),
            ("_refProperties/note eq \"x\"", true),
            ("_refProperties/note eq \"X\"", false),
            ("_refProperties/deep/er gt 2", true),
            ("_refProperties/deep/er gt 3", false),
            ("_refProperties/deep/er le 2.5", false),
            ("_refProperties/list eq \"b\"", true),
            ("_refProperties/flag eq true", true),
            ("_refProperties/flag eq \"true\"", false),
            ("_refProperties/none pr", false),
            ("! _refProperties/none pr", true),
            ("_refProperties/none eq 1", false),
            ("_refProperties/note in '[\"y\",\"x\"]'", true),
            ("true", true),
            ("false", false),
        ] {
            let properties = json!({"note": "x", "deep": {"er": 3}, "list": ["a", "b"], "flag": true});
            assert_eq!(passes(text, properties), expected, "{text}");
        }
    }

    #[test]
    fn a_field_that_no_target_has_is_refused() {
        let registry = Registry::shipped().unwrap();
        let group = registry.by_name("group").unwrap();
        let members = group.relationship("members").unwrap();
        let filter = |text| EdgeFilter::new(&registry, members, &idm::parse(text).unwrap());
        assert!(filter("nope eq \"x\"").is_err());
        assert!(filter("nope eq \"x\" or _ref pr").is_err());
        let users = filter("userName pr or _ref pr").unwrap();
        assert_eq!(users.kinds.keys().collect::<Vec<_>>(), ["user"]);
        assert!(filter("true").unwrap().is_true(members) && !users.is_true(members));
    }
}

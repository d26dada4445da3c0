//! Random resources and filters over an object type, small enough in their values that they often meet.
//!
//! The module above this one says which `domain` is meant, so that unit tests and integration tests share it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::domain::filter::ast::{Expr, Literal, Op};
use super::domain::schema::{AttrPath, Attribute, AttributeType, ObjectType};

/// Resources in canonical form: attributes of documents, not what edges show, and an `id`.
pub fn resource(kind: &ObjectType) -> BoxedStrategy<Map<String, Value>> {
    let mut parts: Vec<BoxedStrategy<Option<(String, String, Value)>>> = Vec::new();
    for schema in &kind.schemas {
        for definition in schema.attributes.iter().filter(|a| stored(a)) {
            let (urn, name) = (schema.id.clone(), definition.name.clone());
            let value = attribute(definition).prop_map(move |value| (urn.clone(), name.clone(), value));
            parts.push(option::of(value).boxed());
        }
    }
    let core = kind.urn().to_owned();
    (text(), parts)
        .prop_map(move |(id, parts)| {
            let mut out = Map::new();
            out.insert("id".to_owned(), json!(id));
            for (urn, name, value) in parts.into_iter().flatten() {
                if urn == core {
                    out.insert(name, value);
                } else if let Some(extension) = out.entry(urn).or_insert_with(|| json!({})).as_object_mut() {
                    extension.insert(name, value);
                }
            }
            out
        })
        .boxed()
}

/// SCIM filters that resolve against `kind`, over the attributes that [`resource`] fills and `id`.
pub fn expression(kind: &ObjectType) -> BoxedStrategy<Expr> {
    let paths: Vec<(AttrPath, Attribute)> =
        kind.paths().filter(|(path, _)| stored(kind.attribute(*path))).map(|(path, a)| (path, a.clone())).collect();
    let mut leaves: Vec<BoxedStrategy<Expr>> = vec![text().prop_map(|id| compare("id", Op::Eq, Literal::Text(id))).boxed()];
    for (path, definition) in &paths {
        leaves.push(leaf(kind.path_text(*path), definition));
        if definition.kind == AttributeType::Complex && definition.multi_valued {
            let parts: Vec<_> = definition.sub_attributes.iter().map(|sub| leaf(sub.name.clone(), sub)).collect();
            let path = kind.path_text(*path);
            let inner = combined(any_of(parts), 2, 6);
            leaves.push(inner.prop_map(move |f| Expr::Element { path: path.clone(), filter: Box::new(f) }).boxed());
        }
    }
    combined(any_of(leaves), 3, 12)
}

fn stored(definition: &Attribute) -> bool {
    definition.relationship.is_none() && !definition.discarded
}

fn any_of(choices: Vec<BoxedStrategy<Expr>>) -> BoxedStrategy<Expr> {
    proptest::strategy::Union::new(choices).boxed()
}

fn combined(leaf: BoxedStrategy<Expr>, depth: u32, size: u32) -> BoxedStrategy<Expr> {
    leaf.prop_recursive(depth, size, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 2..4).prop_map(Expr::And),
            2 => vec(inner.clone(), 2..4).prop_map(Expr::Or),
            1 => inner.prop_map(|e| Expr::Not(Box::new(e))),
        ]
    })
    .boxed()
}

fn compare(path: &str, op: Op, value: Literal) -> Expr {
    Expr::Compare { path: path.to_owned(), op, value }
}

fn leaf(path: String, definition: &Attribute) -> BoxedStrategy<Expr> {
    const EQUALITY: &[Op] = &[Op::Eq, Op::Ne];
    const ORDER: &[Op] = &[Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le];
    const TEXT: &[Op] = &[Op::Eq, Op::Eq, Op::Ne, Op::Co, Op::Sw, Op::Ew, Op::Gt, Op::Ge, Op::Lt, Op::Le];
    let there = path.clone();
    let presence = prop_oneof![
        Just(Expr::Present { path: there.clone() }),
        Just(compare(&there, Op::Eq, Literal::Null)),
        Just(compare(&there, Op::Ne, Literal::Null)),
    ];
    // A bare complex attribute compares by its value.
    let compared = match definition.kind {
        AttributeType::Complex => definition.sub("value").map(|(_, sub)| sub.kind),
        kind => Some(kind),
    };
    let Some(compared) = compared else { return presence.boxed() };
    let ops = match compared {
        AttributeType::Boolean | AttributeType::Binary => EQUALITY,
        AttributeType::Integer | AttributeType::Decimal | AttributeType::DateTime => ORDER,
        AttributeType::String | AttributeType::Reference | AttributeType::Complex => TEXT,
    };
    let value = scalar(compared).prop_map(|value| literal(&value));
    let comparison = (select(ops), value).prop_map(move |(op, value)| compare(&path, op, value));
    prop_oneof![4 => comparison, 1 => presence].boxed()
}

fn literal(value: &Value) -> Literal {
    match value {
        Value::Bool(value) => Literal::Boolean(*value),
        Value::Number(n) => n.as_i64().map_or_else(|| Literal::Decimal(n.as_f64().unwrap_or(0.0)), Literal::Integer),
        Value::String(text) => Literal::Text(text.clone()),
        _ => Literal::Null,
    }
}

fn attribute(definition: &Attribute) -> BoxedStrategy<Value> {
    let one = if definition.kind == AttributeType::Complex {
        let subs: Vec<_> = definition
            .sub_attributes
            .iter()
            .map(|sub| {
                let name = sub.name.clone();
                option::of(attribute(sub)).prop_map(move |value| value.map(|value| (name.clone(), value)))
            })
            .collect();
        subs.prop_map(|subs| Value::Object(subs.into_iter().flatten().collect())).boxed()
    } else {
        scalar(definition.kind)
    };
    if definition.multi_valued { vec(one, 0..3).prop_map(Value::Array).boxed() } else { one }
}

/// A value of a simple type, out of few.
pub fn scalar(kind: AttributeType) -> BoxedStrategy<Value> {
    match kind {
        AttributeType::String => text().prop_map(Value::from).boxed(),
        AttributeType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        AttributeType::Integer => (-2..3_i64).prop_map(Value::from).boxed(),
        AttributeType::Decimal => select(&[-1.5, -1.0, 0.0, 0.25, 2.0][..]).prop_map(Value::from).boxed(),
        AttributeType::DateTime => select(
            &["2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000001Z", "1969-12-31T23:59:59Z"][..],
        )
        .prop_map(Value::from)
        .boxed(),
        AttributeType::Binary => select(&["YQ==", "yq==", "YWI="][..]).prop_map(Value::from).boxed(),
        AttributeType::Reference | AttributeType::Complex => {
            select(&["https://a.example/x", "https://A.example/x", "https://a.example/xy"][..]).prop_map(Value::from).boxed()
        }
    }
}

/// Texts with what tends to go wrong: case beyond ASCII, two ways to write é, LIKE's signs, length beyond the index, none.
pub fn text() -> BoxedStrategy<String> {
    const SHORT: &[&str] = &[
        "", "a", "A", "ab", "AB", "b", "work", "É", "e\u{301}", "Straße", "STRASSE", "%", "_", "a_b", "axb", "\\", "'", "\"",
        "\u{1f}", "😀",
    ];
    prop_oneof![
        12 => select(SHORT).prop_map(str::to_owned),
        1 => (290..293_usize).prop_map(|n| "x".repeat(n)),
        1 => (140..142_usize).prop_map(|n| "É".repeat(n)),
    ]
    .boxed()
}

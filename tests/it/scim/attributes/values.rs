//! Values made from the type of an attribute, and what of them must come back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provost::domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::types::Definition;

/// The `n`-th value of a simple attribute. Different numbers give different values, but for booleans.
pub fn simple(of: &Definition, n: usize) -> Value {
    match of.kind.as_str() {
        "boolean" => json!(n.is_multiple_of(2)),
        "integer" => json!(n),
        "decimal" => json!(n as f64 + 0.5),
        "dateTime" => json!(format!("2026-01-{:02}T{:02}:{:02}:00Z", 1 + n / 1440, n / 60 % 24, n % 60)),
        "binary" => json!(STANDARD.encode(format!("Bytes {n}!"))),
        "reference" => json!(format!("https://example.com/Ab/{n}/Yz")),
        _ => json!(format!("Ab{n}Yz")),
    }
}

/// The `n`-th value of one element, or of a single-valued attribute: every part that may be written.
pub fn element(of: &Definition, n: usize, first: bool) -> Value {
    if !of.complex() {
        return simple(of, n);
    }
    let parts = of.sub_attributes.iter().filter(|sub| !sub.read_only());
    let value = |sub: &Definition| match (sub.name.as_str(), sub.multi_valued) {
        // At most one element is primary (RFC 7643 §2.4).
        ("primary", _) if sub.kind == "boolean" => json!(first),
        (_, true) => json!([simple(sub, n)]),
        _ => simple(sub, n),
    };
    Value::Object(parts.map(|sub| (sub.name.clone(), value(sub))).collect())
}

/// The `n`-th value of a whole attribute; a list holds two elements, the second with the number 5,000 above.
pub fn whole(of: &Definition, n: usize) -> Value {
    match of.multi_valued {
        true if of.kind == "boolean" => json!([true, false]),
        true => json!([element(of, n, true), element(of, n + 5_000, false)]),
        false => element(of, n, true),
    }
}

/// What no value of the type looks like, even to a lenient reader.
pub fn wrong(of: &Definition) -> Value {
    match of.kind.as_str() {
        "complex" => json!(5),
        "string" | "reference" | "binary" => json!({ "no": "text" }),
        _ => json!("neither"),
    }
}

/// Whether what came back says what was sent: every part of it, instants as instants, and as many elements.
pub fn says(of: &Definition, sent: &Value, back: &Value) -> bool {
    match (sent, back) {
        (Value::Array(sent), Value::Array(back)) => {
            sent.len() == back.len() && sent.iter().zip(back).all(|(sent, back)| says(of, sent, back))
        }
        (Value::Object(sent), Value::Object(back)) => sent.iter().all(|(name, value)| {
            let sub = of.sub(name).unwrap_or_else(|| panic!("{name}"));
            back.get(name).is_some_and(|back| says(sub, value, back))
        }),
        (Value::String(sent), Value::String(back)) if of.kind == "dateTime" => Timestamp::parse(sent) == Timestamp::parse(back),
        (sent, back) => sent == back,
    }
}

/// The same letters in the other case.
pub fn other_case(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect()
}

/// A body with one attribute set, under its URN when it has one.
pub fn put(body: &mut Value, urn: Option<&str>, name: &str, value: Value) {
    let body = body.as_object_mut().unwrap();
    let home = match urn {
        Some(urn) => body.entry(urn).or_insert_with(|| Value::Object(Map::new())).as_object_mut().unwrap(),
        None => body,
    };
    home.insert(name.to_owned(), value);
}

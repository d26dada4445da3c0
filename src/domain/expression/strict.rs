//! Comparisons that refuse what they cannot compare.
//!
//! Rhai answers `user.department > 3` with false and no error. Here every operator is replaced for every pair of types, and
//! the fast path that would pass by the replacements is off. The optimizer must be off too.

use std::any::TypeId;
use std::cmp::Ordering;

use rhai::{Array, Blob, Dynamic, Engine, EvalAltResult, FLOAT, FnPtr, INT, ImmutableString, Map};

use super::engine::raise;

type Answer<T = bool> = Result<T, Box<EvalAltResult>>;
type Compare = fn(&Dynamic, &Dynamic) -> Answer;

const OPERATORS: [(&str, Compare); 6] = [
    ("==", equal),
    ("!=", |a, b| Ok(!equal(a, b)?)),
    ("<", |a, b| Ok(order(a, b)? == Ordering::Less)),
    (">", |a, b| Ok(order(a, b)? == Ordering::Greater)),
    ("<=", |a, b| Ok(order(a, b)? != Ordering::Greater)),
    (">=", |a, b| Ok(order(a, b)? != Ordering::Less)),
];

pub(super) fn register(engine: &mut Engine) {
    engine.set_fast_operators(false);
    let types = [
        TypeId::of::<()>(),
        TypeId::of::<bool>(),
        TypeId::of::<INT>(),
        TypeId::of::<FLOAT>(),
        TypeId::of::<ImmutableString>(),
        TypeId::of::<char>(),
        TypeId::of::<Array>(),
        TypeId::of::<Map>(),
        TypeId::of::<Blob>(),
        TypeId::of::<FnPtr>(),
    ];
    for (name, compare) in OPERATORS {
        for left in types {
            for right in types {
                engine.register_raw_fn(name, [left, right], move |_, args| match args {
                    [a, b] => compare(a, b),
                    _ => Err(raise("a comparison takes two values")),
                });
            }
        }
        // Ranges and whatever else there is.
        engine.register_fn(name, move |a: Dynamic, b: Dynamic| compare(&a, &b));
    }
}

/// The name of a Rhai type for people.
pub(super) fn type_name(name: &str) -> &str {
    match name {
        "()" => "nothing",
        "bool" => "a boolean",
        "i64" => "an integer",
        "f64" => "a decimal",
        "string" | "char" | "alloc::string::String" | "&str" => "text",
        "array" => "a list",
        "map" => "an object",
        "Fn" => "a function",
        other if other.contains("ImmutableString") => "text",
        other if other.contains("Dynamic") => "a list",
        other => other,
    }
}

fn mixed(a: &Dynamic, b: &Dynamic) -> Box<EvalAltResult> {
    raise(format!("{} cannot be compared with {}", type_name(a.type_name()), type_name(b.type_name())))
}

/// Equality of values of one type; integers and decimals are one.
pub(super) fn equal(a: &Dynamic, b: &Dynamic) -> Answer {
    if a.is_unit() && b.is_unit() {
        return Ok(true);
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Ok(a == b);
    }
    if let (Ok(a), Ok(b)) = (a.as_array_ref(), b.as_array_ref()) {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(b.iter()) {
            if !equal(a, b)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let (Ok(a), Ok(b)) = (a.as_map_ref(), b.as_map_ref()) {
        if !a.keys().eq(b.keys()) {
            return Ok(false);
        }
        for (a, b) in a.values().zip(b.values()) {
            if !equal(a, b)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    Ok(order(a, b)? == Ordering::Equal)
}

fn order(a: &Dynamic, b: &Dynamic) -> Answer<Ordering> {
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return Ok(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a.partial_cmp(&b).ok_or_else(|| raise("what is not a number cannot be compared"));
    }
    if let (Ok(a), Ok(b)) = (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        return Ok(a.as_str().cmp(b.as_str()));
    }
    if let (Some(x), Some(y)) = (character(a), character(b)) {
        return Ok(x.cmp(&y));
    }
    if a.type_id() == b.type_id() {
        return Err(raise(format!("{} has no order", type_name(a.type_name()))));
    }
    Err(mixed(a, b))
}

fn number(value: &Dynamic) -> Option<FLOAT> {
    #[expect(clippy::cast_precision_loss, reason = "an integer against a decimal is compared as decimals")]
    value.as_int().map(|n| n as FLOAT).or_else(|_| value.as_float()).ok()
}

// 'x' is a character and "x" a text; to the author of a rule both are text.
fn character(value: &Dynamic) -> Option<String> {
    match value.as_char() {
        Ok(c) => Some(c.to_string()),
        Err(_) => value.as_immutable_string_ref().ok().map(|s| s.to_string()),
    }
}

//! What the parts of a condition gave: the operands of `&&` and `||`, each with its value and what went into it
//! (spec/access.md §4.3).
//!
//! Each part is evaluated by itself, also one that the whole condition would not have come to.

use serde_json::{Map, Value, json};

use crate::domain::error::excerpt;
use crate::domain::expression::{Bindings, Expression, Mode};

/// Most parts that are told of a condition.
const PARTS: usize = 20;

/// Longest value that is told, as JSON.
const LONGEST: usize = 200;

/// The parts of a condition, with the variables it was evaluated with; none where it cannot be taken apart.
pub(super) fn trace(condition: &Expression, bindings: &mut Bindings) -> Vec<Value> {
    let parts = split(condition.text(), &["&&", "||"]);
    let told = |part: &&str| {
        let mut out = Map::new();
        out.insert("expr".to_owned(), excerpt(part).into());
        match value(part, bindings)? {
            Ok(value) => out.insert("value".to_owned(), value),
            Err(error) => out.insert("error".to_owned(), error.into()),
        };
        let mut inputs = Map::new();
        for operand in split(part, &["==", "!=", "<=", ">=", "<", ">"]).into_iter().filter(|text| !literal(text)) {
            if operand != *part
                && let Some(Ok(value)) = value(operand, bindings)
            {
                inputs.insert(excerpt(operand), value);
            }
        }
        if !inputs.is_empty() {
            out.insert("inputs".to_owned(), inputs.into());
        }
        Some(Value::Object(out))
    };
    parts.iter().take(PARTS).map(told).collect::<Option<_>>().unwrap_or_default()
}

// None of what is no expression by itself.
fn value(text: &str, bindings: &mut Bindings) -> Option<Result<Value, String>> {
    let expression = Expression::compile(text, Mode::Strict).ok()?;
    Some(match expression.eval_with(bindings) {
        Ok(value) if value.to_string().len() > LONGEST => Ok(json!("…")),
        Ok(value) => Ok(value),
        Err(error) => Err(error.text),
    })
}

fn literal(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "\"'`-".contains(c)) || ["true", "false"].contains(&text)
}

/// What stands between operators outside of brackets and texts; the whole, if it has comments.
fn split<'t>(text: &'t str, operators: &[&str]) -> Vec<&'t str> {
    let (mut out, mut depth, mut from, mut at) = (Vec::new(), 0_usize, 0, 0);
    let mut quote: Option<char> = None;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = &text[at..];
        let mut width = c.len_utf8();
        match (quote, c) {
            (Some(_), '\\') => width += rest.chars().nth(1).map_or(0, char::len_utf8),
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '/') if rest.starts_with("//") || rest.starts_with("/*") => return vec![text.trim()],
            (None, _) if depth == 0 => {
                if let Some(operator) = operators.iter().find(|operator| rest.starts_with(**operator)) {
                    out.push(text[from..at].trim());
                    width = operator.len();
                    from = at + width;
                }
            }
            (None, _) => {}
        }
        at += width;
    }
    out.push(text[from..].trim());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn the_example_of_the_specification() {
        let mut bindings = Bindings::new()
            .value("principal", &json!({ "name": "a && b", "tags": ["t"] }))
            .now(Timestamp::parse("2026-05-25T03:00:00Z").unwrap());
        let mut told = |text: &str| trace(&Expression::compile(text, Mode::Strict).unwrap(), &mut bindings);
        assert_eq!(
            told("hour(now()) < 6 || hour(now()) >= 22"),
            [
                json!({ "expr": "hour(now()) < 6", "value": true, "inputs": { "hour(now())": 3 } }),
                json!({ "expr": "hour(now()) >= 22", "value": false, "inputs": { "hour(now())": 3 } }),
            ]
        );
        assert_eq!(
            told("principal.name == \"a && b\" && (false || true)"),
            [
                json!({ "expr": "principal.name == \"a && b\"", "value": true, "inputs": { "principal.name": "a && b" } }),
                json!({ "expr": "(false || true)", "value": true }),
            ]
        );
        assert_eq!(told("true"), [json!({ "expr": "true", "value": true })]);
        let failed = told("false && principal.colour == \"red\"");
        assert!(failed[1]["error"].as_str().unwrap().contains("'colour'"), "{failed:?}");
        assert_eq!(told("true /* || */ && false").len(), 1);
        assert_eq!(told(&vec!["true"; 30].join(" || ")).len(), PARTS);
    }

    proptest! {
        /// Whatever stands there, nothing is lost or made up.
        #[test]
        fn the_parts_are_those_of_the_text(text in "[a-c &|<\"'\\\\()é]{0,40}") {
            let parts = split(&text, &["&&", "||"]);
            let whole: String = text.split_whitespace().collect();
            let joined: String = parts.concat().split_whitespace().collect();
            let operators = (whole.len() - joined.len()) / 2;
            prop_assert_eq!(operators + 1, parts.len(), "{:?}", parts);
            let mut rest = text.as_str();
            for part in parts {
                let at = rest.find(part).unwrap();
                rest = &rest[at + part.len()..];
            }
        }
    }
}

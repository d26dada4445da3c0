//! The IDM PATCH of one edge: over `_ref` and `_refProperties` (spec/idm.md §2.3).

use serde_json::Value;

use super::idm::{IdmOp, Pointer, Verb, at, increment, needs_value, put, remove};
use crate::domain::document::Map;
use crate::domain::error::{Fault, Kind, excerpt};

const REFERENCE: &str = "_ref";
const PROPERTIES: &str = "_refProperties";

/// Applies the operations in order to a reference with `_ref` and `_refProperties`.
///
/// # Errors
/// [`Kind::InvalidSyntax`] for an operation that cannot be done, [`Kind::Mutability`] for what is no part of an edge that can
/// be changed.
pub fn apply(reference: Map, operations: Vec<IdmOp>) -> Result<Value, Fault> {
    let mut root = Value::Object(reference);
    for IdmOp { verb, field, from, value } in operations {
        let place = whole(&field)?;
        match verb {
            Verb::Add | Verb::Replace if value.is_null() => return Err(needs_value(&field)),
            Verb::Add | Verb::Replace => put(&mut root, &place, value, verb)?,
            Verb::Remove => remove(&mut root, &place.rest, &value),
            Verb::Increment => increment(&mut root, &place, &value)?,
            Verb::Copy | Verb::Move => {
                let Some(source) = from.as_ref().map(whole).transpose()? else { continue };
                let Some(found) = at(&mut root, &source.rest).filter(|v| !v.is_null()).cloned() else { continue };
                if verb == Verb::Move {
                    remove(&mut root, &source.rest, &Value::Null);
                }
                put(&mut root, &place, found, Verb::Add)?;
            }
        }
    }
    Ok(root)
}

// The same place, from the root of the reference.
fn whole(field: &Pointer) -> Result<Pointer, Fault> {
    let fixed = || Fault::new(Kind::Mutability, format!("{} may not be changed", excerpt(&field.text)));
    match (field.property.as_str(), field.rest.first().map(String::as_str)) {
        (REFERENCE, None) | (PROPERTIES, None) => {}
        (PROPERTIES, Some(name)) if !["_id", "_rev"].contains(&name) => {}
        _ => return Err(fixed()),
    }
    let rest = std::iter::once(field.property.clone()).chain(field.rest.iter().cloned()).collect();
    Ok(Pointer { rest, ..field.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Limits;
    use super::super::idm::parse;
    use super::*;

    fn run(operations: Value) -> Result<Value, Fault> {
        let start = json!({"_ref": "managed/role/r", "_refProperties": {"_id": "i", "note": "x", "n": 1, "list": ["a"]}});
        let Value::Object(start) = start else { unreachable!() };
        apply(start, parse(Limits::DEFAULT, operations)?)
    }

    #[test]
    fn each_verb_over_the_properties() {
        for (operation, pointer, expected) in [
            (json!({"operation": "add", "field": "/_refProperties/new", "value": {"a": 1}}), "/_refProperties/new/a", json!(1)),
            (
                json!({"operation": "add", "field": "/_refProperties/list/-", "value": "b"}),
                "/_refProperties/list",
                json!(["a", "b"]),
            ),
            (json!({"operation": "replace", "field": "/_refProperties/note", "value": "y"}), "/_refProperties/note", json!("y")),
            (json!({"operation": "remove", "field": "/_refProperties/note"}), "/_refProperties/note", json!(null)),
            (json!({"operation": "remove", "field": "/_refProperties/list", "value": "a"}), "/_refProperties/list", json!([])),
            (json!({"operation": "increment", "field": "/_refProperties/n", "value": 2}), "/_refProperties/n", json!(3)),
            (
                json!({"operation": "copy", "from": "/_refProperties/n", "field": "/_refProperties/m"}),
                "/_refProperties/m",
                json!(1),
            ),
            (
                json!({"operation": "move", "from": "/_refProperties/n", "field": "/_refProperties/m"}),
                "/_refProperties/n",
                json!(null),
            ),
            (json!({"operation": "replace", "field": "/_ref", "value": "managed/role/s"}), "/_ref", json!("managed/role/s")),
            (json!({"operation": "replace", "field": "/_refProperties", "value": {"z": 1}}), "/_refProperties", json!({"z": 1})),
        ] {
            let done = run(json!([operation])).unwrap();
            assert_eq!(done.pointer(pointer).cloned().unwrap_or_default(), expected, "{operation}");
        }
    }

    #[test]
    fn what_is_no_part_of_an_edge_is_refused() {
        for (field, kind) in [
            ("/_refProperties/_id", Kind::Mutability),
            ("/_refProperties/_rev", Kind::Mutability),
            ("/_id", Kind::Mutability),
            ("/userName", Kind::Mutability),
            ("/_ref/x", Kind::Mutability),
            ("/_refProperties/list/0", Kind::InvalidSyntax),
        ] {
            let fault = run(json!([{"operation": "replace", "field": field, "value": "v"}])).unwrap_err();
            assert_eq!(fault.kind, kind, "{field}");
        }
        assert_eq!(run(json!([{"operation": "add", "field": "/_refProperties/x"}])).unwrap_err().kind, Kind::InvalidSyntax);
        assert_eq!(run(json!({})).unwrap_err().kind, Kind::InvalidSyntax);
    }
}

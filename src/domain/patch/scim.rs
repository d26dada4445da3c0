//! The body of a SCIM PATCH.

use serde_json::Value;

use super::Limits;
use crate::domain::document::Map;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter;
use crate::domain::profile::{EmptyOperations, Profile};

/// The schema of a PATCH body.
pub const URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Adds values, sets what is unset.
    Add,
    /// Replaces values.
    Replace,
    /// Unassigns.
    Remove,
}

/// One operation of a PATCH.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub verb: Verb,
    /// Where; `None` means the resource.
    pub path: Option<String>,
    /// With what; null when it is not given.
    pub value: Value,
}

/// The operations of a PATCH, and how large their paths may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Operations {
    /// In order.
    pub list: Vec<Operation>,
    /// For paths.
    pub path: filter::Limits,
}

/// Reads the body of a PATCH; keys and `op` in any case (spec/scim.md §4).
///
/// # Errors
/// [`Kind::InvalidSyntax`] for what is not a PatchOp, [`Kind::InvalidValue`] for a missing value, [`Kind::NoTarget`] for a
/// remove without path, [`Kind::TooLarge`] beyond `limits`.
pub fn parse(profile: &Profile, limits: Limits, body: Value) -> Result<Operations, Fault> {
    let syntax = |text: &'static str| Fault::new(Kind::InvalidSyntax, text);
    let Value::Object(mut body) = body else { return Err(syntax("the body must be a JSON object")) };
    check_schemas(profile, take(&mut body, "schemas")?, URN)?;
    let Some(Value::Array(operations)) = take(&mut body, "Operations")? else {
        return Err(syntax("Operations is required and must be an array"));
    };
    if operations.is_empty() && profile.empty_operations == EmptyOperations::Refuse {
        return Err(syntax("Operations must hold at least one operation"));
    }
    limits.admit(operations.len())?;
    let read = |(index, value)| operation(value).map_err(|fault| at(index, fault));
    let list = operations.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(Operations { list, path: limits.path })
}

/// Says which operation a fault is of.
pub(super) fn at(index: usize, fault: Fault) -> Fault {
    Fault { detail: format!("operation {}: {}", index + 1, fault.detail).into(), ..fault }
}

fn operation(value: Value) -> Result<Operation, Fault> {
    let syntax = |text: String| Fault::new(Kind::InvalidSyntax, text);
    let Value::Object(mut parts) = value else { return Err(syntax("it must be a JSON object".to_owned())) };
    let verb = match take(&mut parts, "op")? {
        Some(Value::String(op)) => [("add", Verb::Add), ("replace", Verb::Replace), ("remove", Verb::Remove)]
            .into_iter()
            .find(|(name, _)| op.eq_ignore_ascii_case(name))
            .map(|(_, verb)| verb)
            .ok_or_else(|| syntax(format!("unknown op '{}'", excerpt(&op))))?,
        _ => return Err(syntax("op is required: add, replace or remove".to_owned())),
    };
    let path = match take(&mut parts, "path")? {
        None | Some(Value::Null) => None,
        // A path of nothing is no path.
        Some(Value::String(path)) if path.trim().is_empty() => None,
        Some(Value::String(path)) => Some(path),
        Some(_) => return Err(syntax("path must be a string".to_owned())),
    };
    let value = take(&mut parts, "value")?;
    match verb {
        Verb::Remove if path.is_none() => Err(Fault::new(Kind::NoTarget, "remove needs a path")),
        Verb::Add | Verb::Replace if value.is_none() => Err(Fault::new(Kind::InvalidValue, "value is required")),
        _ => Ok(Operation { verb, path, value: value.unwrap_or_default() }),
    }
}

/// Takes a member out of an object, its name in any case.
pub(in crate::domain) fn take(object: &mut Map, name: &str) -> Result<Option<Value>, Fault> {
    let mut keys = object.keys().filter(|key| key.eq_ignore_ascii_case(name));
    let Some(key) = keys.next().cloned() else { return Ok(None) };
    if keys.next().is_some() {
        return Err(Fault::new(Kind::InvalidSyntax, format!("{name} is given twice")));
    }
    Ok(object.remove(&key))
}

/// Checks that `schemas` names the message `urn`, where the profile asks for it.
pub(in crate::domain) fn check_schemas(profile: &Profile, schemas: Option<Value>, urn: &str) -> Result<(), Fault> {
    let named = match schemas {
        None | Some(Value::Null) => false,
        Some(Value::Array(urns)) if urns.iter().all(Value::is_string) => {
            urns.iter().filter_map(Value::as_str).any(|named| named.eq_ignore_ascii_case(urn))
        }
        Some(_) => return Err(Fault::new(Kind::InvalidSyntax, "schemas must be an array of strings")),
    };
    if profile.schemas_required && !named {
        return Err(Fault::new(Kind::InvalidSyntax, format!("schemas must name {urn}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_and_ops_are_read_in_any_case() {
        let body = json!({"SCHEMAS": [URN], "operations": [
            {"OP": "ADD", "Path": "title", "VALUE": "t"}, {"op": "Remove", "path": "title"}, {"op": "replace", "path": "", "value": {}}
        ]});
        let operations = parse(&Profile::STRICT, Limits::DEFAULT, body).unwrap().list;
        assert_eq!(operations[0], Operation { verb: Verb::Add, path: Some("title".to_owned()), value: json!("t") });
        assert_eq!((operations[1].verb, &operations[1].value), (Verb::Remove, &Value::Null));
        assert_eq!(operations[2].path, None);
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        let many: Vec<_> = (0..=Limits::DEFAULT.operations).map(|_| json!({"op": "remove", "path": "title"})).collect();
        for (body, kind) in [
            (json!([]), Kind::InvalidSyntax),
            (json!({}), Kind::InvalidSyntax),
            (json!({"Operations": {}}), Kind::InvalidSyntax),
            (json!({"Operations": []}), Kind::InvalidSyntax),
            (json!({"Operations": [1]}), Kind::InvalidSyntax),
            (json!({"Operations": [{"path": "title", "value": 1}]}), Kind::InvalidSyntax),
            (json!({"Operations": [{"op": "move", "path": "title", "value": 1}]}), Kind::InvalidSyntax),
            (json!({"Operations": [{"op": "add", "path": 1, "value": 1}]}), Kind::InvalidSyntax),
            (json!({"Operations": [{"op": "add", "OP": "add", "path": "a", "value": 1}]}), Kind::InvalidSyntax),
            (json!({"Operations": [{"op": "add", "path": "title"}]}), Kind::InvalidValue),
            (json!({"Operations": [{"op": "replace"}]}), Kind::InvalidValue),
            (json!({"Operations": [{"op": "remove"}]}), Kind::NoTarget),
            (json!({"Operations": many}), Kind::TooLarge),
            (json!({"schemas": "x", "Operations": [{"op": "remove", "path": "a"}]}), Kind::InvalidSyntax),
        ] {
            assert_eq!(parse(&Profile::GENERIC, Limits::DEFAULT, body.clone()).unwrap_err().kind, kind, "{body}");
        }
        let bare = json!({"Operations": [{"op": "remove", "path": "a"}]});
        assert!(parse(&Profile::GENERIC, Limits::DEFAULT, bare.clone()).is_ok());
        assert_eq!(parse(&Profile::STRICT, Limits::DEFAULT, bare).unwrap_err().kind, Kind::InvalidSyntax);
        assert_eq!(parse(&Profile::ENTRA, Limits::DEFAULT, json!({"Operations": []})).unwrap().list, []);
    }
}

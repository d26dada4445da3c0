//! The body of a bulk request.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::references;
use crate::domain::document::Map;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::patch::scim::{self as patch, take};
use crate::domain::profile::{EmptyOperations, Profile};

const URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// How a resource is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Makes one.
    Post,
    /// Replaces one.
    Put,
    /// Changes one.
    Patch,
    /// Takes one away.
    Delete,
}

impl Method {
    /// By its name, in any case.
    pub fn by_name(name: &str) -> Option<Self> {
        let all = [("POST", Self::Post), ("PUT", Self::Put), ("PATCH", Self::Patch), ("DELETE", Self::Delete)];
        all.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, method)| method)
    }
}

/// A bulk request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// How many operations may fail before the rest is left alone.
    pub fail_on_errors: Option<usize>,
    /// The operations.
    pub operations: Vec<Operation>,
}

/// One operation: what the answer repeats of it, and what it asks for, if it can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The method as the answer repeats it, in capitals.
    pub method: Option<String>,
    /// `bulkId`.
    pub bulk_id: Option<String>,
    /// Whether others refer to it by its `bulkId`: the first POST that has it.
    pub makes: bool,
    /// What is asked for.
    pub wish: Result<Wish, Fault>,
}

/// What an operation asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// How.
    pub method: Method,
    /// The first segment of the path, `Users`.
    pub endpoint: String,
    /// The second segment: a wire id, or `bulkId:` and a name.
    pub id: Option<String>,
    /// `version`: an entity tag, as in `If-Match`.
    pub version: Option<String>,
    /// The body, null for DELETE.
    pub data: Value,
}

/// Reads the body; names of members and methods in any case. `base` is the URL of the SCIM root.
///
/// # Errors
/// [`Kind::InvalidSyntax`] for what is no bulk request, [`Kind::InvalidValue`] for a `failOnErrors` below 1,
/// [`Kind::TooLarge`] above `most` operations. What is wrong with one operation stands in that operation.
pub fn parse(profile: &Profile, base: &str, most: usize, body: Value) -> Result<Request, Fault> {
    let syntax = |text: &'static str| Fault::new(Kind::InvalidSyntax, text);
    let Value::Object(mut body) = body else { return Err(syntax("the body must be a JSON object")) };
    patch::check_schemas(profile, take(&mut body, "schemas")?, URN)?;
    let fail_on_errors = match take(&mut body, "failOnErrors")? {
        None | Some(Value::Null) => None,
        Some(number) => {
            let errors = number.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
            Some(errors.ok_or_else(|| Fault::new(Kind::InvalidValue, "failOnErrors must be an integer of 1 or more"))?)
        }
    };
    let Some(Value::Array(operations)) = take(&mut body, "Operations")? else {
        return Err(syntax("Operations is required and must be an array"));
    };
    if operations.is_empty() && profile.empty_operations == EmptyOperations::Refuse {
        return Err(syntax("Operations must hold at least one operation"));
    }
    if operations.len() > most {
        let text = format!("the bulk has {} operations, and maxOperations is {most}", operations.len());
        return Err(Fault::new(Kind::TooLarge, text));
    }
    let mut operations: Vec<Operation> = operations.into_iter().map(|value| operation(value, base)).collect();
    name_makers(&mut operations);
    Ok(Request { fail_on_errors, operations })
}

// The first of several POSTs with one bulkId is what the others refer to.
fn name_makers(operations: &mut [Operation]) {
    let mut known = HashSet::new();
    for operation in operations {
        let posts = operation.method.as_deref().and_then(Method::by_name) == Some(Method::Post);
        let Some(id) = operation.bulk_id.as_ref().filter(|_| posts) else { continue };
        operation.makes = known.insert(id.clone());
        if !operation.makes {
            let text = format!("bulkId '{}' is given to an earlier POST", excerpt(id));
            operation.wish = Err(Fault::new(Kind::InvalidValue, text));
        }
    }
}

fn operation(value: Value, base: &str) -> Operation {
    let Value::Object(mut parts) = value else {
        let wish = Err(Fault::new(Kind::InvalidSyntax, "an operation must be a JSON object"));
        return Operation { method: None, bulk_id: None, makes: false, wish };
    };
    let method = text(&mut parts, "method");
    let bulk_id = text(&mut parts, "bulkId");
    let echo = |read: &Result<Option<String>, Fault>| read.as_ref().ok().cloned().flatten();
    let (told, id) = (echo(&method).map(|m| excerpt(&m.to_ascii_uppercase())), echo(&bulk_id));
    Operation { method: told, bulk_id: id, makes: false, wish: wish(method, bulk_id, parts, base) }
}

fn wish(
    method: Result<Option<String>, Fault>,
    bulk_id: Result<Option<String>, Fault>,
    mut parts: Map,
    base: &str,
) -> Result<Wish, Fault> {
    let missing = |name: &str| Fault::new(Kind::InvalidSyntax, format!("{name} is required"));
    let method = method?.ok_or_else(|| missing("method"))?;
    let known = Method::by_name(&method);
    let method = known.ok_or_else(|| {
        let text = format!("method '{}' is none of POST, PUT, PATCH, DELETE", excerpt(&method));
        Fault::new(Kind::InvalidValue, text)
    })?;
    if bulk_id?.is_none() && method == Method::Post {
        return Err(Fault::new(Kind::InvalidSyntax, "bulkId is required for POST"));
    }
    let path = text(&mut parts, "path")?.ok_or_else(|| missing("path"))?;
    let (endpoint, id) = address(&path, base)?;
    let version = text(&mut parts, "version")?;
    let data = match take(&mut parts, "data")? {
        _ if method == Method::Delete => Value::Null,
        None | Some(Value::Null) => return Err(missing("data")),
        // The RFC's own example leaves the PatchOp around the operations out.
        Some(Value::Array(operations)) if method == Method::Patch => json!({"schemas": [patch::URN], "Operations": operations}),
        Some(data) => data,
    };
    Ok(Wish { method, endpoint, id, version, data })
}

// An empty text is none.
fn text(parts: &mut Map, name: &str) -> Result<Option<String>, Fault> {
    match take(parts, name)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(Fault::new(Kind::InvalidSyntax, format!("{name} must be a string"))),
    }
}

// Endpoint and id of a path: with or without a slash at its beginning, or below the root's address in whole or in part.
fn address(path: &str, base: &str) -> Result<(String, Option<String>), Fault> {
    let wrong = |rule: &str| Fault::new(Kind::InvalidValue, format!("path '{}' {rule}", excerpt(path)));
    let below = |prefix: &str| path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
    let root = base.split_once("://").and_then(|(_, rest)| Some(&rest[rest.find('/')?..])).unwrap_or_default();
    let prefixes = [base, root, "/scim/v2", "/v2", "scim/v2", "v2"].into_iter().filter(|prefix| !prefix.is_empty());
    let relative = prefixes.into_iter().find_map(below).unwrap_or(path);
    let relative = relative.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    if relative.contains("://") {
        return Err(wrong("is not below the address of this server"));
    }
    let decode = |segment: &str| match percent_decode_str(segment).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(wrong("is not percent-encoded UTF-8")),
    };
    let mut segments = relative.split('/').map(decode);
    let endpoint = segments.next().transpose()?.unwrap_or_default();
    let id = segments.next().transpose()?;
    match (endpoint.as_str(), segments.next()) {
        ("", _) => Err(wrong("names no resource")),
        ("Bulk", _) => Err(wrong("is a bulk, and a bulk cannot hold another")),
        (_, Some(_)) => Err(Fault::new(Kind::NotFound, "no such address")),
        _ if id.as_deref() == Some(references::PREFIX) => Err(wrong("names no bulkId")),
        _ => Ok((endpoint, id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://id.example/idp/scim/v2";

    #[test]
    fn paths_lead_to_endpoints() {
        let user = |id: Option<&str>| Ok(("Users".to_owned(), id.map(str::to_owned)));
        for (path, expected) in [
            ("/Users", user(None)),
            ("Users", user(None)),
            ("/Users/", user(None)),
            ("/Users/1", user(Some("1"))),
            ("Users/1/?attributes=x", user(Some("1"))),
            ("/Users/bulkId:a", user(Some("bulkId:a"))),
            ("/Users/bulkId%3Aa%2Fb%2520", user(Some("bulkId:a/b%20"))),
            ("/scim/v2/Users/1", user(Some("1"))),
            ("scim/v2/Users/1", user(Some("1"))),
            ("/v2/Users", user(None)),
            ("/idp/scim/v2/Users/1", user(Some("1"))),
            ("https://id.example/idp/scim/v2/Users/1", user(Some("1"))),
            ("https://evil.example/scim/v2/Users/1", Err(Kind::InvalidValue)),
            ("/", Err(Kind::InvalidValue)),
            ("/Bulk", Err(Kind::InvalidValue)),
            ("/scim/v2/Bulk", Err(Kind::InvalidValue)),
            ("/Users/bulkId:", Err(Kind::InvalidValue)),
            ("/Users/%FF", Err(Kind::InvalidValue)),
            ("/Users/%00", Err(Kind::InvalidValue)),
            ("/Users/1/2", Err(Kind::NotFound)),
        ] {
            assert_eq!(address(path, BASE).map_err(|f| f.kind), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_bulk_is_refused() {
        let parse = |profile, body: Value| parse(profile, BASE, 2, body).map_err(|f| f.kind);
        for (body, kind) in [
            (json!([]), Kind::InvalidSyntax),
            (json!({}), Kind::InvalidSyntax),
            (json!({"Operations": {}}), Kind::InvalidSyntax),
            (json!({"Operations": []}), Kind::InvalidSyntax),
            (json!({"Operations": [{}], "OPERATIONS": []}), Kind::InvalidSyntax),
            (json!({"Operations": [{}], "failOnErrors": 0}), Kind::InvalidValue),
            (json!({"Operations": [{}], "failOnErrors": "1"}), Kind::InvalidValue),
            (json!({"Operations": [{}], "failOnErrors": 1.5}), Kind::InvalidValue),
            (json!({"Operations": [{}, {}, {}]}), Kind::TooLarge),
            (json!({"Operations": [{}], "schemas": "x"}), Kind::InvalidSyntax),
        ] {
            assert_eq!(parse(&Profile::GENERIC, body.clone()).unwrap_err(), kind, "{body}");
        }
        assert_eq!(parse(&Profile::STRICT, json!({"Operations": [{}]})).unwrap_err(), Kind::InvalidSyntax);
        assert!(parse(&Profile::STRICT, json!({"schemas": [URN], "Operations": [{}]})).is_ok());
        assert_eq!(parse(&Profile::ENTRA, json!({"Operations": []})).unwrap().operations, []);
    }

    #[test]
    fn a_bad_operation_is_its_own_fault() {
        for (value, kind) in [
            (json!(1), Kind::InvalidSyntax),
            (json!({}), Kind::InvalidSyntax),
            (json!({"method": "GET", "path": "/Users/1"}), Kind::InvalidValue),
            (json!({"method": 1, "path": "/Users/1"}), Kind::InvalidSyntax),
            (json!({"method": "POST", "path": "/Users", "data": {}}), Kind::InvalidSyntax),
            (json!({"method": "POST", "path": "/Users", "bulkId": "", "data": {}}), Kind::InvalidSyntax),
            (json!({"method": "POST", "path": "/Users", "bulkId": 1, "data": {}}), Kind::InvalidSyntax),
            (json!({"method": "POST", "path": "/Users", "bulkId": "a"}), Kind::InvalidSyntax),
            (json!({"method": "DELETE"}), Kind::InvalidSyntax),
            (json!({"method": "DELETE", "path": 1}), Kind::InvalidSyntax),
            (json!({"method": "DELETE", "path": "/Users/1", "version": 1}), Kind::InvalidSyntax),
            (json!({"method": "DELETE", "METHOD": "PUT", "path": "/Users/1"}), Kind::InvalidSyntax),
        ] {
            assert_eq!(operation(value.clone(), BASE).wish.unwrap_err().kind, kind, "{value}");
        }
        let patch = operation(json!({"METHOD": "patch", "Path": "Users/1", "DATA": [{"op": "remove"}]}), BASE);
        assert_eq!(patch.method.as_deref(), Some("PATCH"));
        assert_eq!(patch.wish.unwrap().data["Operations"], json!([{"op": "remove"}]));
    }
}

//! `components/schemas`: one for each object type in each dialect, made from its attributes, and the messages around them.

use serde_json::{Map, Value, json};

use super::actions;
use crate::domain::document::idm::COMPUTED;
use crate::domain::federation;
use crate::domain::jwt::ALGORITHMS;
use crate::domain::profile::Profile;
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{Attribute, AttributeType, IdmForm, Mutability, ObjectType, Registry, Returned, Side};

/// All components by name. What the type `User` adds are `User`, `UserList` and, in the IDM dialect, `managed_user`.
pub fn all(registry: &Registry) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, schema) in messages().into_iter().chain(access()).chain(actions::components()) {
        out.insert(name.to_owned(), schema);
    }
    for kind in registry.types() {
        if !kind.endpoint.is_empty() {
            out.insert(kind.resource.clone(), resource(kind));
            out.insert(list_of(kind), list(json!({ "$ref": reference(&kind.resource) })));
        }
        out.insert(managed(kind), properties(kind));
    }
    out
}

/// Those that the operations on one IDM collection name.
pub fn of_collection(kind: &ObjectType) -> Map<String, Value> {
    let owned = |(name, schema): (&str, Value)| (name.to_owned(), schema);
    let named = ["Any", "IdmError", "IdmPatch", "Reference", "Validation"];
    let mut out: Map<String, Value> =
        messages().into_iter().filter(|(name, _)| named.contains(name)).chain(actions::components()).map(owned).collect();
    out.insert(managed(kind), properties(kind));
    out
}

/// Name of the component of an IDM object.
pub fn managed(kind: &ObjectType) -> String {
    kind.collection.replace('/', "_")
}

/// Name of the component of a list of SCIM resources.
pub fn list_of(kind: &ObjectType) -> String {
    format!("{}List", kind.resource)
}

/// How a component is referred to.
pub fn reference(component: &str) -> String {
    format!("#/components/schemas/{component}")
}

fn messages() -> impl IntoIterator<Item = (&'static str, Value)> {
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let text = || json!({ "type": "string" });
    let count = || json!({ "type": "integer", "minimum": 0 });
    [
        ("Any", json!({ "type": "object" })),
        ("Text", text()),
        ("List", json!({ "type": "array" })),
        ("ScimList", list(json!({ "type": "object" }))),
        (
            "ScimError",
            object(
                json!({ "schemas": texts(), "status": text(), "scimType": text(), "detail": text() }),
                &["schemas", "status", "detail"],
            ),
        ),
        (
            "IdmError",
            object(json!({ "code": { "type": "integer" }, "reason": text(), "message": text() }), &["code", "reason", "message"]),
        ),
        (
            "Problem",
            object(json!({ "type": text(), "title": text(), "status": { "type": "integer" }, "detail": text() }), &["status"]),
        ),
        (
            "PassportError",
            object(
                json!({ "status": { "type": "integer" }, "error": text(), "message": text() }),
                &["status", "error", "message"],
            ),
        ),
        ("OAuthError", object(json!({ "error": text(), "error_description": text() }), &["error"])),
        (
            "TokenRequest",
            object(
                json!({
                    "grant_type": { "type": "string", "enum": ["client_credentials", federation::GRANT] }, "scope": text(), "resource": text(),
                    "client_id": text(), "client_secret": text(), "client_assertion_type": text(), "client_assertion": text(),
                    "assertion": text(),
                }),
                &["grant_type"],
            ),
        ),
        ("TokenQuestion", object(json!({ "token": text(), "token_type_hint": text() }), &["token"])),
        ("NewSecret", closed(json!({ "expires": text() }), &[])),
        ("NewKey", closed(json!({ "jwk": { "type": "object" }, "expires": text() }), &["jwk"])),
        (
            "NewFederation",
            closed(
                json!({
                    "issuer": text(), "subject": text(), "audience": text(), "claims": { "type": "object" },
                    "reusable": { "type": "boolean" },
                }),
                &["issuer", "subject"],
            ),
        ),
        (
            "TrustedIssuer",
            object(
                json!({
                    "issuer": text(), "jwksUri": text(), "audiences": texts(),
                    "algorithms": { "type": "array", "items": { "type": "string", "enum": ALGORITHMS } },
                    "match": { "type": "array", "items": closed(json!({ "claim": text(), "attribute": text() }), &["claim", "attribute"]) },
                    "source": text(), "unverifiedEmail": { "type": "boolean" }, "condition": { "type": "object" }, "allowPrivateNetwork": { "type": "boolean" },
                    "enabled": { "type": "boolean" }, "description": text(),
                }),
                &["issuer"],
            ),
        ),
        (
            "SearchRequest",
            object(
                json!({
                    "schemas": texts(), "filter": text(), "attributes": texts(), "excludedAttributes": texts(),
                    "sortBy": text(), "sortOrder": { "type": "string", "enum": ["ascending", "descending"] },
                    "startIndex": { "type": "integer" }, "count": { "type": "integer" }, "cursor": text(),
                }),
                &[],
            ),
        ),
        (
            "PatchOp",
            object(
                json!({
                    "schemas": texts(),
                    "Operations": { "type": "array", "minItems": 1, "items": object(
                        json!({ "op": { "type": "string", "enum": ["add", "replace", "remove"] }, "path": text(), "value": {} }),
                        &["op"],
                    ) },
                }),
                &["schemas", "Operations"],
            ),
        ),
        (
            "BulkRequest",
            object(
                json!({
                    "schemas": texts(), "failOnErrors": count(),
                    "Operations": { "type": "array", "items": object(
                        json!({
                            "method": { "type": "string", "enum": ["POST", "PUT", "PATCH", "DELETE"] },
                            "path": text(), "bulkId": text(), "version": text(), "data": { "type": "object" },
                        }),
                        &["method", "path"],
                    ) },
                }),
                &["schemas", "Operations"],
            ),
        ),
        (
            "IdmPatch",
            json!({ "type": "array", "items": object(
                json!({
                    "operation": { "type": "string", "enum": ["add", "remove", "replace", "increment", "copy", "move"] },
                    "field": text(), "from": text(), "value": {},
                }),
                &["operation", "field"],
            ) }),
        ),
        (
            "Validation",
            object(
                json!({ "result": { "type": "boolean" }, "failedPolicyRequirements": { "type": "array", "items": { "type": "object" } } }),
                &["result", "failedPolicyRequirements"],
            ),
        ),
        ("Reference", object(json!({ "_ref": text(), "_refProperties": { "type": "object" } }), &["_ref"])),
        (
            "NewToken",
            closed(
                json!({
                    "name": text(), "source": text(), "scopes": texts(), "expires": text(),
                    "profile": { "type": "string", "enum": Profile::names().collect::<Vec<_>>() },
                    "profileOverrides": { "type": "object" },
                }),
                &["name", "scopes"],
            ),
        ),
        ("NewTenant", closed(json!({ "name": text() }), &["name"])),
        (
            "NewTarget",
            object(
                json!({
                    "name": text(), "kind": { "type": "string", "enum": ["scim"] }, "config": { "type": "object" },
                    "mappings": { "type": "object" }, "deprovision": text(),
                    "guard": object(json!({ "deletes": count(), "percent": count(), "windowSeconds": count() }), &[]),
                }),
                &["name", "kind", "config"],
            ),
        ),
        (
            "Replay",
            closed(
                json!({ "class": text(), "type": text(), "status": text(), "since": { "type": "string", "format": "date-time" } }),
                &[],
            ),
        ),
        ("Approval", closed(json!({ "more": count(), "seconds": { "type": "integer", "minimum": 1 } }), &[])),
        ("Adoption", closed(json!({ "remoteId": text() }), &["remoteId"])),
    ]
}

/// Of Passport and of access decisions.
fn access() -> [(&'static str, Value); 11] {
    let text = || json!({ "type": "string", "minLength": 1 });
    let texts = || json!({ "type": "array", "items": text() });
    let of_policy = json!({
        "resourceType": text(), "resourceId": text(), "enabled": { "type": "boolean" },
        "conditions": { "type": "array", "minItems": 1, "items": { "$ref": reference("PolicyRule") } },
        "effect": text(), "permissions": texts(), "condition": text(), "message": text(), "exceptions": texts(),
    });
    let rule = json!({
        "effect": { "type": "string", "enum": ["Deny"] }, "permissions": texts(), "condition": text(), "message": text(),
        "exceptions": texts(),
    });
    let node = || object(json!({ "type": text(), "id": text() }), &["type", "id"]);
    let asked = || json!({ "subject": node(), "action": object(json!({ "name": text() }), &["name"]), "resource": node() });
    let mut many = asked();
    many["evaluations"] = json!({ "type": "array", "items": object(asked(), &[]) });
    many["options"] = object(json!({ "evaluations_semantic": text() }), &[]);
    let owner = || object(json!({ "type": { "type": "string", "enum": ["user", "group"] }, "id": text() }), &["type", "id"]);
    let named = json!({ "name": text(), "description": text() });
    let (mut change, mut new) = (named.clone(), named);
    change["owner"] = owner();
    new["owner"] = owner();
    new["tags"] = texts();
    [
        (
            "PassportError",
            closed(
                json!({ "status": { "type": "integer" }, "error": text(), "message": text() }),
                &["status", "error", "message"],
            ),
        ),
        ("PolicyRule", closed(rule, &["effect", "condition"])),
        ("Policy", object(of_policy, &[])),
        (
            "PassportRole",
            object(
                json!({ "name": text(), "description": text(), "permissions": texts(), "isServiceAccountRole": { "type": "boolean" } }),
                &[],
            ),
        ),
        ("NewManagedIdentity", closed(new, &["name", "owner"])),
        ("ManagedIdentityChange", closed(change, &[])),
        ("Tags", closed(json!({ "tags": texts() }), &["tags"])),
        ("RoleNames", closed(json!({ "roles": texts() }), &["roles"])),
        (
            "PermissionCheck",
            closed(
                json!({ "caller": { "type": ["string", "object"] }, "permission": text(), "resource": { "type": "object" } }),
                &["permission"],
            ),
        ),
        ("Evaluation", object(asked(), &["subject", "action", "resource"])),
        ("Evaluations", object(many, &[])),
    ]
}

pub(super) fn object(properties: Value, required: &[&str]) -> Value {
    let mut out = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        out["required"] = json!(required);
    }
    out
}

pub(super) fn closed(properties: Value, required: &[&str]) -> Value {
    let mut out = object(properties, required);
    out["additionalProperties"] = false.into();
    out
}

fn list(item: Value) -> Value {
    let count = || json!({ "type": "integer", "minimum": 0 });
    let parts = json!({
        "schemas": { "type": "array", "items": { "type": "string" } },
        "totalResults": count(), "startIndex": count(), "itemsPerPage": count(),
        "previousCursor": { "type": "string" }, "nextCursor": { "type": "string" },
        "Resources": { "type": "array", "items": item },
    });
    object(parts, &["schemas", "Resources"])
}

fn resource(kind: &ObjectType) -> Value {
    let mut parts = attributes(kind.common.iter().chain(&kind.schemas[0].attributes));
    for extension in &kind.schemas[1..] {
        let mut schema = json!({ "type": "object", "properties": attributes(&extension.attributes) });
        schema["description"] = extension.description.as_str().into();
        parts.insert(extension.id.clone(), schema);
    }
    // A projection leaves out what is required of a body, so an answer need not hold it.
    json!({ "type": "object", "description": kind.description, "properties": parts })
}

fn attributes<'a>(of: impl IntoIterator<Item = &'a Attribute>) -> Map<String, Value> {
    of.into_iter().map(|attribute| (attribute.name.clone(), schema(attribute))).collect()
}

fn schema(attribute: &Attribute) -> Value {
    let mut one = match attribute.kind {
        _ if attribute.json => json!({}),
        AttributeType::String => json!({ "type": "string" }),
        AttributeType::Boolean => json!({ "type": "boolean" }),
        AttributeType::Decimal => json!({ "type": "number" }),
        AttributeType::Integer => json!({ "type": "integer", "format": "int64" }),
        AttributeType::DateTime => json!({ "type": "string", "format": "date-time" }),
        AttributeType::Binary => json!({ "type": "string", "contentEncoding": "base64" }),
        AttributeType::Reference => json!({ "type": "string", "format": "uri-reference" }),
        AttributeType::Complex => json!({ "type": "object", "properties": attributes(&attribute.sub_attributes) }),
    };
    if !attribute.canonical_values.is_empty() {
        one["examples"] = json!(attribute.canonical_values);
    }
    if attribute.multi_valued {
        one = json!({ "type": "array", "items": one });
    }
    one["description"] = attribute.description.as_str().into();
    match attribute.mutability {
        Mutability::ReadOnly => one["readOnly"] = true.into(),
        _ if attribute.returned == Returned::Never => one["writeOnly"] = true.into(),
        _ => {}
    }
    one
}

fn properties(kind: &ObjectType) -> Value {
    let mut out = Map::new();
    for name in ["_id", "_rev"] {
        out.insert(name.to_owned(), json!({ "type": "string" }));
    }
    for property in &kind.properties {
        let leaf = kind.leaf(property.path);
        let shown = match property.form {
            IdmForm::Plain | IdmForm::Shown => schema(leaf),
            IdmForm::Element => schema(&Attribute { multi_valued: false, ..leaf.clone() }),
            IdmForm::Status => json!({ "type": "string", "enum": ["active", "inactive"] }),
            IdmForm::Source => json!({ "type": ["string", "object"] }),
            IdmForm::Discarded => json!({ "type": "string", "writeOnly": true }),
        };
        out.insert(property.name.clone(), shown);
    }
    let one = json!({ "$ref": reference("Reference") });
    for relationship in &kind.relationships {
        let shown = if relationship.many { json!({ "type": "array", "items": one }) } else { one.clone() };
        out.insert(relationship.name.clone(), shown);
    }
    if kind.relationships.iter().any(|r| r.relation == GRANT && r.side == Side::From) {
        for name in COMPUTED {
            out.insert(name.to_owned(), json!({ "type": "array", "readOnly": true }));
        }
    }
    json!({ "type": "object", "description": kind.description, "properties": out })
}

//! `/openapi.json`: the addresses of the URL map with what they take and answer, made from the object types.

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use super::state::State;
use crate::domain::schema::{Attribute, AttributeType, Mutability, ObjectType, Registry};

/// One operation: method, address, tag, what it does, the component it takes, the status and component of success.
struct Operation {
    method: &'static str,
    path: String,
    tag: &'static str,
    summary: String,
    takes: Option<String>,
    status: &'static str,
    answers: Option<String>,
}

/// `GET /openapi.json`.
pub async fn openapi(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(document(state.service.registry(), &state.public_url))
}

/// The whole document (OpenAPI 3.1).
pub fn document(registry: &Registry, server: &str) -> Value {
    let mut operations = Vec::new();
    let mut schemas = Map::new();
    schemas.insert("Any".into(), json!({ "type": "object" }));
    for kind in registry.types() {
        schemas.insert(kind.resource.clone(), resource_schema(kind));
        scim(kind, &mut operations);
        idm(kind, &mut operations);
    }
    fixed(&mut operations);
    let mut paths = Map::new();
    for operation in operations {
        let entry = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        entry[operation.method] = operation.describe();
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Provost", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "MIT OR Apache-2.0" } },
        "servers": [{ "url": server }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
        },
    })
}

impl Operation {
    fn describe(&self) -> Value {
        let media = match self.tag {
            "SCIM" => "application/scim+json",
            _ => "application/json",
        };
        let errors = match self.tag {
            "Admin" => "application/problem+json",
            _ => media,
        };
        let content = |media: &str, component: &str| json!({ media: { "schema": { "$ref": format!("#/components/schemas/{component}") } } });
        let mut success = json!({ "description": "done" });
        if let Some(component) = &self.answers {
            success["content"] = content(media, component);
        }
        let parameters: Vec<Value> = self
            .path
            .split('/')
            .filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let mut out = json!({
            "tags": [self.tag],
            "summary": self.summary,
            "responses": { self.status: success, "4XX": { "description": "refused", "content": content(errors, "Any") } },
        });
        if !parameters.is_empty() {
            out["parameters"] = Value::Array(parameters);
        }
        if let Some(component) = &self.takes {
            out["requestBody"] = json!({ "required": true, "content": content(media, component) });
        }
        if self.tag == "Health" {
            out["security"] = json!([]);
        }
        out
    }
}

fn scim(kind: &ObjectType, out: &mut Vec<Operation>) {
    let (list, one) = (format!("/scim/v2{}", kind.endpoint), format!("/scim/v2{}/{{id}}", kind.endpoint));
    let whole = || Some(kind.resource.clone());
    let any = || Some("Any".to_owned());
    let mut add = |method, path: &str, what: &str, takes, status, answers| {
        out.push(Operation {
            method,
            path: path.to_owned(),
            tag: "SCIM",
            summary: format!("{what} {}", kind.resource),
            takes,
            status,
            answers,
        });
    };
    add("get", &list, "List", None, "200", any());
    add("post", &list, "Create a", whole(), "201", whole());
    add("post", &format!("{list}/.search"), "Search", any(), "200", any());
    add("get", &one, "Read a", None, "200", whole());
    add("put", &one, "Replace a", whole(), "200", whole());
    add("patch", &one, "Change a", any(), "200", whole());
    add("delete", &one, "Delete a", None, "204", None);
}

fn idm(kind: &ObjectType, out: &mut Vec<Operation>) {
    let list = format!("/openidm/{}", kind.collection);
    let one = format!("{list}/{{id}}");
    let any = || Some("Any".to_owned());
    let mut add = |method, path: String, what: &str, takes, status, answers| {
        out.push(Operation { method, path, tag: "IDM", summary: format!("{what} {}", kind.collection), takes, status, answers });
    };
    add("get", list.clone(), "Query", None, "200", any());
    add("post", list, "Create in", any(), "201", any());
    add("get", one.clone(), "Read from", None, "200", any());
    add("put", one.clone(), "Create or replace in", any(), "200", any());
    add("patch", one.clone(), "Change in", any(), "200", any());
    add("delete", one.clone(), "Delete from", None, "200", any());
    for relationship in &kind.relationships {
        let property = format!("{one}/{}", relationship.name);
        add("get", property.clone(), "Read a relationship of", None, "200", any());
        if relationship.many {
            add("post", property.clone(), "Create a relationship of", any(), "201", any());
            add("get", format!("{property}/{{edge}}"), "Read one relationship of", None, "200", any());
            add("delete", format!("{property}/{{edge}}"), "Delete one relationship of", None, "200", any());
        } else {
            add("put", property.clone(), "Set the relationship of", any(), "200", any());
            add("delete", property, "Delete the relationship of", None, "200", any());
        }
    }
}

/// What does not depend on object types.
const FIXED: &[(&str, &str, &str, &str, bool, &str)] = &[
    ("get", "/health", "Health", "The process and its workers", false, "200"),
    ("get", "/ready", "Health", "Whether the database answers", false, "200"),
    ("get", "/scim/v2/ServiceProviderConfig", "SCIM", "What is offered", false, "200"),
    ("get", "/scim/v2/ResourceTypes", "SCIM", "Resource types", false, "200"),
    ("get", "/scim/v2/ResourceTypes/{name}", "SCIM", "One resource type", false, "200"),
    ("get", "/scim/v2/Schemas", "SCIM", "Schemas", false, "200"),
    ("get", "/scim/v2/Schemas/{name}", "SCIM", "One schema", false, "200"),
    ("post", "/scim/v2/.search", "SCIM", "Search all types", true, "200"),
    ("get", "/admin/v1/tokens", "Admin", "List tokens", false, "200"),
    ("post", "/admin/v1/tokens", "Admin", "Make a token", true, "201"),
    ("get", "/admin/v1/tokens/{id}", "Admin", "Read a token", false, "200"),
    ("delete", "/admin/v1/tokens/{id}", "Admin", "Revoke a token", false, "204"),
    ("get", "/admin/v1/tenants", "Admin", "List tenants", false, "200"),
    ("post", "/admin/v1/tenants", "Admin", "Make a tenant", true, "201"),
    ("get", "/admin/v1/changes", "Admin", "The change log", false, "200"),
    ("get", "/admin/v1/targets", "Admin", "List targets", false, "200"),
    ("post", "/admin/v1/targets", "Admin", "Make a target", true, "201"),
    ("get", "/admin/v1/targets/{id}", "Admin", "Read a target", false, "200"),
    ("put", "/admin/v1/targets/{id}", "Admin", "Replace a target", true, "200"),
    ("patch", "/admin/v1/targets/{id}", "Admin", "Change a target", true, "200"),
    ("delete", "/admin/v1/targets/{id}", "Admin", "Forget a target", false, "204"),
    ("post", "/admin/v1/targets/{id}/probe", "Admin", "Ask a target what it can do", false, "200"),
    ("post", "/admin/v1/targets/{id}/pause", "Admin", "Pause a target", false, "200"),
    ("post", "/admin/v1/targets/{id}/resume", "Admin", "Let a target go on", false, "200"),
    ("post", "/admin/v1/targets/{id}/resync", "Admin", "Compare a target with what it should hold", false, "202"),
    ("post", "/admin/v1/targets/{id}/retry", "Admin", "Try links again", true, "202"),
    ("get", "/admin/v1/targets/{id}/attempts", "Admin", "Calls to a target", false, "200"),
    ("get", "/admin/v1/targets/{id}/held", "Admin", "What the guard holds", false, "200"),
    ("post", "/admin/v1/targets/{id}/held/{batch}/approve", "Admin", "Let what is held pass", false, "202"),
    ("post", "/admin/v1/targets/{id}/held/{batch}/reject", "Admin", "Leave what is held as it is", false, "200"),
    ("get", "/admin/v1/targets/{id}/links", "Admin", "Links of a target", false, "200"),
    ("get", "/admin/v1/targets/{id}/links/{type}/{object}", "Admin", "Why an object is there or not", false, "200"),
    ("post", "/admin/v1/targets/{id}/links/{type}/{object}/retry", "Admin", "Try an object again", false, "202"),
    ("post", "/admin/v1/targets/{id}/links/{type}/{object}/unlink", "Admin", "Let go of an object", false, "204"),
    ("post", "/admin/v1/targets/{id}/links/{type}/{object}/adopt", "Admin", "Say which account an object is", true, "202"),
];

fn fixed(out: &mut Vec<Operation>) {
    for (method, path, tag, summary, takes, status) in FIXED {
        out.push(Operation {
            method,
            path: (*path).to_owned(),
            tag,
            summary: (*summary).to_owned(),
            takes: takes.then(|| "Any".to_owned()),
            status,
            answers: (*status != "204").then(|| "Any".to_owned()),
        });
    }
}

fn resource_schema(kind: &ObjectType) -> Value {
    let mut properties = Map::new();
    for attribute in kind.common.iter().chain(&kind.schemas[0].attributes) {
        properties.insert(attribute.name.clone(), attribute_schema(attribute));
    }
    for extension in &kind.schemas[1..] {
        properties.insert(extension.id.clone(), object_schema(&extension.attributes));
    }
    let required: Vec<&str> = kind.schemas[0].attributes.iter().filter(|a| a.required).map(|a| a.name.as_str()).collect();
    json!({ "type": "object", "description": kind.description, "properties": properties, "required": required })
}

fn object_schema(attributes: &[Attribute]) -> Value {
    let properties: Map<String, Value> = attributes.iter().map(|a| (a.name.clone(), attribute_schema(a))).collect();
    json!({ "type": "object", "properties": properties })
}

fn attribute_schema(attribute: &Attribute) -> Value {
    let mut one = match attribute.kind {
        AttributeType::String => json!({ "type": "string" }),
        AttributeType::Boolean => json!({ "type": "boolean" }),
        AttributeType::Decimal => json!({ "type": "number" }),
        AttributeType::Integer => json!({ "type": "integer" }),
        AttributeType::DateTime => json!({ "type": "string", "format": "date-time" }),
        AttributeType::Binary => json!({ "type": "string", "contentEncoding": "base64" }),
        AttributeType::Reference => json!({ "type": "string", "format": "uri-reference" }),
        AttributeType::Complex => object_schema(&attribute.sub_attributes),
    };
    if attribute.multi_valued {
        one = json!({ "type": "array", "items": one });
    }
    one["description"] = attribute.description.clone().into();
    match attribute.mutability {
        Mutability::ReadOnly => one["readOnly"] = true.into(),
        Mutability::WriteOnly => one["writeOnly"] = true.into(),
        Mutability::ReadWrite | Mutability::Immutable => {}
    }
    one
}

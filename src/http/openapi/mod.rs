//! `/openapi.json`: the addresses of the URL map with what they take and answer, made from the object types.

pub mod actions;
mod components;
mod tables;

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use self::actions::Action;
use self::components::{list_of, managed, reference};
use self::tables::{ANSWERS, BODIES, FIXED, OWN, REVISED, TAKEN, TYPE};
use super::state::State;
use crate::domain::schema::{ObjectType, Registry};

/// What stands at an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Objects of a type, or of all.
    List,
    /// One object.
    One,
    /// The relationships of an object.
    Edges,
    /// One relationship.
    Edge,
    /// The policies of a type.
    Policy,
    /// Anything else.
    Other,
}

/// One operation: method, address, what stands there, tag, what it does, the component it takes, the status and component of
/// success.
struct Operation {
    method: &'static str,
    path: String,
    place: Place,
    tag: &'static str,
    summary: String,
    takes: Option<String>,
    status: &'static str,
    answers: Option<String>,
    actions: Vec<Action>,
}

/// `GET /openapi.json`.
pub async fn openapi(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(document(state.service.shipped(), &state.public_url))
}

/// The whole document (OpenAPI 3.1).
pub fn document(registry: &Registry, server: &str) -> Value {
    let mut operations = Vec::new();
    for kind in registry.types() {
        if !kind.endpoint.is_empty() {
            scim(kind, &mut operations);
        }
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
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "client": { "type": "http", "scheme": "basic" },
            },
            "schemas": components::all(registry),
        },
    })
}

/// The part of it that is about one IDM collection.
pub fn of_collection(kind: &ObjectType, server: &str) -> Value {
    let mut operations = Vec::new();
    idm(kind, &mut operations);
    let mut paths = Map::new();
    for operation in operations {
        let entry = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        entry[operation.method] = operation.describe();
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": kind.collection, "description": kind.description, "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": server }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            "schemas": components::of_collection(kind),
        },
    })
}

impl Operation {
    fn describe(&self) -> Value {
        let (media, errors, error) = match self.tag {
            "Health" if self.path == "/metrics" => ("text/plain", "text/plain", "Any"),
            "SCIM" => ("application/scim+json", "application/scim+json", "ScimError"),
            "IDM" => ("application/json", "application/json", "IdmError"),
            "Passport" => ("application/json", "application/json", "PassportError"),
            "OAuth" => ("application/json", "application/json", "OAuthError"),
            _ => ("application/json", "application/problem+json", "Problem"),
        };
        let content = |media: &str, component: &str| json!({ media: { "schema": { "$ref": reference(component) } } });
        let mut success = json!({ "description": if self.status == "501" { "not offered" } else { "done" } });
        if let Some(component) = &self.answers {
            success["content"] = content(media, component);
        }
        let open = ["Health", "Well-known"].contains(&self.tag);
        let mut responses = json!({ self.status: success });
        for status in actions::statuses(&self.actions) {
            let plain = self.answers.as_deref().filter(|_| status == self.status);
            responses[status] =
                json!({ "description": "done", "content": { media: actions::answers(&self.actions, status, plain) } });
        }
        for (status, what) in self.also() {
            let mut also = json!({ "description": what });
            if *status == "201" {
                also["content"] = content(media, self.answers.as_deref().unwrap_or("Any"));
            }
            responses[status] = also;
        }
        if open {
            responses["503"] = json!({ "description": "not now" });
        } else {
            responses["4XX"] = json!({ "description": "refused", "content": content(errors, error) });
        }
        let mut out = json!({
            "operationId": self.id(),
            "tags": [self.tag],
            "summary": self.summary,
            "responses": responses,
        });
        let mut parameters = self.parameters();
        if self.can_be_tried() {
            parameters.push(json!({ "name": "dryRun", "in": "query", "schema": { "type": "boolean" } }));
            parameters.push(json!({ "name": "Provost-Dry-Run", "in": "header", "schema": { "type": "boolean" } }));
            // What has no content has it in a dry run whose effects are accepted.
            let status = if self.status == "204" { "200" } else { self.status };
            let answer = &mut out["responses"][status];
            answer["description"] = "done; of a dry run the effects, where they are accepted".into();
            answer["content"]["application/vnd.provost.effects+json"] = json!({ "schema": { "$ref": reference("Any") } });
        }
        if !parameters.is_empty() {
            out["parameters"] = Value::Array(parameters);
        }
        if let Some(component) = &self.takes {
            // The one body that may be left out.
            let required = component != "NewSecret";
            let media = if self.tag == "OAuth" { "application/x-www-form-urlencoded" } else { media };
            out["requestBody"] = json!({ "required": required, "content": content(media, component) });
        }
        if self.method == "post" && !self.actions.is_empty() {
            let (body, required) = actions::bodies(&self.actions);
            out["requestBody"] = json!({ "required": required, "content": { media: body } });
        }
        if self.tag == "OAuth" {
            out["security"] = json!([{ "client": [] }]);
        }
        if open {
            out["security"] = json!([]);
        }
        out
    }

    /// Whether it writes: every write can be tried in a dry run.
    fn can_be_tried(&self) -> bool {
        let ends = ["/.search", "/privilege", "/check-permission", "/evaluation", "/evaluations"];
        let asks = self.place == Place::Policy || ends.iter().any(|end| self.path.ends_with(end));
        self.method != "get" && self.tag != "OAuth" && self.status != "501" && !asks
    }

    // The method and the words of the address.
    fn id(&self) -> String {
        let words = self.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        std::iter::once(self.method).chain(words).collect::<Vec<_>>().join("_")
    }

    // Other ways to succeed.
    fn also(&self) -> &'static [(&'static str, &'static str)] {
        match (self.tag, self.method, self.place) {
            ("SCIM" | "IDM", "get", Place::One) => &[("304", "it is as the client knows it")],
            ("SCIM", "put", Place::One) => &[("204", "done; the client wants no answer")],
            ("SCIM", "patch", Place::One) => &[("204", "done; the answer would be large, or the client wants none")],
            ("IDM", "put", Place::One) => &[("201", "it is new")],
            ("Admin", "put", _) if self.path == TYPE => &[("201", "it is new")],
            _ => &[],
        }
    }

    fn parameters(&self) -> Vec<Value> {
        let parameter = |name: &str, place: &str, kind: &str| json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": kind } });
        let named = self.path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
        let mut out: Vec<Value> = named.map(|name| parameter(name, "path", "string")).collect();
        let common =
            TAKEN.iter().filter(|(tag, method, place, ..)| (*tag, *method, *place) == (self.tag, self.method, self.place));
        let own = OWN.iter().chain(REVISED).filter(|(method, path, ..)| (*method, *path) == (self.method, self.path.as_str()));
        let taken = common.map(|(.., names, headers)| (names, headers)).chain(own.map(|(.., names, headers)| (names, headers)));
        for (names, headers) in taken {
            out.extend(names.iter().map(|(name, kind)| parameter(name, "query", kind)));
            out.extend(headers.iter().map(|name| parameter(name, "header", "string")));
        }
        let named: Vec<&str> = match self.place {
            _ if self.path.ends_with("/privilege") => vec!["listPrivileges"],
            Place::Policy => vec!["validateObject", "validateProperty"],
            _ => self.actions.iter().map(|action| action.name).collect(),
        };
        if named.contains(&actions::EVALUATE) {
            out.extend(
                [("_pageSize", "integer"), ("_pagedResultsCookie", "string")].map(|(name, kind)| parameter(name, "query", kind)),
            );
        }
        if !named.is_empty() {
            out.push(json!({ "name": "_action", "in": "query", "schema": { "type": "string", "enum": named } }));
        }
        out
    }
}

fn scim(kind: &ObjectType, out: &mut Vec<Operation>) {
    let (list, one) = (format!("/scim/v2{}", kind.endpoint), format!("/scim/v2{}/{{id}}", kind.endpoint));
    let whole = || Some(kind.resource.clone());
    let mut add = |method, path: &str, place, what: &str, takes, status, answers| {
        out.push(Operation {
            method,
            path: path.to_owned(),
            place,
            tag: "SCIM",
            summary: format!("{what} {}", kind.resource),
            takes,
            status,
            answers,
            actions: Vec::new(),
        });
    };
    let many = || Some(list_of(kind));
    let patch = Some("PatchOp".to_owned());
    let search = Some("SearchRequest".to_owned());
    add("get", &list, Place::List, "List", None, "200", many());
    add("post", &list, Place::List, "Create a", whole(), "201", whole());
    add("post", &format!("{list}/.search"), Place::Other, "Search", search, "200", many());
    add("get", &one, Place::One, "Read a", None, "200", whole());
    add("put", &one, Place::One, "Replace a", whole(), "200", whole());
    add("patch", &one, Place::One, "Change a", patch, "200", whole());
    add("delete", &one, Place::One, "Delete a", None, "204", None);
}

fn idm(kind: &ObjectType, out: &mut Vec<Operation>) {
    let list = format!("/openidm/{}", kind.collection);
    let one = format!("{list}/{{id}}");
    let any = || Some("Any".to_owned());
    let mut add = |method, path: &str, place, what: &str, takes, status, answers| {
        out.push(Operation {
            method,
            path: path.to_owned(),
            place,
            tag: "IDM",
            summary: format!("{what} {}", kind.collection),
            takes,
            status,
            answers,
            actions: match (method, place) {
                ("post", Place::List) => actions::of_list(kind),
                ("post", Place::One) => actions::of_one(kind),
                ("get", Place::One) => actions::of_read(kind),
                ("post", Place::Edges) => actions::of_edges(),
                _ => Vec::new(),
            },
        });
    };
    let whole = || Some(managed(kind));
    let patch = || Some("IdmPatch".to_owned());
    let reference = || Some("Reference".to_owned());
    add("get", &list, Place::List, "Query", None, "200", any());
    add("post", &list, Place::List, "Create in", whole(), "201", whole());
    add("get", &one, Place::One, "Read from", None, "200", whole());
    add("put", &one, Place::One, "Create or replace in", whole(), "200", whole());
    add("patch", &one, Place::One, "Change in", patch(), "200", whole());
    add("post", &one, Place::One, "Act on one of", Some("IdmPatch".to_owned()), "200", whole());
    add("delete", &one, Place::One, "Delete from", None, "200", whole());
    if kind.collection.starts_with("managed/") {
        let policy = format!("/openidm/policy/{}", kind.collection);
        let verdict = || Some("Validation".to_owned());
        add("post", &policy, Place::Policy, "Validate a new object of", any(), "200", verdict());
        add("post", &format!("{policy}/{{id}}"), Place::Policy, "Validate an object of", any(), "200", verdict());
    }
    for relationship in &kind.relationships {
        let property = format!("{one}/{}", relationship.name);
        if relationship.many {
            let edge = format!("{property}/{{edge}}");
            add("get", &property, Place::Edges, "Query a relationship of", None, "200", any());
            add("post", &property, Place::Edges, "Create a relationship of", reference(), "201", any());
            add("get", &edge, Place::Edge, "Read one relationship of", None, "200", any());
            add("put", &edge, Place::Edge, "Change one relationship of", reference(), "200", any());
            add("patch", &edge, Place::Edge, "Change parts of one relationship of", patch(), "200", any());
            add("delete", &edge, Place::Edge, "Delete one relationship of", None, "200", any());
        } else {
            add("get", &property, Place::Edge, "Read the relationship of", None, "200", any());
            add("put", &property, Place::Edge, "Set the relationship of", reference(), "200", any());
            add("patch", &property, Place::Edge, "Change parts of the relationship of", patch(), "200", any());
            add("delete", &property, Place::Edge, "Delete the relationship of", None, "200", any());
        }
    }
}

fn fixed(out: &mut Vec<Operation>) {
    for (method, path, tag, summary, takes, status) in FIXED {
        let body = BODIES.iter().find(|(m, p, _)| m == method && p == path).map_or("Any", |(.., component)| component);
        let answer = ANSWERS.iter().find(|(p, _)| p == path).map_or("Any", |(_, component)| component);
        out.push(Operation {
            method,
            path: (*path).to_owned(),
            place: if *path == "/scim/v2" { Place::List } else { Place::Other },
            tag,
            summary: (*summary).to_owned(),
            takes: takes.then(|| body.to_owned()),
            status,
            answers: (*status != "204").then(|| answer.to_owned()),
            actions: Vec::new(),
        });
    }
}

//! `/openapi.json`: the addresses of the URL map with what they take and answer, made from the object types.

mod components;

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use self::components::{list_of, managed, reference};
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
        if self.tag == "IDM" && self.method == "post" {
            let actions: &[&str] = match self.place {
                _ if self.path.ends_with("/privilege") => &["listPrivileges"],
                Place::List => &["create", "patch", "triggerSyncCheck"],
                Place::One => &["patch", "triggerSyncCheck"],
                Place::Policy => &["validateObject", "validateProperty"],
                _ => &["create"],
            };
            out.push(json!({ "name": "_action", "in": "query", "schema": { "type": "string", "enum": actions } }));
        }
        out
    }
}

type Names = &'static [(&'static str, &'static str)];
type Headers = &'static [&'static str];

const SHOWN: Names = &[("attributes", "string"), ("excludedAttributes", "string")];
const FIELDS: Names = &[("_fields", "string")];
const QUERY: Names = &[
    ("_queryFilter", "string"),
    ("_queryId", "string"),
    ("_fields", "string"),
    ("_pageSize", "integer"),
    ("_pagedResultsOffset", "integer"),
    ("_pagedResultsCookie", "string"),
    ("_totalPagedResultsPolicy", "string"),
];
const OBJECTS: Names = &[
    ("_queryFilter", "string"),
    ("_queryId", "string"),
    ("_fields", "string"),
    ("_sortKeys", "string"),
    ("_pageSize", "integer"),
    ("_pagedResultsOffset", "integer"),
    ("_pagedResultsCookie", "string"),
    ("_totalPagedResultsPolicy", "string"),
    ("_countOnly", "boolean"),
    ("_prettyPrint", "boolean"),
    ("_crestapi", "boolean"),
];
const FOUND: Names = &[("_fields", "string"), ("_queryFilter", "string"), ("_queryId", "string")];
const LISTED: Names = &[
    ("filter", "string"),
    ("attributes", "string"),
    ("excludedAttributes", "string"),
    ("sortBy", "string"),
    ("sortOrder", "string"),
    ("startIndex", "integer"),
    ("count", "integer"),
    ("cursor", "string"),
];

/// Query parameters and headers by tag, method and what stands there. Discovery takes none.
const TAKEN: &[(&str, &str, Place, Names, Headers)] = &[
    ("SCIM", "get", Place::List, LISTED, &[]),
    ("SCIM", "post", Place::List, SHOWN, &["Prefer"]),
    ("SCIM", "get", Place::One, SHOWN, &["If-None-Match"]),
    ("SCIM", "put", Place::One, SHOWN, &["If-Match", "If-None-Match", "Prefer"]),
    ("SCIM", "patch", Place::One, SHOWN, &["If-Match", "If-None-Match", "Prefer"]),
    ("SCIM", "delete", Place::One, &[], &["If-Match", "If-None-Match"]),
    ("IDM", "get", Place::List, OBJECTS, &[]),
    ("IDM", "post", Place::List, FOUND, &[]),
    ("IDM", "post", Place::One, FIELDS, &[]),
    ("IDM", "get", Place::One, FIELDS, &["If-None-Match"]),
    ("IDM", "put", Place::One, FIELDS, &["If-Match", "If-None-Match"]),
    ("IDM", "patch", Place::One, FIELDS, &["If-Match"]),
    ("IDM", "delete", Place::One, &[], &["If-Match"]),
    ("IDM", "get", Place::Edges, QUERY, &[]),
    ("IDM", "post", Place::Edges, FIELDS, &[]),
    ("IDM", "get", Place::Edge, FIELDS, &[]),
    ("IDM", "put", Place::Edge, FIELDS, &["If-Match", "If-None-Match"]),
    ("IDM", "patch", Place::Edge, FIELDS, &["If-Match"]),
    ("IDM", "delete", Place::Edge, &[], &["If-Match"]),
];

/// The address of an object type.
const TYPE: &str = "/admin/v1/types/{type}";

/// Query parameters and headers of single addresses.
const OWN: &[(&str, &str, Names, Headers)] = &[
    ("post", "/scim/v2/Bulk", &[], &["Idempotency-Key"]),
    ("delete", "/passport/admin/managed-identities/{id}/secrets/{sid}", &[("compromised", "boolean")], &[]),
    ("delete", "/passport/admin/managed-identities/{id}/keys/{kid}", &[("compromised", "boolean")], &[]),
    (
        "get",
        "/admin/v1/changes",
        &[("after", "integer"), ("type", "string"), ("objectId", "string"), ("actor", "string"), ("limit", "integer")],
        &[],
    ),
    ("put", TYPE, &[], &["If-Match", "If-None-Match"]),
    ("delete", TYPE, &[], &["If-Match", "If-None-Match"]),
    ("get", "/admin/v1/jobs", &[("after", "string"), ("limit", "integer")], &[]),
    (
        "get",
        "/admin/v1/targets/{id}/attempts",
        &[("objectId", "string"), ("outcome", "string"), ("after", "string"), ("limit", "integer")],
        &[],
    ),
    (
        "get",
        "/admin/v1/targets/{id}/links",
        &[("type", "string"), ("status", "string"), ("class", "string"), ("after", "string"), ("limit", "integer")],
        &[],
    ),
];

/// Pages, and preconditions on what has a revision.
const PAGED: Names = &[("after", "string"), ("limit", "integer")];
const REVISED: &[(&str, &str, Names, Headers)] = &[
    ("get", "/admin/v1/findings", PAGED, &[]),
    ("get", "/passport/admin/resource-policies", PAGED, &[]),
    ("put", "/passport/admin/resource-policies/{id}", &[], &["If-Match"]),
    ("delete", "/passport/admin/resource-policies/{id}", &[], &["If-Match"]),
    ("get", "/passport/admin/roles", PAGED, &[]),
    ("put", "/passport/admin/roles/{name}", &[], &["If-Match"]),
    ("patch", "/passport/admin/roles/{name}", &[], &["If-Match"]),
    ("delete", "/passport/admin/roles/{name}", &[], &["If-Match"]),
    ("get", "/passport/admin/managed-identities", PAGED, &[]),
    ("patch", "/passport/admin/managed-identities/{id}", &[], &["If-Match"]),
    ("delete", "/passport/admin/managed-identities/{id}", &[], &["If-Match"]),
    ("post", "/passport/admin/managed-identities/{id}/disable", &[], &["If-Match"]),
    ("post", "/passport/admin/managed-identities/{id}/enable", &[], &["If-Match"]),
    ("put", "/passport/admin/managed-identities/{id}/tags", &[], &["If-Match"]),
    ("put", "/passport/admin/managed-identities/{id}/roles", &[], &["If-Match"]),
    ("post", "/passport/admin/managed-identities/{id}/roles/{roleName}", &[], &["If-Match"]),
    ("delete", "/passport/admin/managed-identities/{id}/roles/{roleName}", &[], &["If-Match"]),
];

/// What the bodies of fixed addresses hold; an object, when nothing is said.
const BODIES: &[(&str, &str, &str)] = &[
    ("post", "/scim/v2/.search", "SearchRequest"),
    ("post", "/scim/v2/Bulk", "BulkRequest"),
    ("post", "/passport/check-permission", "PermissionCheck"),
    ("post", "/passport/admin/resource-policies", "Policy"),
    ("put", "/passport/admin/resource-policies/{id}", "Policy"),
    ("post", "/passport/admin/roles", "PassportRole"),
    ("put", "/passport/admin/roles/{name}", "PassportRole"),
    ("patch", "/passport/admin/roles/{name}", "PassportRole"),
    ("post", "/passport/admin/managed-identities", "NewManagedIdentity"),
    ("patch", "/passport/admin/managed-identities/{id}", "ManagedIdentityChange"),
    ("put", "/passport/admin/managed-identities/{id}/tags", "Tags"),
    ("put", "/passport/admin/managed-identities/{id}/roles", "RoleNames"),
    ("post", "/access/v1/evaluation", "Evaluation"),
    ("post", "/access/v1/evaluations", "Evaluations"),
    ("post", "/admin/v1/inbound/held/{source}/approve", "Approval"),
    ("post", "/oauth2/token", "TokenRequest"),
    ("post", "/api/m2m/oauth/token", "TokenRequest"),
    ("post", "/passport/oauth/token", "TokenRequest"),
    ("post", "/oauth2/introspect", "TokenQuestion"),
    ("post", "/oauth2/revoke", "TokenQuestion"),
    ("post", "/passport/admin/managed-identities/{id}/secrets", "NewSecret"),
    ("post", "/passport/admin/managed-identities/{id}/keys", "NewKey"),
    ("post", "/admin/v1/tokens", "NewToken"),
    ("post", "/admin/v1/tenants", "NewTenant"),
    ("post", "/admin/v1/targets", "NewTarget"),
    ("put", "/admin/v1/targets/{id}", "NewTarget"),
    ("post", "/admin/v1/targets/{id}/retry", "Replay"),
    ("post", "/admin/v1/targets/{id}/links/{type}/{object}/adopt", "Adoption"),
];

/// What fixed addresses answer; an object, when nothing is said.
const ANSWERS: &[(&str, &str)] = &[
    ("/metrics", "Text"),
    ("/openidm/privilege", "List"),
    ("/scim/v2", "ScimList"),
    ("/scim/v2/.search", "ScimList"),
    ("/scim/v2/ResourceTypes", "ScimList"),
    ("/scim/v2/Schemas", "ScimList"),
];

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

/// What does not depend on object types.
const FIXED: &[(&str, &str, &str, &str, bool, &str)] = &[
    ("get", "/health", "Health", "The process and its workers", false, "200"),
    ("get", "/ready", "Health", "Whether the database answers", false, "200"),
    ("get", "/metrics", "Health", "Figures for Prometheus", false, "200"),
    ("get", "/.well-known/jwks.json", "Well-known", "The keys that tokens are verified with", false, "200"),
    ("get", "/.well-known/oauth-authorization-server", "Well-known", "The issuer of tokens", false, "200"),
    ("get", "/.well-known/oauth-protected-resource", "Well-known", "How the APIs are guarded", false, "200"),
    ("post", "/oauth2/token", "OAuth", "A token for a service account", true, "200"),
    ("post", "/api/m2m/oauth/token", "OAuth", "A token for a service account, as /oauth2/token", true, "200"),
    ("post", "/passport/oauth/token", "OAuth", "A token for a service account, as /oauth2/token", true, "200"),
    ("post", "/oauth2/introspect", "OAuth", "What a token is worth now", true, "200"),
    ("post", "/oauth2/revoke", "OAuth", "End a token", true, "200"),
    ("get", "/passport/idinfo", "Passport", "Who the bearer is", false, "200"),
    ("get", "/passport/admin/managed-identities/{id}/secrets", "Passport", "List an account's secrets", false, "200"),
    ("post", "/passport/admin/managed-identities/{id}/secrets", "Passport", "Give an account a secret", true, "201"),
    ("delete", "/passport/admin/managed-identities/{id}/secrets/{sid}", "Passport", "Remove a secret", false, "204"),
    ("get", "/passport/admin/managed-identities/{id}/keys", "Passport", "List an account's public keys", false, "200"),
    ("post", "/passport/admin/managed-identities/{id}/keys", "Passport", "Register a public key", true, "201"),
    ("delete", "/passport/admin/managed-identities/{id}/keys/{kid}", "Passport", "Remove a public key", false, "204"),
    ("post", "/passport/admin/managed-identities/{id}/revoke-tokens", "Passport", "End every token of an account", false, "200"),
    ("get", "/admin/v1/signing-keys", "Admin", "List the keys that sign tokens", false, "200"),
    ("post", "/admin/v1/signing-keys", "Admin", "Publish the next key that signs", false, "202"),
    ("delete", "/admin/v1/signing-keys/{id}", "Admin", "Remove a key and all that it signed", false, "204"),
    ("get", "/scim/v2", "SCIM", "List all types", false, "200"),
    ("get", "/scim/v2/ServiceProviderConfig", "SCIM", "What is offered", false, "200"),
    ("get", "/scim/v2/ResourceTypes", "SCIM", "Resource types", false, "200"),
    ("get", "/scim/v2/ResourceTypes/{name}", "SCIM", "One resource type", false, "200"),
    ("get", "/scim/v2/Schemas", "SCIM", "Schemas", false, "200"),
    ("get", "/scim/v2/Schemas/{name}", "SCIM", "One schema", false, "200"),
    ("post", "/scim/v2/.search", "SCIM", "Search all types", true, "200"),
    ("post", "/scim/v2/Bulk", "SCIM", "Many writes in one request", true, "200"),
    ("get", "/scim/v2/Me", "SCIM", "A token stands for no resource", false, "501"),
    ("post", "/scim/v2/Me", "SCIM", "A token stands for no resource", false, "501"),
    ("put", "/scim/v2/Me", "SCIM", "A token stands for no resource", false, "501"),
    ("patch", "/scim/v2/Me", "SCIM", "A token stands for no resource", false, "501"),
    ("delete", "/scim/v2/Me", "SCIM", "A token stands for no resource", false, "501"),
    ("post", "/openidm/privilege", "IDM", "Collections that the caller may do anything with", false, "200"),
    ("get", "/openidm/privilege/{space}/{type}", "IDM", "What the caller may do with objects of a collection", false, "200"),
    ("get", "/openidm/privilege/{space}/{type}/{id}", "IDM", "What the caller may do with an object", false, "200"),
    ("get", "/.well-known/authzen-configuration", "Well-known", "Where access decisions are made", false, "200"),
    ("post", "/passport/check-permission", "Passport", "Whether a caller may do something", true, "200"),
    ("get", "/passport/admin/resource-policies", "Passport", "List policies", false, "200"),
    ("post", "/passport/admin/resource-policies", "Passport", "Make a policy, or a rule alone", true, "201"),
    ("get", "/passport/admin/resource-policies/{id}", "Passport", "Read a policy", false, "200"),
    ("put", "/passport/admin/resource-policies/{id}", "Passport", "Replace a policy", true, "200"),
    ("delete", "/passport/admin/resource-policies/{id}", "Passport", "Remove a policy", false, "204"),
    ("get", "/passport/admin/roles", "Passport", "List roles", false, "200"),
    ("post", "/passport/admin/roles", "Passport", "Make a role", true, "201"),
    ("get", "/passport/admin/roles/{name}", "Passport", "Read a role", false, "200"),
    ("put", "/passport/admin/roles/{name}", "Passport", "Replace a role", true, "200"),
    ("patch", "/passport/admin/roles/{name}", "Passport", "Change a role", true, "200"),
    ("delete", "/passport/admin/roles/{name}", "Passport", "Remove a role that nobody holds", false, "204"),
    ("get", "/passport/admin/managed-identities", "Passport", "List managed identities", false, "200"),
    ("post", "/passport/admin/managed-identities", "Passport", "Make a managed identity", true, "201"),
    ("get", "/passport/admin/managed-identities/{id}", "Passport", "Read a managed identity", false, "200"),
    ("patch", "/passport/admin/managed-identities/{id}", "Passport", "Change a managed identity", true, "200"),
    ("delete", "/passport/admin/managed-identities/{id}", "Passport", "Remove a managed identity for good", false, "204"),
    ("post", "/passport/admin/managed-identities/{id}/disable", "Passport", "Disable a managed identity", false, "200"),
    ("post", "/passport/admin/managed-identities/{id}/enable", "Passport", "Enable a managed identity", false, "200"),
    ("put", "/passport/admin/managed-identities/{id}/tags", "Passport", "Set its tags", true, "200"),
    ("put", "/passport/admin/managed-identities/{id}/roles", "Passport", "Replace its roles", true, "200"),
    ("post", "/passport/admin/managed-identities/{id}/roles/{roleName}", "Passport", "Give it a role", false, "200"),
    ("delete", "/passport/admin/managed-identities/{id}/roles/{roleName}", "Passport", "Take a role from it", false, "200"),
    ("post", "/access/v1/evaluation", "Access", "One decision (AuthZEN 1.0)", true, "200"),
    ("post", "/access/v1/evaluations", "Access", "Many decisions (AuthZEN 1.0)", true, "200"),
    ("get", "/admin/v1/tokens", "Admin", "List tokens", false, "200"),
    ("post", "/admin/v1/tokens", "Admin", "Make a token", true, "201"),
    ("get", "/admin/v1/tokens/{id}", "Admin", "Read a token", false, "200"),
    ("delete", "/admin/v1/tokens/{id}", "Admin", "Revoke a token", false, "204"),
    ("get", "/admin/v1/profiles", "Admin", "Client profiles and their keys", false, "200"),
    ("get", "/admin/v1/tenants", "Admin", "List tenants", false, "200"),
    ("post", "/admin/v1/tenants", "Admin", "Make a tenant", true, "201"),
    ("get", "/admin/v1/changes", "Admin", "The change log", false, "200"),
    ("get", "/admin/v1/findings", "Admin", "Where somebody may do more than he needs", false, "200"),
    ("get", "/admin/v1/types", "Admin", "List object types", false, "200"),
    ("get", "/admin/v1/types/{type}", "Admin", "Read an object type", false, "200"),
    ("put", "/admin/v1/types/{type}", "Admin", "Add to a shipped type, or write one of your own", true, "200"),
    ("delete", "/admin/v1/types/{type}", "Admin", "Remove a type, or what was added to a shipped one", false, "204"),
    ("get", "/admin/v1/jobs", "Admin", "List jobs", false, "200"),
    ("get", "/admin/v1/jobs/{id}", "Admin", "How far a job is", false, "200"),
    ("get", "/admin/v1/inbound/held", "Admin", "What the guard over what comes in holds", false, "200"),
    ("post", "/admin/v1/inbound/held/{source}/approve", "Admin", "Let what is held of a source pass", true, "202"),
    ("post", "/admin/v1/inbound/held/{source}/reject", "Admin", "Leave what is held of a source as it is", false, "200"),
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
        });
    }
}

//! `/openapi.json`: it names every address that answers and no other, and a stranger who has only read it cannot bring the
//! gateway down.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway};
use crate::harness::python;
use crate::isolation::mapped;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(gateway: &Gateway) -> Value {
    gateway.admin().get("/openapi.json").await.body
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, methods)| methods.as_object().unwrap().iter().map(move |(m, o)| (m, path, o)));
    methods.map(|(method, path, operation)| (method.clone(), path.clone(), operation)).collect()
}

/// Whether a documented address is one of a template of the URL map, which names types and properties by parameters.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let general = |segment: &str| matches!(segment, "{endpoint}" | "{type}" | "{property}");
    template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t == p || general(t) && !p.starts_with('{'))
}

#[tokio::test]
async fn it_names_what_the_url_map_names() {
    let gateway = Gateway::start();
    let document = document(&gateway).await;
    let (routes, public) = mapped();
    let described: Vec<_> = operations(&document).into_iter().map(|(method, path, _)| (method.to_uppercase(), path)).collect();
    for (method, template) in &routes {
        let said = described.iter().any(|(m, path)| m == method && fits(template, path));
        assert!(said, "{method} {template} is not described");
    }
    for (method, path) in &described {
        let known = routes.iter().any(|(m, template)| m == method && fits(template, path));
        assert!(known || public.contains(path), "{method} {path} does not exist");
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_operation_says_what_it_takes() {
    fn references<'v>(value: &'v Value, out: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(parts) => {
                out.extend(parts.get("$ref").and_then(Value::as_str));
                parts.values().for_each(|part| references(part, out));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, out)),
            _ => {}
        }
    }
    let gateway = Gateway::start();
    let document = document(&gateway).await;
    let mut all = BTreeSet::new();
    references(&document, &mut all);
    for reference in all {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference}"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let at = format!("{method} {path}");
        assert!(METHODS.contains(&method.as_str()), "{at}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{at}: its operationId is another's");
        let named: BTreeSet<&str> = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let described: BTreeSet<&str> =
            parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(described, named, "{at}");
        assert_eq!(
            operation["requestBody"].is_object(),
            method != "get" && method != "delete" && !path.ends_with("/Me") && takes(&path),
            "{at}"
        );
        let open = operation["security"] == json!([]);
        let told = [json!(["Health"]), json!(["Well-known"])].contains(&operation["tags"]);
        assert_eq!(open, told, "{at}");
        assert!(open || operation["responses"]["4XX"]["content"].is_object(), "{at}");
    }
    // As a client sees it: from the object types.
    let user = &document["components"]["schemas"]["User"]["properties"];
    assert_eq!(user["emails"]["items"]["properties"]["primary"]["type"], "boolean");
    assert_eq!((&user["groups"]["readOnly"], &user["password"]["writeOnly"]), (&json!(true), &json!(true)));
    assert_eq!(document["components"]["schemas"]["managed_user"]["properties"]["accountStatus"]["enum"][1], "inactive");
}

/// What the handlers read beside the body, where it is easily forgotten.
#[tokio::test]
async fn it_names_what_is_read_of_address_and_head() {
    let gateway = Gateway::start();
    let document = document(&gateway).await;
    let sorted = ["sortBy", "sortOrder", "cursor", "startIndex", "count"];
    for (method, path, names) in [
        ("get", "/scim/v2", &sorted[..]),
        ("get", "/scim/v2/Users", &sorted[..]),
        ("get", "/scim/v2/ServiceAccounts", &sorted[..]),
        ("post", "/scim/v2/Users", &["Prefer", "attributes", "dryRun"][..]),
        ("put", "/scim/v2/Groups/{id}", &["Prefer", "If-Match", "If-None-Match"][..]),
        ("patch", "/scim/v2/Roles/{id}", &["Prefer", "If-Match", "If-None-Match"][..]),
        ("delete", "/scim/v2/Users/{id}", &["If-Match", "If-None-Match"][..]),
        ("post", "/scim/v2/Bulk", &["Idempotency-Key"][..]),
        ("get", "/openidm/managed/user", &["_sortKeys", "_countOnly", "_prettyPrint"][..]),
        ("post", "/openidm/managed/user", &["_action", "_queryFilter"][..]),
        ("get", "/openidm/managed/user/{id}", &["If-None-Match", "_fields"][..]),
        ("put", "/openidm/managed/user/{id}", &["If-Match", "If-None-Match"][..]),
        ("put", "/openidm/managed/user/{id}/manager", &["If-Match", "If-None-Match"][..]),
        ("delete", "/openidm/managed/user/{id}/roles/{edge}", &["If-Match"][..]),
        ("put", "/admin/v1/types/{type}", &["If-Match", "If-None-Match"][..]),
        ("delete", "/admin/v1/types/{type}", &["If-Match", "If-None-Match"][..]),
        ("get", "/admin/v1/jobs", &["after", "limit"][..]),
        ("get", "/passport/admin/roles", &["after", "limit"][..]),
        ("put", "/passport/admin/resource-policies/{id}", &["If-Match"][..]),
        ("put", "/passport/admin/managed-identities/{id}/roles", &["If-Match"][..]),
    ] {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
        for name in names {
            assert!(parameters.iter().any(|p| p["name"] == *name), "{method} {path}: {name}");
        }
    }
    for name in ["sortBy", "sortOrder", "cursor"] {
        assert!(document["components"]["schemas"]["SearchRequest"]["properties"][name].is_object(), "{name}");
    }
    assert!(document["paths"]["/admin/v1/types/{type}"]["put"]["responses"]["201"].is_object());
}

/// Every write of every dialect can be tried: the document says so, and the handler reads the wish.
#[tokio::test]
async fn every_write_offers_a_dry_run() {
    let gateway = Gateway::start();
    let document = document(&gateway).await;
    let mut asked = 0;
    for (method, path, operation) in operations(&document) {
        // What asks writes nothing; a token that is given is no row to take back.
        let ends = ["/.search", "/Me", "/check-permission", "/privilege"];
        let asks = operation["tags"] == json!(["OAuth"]) || path.starts_with("/access/v1") || path.starts_with("/openidm/policy");
        if method == "get" || asks || ends.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        assert!(parameters.iter().any(|p| p["name"] == "dryRun"), "{method} {path}");
        let address = path.replace(['{', '}'], "");
        let method = method.to_uppercase().parse().unwrap();
        let answer = gateway.admin().send(method, &address, &[("Provost-Dry-Run", "perhaps")], Some("{}".to_owned())).await;
        assert!(answer.status == 400 && answer.text.contains("true, 1, false or 0"), "{path}: {} {}", answer.status, answer.text);
        asked += 1;
    }
    assert!(asked > 40, "{asked}");
}

/// Actions that are all in their address.
fn takes(path: &str) -> bool {
    let bare = [
        "/signing-keys",
        "/revoke-tokens",
        "/probe",
        "/pause",
        "/resume",
        "/resync",
        "/{batch}/approve",
        "/reject",
        "/unlink",
        "/{object}/retry",
        "/disable",
        "/enable",
        "/{roleName}",
        "/privilege",
    ];
    !bare.iter().any(|end| path.ends_with(end))
}

/// Addresses that would take the ground from under the run, or call out, or answer 501 by design.
const LEFT_ASIDE: &str = "/signing-keys|^/oauth2|/oauth/token$|/tokens/|/tenants|/probe|/resync|/targets$|^/openidm|/Me$";

/// Of the 68 operations that are not left aside.
const FEWEST: usize = 65;

/// Random documents by the public schema: no answer is a server's error, and each is as described.
#[tokio::test]
async fn schemathesis_finds_no_server_error() {
    let gateway = Gateway::start();
    let scim = gateway.tenant("strangers").await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, configuration(&scim).await).unwrap();
    let schema = format!("{}/openapi.json", gateway.url);
    let mut command = python::command("st");
    command.current_dir(&folder).args(["--config-file", config.to_str().unwrap(), "run", &schema]).args([
        "--exclude-path-regex",
        LEFT_ASIDE,
        "--phases",
        "coverage,fuzzing",
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--max-examples",
        "12",
        "--seed",
        "20260301",
        "--generation-database",
        "none",
        "--suppress-health-check",
        "all",
        "--continue-on-failure",
        "--no-shrink",
        "--no-color",
    ]);
    let (well, report) =
        tokio::task::spawn_blocking(move || python::run_command(&mut command, Duration::from_secs(300))).await.unwrap();
    assert!(well, "{report}");
    let tested = report.lines().find_map(|line| line.trim().strip_prefix("Tested: ")?.parse::<usize>().ok());
    assert!(tested.is_some_and(|tested| tested >= FEWEST), "{report}");
}

/// The token, and ids of objects that exist, so that the requests come as far as the rules.
async fn configuration(scim: &Client) -> String {
    let role = scim.post("/scim/v2/Roles", &json!({ "name": "r" })).await;
    let user = scim.post("/scim/v2/Users", &json!({ "userName": "u", "roles": [{ "value": role.id() }] })).await;
    let account = scim.post("/scim/v2/ServiceAccounts", &json!({ "name": "a" })).await;
    let group = scim.post("/scim/v2/Groups", &json!({ "displayName": "g", "members": [{ "value": user.id() }] })).await;
    let nowhere = json!({ "baseUrl": "http://127.0.0.1:9/", "allowPrivateNetwork": true, "auth": { "type": "none" } });
    let target = scim.post("/admin/v1/targets", &json!({ "name": "t", "kind": "scim", "config": nowhere })).await;
    let mut out = format!("[headers]\nAuthorization = \"Bearer {}\"\n", scim.token);
    let ids = [
        ("Users", user.id()),
        ("ServiceAccounts", account.id()),
        ("Groups", group.id()),
        ("Roles", role.id()),
        ("targets", target.id()),
    ];
    for (place, id) in ids {
        // Not for DELETE, which would leave nothing for the others.
        for method in ["GET", "PUT", "PATCH", "POST"] {
            writeln!(out, "[[operations]]\ninclude-path-regex = \"/{place}/.id\"\ninclude-method = \"{method}\"").unwrap();
            writeln!(
                out,
                "parameters = {{ \"path.id\" = \"{id}\", \"path.type\" = \"user\", \"path.object\" = \"{}\" }}",
                user.id()
            )
            .unwrap();
        }
    }
    out
}

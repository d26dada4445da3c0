//! Errors by a table, tests/cases/scim/errors.yaml: status, scimType, a detail that names the thing and the rule, and the form.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::harness::gateway::{Client, Gateway};

/// Rows that must have a case.
const ROWS: [&str; 20] = [
    "400 invalidFilter",
    "400 tooMany",
    "400 invalidSyntax",
    "400 invalidPath",
    "400 noTarget",
    "400 invalidValue",
    "400 mutability",
    "400 invalidVers",
    "400 sensitive",
    "400 invalidCursor",
    "400 invalidCount",
    "401",
    "403",
    "404",
    "405",
    "409 uniqueness",
    "409",
    "412",
    "413",
    "415",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    row: String,
    #[serde(default)]
    what: String,
    /// Method and address below `/scim/v2`; without a slash in front, below `/scim/`.
    send: String,
    #[serde(default)]
    with: Option<Value>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default = "generic")]
    profile: String,
    #[serde(default)]
    anonymous: bool,
    /// A removal by that many values.
    #[serde(default)]
    many: usize,
    #[serde(default)]
    many_operations: usize,
    /// A body of that many bytes.
    #[serde(default)]
    large: usize,
    status: u16,
    #[serde(default)]
    r#type: Option<String>,
    says: Vec<String>,
    #[serde(default)]
    header: BTreeMap<String, String>,
}

fn generic() -> String {
    "generic".to_owned()
}

fn table() -> Vec<Case> {
    serde_yaml_ng::from_str(include_str!("../../cases/scim/errors.yaml")).unwrap()
}

#[test]
fn every_row_has_a_case() {
    let rows: BTreeSet<String> = table().into_iter().map(|case| case.row).collect();
    assert_eq!(rows, ROWS.map(str::to_owned).into());
}

#[tokio::test]
async fn every_error_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let limit = ("PROVOST_LIMITS__BODY", "65536");
    for gateway in [Gateway::with(&folder.path().join("data"), &[limit]), Gateway::on_postgres_with(&[limit])] {
        run(&gateway).await;
    }
}

async fn run(gateway: &Gateway) {
    let scopes = ["scim.read", "scim.write", "scim.roles"];
    let generic = gateway.token(&scopes, "generic", "hr").await;
    let strict = gateway.token(&scopes, "strict", "hr").await;
    let reader = gateway.token(&["scim.read"], "generic", "hr").await;
    // Many values, in bodies below the limit.
    let emails: Vec<Value> = (0..600).map(|n| json!({ "value": format!("{n}@x") })).collect();
    let user = generic.post("/scim/v2/Users", &json!({ "userName": "a", "emails": emails })).await.id().to_owned();
    generic.post("/scim/v2/Users", &json!({ "userName": "taken" })).await;
    let group = json!({ "displayName": "g", "members": [{ "value": user }] });
    let group = generic.post("/scim/v2/Groups", &group).await.id().to_owned();
    let role = generic.post("/scim/v2/Roles", &json!({ "name": "r" })).await.id().to_owned();
    let grant = json!({ "Operations": [{ "op": "add", "path": "roles", "value": [{ "value": role }] }] });
    assert_eq!(generic.patch(&format!("/scim/v2/Users/{user}"), &grant).await.status, 200);
    let known = [("${user}", user), ("${group}", group), ("${role}", role), ("${token}", generic.token.clone())];
    let filled = |text: &str| known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    let mut failures = Vec::new();
    for case in table() {
        let client = match case.profile.as_str() {
            "strict" => strict.clone(),
            "reader" => reader.clone(),
            _ if case.anonymous => Client { token: String::new(), ..generic.clone() },
            _ => generic.clone(),
        };
        if let Err(what) = play(&client, &case, &filled).await {
            failures.push(format!("{} {} {}: {what}", case.row, case.what, case.send));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

async fn play(client: &Client, case: &Case, filled: &impl Fn(&str) -> String) -> Result<(), String> {
    let send = filled(&case.send);
    let (method, path) = send.split_once(' ').unwrap();
    let path = if path.starts_with('/') { format!("/scim/v2{path}") } else { format!("/scim/{path}") };
    let operation = |value: Value| json!({ "Operations": value });
    let body = match case {
        Case { text: Some(text), .. } => Some(text.clone()),
        Case { many: n @ 1.., .. } => {
            let listed: Vec<Value> = (0..*n).map(|n| json!({ "value": n.to_string() })).collect();
            Some(operation(json!([{ "op": "remove", "path": "emails", "value": listed }])).to_string())
        }
        Case { many_operations: n @ 1.., .. } => {
            let all: Vec<Value> = (0..*n).map(|_| json!({ "op": "remove", "path": "title" })).collect();
            Some(operation(json!(all)).to_string())
        }
        Case { large: n @ 1.., .. } => Some(" ".repeat(*n)),
        _ => case.with.as_ref().map(|body| filled(&body.to_string())),
    };
    let headers: Vec<(&str, &str)> = case.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let answer = client.send(method.parse::<Method>().unwrap(), &path, &headers, body).await;
    let failed = |what: &str| Err(format!("{what} in {} {:?} {}", answer.status, answer.header("content-type"), answer.text));
    let mut expected = Map::new();
    expected.insert("schemas".to_owned(), json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    expected.insert("status".to_owned(), json!(case.status.to_string()));
    if let Some(scim_type) = &case.r#type {
        expected.insert("scimType".to_owned(), json!(scim_type));
    }
    expected.insert("detail".to_owned(), answer.body["detail"].clone());
    if answer.status != case.status || answer.body != Value::Object(expected) {
        return failed("another form or status");
    }
    if answer.header("content-type") != Some("application/scim+json") {
        return failed("another media type");
    }
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    if let Some(missing) = case.says.iter().find(|word| !detail.contains(word.as_str())) {
        return failed(&format!("no '{missing}'"));
    }
    if detail.contains(&client.token) && !client.token.is_empty() {
        return failed("a secret");
    }
    // A challenge has parameters behind its scheme.
    let other = |found: &str, value: &str| found != value && !found.starts_with(&format!("{value} "));
    match case.header.iter().find(|(name, value)| answer.header(name).is_none_or(|found| other(found, value))) {
        Some((name, _)) => failed(&format!("another {name}")),
        None => Ok(()),
    }
}

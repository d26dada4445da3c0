//! Whatever comes in, the gateway answers with something sensible and stays up.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::harness::gateway::{Client, Gateway, query};

const CASES: u32 = 300;

const NAMES: &[&str] = &[
    "userName",
    "name",
    "givenName",
    "familyName",
    "emails",
    "value",
    "type",
    "primary",
    "display",
    "$ref",
    "active",
    "title",
    "members",
    "roles",
    "groups",
    "displayName",
    "manager",
    "externalId",
    "id",
    "meta",
    "schemas",
    "password",
    "condition",
    "sortBy",
    "sortOrder",
    "cursor",
    "count",
    "clientId",
    "owner",
    "x509Certificates",
    "addresses",
    "country",
    "Operations",
    "op",
    "path",
    "urn:provost:scim:schemas:extension:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "name.givenName",
    "emails[type eq \"work\"].value",
    "",
    "é",
    "_id",
];

fn word() -> BoxedStrategy<String> {
    prop_oneof![
        4 => select(NAMES).prop_map(str::to_owned),
        2 => select(&["a", "True", "work", "2026-01-01T00:00:00Z", "YQ==", "add", "Remove", "é\u{301}", "'", "\\", "%", "nobody", "bulkId:a"][..])
            .prop_map(str::to_owned),
        1 => any::<String>().prop_map(|s| s.chars().take(20).collect()),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((word(), inner), 0..5).prop_map(|parts| Value::Object(Map::from_iter(parts))),
        ]
    })
    .boxed()
}

/// Something near a PATCH path or a filter, or far from it.
fn phrase() -> BoxedStrategy<String> {
    let token = prop_oneof![
        6 => word(),
        6 => select(&["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", "and", "or", "not", "true", "null", "1", "-2.5"][..])
            .prop_map(str::to_owned),
        4 => select(&["(", ")", "[", "]", ".", ":", "\"a\"", "\"\"", "\"", "\\", "$"][..]).prop_map(str::to_owned),
    ];
    vec((token, select(&["", " ", " "][..])), 0..12).prop_map(|parts| parts.into_iter().map(|(t, gap)| t + gap).collect()).boxed()
}

#[derive(Debug, Clone)]
enum Request {
    Body(Method, Value),
    Patch(Vec<(String, Option<String>, Value)>),
    Query(Vec<(&'static str, String)>),
    Bulk(Vec<(&'static str, &'static str, Value)>),
    Id(String),
    Raw(Vec<u8>),
}

fn request() -> BoxedStrategy<Request> {
    let op = select(&["add", "Replace", "remove", "move"][..]).prop_map(str::to_owned);
    let name =
        select(&["filter", "attributes", "excludedAttributes", "startIndex", "count", "sortBy", "sortOrder", "cursor", "x"][..]);
    let methods = select(&["POST", "PUT", "patch", "DELETE", "GET"][..]);
    let paths = select(
        &["/Users", "Groups", "/Users/bulkId:a", "/Groups/bulkId:b", "/Roles/x", "/ServiceAccounts", "/Bulk", "", "/%FF"][..],
    );
    prop_oneof![
        4 => (select(vec![Method::POST, Method::PUT, Method::PATCH]), value()).prop_map(|(m, v)| Request::Body(m, v)),
        4 => vec((op, proptest::option::of(phrase()), value()), 1..4).prop_map(Request::Patch),
        4 => vec((name, phrase()), 1..3).prop_map(Request::Query),
        3 => vec((methods, paths, value()), 1..5).prop_map(Request::Bulk),
        1 => any::<String>().prop_map(Request::Id),
        1 => vec(any::<u8>(), 0..64).prop_map(Request::Raw),
    ]
    .boxed()
}

async fn ask(scim: &Client, endpoint: &str, id: &str, request: Request) -> (u16, String) {
    let base = format!("{}{endpoint}", scim.url);
    let built = match request {
        Request::Body(Method::POST, body) => scim.http.post(base).body(body.to_string()),
        Request::Body(method, body) => scim.http.request(method, format!("{base}/{id}")).body(body.to_string()),
        Request::Patch(ops) => {
            let ops: Vec<Value> =
                ops.into_iter().map(|(op, path, value)| json!({ "op": op, "path": path, "value": value })).collect();
            scim.http.patch(format!("{base}/{id}")).body(json!({ "Operations": ops }).to_string())
        }
        Request::Bulk(operations) => {
            let operations: Vec<Value> = operations
                .into_iter()
                .enumerate()
                .map(|(at, (method, path, data))| {
                    let name = if at % 2 == 0 { "a" } else { "b" };
                    json!({ "method": method, "path": path, "bulkId": name, "data": data })
                })
                .collect();
            scim.http.post(format!("{}/scim/v2/Bulk", scim.url)).body(json!({ "Operations": operations }).to_string())
        }
        Request::Query(pairs) => {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            scim.http.get(query(&base, &pairs))
        }
        Request::Id(id) => {
            let encoded: String = id.bytes().map(|b| format!("%{b:02X}")).collect();
            scim.http.get(format!("{base}/{encoded}"))
        }
        Request::Raw(bytes) => scim.http.post(base).body(bytes),
    };
    let response = built.bearer_auth(&scim.token).header("Content-Type", "application/json").send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[test]
fn no_request_is_an_internal_error() {
    Gateway::both().iter().for_each(bombard);
}

fn bombard(gateway: &Gateway) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scim = gateway.admin();
    let targets: Vec<(&str, String)> = runtime.block_on(async {
        let mut out = Vec::new();
        for (endpoint, body) in [
            ("/scim/v2/Users", json!({ "userName": "a", "emails": [{ "value": "a", "type": "work" }] })),
            ("/scim/v2/Groups", json!({ "displayName": "g" })),
            ("/scim/v2/Roles", json!({ "name": "r" })),
            ("/scim/v2/ServiceAccounts", json!({ "name": "s" })),
            ("/openidm/managed/user", json!({ "userName": "i" })),
        ] {
            let path = if endpoint.starts_with("/openidm") { format!("{endpoint}?_action=create") } else { endpoint.to_owned() };
            out.push((endpoint, scim.post(&path, &body).await.id().to_owned()));
        }
        // The root has lists and nothing to write.
        out.push(("/scim/v2", ".search".to_owned()));
        out
    });
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(select(targets), request()), |((endpoint, id), request)| {
        let (status, text) = runtime.block_on(ask(&scim, endpoint, &id, request));
        prop_assert!((200..500).contains(&status), "{} {}", status, text);
        prop_assert!(!text.contains(r#""status":"5"#), "{}", text);
        if status >= 400 && endpoint.starts_with("/scim") {
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            prop_assert_eq!(&body["status"], &json!(status.to_string()), "{}", text);
        }
        Ok(())
    });
    outcome.unwrap();
}

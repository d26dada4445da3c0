//! Limits on requests, turned down by configuration: what is beyond is refused in the form of each dialect and names the limit,
//! what is at the limit is taken.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway, query};

const SETTINGS: [(&str, &str); 7] = [
    ("PROVOST_LIMITS__BODY", "4KiB"),
    ("PROVOST_LIMITS__DEPTH", "8"),
    ("PROVOST_LIMITS__ELEMENTS", "20"),
    ("PROVOST_LIMITS__PATCH_OPERATIONS", "3"),
    ("PROVOST_LIMITS__FILTER_TERMS", "5"),
    ("PROVOST_LIMITS__FILTER_DEPTH", "2"),
    ("PROVOST_LIMITS__FILTER_LENGTH", "60"),
];

struct Case {
    method: Method,
    path: String,
    body: Option<Value>,
    /// The status, else the request is taken.
    refused: Option<(u16, &'static str)>,
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

fn cases(user: &str) -> Vec<Case> {
    let mut out = Vec::new();
    let mut add = |method, path: &str, body: Option<Value>, refused| {
        out.push(Case { method, path: path.to_owned(), body, refused });
    };
    // Where bodies are read, and how deep the value stands in them.
    let writes = [
        (Method::POST, "/scim/v2/Users".to_owned()),
        (Method::POST, "/scim/v2/Users/.search".to_owned()),
        (Method::PUT, format!("/scim/v2/Users/{user}")),
        (Method::PATCH, format!("/scim/v2/Users/{user}")),
        (Method::POST, "/openidm/managed/user?_action=create".to_owned()),
        (Method::PUT, format!("/openidm/managed/user/{user}")),
        (Method::PATCH, format!("/openidm/managed/user/{user}")),
        (Method::POST, "/admin/v1/tokens".to_owned()),
        (Method::POST, "/admin/v1/targets".to_owned()),
    ];
    for (method, path) in writes {
        add(method.clone(), &path, Some(json!({ "title": "x".repeat(5_000) })), Some((413, "4096 bytes")));
        add(method.clone(), &path, Some(json!({ "title": nested(9) })), Some((400, "8 levels")));
        add(method, &path, Some(json!({ "title": [vec![1; 12], vec![2; 9]] })), Some((413, "20 elements")));
    }
    let (scim, idm) = (format!("/scim/v2/Users/{user}"), format!("/openidm/managed/user/{user}"));
    for (n, refused) in [(3, None), (4, Some((413, "3 operations")))] {
        let of_scim = vec![json!({ "op": "replace", "path": "title", "value": "t" }); n];
        add(Method::PATCH, &scim, Some(json!({ "Operations": of_scim })), refused);
        let of_idm = vec![json!({ "operation": "replace", "field": "/title", "value": "t" }); n];
        add(Method::PATCH, &idm, Some(json!(of_idm)), refused);
    }
    // Three comparisons and their `or` are four terms; each further comparison is one more.
    let (long, fits) = ("x".repeat(60), "x".repeat(40));
    for (filter, refused) in [
        (["title pr"; 4].join(" or "), None),
        (["title pr"; 5].join(" or "), Some((400, "5 terms"))),
        ("((title pr))".to_owned(), None),
        ("(((title pr)))".to_owned(), Some((400, "2 levels"))),
        (format!("title eq \"{fits}\""), None),
        (format!("title eq \"{long}\""), Some((400, "60 characters"))),
    ] {
        add(Method::GET, &query("/scim/v2/Users", &[("filter", &filter)]), None, refused);
        add(Method::GET, &query("/scim/v2", &[("filter", &filter)]), None, refused);
        add(Method::POST, "/scim/v2/Users/.search", Some(json!({ "filter": filter })), refused);
        add(Method::POST, "/scim/v2/.search", Some(json!({ "filter": filter })), refused);
        add(Method::GET, &query("/openidm/managed/user", &[("_queryFilter", &filter)]), None, refused);
        let members =
            query(&format!("/openidm/managed/user/{user}/roles"), &[("_queryFilter", &filter.replace("title", "name"))]);
        add(Method::GET, &members, None, refused);
    }
    for (path, refused) in [
        ("emails[((type eq \"a\"))].value".to_owned(), Some((400, "2 levels"))),
        ("emails[(type eq \"a\")].value".to_owned(), None),
        (format!("ims[{}]", ["type pr"; 5].join(" or ")), Some((400, "5 terms"))),
        (format!("emails[type eq \"{}\"].value", "a".repeat(60)), Some((400, "60 characters"))),
    ] {
        add(Method::PATCH, &scim, Some(json!({ "Operations": [{ "op": "remove", "path": path }] })), refused);
        let by_key = json!({ "Operations": [{ "op": "replace", "value": { path: null } }] });
        add(Method::PATCH, &scim, Some(by_key), refused);
    }
    out
}

#[tokio::test]
async fn what_is_beyond_a_limit_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::with(&folder.path().join("data"), &SETTINGS);
    let scopes = ["scim.read", "scim.write", "idm.read", "idm.write", "admin"];
    let client = gateway.token(&scopes, "generic", "hr").await;
    let user = client.post("/scim/v2/Users", &json!({ "userName": "a", "title": "t" })).await.id().to_owned();
    let before = client.get(&format!("/scim/v2/Users/{user}")).await.body;
    for case in cases(&user) {
        play(&client, &case).await;
    }
    assert_eq!(client.get(&format!("/scim/v2/Users/{user}")).await.body, before);
    // As many elements as there may be.
    let emails: Vec<Value> = (0..20).map(|n| json!({ "value": n.to_string() })).collect();
    assert_eq!(client.post("/scim/v2/Users", &json!({ "userName": "b", "emails": emails })).await.status, 201);
}

async fn play(client: &Client, case: &Case) {
    let body = case.body.as_ref().map(Value::to_string);
    let answer = client.send(case.method.clone(), &case.path, &[], body.clone()).await;
    let at = format!("{} {} {body:?}: {} {}", case.method, case.path, answer.status, answer.text);
    let Some((status, says)) = case.refused else {
        assert!(answer.status < 300, "{at}");
        return;
    };
    assert_eq!(answer.status, status, "{at}");
    let (media_type, text, code) = match case.path.split('/').nth(1) {
        Some("scim") => ("application/scim+json", &answer.body["detail"], &answer.body["status"]),
        Some("openidm") => ("application/json", &answer.body["message"], &answer.body["code"]),
        _ => ("application/problem+json", &answer.body["detail"], &answer.body["status"]),
    };
    assert_eq!(answer.header("content-type"), Some(media_type), "{at}");
    assert!(text.as_str().is_some_and(|text| text.contains(says)), "{at}: no '{says}'");
    assert_eq!(code.to_string().trim_matches('"'), status.to_string(), "{at}");
}

#[tokio::test]
async fn the_defaults_take_what_clients_send() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    let user = scim.post("/scim/v2/Users", &json!({ "userName": "a" })).await;
    let path = format!("/scim/v2/Users/{}", user.id());
    let operations = vec![json!({ "op": "add", "path": "title", "value": "t" }); 1_000];
    assert_eq!(scim.patch(&path, &json!({ "Operations": operations })).await.status, 200);
    let filter = vec!["title pr"; 199].join(" or ");
    assert_eq!(scim.post("/scim/v2/Users/.search", &json!({ "filter": filter })).await.body["totalResults"], 1);
}

//! Dry runs: the answer as if written, the effects, and nothing written.

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::harness::dump::dump;
use crate::harness::gateway::{Answer, Client, Gateway};
use crate::isolation::{Case, Tenant, cases};

const LIST: &str = "application/vnd.provost.effects+json";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const OFF: [(&str, &str); 2] = [("PROVOST_SYNC__ENABLED", "false"), ("PROVOST_INBOUND_GUARD__ENABLED", "true")];

fn quiet_on_sqlite() -> (Gateway, Option<TempDir>) {
    let folder = tempfile::tempdir().unwrap();
    (Gateway::with(&folder.path().join("data"), &OFF), Some(folder))
}

/// Gateways that write nothing by themselves.
fn quiet() -> [(Gateway, Option<TempDir>); 2] {
    [quiet_on_sqlite(), (Gateway::on_postgres_with(&OFF), None)]
}

async fn send(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let body = (!body.is_null()).then(|| body.to_string());
    client.send(method.parse::<Method>().unwrap(), path, headers, body).await
}

/// The effects of a write that is not done.
async fn effects(client: &Client, method: &str, path: &str, body: &Value) -> Value {
    let told = send(client, method, path, &[("Provost-Dry-Run", "1"), ("Accept", LIST)], body).await;
    assert_eq!(told.header("content-type"), Some(LIST), "{method} {path}: {} {}", told.status, told.text);
    told.body
}

/// The text with every id that was made by the request replaced.
fn without_ids(text: &str, known: &Tenant) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let id = rest.get(..36).filter(|id| id.len() == 36 && is_uuid(id) && !known.ids.iter().any(|(_, known)| known == id));
        let length = if id.is_some() { 36 } else { next.len_utf8() };
        out.push_str(if id.is_some() { "ID" } else { &rest[..length] });
        rest = &rest[length..];
    }
    out
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, b)| if [8, 13, 18, 23].contains(&at) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// The writes of every dialect; a token is no `/Me`, tried or not.
fn writes() -> impl Iterator<Item = Case> {
    let ends = [".search", "/check-permission", "listPrivileges", "explainRoles"];
    let asks = move |path: &str| {
        path.starts_with("/access/v1") || path.starts_with("/openidm/policy") || ends.iter().any(|end| path.ends_with(end))
    };
    cases().into_iter().filter(move |case| case.method != "GET" && !asks(case.path) && !case.template.ends_with("/Me"))
}

/// The status of a write that is refused, tried or not: of a role that is held, of a batch that is none.
fn refused(case: &Case) -> Option<u16> {
    match (case.method, case.template) {
        ("DELETE", _) if case.path.contains("$role") => Some(409),
        (_, template) if template.contains("/held/{batch}") => Some(404),
        _ => None,
    }
}

#[tokio::test]
async fn no_write_of_any_dialect_leaves_a_row() {
    for (gateway, _folder) in quiet() {
        let tenant = Tenant::fill(gateway.admin(), "a").await;
        gateway.sync.drain().await.unwrap();
        let before = dump(gateway.service.store());
        assert!(before["links"].len() > 1 && before["changes"].len() > 3 && before.len() > 20);
        let mut tried = 0;
        for case in writes() {
            let path = tenant.fill_in(case.path);
            let body = serde_json::from_str(&tenant.fill_in(&case.body.to_string())).unwrap();
            let asked = format!("{path}{}dryRun=true", if path.contains('?') { '&' } else { '?' });
            for answer in [
                send(&tenant.admin, case.method, &path, &[("Provost-Dry-Run", "true")], &body).await,
                send(&tenant.admin, case.method, &asked, &[("Accept", LIST)], &body).await,
            ] {
                let at = format!("{} {path}: {} {}", case.method, answer.status, answer.text);
                let refused = refused(&case);
                assert!(refused.map_or(answer.status < 300, |status| answer.status == status), "{at}");
                assert_eq!(answer.header("provost-effects").is_some(), refused.is_none(), "{at}");
                tried += usize::from(refused.is_none());
            }
            let after = dump(gateway.service.store());
            for (table, rows) in &before {
                assert_eq!(rows, &after[table], "{} {path} wrote to {table}", case.method);
            }
        }
        assert!(tried > 50, "{tried}");
    }
}

#[tokio::test]
async fn the_answer_is_that_of_the_write() {
    for case in writes() {
        let (gateway, _folder) = quiet_on_sqlite();
        let tenant = Tenant::fill(gateway.admin(), "a").await;
        let path = tenant.fill_in(case.path);
        let body = serde_json::from_str(&tenant.fill_in(&case.body.to_string())).unwrap();
        let dry = send(&tenant.admin, case.method, &path, &[("Provost-Dry-Run", "1")], &body).await;
        let done = send(&tenant.admin, case.method, &path, &[("Provost-Dry-Run", "0")], &body).await;
        let at = format!("{} {path}: {} and {}", case.method, dry.text, done.text);
        assert_eq!(dry.status, done.status, "{at}");
        for name in ["etag", "location", "content-type"] {
            let [dry, done] = [&dry, &done].map(|a| a.header(name).map(|text| without_ids(text, &tenant)));
            assert_eq!(dry, done, "{name}: {at}");
        }
        assert_eq!(done.header("provost-effects"), None);
        let [mut dry, mut done] =
            [&dry, &done].map(|a| serde_json::from_str(&without_ids(&a.text, &tenant)).unwrap_or(Value::Null));
        if ["/admin/v1/tokens", "/admin/v1/tenants"].contains(&case.template) {
            assert_eq!(dry["token"], "•••", "{at}");
            dry["token"] = Value::Null;
            done["token"] = Value::Null;
        }
        if case.template.ends_with("/secrets") {
            assert_eq!(dry["secret"], "•••", "{at}");
            for name in ["secret", "fingerprint"] {
                dry[name] = Value::Null;
                done[name] = Value::Null;
            }
        }
        assert_eq!(dry, done, "{at}");
    }
}

/// Edges that come, that go, that get other properties, and that lead elsewhere.
#[tokio::test]
async fn edges_added_removed_and_updated_are_listed() {
    for (gateway, _folder) in quiet() {
        let admin = gateway.admin();
        for name in ["a", "b", "c"] {
            send(&admin, "PUT", &format!("/openidm/managed/user/{name}"), &[], &json!({ "userName": name })).await;
        }
        let to = |name: &str| json!({ "_ref": format!("managed/user/{name}") });
        let group = json!({ "name": "g", "members": [to("a"), to("b")] });
        let made = send(&admin, "PUT", "/openidm/managed/group/g?_fields=members", &[], &group).await;
        let [a, b] = [0, 1].map(|n| made.body["members"][n]["_refProperties"]["_id"].clone());
        let told = |body: Value| {
            let mut list: Vec<String> = body["edges"]["list"]
                .as_array()
                .unwrap()
                .iter()
                .map(|edge| format!("{} {}", edge["op"].as_str().unwrap(), edge["to"]["id"].as_str().unwrap()))
                .collect();
            list.sort();
            list
        };
        let kept = json!({ "_ref": "managed/user/a", "_refProperties": { "_id": a, "note": "x" } });
        let turned = json!({ "_ref": "managed/user/c", "_refProperties": { "_id": b } });
        for (method, path, body, expected) in [
            (
                "PUT",
                "/openidm/managed/group/g",
                json!({ "name": "g", "members": [kept, to("c")] }),
                vec!["add c", "remove b", "update a"],
            ),
            ("PUT", "/openidm/managed/group/g", json!({ "name": "g", "members": [to("a"), turned] }), vec!["add c", "remove b"]),
            ("POST", "/openidm/managed/group/g/members?_action=create", to("c"), vec!["add c"]),
            (
                "PATCH",
                "/openidm/managed/group/g",
                json!([{ "operation": "replace", "field": "/members", "value": [] }]),
                vec!["remove a", "remove b"],
            ),
            ("DELETE", "/openidm/managed/group/g", Value::Null, vec!["remove a", "remove b"]),
            (
                "PUT",
                "/scim/v2/Groups/g",
                json!({ "displayName": "g", "members": [{ "value": "c" }, { "value": "a" }] }),
                vec!["add c", "remove b"],
            ),
            (
                "POST",
                "/openidm/managed/group/g/members?_action=bulk",
                json!({ "add": [to("c")], "remove": [b] }),
                vec!["add c", "remove b"],
            ),
        ] {
            assert_eq!(told(effects(&admin, method, path, &body).await), expected, "{method} {path} {body}");
        }
        let path = format!("/openidm/managed/group/g/members/{}", a.as_str().unwrap());
        let noted = json!([{ "operation": "add", "field": "/_refProperties/note", "value": "y" }]);
        assert_eq!(told(effects(&admin, "PATCH", &path, &noted).await), ["update a"]);
        assert_eq!(told(effects(&admin, "DELETE", &path, &Value::Null).await), ["remove a"]);
    }
}

#[tokio::test]
async fn it_is_asked_for_in_two_ways_and_refused_like_the_write() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    let user = admin.post("/scim/v2/Users", &json!({ "userName": "a" })).await;
    let path = format!("/scim/v2/Users/{}", user.id());
    let body = json!({ "userName": "b" });
    for (query, header, dry) in [
        ("?dryRun=true", None, true),
        ("?dryrun=1", None, true),
        ("?dryRun=false", None, false),
        ("?dryRun=0", Some("0"), false),
        ("", Some("TRUE"), true),
        ("", Some("false"), false),
        ("?dryRun=false", Some("1"), true),
    ] {
        let headers: Vec<(&str, &str)> = header.map(|value| ("Provost-Dry-Run", value)).into_iter().collect();
        let answer = send(&admin, "PUT", &format!("{path}{query}"), &headers, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("provost-effects").is_some(), dry, "{query} {header:?}");
    }
    let member = |status: &'static str| (status, "application/scim+json");
    for (path, query, header, (told, media)) in [
        (path.as_str(), "?dryRun=maybe", None, member("400")),
        (path.as_str(), "?dryRun=", None, member("400")),
        (path.as_str(), "", Some("yes"), member("400")),
        ("/openidm/managed/user/x", "?dryRun=yes", None, ("400", "application/json")),
        ("/admin/v1/targets/x", "?dryRun=yes", None, ("400", "application/problem+json")),
    ] {
        let headers: Vec<(&str, &str)> = header.map(|value| ("Provost-Dry-Run", value)).into_iter().collect();
        let answer = send(&admin, "PUT", &format!("{path}{query}"), &headers, &body).await;
        assert_eq!(answer.status.to_string(), told, "{path}{query}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some(media));
        assert!(answer.text.contains("true, 1, false or 0"), "{}", answer.text);
    }
    // A read is what it is.
    assert_eq!(admin.get(&format!("{path}?dryRun=true")).await.header("provost-effects"), None);
    admin.post("/scim/v2/Users", &json!({ "userName": "taken" })).await;
    for (method, path, headers, body, status) in [
        ("POST", "/scim/v2/Users", vec![], json!({ "userName": "TAKEN" }), 409),
        ("POST", "/scim/v2/Users", vec![], json!({ "displayName": "x" }), 400),
        ("PUT", path.as_str(), vec![("If-Match", "W/\"99\"")], json!({ "userName": "c" }), 412),
        ("DELETE", "/scim/v2/Users/nobody", vec![], Value::Null, 404),
    ] {
        let dry = [headers.clone(), vec![("Provost-Dry-Run", "1")]].concat();
        let [tried, done] = [send(&admin, method, path, &dry, &body).await, send(&admin, method, path, &headers, &body).await];
        assert_eq!((tried.status, &tried.text), (status, &done.text));
        assert_eq!(tried.header("provost-effects"), None);
    }
}

#[tokio::test]
async fn attributes_are_named_and_secrets_are_not() {
    for (gateway, _folder) in quiet() {
        let admin = gateway.admin();
        let user = json!({ "userName": "a", "title": "x", ENTERPRISE: { "department": "d" }, "externalId": "e1" });
        let user = admin.post("/scim/v2/Users", &user).await;
        let path = format!("/scim/v2/Users/{}", user.id());
        let patch = json!({ "Operations": [
            { "op": "replace", "path": "title", "value": "y" },
            { "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "e" },
            { "op": "replace", "path": "externalId", "value": "e2" },
            { "op": "add", "path": "nickName", "value": "n" },
            { "op": "replace", "path": "password", "value": "hunter2-hunter2" },
        ] });
        let found = effects(&admin, "PATCH", &path, &patch).await;
        let listed: Vec<Value> =
            found["attributes"]["list"].as_array().unwrap().iter().map(|a| json!([a["path"], a["before"], a["after"]])).collect();
        let department = format!("{ENTERPRISE}:department");
        let expected = [
            json!(["externalId", "e1", "e2"]),
            json!(["nickName", null, "n"]),
            json!(["title", "x", "y"]),
            json!([department, "d", "e"]),
        ];
        assert_eq!(listed, expected, "{found}");
        assert_eq!(found["attributes"]["list"][0]["object"], json!({ "type": "user", "id": user.id() }), "{found}");
        assert!(!found.to_string().contains("hunter2"), "{found}");
        let sum = send(&admin, "PATCH", &path, &[("Provost-Dry-Run", "1")], &patch).await;
        assert_eq!(sum.header("provost-effects"), Some("attributes=4, grants-gained=0, grants-lost=0, targets=0, edges=0"));
        assert_eq!((sum.header("etag"), &sum.body["title"]), (Some("W/\"2\""), &json!("y")));
        assert_eq!(admin.get(&path).await.header("etag"), Some("W/\"1\""));
    }
}

#[tokio::test]
async fn grants_are_foretold_with_their_reason() {
    for (gateway, _folder) in quiet() {
        let admin = gateway.admin();
        let make = async |path: &str, body: Value| admin.post(path, &body).await.id().to_owned();
        let by_hand = make("/scim/v2/Roles", json!({ "name": "by-hand" })).await;
        let sales =
            make("/openidm/managed/role?_action=create", json!({ "name": "sales", "condition": "/title eq \"seller\"" })).await;
        let shared = make("/scim/v2/Roles", json!({ "name": "shared" })).await;
        let ann = make("/scim/v2/Users", json!({ "userName": "ann", "displayName": "Ann" })).await;
        let bob = make("/scim/v2/Users", json!({ "userName": "bob", "title": "seller" })).await;
        let inner = make("/scim/v2/Groups", json!({ "displayName": "inner", "members": [{ "value": ann }] })).await;
        let outer = make("/scim/v2/Groups", json!({ "displayName": "outer" })).await;
        let grants = |found: &Value, which: &str| -> Vec<Value> {
            let list = found["grants"][which]["list"].as_array().unwrap();
            list.iter().map(|g| json!([g["principal"]["id"], g["role"]["id"], g["why"], g["condition"]])).collect()
        };
        // By condition, gained and lost, the user's doing.
        let title = |value: &str| json!({ "Operations": [{ "op": "replace", "path": "title", "value": value }] });
        let found = effects(&admin, "PATCH", &format!("/scim/v2/Users/{ann}"), &title("seller")).await;
        assert_eq!(grants(&found, "gained"), [json!([ann, sales, "conditional", "/title eq \"seller\""])], "{found}");
        let found = effects(&admin, "PATCH", &format!("/scim/v2/Users/{bob}"), &title("none")).await;
        assert_eq!(grants(&found, "lost"), [json!([bob, sales, "conditional", "/title eq \"seller\""])], "{found}");
        // The role's doing.
        let condition = json!([{ "operation": "replace", "field": "/condition", "value": "/userName eq \"ann\"" }]);
        let found = effects(&admin, "PATCH", &format!("/openidm/managed/role/{sales}"), &condition).await;
        assert_eq!(grants(&found, "gained"), [json!([ann, sales, "conditional", "/userName eq \"ann\""])], "{found}");
        assert_eq!(grants(&found, "lost"), [json!([bob, sales, "conditional", "/title eq \"seller\""])], "{found}");
        // By hand, from the relationship's side.
        let holder = json!({ "_ref": format!("managed/user/{ann}") });
        let members = format!("/openidm/managed/role/{by_hand}/members?_action=create");
        let found = effects(&admin, "POST", &members, &holder).await;
        assert_eq!(grants(&found, "gained"), [json!([ann, by_hand, "static", null])], "{found}");
        assert_eq!(found["grants"]["gained"]["list"][0]["principal"]["name"], "Ann");
        assert_eq!(found["grants"]["gained"]["list"][0]["role"]["name"], "by-hand");
        assert_eq!(found["edges"]["list"][0]["from"]["id"], ann, "{found}");
        // To a group: its members have it through it.
        let group = json!({ "_ref": format!("managed/group/{inner}") });
        let members = format!("/openidm/managed/role/{shared}/members?_action=create");
        let found = effects(&admin, "POST", &members, &group).await;
        let expected = [json!([inner, shared, "static", null]), json!([ann, shared, "group", null])];
        assert_eq!(grants(&found, "gained"), expected, "{found}");
        // A group into another, and out again: what the inner one's members gain and lose.
        let outside = json!({ "_ref": format!("managed/group/{outer}") });
        assert_eq!(admin.post(&format!("/openidm/managed/role/{shared}/members?_action=create"), &outside).await.status, 201);
        let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": inner }] }] });
        let outer_path = format!("/scim/v2/Groups/{outer}");
        let found = effects(&admin, "PATCH", &outer_path, &add).await;
        let gained = grants(&found, "gained");
        assert!(gained.contains(&json!([ann, shared, "group", null])), "{found}");
        assert!(gained.iter().all(|grant| grant[2] == "group"), "{found}");
        assert_eq!(admin.patch(&outer_path, &add).await.status, 200);
        let found = effects(&admin, "DELETE", &outer_path, &Value::Null).await;
        assert!(grants(&found, "lost").contains(&json!([ann, shared, "group", null])), "{found}");
        let found = effects(&admin, "DELETE", &format!("/scim/v2/Users/{bob}"), &Value::Null).await;
        assert_eq!(grants(&found, "lost"), [json!([bob, sales, "conditional", "/title eq \"seller\""])], "{found}");
        assert_eq!(found["attributes"]["list"][0]["op"], "delete", "{found}");
    }
}

#[tokio::test]
async fn a_bulk_is_tried_whole() {
    for (gateway, _folder) in quiet() {
        let admin = gateway.admin();
        admin.post("/scim/v2/Users", &json!({ "userName": "taken" })).await;
        gateway.sync.drain().await.unwrap();
        let post = |name: &str, data: Value| json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data });
        let under = |name: &str, boss: &str| {
            post(name, json!({ "userName": name, ENTERPRISE: { "manager": { "value": format!("bulkId:{boss}") } } }))
        };
        // A group before its last member, two who manage one another, and one refusal of each kind.
        let group = json!({ "displayName": "g", "members": [{ "value": "bulkId:u59" }, { "value": "bulkId:a" }] });
        let mut operations =
            vec![json!({ "method": "POST", "path": "/Groups", "bulkId": "g", "data": group }), under("a", "b"), under("b", "a")];
        operations.extend((0..60).map(|n| post(&format!("u{n}"), json!({ "userName": format!("u{n}") }))));
        operations.extend([
            post("taken", json!({ "userName": "TAKEN" })),
            under("lost", "taken"),
            json!({ "method": "DELETE", "path": "/Users/nobody" }),
            json!({ "method": "PATCH", "path": "/Groups/bulkId:g", "data": {
                "Operations": [{ "op": "remove", "path": "members" }]
            } }),
            json!({ "method": "DELETE", "path": "/Users/bulkId:u7" }),
        ]);
        let body = json!({ "Operations": operations });
        let before = dump(gateway.service.store());
        let dry = send(&admin, "POST", "/scim/v2/Bulk", &[("Provost-Dry-Run", "1")], &body).await;
        assert!(dry.header("provost-effects").is_some(), "{}", dry.text);
        assert_eq!(dump(gateway.service.store()), before);
        let done = admin.post("/scim/v2/Bulk", &body).await;
        let statuses = |answer: &Answer| -> Vec<String> {
            assert_eq!(answer.status, 200, "{}", answer.text);
            answer.body["Operations"].as_array().unwrap().iter().map(|o| o["status"].as_str().unwrap().to_owned()).collect()
        };
        let expected = [vec!["201"; 63], vec!["409", "409", "404", "200", "204"]].concat();
        assert_eq!((statuses(&dry), statuses(&done)), (statuses(&done), expected.iter().map(|s| (*s).to_owned()).collect()));
        assert_eq!(admin.get("/scim/v2/Users?count=0").await.body["totalResults"], 1 + 62 - 1);
    }
}

#[tokio::test]
async fn long_lists_are_cut_and_counted() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    for n in 0..120 {
        admin.post("/scim/v2/Users", &json!({ "userName": format!("u{n}"), "title": "t" })).await;
    }
    let role = json!({ "name": "r", "condition": "/title eq \"t\"" });
    let found = effects(&admin, "POST", "/openidm/managed/role?_action=create", &role).await;
    let gained = &found["grants"]["gained"];
    assert_eq!((gained["list"].as_array().map(Vec::len), &gained["more"]), (Some(100), &json!(20)));
    assert_eq!(found["edges"]["more"], 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_and_writes_at_once_do_not_disturb_one_another() {
    for (gateway, _folder) in quiet() {
        let admin = gateway.admin();
        let user = admin.post("/scim/v2/Users", &json!({ "userName": "u" })).await;
        let group = admin.post("/scim/v2/Groups", &json!({ "displayName": "g" })).await;
        let mut running = JoinSet::new();
        for n in 0..40 {
            let (admin, user, group) = (admin.clone(), user.id().to_owned(), group.id().to_owned());
            running.spawn(async move {
                let dry = n % 2 == 0;
                let headers: &[(&str, &str)] = if dry { &[("Provost-Dry-Run", "1")] } else { &[] };
                let (method, path, body, status) = match n % 8 / 2 {
                    0 => {
                        let value = format!("{n}");
                        let patch = json!({ "Operations": [{ "op": "replace", "path": "title", "value": value }] });
                        ("PATCH", format!("/scim/v2/Users/{user}"), patch, 200)
                    }
                    1 => {
                        let patch = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": user }] }] });
                        ("PATCH", format!("/scim/v2/Groups/{group}"), patch, 200)
                    }
                    // The same name for both: a try leaves it free, and cannot have it while it is taken.
                    2 => ("POST", "/scim/v2/Users".to_owned(), json!({ "userName": format!("n{}", n / 8) }), 201),
                    _ => ("POST", "/scim/v2/Groups".to_owned(), json!({ "displayName": format!("g{n}") }), 201),
                };
                loop {
                    let answer = send(&admin, method, &path, headers, &body).await;
                    match answer.status {
                        503 => {}
                        409 if dry => return false,
                        other => {
                            assert_eq!(other, status, "{dry} {method} {path}: {}", answer.text);
                            return !dry;
                        }
                    }
                }
            });
        }
        let written = running.join_all().await.into_iter().filter(|written| *written).count();
        assert_eq!(written, 20);
        let users = admin.get("/scim/v2/Users").await;
        assert_eq!(users.body["totalResults"], 1 + 5, "{}", users.text);
        assert_eq!(admin.get("/scim/v2/Groups").await.body["totalResults"], 1 + 5);
        let title = users.body["Resources"].as_array().unwrap().iter().find(|u| u["userName"] == "u").unwrap()["title"].clone();
        let last: usize = title.as_str().unwrap().parse().unwrap();
        assert_eq!(last % 2, 1, "a title that was only tried");
        let rows = dump(gateway.service.store());
        assert_eq!(rows["tombstones"].len(), 0);
    }
}

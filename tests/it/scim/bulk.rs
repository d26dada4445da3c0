//! Bulk requests, rows of the specification as cases under tests/cases/scim; and what one request alone cannot show.

use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use provost::domain::secret::MasterKey;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::commit_proxy::CommitProxy;
use crate::harness::gateway::{Answer, Client, Gateway};
use crate::harness::process::Process;
use crate::harness::{cases, poll_until, postgres};

#[tokio::test]
async fn the_cases_on_sqlite() {
    cases::run(&Gateway::start(), "scim/bulk.yaml").await;
}

#[tokio::test]
async fn the_cases_on_postgres() {
    cases::run(&Gateway::on_postgres(), "scim/bulk.yaml").await;
}

fn post(name: &str) -> Value {
    json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": { "userName": name } })
}

async fn bulk(client: &Client, operations: Vec<Value>) -> Answer {
    client.post("/scim/v2/Bulk", &json!({ "Operations": operations })).await
}

fn statuses(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["Operations"].as_array().unwrap().iter().map(|o| o["status"].as_str().unwrap()).collect()
}

async fn total(client: &Client, endpoint: &str) -> u64 {
    client.get(&format!("/scim/v2/{endpoint}?count=0")).await.body["totalResults"].as_u64().unwrap()
}

#[tokio::test]
async fn every_operation_asks_for_its_own_permission() {
    for gateway in Gateway::both() {
        let writer = gateway.token(&["scim.read", "scim.write"], "generic", "hr").await;
        let role = gateway.admin().post("/scim/v2/Roles", &json!({ "name": "r" })).await;
        let operations = vec![
            post("a"),
            json!({ "method": "POST", "path": "/Roles", "bulkId": "r", "data": { "name": "s" } }),
            json!({ "method": "PATCH", "path": "/Users/bulkId:a", "data": { "Operations": [{ "op": "add", "path": "roles", "value": [{ "value": role.id() }] }] } }),
            json!({ "method": "DELETE", "path": format!("/Roles/{}", role.id()) }),
            post("b"),
        ];
        assert_eq!(statuses(&bulk(&writer, operations).await), ["201", "403", "403", "403", "201"]);
        assert_eq!((total(&writer, "Users").await, total(&writer, "Roles").await), (2, 1));
        let reader = gateway.token(&["scim.read", "scim.roles"], "generic", "hr").await;
        assert_eq!(bulk(&reader, vec![post("c")]).await.status, 403);
    }
}

#[tokio::test]
async fn another_tenants_objects_are_nobodys() {
    for gateway in Gateway::both() {
        let (ours, theirs) = (gateway.tenant("ours").await, gateway.tenant("theirs").await);
        let user = theirs.post("/scim/v2/Users", &json!({ "userName": "u" })).await;
        let path = format!("/Users/{}", user.id());
        let operations = vec![
            json!({ "method": "PUT", "path": path, "data": { "userName": "x" } }),
            json!({ "method": "PATCH", "path": path, "data": { "Operations": [{ "op": "add", "path": "title", "value": "x" }] } }),
            json!({ "method": "DELETE", "path": path }),
            post("u"),
        ];
        assert_eq!(statuses(&bulk(&ours, operations).await), ["404", "404", "404", "201"]);
        assert_eq!(theirs.get(&format!("/scim/v2{path}")).await.body, user.body);
    }
}

#[tokio::test]
async fn profiles_hold_for_each_operation() {
    let gateway = Gateway::start();
    let scopes = ["scim.read", "scim.write"];
    let strict = gateway.token(&scopes, "strict", "hr").await;
    let bare = json!({ "Operations": [post("a")] });
    assert_eq!(strict.post("/scim/v2/Bulk", &bare).await.body["scimType"], "invalidSyntax");
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    let message = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        post("a"),
        { "method": "POST", "path": "/Users", "bulkId": "b", "data": { "schemas": [user], "userName": "b" } },
        { "method": "POST", "path": "/Users", "bulkId": "c", "data": { "schemas": [user], "userName": "c", "shoeSize": 43 } },
    ]});
    assert_eq!(statuses(&strict.post("/scim/v2/Bulk", &message).await), ["400", "201", "400"]);
    // Okta's POST for somebody deactivated brings him back, with the id he had.
    let okta = gateway.token(&scopes, "okta", "okta").await;
    let gone = okta.post("/scim/v2/Users", &json!({ "userName": "gone", "active": false })).await;
    let group = json!({ "method": "POST", "path": "/Groups", "bulkId": "g", "data": { "displayName": "g", "members": [{ "value": "bulkId:gone" }] } });
    let revive = json!({ "method": "POST", "path": "/Users", "bulkId": "gone", "data": { "userName": "gone", "active": true } });
    let answer = bulk(&okta, vec![group, revive]).await;
    assert_eq!(statuses(&answer), ["201", "201"]);
    assert_eq!(answer.body["Operations"][1]["location"], gone.body["meta"]["location"]);
    let groups = okta.get("/scim/v2/Groups").await;
    assert_eq!(groups.body["Resources"][0]["members"][0]["value"], gone.id());
}

#[tokio::test]
async fn limits_are_configuration_and_named_beyond_them() {
    let folder = tempfile::tempdir().unwrap();
    let limits = [("PROVOST_LIMITS__BULK_OPERATIONS", "3"), ("PROVOST_LIMITS__BULK_BODY", "2KiB")];
    let gateway = Gateway::with(&folder.path().join("data"), &limits);
    let scim = gateway.admin();
    let offer = scim.get("/scim/v2/ServiceProviderConfig").await;
    assert_eq!(offer.body["bulk"], json!({ "supported": true, "maxOperations": 3, "maxPayloadSize": 2048 }));
    let many = bulk(&scim, ["a", "b", "c", "d"].map(post).to_vec()).await;
    assert_eq!((many.status, &many.body["status"]), (413, &json!("413")));
    assert!(many.body["detail"].as_str().unwrap().contains("maxOperations is 3"), "{}", many.text);
    let mut large = post("a");
    large["data"]["title"] = "x".repeat(3000).into();
    let large = bulk(&scim, vec![large]).await;
    assert_eq!(large.status, 413);
    assert!(large.body["detail"].as_str().unwrap().contains("maxPayloadSize, 2048 bytes"), "{}", large.text);
    assert_eq!(total(&scim, "Users").await, 0);
    assert_eq!(statuses(&bulk(&scim, ["a", "b", "c"].map(post).to_vec()).await), ["201"; 3]);
    // What is nested as deep as a body of its own may be fits into a bulk.
    let deep = (0..31).fold(json!(1), |inner, _| json!({ "x": inner }));
    let body = json!({ "userName": "deep", "unknown": deep });
    assert_eq!(scim.post("/scim/v2/Users", &body).await.status, 201);
    let again = json!({ "method": "PUT", "path": "/Users/nobody", "data": body });
    assert_eq!(statuses(&bulk(&scim, vec![again]).await), ["404"]);
}

/// Transactions of the writer so far.
async fn commits(gateway: &Gateway) -> u64 {
    let text = gateway.admin().get("/metrics").await.text;
    let line = text.lines().find(|line| line.starts_with("provost_writer_batch_size_count")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_thousand_operations_share_a_few_commits() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    let before = commits(&gateway).await;
    let names: Vec<String> = (0..999).map(|n| format!("u{n}")).collect();
    let members: Vec<Value> = names.iter().map(|name| json!({ "value": format!("bulkId:{name}") })).collect();
    let mut operations = vec![
        json!({ "method": "POST", "path": "/Groups", "bulkId": "all", "data": { "displayName": "all", "members": members } }),
    ];
    operations.extend(names.iter().map(|name| post(name)));
    let answer = bulk(&scim, operations).await;
    assert_eq!(statuses(&answer), ["201"; 1000]);
    // In the order of the request, though the group was made last.
    let told: Vec<&str> = answer.body["Operations"].as_array().unwrap().iter().map(|o| o["bulkId"].as_str().unwrap()).collect();
    assert_eq!((told[0], told[1], told[999]), ("all", "u0", "u998"));
    let commits = commits(&gateway).await - before;
    assert!(commits <= 40, "{commits} commits for 1,000 operations");
    assert_eq!(total(&scim, "Users").await, 999);
    let filter = "/scim/v2/Users?count=0&filter=groups.display%20eq%20%22all%22";
    assert_eq!(scim.get(filter).await.body["totalResults"], 999);
}

async fn keyed(client: &Client, key: &str, body: &Value) -> Answer {
    client.send(Method::POST, "/scim/v2/Bulk", &[("Idempotency-Key", key)], Some(body.to_string())).await
}

#[tokio::test]
async fn an_idempotency_key_is_done_once() {
    for gateway in Gateway::both() {
        once(&gateway).await;
    }
}

async fn once(gateway: &Gateway) {
    let scim = gateway.token(&["scim.read", "scim.write"], "generic", "hr").await;
    let names: Vec<String> = (0..120).map(|n| format!("u{n}")).collect();
    let mut operations: Vec<Value> = names.iter().map(|name| post(name)).collect();
    operations.push(json!({ "method": "DELETE", "path": "/Users/nobody" }));
    let body = json!({ "Operations": operations });
    let first = keyed(&scim, "k-1", &body).await;
    assert_eq!(statuses(&first).iter().filter(|s| **s == "201").count(), 120);
    // The client goes on meanwhile; the answer stays what it was, and nothing is done again.
    let gone = first.body["Operations"][0]["location"].as_str().unwrap().strip_prefix(&gateway.url).unwrap();
    assert_eq!(scim.delete(gone).await.status, 204);
    let again = keyed(&scim, "k-1", &body).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(total(&scim, "Users").await, 119);
    let other = keyed(&scim, "k-1", &json!({ "Operations": [post("x")] })).await;
    assert_eq!((other.status, &other.body["status"], other.body.get("scimType")), (409, &json!("409"), None), "{}", other.text);
    // Keys belong to a token.
    let second = gateway.token(&["scim.read", "scim.write"], "generic", "hr").await;
    assert_eq!(statuses(&keyed(&second, "k-1", &json!({ "Operations": [post("x")] })).await), ["201"]);
    assert_eq!(statuses(&keyed(&scim, "k-2", &json!({ "Operations": [post("x")] })).await), ["409"]);
    for wrong in ["", " ", &"x".repeat(256)] {
        assert_eq!(keyed(&scim, wrong, &body).await.body["scimType"], "invalidValue", "{wrong:?}");
    }
    // A day later it is forgotten.
    gateway.clock.set(gateway.clock.now().plus_seconds(24 * 3600 - 1));
    assert_eq!(keyed(&scim, "k-1", &body).await.text, first.text);
    gateway.clock.set(gateway.clock.now().plus_seconds(2));
    let late = keyed(&scim, "k-1", &body).await;
    assert_eq!(statuses(&late)[..2], ["201", "409"], "{}", late.text);
}

#[tokio::test]
async fn the_same_key_at_once_is_done_once() {
    for gateway in Gateway::both() {
        let scim = gateway.token(&["scim.read", "scim.write"], "generic", "hr").await;
        let body = json!({ "Operations": (0..60).map(|n| post(&format!("u{n}"))).collect::<Vec<_>>() });
        let asks = (0..4).map(|_| {
            let (scim, body) = (scim.clone(), body.clone());
            tokio::spawn(async move { keyed(&scim, "k", &body).await })
        });
        let mut texts = Vec::new();
        for ask in asks.collect::<Vec<_>>() {
            let answer = ask.await.unwrap();
            assert_eq!(statuses(&answer), ["201"; 60]);
            texts.push(answer.text);
        }
        texts.dedup();
        assert_eq!(texts.len(), 1);
        assert_eq!(total(&scim, "Users").await, 60);
    }
}

#[test]
fn a_keyed_bulk_that_a_crash_cut_off_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let body = json!({ "Operations": (0..1000).map(|n| post(&format!("u{n}"))).collect::<Vec<_>>() });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let process = Process::on(&data);
    let scim = process.admin();
    let request = scim.http.post(format!("{}/scim/v2/Bulk", scim.url)).bearer_auth(&scim.token);
    let request = request.header("Idempotency-Key", "k").header("Content-Type", "application/json").body(body.to_string());
    let cut_off = runtime.spawn(request.send());
    let some = || Some(runtime.block_on(total(&scim, "Users"))).filter(|users| *users >= 100);
    poll_until("a part of the bulk", Duration::from_secs(60), some);
    process.kill();
    let _ = runtime.block_on(cut_off);

    let process = Process::on(&data);
    let scim = process.admin();
    assert!(runtime.block_on(total(&scim, "Users")) >= 100);
    let again = runtime.block_on(keyed(&scim, "k", &body));
    assert_eq!(statuses(&again), ["201"; 1000]);
    assert_eq!(runtime.block_on(total(&scim, "Users")), 1000);
}

/// What is wrong with one object in the store is not wrong with the others.
#[tokio::test]
async fn a_damaged_object_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let gateway = Gateway::with(&data, &[("PROVOST_SYNC__ENABLED", "false")]);
    let scim = gateway.admin();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(scim.post("/scim/v2/Users", &json!({ "userName": name })).await.id().to_owned());
    }
    let mut file = SqliteConnection::establish(data.join("provost.db").to_str().unwrap()).unwrap();
    file.batch_execute("UPDATE objects SET doc = '{' WHERE doc LIKE '%\"b\"%'").unwrap();
    let patch = |id: &String| {
        let data = json!({ "Operations": [{ "op": "add", "path": "title", "value": "t" }] });
        json!({ "method": "PATCH", "path": format!("/Users/{id}"), "data": data })
    };
    let answer = bulk(&scim, ids.iter().map(patch).chain([post("d")]).collect()).await;
    assert_eq!(statuses(&answer), ["200", "500", "200", "201"], "{}", answer.text);
    for id in [&ids[0], &ids[2]] {
        assert_eq!(scim.get(&format!("/scim/v2/Users/{id}")).await.body["title"], "t");
    }
}

/// A commit of which nobody hears whether it was done is done once: again with a key, and not again without.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_not_done_again() {
    let (proxy, url) = CommitProxy::before(&postgres::fresh_database());
    let key = MasterKey::from_bytes([7; 32]).to_text();
    let environment = [("PROVOST_DATABASE_URL", url.as_str()), ("PROVOST_MASTER_KEY", key.expose())];
    let gateway = Gateway::with(Path::new(""), &environment);
    let scim = gateway.admin();
    let body = |name: &str| json!({ "Operations": (0..60).map(|n| post(&format!("{name}-{n}"))).collect::<Vec<_>>() });

    proxy.lose("keyless-7");
    let answer = scim.post("/scim/v2/Bulk", &body("keyless")).await;
    assert!(proxy.has_lost());
    assert_eq!(statuses(&answer), ["503"; 60]);
    let done = total(&scim, "Users").await;
    assert_eq!(done, 50, "the first transaction was committed, and nothing after it was begun");

    proxy.lose("keyed-7");
    let answer = keyed(&scim, "k", &body("keyed")).await;
    assert!(proxy.has_lost());
    assert_eq!(statuses(&answer), ["201"; 60]);
    assert_eq!(total(&scim, "Users").await, done + 60);
    assert_eq!(keyed(&scim, "k", &body("keyed")).await.text, answer.text);
}

//! Making an index, or uniqueness, of what is stored already.

use std::time::Duration;

use provost::domain::normal;
use provost::store::settings;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ACME, extension};
use crate::harness::gateway::{Client, Gateway, query};
use crate::harness::poll_until;
use crate::harness::process::{self, Process};

/// Gateways whose jobs wait for the test.
fn by_hand() -> (TempDir, [Gateway; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let off = [("PROVOST_JOBS__ENABLED", "false")];
    let sqlite = Gateway::with(&folder.path().join("data"), &off);
    (folder, [sqlite, Gateway::on_postgres_with(&off)])
}

fn badge(more: Value) -> Value {
    let mut out = json!({ "name": "badge" });
    out.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    extension(&[out])
}

async fn users(client: &Client, count: usize, value: impl Fn(usize) -> String) {
    let mut running = tokio::task::JoinSet::new();
    for n in 0..count {
        let (client, value) = (client.clone(), value(n));
        running.spawn(async move {
            let body = json!({ "userName": format!("u{n}"), ACME: { "badge": value } });
            assert_eq!(client.post("/scim/v2/Users", &body).await.status, 201);
        });
        if running.len() > 16 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

async fn found(client: &Client, value: &str) -> u64 {
    let list = query("/scim/v2/Users", &[("filter", &format!("{ACME}:badge eq \"{value}\"")), ("count", "0")]);
    client.get(&list).await.body["totalResults"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_made_in_batches_and_writes_keep_it_up_meanwhile() {
    let (_folder, gateways) = by_hand();
    for gateway in gateways {
        let client = gateway.tenant("t").await;
        client.put("/admin/v1/types/user", &badge(json!({}))).await;
        users(&client, 1_100, |n| format!("b{}", n % 11)).await;
        let changed = client.put("/admin/v1/types/user", &badge(json!({ "indexed": true }))).await;
        let job = changed.header("provost-job").unwrap_or_else(|| panic!("{}", changed.text)).to_owned();
        let job = format!("/admin/v1/jobs/{job}");
        let shown = client.get(&job).await;
        assert_eq!(
            (&shown.body["status"], &shown.body["done"], &shown.body["total"]),
            (&json!("open"), &json!(0), &json!(1_100))
        );
        // Nothing is indexed, and nothing is missed.
        assert_eq!(found(&client, "b3").await, 100);
        assert_eq!(client.put("/admin/v1/types/user", &json!({})).await.status, 409, "a job is at it");
        gateway.sync.step_jobs().await.unwrap();
        let shown = client.get(&job).await;
        assert_eq!((&shown.body["status"], &shown.body["done"]), (&json!("open"), &json!(500)));
        // One behind the cursor and one before it change; one comes, one goes.
        let list = client.get("/scim/v2/Users?startIndex=1&count=1").await;
        let first = list.body["Resources"][0]["id"].as_str().unwrap().to_owned();
        let list = client.get("/scim/v2/Users?startIndex=1100&count=1").await;
        let last = list.body["Resources"][0]["id"].as_str().unwrap().to_owned();
        for id in [&first, &last] {
            let body = json!({ "Operations": [{ "op": "replace", "path": format!("{ACME}:badge"), "value": "moved" }] });
            assert_eq!(client.patch(&format!("/scim/v2/Users/{id}"), &body).await.status, 200);
        }
        assert_eq!(client.post("/scim/v2/Users", &json!({ "userName": "new", ACME: { "badge": "moved" } })).await.status, 201);
        assert_eq!(found(&client, "moved").await, 3);
        gateway.sync.drain_jobs().await.unwrap();
        let shown = client.get(&job).await;
        assert_eq!((&shown.body["status"], &shown.body["error"]), (&json!("done"), &Value::Null), "{}", shown.text);
        assert_eq!((found(&client, "moved").await, found(&client, "MOVED").await), (3, 3));
        let all: u64 = {
            let mut sum = 0;
            for n in 0..11 {
                sum += found(&client, &format!("b{n}")).await;
            }
            sum
        };
        assert_eq!(all, 1_098);
        let examined = gateway.service.examine(|finding| panic!("{finding}")).await.unwrap();
        assert_eq!(examined.findings, 0);
        let listed = client.get("/admin/v1/jobs").await;
        assert_eq!(listed.body["jobs"].as_array().unwrap().len(), 1);
        let stranger = gateway.tenant("other").await;
        assert_eq!(stranger.get(&job).await.status, 404);
        assert_eq!(stranger.get("/admin/v1/jobs").await.body["jobs"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_fail_the_job_and_the_type_stays_as_it_was() {
    let (_folder, gateways) = by_hand();
    for gateway in gateways {
        let client = gateway.tenant("t").await;
        client.put("/admin/v1/types/user", &badge(json!({}))).await;
        users(&client, 30, |n| format!("b{}", n % 28)).await;
        let unique = badge(json!({ "uniqueness": "server" }));
        let changed = client.put("/admin/v1/types/user", &unique).await;
        let job = format!("/admin/v1/jobs/{}", changed.header("provost-job").unwrap());
        gateway.sync.drain_jobs().await.unwrap();
        let shown = client.get(&job).await;
        assert_eq!(shown.body["status"], "failed", "{}", shown.text);
        let error = shown.body["error"].as_str().unwrap();
        assert!(error.starts_with("2 objects") && error.contains("badge"), "{error}");
        let kind = client.get(&format!("/scim/v2/Schemas/{ACME}")).await;
        assert_eq!(kind.body["attributes"][0]["uniqueness"], "none", "{}", kind.text);
        let twin = json!({ "userName": "twin", ACME: { "badge": "b5" } });
        let twin = client.post("/scim/v2/Users", &twin).await;
        assert_eq!(twin.status, 201, "{}", twin.text);
        // Without them it is done, and holds.
        for value in ["b0", "b1", "b5"] {
            let list = query("/scim/v2/Users", &[("filter", &format!("{ACME}:badge eq \"{value}\""))]);
            let id = client.get(&list).await.body["Resources"][0]["id"].as_str().unwrap().to_owned();
            assert_eq!(client.delete(&format!("/scim/v2/Users/{id}")).await.status, 204);
        }
        assert_eq!(client.put("/admin/v1/types/user", &unique).await.status, 200);
        gateway.sync.drain_jobs().await.unwrap();
        let twin = client.post("/scim/v2/Users", &json!({ "userName": "t2", ACME: { "badge": "B5" } })).await;
        assert_eq!((twin.status, &twin.body["scimType"]), (409, &json!("uniqueness")), "{}", twin.text);
        assert_eq!(gateway.service.examine(|finding| panic!("{finding}")).await.unwrap().findings, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_survives_kill_9() {
    let (_folder, data) = process::folder();
    let off = || {
        let mut command = process::serve(&data);
        command.env("PROVOST_JOBS__ENABLED", "false");
        command
    };
    let gateway = Process::start(off());
    let client = gateway.admin();
    client.put("/admin/v1/types/user", &badge(json!({}))).await;
    users(&client, 600, |n| format!("b{n}")).await;
    let changed = client.put("/admin/v1/types/user", &badge(json!({ "indexed": true, "uniqueness": "server" }))).await;
    let job = format!("/admin/v1/jobs/{}", changed.header("provost-job").unwrap());
    gateway.kill();
    // It is killed again while it works, if it is not too quick.
    let gateway = Process::on(&data);
    gateway.kill();
    let gateway = Process::on(&data);
    let client = gateway.admin();
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        poll_until("the end of the job", Duration::from_secs(20), || {
            let shown = runtime.block_on(client.get(&job));
            (shown.body["status"] == "done").then_some(())
        });
    });
    assert_eq!(found(&client, "b599").await, 1);
    let twin = client.post("/scim/v2/Users", &json!({ "userName": "t", ACME: { "badge": "b0" } })).await;
    assert_eq!(twin.status, 409, "{}", twin.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_unicode_tables_make_every_index_anew() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let off = [("PROVOST_JOBS__ENABLED", "false")];
    let gateway = Gateway::with(&data, &off);
    let client = gateway.admin();
    for n in 0..3 {
        assert_eq!(client.post("/scim/v2/Users", &json!({ "userName": format!("u{n}") })).await.status, 201);
    }
    let store = gateway.service.store().clone();
    let set = |value: &'static str| {
        let store = store.clone();
        async move {
            let write = move |tx: &mut provost::store::Tx<'_>| settings::set(tx, "unicode_tables", value);
            store.write::<_, provost::store::StoreError>(provost::domain::key::TenantId(0), write).await.unwrap();
        }
    };
    set("other").await;
    drop(store);
    drop(gateway);
    let gateway = Gateway::with(&data, &off);
    let client = gateway.admin();
    let jobs = client.get("/admin/v1/jobs").await;
    assert_eq!(jobs.body["jobs"][0]["status"], "open", "{}", jobs.text);
    let by_name = query("/scim/v2/Users", &[("filter", "userName eq \"U1\"")]);
    assert_eq!(client.get(&by_name).await.body["totalResults"], 1);
    gateway.sync.drain_jobs().await.unwrap();
    let jobs = client.get("/admin/v1/jobs").await;
    assert!(jobs.body["jobs"].as_array().unwrap().iter().all(|job| job["status"] == "done"), "{}", jobs.text);
    assert_eq!(client.get(&by_name).await.body["totalResults"], 1);
    assert_eq!(gateway.service.examine(|finding| panic!("{finding}")).await.unwrap().findings, 0);
    let stored = gateway.service.store().read(|conn| settings::get(conn, "unicode_tables")).await.unwrap();
    assert_eq!(stored.as_deref(), Some(normal::TABLES));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_may_be_asked_of_a_shipped_attribute_and_taken_back() {
    let (_folder, gateways) = by_hand();
    for gateway in gateways {
        let client = gateway.tenant("t").await;
        for n in 0..3 {
            let body = json!({ "userName": format!("u{n}"), "nickName": format!("n{n}") });
            assert_eq!(client.post("/scim/v2/Users", &body).await.status, 201);
        }
        let core = |attribute: Value| json!({ "schemas": [{ "id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": [attribute] }] });
        let asked = core(json!({ "name": "nickName", "indexed": true, "required": true, "uniqueness": "server" }));
        let raised = client.put("/admin/v1/types/user", &asked).await;
        assert!(raised.status == 200 && raised.header("provost-job").is_some(), "{}", raised.text);
        gateway.sync.drain_jobs().await.unwrap();
        assert_eq!(client.post("/scim/v2/Users", &json!({ "userName": "x" })).await.status, 400);
        let twin = json!({ "userName": "x", "nickName": "N1" });
        assert_eq!(client.post("/scim/v2/Users", &twin).await.status, 409);
        let by_name = query("/scim/v2/Users", &[("filter", "nickName sw \"N\"")]);
        assert_eq!(client.get(&by_name).await.body["totalResults"], 3);
        assert_eq!(gateway.service.examine(|finding| panic!("{finding}")).await.unwrap().findings, 0);
        // What says nothing of it is as shipped again.
        assert_eq!(client.delete("/admin/v1/types/user").await.status, 204);
        assert_eq!(client.post("/scim/v2/Users", &twin).await.status, 201);
        assert_eq!(client.get(&by_name).await.body["totalResults"], 4);
        assert_eq!(gateway.service.examine(|finding| panic!("{finding}")).await.unwrap().findings, 0);
    }
}

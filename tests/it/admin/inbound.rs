//! The guard over what comes in: a ceiling on deactivations and deletions, by source and type.

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::harness::gateway::{Answer, Client, Gateway};

const ON: (&str, &str) = ("PROVOST_INBOUND_GUARD__ENABLED", "true");

struct World {
    gateway: Gateway,
    admin: Client,
    _folder: Option<TempDir>,
}

impl World {
    fn sqlite(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::with(&folder.path().join("data"), settings);
        Self { admin: gateway.admin(), gateway, _folder: Some(folder) }
    }

    fn postgres(settings: &[(&str, &str)]) -> Self {
        let gateway = Gateway::on_postgres_with(settings);
        Self { admin: gateway.admin(), gateway, _folder: None }
    }

    fn both(settings: &[(&str, &str)]) -> [Self; 2] {
        [Self::sqlite(settings), Self::postgres(settings)]
    }

    async fn client(&self, source: &str) -> Client {
        let scopes = ["scim.write", "scim.read", "scim.roles", "idm.write", "idm.read", "idm.roles"];
        self.gateway.token(&scopes, "generic", source).await
    }

    async fn users(&self, count: usize) -> Vec<String> {
        let mut out = Vec::new();
        for n in 0..count {
            let made =
                self.admin.post("/scim/v2/Users", &json!({ "userName": format!("u{n}"), "displayName": format!("U{n}") })).await;
            out.push(made.id().to_owned());
        }
        out
    }

    fn forward(&self, seconds: i64) {
        self.gateway.clock.set(self.gateway.clock.now().plus_seconds(seconds));
    }

    async fn held(&self) -> Value {
        let told = self.admin.get("/admin/v1/inbound/held").await;
        assert_eq!(told.status, 200, "{}", told.text);
        told.body["held"].clone()
    }
}

fn off(value: bool) -> Value {
    json!({ "Operations": [{ "op": "replace", "path": "active", "value": value }] })
}

async fn delete(client: &Client, id: &str) -> Answer {
    client.delete(&format!("/scim/v2/Users/{id}")).await
}

#[tokio::test]
async fn every_way_to_take_away_is_counted() {
    for world in World::both(&[ON, ("PROVOST_INBOUND_GUARD__REMOVALS", "5")]) {
        let hr = world.client("hr").await;
        let users = world.users(9).await;
        let (scim, idm) =
            (|n: usize| format!("/scim/v2/Users/{}", users[n]), |n: usize| format!("/openidm/managed/user/{}", users[n]));
        assert_eq!(hr.patch(&scim(0), &off(false)).await.status, 200);
        assert_eq!(hr.put(&scim(1), &json!({ "userName": "u1", "active": false })).await.status, 200);
        assert_eq!(hr.delete(&scim(2)).await.status, 204);
        let inactive = json!([{ "operation": "replace", "field": "/accountStatus", "value": "inactive" }]);
        assert_eq!(hr.patch(&idm(3), &inactive).await.status, 200);
        assert_eq!(hr.delete(&idm(4)).await.status, 200);
        // Each dialect in its own form.
        let refused = hr.patch(&scim(5), &off(false)).await;
        assert_eq!((refused.status, &refused.body["status"]), (429, &json!("429")), "{}", refused.text);
        assert_eq!(refused.header("retry-after"), Some("3600"));
        assert!(
            refused.body["detail"].as_str().unwrap().contains("'hr'") && refused.text.contains("5 objects"),
            "{}",
            refused.text
        );
        for refused in [
            hr.put(&scim(5), &json!({ "userName": "u5", "active": false })).await,
            hr.delete(&scim(6)).await,
            hr.patch(&idm(7), &inactive).await,
            hr.delete(&idm(8)).await,
            hr.put(&idm(8), &json!({ "userName": "u8", "accountStatus": "inactive" })).await,
        ] {
            assert_eq!(refused.status, 429, "{}", refused.text);
        }
        assert_eq!(hr.delete(&idm(8)).await.body["code"], 429);
        assert_eq!(world.admin.get(&scim(5)).await.body["active"], true);
        // What takes nothing away passes, and so does a repetition of what was counted.
        assert_eq!(
            hr.patch(&scim(5), &json!({ "Operations": [{ "op": "add", "path": "title", "value": "x" }] })).await.status,
            200
        );
        assert_eq!(hr.delete(&scim(0)).await.status, 204, "it was deactivated a moment ago");
        assert_eq!(hr.patch(&scim(1), &off(true)).await.status, 200);
        assert_eq!(hr.patch(&scim(1), &off(false)).await.status, 200);
        // Other types and other sources have ceilings of their own.
        let group = world.admin.post("/scim/v2/Groups", &json!({ "displayName": "g" })).await;
        assert_eq!(hr.delete(&format!("/scim/v2/Groups/{}", group.id())).await.status, 204);
        let role = world.admin.post("/scim/v2/Roles", &json!({ "name": "r" })).await;
        assert_eq!(hr.delete(&format!("/scim/v2/Roles/{}", role.id())).await.status, 204);
        assert_eq!(world.client("other").await.delete(&scim(6)).await.status, 204);
        let held = world.held().await;
        assert_eq!((&held[0]["source"], &held[0]["count"]), (&json!("hr"), &json!(4)), "{held}");
        let removals = held[0]["removals"].as_array().unwrap();
        let one = removals.iter().find(|r| r["objectId"] == users[8].as_str()).unwrap();
        assert_eq!((&one["op"], &one["tries"], &one["name"]), (&json!("delete"), &json!(3), &json!("U8")), "{one}");
        assert_eq!(one["actor"], "test");
        let metrics = world.admin.get("/metrics").await.text;
        assert!(metrics.contains("provost_inbound_held_total 7\n"), "{metrics}");
    }
}

#[tokio::test]
async fn a_bulk_is_held_operation_by_operation() {
    for world in World::both(&[ON, ("PROVOST_INBOUND_GUARD__REMOVALS", "1")]) {
        let hr = world.client("hr").await;
        let users = world.users(3).await;
        let mut operations: Vec<Value> =
            users.iter().map(|id| json!({ "method": "DELETE", "path": format!("/Users/{id}") })).collect();
        operations.push(json!({ "method": "POST", "path": "/Users", "bulkId": "n", "data": { "userName": "new" } }));
        let answer = hr.post("/scim/v2/Bulk", &json!({ "Operations": operations })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let told = answer.body["Operations"].as_array().unwrap();
        assert_eq!(told.iter().map(|o| &o["status"]).collect::<Vec<_>>(), ["204", "429", "429", "201"], "{}", answer.text);
        for refused in &told[1..3] {
            is_refusal(&refused["response"]);
        }
        let held = world.held().await;
        assert_eq!((held.as_array().map(Vec::len), &held[0]["count"]), (Some(1), &json!(2)), "{held}");
        // Whom it kept is as he was, and what is not a removal is done.
        let left = world.admin.get("/scim/v2/Users?sortBy=userName").await.body;
        let names: Vec<&str> = left["Resources"].as_array().unwrap().iter().map(|u| u["userName"].as_str().unwrap()).collect();
        assert_eq!(names, ["new", "u1", "u2"]);
        assert!(left["Resources"].as_array().unwrap().iter().all(|u| u["active"] == true), "{left}");
        let single = delete(&hr, &users[1]).await;
        assert_eq!((single.status, single.header("content-type")), (429, Some("application/scim+json")), "{}", single.text);
        assert_eq!(single.header("retry-after"), Some("3600"));
        is_refusal(&single.body);
    }
}

/// The form of an error, whole (RFC 7644 §3.12).
fn is_refusal(body: &Value) {
    let detail = body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("'hr'") && detail.contains("1 object"), "{body}");
    let whole = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "429", "detail": detail,
    });
    assert_eq!(*body, whole);
}

#[tokio::test]
async fn the_window_slides() {
    for world in World::both(&[ON, ("PROVOST_INBOUND_GUARD__REMOVALS", "2"), ("PROVOST_INBOUND_GUARD__WINDOW", "100s")]) {
        let hr = world.client("hr").await;
        let users = world.users(5).await;
        assert_eq!(delete(&hr, &users[0]).await.status, 204);
        world.forward(40);
        assert_eq!(delete(&hr, &users[1]).await.status, 204);
        let refused = delete(&hr, &users[2]).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")));
        world.forward(59);
        assert_eq!(delete(&hr, &users[2]).await.header("retry-after"), Some("1"));
        world.forward(1);
        assert_eq!(delete(&hr, &users[2]).await.status, 204);
        assert_eq!(delete(&hr, &users[3]).await.status, 429);
        assert_eq!(world.held().await[0]["count"], 1, "what passed is held no more");
        world.forward(100);
        assert_eq!(delete(&hr, &users[3]).await.status, 204);
        assert_eq!(world.held().await, json!([]));
    }
}

#[tokio::test]
async fn what_is_approved_passes_once_it_is_sent_again() {
    for world in World::both(&[ON, ("PROVOST_INBOUND_GUARD__REMOVALS", "1")]) {
        let hr = world.client("hr").await;
        let users = world.users(9).await;
        assert_eq!(delete(&hr, &users[0]).await.status, 204);
        for user in &users[1..4] {
            assert_eq!(delete(&hr, user).await.status, 429);
        }
        let path = "/admin/v1/inbound/held/hr/approve";
        let approved = world.admin.send(reqwest::Method::POST, path, &[], None).await;
        assert_eq!((approved.status, &approved.body["approved"]), (202, &json!(3)), "{}", approved.text);
        assert_eq!(approved.body["until"], "2026-03-01T13:00:00.000000Z");
        assert_eq!(delete(&hr, &users[1]).await.status, 204);
        assert_eq!(delete(&hr, &users[4]).await.status, 429, "another was not approved");
        assert_eq!(delete(&world.client("other").await, &users[5]).await.status, 204);
        // It ends by its time.
        world.forward(3_599);
        assert_eq!(hr.patch(&format!("/scim/v2/Users/{}", users[2]), &off(false)).await.status, 200);
        assert_eq!(delete(&hr, &users[2]).await.status, 204, "deactivated by approval, deleted thereafter");
        world.forward(1);
        assert_eq!(delete(&hr, &users[6]).await.status, 204, "the window has moved on");
        assert_eq!(delete(&hr, &users[3]).await.status, 429, "the approval has ended");
        // By number: any others.
        let approved = world.admin.post(path, &json!({ "more": 1, "seconds": 60 })).await;
        assert_eq!((&approved.body["approved"], &approved.body["more"]), (&json!(2), &json!(1)), "{}", approved.text);
        assert_eq!(world.held().await[0]["allowance"]["more"], 1);
        assert_eq!(delete(&hr, &users[7]).await.status, 204);
        assert_eq!(delete(&hr, &users[8]).await.status, 429);
        let rejected = world.admin.post("/admin/v1/inbound/held/hr/reject", &json!({})).await;
        assert_eq!((rejected.status, &rejected.body["rejected"]), (200, &json!(3)), "{}", rejected.text);
        assert_eq!(world.held().await, json!([]));
        assert_eq!(delete(&hr, &users[3]).await.status, 429, "rejected is not approved");
        for body in [json!({ "more": -1 }), json!({ "seconds": 0 }), json!({ "all": true })] {
            assert_eq!(world.admin.post(path, &body).await.status, 400, "{body}");
        }
        let other = world.gateway.tenant("other").await;
        assert_eq!(other.get("/admin/v1/inbound/held").await.body["held"], json!([]));
        let metrics = world.admin.get("/metrics").await.text;
        assert!(metrics.contains("provost_inbound_approved_total 5\n"), "{metrics}");
    }
}

#[tokio::test]
async fn who_approves_a_deactivation_approves_no_deletion() {
    for world in World::both(&[ON, ("PROVOST_INBOUND_GUARD__REMOVALS", "1")]) {
        let hr = world.client("hr").await;
        let users = world.users(3).await;
        let path = format!("/scim/v2/Users/{}", users[1]);
        assert_eq!(delete(&hr, &users[0]).await.status, 204);
        assert_eq!(hr.patch(&path, &off(false)).await.status, 429);
        let approved = world.admin.post("/admin/v1/inbound/held/hr/approve", &json!({})).await;
        assert!(approved.status < 300, "{}", approved.text);
        assert_eq!(hr.delete(&path).await.status, 429, "nobody has seen that");
        assert_eq!(hr.patch(&path, &off(false)).await.status, 429, "and what is held now is the deletion");
        assert!(world.admin.post("/admin/v1/inbound/held/hr/approve", &json!({})).await.status < 300);
        assert_eq!(hr.patch(&path, &off(false)).await.status, 200);
    }
}

#[tokio::test]
async fn a_share_counts_from_a_population_on() {
    for world in World::both(&[ON, ("PROVOST_INBOUND_GUARD__PERCENT", "10"), ("PROVOST_INBOUND_GUARD__POPULATION", "20")]) {
        let hr = world.client("hr").await;
        let users = world.users(19).await;
        for user in &users[..5] {
            assert_eq!(delete(&hr, user).await.status, 204, "a small tenant is not blocked");
        }
        // Five are gone, twenty-one are there: two more than six would be more than a tenth of twenty-six already.
        for n in 0..7 {
            assert_eq!(world.admin.post("/scim/v2/Users", &json!({ "userName": format!("new{n}") })).await.status, 201);
        }
        assert_eq!(delete(&hr, &users[5]).await.status, 429);
        world.forward(3_601);
        for user in &users[5..7] {
            assert_eq!(delete(&hr, user).await.status, 204);
        }
        assert_eq!(delete(&hr, &users[7]).await.status, 429, "two of twenty-one is a tenth");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_so_many_pass_at_once() {
    for world in World::both(&[ON, ("PROVOST_INBOUND_GUARD__REMOVALS", "4"), ("PROVOST_STORE__RETRIES", "50")]) {
        let hr = world.client("hr").await;
        let mut running = JoinSet::new();
        for user in world.users(16).await {
            let hr = hr.clone();
            running.spawn(async move {
                loop {
                    let answer = delete(&hr, &user).await;
                    if answer.status != 503 {
                        return answer.status;
                    }
                }
            });
        }
        let answers = running.join_all().await;
        assert_eq!(answers.iter().filter(|status| **status == 204).count(), 4, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 429).count(), 12, "{answers:?}");
        assert_eq!(world.held().await[0]["count"], 12);
    }
}

#[tokio::test]
async fn a_try_is_refused_and_not_held() {
    let world = World::sqlite(&[ON, ("PROVOST_INBOUND_GUARD__REMOVALS", "1")]);
    let hr = world.client("hr").await;
    let users = world.users(3).await;
    let dry = |id: &str| format!("/scim/v2/Users/{id}?dryRun=true");
    for user in &users {
        assert_eq!(hr.delete(&dry(user)).await.status, 204, "tries do not count");
    }
    assert_eq!(delete(&hr, &users[0]).await.status, 204);
    assert_eq!(hr.delete(&dry(&users[1])).await.status, 429);
    assert_eq!(world.held().await, json!([]));
}

#[tokio::test]
async fn it_is_off_unless_it_is_turned_on() {
    let world = World::sqlite(&[("PROVOST_INBOUND_GUARD__REMOVALS", "1")]);
    let hr = world.client("hr").await;
    for user in world.users(4).await {
        assert_eq!(delete(&hr, &user).await.status, 204);
    }
    let told = world.admin.post("/admin/v1/inbound/held/hr/approve", &json!({})).await;
    assert_eq!(told.status, 409, "{}", told.text);
}

//! Targets in the admin API.

use serde_json::{Value, json};

use super::Bench;
use crate::harness::gateway::Gateway;

#[tokio::test]
async fn a_target_is_made_read_changed_and_removed() {
    let bench = Bench::start();
    let target = bench.target(json!({"guard": {"deletes": 5}})).await;
    let path = format!("/admin/v1/targets/{target}");
    let read = bench.admin.get(&path).await;
    assert_eq!(read.body["config"]["auth"], json!({"type": "bearer", "token": "•••"}));
    assert_eq!((&read.body["state"], &read.body["deprovision"]), (&json!("active"), &json!("disable")), "{}", read.text);
    assert_eq!(read.body["guard"], json!({"deletes": 5, "percent": 20, "windowSeconds": 3600}));
    assert_eq!(bench.admin.get("/admin/v1/targets").await.body["targets"], json!([read.body]));
    let twin = bench.admin.post("/admin/v1/targets", &bench.wish(json!({}))).await;
    assert_eq!(twin.status, 409, "{}", twin.text);

    // What was read can be sent back; the secret stays.
    let put = bench.admin.put(&path, &read.body).await;
    assert_eq!((put.status, &put.body["rev"]), (200, &json!(2)), "{}", put.text);
    let renamed = bench.admin.patch(&path, &json!({"name": "erp", "guard": null})).await;
    assert_eq!((&renamed.body["name"], renamed.body.get("guard")), (&json!("erp"), None), "{}", renamed.text);
    let probed = bench.admin.post(&format!("{path}/probe"), &json!({})).await;
    assert_eq!((&probed.body["ok"], &probed.body["capabilities"]["patch"]), (&json!(true), &json!(true)), "{}", probed.text);
    let stolen = bench.admin.patch(&path, &json!({"config": {"baseUrl": "https://evil.example/"}})).await;
    assert_eq!(stolen.status, 400);
    assert!(stolen.text.contains("must be given again"), "{}", stolen.text);

    assert_eq!(bench.admin.delete(&path).await.status, 204);
    assert_eq!(bench.admin.get(&path).await.status, 404);
}

#[tokio::test]
async fn mistakes_are_named() {
    let bench = Bench::start();
    for (changes, text) in [
        (json!({"name": ""}), "name is"),
        (json!({"kind": "ftp"}), "kind is scim"),
        (json!({"config": {"baseUrl": "https://x/"}}), "config.auth is required"),
        (json!({"mappings": {"user": {"scope": "nope eq 1"}}}), "mappings.user.scope"),
        (json!({"mappings": {"user": {"rules": [{"target": "title", "expr": "1 +"}]}}}), "mappings.user.rules[0].expr"),
        (json!({"mappings": {"robot": {}}}), "mappings.robot"),
        (json!({"deprovision": "burn"}), "deprovision is"),
        (json!({"guard": {"percent": 200}}), "guard"),
        (json!({"config": bench.config(json!({"allowPrivateNetwork": false}))}), "allowPrivateNetwork"),
        (
            json!({"config": {"baseUrl": "https://127.0.0.1:9/", "auth": {"type": "none"}}}),
            "the address 127.0.0.1 is private: allowPrivateNetwork must be true",
        ),
        (
            json!({"config": {"baseUrl": "https://169.254.169.254/", "allowPrivateNetwork": true, "auth": {"type": "none"}}}),
            "allowLinkLocal must be true",
        ),
        (json!({"config": bench.config(json!({"auth": {"type": "bearer", "token": "•••"}}))}), "a secret reads"),
    ] {
        let refused = bench.admin.post("/admin/v1/targets", &bench.wish(changes.clone())).await;
        assert_eq!(refused.status, 400, "{changes}: {}", refused.text);
        assert!(refused.body["detail"].as_str().unwrap().contains(text), "{changes}: {}", refused.text);
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    }
    for path in ["nope", "0195e0a0-0000-7000-8000-000000000000", "a%2Fb"] {
        assert_eq!(bench.admin.get(&format!("/admin/v1/targets/{path}")).await.status, 404);
        assert_eq!(bench.admin.get(&format!("/admin/v1/targets/{path}/links")).await.status, 404);
        assert_eq!(bench.admin.get(&format!("/admin/v1/targets/{path}/attempts")).await.status, 404);
        assert_eq!(bench.admin.get(&format!("/admin/v1/targets/{path}/held")).await.status, 404);
        assert_eq!(bench.admin.post(&format!("/admin/v1/targets/{path}/pause"), &json!({})).await.status, 404);
    }
}

#[tokio::test]
async fn another_tenant_and_another_scope_see_nothing() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let user = bench.add_user("a").await;
    bench.drain().await;
    let other = bench.gateway.tenant("other").await;
    let reader = bench.gateway.token(&["scim.read", "scim.write"], "generic", "default").await;
    assert_eq!(other.get("/admin/v1/targets").await.body["targets"], json!([]));
    assert_eq!(reader.get("/admin/v1/targets").await.status, 403);
    let body = json!({});
    let base = format!("/admin/v1/targets/{target}");
    let link = format!("{base}/links/user/{user}");
    for path in [base.clone(), format!("{base}/links"), format!("{base}/attempts"), format!("{base}/held"), link.clone()] {
        assert_eq!(other.get(&path).await.status, 404, "{path}");
        assert_eq!(reader.get(&path).await.status, 403, "{path}");
    }
    for path in [
        format!("{base}/probe"),
        format!("{base}/pause"),
        format!("{base}/resume"),
        format!("{base}/resync"),
        format!("{base}/retry"),
        format!("{base}/held/x/approve"),
        format!("{base}/held/x/reject"),
        format!("{link}/retry"),
        format!("{link}/unlink"),
    ] {
        assert_eq!(other.post(&path, &body).await.status, 404, "{path}");
        assert_eq!(reader.post(&path, &body).await.status, 403, "{path}");
    }
    assert_eq!(other.post(&format!("{link}/adopt"), &json!({"remoteId": "1"})).await.status, 404);
    assert_eq!(other.put(&base, &bench.wish(json!({}))).await.status, 404);
    assert_eq!(other.patch(&base, &body).await.status, 404);
    assert_eq!(other.delete(&base).await.status, 404);
    assert_eq!(bench.shown(&target).await["counts"]["linked"], 1);
    // The other tenant's people do not arrive here.
    assert_eq!(other.post("/scim/v2/Users", &json!({"userName": "stranger"})).await.status, 201);
    bench.drain().await;
    assert_eq!(bench.user("stranger").await, None);
}

#[tokio::test]
async fn secrets_are_shown_nowhere() {
    const TOKEN: &str = "hunter2-hunter2";
    let bench = Bench::start();
    let config = bench.config(json!({"auth": {"type": "bearer", "token": TOKEN}}));
    let target = bench.target(json!({"config": config})).await;
    let user = bench.add_user("a").await;
    let echo = json!({"detail": format!("the token {TOKEN} is not known")});
    bench.proxy.always(Some(crate::harness::fault_proxy::Fault::json(401, &echo)));
    bench.drain().await;
    let base = format!("/admin/v1/targets/{target}");
    let probed = bench.admin.post(&format!("{base}/probe"), &json!({})).await;
    let mut texts = vec![probed.text];
    for path in [
        base.clone(),
        "/admin/v1/targets".to_owned(),
        format!("{base}/links"),
        format!("{base}/attempts"),
        format!("{base}/links/user/{user}"),
    ] {
        let read = bench.admin.get(&path).await;
        assert_eq!(read.status, 200, "{}", read.text);
        texts.push(read.text);
    }
    texts.push(bench.admin.get("/admin/v1/changes").await.text);
    texts.push(bench.admin.get("/metrics").await.text);
    let broken = bench.admin.patch(&base, &json!({"config": {"auth": {"type": TOKEN}}})).await;
    assert_eq!(broken.status, 400);
    texts.push(broken.text);
    for text in texts {
        assert!(!text.contains(TOKEN), "{text}");
    }
    for file in ["provost.db", "provost.db-wal"] {
        let stored = std::fs::read(bench.data().join(file)).unwrap();
        assert!(!stored.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()), "{file} holds it in the clear");
    }
}

#[tokio::test]
async fn a_pause_keeps_what_changes_for_later() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let base = format!("/admin/v1/targets/{target}");
    assert_eq!(bench.admin.post(&format!("{base}/pause"), &json!({})).await.body["state"], "paused");
    bench.add_user("a").await;
    bench.drain().await;
    assert!(bench.proxy.seen().is_empty());
    assert_eq!(bench.shown(&target).await["counts"]["pending"], 1);
    assert_eq!(bench.admin.post(&format!("{base}/resume"), &json!({})).await.body["state"], "active");
    bench.drain().await;
    assert!(bench.user("a").await.is_some());
}

#[tokio::test]
async fn the_guard_holds_what_is_too_much() {
    let bench = Bench::start();
    let target = bench.target(json!({"deprovision": "delete", "guard": {"deletes": 2}})).await;
    let base = format!("/admin/v1/targets/{target}");
    let mut users = Vec::new();
    for n in 0..5 {
        users.push(bench.add_user(&format!("u{n}")).await);
    }
    bench.drain().await;
    for user in &users {
        assert_eq!(bench.admin.delete(&format!("/scim/v2/Users/{user}")).await.status, 204);
    }
    bench.add_user("goes on").await;
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 4, "two went, three are held, one came");
    let held = bench.admin.get(&format!("{base}/held")).await;
    assert_eq!(held.body["held"][0]["count"], 3, "{}", held.text);
    assert_eq!(held.body["held"].as_array().unwrap().len(), 1, "{}", held.text);
    let batch = held.body["held"][0]["batch"].as_str().unwrap().to_owned();
    assert_eq!(bench.shown(&target).await["counts"]["held"], 3);
    bench.forward(7200);
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 4, "time lets nothing pass");
    assert_eq!(bench.admin.post(&format!("{base}/held/nope/approve"), &json!({})).await.status, 404);
    let approved = bench.admin.post(&format!("{base}/held/{batch}/approve"), &json!({})).await;
    assert_eq!(approved.body["approved"], 3, "{}", approved.text);
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 1);

    // Rejected, the accounts stay.
    let mut more = Vec::new();
    for n in 0..4 {
        more.push(bench.add_user(&format!("v{n}")).await);
    }
    bench.drain().await;
    for user in &more {
        assert_eq!(bench.admin.delete(&format!("/scim/v2/Users/{user}")).await.status, 204);
    }
    bench.drain().await;
    let held = bench.admin.get(&format!("{base}/held")).await;
    let batch = held.body["held"][0]["batch"].as_str().unwrap().to_owned();
    let rejected = bench.admin.post(&format!("{base}/held/{batch}/reject"), &json!({})).await;
    assert_eq!(rejected.status, 200, "{}", rejected.text);
    let left = bench.held("Users").await.len();
    bench.forward(7200);
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), left);
    assert_eq!(bench.admin.get(&format!("{base}/held")).await.body["held"], json!([]));
}

#[tokio::test]
async fn a_server_works_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::with(folder.path(), &[]);
    let peer = crate::harness::python::ScimServer::start();
    let admin = gateway.admin();
    let config = json!({
        "baseUrl": format!("http://{}/v2", peer.address()), "allowPrivateNetwork": true,
        "auth": {"type": "bearer", "token": "peer-token"},
    });
    let made = admin.post("/admin/v1/targets", &json!({"name": "t", "kind": "scim", "config": config})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(admin.post("/scim/v2/Users", &json!({"userName": "by itself"})).await.status, 201);
    let path = format!("/admin/v1/targets/{}", made.id());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let counts: Value = admin.get(&path).await.body["counts"].clone();
        if counts["linked"] == 1 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{counts}");
    }
    assert_eq!(admin.get("/health").await.body["status"], "ok");
}

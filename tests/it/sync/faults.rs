//! What networks and servers do, and what becomes of it.

use serde_json::json;

use super::Bench;
use crate::harness::fault_proxy::Fault;

#[tokio::test]
async fn a_lost_answer_makes_no_second_account() {
    let bench = Bench::start();
    let config = bench.config(json!({"timeoutMs": 700}));
    let target = bench.target(json!({"config": config})).await;
    bench.add_user("warm").await;
    bench.drain().await;
    for (n, fault) in [Fault::DropAnswer, Fault::HangAfter, Fault::EmptyBody].into_iter().enumerate() {
        let name = format!("lost{n}");
        bench.proxy.clear();
        // Looked up, created, and the answer is lost.
        bench.proxy.script([Fault::Pass, fault.clone()]);
        let user = bench.add_user(&name).await;
        bench.drain().await;
        let link = bench.link(&target, "user", &user).await;
        assert_eq!((&link["status"], &link["class"]), (&json!("uncertain"), &json!("uncertain")), "{fault:?}: {link}");
        assert!(link["nextAttempt"].is_string(), "{link}");
        bench.settle().await;
        assert!(bench.user(&name).await.is_some());
        assert_eq!(bench.proxy.passed("POST"), 1, "{fault:?}");
        assert_eq!(bench.link(&target, "user", &user).await["status"], "linked");
    }
    // Before it arrives: looked up, not found, created.
    bench.proxy.script([Fault::Pass, Fault::DropRequest]);
    let user = bench.add_user("unsent").await;
    bench.settle().await;
    assert!(bench.user("unsent").await.is_some());
    assert_eq!(bench.link(&target, "user", &user).await["status"], "linked");
}

#[tokio::test]
async fn a_create_that_outlasts_its_caller_makes_no_second_account() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    bench.add_user("warm").await;
    bench.drain().await;
    bench.proxy.clear();
    // Looked up, sent, and the target is still at it.
    bench.proxy.script([Fault::Pass, Fault::DropRequest]);
    let user = bench.add_user("slow").await;
    let next = bench.drain().await.unwrap();
    assert!(next >= bench.gateway.clock.now().plus_seconds(20), "{next}");
    // Someone is impatient: it is looked for, and not made again.
    bench.forward(5);
    let path = format!("/admin/v1/targets/{target}/links/user/{user}/retry");
    assert_eq!(bench.admin.post(&path, &json!({})).await.status, 202);
    bench.drain().await;
    assert_eq!(bench.user("slow").await, None);
    let there = bench.plant("Users", json!({"userName": "slow", "externalId": user})).await;
    bench.settle().await;
    assert_eq!(bench.link(&target, "user", &user).await["remoteId"], json!(there));
    assert_eq!(bench.user("slow").await.unwrap()["id"], json!(there));
}

#[tokio::test]
async fn an_object_that_was_deleted_meanwhile_is_found_and_goes() {
    let bench = Bench::start();
    bench.target(json!({"deprovision": "delete"})).await;
    bench.add_user("warm").await;
    bench.drain().await;
    bench.proxy.script([Fault::Pass, Fault::DropAnswer]);
    let user = bench.add_user("ghost").await;
    bench.drain().await;
    assert!(bench.user("ghost").await.is_some());
    assert_eq!(bench.admin.delete(&format!("/scim/v2/Users/{user}")).await.status, 204);
    bench.settle().await;
    assert_eq!(bench.user("ghost").await, None);
}

#[tokio::test]
async fn a_target_that_asks_for_patience_gets_it() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    bench.add_user("warm").await;
    bench.drain().await;
    for (n, header) in ["120", "Sun, 01 Mar 2026 12:04:00 GMT"].into_iter().enumerate() {
        let name = format!("patient{n}");
        bench.proxy.script([Fault::Pass, Fault::with_header(429, "Retry-After", header)]);
        let user = bench.add_user(&name).await;
        let next = bench.drain().await.unwrap();
        let wait = (next.micros() - bench.gateway.clock.now().micros()) / 1_000_000;
        assert_eq!(wait, 120, "{header}");
        let link = bench.link(&target, "user", &user).await;
        assert_eq!((&link["class"], &link["attempts"]), (&json!("throttle"), &json!(0)), "no blame: {link}");
        bench.proxy.clear();
        bench.forward(119);
        bench.drain().await;
        assert!(bench.proxy.seen().is_empty(), "nobody is asked before");
        bench.forward(1);
        bench.drain().await;
        assert!(bench.user(&name).await.is_some());
    }
}

#[tokio::test]
async fn a_sick_target_is_tried_again_later() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let user = bench.add_user("a").await;
    bench.drain().await;
    let path = format!("/scim/v2/Users/{user}");
    for status in [500, 503, 504] {
        bench.proxy.script([Fault::status(status)]);
        bench.patch(&path, json!([{"op": "replace", "path": "title", "value": status.to_string()}])).await;
        bench.drain().await;
        let link = bench.link(&target, "user", &user).await;
        assert!(link["nextAttempt"].is_string() && link["error"].as_str().unwrap().starts_with(&status.to_string()), "{link}");
        bench.settle().await;
        assert_eq!(bench.user("a").await.unwrap()["title"], status.to_string());
        assert_eq!(bench.link(&target, "user", &user).await["error"], json!(null));
    }
    // What the target refuses is set aside until it changes.
    bench.proxy.script([Fault::json(400, &json!({"scimType": "invalidValue", "detail": "no such title"}))]);
    bench.patch(&path, json!([{"op": "replace", "path": "title", "value": "x"}])).await;
    assert_eq!(bench.drain().await, None);
    let link = bench.link(&target, "user", &user).await;
    assert_eq!((&link["status"], &link["class"]), (&json!("parked"), &json!("permanent")));
    let parked = bench.admin.get(&format!("/admin/v1/targets/{target}/links?status=parked&type=user")).await;
    assert_eq!(parked.body["links"].as_array().unwrap().len(), 1, "{}", parked.text);
    let retried = bench.admin.post(&format!("/admin/v1/targets/{target}/retry"), &json!({"class": "permanent"})).await;
    assert_eq!(retried.body["retried"], 1, "{}", retried.text);
    bench.drain().await;
    assert_eq!(bench.user("a").await.unwrap()["title"], "x");
}

#[tokio::test]
async fn a_target_that_is_away_is_probed_and_not_hammered() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    bench.add_user("warm").await;
    bench.drain().await;
    bench.proxy.always(Some(Fault::status(503)));
    let mut users = Vec::new();
    for n in 0..12 {
        users.push(bench.add_user(&format!("u{n}")).await);
    }
    bench.proxy.clear();
    for _ in 0..30 {
        bench.drain().await;
        bench.forward(1);
    }
    assert!(bench.proxy.seen().len() < 20, "{}", bench.proxy.seen().len());
    let shown = bench.shown(&target).await;
    assert!(shown["notBefore"].is_string(), "{shown}");
    let link = bench.link(&target, "user", &users[0]).await;
    assert_eq!(link["attempts"], 0, "the object is not to blame: {link}");
    bench.proxy.always(None);
    bench.settle().await;
    assert_eq!(bench.held("Users").await.len(), 13);
    assert_eq!(bench.shown(&target).await["notBefore"], json!(null));
}

#[tokio::test]
async fn refused_credentials_quarantine_the_target_until_they_work() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    bench.add_user("warm").await;
    bench.drain().await;
    bench.proxy.always(Some(Fault::status(401)));
    let mut users = Vec::new();
    for n in 0..5 {
        users.push(bench.add_user(&format!("u{n}")).await);
    }
    bench.drain().await;
    let shown = bench.shown(&target).await;
    assert_eq!(shown["state"], "quarantined", "{shown}");
    assert!(shown["stateReason"].as_str().unwrap().contains("credentials"), "{shown}");
    let counted = bench.proxy.seen().len();
    bench.drain().await;
    assert_eq!(bench.proxy.seen().len(), counted, "no call until the probe is due");
    bench.forward(31);
    bench.drain().await;
    assert_eq!(bench.shown(&target).await["state"], "quarantined");
    bench.proxy.always(None);
    bench.settle().await;
    assert_eq!(bench.shown(&target).await["state"], "active");
    assert_eq!(bench.held("Users").await.len(), 6);
    assert_eq!(bench.link(&target, "user", &users[0]).await["attempts"], 0);
}

#[tokio::test]
async fn one_refused_object_is_no_quarantine() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let user = bench.add_user("a").await;
    bench.drain().await;
    bench.proxy.script([Fault::status(403)]);
    bench.patch(&format!("/scim/v2/Users/{user}"), json!([{"op": "replace", "path": "title", "value": "x"}])).await;
    bench.drain().await;
    assert_eq!(bench.shown(&target).await["state"], "active");
    let link = bench.link(&target, "user", &user).await;
    assert_eq!((&link["status"], &link["class"]), (&json!("parked"), &json!("credentials")), "{link}");
}

#[tokio::test]
async fn a_target_that_knows_nothing_is_not_filled_again() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let mut users = Vec::new();
    for n in 0..6 {
        users.push(bench.add_user(&format!("u{n}")).await);
    }
    bench.drain().await;
    bench.proxy.clear();
    bench.proxy.always(Some(Fault::status(404)));
    for user in &users {
        bench.patch(&format!("/scim/v2/Users/{user}"), json!([{"op": "replace", "path": "title", "value": "x"}])).await;
    }
    bench.drain().await;
    assert_eq!(bench.shown(&target).await["state"], "quarantined");
    for _ in 0..10 {
        bench.forward(120);
        bench.drain().await;
    }
    assert!(bench.proxy.seen().iter().all(|seen| seen.method != "POST"), "{:?}", bench.proxy.seen());
    bench.proxy.always(None);
    bench.settle().await;
    let held = bench.held("Users").await;
    assert_eq!(held.len(), 6);
    assert!(held.iter().all(|user| user["title"] == "x"));
}

#[tokio::test]
async fn a_missing_account_is_made_again() {
    let bench = Bench::start();
    let target = bench.target(json!({"deprovision": "delete"})).await;
    let user = bench.add_user("a").await;
    let group = bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": [{"value": user}]})).await;
    bench.drain().await;
    for endpoint in ["Users", "Groups"] {
        let id = bench.held(endpoint).await[0]["id"].as_str().unwrap().to_owned();
        let url = format!("http://{}/v2/{endpoint}/{id}", bench.peer.address());
        let gone = reqwest::Client::new().delete(url).bearer_auth("peer-token").send().await.unwrap();
        assert_eq!(gone.status(), 204);
    }
    bench.patch(&format!("/scim/v2/Users/{user}"), json!([{"op": "replace", "path": "title", "value": "x"}])).await;
    bench.patch(&format!("/scim/v2/Groups/{group}"), json!([{"op": "replace", "path": "displayName", "value": "h"}])).await;
    bench.settle().await;
    let again = bench.user("a").await.unwrap();
    let groups = bench.held("Groups").await;
    assert_eq!((groups.len(), &groups[0]["displayName"]), (1, &json!("h")));
    assert_eq!(groups[0]["members"][0]["value"], again["id"], "{groups:?}");
    assert_eq!(bench.link(&target, "user", &user).await["lastAttempts"][0]["op"], "recreate");
    // What is gone there already is gone.
    let url = format!("http://{}/v2/Users/{}", bench.peer.address(), again["id"].as_str().unwrap());
    reqwest::Client::new().delete(url).bearer_auth("peer-token").send().await.unwrap();
    assert_eq!(bench.admin.delete(&format!("/scim/v2/Users/{user}")).await.status, 204);
    bench.settle().await;
    let counts = bench.shown(&target).await["counts"].clone();
    assert_eq!(counts["parked"], 0, "{counts}");
    assert!(bench.held("Users").await.is_empty());
}

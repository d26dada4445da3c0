//! A user's life at a target.

use serde_json::json;

use super::Bench;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn a_user_comes_changes_leaves_and_comes_back() {
    comes_and_goes(&Bench::start()).await;
}

#[tokio::test]
async fn a_user_comes_changes_leaves_and_comes_back_on_postgres() {
    comes_and_goes(&Bench::on_postgres()).await;
}

async fn comes_and_goes(bench: &Bench) {
    let early = bench.add_user("early").await;
    let target = bench.target(json!({"deprovision": "delete"})).await;
    let user = json!({
        "userName": "ann", "active": true, "title": "Dr", "name": {"givenName": "Ann", "familyName": "Öst"},
        "emails": [{"value": "a@x.example", "type": "work", "primary": true}],
        ENTERPRISE: {"department": "Sales", "manager": {"value": early}},
    });
    let ann = bench.make("/scim/v2/Users", user).await;
    bench.drain().await;
    let held = bench.user("ann").await.expect("it arrived");
    let boss = bench.user("early").await.expect("what was there before arrived too");
    assert_eq!(held["externalId"], ann);
    assert_eq!(held["name"]["familyName"], "Öst");
    assert_eq!(held[ENTERPRISE]["department"], "Sales");
    assert_eq!(held[ENTERPRISE]["manager"]["value"], boss["id"], "by its id there");

    // Nothing changed, nothing is sent.
    bench.proxy.clear();
    bench.drain().await;
    assert!(bench.proxy.seen().is_empty(), "{:?}", bench.proxy.seen());

    let path = format!("/scim/v2/Users/{ann}");
    let changes = json!([{"op": "remove", "path": "title"}, {"op": "replace", "path": "nickName", "value": "Annie"}]);
    bench.patch(&path, changes).await;
    bench.drain().await;
    let held = bench.user("ann").await.unwrap();
    assert_eq!((held.get("title"), &held["nickName"]), (None, &json!("Annie")));
    assert_eq!(bench.proxy.passed("PATCH"), 1, "one call with what changed");

    bench.patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).await;
    bench.drain().await;
    assert_eq!(bench.user("ann").await.unwrap()["active"], false);
    bench.patch(&path, json!([{"op": "replace", "path": "active", "value": true}])).await;
    bench.drain().await;
    assert_eq!(bench.user("ann").await.unwrap()["active"], true);
    let attempts = bench.admin.get(&format!("/admin/v1/targets/{target}/attempts?objectId={ann}")).await;
    let mut ops: Vec<&str> = attempts.body["attempts"].as_array().unwrap().iter().map(|a| a["op"].as_str().unwrap()).collect();
    // One update more when the manager's id came later.
    ops.dedup();
    assert_eq!(ops, ["enable", "disable", "update", "create"], "{}", attempts.text);

    // Several changes are one call.
    bench.proxy.clear();
    for title in ["a", "b", "c"] {
        bench.patch(&path, json!([{"op": "replace", "path": "title", "value": title}])).await;
    }
    bench.drain().await;
    assert_eq!((bench.proxy.passed("PATCH"), &bench.user("ann").await.unwrap()["title"]), (1, &json!("c")));

    assert_eq!(bench.admin.delete(&path).await.status, 204);
    bench.drain().await;
    assert_eq!(bench.user("ann").await, None);
    let counts = bench.shown(&target).await["counts"].clone();
    assert_eq!((&counts["linked"], &counts["pending"]), (&json!(1), &json!(0)), "{counts}");
}

#[tokio::test]
async fn a_manager_who_is_not_there_yet_does_not_hide_the_one_before() {
    let bench = Bench::start();
    bench.target(json!({"mappings": {"user": {"scope": "title eq \"in\""}}})).await;
    let boss = bench.make("/scim/v2/Users", json!({"userName": "boss", "active": true, "title": "in"})).await;
    let next = bench.add_user("next").await;
    let body = json!({"userName": "ann", "active": true, "title": "in", ENTERPRISE: {"manager": {"value": boss}}});
    let ann = bench.make("/scim/v2/Users", body).await;
    bench.settle().await;
    let there = bench.user("boss").await.unwrap()["id"].clone();
    assert_eq!(bench.user("ann").await.unwrap()[ENTERPRISE]["manager"]["value"], there);
    let (path, manager) = (format!("/scim/v2/Users/{ann}"), format!("{ENTERPRISE}:manager"));
    bench.patch(&path, json!([{"op": "replace", "path": manager, "value": {"value": next}}])).await;
    bench.settle().await;
    assert_eq!(bench.user("ann").await.unwrap()[ENTERPRISE]["manager"]["value"], there, "left alone");
    bench.patch(&path, json!([{"op": "remove", "path": manager}])).await;
    bench.settle().await;
    let held = bench.user("ann").await.unwrap();
    assert!(held.get(ENTERPRISE).is_none_or(|extension| extension["manager"]["value"].is_null()), "{held}");
}

#[tokio::test]
async fn a_target_without_deletion_keeps_accounts_inactive() {
    let bench = Bench::start();
    let target = bench.target(json!({"deprovision": "disable"})).await;
    let user = bench.add_user("leaver").await;
    let group = bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": [{"value": user}]})).await;
    bench.drain().await;
    assert_eq!(bench.admin.delete(&format!("/scim/v2/Users/{user}")).await.status, 204);
    assert_eq!(bench.admin.delete(&format!("/scim/v2/Groups/{group}")).await.status, 204);
    bench.drain().await;
    assert_eq!(bench.user("leaver").await.unwrap()["active"], false);
    assert!(bench.held("Groups").await.is_empty(), "a group cannot be inactive");
    let explained = bench.link(&target, "user", &user).await;
    assert_eq!((&explained["status"], &explained["why"]), (&json!("deprovisioned"), &json!("the object was deleted")));
}

#[tokio::test]
async fn who_is_hired_again_gets_the_account_back() {
    let bench = Bench::start();
    let rules = json!([{"target": "userName", "from": "userName", "match": 1}]);
    for (name, silent, told) in [("jane", false, true), ("joe", false, false), ("jill", true, true)] {
        let mappings = if silent { json!({"user": {"rules": rules}}) } else { json!({"user": {}}) };
        let wish = json!({"name": name, "deprovision": "disable", "mappings": mappings, "config": bench.config(json!({}))});
        let target = bench.target(wish).await;
        let user = bench.add_user(name).await;
        bench.settle().await;
        let before = bench.user(name).await.unwrap();
        assert_eq!(bench.admin.delete(&format!("/scim/v2/Users/{user}")).await.status, 204);
        if told {
            bench.settle().await;
            assert_eq!(bench.user(name).await.unwrap()["active"], false);
        }
        let again = bench.add_user(name).await;
        bench.settle().await;
        let link = bench.link(&target, "user", &again).await;
        assert_eq!((&link["status"], &link["remoteId"]), (&json!("linked"), &before["id"]), "{link}");
        let held = bench.user(name).await.unwrap();
        assert_eq!((&held["active"], &held["externalId"]), (&json!(true), &json!(again)), "{held}");
        assert_eq!(bench.admin.delete(&format!("/admin/v1/targets/{target}")).await.status, 204);
    }
}

#[tokio::test]
async fn unlinking_leaves_the_account_alone() {
    let bench = Bench::start();
    bench.target(json!({"deprovision": "unlink"})).await;
    let user = bench.add_user("stays").await;
    bench.drain().await;
    assert_eq!(bench.admin.delete(&format!("/scim/v2/Users/{user}")).await.status, 204);
    bench.drain().await;
    assert_eq!(bench.user("stays").await.unwrap()["active"], true);
    assert_eq!(bench.proxy.passed("DELETE") + bench.proxy.passed("PATCH"), 0);
}

#[tokio::test]
async fn rules_shape_what_arrives_and_a_failing_one_parks_its_object_alone() {
    let bench = Bench::start();
    let rules = json!([
        {"target": "userName", "from": "userName", "match": 1},
        {"target": "active", "from": "active"},
        {"target": "displayName", "expr": "join(\" \", [user.name?.givenName, user.name?.familyName])"},
        {"target": "title", "expr": "req(user.title)"},
        {"target": "nickName", "constant": "n", "on": "create"},
        {"target": "userType", "from": "userType", "default": "unknown"},
    ]);
    let target = bench.target(json!({"mappings": {"user": {"rules": rules}}})).await;
    let good = json!({"userName": "good", "active": true, "title": "T", "name": {"givenName": "G", "familyName": "H"}});
    bench.make("/scim/v2/Users", good).await;
    let bad = bench.add_user("bad").await;
    bench.make("/scim/v2/Groups", json!({"displayName": "not mapped"})).await;
    bench.drain().await;
    let held = bench.user("good").await.unwrap();
    assert_eq!((&held["displayName"], &held["nickName"], &held["userType"]), (&json!("G H"), &json!("n"), &json!("unknown")));
    assert_eq!(bench.user("bad").await, None);
    assert!(bench.held("Groups").await.is_empty());
    let parked = bench.link(&target, "user", &bad).await;
    assert_eq!((&parked["status"], &parked["class"]), (&json!("parked"), &json!("mapping")), "{parked}");
    assert!(parked["error"].as_str().unwrap().starts_with("rules[3] (title)"), "{parked}");
    // It wakes when it changes.
    bench.patch(&format!("/scim/v2/Users/{bad}"), json!([{"op": "replace", "path": "title", "value": "now"}])).await;
    bench.drain().await;
    assert_eq!(bench.user("bad").await.unwrap()["title"], "now");
    let linked = bench.link(&target, "user", &bad).await;
    assert_eq!((&linked["status"], &linked["desired"]["title"]), (&json!("linked"), &linked["applied"]["title"]), "{linked}");
    assert_eq!(linked["mapping"][3]["value"], "now", "{linked}");
}

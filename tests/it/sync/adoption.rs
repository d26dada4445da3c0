//! Accounts that are there already.

use serde_json::json;

use super::Bench;

#[tokio::test]
async fn exactly_one_match_is_adopted_and_brought_in_line() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let there = bench.plant("Users", json!({"userName": "ann", "title": "old", "nickName": "theirs"})).await;
    let body = json!({"userName": "ann", "active": true, "title": "new"});
    let ann = bench.make("/scim/v2/Users", body).await;
    bench.drain().await;
    let held = bench.user("ann").await.unwrap();
    assert_eq!((&held["id"], &held["title"], &held["externalId"]), (&json!(there), &json!("new"), &json!(ann)));
    assert_eq!(bench.proxy.passed("POST"), 0);
    let link = bench.link(&target, "user", &ann).await;
    assert_eq!((&link["status"], &link["remoteId"]), (&json!("linked"), &json!(there)));
}

#[tokio::test]
async fn of_two_matches_none_is_taken() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    bench.plant("Groups", json!({"displayName": "twin"})).await;
    let second = bench.plant("Groups", json!({"displayName": "twin"})).await;
    let group = bench.make("/scim/v2/Groups", json!({"displayName": "twin"})).await;
    let other = bench.make("/scim/v2/Groups", json!({"displayName": "other"})).await;
    bench.drain().await;
    assert_eq!(bench.held("Groups").await.len(), 3);
    let link = bench.link(&target, "group", &group).await;
    assert_eq!((&link["status"], &link["class"]), (&json!("parked"), &json!("ambiguous")), "{link}");
    // Someone says which it is.
    let path = format!("/admin/v1/targets/{target}/links/group");
    let wrong = bench.admin.post(&format!("{path}/{group}/adopt"), &json!({"remote": second})).await;
    assert_eq!(wrong.status, 400);
    let done = bench.admin.post(&format!("{path}/{group}/adopt"), &json!({"remoteId": second})).await;
    assert_eq!(done.status, 202, "{}", done.text);
    bench.drain().await;
    let link = bench.link(&target, "group", &group).await;
    assert_eq!((&link["status"], &link["remoteId"]), (&json!("linked"), &json!(second)), "{link}");
    let taken = bench.admin.post(&format!("{path}/{other}/adopt"), &json!({"remoteId": second})).await;
    assert_eq!(taken.status, 409, "no two objects share an account: {}", taken.text);
}

#[tokio::test]
async fn an_account_of_another_object_is_a_collision() {
    let bench = Bench::start();
    let rules = json!([
        {"target": "userName", "from": "title", "match": 1},
        {"target": "active", "from": "active"},
    ]);
    let target = bench.target(json!({"mappings": {"user": {"rules": rules}}})).await;
    let mut made = Vec::new();
    for name in ["one", "two"] {
        made.push(bench.make("/scim/v2/Users", json!({"userName": name, "active": true, "title": "same"})).await);
        bench.drain().await;
    }
    let link = bench.link(&target, "user", &made[1]).await;
    assert_eq!((&link["status"], &link["class"]), (&json!("parked"), &json!("collision")), "{link}");
    assert_eq!(bench.held("Users").await.len(), 1);
}

#[tokio::test]
async fn a_resync_mends_what_was_changed_there() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let user = bench.make("/scim/v2/Users", json!({"userName": "a", "active": true, "title": "ours"})).await;
    bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": [{"value": user}]})).await;
    bench.drain().await;
    for (endpoint, operation) in [
        ("Users", json!({"op": "replace", "path": "title", "value": "theirs"})),
        ("Groups", json!({"op": "remove", "path": "members"})),
    ] {
        let id = bench.held(endpoint).await[0]["id"].as_str().unwrap().to_owned();
        let url = format!("http://{}/v2/{endpoint}/{id}", bench.peer.address());
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        let request = reqwest::Client::new().patch(url).bearer_auth("peer-token").header("Content-Type", "application/scim+json");
        assert!(request.body(body.to_string()).send().await.unwrap().status().is_success());
    }
    bench.drain().await;
    assert_eq!(bench.user("a").await.unwrap()["title"], "theirs", "nobody looked");
    let asked = bench.admin.post(&format!("/admin/v1/targets/{target}/resync"), &json!({})).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    bench.drain().await;
    let user = bench.user("a").await.unwrap();
    assert_eq!(user["title"], "ours");
    assert_eq!(bench.held("Groups").await[0]["members"][0]["value"], user["id"]);
}

#[tokio::test]
async fn without_rules_that_match_the_key_finds_the_account() {
    let bench = Bench::start();
    let rules = json!([{"target": "userName", "from": "userName"}, {"target": "active", "from": "active"}]);
    let target = bench.target(json!({"mappings": {"user": {"rules": rules}}})).await;
    let user = bench.add_user("ann").await;
    bench.drain().await;
    let before = bench.link(&target, "user", &user).await["remoteId"].clone();
    let path = format!("/admin/v1/targets/{target}/links/user/{user}");
    let gone = bench.admin.post(&format!("{path}/unlink"), &json!({})).await;
    assert!(gone.status < 300, "{}", gone.text);
    let again = bench.admin.post(&format!("{path}/retry"), &json!({})).await;
    assert_eq!(again.status, 202, "{}", again.text);
    bench.proxy.clear();
    bench.drain().await;
    assert_eq!(bench.proxy.passed("POST"), 0);
    let link = bench.link(&target, "user", &user).await;
    assert_eq!((&link["status"], &link["remoteId"]), (&json!("linked"), &before), "{link}");
}

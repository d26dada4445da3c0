//! Groups and their members, by reference.

use serde_json::{Value, json};

use super::Bench;

fn members(group: &Value) -> Vec<String> {
    let all = group["members"].as_array().into_iter().flatten();
    let mut ids: Vec<String> = all.map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

impl Bench {
    async fn group(&self, name: &str) -> Value {
        self.held("Groups").await.into_iter().find(|group| group["displayName"] == name).unwrap_or_default()
    }

    async fn remote(&self, names: &[&str]) -> Vec<String> {
        let mut ids = Vec::new();
        for name in names {
            ids.push(self.user(name).await.unwrap()["id"].as_str().unwrap().to_owned());
        }
        ids.sort();
        ids
    }
}

#[tokio::test]
async fn members_follow_by_their_ids_there() {
    follow(&Bench::start()).await;
}

#[tokio::test]
async fn members_follow_by_their_ids_there_on_postgres() {
    follow(&Bench::on_postgres()).await;
}

async fn follow(bench: &Bench) {
    bench.target(json!({"deprovision": "delete"})).await;
    let (a, b, c) = (bench.add_user("a").await, bench.add_user("b").await, bench.add_user("c").await);
    let group = bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": [{"value": a}, {"value": b}]})).await;
    let outer = bench.make("/scim/v2/Groups", json!({"displayName": "outer", "members": [{"value": group}]})).await;
    bench.drain().await;
    assert_eq!(members(&bench.group("g").await), bench.remote(&["a", "b"]).await);
    let inner = bench.group("g").await["id"].as_str().unwrap().to_owned();
    assert_eq!(members(&bench.group("outer").await), [inner]);

    // One member more is one operation, whatever the size.
    bench.proxy.clear();
    let path = format!("/scim/v2/Groups/{group}");
    bench.patch(&path, json!([{"op": "add", "path": "members", "value": [{"value": c}]}])).await;
    bench.drain().await;
    let sent: Vec<_> = bench.proxy.seen().into_iter().filter(|seen| seen.method == "PATCH").collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(serde_json::from_slice::<Value>(&sent[0].body).unwrap()["Operations"].as_array().unwrap().len(), 1);
    assert_eq!(members(&bench.group("g").await), bench.remote(&["a", "b", "c"]).await);

    bench.patch(&path, json!([{"op": "remove", "path": format!("members[value eq \"{a}\"]")}])).await;
    bench.drain().await;
    assert_eq!(members(&bench.group("g").await), bench.remote(&["b", "c"]).await);
    assert_eq!(bench.admin.delete(&format!("/scim/v2/Users/{b}")).await.status, 204);
    bench.drain().await;
    assert_eq!(members(&bench.group("g").await), bench.remote(&["c"]).await);
    assert_eq!(bench.admin.delete(&format!("/scim/v2/Groups/{outer}")).await.status, 204);
    bench.drain().await;
    assert_eq!(bench.group("outer").await, Value::Null);
}

#[tokio::test]
async fn a_group_that_is_there_before_its_users_gets_them_when_they_come() {
    let bench = Bench::start();
    let target = bench.target(json!({"mappings": {"user": {"scope": "title eq \"in\""}, "group": {}}})).await;
    let user = bench.add_user("late").await;
    let group = bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": [{"value": user}]})).await;
    bench.drain().await;
    assert_eq!((bench.user("late").await, members(&bench.group("g").await)), (None, vec![]));
    assert_eq!(bench.link(&target, "group", &group).await["status"], "linked");
    bench.patch(&format!("/scim/v2/Users/{user}"), json!([{"op": "replace", "path": "title", "value": "in"}])).await;
    bench.drain().await;
    assert_eq!(members(&bench.group("g").await), bench.remote(&["late"]).await);
}

#[tokio::test]
async fn many_members_go_in_chunks() {
    let bench = Bench::start();
    let config = bench.config(json!({"maxMembers": 4}));
    bench.target(json!({"config": config})).await;
    let mut all = Vec::new();
    for n in 0..10 {
        all.push(json!({"value": bench.add_user(&format!("u{n}")).await}));
    }
    bench.drain().await;
    bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": all})).await;
    bench.drain().await;
    assert_eq!(members(&bench.group("g").await).len(), 10);
    assert_eq!(bench.proxy.passed("PATCH"), 3);
}

#[tokio::test]
async fn a_target_without_patch_gets_whole_objects() {
    let bench = Bench::start();
    bench.target(json!({})).await;
    let user = bench.add_user("a").await;
    bench.drain().await;
    use crate::harness::fault_proxy::Fault;
    let path = format!("/scim/v2/Users/{user}");
    bench.proxy.script([Fault::status(501)]);
    bench.patch(&path, json!([{"op": "replace", "path": "title", "value": "T"}])).await;
    bench.drain().await;
    assert_eq!(bench.user("a").await.unwrap()["title"], "T");
    bench.proxy.clear();
    let group = bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": [{"value": user}]})).await;
    bench.drain().await;
    assert_eq!(members(&bench.group("g").await), bench.remote(&["a"]).await);
    bench.patch(&format!("/scim/v2/Groups/{group}"), json!([{"op": "remove", "path": "members"}])).await;
    bench.drain().await;
    assert_eq!(members(&bench.group("g").await), Vec::<String>::new());
    assert_eq!(bench.proxy.passed("PATCH"), 0, "it is not asked again");
}

#[tokio::test]
async fn who_is_another_account_now_is_a_member_as_that_one() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let (user, other) = (bench.add_user("a").await, bench.add_user("b").await);
    let body = json!({"displayName": "g", "members": [{"value": user}, {"value": other}]});
    bench.make("/scim/v2/Groups", body).await;
    bench.drain().await;
    let first = bench.remote(&["a"]).await.remove(0);
    let with = |mut ids: Vec<String>, id: &str| {
        ids.push(id.to_owned());
        ids.sort();
        ids
    };
    // An administrator knows better who it is.
    let second = bench.plant("Users", json!({"userName": "other-a"})).await;
    let path = format!("/admin/v1/targets/{target}/links/user/{user}");
    // The name is free for the other account.
    let url = format!("http://{}/v2/Users/{first}", bench.peer.address());
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "was-a"});
    let request = reqwest::Client::new().put(url).bearer_auth("peer-token").header("Content-Type", "application/scim+json");
    assert!(request.body(body.to_string()).send().await.unwrap().status().is_success());
    let done = bench.admin.post(&format!("{path}/adopt"), &json!({"remoteId": second})).await;
    assert_eq!(done.status, 202, "{}", done.text);
    bench.settle().await;
    assert_eq!(bench.remote(&["a"]).await, std::slice::from_ref(&second));
    assert_eq!(members(&bench.group("g").await), with(bench.remote(&["b"]).await, &second));

    // Let go, it is no member; found again, it is one.
    assert_eq!(bench.admin.post(&format!("{path}/unlink"), &json!({})).await.status, 204);
    bench.settle().await;
    assert_eq!(members(&bench.group("g").await), bench.remote(&["b"]).await);
    assert_eq!(bench.admin.post(&format!("{path}/retry"), &json!({})).await.status, 202);
    bench.settle().await;
    assert_eq!(members(&bench.group("g").await), with(bench.remote(&["b"]).await, &second));
    // And both at once.
    assert_eq!(bench.admin.post(&format!("{path}/unlink"), &json!({})).await.status, 204);
    assert_eq!(bench.admin.post(&format!("{path}/retry"), &json!({})).await.status, 202);
    bench.settle().await;
    assert_eq!(members(&bench.group("g").await), with(bench.remote(&["b"]).await, &second));
}

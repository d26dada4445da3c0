//! `_action=triggerSyncCheck`: every target looks again, and what is as it should be costs no call.

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use reqwest::Method;
use serde_json::{Value, json};

use super::Bench;
use crate::harness::fault_proxy::Fault;

async fn parked(bench: &Bench, target: &str, name: &str, title: &str) -> String {
    let user = bench.add_user(name).await;
    bench.drain().await;
    bench.proxy.script([Fault::json(400, &json!({"scimType": "invalidValue", "detail": "no such title"}))]);
    bench.patch(&format!("/scim/v2/Users/{user}"), json!([{"op": "replace", "path": "title", "value": title}])).await;
    assert_eq!(bench.drain().await, None);
    assert_eq!(bench.link(target, "user", &user).await["status"], "parked");
    user
}

async fn check(bench: &Bench, path: &str) -> Value {
    let done = bench.admin.send(Method::POST, &format!("/openidm/managed/{path}?_action=triggerSyncCheck"), &[], None).await;
    assert_eq!(done.status, 200, "{}", done.text);
    done.body
}

async fn an_object_is_looked_at_again(bench: Bench) {
    let target = bench.target(json!({})).await;
    let user = parked(&bench, &target, "ann", "Dr").await;
    let other = parked(&bench, &target, "bob", "Mr").await;
    bench.proxy.clear();
    let path = format!("/openidm/managed/user/{user}?_action=triggerSyncCheck");
    let tried = bench.admin.send(Method::POST, &path, &[("Provost-Dry-Run", "1")], None).await;
    assert_eq!(tried.status, 200, "{}", tried.text);
    bench.drain().await;
    assert!(bench.proxy.seen().is_empty(), "a try calls nobody");
    let shown = check(&bench, &format!("user/{user}")).await;
    assert_eq!((&shown["_id"], &shown["userName"]), (&json!(user), &json!("ann")));
    bench.drain().await;
    assert_eq!(bench.user("ann").await.unwrap()["title"], "Dr");
    assert_eq!(bench.link(&target, "user", &other).await["status"], "parked", "nobody asked for the other");
    let log = bench.admin.get(&format!("/admin/v1/changes?objectId={user}")).await;
    let last = log.body["changes"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["op"], &last["rev"]), (&json!("check"), &json!(2)), "{}", log.text);

    // All is as it should be.
    bench.proxy.clear();
    check(&bench, &format!("user/{user}")).await;
    bench.drain().await;
    assert!(bench.proxy.seen().is_empty(), "{:?}", bench.proxy.seen());
}

async fn a_collection_is_looked_at_again(bench: Bench) {
    let target = bench.target(json!({})).await;
    let users = [parked(&bench, &target, "ann", "Dr").await, parked(&bench, &target, "bob", "Mr").await];
    check(&bench, "group").await;
    bench.drain().await;
    for user in &users {
        assert_eq!(bench.link(&target, "user", user).await["status"], "parked", "a check of groups is none of users");
    }
    assert_eq!(check(&bench, "user").await, json!({"status": "OK"}));
    bench.drain().await;
    for (name, title) in [("ann", "Dr"), ("bob", "Mr")] {
        assert_eq!(bench.user(name).await.unwrap()["title"], title);
    }
    bench.proxy.clear();
    check(&bench, "user").await;
    bench.drain().await;
    assert!(bench.proxy.seen().is_empty(), "{:?}", bench.proxy.seen());
}

/// What was lost behind the gateway's back comes again, also by conditions over what is absent or elsewhere.
#[tokio::test]
async fn a_check_brings_conditional_grants_in_line() {
    let bench = Bench::start();
    let put = async |path: &str, body: Value| {
        let done = bench.admin.put(&format!("/openidm/managed/{path}"), &body).await;
        assert_eq!(done.status, 201, "{}", done.text);
    };
    put("user/boss", json!({ "userName": "boss", "title": "boss" })).await;
    put("user/ann", json!({ "userName": "ann", "manager": { "_ref": "managed/user/boss" } })).await;
    for (role, condition) in
        [("absent", "!(/title pr)"), ("own", "/userName eq \"ann\""), ("above", "/manager/title eq \"boss\"")]
    {
        put(&format!("role/{role}"), json!({ "name": role, "condition": condition })).await;
    }
    let roles = async || {
        let listed = bench.admin.get("/openidm/managed/user/ann/roles?_queryFilter=true").await.body;
        let mut ids: Vec<String> =
            listed["result"].as_array().unwrap().iter().map(|edge| edge["_refResourceId"].as_str().unwrap().to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(roles().await, ["above", "absent", "own"]);
    let mut file = SqliteConnection::establish(bench.data().join("provost.db").to_str().unwrap()).unwrap();
    file.batch_execute("DELETE FROM edges WHERE variant = 'conditional'").unwrap();
    assert_eq!(roles().await, [] as [&str; 0]);
    check(&bench, "user/ann").await;
    assert_eq!(roles().await, ["above", "absent", "own"]);
}

macro_rules! on_both {
    ($($case:ident),+) => {
        mod sqlite {
            $(#[tokio::test] async fn $case() { super::$case(super::Bench::start()).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $case() { super::$case(super::Bench::on_postgres()).await; })+
        }
    };
}

on_both!(an_object_is_looked_at_again, a_collection_is_looked_at_again);

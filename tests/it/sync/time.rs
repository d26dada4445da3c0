//! Roles and grants begin and end, and targets follow.

use provost::domain::time::Timestamp;
use serde_json::{Value, json};

use super::Bench;
use crate::harness::gateway::{Client, Gateway};

const HOUR: i64 = 3_600;

async fn instants(admin: &Client) -> Vec<(String, String)> {
    let all = admin.get("/admin/v1/changes?limit=1000").await.body;
    let list = all["changes"].as_array().unwrap_or_else(|| panic!("{all}"));
    let of = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    list.iter().map(|row| (of(row, "op"), of(row, "type"))).filter(|(op, _)| op == "start" || op == "end").collect()
}

fn says(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(op, kind)| ((*op).to_owned(), (*kind).to_owned())).collect()
}

impl Bench {
    async fn role(&self, name: &str, more: Value) -> String {
        let mut body = json!({"name": name});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        self.make("/openidm/managed/role?_action=create", body).await
    }

    async fn grant(&self, kind: &str, id: &str, role: &str, properties: Value) {
        let grant = json!({"_ref": format!("managed/role/{role}"), "_refProperties": properties});
        self.make(&format!("/openidm/managed/{kind}/{id}/roles?_action=create"), grant).await;
    }

    async fn holders_of(&self, role: &str) {
        let scope = format!("roles.value eq \"{role}\"");
        self.target(json!({"mappings": {"user": {"scope": scope}}, "deprovision": "delete"})).await;
    }
}

#[tokio::test]
async fn a_grant_brings_a_person_to_a_target_for_its_time() {
    for_its_time(&Bench::start()).await;
}

#[tokio::test]
async fn a_grant_brings_a_person_to_a_target_for_its_time_on_postgres() {
    for_its_time(&Bench::on_postgres()).await;
}

async fn for_its_time(bench: &Bench) {
    let role = bench.role("crm", json!({})).await;
    bench.holders_of(&role).await;
    let user = bench.add_user("temp").await;
    let constraint = json!({"temporalConstraints": [{"duration": "2026-03-01T13:00:00Z/2026-03-01T14:00:00Z"}]});
    bench.grant("user", &user, &role, constraint).await;
    let next = bench.drain().await;
    assert_eq!((bench.user("temp").await, next), (None, Timestamp::parse("2026-03-01T13:00:00Z")));
    bench.forward(HOUR);
    bench.drain().await;
    assert!(bench.user("temp").await.is_some(), "it began");
    bench.forward(HOUR - 1);
    bench.drain().await;
    assert!(bench.user("temp").await.is_some(), "it has not ended");
    bench.forward(1);
    bench.drain().await;
    assert_eq!(bench.user("temp").await, None, "it ended");
    assert_eq!(instants(&bench.admin).await, says(&[("start", "user"), ("end", "user")]));
    // The grant is still there.
    let listed = bench.admin.get(&format!("/openidm/managed/user/{user}?_fields=roles,effectiveRoles")).await.body;
    assert_eq!((listed["roles"].as_array().unwrap().len(), &listed["effectiveRoles"]), (1, &json!([])), "{listed}");
}

#[tokio::test]
async fn what_ended_while_the_gateway_was_down_is_caught_up() {
    let bench = Bench::start();
    let times = |duration: &str| json!({"temporalConstraints": [{"duration": duration}]});
    let role = bench.role("r", times("2026-03-01T00:00:00Z/2026-03-01T13:00:00Z")).await;
    let brief = bench.role("brief", times("2026-03-01T12:30:00Z/2026-03-01T13:30:00Z")).await;
    bench.holders_of(&role).await;
    for name in ["a", "b"] {
        let user = bench.add_user(name).await;
        bench.grant("user", &user, &role, json!({})).await;
        bench.grant("user", &user, &brief, json!({})).await;
    }
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 2);
    let data = bench.data();
    let Bench { gateway, peer, proxy, folder, .. } = bench;
    drop(gateway);
    let gateway = Gateway::with(&data, &[("PROVOST_SYNC__ENABLED", "false"), ("PROVOST_SYNC__CONCURRENCY", "2")]);
    gateway.clock.set(Timestamp::parse("2026-03-02T00:00:00Z").unwrap());
    let bench = Bench { admin: gateway.admin(), gateway, peer, proxy, folder };
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 0);
    // Each once, in order.
    let expected = says(&[("start", "role"), ("end", "role"), ("end", "role")]);
    assert_eq!(instants(&bench.admin).await, expected);
    bench.drain().await;
    assert_eq!(instants(&bench.admin).await, expected);
}

#[tokio::test]
async fn a_changed_constraint_has_other_instants_and_takes_effect_at_once() {
    let bench = Bench::start();
    let role = bench.role("r", json!({"temporalConstraints": [{"duration": "2026-03-01T00:00:00Z/2026-03-01T13:00:00Z"}]})).await;
    bench.holders_of(&role).await;
    let user = bench.add_user("u").await;
    let group = bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": [{"value": user}]})).await;
    bench.grant("group", &group, &role, json!({})).await;
    bench.drain().await;
    assert!(bench.user("u").await.is_some());
    let path = format!("/openidm/managed/role/{role}");
    let to = |value: Value| json!([{"operation": "replace", "field": "/temporalConstraints", "value": value}]);
    let later = to(json!([{"duration": "2026-03-01T14:00:00Z/2026-03-01T15:00:00Z"}]));
    assert_eq!(bench.admin.patch(&path, &later).await.status, 200);
    bench.drain().await;
    assert_eq!(bench.user("u").await, None, "at once");
    bench.forward(HOUR);
    bench.drain().await;
    assert_eq!(instants(&bench.admin).await, [], "the old end is void");
    bench.forward(HOUR);
    bench.drain().await;
    assert!(bench.user("u").await.is_some(), "through the group");
    assert_eq!(bench.admin.patch(&path, &to(json!([]))).await.status, 200);
    bench.forward(HOUR);
    bench.drain().await;
    assert!(bench.user("u").await.is_some());
    assert_eq!(instants(&bench.admin).await, says(&[("start", "role")]));
}

#[tokio::test]
async fn what_is_put_into_a_bundle_reaches_its_holders() {
    let bench = Bench::start();
    let (leaf, inner, outer) =
        (bench.role("leaf", json!({})).await, bench.role("inner", json!({})).await, bench.role("outer", json!({})).await);
    bench.holders_of(&leaf).await;
    let (direct, member) = (bench.add_user("direct").await, bench.add_user("member").await);
    let group = bench.make("/scim/v2/Groups", json!({"displayName": "g", "members": [{"value": member}]})).await;
    bench.grant("user", &direct, &outer, json!({})).await;
    bench.grant("group", &group, &outer, json!({})).await;
    bench.grant("role", &outer, &inner, json!({"position": 1})).await;
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 0);
    let constraint = json!({"temporalConstraints": [{"duration": "2026-03-01T12:00:00Z/PT1H"}]});
    bench.grant("role", &inner, &leaf, constraint).await;
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 2, "two bundles deep, by hand and through a group");
    bench.forward(HOUR);
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 0, "its place in the bundle ended");
    let path = format!("/openidm/managed/role/{inner}");
    let roles = json!([{"operation": "replace", "field": "/roles", "value": [{"_ref": format!("managed/role/{leaf}")}]}]);
    assert_eq!(bench.admin.patch(&path, &roles).await.status, 200);
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 2);
    // The time of the innermost role concerns the holders of the outermost.
    let ended = json!([{"operation": "replace", "field": "/temporalConstraints", "value": [{"duration": "2026-03-01/PT1H"}]}]);
    assert_eq!(bench.admin.patch(&format!("/openidm/managed/role/{leaf}"), &ended).await.status, 200);
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 0);
}

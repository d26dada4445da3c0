//! What roles bring to accounts, at a real server: the four operations, both ways, and what is remembered of them.

use serde_json::{Value, json};

use super::{Bench, SETTINGS};
use crate::harness::gateway::Gateway;

impl Bench {
    /// The same with its gateway stopped and started anew on the same data.
    fn restarted(self) -> Self {
        let Self { gateway, peer, proxy, folder, .. } = self;
        drop(gateway);
        let gateway = Gateway::with(&folder.path().join("data"), &SETTINGS);
        Self { admin: gateway.admin(), gateway, peer, proxy, folder }
    }

    async fn put(&self, path: &str, body: Value) {
        let done = self.admin.put(&format!("/openidm/managed/{path}"), &body).await;
        assert!([200, 201].contains(&done.status), "{path}: {}", done.text);
    }

    async fn change(&self, path: &str, operations: Value) {
        let done = self.admin.patch(&format!("/openidm/managed/{path}"), &operations).await;
        assert_eq!(done.status, 200, "{path}: {}", done.text);
    }

    async fn gone(&self, path: &str) {
        let done = self.admin.delete(&format!("/openidm/managed/{path}")).await;
        assert_eq!(done.status, 200, "{path}: {}", done.text);
    }

    /// An assignment for the one target.
    async fn assignment(&self, name: &str, attributes: Value) {
        self.put(&format!("assignment/{name}"), json!({"name": name, "mapping": "crm", "attributes": attributes})).await;
    }

    /// A user's values of a list, in the order of their names.
    async fn entitlements(&self, name: &str) -> Vec<String> {
        let user = self.user(name).await.unwrap_or_else(|| panic!("{name} is not there"));
        let list = user["entitlements"].as_array().cloned().unwrap_or_default();
        let mut out: Vec<String> = list.iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect();
        out.sort();
        out
    }

    async fn title(&self, name: &str) -> Value {
        self.user(name).await.unwrap_or_else(|| panic!("{name} is not there"))["title"].clone()
    }
}

fn values(list: &[&str]) -> Value {
    list.iter().map(|value| json!({"value": value})).collect()
}

fn entitled(list: &[&str], assign: &str, unassign: &str) -> Value {
    json!([{"name": "entitlements", "value": values(list), "assignmentOperation": assign, "unassignmentOperation": unassign}])
}

fn granted(role: &str) -> Value {
    json!([{"operation": "add", "field": "/roles/-", "value": {"_ref": format!("managed/role/{role}")}}])
}

const REVOKED: &str = r#"[{"operation": "replace", "field": "/roles", "value": []}]"#;

fn revoked() -> Value {
    serde_json::from_str(REVOKED).unwrap()
}

#[tokio::test]
async fn each_operation_gives_and_takes_back() {
    each_operation(Bench::start()).await;
}

#[tokio::test]
async fn each_operation_gives_and_takes_back_on_postgres() {
    each_operation(Bench::on_postgres()).await;
}

async fn each_operation(bench: Bench) {
    bench.target(json!({})).await;
    for (name, value, assign, unassign, given, after) in [
        (
            "merge",
            ["ours", "theirs"].as_slice(),
            "mergeWithTarget",
            "removeFromTarget",
            ["ours", "theirs"].as_slice(),
            [].as_slice(),
        ),
        ("mergekeep", &["ours"], "mergeWithTarget", "noOp", &["ours", "theirs"], &["ours", "theirs"]),
        ("mergeback", &["ours"], "mergeWithTarget", "removeFromTarget", &["ours", "theirs"], &["theirs"]),
        ("replace", &["ours"], "replaceTarget", "removeFromTarget", &["ours"], &[]),
        ("replaceback", &["ours"], "replaceTarget", "replaceTarget", &["ours"], &["ours"]),
        ("remove", &["theirs"], "removeFromTarget", "mergeWithTarget", &[], &["theirs"]),
        ("nothing", &["ours"], "noOp", "removeFromTarget", &["theirs"], &["theirs"]),
    ] {
        bench.plant("Users", json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": true, "entitlements": values(&["theirs"])})).await;
        bench.assignment(name, entitled(value, assign, unassign)).await;
        bench
            .put(&format!("role/{name}"), json!({"name": name, "assignments": [{"_ref": format!("managed/assignment/{name}")}]}))
            .await;
        let user = format!("user/{name}");
        bench.put(&user, json!({"userName": name, "accountStatus": "active"})).await;
        bench.settle().await;
        assert_eq!(bench.entitlements(name).await, ["theirs"], "{name}: adopted, and left alone");
        bench.change(&user, granted(name)).await;
        bench.settle().await;
        assert_eq!(bench.entitlements(name).await, given, "{name}: given");
        // Once more the same: nobody is told anything.
        bench.proxy.clear();
        bench.change(&user, json!([{"operation": "add", "field": "/description", "value": "not mapped"}])).await;
        bench.settle().await;
        assert!(bench.proxy.seen().is_empty(), "{name}: {:?}", bench.proxy.seen());
        bench.change(&user, revoked()).await;
        bench.settle().await;
        assert_eq!(bench.entitlements(name).await, after, "{name}: taken back");
    }
}

#[tokio::test]
async fn an_assignment_goes_over_the_mapping_and_is_made_with_the_account() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    bench
        .assignment("a", json!([{"name": "title", "value": "Given"}, {"name": "entitlements", "value": values(&["x", "x"])}]))
        .await;
    bench.assignment("b", json!([{"name": "entitlements", "value": values(&["x", "y"])}])).await;
    let both = json!([{"_ref": "managed/assignment/a"}, {"_ref": "managed/assignment/b"}]);
    bench.put("role/r", json!({"name": "r", "condition": "/country eq \"FR\"", "assignments": both})).await;
    bench.put("user/u", json!({"userName": "u", "title": "Own", "country": "FR", "accountStatus": "active"})).await;
    bench.settle().await;
    assert_eq!(bench.title("u").await, "Given");
    assert_eq!(bench.entitlements("u").await, ["x", "y"], "the first replaces, the second joins, and nothing stands twice");
    assert_eq!((bench.proxy.passed("POST"), bench.proxy.passed("PATCH")), (1, 0), "with the account");
    let why = bench.link(&target, "user", "u").await;
    assert_eq!((&why["desired"]["title"], &why["assigned"][0]["by"]), (&json!("Given"), &json!("a")), "{why}");
    // The mapping goes on below.
    bench.change("user/u", json!([{"operation": "replace", "field": "/title", "value": "Other"}])).await;
    bench.settle().await;
    assert_eq!(bench.title("u").await, "Given");
    bench.change("user/u", json!([{"operation": "replace", "field": "/country", "value": "DE"}])).await;
    bench.settle().await;
    assert_eq!(bench.title("u").await, "Other");
    assert_eq!(bench.entitlements("u").await, [""; 0]);
}

#[tokio::test]
async fn every_change_reaches_every_holder() {
    let bench = Bench::start();
    bench.target(json!({})).await;
    let merged = |list: &[&str]| entitled(list, "mergeWithTarget", "removeFromTarget");
    bench.assignment("a", merged(&["a"])).await;
    bench.put("role/r", json!({"name": "r"})).await;
    for name in ["direct", "member", "conditional", "stranger"] {
        bench.plant("Users", json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": true, "entitlements": values(&["theirs"])})).await;
        bench.put(&format!("user/{name}"), json!({"userName": name, "accountStatus": "active", "department": name})).await;
    }
    bench.put("group/inner", json!({"name": "inner", "members": [{"_ref": "managed/user/member"}]})).await;
    bench.put("group/outer", json!({"name": "outer", "members": [{"_ref": "managed/group/inner"}]})).await;
    bench.change("user/direct", granted("r")).await;
    bench.change("group/outer", granted("r")).await;
    bench.change("role/r", json!([{"operation": "add", "field": "/condition", "value": "/department eq \"conditional\""}])).await;
    bench.settle().await;
    let all = async |expected: &[&str], what: &str| {
        bench.settle().await;
        for name in ["direct", "member", "conditional"] {
            assert_eq!(bench.entitlements(name).await, expected, "{what}: {name}");
        }
        assert_eq!(bench.entitlements("stranger").await, ["theirs"], "{what}");
    };
    all(&["theirs"], "before").await;
    bench
        .change("role/r", json!([{"operation": "add", "field": "/assignments/-", "value": {"_ref": "managed/assignment/a"}}]))
        .await;
    all(&["a", "theirs"], "the role gains it").await;
    bench.change("assignment/a", json!([{"operation": "replace", "field": "/attributes", "value": merged(&["b", "c"])}])).await;
    all(&["b", "c", "theirs"], "its value changes").await;
    bench.change("role/r", json!([{"operation": "replace", "field": "/assignments", "value": []}])).await;
    all(&["theirs"], "the role loses it").await;
    bench.change("assignment/a", json!([{"operation": "add", "field": "/roles/-", "value": {"_ref": "managed/role/r"}}])).await;
    all(&["b", "c", "theirs"], "it gains the role").await;
    bench.change("assignment/a", json!([{"operation": "replace", "field": "/linkQualifiers", "value": ["other"]}])).await;
    all(&["theirs"], "it is for other links").await;
    bench.change("assignment/a", json!([{"operation": "replace", "field": "/linkQualifiers", "value": ["default"]}])).await;
    all(&["b", "c", "theirs"], "it is for these links").await;
    bench.gone("assignment/a").await;
    all(&["theirs"], "it is deleted").await;
    // Through the group alone.
    bench.assignment("g", merged(&["g"])).await;
    bench
        .change("role/r", json!([{"operation": "add", "field": "/assignments/-", "value": {"_ref": "managed/assignment/g"}}]))
        .await;
    all(&["g", "theirs"], "another").await;
    bench.change("group/inner", json!([{"operation": "replace", "field": "/members", "value": []}])).await;
    bench.settle().await;
    assert_eq!(bench.entitlements("member").await, ["theirs"], "he left the group");
    bench
        .change("group/inner", json!([{"operation": "add", "field": "/members/-", "value": {"_ref": "managed/user/member"}}]))
        .await;
    all(&["g", "theirs"], "he came back").await;
    bench.change("group/outer", revoked()).await;
    bench.settle().await;
    assert_eq!(bench.entitlements("member").await, ["theirs"], "the group lost the role");
}

#[tokio::test]
async fn what_was_applied_outlives_a_restart() {
    let bench = Bench::start();
    bench.target(json!({})).await;
    bench.plant("Users", json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "u", "active": true, "entitlements": values(&["theirs"])})).await;
    bench.assignment("a", entitled(&["old"], "mergeWithTarget", "removeFromTarget")).await;
    bench.put("role/r", json!({"name": "r", "assignments": [{"_ref": "managed/assignment/a"}]})).await;
    bench.put("user/u", json!({"userName": "u", "accountStatus": "active", "roles": [{"_ref": "managed/role/r"}]})).await;
    bench.settle().await;
    assert_eq!(bench.entitlements("u").await, ["old", "theirs"]);
    let changed = entitled(&["new"], "mergeWithTarget", "removeFromTarget");
    bench.change("assignment/a", json!([{"operation": "replace", "field": "/attributes", "value": changed}])).await;
    let bench = bench.restarted();
    bench.settle().await;
    assert_eq!(bench.entitlements("u").await, ["new", "theirs"], "the old value is known and taken back");
    bench.gone("assignment/a").await;
    let bench = bench.restarted();
    bench.settle().await;
    assert_eq!(bench.entitlements("u").await, ["theirs"]);
}

#[tokio::test]
async fn an_assignment_is_for_its_target_alone_and_not_for_half_of_what_is_mapped() {
    let bench = Bench::start();
    let target = bench.target(json!({})).await;
    let elsewhere =
        json!({"name": "erp", "config": bench.config(json!({})), "mappings": {"user": {"scope": "userName eq \"nobody\""}}});
    bench.target(elsewhere).await;
    let body = json!({"name": "e", "mapping": "erp", "attributes": entitled(&["erp"], "replaceTarget", "removeFromTarget")});
    bench.put("assignment/e", body).await;
    bench.put("role/r", json!({"name": "r", "assignments": [{"_ref": "managed/assignment/e"}]})).await;
    bench.put("user/u", json!({"userName": "u", "accountStatus": "active", "roles": [{"_ref": "managed/role/r"}]})).await;
    bench.settle().await;
    assert_eq!(bench.entitlements("u").await, [""; 0]);
    bench.change("assignment/e", json!([{"operation": "replace", "field": "/mapping", "value": "crm/user"}])).await;
    bench.settle().await;
    assert_eq!(bench.entitlements("u").await, ["erp"]);
    bench
        .change(
            "assignment/e",
            json!([{"operation": "replace", "field": "/attributes", "value": [{"name": "name", "value": {"givenName": "x"}}]}]),
        )
        .await;
    bench.settle().await;
    let link = bench.link(&target, "user", "u").await;
    assert_eq!(link["status"], "parked", "{link}");
    assert!(link["error"].as_str().unwrap().contains("assignment 'e': 'name' overlaps"), "{link}");
    bench.gone("assignment/e").await;
    bench.settle().await;
    assert_eq!(bench.link(&target, "user", "u").await["status"], "linked");
    assert_eq!(bench.entitlements("u").await, [""; 0]);
}

#[tokio::test]
async fn a_dry_run_foretells_what_accounts_get() {
    let bench = Bench::start();
    bench.target(json!({})).await;
    bench.assignment("a", entitled(&["x"], "mergeWithTarget", "removeFromTarget")).await;
    bench.put("role/r", json!({"name": "r", "assignments": [{"_ref": "managed/assignment/a"}]})).await;
    bench.put("user/u", json!({"userName": "u", "accountStatus": "active"})).await;
    bench.settle().await;
    let headers = [("Accept", "application/vnd.provost.effects+json")];
    let body = Some(granted("r").to_string());
    let told = bench.admin.send(reqwest::Method::PATCH, "/openidm/managed/user/u?dryRun=true", &headers, body).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let text = told.body["targets"].to_string();
    assert!(text.contains("entitlements") && text.contains("\"x\""), "{}", told.text);
    bench.settle().await;
    assert_eq!(bench.entitlements("u").await, [""; 0]);
}

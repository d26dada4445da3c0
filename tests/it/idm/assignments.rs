//! Assignments and internal roles: who may write them; ids that clients may not choose; and the rows of the requirements.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::gateway::Gateway;

#[tokio::test]
async fn assignments_and_authorization_roles_need_the_roles_scope() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    let target = json!({
        "name": "crm", "kind": "scim",
        "config": { "baseUrl": "http://127.0.0.1:9/", "allowPrivateNetwork": true, "auth": { "type": "none" } },
    });
    assert_eq!(admin.post("/admin/v1/targets", &target).await.status, 201);
    for (path, body) in [
        ("/openidm/managed/role/r", json!({ "name": "r" })),
        ("/openidm/managed/user/u", json!({ "userName": "u" })),
        ("/openidm/managed/assignment/a", json!({ "name": "a", "mapping": "crm" })),
    ] {
        assert_eq!(admin.put(path, &body).await.status, 201);
    }
    let writer = gateway.token(&["idm.read", "idm.write"], "generic", "hr").await;
    let (role, user) = (json!({ "_ref": "internal/role/openidm-admin" }), json!({ "_ref": "managed/user/u" }));
    for refused in [
        writer.post("/openidm/managed/assignment", &json!({ "name": "x", "mapping": "crm" })).await,
        writer.delete("/openidm/managed/assignment/a").await,
        writer.post("/openidm/managed/role/r/assignments?_action=create", &json!({ "_ref": "managed/assignment/a" })).await,
        writer.post("/openidm/managed/assignment/a/roles?_action=create", &json!({ "_ref": "managed/role/r" })).await,
        writer.post("/openidm/internal/role", &json!({ "name": "x" })).await,
        writer.post("/openidm/managed/user/u/authzRoles?_action=create", &role).await,
        writer.post("/openidm/internal/role/openidm-admin/authzMembers?_action=create", &user).await,
        writer.put("/openidm/managed/user/u", &json!({ "userName": "u", "authzRoles": [role] })).await,
    ] {
        assert_eq!(refused.status, 403, "{}", refused.text);
        assert!(refused.body["message"].as_str().unwrap().contains("idm.roles"), "{}", refused.text);
    }
    // What it may do, it is told so.
    let users = writer.get("/openidm/privilege/managed/user").await;
    assert_eq!((&users.body["UPDATE"]["allowed"], &users.body["DELETE"]["allowed"]), (&json!(true), &json!(true)));
    let properties = users.body["UPDATE"]["properties"].as_array().unwrap();
    assert!(properties.contains(&json!("mail")) && !properties.contains(&json!("roles")), "{}", users.text);
    let roles = writer.get("/openidm/privilege/managed/role").await;
    assert_eq!((&roles.body["VIEW"]["allowed"], &roles.body["UPDATE"]["allowed"]), (&json!(true), &json!(false)));
    let reader = gateway.token(&["idm.read"], "generic", "audit").await;
    let listed = reader.post("/openidm/privilege?_action=listPrivileges", &json!({})).await;
    assert!(listed.body.as_array().unwrap().iter().all(|one| one["permissions"] == json!(["VIEW"])), "{}", listed.text);
}

/// I20: ids that clients choose can be forbidden.
#[tokio::test]
async fn ids_can_be_kept_to_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::with(folder.path(), &[("PROVOST_IDM__CLIENT_IDS", "false")]);
    let admin = gateway.admin();
    for refused in [
        admin.put("/openidm/managed/role/employee", &json!({ "name": "employee" })).await,
        admin.post("/openidm/managed/role", &json!({ "_id": "employee", "name": "employee" })).await,
    ] {
        assert_eq!(refused.status, 403, "{}", refused.text);
        assert!(refused.body["message"].as_str().unwrap().contains("idm.client_ids"), "{}", refused.text);
    }
    let made = admin.post("/openidm/managed/role", &json!({ "name": "employee" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["_id"].as_str().unwrap();
    assert!(provost::domain::key::Key::parse(id).is_some(), "{id}");
    let path = format!("/openidm/managed/role/{id}");
    assert_eq!(admin.put(&path, &json!({ "name": "staff" })).await.status, 200, "what is there is replaced");
}

/// I21: the page that says what the baseline is.
#[test]
fn the_pages_name_the_baseline_version() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/idm.md")).unwrap();
    assert!(page.contains("7.2.2"), "docs/idm.md names the version it answers to");
}

/// Each of the rows I1 to I21 (spec/access.md §1.2) has a case or a test that bears its name.
#[test]
fn every_row_has_a_case() {
    let root = env!("CARGO_MANIFEST_DIR");
    let cases = std::fs::read_to_string(format!("{root}/tests/cases/idm/managed_roles.yaml")).unwrap();
    let named = |line: &str| line.trim_start_matches("/// ").split(':').next().unwrap_or_default().replace(['"', '-'], " ");
    let heads = cases.lines().filter(|line| line.starts_with("- name:")).map(|line| line["- name:".len()..].to_owned());
    let tests = include_str!("assignments.rs").lines().filter(|line| line.starts_with("/// I")).map(str::to_owned);
    let rows: BTreeSet<String> =
        heads.chain(tests).flat_map(|line| named(&line).split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    let missing: Vec<String> = (1..=21).map(|n| format!("I{n}")).filter(|row| !rows.contains(row)).collect();
    assert!(missing.is_empty(), "rows without a case or test: {missing:?}");
}

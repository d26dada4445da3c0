//! P38 to P45: roles by name.

use reqwest::Method;
use serde_json::json;

use super::{AT, MI, World};
use crate::oauth::world::part;

const ROLES: &str = "/passport/admin/roles";

#[tokio::test]
async fn p38_post_creates_a_role() {
    for world in World::both().await {
        let body = json!({ "name": "backup-reader", "permissions": ["backup.read"] });
        let made = world.admin.post(ROLES, &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let place = format!("{}{ROLES}/backup-reader", world.gateway.url);
        assert_eq!(made.header("location"), Some(place.as_str()));
        let read = world.admin.get(&format!("{ROLES}/backup-reader")).await;
        assert_eq!((read.status, &read.body), (200, &made.body));
        let again = world.admin.post(ROLES, &body).await;
        assert_eq!((again.status, &again.body["error"]), (409, &json!("uniqueness")), "{}", again.text);
        let scim = world.admin.get("/scim/v2/Roles?filter=name%20eq%20%22backup-reader%22").await;
        assert_eq!(scim.body["totalResults"], 1, "in every dialect: {}", scim.text);
    }
}

#[tokio::test]
async fn p39_it_needs_an_administrator_and_json() {
    for world in World::both().await {
        world.needs_admin(Method::POST, ROLES, Some(json!({ "name": "x" })), ROLES).await;
        let text = Some(json!({ "name": "x" }).to_string());
        let other = world.admin.send(Method::POST, ROLES, &[("Content-Type", "text/plain")], text).await;
        assert_eq!((other.status, &other.body["error"]), (415, &json!("unsupported-media-type")), "{}", other.text);
        for body in [json!([]), json!({}), json!({ "name": "x", "nope": 1 })] {
            assert_eq!(world.admin.post(ROLES, &body).await.status, 400, "{body}");
        }
    }
}

#[tokio::test]
async fn p40_the_name_is_unique_in_its_tenant_and_exact() {
    for world in World::both().await {
        let body = json!({ "name": "erp-reader" });
        assert_eq!(world.admin.post(ROLES, &body).await.status, 201);
        assert_eq!(world.admin.post(ROLES, &body).await.status, 409);
        let other = world.gateway.tenant("tenant-xyz").await;
        assert_eq!(other.get(&format!("{ROLES}/erp-reader")).await.status, 404);
        assert_eq!(other.post(ROLES, &body).await.status, 201, "another tenant's names are free");
        assert_eq!(world.admin.get(&format!("{ROLES}/ERP-Reader")).await.status, 404);
        assert_eq!(world.admin.post(ROLES, &json!({ "name": "ERP-Reader" })).await.status, 201);
        for name in [json!(""), json!(1), json!(null)] {
            assert_eq!(world.admin.post(ROLES, &json!({ "name": name })).await.status, 400, "{name}");
        }
    }
}

#[tokio::test]
async fn p41_it_has_a_description() {
    for world in World::both().await {
        let path = format!("{ROLES}/payroll-executor");
        assert_eq!(world.admin.get(&path).await.body["description"], "Runs the payroll");
        let changed = world.admin.patch(&path, &json!({ "description": "Runs it each month" })).await;
        assert_eq!((changed.status, &changed.body["description"]), (200, &json!("Runs it each month")));
        let removed = world.admin.patch(&path, &json!({ "description": null })).await;
        assert_eq!((removed.status, removed.body.get("description")), (200, None), "{}", removed.text);
        assert_eq!(world.admin.post(ROLES, &json!({ "name": "x", "description": 1 })).await.status, 400);
    }
}

#[tokio::test]
async fn p42_it_has_permissions_in_their_order() {
    for world in World::both().await {
        let permissions = json!(["workflow.execute", "payroll.read", "payroll.run", "report.payroll.read"]);
        let read = world.admin.get(&format!("{ROLES}/payroll-executor")).await;
        assert_eq!(read.body["permissions"], permissions);
        let idm = world.admin.get(&format!("/openidm/managed/role/{}", read.id())).await;
        assert_eq!(idm.body["permissions"], permissions);
        world.hold(&["payroll-executor"]).await;
        for permission in permissions.as_array().unwrap() {
            assert_eq!(world.check(MI, permission.as_str().unwrap()).await["allowed"], true, "{permission}");
        }
        assert_eq!(world.check(MI, "payroll.write").await["allowed"], false);
    }
}

/// The mark forbids nothing; it is what the findings look at.
#[tokio::test]
async fn p43_the_mark_for_programs_is_advice() {
    for world in World::both().await {
        let read = world.admin.get(&format!("{ROLES}/payroll-executor")).await;
        assert_eq!(read.body["isServiceAccountRole"], true);
        let plain = world.admin.post(ROLES, &json!({ "name": "plain" })).await;
        assert_eq!(plain.body["isServiceAccountRole"], false, "{}", plain.text);
        let about = (String::from("L2"), read.id().to_owned(), String::new());
        assert!(!world.findings().await.contains(&about));
        world.person("u", read.id()).await;
        assert_eq!(world.check("u", "payroll.run").await["allowed"], true);
        assert!(world.findings().await.contains(&about), "{:?}", world.findings().await);
    }
}

#[tokio::test]
async fn p44_a_permission_has_two_or_three_segments() {
    for world in World::both().await {
        for (number, name) in ["payroll.run", "report.payroll.read", "a-b.c_d", "A.b9"].iter().enumerate() {
            let body = json!({ "name": format!("good-{number}"), "permissions": [name] });
            assert_eq!(world.admin.post(ROLES, &body).await.status, 201, "{name}");
        }
        for name in ["payroll", "a.b.c.d", "a..b", ".a", "a.", "payroll.*", "*", "*.run", "a b.c", "9a.b", ""] {
            let made = world.admin.post(ROLES, &json!({ "name": "bad", "permissions": [name] })).await;
            assert_eq!((made.status, &made.body["error"]), (400, &json!("invalid-value")), "{name}: {}", made.text);
            let idm = world.admin.put("/openidm/managed/role/bad", &json!({ "name": "bad", "permissions": [name] })).await;
            assert_eq!(idm.status, 400, "{name}: {}", idm.text);
            let asked = json!({ "caller": MI, "permission": name });
            assert_eq!(world.admin.post("/passport/check-permission", &asked).await.status, 400, "{name}");
        }
        assert_eq!(world.admin.get(&format!("{ROLES}/bad")).await.status, 404);
    }
}

#[tokio::test]
async fn p45_a_role_is_defined_and_then_put_on_the_program() {
    for world in World::both().await {
        let role = json!({
            "name": "notification-sender", "description": "Sends notifications", "permissions": ["notification.send"],
            "isServiceAccountRole": true,
        });
        let early = world.admin.put(&format!("{AT}/roles"), &json!({ "roles": ["notification-sender"] })).await;
        assert_eq!(early.status, 400, "not before it is defined: {}", early.text);
        assert_eq!(world.admin.post(ROLES, &role).await.status, 201);
        let done = world.admin.put(&format!("{AT}/roles"), &json!({ "roles": ["notification-sender"] })).await;
        assert_eq!((done.status, &done.body["roles"]), (200, &json!(["notification-sender"])), "{}", done.text);
        let (token, claims) = world.token().await;
        assert_eq!((&claims["roles"], &part(&token, 1)["scope"]), (&json!(["notification-sender"]), &json!("notification.send")));
        assert_eq!(world.check(&world.account.client_id, "notification.send").await["allowed"], true);
    }
}

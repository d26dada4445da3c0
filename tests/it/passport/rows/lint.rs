//! P2 and P32 to P37: the guidance of the document, as findings. None of them forbids anything.

use std::collections::BTreeSet;

use serde_json::json;

use super::{AT, MI, World};

fn rules(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn p02_a_broad_role_on_a_program_is_found() {
    for world in World::both().await {
        world.role("admin", &["payroll.run"]).await;
        let many: Vec<String> = (0..51).map(|n| format!("app.p{n}")).collect();
        world.role("everything", &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
        world.hold(&["admin", "everything", "payroll-executor"]).await;
        assert_eq!(world.found_for("admin").await, rules(&["L1"]));
        assert_eq!(world.found_for("everything").await, rules(&["L1"]));
        assert_eq!(world.found_for("payroll-executor").await, rules(&[]));
    }
}

/// A role that people hold too, directly or through a group; a role of its own is not found.
#[tokio::test]
async fn p32_a_role_that_people_hold_too_is_found() {
    for world in World::both().await {
        let shared = world.role("payroll-clerk", &["payroll.run"]).await;
        world.hold(&["payroll-clerk", "payroll-executor"]).await;
        assert_eq!(world.found_for("payroll-clerk").await, rules(&[]), "nobody else holds it");
        world.person("u", &shared).await;
        assert_eq!(world.found_for("payroll-clerk").await, rules(&["L2"]));
        assert_eq!(world.found_for("payroll-executor").await, rules(&[]));
        assert_eq!(world.admin.delete("/openidm/managed/user/u").await.status, 200);
        let group = json!({
            "name": "clerks", "members": [{ "_ref": "managed/user/boss" }], "roles": [{ "_ref": format!("managed/role/{shared}") }],
        });
        assert_eq!(world.admin.put("/openidm/managed/group/clerks", &group).await.status, 201);
        assert_eq!(world.found_for("payroll-clerk").await, rules(&["L2"]));
    }
}

/// However it comes to hold `manager`: by hand, through a group, or in a bundle.
#[tokio::test]
async fn p33_a_program_that_manages_users_is_found() {
    for world in World::both().await {
        let admin = &world.admin;
        let manager = world.role("line-manager", &["payroll.run", "user.manage"]).await;
        world.hold(&["line-manager"]).await;
        assert_eq!(world.found_for("line-manager").await, rules(&["L3"]));
        let bundle = json!({ "name": "pack", "roles": [{ "_ref": format!("managed/role/{manager}") }] });
        assert_eq!(admin.post("/openidm/managed/role?_action=create", &bundle).await.status, 201);
        world.hold(&["pack"]).await;
        assert_eq!(world.found_for("line-manager").await, rules(&["L3"]));
        world.hold(&["payroll-executor"]).await;
        assert_eq!(world.found_for("line-manager").await, rules(&[]));
        let group = json!({
            "name": "g", "members": [{ "_ref": format!("managed/service_account/{MI}") }],
            "roles": [{ "_ref": format!("managed/role/{manager}") }],
        });
        assert_eq!(admin.put("/openidm/managed/group/g", &group).await.status, 201);
        assert_eq!(world.found_for("line-manager").await, rules(&["L3"]));
    }
}

/// One row of the table of wrong and right choices.
async fn table(program: &str, wrong: &str, right: &[(&str, &str)]) {
    for world in World::both().await {
        let renamed = world.admin.patch(AT, &json!({ "name": program })).await;
        assert_eq!(renamed.status, 200, "{}", renamed.text);
        world.role(wrong, &["invoice.read"]).await;
        world.hold(&[wrong]).await;
        assert_eq!(world.found_for(wrong).await, rules(&["L1"]), "{program}: {wrong}");
        for (name, permission) in right {
            let role = json!({ "name": name, "permissions": [permission], "isServiceAccountRole": true });
            let status = world.admin.post("/passport/admin/roles", &role).await.status;
            assert!(status == 201 || status == 409 && *name == "payroll-executor", "{name}: {status}");
        }
        let names: Vec<&str> = right.iter().map(|(name, _)| *name).collect();
        world.hold(&names).await;
        let about: Vec<_> =
            world.findings().await.into_iter().filter(|(_, subject, role)| subject == MI && !role.is_empty()).collect();
        assert!(about.is_empty(), "{program}: {about:?}");
        for (_, permission) in right {
            assert_eq!(world.check(MI, permission).await["allowed"], true, "{program}: {permission}");
        }
    }
}

#[tokio::test]
async fn p34_the_monthly_payroll_runner() {
    table("monthly payroll runner", "admin", &[("payroll-executor", "payroll.run")]).await;
}

#[tokio::test]
async fn p35_the_erp_data_sync() {
    table("ERP data sync", "manager", &[("erp-reader", "erp.read"), ("sync-writer", "sync.write")]).await;
}

#[tokio::test]
async fn p36_the_slack_notification_sender() {
    table("Slack notification sender", "user", &[("notification-sender", "notification.send")]).await;
}

#[tokio::test]
async fn p37_the_backup_export_job() {
    table("backup export job", "admin", &[("backup-reader", "backup.read")]).await;
}

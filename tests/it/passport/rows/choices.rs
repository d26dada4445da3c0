//! The four choices that the document leaves open (spec/access.md, below the rows), as docs/passport.md tells them.

use serde_json::json;

use super::{AT, MI, NIGHT, POLICIES, WORKFLOW, World};

#[tokio::test]
async fn choice_a_a_rule_stands_alone_and_in_a_list() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        let rule = json!({ "effect": "Deny", "condition": NIGHT, "exceptions": ["tag:scheduled-automation"] });
        for body in [rule.clone(), json!({ "resourceType": "*", "resourceId": "*", "conditions": [rule] })] {
            let path = world.policy(&body).await;
            let mut shown = world.admin.get(&path).await.body;
            for name in ["id", "createdAt", "updatedAt", "enabled"] {
                shown.as_object_mut().unwrap().remove(name);
            }
            assert_eq!(shown, body, "it comes back in the form it was sent in");
            assert_eq!([world.runs_at("2026-05-25T03:00:00Z").await, world.runs_at("2026-05-25T12:00:00Z").await], [false, true]);
            assert_eq!(world.admin.delete(&path).await.status, 204);
        }
        let both = json!({ "effect": "Deny", "condition": "true", "resourceType": "w", "conditions": [rule] });
        assert_eq!(world.admin.post(POLICIES, &both).await.status, 400, "one form or the other");
    }
}

#[tokio::test]
async fn choice_b_a_rule_without_permissions_covers_all() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        let rule = |permissions: &[&str]| {
            let mut rule = json!({ "resourceType": WORKFLOW.0, "resourceId": WORKFLOW.1, "effect": "Deny", "condition": "true" });
            if !permissions.is_empty() {
                rule["permissions"] = json!(permissions);
            }
            rule
        };
        let path = world.policy(&rule(&["payroll.run"])).await;
        for (named, run, read) in [(true, false, true), (false, false, false)] {
            if !named {
                assert_eq!(world.admin.put(&path, &rule(&[])).await.status, 200);
            }
            for (permission, allowed) in [("payroll.run", run), ("payroll.read", read), ("report.payroll.read", read)] {
                let told = world.check_at(MI, permission, WORKFLOW).await;
                assert_eq!(told["allowed"], allowed, "{permission}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn choice_c_without_a_resource_only_what_stands_at_everything_is_asked() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        for (kind, id) in [(WORKFLOW.0, WORKFLOW.1), (WORKFLOW.0, "*")] {
            world.policy(&json!({ "resourceType": kind, "resourceId": id, "effect": "Deny", "condition": "true" })).await;
        }
        let told = world.check(MI, "payroll.run").await;
        assert_eq!((&told["allowed"], &told["explanation"]["denies"]), (&json!(true), &json!([])), "{told}");
        assert_eq!(told["explanation"]["note"], "no resource was named: only policies on every resource were asked");
        let told = world.check_at(MI, "payroll.run", WORKFLOW).await;
        assert_eq!((&told["allowed"], &told["explanation"]["note"]), (&json!(false), &json!(null)), "{told}");
        world.policy(&json!({ "effect": "Deny", "condition": "true", "message": "everywhere" })).await;
        assert_eq!(world.check(MI, "payroll.run").await["message"], "everywhere");
    }
}

/// Not in the same second, not by any way of disabling, and not after a second time.
#[tokio::test]
async fn choice_d_what_was_issued_before_the_disabling_stays_dead() {
    for world in World::both().await {
        let (secret, _) = world.account.secret().await;
        let mut dead = Vec::new();
        for _ in 0..2 {
            dead.push(world.account.token(&secret, &[]).await);
            for (call, status) in [("disable", "disabled"), ("enable", "active")] {
                let done = world.admin.send(reqwest::Method::POST, &format!("{AT}/{call}"), &[], None).await;
                assert_eq!((done.status, &done.body["status"]), (200, &json!(status)), "{}", done.text);
                for token in &dead {
                    assert_eq!(world.gateway.client(token).get("/passport/idinfo").await.status, 401, "after {call}");
                }
            }
        }
        let fresh = world.account.token(&secret, &[]).await;
        assert_eq!(world.info(&fresh).await["managedIdentityId"], MI);
    }
}

//! P46 to P53: permission checks, and what denies whatever roles allow.

use serde_json::{Value, json};

use super::{MI, WORKFLOW, World, check, furnish, processes};

#[tokio::test]
async fn p46_a_check_takes_a_caller_and_a_permission() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        assert_eq!(world.check(MI, "payroll.run").await["allowed"], json!(true));
        assert_eq!(world.check(MI, "payroll.delete").await["allowed"], json!(false));
        assert_eq!(world.check("nobody", "payroll.run").await["allowed"], json!(false));
        for body in [
            json!({ "caller": MI }),
            json!({ "permission": "payroll.run" }),
            json!({}),
            json!({ "caller": 1, "permission": "a.b" }),
        ] {
            let asked = world.admin.post("/passport/check-permission", &body).await;
            assert_eq!(asked.status, 400, "{body}: {}", asked.text);
        }
    }
}

/// One call and one answer: they differ in who is told of, and in nothing else.
#[tokio::test]
async fn p47_the_call_is_the_same_for_people_and_programs() {
    for world in World::both().await {
        let role = world.admin.get("/passport/admin/roles/payroll-executor").await.id().to_owned();
        world.person("u", &role).await;
        world.hold(&["payroll-executor"]).await;
        for permission in ["payroll.run", "payroll.delete"] {
            let [mut person, mut program] = [world.check("u", permission).await, world.check(MI, permission).await];
            assert_eq!((&person["isServiceAccount"], person.get("managedIdentityId")), (&json!(false), None));
            assert_eq!((&program["isServiceAccount"], &program["managedIdentityId"]), (&json!(true), &json!(MI)));
            for told in [&mut person, &mut program] {
                let members = told.as_object_mut().unwrap();
                members.retain(|name, _| name != "isServiceAccount" && name != "managedIdentityId");
                let explanation = told["explanation"].as_object_mut().unwrap();
                assert!(explanation.remove("principal").is_some());
                // Each has a grant of its own, of the same role.
                for allow in explanation["allows"].as_array_mut().unwrap() {
                    allow.as_object_mut().unwrap().remove("grant");
                }
            }
            assert_eq!(person, program, "{permission}");
        }
    }
}

/// The answer says no with 200, and the application answers 403. Provost is such an application: its own APIs answer so to a
/// program whose roles do not open them.
#[tokio::test]
async fn p48_what_is_denied_the_application_forbids() {
    for world in World::both().await {
        world.role("directory-reader", &["scim.read"]).await;
        for (held, allowed, status) in [("payroll-executor", false, 403), ("directory-reader", true, 200)] {
            world.hold(&[held]).await;
            assert_eq!(world.check(MI, "scim.read").await["allowed"], allowed);
            let (token, _) = world.token().await;
            assert_eq!(world.gateway.client(&token).get("/scim/v2/Users").await.status, status, "{held}");
            // Two secrets is the most.
            let listed = world.admin.get(&world.account.path("/secrets")).await;
            let id = listed.body["secrets"][0]["id"].as_str().unwrap().to_owned();
            assert_eq!(world.admin.delete(&world.account.path(&format!("/secrets/{id}"))).await.status, 204);
        }
    }
}

#[tokio::test]
async fn p49_an_application_can_see_that_it_is_a_program() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        for permission in ["payroll.run", "payroll.delete"] {
            assert_eq!(world.check(MI, permission).await["isServiceAccount"], json!(true), "allowed or not");
            assert_eq!(world.check("boss", permission).await["isServiceAccount"], json!(false));
        }
        assert_eq!(world.check("nobody", "payroll.run").await["isServiceAccount"], json!(false));
    }
}

/// In the log of the program, and in the change log for what the identity writes.
#[tokio::test]
async fn p50_automated_runs_are_logged_with_the_identity() {
    for (running, _folder) in processes(&[]) {
        let admin = running.admin();
        furnish(&admin).await;
        check(&admin, json!({ "caller": MI, "permission": "payroll.run" })).await;
        let line = running.wait_for_line("permission of a service account asked");
        assert!(line.contains("managed_identity_id") && line.contains(MI) && line.contains("payroll.run"), "{line}");
        check(&admin, json!({ "caller": "boss", "permission": "payroll.approve" })).await;
        check(&admin, json!({ "caller": MI, "permission": "payroll.last" })).await;
        running.wait_for_line("payroll.last");
        assert!(running.log().iter().all(|line| !line.contains("payroll.approve")), "people are not automated runs");
    }
    for world in World::both().await {
        world.role("writer", &["scim.write"]).await;
        world.hold(&["writer"]).await;
        let (token, _) = world.token().await;
        let made = world.gateway.client(&token).post("/scim/v2/Users", &json!({ "userName": "by-robot" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        world.gateway.sync.drain().await.unwrap();
        let log = world.admin.get(&format!("/admin/v1/changes?objectId={}", made.id())).await;
        let change = log.body["changes"][0].to_string();
        assert!(change.contains("\"payroll-scheduler\"") && change.contains(&world.account.client_id), "{change}");
    }
}

#[tokio::test]
async fn p51_programs_pass_the_same_policies_as_people() {
    for world in World::both().await {
        let role = world.admin.get("/passport/admin/roles/payroll-executor").await.id().to_owned();
        world.person("u", &role).await;
        world.hold(&["payroll-executor"]).await;
        let at = world.policy(&json!({ "effect": "Deny", "condition": "true", "message": "closed" })).await;
        let told =
            |answer: &Value| (answer["allowed"].clone(), answer["message"].clone(), answer["explanation"]["denies"].clone());
        let [person, program] = [world.check("u", "payroll.run").await, world.check(MI, "payroll.run").await];
        assert_eq!((&program["allowed"], &program["message"]), (&json!(false), &json!("closed")));
        assert_eq!(told(&person), told(&program));
        // A rule can tell them apart.
        let only = json!({ "effect": "Deny", "condition": "principal.isServiceAccount", "message": "people only" });
        assert_eq!(world.admin.put(&at, &only).await.status, 200);
        assert_eq!(world.check("u", "payroll.run").await["allowed"], true);
        assert_eq!(world.check(MI, "payroll.run").await["message"], "people only");
    }
}

#[tokio::test]
async fn p52_a_rule_at_a_resource_denies_a_program_there() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        world
            .policy(&json!({ "resourceType": WORKFLOW.0, "resourceId": WORKFLOW.1, "effect": "Deny", "condition": "true" }))
            .await;
        assert_eq!(world.check_at(MI, "payroll.run", WORKFLOW).await["allowed"], false);
        for other in [("workflow", "wf-other"), ("report", WORKFLOW.1)] {
            assert_eq!(world.check_at(MI, "payroll.run", other).await["allowed"], true, "{other:?}");
        }
    }
}

#[tokio::test]
async fn p53_a_rule_for_all_but_the_tagged_beats_a_role() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        let rule = json!({ "effect": "Deny", "condition": "true", "message": "scheduled runs only", "exceptions": ["tag:scheduled-automation"] });
        world.policy(&json!({ "resourceType": WORKFLOW.0, "resourceId": WORKFLOW.1, "conditions": [rule] })).await;
        let told = world.check_at(MI, "payroll.run", WORKFLOW).await;
        assert_eq!((&told["allowed"], &told["message"]), (&json!(false), &json!("scheduled runs only")), "{told}");
        assert_eq!(told["explanation"]["reason"], "explicit_deny");
        assert_eq!(told["explanation"]["allows"][0]["role"]["name"], "payroll-executor", "the role would have allowed it");
        world.tag(&["scheduled-automation"]).await;
        let told = world.check_at(MI, "payroll.run", WORKFLOW).await;
        assert_eq!((&told["allowed"], told.get("message")), (&json!(true), None), "{told}");
        // The exception lifts the rule and gives nothing.
        world.hold(&["report-reader"]).await;
        let told = world.check_at(MI, "payroll.run", WORKFLOW).await;
        assert_eq!((&told["allowed"], &told["explanation"]["reason"]), (&json!(false), &json!("implicit_deny")), "{told}");
    }
}

//! P54 to P58 and P62 to P65: the literal forms of a policy and of its rules.

use serde_json::{Value, json};

use super::{MI, NIGHT, POLICIES, WORKFLOW, World, payroll_policy};

/// A policy that denies, at a type and an id.
fn at(kind: &Value, id: &Value) -> Value {
    json!({ "resourceType": kind, "resourceId": id, "conditions": [{ "effect": "Deny", "condition": "true" }] })
}

async fn refused(world: &World, body: &Value, status: u16) {
    let made = world.admin.post(POLICIES, body).await;
    assert_eq!(made.status, status, "{body}: {}", made.text);
    let listed = world.admin.get(POLICIES).await;
    assert_eq!(listed.body["policies"], json!([]), "{body} was kept");
}

#[tokio::test]
async fn p54_a_policy_names_the_type_of_its_resource() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        for bad in [json!(1), json!(""), json!("a\nb")] {
            refused(&world, &at(&bad, &json!("x")), 400).await;
        }
        let path = world.policy(&at(&json!("workflow"), &json!("*"))).await;
        assert_eq!(world.admin.get(&path).await.body["resourceType"], "workflow");
        assert_eq!(world.check_at(MI, "payroll.run", ("workflow", "any")).await["allowed"], false);
        assert_eq!(world.check_at(MI, "payroll.run", ("report", "any")).await["allowed"], true);
    }
}

#[tokio::test]
async fn p55_a_policy_names_its_resource() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        refused(&world, &json!({ "resourceId": "x", "effect": "Deny", "condition": "true" }), 400).await;
        let path = world.policy(&payroll_policy(&[])).await;
        assert_eq!(world.admin.get(&path).await.body["resourceId"], "wf-monthly-payroll");
        let night = "2026-05-25T03:00:00Z";
        assert!(!world.runs_at(night).await);
        assert_eq!(world.check_at(MI, "payroll.run", ("workflow", "WF-Monthly-Payroll")).await["allowed"], true, "ids are exact");
    }
}

/// Several rules in one policy: any of them denies, the first that does is told, and the explanation names the place of each.
#[tokio::test]
async fn p56_a_policy_has_several_rules() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        refused(&world, &json!({ "resourceType": "workflow", "resourceId": "w", "conditions": [] }), 400).await;
        refused(&world, &json!({ "resourceType": "workflow", "resourceId": "w", "conditions": {} }), 400).await;
        let rule = |condition: &str, message: &str| json!({ "effect": "Deny", "condition": condition, "message": message });
        let rules = [rule("false", "first"), rule("hour(now()) == 12", "second"), rule("hour(now()) > 11", "third")];
        let path = world.policy(&json!({ "resourceType": "workflow", "resourceId": WORKFLOW.1, "conditions": rules })).await;
        assert_eq!(world.admin.get(&path).await.body["conditions"], json!(rules));
        for (time, message) in [
            ("2026-05-25T12:30:00Z", json!("second")),
            ("2026-05-25T13:00:00Z", json!("third")),
            ("2026-05-25T11:00:00Z", Value::Null),
        ] {
            assert_eq!(world.runs_at(time).await, message.is_null(), "{time}");
            let told = world.check_at(MI, "payroll.run", WORKFLOW).await;
            assert_eq!(told["message"], message, "{time}: {told}");
            let places: Vec<&Value> = told["explanation"]["denies"].as_array().unwrap().iter().map(|d| &d["rule"]).collect();
            assert_eq!(places, [0, 1, 2]);
        }
    }
}

#[tokio::test]
async fn p57_the_effect_of_a_rule_is_deny() {
    for world in World::both().await {
        for effect in [json!("Allow"), json!("Permit"), json!(""), json!(true), Value::Null] {
            refused(&world, &json!({ "effect": effect, "condition": "true" }), 400).await;
        }
        refused(&world, &json!({ "condition": "true" }), 400).await;
        let path = world.policy(&json!({ "effect": "Deny", "condition": "true" })).await;
        assert_eq!(world.admin.get(&path).await.body["effect"], "Deny");
    }
}

/// Letter by letter: kept as it is, and it decides. One that does not compile is refused with the place of the fault.
#[tokio::test]
async fn p58_the_condition_is_taken_literally() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        for (condition, says) in [
            ("hour(now()) <", "line 1, column 14"),
            ("hour(now())", "true or false"),
            ("hour(then()) < 6", "then"),
            ("let x = 1; x == 1", "line 1"),
        ] {
            let made = world.admin.post(POLICIES, &json!({ "effect": "Deny", "condition": condition })).await;
            assert_eq!((made.status, &made.body["error"]), (422, &json!("invalid-expression")), "{condition}: {}", made.text);
            assert!(made.body["message"].as_str().unwrap().contains(says), "{condition}: {}", made.text);
        }
        let path = world.policy(&payroll_policy(&[])).await;
        let read = world.admin.get(&path).await;
        assert_eq!(read.body["conditions"][0]["condition"], "hour(now()) < 6 || hour(now()) >= 22");
        assert_eq!([world.runs_at("2026-05-25T03:00:00Z").await, world.runs_at("2026-05-25T12:00:00Z").await], [false, true]);
        let told = world.check_at(MI, "payroll.run", WORKFLOW).await;
        assert_eq!(told["explanation"]["denies"][0]["condition"], NIGHT);
    }
}

/// Word for word, to the application and, over AuthZEN, to the user.
#[tokio::test]
async fn p62_the_message_is_told_on_denial() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        world.policy(&payroll_policy(&[])).await;
        assert!(!world.runs_at("2026-05-25T03:00:00Z").await);
        let told = world.check_at(MI, "payroll.run", WORKFLOW).await;
        assert_eq!(told["message"], "Payroll runs between 06:00 and 22:00 UTC");
        assert_eq!(told["explanation"]["denies"][0]["message"], told["message"]);
        let body = json!({
            "subject": { "type": "service_account", "id": MI }, "action": { "name": "payroll.run" },
            "resource": { "type": WORKFLOW.0, "id": WORKFLOW.1 },
        });
        let decided = world.admin.post("/access/v1/evaluation", &body).await;
        assert_eq!((&decided.body["decision"], &decided.body["context"]["reason_user"]["en"]), (&json!(false), &told["message"]));
        assert!(world.runs_at("2026-05-25T12:00:00Z").await);
        assert!(world.check_at(MI, "payroll.run", WORKFLOW).await.get("message").is_none());
    }
}

#[tokio::test]
async fn p63_the_message_may_be_left_out() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        let path =
            world.policy(&json!({ "effect": "Deny", "condition": NIGHT, "exceptions": ["tag:scheduled-automation"] })).await;
        assert!(world.admin.get(&path).await.body.get("message").is_none());
        assert!(!world.runs_at("2026-05-25T03:00:00Z").await);
        assert_eq!(world.check_at(MI, "payroll.run", WORKFLOW).await["message"], "a rule of the resource denies it");
    }
}

#[tokio::test]
async fn p64_a_listed_tag_passes_the_night() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        let path = world.policy(&payroll_policy(&["tag:scheduled-automation"])).await;
        assert_eq!(world.admin.get(&path).await.body["conditions"][0]["exceptions"], json!(["tag:scheduled-automation"]));
        assert!(!world.runs_at("2026-05-25T03:00:00Z").await);
        world.tag(&["scheduled-automation"]).await;
        assert!(world.runs_at("2026-05-25T03:00:00Z").await, "from the moment it is set");
        let told = world.check_at(MI, "payroll.run", WORKFLOW).await;
        let exception = &told["explanation"]["denies"][0]["exceptions"][0];
        assert_eq!(exception, &json!({ "token": "tag:scheduled-automation", "matched": true }), "{told}");
        world.tag(&[]).await;
        assert!(!world.runs_at("2026-05-25T03:00:00Z").await, "and until it is gone");
    }
}

/// `kind:value`, the kinds being `tag`, `principal`, `role` and `group`; whatever else is refused when it is saved.
#[tokio::test]
async fn p65_an_exception_has_a_kind_that_is_known() {
    for world in World::both().await {
        let rule = |token: &Value| json!({ "effect": "Deny", "condition": "true", "exceptions": [token] });
        for token in ["colour:red", "TAG:x", " tag:x", "tag", "tag:", ":x", "", "tag\u{0}:x"] {
            refused(&world, &rule(&json!(token)), 400).await;
        }
        refused(&world, &rule(&json!(1)), 400).await;
        refused(&world, &json!({ "effect": "Deny", "condition": "true", "exceptions": "tag:x" }), 400).await;
        world.hold(&["payroll-executor"]).await;
        let group = json!({ "name": "g", "members": [{ "_ref": format!("managed/service_account/{MI}") }] });
        assert_eq!(world.admin.put("/openidm/managed/group/g", &group).await.status, 201);
        world.tag(&["a:b"]).await;
        let path = world.policy(&rule(&json!("tag:other"))).await;
        for (token, allowed) in [
            ("tag:a:b", true),
            ("principal:mi-guid-1234", true),
            ("role:payroll-executor", true),
            ("group:g", true),
            ("tag:a", false),
            ("principal:mi-guid", false),
            ("role:report-reader", false),
            ("group:automation", false),
        ] {
            let put = world.admin.put(&path, &rule(&json!(token))).await;
            assert_eq!((put.status, &put.body["exceptions"]), (200, &json!([token])), "{}", put.text);
            assert_eq!(world.check(MI, "payroll.run").await["allowed"], allowed, "{token}");
        }
    }
}

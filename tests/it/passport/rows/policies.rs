//! P59 to P61, P66 and P67: what a condition computes, and who may be excepted.

use serde_json::{Value, json};

use super::{AT, MI, POLICIES, WORKFLOW, World, check, furnish, payroll_policy, policy, processes};

#[tokio::test]
async fn p59_now_and_hour_are_known() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        let path = world.policy(&json!({ "effect": "Deny", "condition": "false" })).await;
        for (condition, denies) in [
            ("hour(now()) == 12", true),
            ("hour(now()) == 13", false),
            ("hour(\"2026-05-25T03:30:00Z\") == 3", true),
            ("hour(\"2026-05-25T03:30:00+02:00\") == 1", true),
            ("now() == now()", true),
            ("now() > \"2026-03-01T11:59:59Z\" && now() < \"2026-03-01T12:00:01Z\"", true),
        ] {
            let put = world.admin.put(&path, &json!({ "effect": "Deny", "condition": condition })).await;
            assert_eq!(put.status, 200, "{}", put.text);
            assert_eq!(world.runs_at("2026-03-01T12:00:00Z").await, !denies, "{condition}");
        }
        for condition in ["hour(5) == 5", "hour(\"soon\") == 5", "hour() == 5", "now(1) == now()"] {
            let put = world.admin.put(&path, &json!({ "effect": "Deny", "condition": condition })).await;
            assert_eq!((put.status, &put.body["error"]), (422, &json!("invalid-expression")), "{condition}: {}", put.text);
        }
    }
}

/// Wherever the server stands, and whatever zone its database speaks: of 24 rules, one for each hour, the one that denies is
/// that of the hour in UTC. The zones are written out, so that no file about them has to be there.
#[tokio::test]
async fn p60_hours_are_utc_in_whatever_zone_the_server_is() {
    for zone in ["<+14>-14", "<-08>8", "<+0530>-5:30"] {
        for (running, _folder) in processes(&[("TZ", zone), ("PGTZ", zone)]) {
            let admin = running.admin();
            furnish(&admin).await;
            let rule = |hour: u8| json!({ "effect": "Deny", "condition": format!("hour(now()) == {hour}"), "message": format!("{hour:02}") });
            let rules: Vec<Value> = (0..24).map(rule).collect();
            policy(&admin, &json!({ "resourceType": "*", "resourceId": "*", "conditions": rules })).await;
            let told = check(&admin, json!({ "caller": MI, "permission": "payroll.run" })).await;
            let (decided, message) = (&told["explanation"]["evaluatedAt"], &told["message"]);
            let (decided, message) = (decided.as_str().unwrap(), message.as_str().unwrap());
            assert_eq!((&decided[11..13], decided.ends_with('Z')), (message, true), "{zone}: {told}");
        }
    }
}

#[tokio::test]
async fn p61_the_hours_are_half_open() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        world.policy(&payroll_policy(&[])).await;
        for (time, runs) in [
            ("2026-05-25T05:59:59Z", false),
            ("2026-05-25T05:59:59.999999Z", false),
            ("2026-05-25T06:00:00Z", true),
            ("2026-05-25T21:59:59Z", true),
            ("2026-05-25T21:59:59.999999Z", true),
            ("2026-05-25T22:00:00Z", false),
            ("2026-05-26T03:00:00Z", false),
            ("2026-05-25T07:30:00+02:00", false),
        ] {
            assert_eq!(world.runs_at(time).await, runs, "{time}");
        }
    }
}

/// The policy must list it, and exactly it.
#[tokio::test]
async fn p66_a_tag_that_no_policy_lists_does_nothing() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        let path = world.policy(&payroll_policy(&[])).await;
        let night = "2026-05-25T03:00:00Z";
        world.tag(&["scheduled-automation"]).await;
        assert!(!world.runs_at(night).await, "no exceptions");
        let put = world.admin.put(&path, &payroll_policy(&["tag:scheduled-automation"])).await;
        assert_eq!(put.status, 200, "{}", put.text);
        assert!(world.runs_at(night).await);
        for tags in
            [&["scheduled"][..], &["Scheduled-Automation"], &["scheduled-automation2"], &["other", "tag:scheduled-automation"]]
        {
            world.tag(tags).await;
            assert!(!world.runs_at(night).await, "{tags:?}");
        }
        // It lifts that rule, and no other.
        world.tag(&["scheduled-automation"]).await;
        world.policy(&json!({ "effect": "Deny", "condition": "true", "message": "frozen" })).await;
        assert_eq!(world.check_at(MI, "payroll.run", WORKFLOW).await["message"], "frozen");
    }
}

/// Tags are written at their address, by who may write roles, and by nobody else anywhere: whoever writes them lifts rules.
#[tokio::test]
async fn p67_tags_are_the_administrators_to_set() {
    for world in World::both().await {
        let admin = &world.admin;
        let path = format!("{AT}/tags");
        world.needs_admin(reqwest::Method::PUT, &path, Some(json!({ "tags": ["x"] })), AT).await;
        world.tag(&["scheduled-automation", "nightly"]).await;
        let twice = admin.put(&path, &json!({ "tags": ["a", "b", "a"] })).await;
        assert_eq!(twice.body["tags"], json!(["a", "b"]));
        for body in [
            json!({ "tags": [""] }),
            json!({ "tags": "a" }),
            json!({}),
            json!({ "tags": [1] }),
            json!({ "tags": vec!["t"; 0], "x": 1 }),
        ] {
            assert_eq!(admin.put(&path, &body).await.status, 400, "{body}");
        }
        // Other ways to the account leave them alone, whether they refuse or pass over what is sent.
        let (scim, idm) = (format!("/scim/v2/ServiceAccounts/{MI}"), format!("/openidm/managed/service_account/{MI}"));
        let replaced = admin.put(&scim, &json!({ "name": "payroll-scheduler", "tags": ["evil"] })).await;
        let scim_patch = json!({ "Operations": [{ "op": "add", "path": "tags", "value": ["evil"] }] });
        let idm_patch = json!([{ "operation": "add", "field": "/tags/-", "value": "evil" }]);
        let tried = [
            replaced,
            admin.patch(&scim, &scim_patch).await,
            admin.patch(&idm, &idm_patch).await,
            admin.patch(AT, &json!({ "tags": ["evil"] })).await,
        ];
        for answer in &tried {
            assert!([200, 400, 403].contains(&answer.status), "{}", answer.text);
        }
        assert_eq!(tried[3].status, 400);
        let born = admin.put("/openidm/managed/service_account/m", &json!({ "name": "m", "tags": ["evil"] })).await;
        assert_eq!(born.status, 201, "{}", born.text);
        assert_eq!(admin.get("/passport/admin/managed-identities/m").await.body["tags"], json!([]));
        for path in [AT, &scim, &idm] {
            assert_eq!(admin.get(path).await.body["tags"], json!(["a", "b"]), "{path}");
        }
        world.tag(&[]).await;
    }
}

/// What a caller says of itself is not read: neither tags, nor attributes, nor a time, in either form of the question.
#[tokio::test]
async fn a_tag_that_the_caller_sends_is_none() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        world.policy(&payroll_policy(&["tag:scheduled-automation"])).await;
        assert!(!world.runs_at("2026-05-25T03:00:00Z").await);
        let asked = |more: Value| {
            let mut body = json!({
                "subject": { "type": "service_account", "id": MI }, "action": { "name": "payroll.run" },
                "resource": { "type": WORKFLOW.0, "id": WORKFLOW.1 },
            });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let sent = json!({ "tags": ["scheduled-automation"], "tag": "scheduled-automation", "now": "2026-05-25T12:00:00Z" });
        let subject = json!({ "type": "service_account", "id": MI, "properties": sent, "tags": ["scheduled-automation"] });
        let resource = json!({ "type": WORKFLOW.0, "id": WORKFLOW.1, "properties": sent });
        for body in [
            asked(json!({ "context": sent })),
            asked(json!({ "subject": subject })),
            asked(json!({ "resource": resource })),
            asked(json!({ "subject": subject, "resource": resource, "context": sent, "tags": ["scheduled-automation"] })),
        ] {
            let decided = world.admin.post("/access/v1/evaluation", &body).await;
            assert_eq!((decided.status, &decided.body["decision"]), (200, &json!(false)), "{body}: {}", decided.text);
            let many = world.admin.post("/access/v1/evaluations", &json!({ "evaluations": [body] })).await;
            assert_eq!(many.body["evaluations"][0]["decision"], false, "{}", many.text);
        }
        let direct = json!({ "caller": MI, "permission": "payroll.run", "tags": ["scheduled-automation"] });
        assert_eq!(world.admin.post("/passport/check-permission", &direct).await.status, 400);
        world.tag(&["scheduled-automation"]).await;
        let decided = world.admin.post("/access/v1/evaluation", &asked(json!({}))).await;
        assert_eq!(decided.body["decision"], true, "the stored one counts: {}", decided.text);
    }
}

/// A condition that fails denies, whatever else passes, and says so; a rule that plainly denies goes before it.
#[tokio::test]
async fn an_error_in_a_condition_denies() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        // Each compiles, and holds of the sample that it is tried on.
        for condition in [
            "resource.id == \"x\"",
            "principal.tags[0] == \"x\"",
            "principal.groups[0] == \"x\"",
            "principal.tags[0].len() > 100 || true == false",
        ] {
            let path = world.policy(&json!({ "effect": "Deny", "condition": condition, "message": "mine" })).await;
            let told = world.check(MI, "payroll.run").await;
            assert_eq!(
                (&told["allowed"], &told["explanation"]["reason"]),
                (&json!(false), &json!("condition_error")),
                "{condition}: {told}"
            );
            assert!(told["explanation"]["denies"][0]["error"].is_string(), "{told}");
            let other = world.policy(&json!({ "effect": "Deny", "condition": "true", "message": "plain" })).await;
            let told = world.check(MI, "payroll.run").await;
            assert_eq!((&told["message"], &told["explanation"]["reason"]), (&json!("plain"), &json!("explicit_deny")));
            for path in [path, other] {
                assert_eq!(world.admin.delete(&path).await.status, 204);
            }
            assert_eq!(world.check(MI, "payroll.run").await["allowed"], true);
        }
        assert_eq!(world.admin.get(POLICIES).await.body["policies"], json!([]));
    }
}

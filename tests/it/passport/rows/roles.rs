//! P1 and P3 to P12: the roles of a managed identity.

use provost::domain::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::{AT, MI, World};

fn one(role: &str) -> String {
    format!("{AT}/roles/{role}")
}

/// The roles that the identity holds by hand, as another request finds them.
async fn held(world: &World) -> Value {
    world.admin.get(AT).await.body["roles"].clone()
}

#[tokio::test]
async fn p01_programs_and_people_are_given_the_same_roles() {
    for world in World::both().await {
        let role = world.role("clerk", &["invoice.approve"]).await;
        world.person("u", &role).await;
        world.hold(&["clerk"]).await;
        let [person, program] = [world.check("u", "invoice.approve").await, world.check(MI, "invoice.approve").await];
        assert_eq!((&person["allowed"], &program["allowed"]), (&json!(true), &json!(true)));
        for told in [&person, &program] {
            assert_eq!(told["explanation"]["allows"][0]["role"], json!({ "id": role, "name": "clerk" }), "{told}");
        }
        let holders = world.admin.get(&format!("/openidm/managed/role/{role}/members?_queryFilter=true")).await;
        assert_eq!(holders.body["resultCount"], 2, "{}", holders.text);
        // What the role gives changes for both at once.
        let changed = world.admin.patch("/passport/admin/roles/clerk", &json!({ "permissions": [] })).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        for caller in ["u", MI] {
            let told = world.check(caller, "invoice.approve").await;
            assert_eq!((&told["allowed"], &told["explanation"]["reason"]), (&json!(false), &json!("implicit_deny")), "{caller}");
        }
    }
}

#[tokio::test]
async fn p03_put_replaces_the_whole_set() {
    for world in World::both().await {
        world.hold(&["payroll-executor", "report-reader"]).await;
        assert_eq!(held(&world).await, json!(["payroll-executor", "report-reader"]));
        world.hold(&["report-reader"]).await;
        assert_eq!(held(&world).await, json!(["report-reader"]));
        assert_eq!(world.check(MI, "payroll.run").await["allowed"], false);
        world.hold(&[]).await;
        assert_eq!(held(&world).await, json!([]));
    }
}

#[tokio::test]
async fn p04_put_needs_the_bearer_of_an_administrator() {
    for world in World::both().await {
        world.needs_admin(Method::PUT, &format!("{AT}/roles"), Some(json!({ "roles": ["report-reader"] })), AT).await;
    }
}

#[tokio::test]
async fn p05_put_takes_json() {
    for world in World::both().await {
        let body = json!({ "roles": ["report-reader"] }).to_string();
        for (media, status) in [
            ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415),
            ("application/xml", 415),
            ("application/json", 200),
            ("application/json; charset=utf-8", 200),
        ] {
            let headers = [("Content-Type", media)];
            let answer = world.admin.send(Method::PUT, &format!("{AT}/roles"), &headers, Some(body.clone())).await;
            assert_eq!(answer.status, status, "{media}: {}", answer.text);
        }
        let broken = world.admin.send(Method::PUT, &format!("{AT}/roles"), &[], Some("{\"roles\":[".to_owned())).await;
        assert_eq!((broken.status, &broken.body["error"]), (400, &json!("invalid-syntax")), "{}", broken.text);
    }
}

#[tokio::test]
async fn p06_the_body_names_roles_that_exist() {
    for world in World::both().await {
        let twice = world.hold(&["report-reader", "payroll-executor", "report-reader"]).await;
        assert_eq!(twice["roles"], json!(["report-reader", "payroll-executor"]), "a name twice is one");
        for body in [
            json!({ "roles": ["report-reader", "payrol-executor"] }),
            json!({ "roles": ["Payroll-Executor"] }),
            json!({ "roles": "payroll-executor" }),
            json!({ "roles": [1] }),
            json!({ "roles": null }),
            json!({}),
            json!({ "roles": [], "more": 1 }),
            json!(["payroll-executor"]),
        ] {
            let answer = world.admin.put(&format!("{AT}/roles"), &body).await;
            assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        }
        let near = world.admin.put(&format!("{AT}/roles"), &json!({ "roles": ["payrol-executor"] })).await;
        assert!(near.body["message"].as_str().unwrap().ends_with("near to it: payroll-executor"), "{}", near.text);
        assert_eq!(held(&world).await, json!(["payroll-executor", "report-reader"]), "nothing of a wrong request is done");
    }
}

#[tokio::test]
async fn p07_the_answer_has_three_members_and_no_more() {
    for world in World::both().await {
        let expected =
            |roles: Value| json!({ "managedIdentityId": MI, "roles": roles, "updatedAt": "2026-03-01T12:00:00.000000Z" });
        assert_eq!(world.hold(&["payroll-executor"]).await, expected(json!(["payroll-executor"])));
        let added = world.admin.send(Method::POST, &one("report-reader"), &[], None).await;
        assert_eq!(added.body, expected(json!(["payroll-executor", "report-reader"])));
        let removed = world.admin.delete(&one("payroll-executor")).await;
        assert_eq!(removed.body, expected(json!(["report-reader"])));
    }
}

#[tokio::test]
async fn p08_the_time_is_utc_and_the_order_is_that_of_the_request() {
    for world in World::both().await {
        for (time, roles) in [
            ("2026-05-25T10:00:00Z", ["report-reader", "payroll-executor"]),
            ("2026-05-25T12:30:00+02:00", ["payroll-executor", "report-reader"]),
        ] {
            world.hold(&[]).await;
            world.gateway.clock.set(Timestamp::parse(time).unwrap());
            let told = world.hold(&roles).await;
            assert_eq!(told["roles"], json!(roles));
            let text = told["updatedAt"].as_str().unwrap();
            assert!(text.starts_with("2026-05-25T10:") && text.ends_with('Z'), "{text}");
            assert_eq!(Timestamp::parse(text).unwrap(), Timestamp::parse(time).unwrap());
            // What changes nothing is no update.
            world.gateway.clock.set(Timestamp::parse("2026-05-25T11:00:00Z").unwrap());
            assert_eq!(world.hold(&roles).await["updatedAt"], text);
        }
    }
}

#[tokio::test]
async fn p09_post_adds_one_and_leaves_the_others() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        for _ in 0..2 {
            let added = world.admin.send(Method::POST, &one("report-reader"), &[], None).await;
            assert_eq!(
                (added.status, &added.body["roles"]),
                (200, &json!(["payroll-executor", "report-reader"])),
                "{}",
                added.text
            );
        }
        let edges = world.admin.get(&format!("/openidm/managed/service_account/{MI}/roles?_queryFilter=true")).await;
        assert_eq!(edges.body["resultCount"], 2, "done already is done: {}", edges.text);
        let unknown = world.admin.send(Method::POST, &one("nope"), &[], None).await;
        assert_eq!(unknown.status, 400, "{}", unknown.text);
    }
}

#[tokio::test]
async fn p10_post_needs_an_administrator_and_no_body() {
    for world in World::both().await {
        world.needs_admin(Method::POST, &one("report-reader"), None, AT).await;
        let added = world.admin.send(Method::POST, &one("report-reader"), &[], None).await;
        assert_eq!((added.status, &added.body["roles"]), (200, &json!(["report-reader"])), "{}", added.text);
    }
}

#[tokio::test]
async fn p11_delete_removes_one() {
    for world in World::both().await {
        world.hold(&["payroll-executor", "report-reader"]).await;
        let removed = world.admin.delete(&one("payroll-executor")).await;
        assert_eq!((removed.status, &removed.body["roles"]), (200, &json!(["report-reader"])), "{}", removed.text);
        assert_eq!(world.check(MI, "payroll.run").await["allowed"], false);
        for role in ["payroll-executor", "nope"] {
            let absent = world.admin.delete(&one(role)).await;
            assert_eq!((absent.status, &absent.body["error"]), (404, &json!("not-found")), "{role}: {}", absent.text);
        }
        assert_eq!(held(&world).await, json!(["report-reader"]));
    }
}

#[tokio::test]
async fn p12_delete_needs_an_administrator() {
    for world in World::both().await {
        world.hold(&["report-reader"]).await;
        world.needs_admin(Method::DELETE, &one("report-reader"), None, AT).await;
    }
}

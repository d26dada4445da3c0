//! What a service account learns of itself with its own token, and tokens that end with a change of roles.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Account, role};
use crate::harness::gateway::Gateway;

const CHECK: &str = "/passport/check-permission";

#[tokio::test]
async fn it_asks_about_itself_without_a_scope() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let runs = role(&admin, "payroll-executor", &["payroll.run"]).await;
        let asks = role(&admin, "asker", &["access.evaluate"]).await;
        let (plain, asker) = (Account::new(&admin, "plain", &[&runs]).await, Account::new(&admin, "asker", &[&asks]).await);
        let token = async |account: &Account| gateway.client(&account.token(&account.secret().await.0, &[]).await);
        let own = token(&plain).await;
        // Left out, named by its id, and by its client id; told the answer and nothing of why.
        for caller in [Value::Null, json!(plain.id), json!({ "type": "service_account", "id": plain.client_id })] {
            for (permission, allowed) in [("payroll.run", true), ("payroll.read", false)] {
                let told = own.post(CHECK, &json!({ "caller": caller, "permission": permission })).await;
                let mut expected = json!({ "allowed": allowed, "isServiceAccount": true, "managedIdentityId": plain.id });
                if !allowed {
                    expected["message"] = "no role of the caller allows it".into();
                }
                assert_eq!((told.status, told.body), (200, expected));
            }
        }
        // Policies count.
        let deny = json!({ "effect": "Deny", "condition": "true", "message": "frozen" });
        let policy = admin.post("/passport/admin/resource-policies", &deny).await;
        let told = own.post(CHECK, &json!({ "permission": "payroll.run" })).await;
        assert_eq!((&told.body["allowed"], &told.body["message"]), (&json!(false), &json!("frozen")));
        assert_eq!(admin.delete(&format!("/passport/admin/resource-policies/{}", policy.id())).await.status, 204);
        // About others it is told nothing, in either form.
        for caller in [json!(asker.id), json!({ "type": "user", "id": plain.id })] {
            let told = own.post(CHECK, &json!({ "caller": caller, "permission": "payroll.run" })).await;
            assert_eq!((told.status, &told.body["error"]), (403, &json!("forbidden")), "{}", told.text);
        }
        let question = |account: &Account| {
            json!({ "subject": { "type": "service_account", "id": account.id }, "action": { "name": "payroll.run" },
                    "resource": { "type": "workflow", "id": "w" } })
        };
        let told = own.post("/access/v1/evaluation", &question(&plain)).await;
        assert_eq!((told.status, told.body), (200, json!({ "decision": true, "context": {} })));
        assert_eq!(own.post("/access/v1/evaluation", &question(&asker)).await.status, 403);
        let many = json!({ "evaluations": [question(&asker), question(&plain)] });
        let told = own.post("/access/v1/evaluations", &many).await;
        let items = &told.body["evaluations"];
        assert_eq!((told.status, &items[0]["context"]["error"]["status"]), (200, &json!(403)), "{}", told.text);
        assert_eq!((&items[0]["decision"], &items[1]["decision"]), (&json!(false), &json!(true)));
        // With the scope: about itself when left out, about others, and why.
        let asking = token(&asker).await;
        let told = asking.post(CHECK, &json!({ "permission": "access.evaluate" })).await;
        assert_eq!((&told.body["managedIdentityId"], &told.body["explanation"]["decision"]), (&json!(asker.id), &json!("allow")));
        let told = asking.post(CHECK, &json!({ "caller": plain.id, "permission": "payroll.run" })).await;
        assert_eq!((&told.body["allowed"], &told.body["managedIdentityId"]), (&json!(true), &json!(plain.id)));
        // A token that stands for nobody names somebody, or lacks the scope.
        let opaque = gateway.token(&["access.evaluate"], "generic", "x").await;
        let told = opaque.post(CHECK, &json!({ "permission": "payroll.run" })).await;
        assert!(told.status == 400 && told.body["message"].as_str().unwrap().contains("'caller'"), "{}", told.text);
        let opaque = gateway.token(&["passport.read"], "generic", "x").await;
        assert_eq!(opaque.post(CHECK, &json!({ "permission": "payroll.run" })).await.status, 403);
    }
}

#[tokio::test]
async fn p68_roles_that_change_with_revoke_tokens_end_the_tokens() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let reader = role(&admin, "reader", &["scim.read"]).await;
        let account = Account::new(&admin, "a", &[&reader]).await;
        let (secret, _) = account.secret().await;
        role(&admin, "other", &["a.b"]).await;
        for (method, path, body) in [
            (Method::PUT, "/roles", Some(json!({ "roles": ["reader", "other"] }).to_string())),
            (Method::DELETE, "/roles/other", None),
            (Method::POST, "/roles/other", None),
        ] {
            let old = gateway.client(&account.token(&secret, &[]).await);
            let change = async |rest: &str, headers: &[(&str, &str)]| {
                admin.send(method.clone(), &account.path(&format!("{path}{rest}")), headers, body.clone()).await
            };
            // Tried, wished for wrongly, and said to be unwanted: nothing ends.
            let tried = change("?revokeTokens=true", &[("Provost-Dry-Run", "1")]).await;
            assert_eq!((tried.status, old.get("/scim/v2/Users").await.status), (200, 200), "{}", tried.text);
            assert_eq!(change("?revokeTokens=perhaps", &[]).await.status, 400);
            assert_eq!(old.get("/scim/v2/Users").await.status, 200, "{path}");
            let done = change("?revokeTokens=true", &[]).await;
            assert_eq!((done.status, old.get("/scim/v2/Users").await.status), (200, 401), "{path}: {}", done.text);
        }
        let old = gateway.client(&account.token(&secret, &[]).await);
        let none = json!({ "roles": [] });
        assert_eq!(admin.put(&account.path("/roles?revokeTokens=false"), &none).await.status, 200);
        assert_eq!(old.get("/scim/v2/Users").await.status, 200, "it lives on");
        // Also where the roles are what they were.
        assert_eq!(admin.put(&account.path("/roles?revokeTokens=true"), &none).await.status, 200);
        assert_eq!(old.get("/scim/v2/Users").await.status, 401);
        gateway.sync.drain().await.unwrap();
        let log = admin.get(&format!("/admin/v1/changes?objectId={}", account.id)).await;
        assert_eq!(log.text.matches("tokensRevoked").count(), 4, "{}", log.text);
    }
}

//! When service accounts last used their permissions, and what is found of those that lie unused (spec/access.md §4.5, L7).

use provost::domain::key::Key;
use provost::store::permission_uses;
use serde_json::{Value, json};

use super::world::{Account, role};
use crate::harness::gateway::{Client, Gateway};

const DAY: i64 = 86_400;

async fn asked(admin: &Client, account: &Account, permission: &str, allowed: bool) {
    let told = admin.post("/passport/check-permission", &json!({ "caller": account.id, "permission": permission })).await;
    assert_eq!((told.status, &told.body["allowed"]), (200, &json!(allowed)), "{}", told.text);
}

async fn used(account: &Account) -> Value {
    account.admin.get(&account.path("")).await.body["permissionUses"].clone()
}

#[tokio::test]
async fn uses_are_noted_and_written_down() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let payroll = role(&admin, "payroll", &["payroll.run", "payroll.read", "scim.read", "scim.write", "scim.roles"]).await;
        let account = Account::new(&admin, "a", &[&payroll]).await;
        assert_eq!(used(&account).await, json!([]));
        assert_eq!(account.admin.get(&account.path("")).await.body["lastUsed"], Value::Null);
        asked(&admin, &account, "payroll.run", true).await;
        asked(&admin, &account, "payroll.delete", false).await;
        let first = gateway.clock.now().to_string();
        let run = json!({ "permission": "payroll.run", "lastUsed": first });
        assert_eq!(used(&account).await, json!([run]), "as soon as it happens");
        assert_eq!(account.admin.get(&account.path("")).await.body["lastUsed"], json!(first));
        gateway.service.note_permission_uses().await.unwrap();
        assert_eq!(used(&account).await, json!([run]));
        // Whoever opens Provost's own API uses what opens it.
        gateway.clock.set(gateway.clock.now().plus_seconds(60));
        let own = gateway.client(&account.token(&account.secret().await.0, &[]).await);
        assert_eq!(own.get("/scim/v2/Users").await.status, 200);
        assert_eq!(own.post("/scim/v2/Roles", &json!({ "name": "made-by-robot" })).await.status, 201);
        assert_eq!(own.get("/openidm/managed/user?_queryFilter=true").await.status, 403);
        let later = gateway.clock.now().to_string();
        let at = |name: &str| json!({ "permission": name, "lastUsed": later });
        let expected = json!([run, at("scim.read"), at("scim.roles"), at("scim.write")]);
        assert_eq!(used(&account).await, expected);
        gateway.service.note_permission_uses().await.unwrap();
        assert_eq!(used(&account).await, expected);
        // Of whom is gone, nothing stays or comes back.
        asked(&admin, &account, "payroll.read", true).await;
        assert_eq!(admin.delete(&account.path("")).await.status, 204);
        gateway.service.note_permission_uses().await.unwrap();
        let (tenant, key) = (gateway.service.tenant("default").await.unwrap().id, Key::parse(&account.id).unwrap());
        let left = gateway.service.store().read(move |conn| permission_uses::of_many(conn, tenant, &[key])).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn l7_what_lies_unused_is_found() {
    for gateway in Gateway::both() {
        let admin = gateway.tenant("acme").await;
        let boss = admin.post("/scim/v2/Users", &json!({ "userName": "boss" })).await;
        let payroll = role(&admin, "payroll", &["payroll.run", "payroll.read"]).await;
        let account = Account::new(&admin, "a", &[&payroll]).await;
        let owner = json!({ "owner": { "type": "user", "id": boss.id() } });
        assert_eq!(admin.patch(&account.path(""), &owner).await.status, 200);
        let found = async |query: &str| {
            let told = admin.get(&format!("/admin/v1/findings{query}")).await;
            assert_eq!(told.status, 200, "{}", told.text);
            let texts = told.body["findings"].as_array().unwrap().iter();
            texts.map(|f| format!("{} {}", f["rule"].as_str().unwrap(), f["text"].as_str().unwrap())).collect::<Vec<_>>()
        };
        let start = gateway.clock.now();
        asked(&admin, &account, "payroll.run", true).await;
        gateway.clock.set(start.plus_seconds(90 * DAY - 1));
        assert_eq!(found("").await, [""; 0]);
        gateway.clock.set(start.plus_seconds(90 * DAY));
        let run = format!("payroll.run (last {start})");
        assert_eq!(found("").await, [format!("L7 'payroll' gives what was not used for 90 days: {run}, payroll.read (never)")]);
        assert_eq!(found("?unused=120d").await, [""; 0]);
        assert_eq!(found("?unused=4w").await.len(), 1);
        assert_eq!(admin.get("/admin/v1/findings?unused=soon").await.status, 400);
        asked(&admin, &account, "payroll.run", true).await;
        asked(&admin, &account, "payroll.read", true).await;
        assert_eq!(found("").await, [""; 0]);
    }
}

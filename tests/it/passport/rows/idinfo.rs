//! P25 to P31: who the bearer is, member by member from the claims of its token.

use serde_json::json;

use super::{AT, MI, World};

#[tokio::test]
async fn p25_the_user_id_is_the_subject() {
    for world in World::both().await {
        let (token, claims) = world.token().await;
        let info = world.info(&token).await;
        assert_eq!(info["userId"], claims["sub"]);
        assert_eq!(info["userId"], json!(world.account.client_id));
        // All of it, and nothing beside.
        let names: Vec<&String> = info.as_object().unwrap().keys().collect();
        let expected = ["userId", "tenantId", "email", "displayName", "roles", "isServiceAccount", "managedIdentityId"];
        assert_eq!((names.len(), expected.iter().all(|name| info.get(name).is_some())), (expected.len(), true), "{info}");
    }
}

#[tokio::test]
async fn p26_the_tenant_is_that_of_the_token() {
    for world in World::both().await {
        let (token, claims) = world.token().await;
        assert_eq!((&world.info(&token).await["tenantId"], &claims["tenant_id"]), (&json!("tenant-abc"), &json!("tenant-abc")));
    }
}

#[tokio::test]
async fn p27_a_program_has_an_empty_address_and_not_none() {
    for world in World::both().await {
        let (token, claims) = world.token().await;
        assert_eq!(world.info(&token).await.get("email"), Some(&json!("")));
        assert!(claims.get("email").is_none(), "{claims}");
    }
}

/// The token tells the name that was when it was issued, and the next one the new.
#[tokio::test]
async fn p28_the_display_name_is_the_name_claim() {
    for world in World::both().await {
        let (token, claims) = world.token().await;
        assert_eq!(claims["name"], "payroll-scheduler");
        let renamed = world.admin.patch(AT, &json!({ "name": "payroll-runner" })).await;
        assert_eq!(renamed.status, 200, "{}", renamed.text);
        assert_eq!(world.info(&token).await["displayName"], "payroll-scheduler");
        let (next, _) = world.token().await;
        assert_eq!(world.info(&next).await["displayName"], "payroll-runner");
    }
}

#[tokio::test]
async fn p29_the_roles_are_those_of_the_token() {
    for world in World::both().await {
        world.hold(&["payroll-executor"]).await;
        let (token, claims) = world.token().await;
        world.hold(&["report-reader"]).await;
        let info = world.info(&token).await;
        assert_eq!((&info["roles"], &claims["roles"]), (&json!(["payroll-executor"]), &json!(["payroll-executor"])));
        let (next, _) = world.token().await;
        assert_eq!(world.info(&next).await["roles"], json!(["report-reader"]));
    }
}

/// Whoever is not marked has no such answer: the opaque token of an administrator is nobody's.
#[tokio::test]
async fn p30_it_tells_that_it_is_a_program() {
    for world in World::both().await {
        let (token, claims) = world.token().await;
        assert_eq!((&world.info(&token).await["isServiceAccount"], &claims["is_service_account"]), (&json!(true), &json!(true)));
        let opaque = world.admin.get("/passport/idinfo").await;
        assert_eq!((opaque.status, &opaque.body["error"]), (403, &json!("forbidden")), "{}", opaque.text);
        let nobody = world.gateway.client("x").get("/passport/idinfo").await;
        assert_eq!((nobody.status, &nobody.body["error"]), (401, &json!("unauthenticated")));
        let challenge = nobody.header("www-authenticate").unwrap();
        let metadata = challenge.strip_prefix("Bearer resource_metadata=\"").unwrap().strip_suffix('"').unwrap();
        let metadata = world.admin.get(metadata.strip_prefix(&world.gateway.url).unwrap()).await;
        assert_eq!(metadata.body["authorization_servers"], json!([world.gateway.url]));
    }
}

#[tokio::test]
async fn p31_it_tells_which_managed_identity_it_is() {
    for world in World::both().await {
        let (token, claims) = world.token().await;
        assert_eq!((&world.info(&token).await["managedIdentityId"], &claims["managed_identity_id"]), (&json!(MI), &json!(MI)));
    }
}

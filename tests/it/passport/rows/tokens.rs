//! P13 to P24: the token of a managed identity.

use std::collections::BTreeSet;

use provost::domain::time::Timestamp;
use serde_json::{Value, json};

use super::{AT, MI, World};
use crate::oauth::world::{TOKEN, basic, part, post};

fn roles_of(claims: &Value) -> BTreeSet<&str> {
    claims["roles"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[tokio::test]
async fn p13_it_authenticates_by_client_credentials() {
    for world in World::both().await {
        let (secret, _) = world.account.secret().await;
        let own = basic(&world.account.client_id, &secret);
        for path in [TOKEN, "/passport/oauth/token", "/api/m2m/oauth/token"] {
            let given = post(&world.admin, path, Some(&own), &[("grant_type", "client_credentials")]).await;
            assert_eq!((given.status, &given.body["token_type"]), (200, &json!("Bearer")), "{path}: {}", given.text);
            assert!(given.body.get("refresh_token").is_none(), "{}", given.text);
        }
        for grant in ["password", "authorization_code", "refresh_token"] {
            let refused = post(&world.admin, TOKEN, Some(&own), &[("grant_type", grant)]).await;
            assert_eq!((refused.status, &refused.body["error"]), (400, &json!("unsupported_grant_type")), "{grant}");
        }
    }
}

/// By hand, through a group, and as part of a bundle; the bundle by its own name too.
#[tokio::test]
async fn p14_the_token_carries_every_role_in_effect() {
    for world in World::both().await {
        let admin = &world.admin;
        let [inner, through] = [world.role("erp-reader", &["erp.read"]).await, world.role("sync-writer", &["sync.write"]).await];
        let bundle = json!({ "name": "erp-pack", "roles": [{ "_ref": format!("managed/role/{inner}") }] });
        let made = admin.post("/openidm/managed/role?_action=create", &bundle).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let group = json!({
            "name": "automation", "members": [{ "_ref": format!("managed/service_account/{MI}") }],
            "roles": [{ "_ref": format!("managed/role/{through}") }],
        });
        assert_eq!(admin.put("/openidm/managed/group/automation", &group).await.status, 201);
        world.hold(&["payroll-executor", "erp-pack"]).await;
        let (_, claims) = world.token().await;
        assert_eq!(roles_of(&claims), BTreeSet::from(["erp-pack", "erp-reader", "payroll-executor", "sync-writer"]));
    }
}

/// One structure: what RFC 9068 asks of any access token, the roles, and what marks a program. An account that holds nothing
/// has the same claims.
#[tokio::test]
async fn p15_only_the_mark_tells_it_from_any_other_token() {
    for world in World::both().await {
        let any = ["aud", "client_id", "exp", "iat", "iss", "jti", "name", "roles", "sub", "tenant_id", "ver"];
        let mark = ["is_service_account", "managed_identity_id"];
        for held in [&[][..], &["payroll-executor"]] {
            world.hold(held).await;
            let (secret, id) = world.account.secret().await;
            let token = world.account.token(&secret, &[]).await;
            let mut names: BTreeSet<String> = part(&token, 1).as_object().unwrap().keys().cloned().collect();
            assert_eq!(names.remove("scope"), !held.is_empty());
            assert_eq!(names, any.iter().chain(&mark).map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
            assert_eq!(part(&token, 0)["typ"], "at+jwt");
            assert_eq!(world.admin.delete(&format!("{AT}/secrets/{id}")).await.status, 204);
        }
    }
}

#[tokio::test]
async fn p16_the_subject_is_the_client_id() {
    for world in World::both().await {
        let (_, claims) = world.token().await;
        let shown = world.admin.get(AT).await;
        assert_eq!(claims["sub"], shown.body["clientId"]);
        assert_ne!(claims["sub"], MI);
    }
}

#[tokio::test]
async fn p17_the_identity_is_named_by_its_id() {
    for world in World::both().await {
        assert_eq!(world.token().await.1["managed_identity_id"], "mi-guid-1234");
    }
}

/// In the token true, and of people false wherever it is told.
#[tokio::test]
async fn p18_a_program_is_marked_as_one() {
    for world in World::both().await {
        assert_eq!(world.token().await.1["is_service_account"], true);
        assert_eq!(world.check(MI, "payroll.run").await["isServiceAccount"], true);
        assert_eq!(world.check("boss", "payroll.run").await["isServiceAccount"], false);
    }
}

#[tokio::test]
async fn p19_the_tenant_is_in_the_token_and_is_all_it_opens() {
    for world in World::both().await {
        world.role("lister", &["passport.read"]).await;
        world.hold(&["lister"]).await;
        let (token, claims) = world.token().await;
        assert_eq!(claims["tenant_id"], "tenant-abc");
        let other = world.gateway.tenant("tenant-xyz").await;
        let account = super::furnish(&other).await;
        let (secret, _) = account.secret().await;
        let theirs = account.token(&secret, &[]).await;
        assert_eq!(part(&theirs, 1)["tenant_id"], "tenant-xyz");
        let made = other.put("/openidm/managed/service_account/theirs", &json!({ "name": "theirs" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let bearer = world.gateway.client(&token);
        let listed = bearer.get("/passport/admin/managed-identities").await;
        assert_eq!(listed.body["managedIdentities"].as_array().map(Vec::len), Some(1), "{}", listed.text);
        let path = "/passport/admin/managed-identities/theirs";
        assert_eq!((bearer.get(path).await.status, other.get(path).await.status), (404, 200));
    }
}

#[tokio::test]
async fn p20_roles_are_a_list_of_names() {
    for world in World::both().await {
        let (secret, _) = world.account.secret().await;
        for held in [json!([]), json!(["payroll-executor"])] {
            let done = world.admin.put(&format!("{AT}/roles"), &json!({ "roles": held })).await;
            assert_eq!(done.status, 200, "{}", done.text);
            assert_eq!(part(&world.account.token(&secret, &[]).await, 1)["roles"], held);
        }
    }
}

#[tokio::test]
async fn p21_the_issuer_is_configuration() {
    for world in World::both().await {
        assert_eq!(world.token().await.1["iss"], json!(world.gateway.url), "the public address, unless told");
    }
    for world in World::both_with(&[("PROVOST_OAUTH__ISSUER", "https://passport.bizfirst.ai")]).await {
        let (token, claims) = world.token().await;
        assert_eq!(claims["iss"], "https://passport.bizfirst.ai");
        world.info(&token).await;
        let metadata = world.admin.get("/.well-known/oauth-authorization-server").await;
        assert_eq!(metadata.body["issuer"], "https://passport.bizfirst.ai");
    }
}

/// The audience is that of the document, another by configuration, and one of the known when the client names it.
#[tokio::test]
async fn p22_the_audience_is_configuration() {
    for world in World::both().await {
        assert_eq!(world.token().await.1["aud"], "bizfirstgo-api");
    }
    let settings =
        [("PROVOST_OAUTH__AUDIENCE", "payroll-api"), ("PROVOST_OAUTH__RESOURCES", "https://erp.example  https://hr.example")];
    for world in World::both_with(&settings).await {
        world.role("reader", &["scim.read"]).await;
        world.hold(&["reader"]).await;
        let (secret, _) = world.account.secret().await;
        let server = world.gateway.url.clone();
        for (resource, audience, opens) in [
            (None, "payroll-api", true),
            (Some("payroll-api"), "payroll-api", true),
            (Some(server.as_str()), server.as_str(), true),
            (Some("https://erp.example"), "https://erp.example", false),
            (Some("https://hr.example"), "https://hr.example", false),
        ] {
            let more: Vec<(&str, &str)> = resource.map(|resource| ("resource", resource)).into_iter().collect();
            let token = world.account.token(&secret, &more).await;
            assert_eq!(part(&token, 1)["aud"], audience);
            let read = world.gateway.client(&token).get("/scim/v2/Users").await;
            assert_eq!(read.status, if opens { 200 } else { 401 }, "a token for {audience}");
        }
        let unknown = world.account.ask(&secret, &[("resource", "https://evil.example")]).await;
        assert_eq!((unknown.status, &unknown.body["error"]), (400, &json!("invalid_target")), "{}", unknown.text);
    }
}

#[tokio::test]
async fn p23_the_time_of_issue_is_in_seconds() {
    for world in World::both().await {
        world.gateway.clock.set(Timestamp::parse("2026-05-25T10:00:00.999999Z").unwrap());
        let (_, claims) = world.token().await;
        assert_eq!(claims["iat"], 1_779_703_200, "{claims}");
    }
}

#[tokio::test]
async fn p24_a_token_lasts_an_hour() {
    for world in World::both().await {
        let (secret, _) = world.account.secret().await;
        let given = world.account.ask(&secret, &[]).await;
        let token = given.body["access_token"].as_str().unwrap();
        let claims = part(token, 1);
        assert_eq!(
            (&given.body["expires_in"], claims["exp"].as_i64()),
            (&json!(3_600), Some(claims["iat"].as_i64().unwrap() + 3_600))
        );
        for (seconds, status) in [(3_599, 200), (1, 401)] {
            world.gateway.clock.set(world.gateway.clock.now().plus_seconds(seconds));
            assert_eq!(world.gateway.client(token).get("/passport/idinfo").await.status, status);
        }
    }
    for world in World::both_with(&[("PROVOST_OAUTH__TOKEN_LIFETIME", "5m")]).await {
        let (_, claims) = world.token().await;
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    }
}

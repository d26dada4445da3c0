//! Secrets and keys: two at a time, shown once, gone at once.

use reqwest::Method;
use serde_json::json;

use super::world::{Account, ClientKey, basic, post};
use crate::harness::dump::dump;
use crate::harness::gateway::Gateway;

#[tokio::test]
async fn a_secret_is_shown_once_and_stored_as_a_digest() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "payroll", &[]).await;
        let made = account.admin.post(&account.path("/secrets"), &json!({ "expires": "90d" })).await;
        assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")), "{}", made.text);
        let secret = made.body["secret"].as_str().unwrap();
        assert!(secret.starts_with("pvs_") && secret.len() == 53, "{secret}");
        assert_eq!(made.body["fingerprint"].as_str().unwrap().len(), 8);
        assert_eq!(made.body["expires"], "2026-05-30T12:00:00.000000Z");
        let listed = account.admin.get(&account.path("/secrets")).await;
        let expected = made.body.as_object().unwrap().iter().filter(|(name, _)| *name != "secret");
        assert_eq!(
            listed.body["secrets"],
            json!([expected.map(|(k, v)| (k.clone(), v.clone())).collect::<serde_json::Map<_, _>>()])
        );
        let rows = format!("{:?}", dump(gateway.service.store()));
        assert!(!rows.contains(&secret[4..47]), "the text is nowhere in the database");
        // The account shows how it proves itself, and the log who gave it what.
        let shown = account.admin.get(&format!("/scim/v2/ServiceAccounts/{}", account.id)).await;
        assert_eq!(shown.body["authenticationMethod"], "client_secret_basic");
        gateway.sync.drain().await.unwrap();
        let log = account.admin.get(&format!("/admin/v1/changes?objectId={}", account.id)).await;
        assert!(log.text.contains(made.body["fingerprint"].as_str().unwrap()) && !log.text.contains(secret), "{}", log.text);
        account.token(secret, &[]).await;
    }
}

#[tokio::test]
async fn two_at_a_time_and_the_third_is_a_conflict() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "payroll", &[]).await;
        let (first, first_id) = account.secret().await;
        let (second, _) = account.secret().await;
        let third = account.admin.send(Method::POST, &account.path("/secrets"), &[], None).await;
        assert_eq!((third.status, &third.body["error"]), (409, &json!("conflict")), "{}", third.text);
        for secret in [&first, &second] {
            account.token(secret, &[]).await;
        }
        let other = Account::new(&gateway.admin(), "other", &[]).await;
        let path = format!("/secrets/{first_id}");
        assert_eq!(account.admin.delete(&other.path(&path)).await.status, 404, "another account's");
        assert_eq!(account.admin.delete(&account.path(&path)).await.status, 204);
        assert_eq!(account.admin.delete(&account.path(&path)).await.status, 404);
        assert_eq!(account.ask(&first, &[]).await.status, 401);
        account.token(&second, &[]).await;
        // One that has expired is of no use, and leaves its place.
        let short = account.admin.post(&account.path("/secrets"), &json!({ "expires": "1h" })).await;
        let short = short.body["secret"].as_str().unwrap().to_owned();
        account.token(&short, &[]).await;
        gateway.clock.set(gateway.clock.now().plus_seconds(3_600));
        assert_eq!(account.ask(&short, &[]).await.status, 401);
        account.secret().await;
        let listed = account.admin.get(&account.path("/secrets")).await;
        assert_eq!(listed.body["secrets"].as_array().unwrap().len(), 2, "{}", listed.text);
    }
}

#[tokio::test]
async fn keys_are_public_and_strong_and_named_once() {
    let gateway = Gateway::start();
    let account = Account::new(&gateway.admin(), "payroll", &[]).await;
    let (one, two) = (ClientKey::new("one"), ClientKey::new("two"));
    account.key(&one).await;
    let again = account.admin.post(&account.path("/keys"), &json!({ "jwk": one.public() })).await;
    assert_eq!(again.status, 409, "{}", again.text);
    let mut private = two.public();
    private["d"] = "AAAA".into();
    for (jwk, status, error) in [
        (private, 400, "sensitive"),
        (json!({ "kty": "oct", "alg": "HS256" }), 400, "invalid-value"),
        (json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }), 400, "invalid-value"),
        (json!("text"), 400, "invalid-value"),
    ] {
        let refused = account.admin.post(&account.path("/keys"), &json!({ "jwk": jwk })).await;
        assert_eq!((refused.status, refused.body["error"].as_str()), (status, Some(error)), "{jwk}: {}", refused.text);
    }
    account.key(&two).await;
    let third = account.admin.post(&account.path("/keys"), &json!({ "jwk": ClientKey::new("three").public() })).await;
    assert_eq!(third.status, 409);
    let secret = account.admin.send(Method::POST, &account.path("/secrets"), &[], None).await;
    assert_eq!(secret.status, 409, "it proves itself with keys: {}", secret.text);
    let listed = account.admin.get(&account.path("/keys")).await;
    let kids: Vec<&str> = listed.body["keys"].as_array().unwrap().iter().map(|k| k["kid"].as_str().unwrap()).collect();
    assert_eq!(kids, ["one", "two"]);
    assert_eq!((&listed.body["keys"][0]["algorithm"], &listed.body["keys"][0]["jwk"]["use"]), (&json!("ES256"), &json!("sig")));
    assert_eq!(account.admin.delete(&account.path("/keys/one")).await.status, 204);
    assert_eq!(account.admin.get("/passport/admin/managed-identities/nobody/keys").await.status, 404);
}

#[tokio::test]
async fn a_deleted_account_takes_its_credentials_along() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "payroll", &[]).await;
        let (secret, _) = account.secret().await;
        let token = account.token(&secret, &[]).await;
        assert_eq!(gateway.client(&token).get("/passport/idinfo").await.status, 200);
        assert_eq!(account.admin.delete(&format!("/scim/v2/ServiceAccounts/{}", account.id)).await.status, 204);
        assert_eq!(gateway.client(&token).get("/passport/idinfo").await.status, 401);
        assert_eq!(account.ask(&secret, &[]).await.status, 401);
        let rows = dump(gateway.service.store());
        assert!(rows["credentials"].is_empty());
        assert_eq!(rows["clients"].len(), 1, "its client id stays known");
        let form = [("token", token.as_str())];
        let other = Account::new(&gateway.admin(), "other", &[]).await;
        let (secret, _) = other.secret().await;
        let told = post(&other.admin, "/oauth2/introspect", Some(&basic(&other.client_id, &secret)), &form).await;
        assert_eq!((told.status, told.text.as_str()), (200, "{\"active\":false}"));
    }
}

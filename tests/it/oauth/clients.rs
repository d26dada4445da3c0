//! Who a client is: secrets in the head and in the body, errors word for word, and how often one may ask.

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use super::world::{Account, ClientKey, TOKEN, assert_with, basic, post, raw};
use crate::harness::gateway::{Answer, Gateway};

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status, answer.body["error"].as_str()), (status, Some(error)), "{}", answer.text);
    assert_eq!((answer.header("cache-control"), answer.header("content-type")), (Some("no-store"), Some("application/json")));
    let challenge = answer.header("www-authenticate").is_some_and(|text| text.starts_with("Basic "));
    assert_eq!(challenge, status == 401, "{:?}", answer.headers);
}

#[tokio::test]
async fn errors_are_those_of_the_table() {
    let gateway = Gateway::start();
    let account = Account::new(&gateway.admin(), "a", &[]).await;
    let (secret, _) = account.secret().await;
    let client = gateway.admin();
    let good = basic(&account.client_id, &secret);
    let ask = async |authorization: Option<&str>, form: &[(&str, &str)]| post(&client, TOKEN, authorization, form).await;
    refused(&ask(Some(&good), &[]).await, 400, "invalid_request");
    refused(&ask(Some(&good), &[("grant_type", "")]).await, 400, "invalid_request");
    refused(&ask(Some(&good), &[GRANT, GRANT]).await, 400, "invalid_request");
    refused(&ask(Some(&good), &[("grant_type", "password")]).await, 400, "unsupported_grant_type");
    refused(&ask(Some(&good), &[("grant_type", "refresh_token")]).await, 400, "unsupported_grant_type");
    refused(&ask(Some(&good), &[GRANT, ("scope", "payroll.run")]).await, 400, "invalid_scope");
    refused(&ask(Some(&good), &[GRANT, ("resource", "https://evil.example")]).await, 400, "invalid_target");
    refused(&ask(Some(&good), &[GRANT, ("client_id", "other")]).await, 400, "invalid_request");
    refused(&ask(None, &[GRANT]).await, 401, "invalid_client");
    refused(&ask(None, &[GRANT, ("client_id", &account.client_id)]).await, 401, "invalid_client");
    // More than one way at once.
    refused(&ask(Some(&good), &[GRANT, ("client_secret", &secret)]).await, 400, "invalid_request");
    refused(&ask(Some(&good), &[GRANT, ("client_assertion", "x")]).await, 400, "invalid_request");
    let both = [GRANT, ("client_id", account.client_id.as_str()), ("client_secret", &secret), ("client_assertion", "x")];
    refused(&ask(None, &both).await, 400, "invalid_request");
    // Another form, and parameters where they are logged.
    refused(&raw(&client, TOKEN, Some(&good), "application/json", "{}".to_owned()).await, 400, "invalid_request");
    let address = format!("{TOKEN}?client_secret={secret}");
    refused(&raw(&client, &address, None, FORM, "grant_type=client_credentials".to_owned()).await, 400, "invalid_request");
    refused(&raw(&client, TOKEN, Some(&good), FORM, "grant_type=%FF".to_owned()).await, 400, "invalid_request");
    refused(&raw(&client, TOKEN, Some(&good), FORM, "x".repeat(70_000)).await, 413, "invalid_request");
    for method in [reqwest::Method::GET, reqwest::Method::PUT] {
        let answer = client.send(method, TOKEN, &[], None).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    }
    assert_eq!(ask(Some(&good), &[GRANT, ("client_id", &account.client_id)]).await.status, 200);
    assert_eq!(ask(Some(&good.replace("Basic", "bAsIc")), &[GRANT]).await.status, 200);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_client_the_answer_is_the_same() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "a", &[]).await;
        let (secret, _) = account.secret().await;
        let bare = Account::new(&gateway.admin(), "without credentials", &[]).await;
        let off = Account::new(&gateway.admin(), "off", &[]).await;
        let (off_secret, _) = off.secret().await;
        off.set_active(false).await;
        let keyed = Account::new(&gateway.admin(), "keyed", &[]).await;
        keyed.key(&ClientKey::new("k")).await;
        let mut told = BTreeSet::new();
        for header in [
            basic(&account.client_id, "wrong"),
            basic(&account.client_id, ""),
            basic(&account.client_id, &secret.to_uppercase()),
            basic(&account.client_id.to_uppercase(), &secret),
            basic(&account.id, &secret),
            basic("nobody", &secret),
            basic("", ""),
            basic(&bare.client_id, &secret),
            basic(&off.client_id, &off_secret),
            basic(&keyed.client_id, &secret),
            basic("a\0b", &secret),
            "Basic".to_owned(),
            "Basic !!!".to_owned(),
            format!("Basic {}", BASE64_STANDARD.encode("no colon")),
            format!("Basic {}", BASE64_STANDARD.encode([0xff, b':', 0xff])),
            format!("Bearer {}", gateway.admin().token),
            "Digest x".to_owned(),
        ] {
            let answer = post(&account.admin, TOKEN, Some(&header), &[GRANT]).await;
            refused(&answer, 401, "invalid_client");
            told.insert(answer.text);
        }
        assert_eq!(told.len(), 1, "the answer tells what was wrong: {told:?}");
    }
}

#[tokio::test]
async fn ids_and_secrets_are_form_encoded_before_base64() {
    let gateway = Gateway::start();
    let account = Account::new(&gateway.admin(), "a", &[]).await;
    let (secret, _) = account.secret().await;
    let ask = async |pair: String| {
        let header = format!("Basic {}", BASE64_STANDARD.encode(pair));
        post(&account.admin, TOKEN, Some(&header), &[GRANT]).await.status
    };
    let id = &account.client_id;
    assert_eq!(ask(format!("{id}:{secret}")).await, 200);
    assert_eq!(ask(format!("{}:{secret}", id.replace('-', "%2D"))).await, 200);
    assert_eq!(ask(format!("{}:{secret}", id.replace('-', "%2d"))).await, 200);
    assert_eq!(ask(format!("{id}:{}", secret.replace('_', "%5F"))).await, 200);
    assert_eq!(ask(format!("{id}:{secret}+")).await, 401);
    assert_eq!(ask(format!("{id}:{secret}%20")).await, 401);
    assert_eq!(ask(format!("{id}:{secret}:")).await, 401);
    assert_eq!(ask(format!("{id}%3A{secret}")).await, 401);
}

#[tokio::test]
async fn a_secret_in_the_body_is_off_until_it_is_on() {
    for on in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let on = if on { "true" } else { "false" };
        let gateway = Gateway::with(&folder.path().join("data"), &[("PROVOST_OAUTH__SECRET_IN_BODY", on)]);
        let account = Account::new(&gateway.admin(), "a", &[]).await;
        let (secret, _) = account.secret().await;
        let form = [GRANT, ("client_id", account.client_id.as_str()), ("client_secret", secret.as_str())];
        let metadata = gateway.admin().get("/.well-known/oauth-authorization-server").await;
        let methods = metadata.body["token_endpoint_auth_methods_supported"].as_array().unwrap().clone();
        assert_eq!(methods.contains(&json!("client_secret_post")), on == "true");
        // Offered or not, the account proves itself in the head.
        refused(&post(&account.admin, TOKEN, None, &form).await, 401, "invalid_client");
        let method = json!([{ "operation": "replace", "field": "/authenticationMethod", "value": "client_secret_post" }]);
        let path = format!("/openidm/managed/service_account/{}", account.id);
        let set = account.admin.patch(&path, &method).await;
        assert_eq!(set.status, 200, "{}", set.text);
        let answer = post(&account.admin, TOKEN, None, &form).await;
        if on == "true" {
            assert_eq!(answer.status, 200, "{}", answer.text);
        } else {
            refused(&answer, 401, "invalid_client");
        }
        refused(&account.ask(&secret, &[]).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn a_client_with_keys_cannot_fall_back_to_a_secret() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "a", &[]).await;
        let (secret, _) = account.secret().await;
        let key = ClientKey::new("k");
        let refusal = account.admin.post(&account.path("/keys"), &json!({ "jwk": key.public() })).await;
        assert_eq!(refusal.status, 409, "{}", refusal.text);
        let method = json!([{ "operation": "replace", "field": "/authenticationMethod", "value": "private_key_jwt" }]);
        let path = format!("/openidm/managed/service_account/{}", account.id);
        assert_eq!(account.admin.patch(&path, &method).await.status, 200);
        account.key(&key).await;
        refused(&account.ask(&secret, &[]).await, 401, "invalid_client");
        let given = assert_with(&account.admin, &key.sign(&account.claims(&gateway)), &[]).await;
        assert_eq!(given.status, 200, "{}", given.text);
    }
}

#[tokio::test]
async fn a_method_that_there_is_not_is_refused() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let account = Account::new(&admin, "a", &[]).await;
        let path = format!("/openidm/managed/service_account/{}", account.id);
        let patch = json!([{ "operation": "replace", "field": "/authenticationMethod", "value": "none" }]);
        let whole = json!({ "name": "a", "authenticationMethod": "client_secret_jwt" });
        for refused in [
            admin.patch(&path, &patch).await,
            admin.put(&path, &whole).await,
            admin.post("/openidm/managed/service_account?_action=create", &whole).await,
        ] {
            assert_eq!(refused.status, 400, "{}", refused.text);
            let failed = &refused.body["detail"]["failedPolicyRequirements"][0];
            assert_eq!(failed["property"], "authenticationMethod", "{}", refused.text);
        }
        let good = json!({ "name": "b", "authenticationMethod": "private_key_jwt" });
        assert_eq!(admin.post("/openidm/managed/service_account?_action=create", &good).await.status, 201);
    }
}

#[tokio::test]
async fn a_client_and_an_address_may_ask_so_often() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("PROVOST_OAUTH__CLIENT_RATE", "3"), ("PROVOST_OAUTH__ADDRESS_RATE", "10")];
    let gateway = Gateway::with(&folder.path().join("data"), &settings);
    let [one, two] = [Account::new(&gateway.admin(), "a", &[]).await, Account::new(&gateway.admin(), "b", &[]).await];
    let ((first, _), (second, _)) = (one.secret().await, two.secret().await);
    for _ in 0..3 {
        one.token(&first, &[]).await;
    }
    let waits = |answer: &Answer| {
        assert_eq!((answer.status, answer.header("cache-control")), (429, Some("no-store")), "{}", answer.text);
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=21).contains(&wait), "{wait}");
    };
    waits(&one.ask(&first, &[]).await);
    // Not even with a right one after wrong ones, and others are not held up.
    two.token(&second, &[]).await;
    // Unknown clients count as known ones do.
    let stranger = async |name: &str| post(&one.admin, TOKEN, Some(&basic(name, "x")), &[GRANT]).await;
    for _ in 0..3 {
        refused(&stranger("nobody").await, 401, "invalid_client");
    }
    waits(&stranger("nobody").await);
    // That made nine from the address.
    refused(&stranger("nobody else").await, 401, "invalid_client");
    waits(&stranger("nobody else").await);
    waits(&two.ask(&second, &[]).await);
    assert_eq!(one.admin.get("/scim/v2/Users").await.status, 200, "other addresses of the map are as before");
}

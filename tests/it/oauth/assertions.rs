//! Client assertions (RFC 7523, RFC 10070): each way to be wrong, and no way to be used twice.

use std::path::Path;

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use provost::domain::secret::MasterKey;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::world::{ASSERTION, Account, ClientKey, TOKEN, assert_with, basic, encode, part, post};
use crate::harness::gateway::{Answer, Gateway};
use crate::harness::postgres;

fn refused(what: &str, answer: &Answer) {
    assert_eq!((answer.status, answer.body["error"].as_str()), (401, Some("invalid_client")), "{what}: {}", answer.text);
    assert_eq!(answer.body["error_description"], "the client could not be authenticated", "{what}");
}

#[tokio::test]
async fn a_good_assertion_is_good() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "a", &[]).await;
        let key = ClientKey::new("k");
        account.key(&key).await;
        let claims = account.claims(&gateway);
        for header in [
            key.header(),
            json!({ "alg": "ES256" }),
            json!({ "alg": "ES256", "typ": "JWT", "kid": "k" }),
            json!({ "alg": "ES256", "typ": "client-authentication+jwt", "kid": "k" }),
            json!({ "alg": "ES256", "typ": "application/Client-Authentication+JWT", "kid": "k" }),
        ] {
            let fresh = account.claims(&gateway);
            let given = assert_with(&account.admin, &key.sign_as(&header, &fresh), &[]).await;
            assert_eq!(given.status, 200, "{header}: {}", given.text);
            assert_eq!(part(given.body["access_token"].as_str().unwrap(), 1)["sub"], json!(account.client_id));
        }
        let named = assert_with(&account.admin, &key.sign(&claims), &[("client_id", &account.client_id)]).await;
        assert_eq!(named.status, 200, "{}", named.text);
        // With two keys there is a choice, and it must be named.
        account.key(&ClientKey::new("next")).await;
        let nameless = key.sign_as(&json!({ "alg": "ES256" }), &account.claims(&gateway));
        refused("no kid", &assert_with(&account.admin, &nameless, &[]).await);
        let listed = account.admin.get(&account.path("/keys")).await;
        assert_eq!(listed.body["keys"].as_array().unwrap().len(), 2);
    }
}

/// The negative matrix; every row alone makes a good assertion bad, and none uses up its name.
#[tokio::test]
async fn each_fault_alone_is_enough() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "a", &[]).await;
        let (key, other) = (ClientKey::new("k"), ClientKey::new("k"));
        account.key(&key).await;
        let foreign = Account::new(&gateway.tenant("foreign").await, "f", &[]).await;
        let foreign_key = ClientKey::new("f");
        foreign.key(&foreign_key).await;
        let now = gateway.clock.now().micros() / 1_000_000;
        let good = account.claims(&gateway);
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            if value.is_null() {
                _ = claims.remove(name)
            } else {
                _ = claims.insert(name.to_owned(), value)
            }
            claims
        };
        let issuer = gateway.url.clone();
        let claims: Vec<(&str, Map<String, Value>)> = vec![
            ("wrong aud", with("aud", json!("https://other.example"))),
            ("aud of the token endpoint", with("aud", json!(format!("{issuer}/oauth2/token")))),
            ("aud with a slash", with("aud", json!(format!("{issuer}/")))),
            ("array aud", with("aud", json!([issuer]))),
            ("array aud of two", with("aud", json!([issuer, "https://other.example"]))),
            ("no aud", with("aud", Value::Null)),
            ("iss is not sub", with("iss", json!("other"))),
            ("sub is not iss", with("sub", json!(foreign.client_id))),
            ("no iss", with("iss", Value::Null)),
            ("expired", with("exp", json!(now))),
            ("far future", with("exp", json!(now + 301))),
            ("no exp", with("exp", Value::Null)),
            ("no sub", with("sub", Value::Null)),
            ("U+0000 in sub", with("sub", json!("a\0"))),
            ("exp as text", with("exp", json!((now + 60).to_string()))),
            ("iat in the future", with("iat", json!(now + 31))),
            ("nbf in the future", with("nbf", json!(now + 31))),
            ("no jti", with("jti", Value::Null)),
            ("empty jti", with("jti", json!(""))),
        ];
        for (what, claims) in &claims {
            refused(what, &assert_with(&account.admin, &key.sign(claims), &[]).await);
        }
        let signed = key.sign(&good);
        let (message, signature) = signed.rsplit_once('.').unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let none = format!("{}.{payload}.", encode(&json!({ "alg": "none" })));
        let hmac_message = format!("{}.{payload}", encode(&json!({ "alg": "HS256", "kid": "k" })));
        let public = key.public().to_string();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), hmac_message.as_bytes());
        let mut turned = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        turned[0] ^= 1;
        let turned = BASE64_URL_SAFE_NO_PAD.encode(turned);
        let long = with("padding", json!("x".repeat(9 * 1024)));
        for (what, text) in [
            ("alg none", none.clone()),
            ("alg none with a signature", format!("{none}{signature}")),
            ("HS256 with the public key", format!("{hmac_message}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))),
            ("another alg", key.sign_as(&json!({ "alg": "RS256", "kid": "k" }), &good)),
            ("alg in lower case", key.sign_as(&json!({ "alg": "es256", "kid": "k" }), &good)),
            ("wrong typ", key.sign_as(&json!({ "alg": "ES256", "kid": "k", "typ": "at+jwt" }), &good)),
            ("typ that is no text", key.sign_as(&json!({ "alg": "ES256", "kid": "k", "typ": 1 }), &good)),
            ("unknown kid", key.sign_as(&json!({ "alg": "ES256", "kid": "x" }), &good)),
            ("crit", key.sign_as(&json!({ "alg": "ES256", "kid": "k", "crit": ["x"], "x": 1 }), &good)),
            ("a jwk of its own", other.sign_as(&json!({ "alg": "ES256", "jwk": other.public() }), &good)),
            ("another key of that name", other.sign(&good)),
            ("another tenant's key", foreign_key.sign(&good)),
            ("another tenant's key by its name", foreign_key.sign_as(&json!({ "alg": "ES256", "kid": "k" }), &good)),
            ("a turned bit", format!("{header}.{payload}.{turned}")),
            ("no signature", format!("{header}.{payload}.")),
            ("two parts", format!("{header}.{payload}")),
            ("9 KiB", key.sign(&long)),
            ("nonsense", "x".to_owned()),
        ] {
            refused(what, &assert_with(&account.admin, &text, &[]).await);
        }
        refused("client_id of another", &assert_with(&account.admin, &signed, &[("client_id", &foreign.client_id)]).await);
        let form = [("grant_type", "client_credentials"), ("client_assertion_type", "x"), ("client_assertion", &signed)];
        refused("type", &post(&account.admin, TOKEN, None, &form).await);
        // Two ways to prove oneself at once, each of them good.
        let bearer = Account::new(&gateway.admin(), "bearer", &[]).await;
        let own = basic(&bearer.client_id, &bearer.secret().await.0);
        let both = [("grant_type", "client_credentials"), ("client_assertion_type", ASSERTION), ("client_assertion", &signed)];
        let two = post(&account.admin, TOKEN, Some(&own), &both).await;
        assert_eq!((two.status, &two.body["error"]), (400, &json!("invalid_request")), "{}", two.text);
        let two = assert_with(&account.admin, &signed, &[("client_id", &account.client_id), ("client_secret", "x")]).await;
        assert_eq!((two.status, &two.body["error"]), (400, &json!("invalid_request")), "{}", two.text);
        // What is long, and not too long, is read.
        let padded = with("padding", json!("x".repeat(5 * 1024)));
        let padded = Map::from_iter(padded.into_iter().chain([("jti".to_owned(), json!("padded"))]));
        assert_eq!(assert_with(&account.admin, &key.sign(&padded), &[]).await.status, 200);
        // The good one is good still, once.
        assert_eq!(assert_with(&account.admin, &signed, &[]).await.status, 200);
        refused("replayed", &assert_with(&account.admin, &signed, &[]).await);
        let same_name = with("exp", json!(now + 61));
        refused("the same jti", &assert_with(&account.admin, &key.sign(&same_name), &[]).await);
        // Names belong to their client.
        let mut theirs = foreign.claims(&gateway);
        theirs.insert("jti".to_owned(), good["jti"].clone());
        assert_eq!(assert_with(&foreign.admin, &foreign_key.sign(&theirs), &[]).await.status, 200);
        // An account with a secret has no use for assertions.
        let plain = Account::new(&gateway.admin(), "plain", &[]).await;
        plain.secret().await;
        refused("method not registered", &assert_with(&plain.admin, &key.sign(&plain.claims(&gateway)), &[]).await);
        // A key that is taken away is gone at once.
        assert_eq!(account.admin.delete(&account.path("/keys/k")).await.status, 204);
        refused("key removed", &assert_with(&account.admin, &key.sign(&account.claims(&gateway)), &[]).await);
    }
}

#[tokio::test]
async fn one_that_is_used_elsewhere_is_used() {
    let gateway = Gateway::start();
    let account = Account::new(&gateway.admin(), "a", &[]).await;
    let key = ClientKey::new("k");
    account.key(&key).await;
    let signed = key.sign(&account.claims(&gateway));
    let form = [("token", "x"), ("client_assertion_type", ASSERTION), ("client_assertion", signed.as_str())];
    for (path, status) in [("/oauth2/introspect", 200), ("/oauth2/revoke", 401), ("/oauth2/introspect", 401)] {
        let answer = post(&account.admin, path, None, &form).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    refused("for a token", &assert_with(&account.admin, &signed, &[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_on_two_replicas_one_is_served() {
    let url = postgres::fresh_database();
    let key_text = MasterKey::from_bytes([7; 32]).to_text();
    let settings = [
        ("PROVOST_DATABASE_URL", url.as_str()),
        ("PROVOST_MASTER_KEY", key_text.expose()),
        ("PROVOST_PUBLIC_URL", "https://id.example"),
    ];
    let replicas = [(); 2].map(|()| Gateway::with(Path::new(""), &settings));
    let account = Account::new(&replicas[0].admin(), "a", &[]).await;
    let key = ClientKey::new("k");
    account.key(&key).await;
    let mut claims = account.claims(&replicas[0]);
    claims.insert("aud".to_owned(), json!("https://id.example"));
    let signed = key.sign(&claims);
    let mut running = JoinSet::new();
    for n in 0..16 {
        let (client, signed) = (replicas[n % 2].admin(), signed.clone());
        running.spawn(async move {
            loop {
                let answer = assert_with(&client, &signed, &[]).await;
                if answer.status != 503 {
                    return answer.status;
                }
            }
        });
    }
    let mut statuses = running.join_all().await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[401; 15][..]));
}

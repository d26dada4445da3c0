//! The keys that sign: published, signing, verifying, gone; and what is no access token.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use super::world::{Account, encode, part};
use crate::harness::dump::dump;
use crate::harness::gateway::{Answer, Gateway};

const LEAD: i64 = 600;

async fn kids(gateway: &Gateway) -> Vec<String> {
    let set = gateway.admin().get("/.well-known/jwks.json").await;
    assert_eq!((set.status, set.header("cache-control")), (200, Some("max-age=300")));
    set.body["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

async fn states(gateway: &Gateway) -> Vec<String> {
    let listed = gateway.admin().get("/admin/v1/signing-keys").await;
    listed.body["keys"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn keys_follow_one_another_and_no_good_token_dies_of_it() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "a", &[]).await;
        let (secret, _) = account.secret().await;
        let first = account.token(&secret, &[]).await;
        assert_eq!(kids(&gateway).await, [kid(&first)]);
        let turn = |seconds: i64| gateway.clock.set(gateway.clock.now().plus_seconds(seconds));
        // Published well before it signs.
        turn(90 * 86_400 - LEAD);
        let before = account.token(&secret, &[]).await;
        let published = kids(&gateway).await;
        assert_eq!((published.len(), &published[0], kid(&before)), (2, &kid(&first), kid(&first)));
        assert_eq!(states(&gateway).await, ["signing", "published"]);
        turn(LEAD);
        let after = account.token(&secret, &[]).await;
        assert_eq!(kid(&after), published[1]);
        assert_eq!(states(&gateway).await, ["verifying", "signing"]);
        assert_eq!(gateway.client(&before).get("/passport/idinfo").await.status, 200);
        // The private half goes when the last token has.
        turn(3_600 + 299);
        assert_eq!(kids(&gateway).await, published);
        turn(1);
        assert_eq!(kids(&gateway).await, published[1..]);
        assert_eq!(dump(gateway.service.store())["signing_keys"].len(), 1);
    }
}

#[tokio::test]
async fn a_key_that_leaked_is_gone_at_once() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "a", &[]).await;
        let (secret, _) = account.secret().await;
        let token = gateway.client(&account.token(&secret, &[]).await);
        assert_eq!(token.get("/passport/idinfo").await.status, 200);
        let path = format!("/admin/v1/signing-keys/{}", kid(&token.token));
        assert_eq!(gateway.admin().delete(&path).await.status, 204);
        assert_eq!(token.get("/passport/idinfo").await.status, 401);
        assert_eq!(gateway.admin().delete(&path).await.status, 404);
        let fresh = gateway.client(&account.token(&secret, &[]).await);
        assert_eq!(fresh.get("/passport/idinfo").await.status, 200);
        assert_eq!(states(&gateway).await, ["signing"]);
        // The next one in advance, once.
        let next = gateway.admin().post("/admin/v1/signing-keys", &Value::Null).await;
        assert_eq!((next.status, &next.body["state"]), (202, &json!("published")), "{}", next.text);
        let again = gateway.admin().post("/admin/v1/signing-keys", &Value::Null).await;
        assert_eq!(again.body, next.body);
        assert_eq!(states(&gateway).await, ["signing", "published"]);
        let rows = format!("{:?}", dump(gateway.service.store())["signing_keys"]);
        assert!(rows.contains("v1."), "sealed: {rows}");
    }
}

#[tokio::test]
async fn other_algorithms_by_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut last: Option<(String, String)> = None;
    for (day, algorithm) in ["ES256", "RS256", "EdDSA"].into_iter().enumerate() {
        let gateway =
            Gateway::with(&data, &[("PROVOST_OAUTH__ALGORITHM", algorithm), ("PROVOST_PUBLIC_URL", "https://id.example")]);
        gateway.clock.set(gateway.clock.now().plus_seconds(86_400 * i64::try_from(day).unwrap()));
        let (account, secret) = match &last {
            None => {
                let account = Account::new(&gateway.admin(), "a", &[]).await;
                let (secret, _) = account.secret().await;
                (account, secret)
            }
            Some((client_id, secret)) => {
                let account = Account { admin: gateway.admin(), id: String::new(), client_id: client_id.clone() };
                // The key of before signs until the new one can be known.
                let old = account.token(secret, &[]).await;
                assert_ne!(part(&old, 0)["alg"], algorithm);
                assert_eq!(states(&gateway).await.last().unwrap(), "published");
                gateway.clock.set(gateway.clock.now().plus_seconds(LEAD));
                assert_eq!(gateway.client(&old).get("/passport/idinfo").await.status, 200);
                (account, secret.clone())
            }
        };
        let token = account.token(&secret, &[]).await;
        assert_eq!(part(&token, 0)["alg"], algorithm);
        assert_eq!(gateway.client(&token).get("/passport/idinfo").await.status, 200);
        last = Some((account.client_id, secret));
    }
}

/// Each trap of the library, and each claim: what is not exactly a token of ours opens nothing.
#[tokio::test]
async fn what_is_no_access_token_opens_nothing() {
    let gateway = Gateway::start();
    let account = Account::new(&gateway.admin(), "a", &[]).await;
    let (secret, _) = account.secret().await;
    let token = account.token(&secret, &[]).await;
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let claims = part(&token, 1);
    let kid = kid(&token);
    let none = encode(&json!({ "typ": "at+jwt", "alg": "none", "kid": kid }));
    let jwks = gateway.admin().get("/.well-known/jwks.json").await;
    let x = jwks.body["keys"][0]["x"].as_str().unwrap();
    let hs = format!("{}.{payload}", encode(&json!({ "typ": "at+jwt", "alg": "HS256", "kid": kid })));
    let tag = |key: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
        BASE64_URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, hs.as_bytes()))
    };
    let mut grown = claims.clone();
    grown["roles"] = json!(["admin"]);
    let mut texts = vec![
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{hs}.{}", tag(x.as_bytes())),
        format!("{hs}.{}", tag(&BASE64_URL_SAFE_NO_PAD.decode(x).unwrap())),
        format!("{header}.{}.{signature}", encode(&grown)),
        format!("{header}.{payload}."),
        message.to_owned(),
        format!("{token}."),
        format!("{}.{payload}.{signature}", encode(&json!({ "typ": "JWT", "alg": "EdDSA", "kid": kid }))),
    ];
    // Signed by the right key, and yet none: another kind, another issuer, another audience, another time, another generation.
    let core = gateway.service.clone();
    let issuer = issuer(&gateway, core.store().clone());
    let signed = async |kind: &str, change: (&str, Value)| {
        let mut claims = claims.clone();
        if change.1.is_null() {
            _ = claims.as_object_mut().unwrap().remove(change.0)
        } else {
            claims[change.0] = change.1
        }
        issuer.sign(kind, &claims).await.unwrap()
    };
    let same = signed("at+jwt", ("jti", json!("another"))).await;
    assert_eq!(gateway.client(&same).get("/passport/idinfo").await.status, 200, "the means of this test are right");
    for kind in ["JWT", "jwt", "client-authentication+jwt", "logout+jwt", ""] {
        texts.push(signed(kind, ("jti", json!("1"))).await);
    }
    let now = gateway.clock.now().micros() / 1_000_000;
    for change in [
        ("iss", json!("https://other.example")),
        ("iss", Value::Null),
        ("aud", json!("other-api")),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!(now)),
        ("exp", json!("x")),
        ("exp", Value::Null),
        ("iat", json!(now + 31)),
        ("iat", Value::Null),
        ("nbf", json!(now + 31)),
        ("sub", json!("nobody")),
        ("sub", Value::Null),
        ("tenant_id", json!("other")),
        ("tenant_id", Value::Null),
        ("ver", json!(2)),
        ("ver", json!("1")),
        ("ver", Value::Null),
    ] {
        texts.push(signed("at+jwt", change).await);
    }
    for text in texts {
        let answer = gateway.client(&text).get("/passport/idinfo").await;
        assert_eq!((answer.status, &answer.body["error"]), (401, &json!("unauthenticated")), "{text}: {}", answer.text);
    }
}

/// The keys of a gateway, as another process on its data would hold them.
pub fn issuer(gateway: &Gateway, store: provost::store::Store) -> provost::auth::keys::Keys {
    use provost::auth::keys::{Keys, Rules};
    use provost::domain::signing::Algorithm;
    let rules = Rules { algorithm: Algorithm::EdDsa, life: 3_600, rotation: 90 * 86_400 };
    Keys::new(store, gateway.clock.clone(), gateway.master_key.clone(), rules)
}

#[tokio::test]
async fn the_metadata_say_where_everything_is() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    let read = async |path: &str| -> Answer {
        let answer = admin.http.get(format!("{}{path}", gateway.url)).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    };
    let server = read("/.well-known/oauth-authorization-server").await;
    assert_eq!(server.body["issuer"], json!(gateway.url));
    for (name, path) in [
        ("token_endpoint", "/oauth2/token"),
        ("introspection_endpoint", "/oauth2/introspect"),
        ("revocation_endpoint", "/oauth2/revoke"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(server.body[name], json!(format!("{}{path}", gateway.url)), "{name}");
    }
    assert_eq!(server.body["response_types_supported"], json!([]));
    assert_eq!(
        server.body["grant_types_supported"],
        json!(["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"])
    );
    let scopes = server.body["scopes_supported"].as_array().unwrap();
    assert!(scopes.contains(&json!("scim.read")) && !scopes.contains(&json!("admin")), "{scopes:?}");
    let resource = read("/.well-known/oauth-protected-resource").await;
    assert_eq!(resource.body["resource"], json!(gateway.url));
    let set = read("/.well-known/jwks.json").await;
    let key = &set.body["keys"][0];
    assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!("OKP"), &json!("sig"), &json!("EdDSA")));
    assert!(key.get("d").is_none(), "{key}");
    let tag = set.header("etag").unwrap();
    let again = admin.send(reqwest::Method::GET, "/.well-known/jwks.json", &[("If-None-Match", tag)], None).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

//! What the library for signed tokens does not see to by itself (spec/access.md §6.3, five traps): each holds for access tokens
//! and for client assertions, and every refusal has a good one beside it that differs in nothing else.

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use provost::auth::keys::Keys;
use serde_json::{Map, Value, json};

use super::keys::issuer;
use super::world::{Account, ClientKey, assert_with, encode, part};
use crate::harness::gateway::Gateway;

/// An account with a key, an account with a token, and the keys that sign tokens.
struct World {
    gateway: Gateway,
    client: Account,
    key: ClientKey,
    token: String,
    keys: Keys,
}

impl World {
    async fn both() -> Vec<Self> {
        let mut worlds = Vec::new();
        for gateway in Gateway::both() {
            let admin = gateway.admin();
            let [client, bearer] = [Account::new(&admin, "client", &[]).await, Account::new(&admin, "bearer", &[]).await];
            let key = ClientKey::new("k");
            client.key(&key).await;
            let (secret, _) = bearer.secret().await;
            let token = bearer.token(&secret, &[]).await;
            let keys = issuer(&gateway, gateway.service.store().clone());
            worlds.push(Self { gateway, client, key, token, keys });
        }
        worlds
    }

    fn now(&self) -> i64 {
        self.gateway.clock.now().micros() / 1_000_000
    }

    /// Whether this opens an API.
    async fn opens(&self, token: &str) -> bool {
        match self.gateway.client(token).get("/passport/idinfo").await.status {
            200 => true,
            status => {
                assert_eq!(status, 401);
                false
            }
        }
    }

    /// Whether this proves the client.
    async fn proves(&self, assertion: &str) -> bool {
        let answer = assert_with(&self.client.admin, assertion, &[]).await;
        match answer.status {
            200 => true,
            status => {
                assert_eq!((status, &answer.body["error"]), (401, &json!("invalid_client")), "{}", answer.text);
                false
            }
        }
    }

    /// The good token with one claim changed, or without it, signed as ours are.
    async fn signed(&self, kind: &str, claim: &str, value: Value) -> String {
        self.keys.sign(kind, &Value::Object(with(part(&self.token, 1).as_object().unwrap(), claim, value))).await.unwrap()
    }

    /// A good assertion with one claim changed, or without it.
    fn asserted(&self, claim: &str, value: Value) -> String {
        self.key.sign(&with(&self.client.claims(&self.gateway), claim, value))
    }
}

fn with(claims: &Map<String, Value>, claim: &str, value: Value) -> Map<String, Value> {
    let mut claims = claims.clone();
    if value.is_null() {
        claims.remove(claim);
    } else {
        claims.insert(claim.to_owned(), value);
    }
    claims
}

/// The library checks audience, issuer and subject where they are there.
#[tokio::test]
async fn trap_1_a_claim_that_is_absent_is_wrong() {
    for world in World::both().await {
        for claim in ["iss", "aud", "sub", "exp", "iat", "tenant_id", "ver"] {
            assert!(!world.opens(&world.signed("at+jwt", claim, Value::Null).await).await, "a token without {claim}");
        }
        for claim in ["iss", "aud", "sub", "exp", "jti"] {
            let assertion = world.asserted(claim, Value::Null);
            assert!(!world.proves(&assertion).await, "an assertion without {claim}");
            let named = assert_with(&world.client.admin, &assertion, &[("client_id", &world.client.client_id)]).await;
            assert_eq!(named.status, 401, "an assertion without {claim}, the client being named");
        }
        assert!(world.opens(&world.signed("at+jwt", "name", Value::Null).await).await);
        assert!(world.proves(&world.asserted("nbf", Value::Null)).await);
    }
}

/// The library does not look at `typ`: without it one kind of token would pass for another.
#[tokio::test]
async fn trap_2_one_kind_of_token_is_no_other() {
    for world in World::both().await {
        for kind in ["JWT", "", "jwt", "client-authentication+jwt", "logout+jwt", "secevent+jwt", "at+jw"] {
            assert!(!world.opens(&world.signed(kind, "jti", json!("1")).await).await, "a token of the kind '{kind}'");
        }
        for kind in ["at+jwt", "at+JWT", "application/at+jwt"] {
            assert!(world.opens(&world.signed(kind, "jti", json!("1")).await).await, "a token of the kind '{kind}'");
        }
        for (kind, good) in [
            (json!("JWT"), true),
            (json!("client-authentication+jwt"), true),
            (json!("at+jwt"), false),
            (json!("dpop+jwt"), false),
            (json!(""), false),
            (json!(["JWT"]), false),
        ] {
            let header = json!({ "alg": "ES256", "kid": "k", "typ": kind });
            let assertion = world.key.sign_as(&header, &world.client.claims(&world.gateway));
            assert_eq!(world.proves(&assertion).await, good, "an assertion of the kind {kind}");
        }
        // Each in the other's place.
        assert!(!world.proves(&world.token).await);
        assert!(!world.opens(&world.asserted("aud", json!("bizfirstgo-api"))).await);
    }
}

/// The library forgives a minute after the end.
#[tokio::test]
async fn trap_3_the_end_is_the_end() {
    for world in World::both().await {
        let now = world.now();
        for (exp, good) in [(now + 1, true), (now, false), (now - 1, false), (now - 59, false)] {
            assert_eq!(world.opens(&world.signed("at+jwt", "exp", json!(exp)).await).await, good, "a token");
            assert_eq!(world.proves(&world.asserted("exp", json!(exp))).await, good, "an assertion");
        }
        // An assertion may not last, either.
        for (exp, good) in [(now + 300, true), (now + 301, false), (now + 3_600, false)] {
            assert_eq!(world.proves(&world.asserted("exp", json!(exp))).await, good, "an assertion of {} s", exp - now);
        }
    }
}

/// The library does not look at `nbf` unless asked.
#[tokio::test]
async fn trap_4_what_is_not_yet_good_is_not_good() {
    for world in World::both().await {
        let now = world.now();
        for claim in ["nbf", "iat"] {
            for (at, good) in [(now - 60, true), (now + 30, true), (now + 31, false), (now + 3_600, false)] {
                assert_eq!(
                    world.opens(&world.signed("at+jwt", claim, json!(at)).await).await,
                    good,
                    "a token, {claim} {}",
                    at - now
                );
                assert_eq!(world.proves(&world.asserted(claim, json!(at))).await, good, "an assertion, {claim} {}", at - now);
            }
            let text = json!(now.to_string());
            assert!(!world.opens(&world.signed("at+jwt", claim, text.clone()).await).await, "a token, {claim} as text");
            assert!(!world.proves(&world.asserted(claim, text)).await, "an assertion, {claim} as text");
        }
    }
}

/// The header chooses no algorithm: above all not one that makes a secret of a public key.
#[tokio::test]
async fn trap_5_the_key_says_the_algorithm() {
    for world in World::both().await {
        let set = world.gateway.admin().get("/.well-known/jwks.json").await;
        let jwk = set.body["keys"][0].clone();
        let payload = world.token.split('.').nth(1).unwrap();
        for forged in macs(&jwk, &json!({ "typ": "at+jwt", "kid": jwk["kid"] }), payload) {
            assert!(!world.opens(&forged).await, "{forged}");
        }
        let (message, signature) = world.token.rsplit_once('.').unwrap();
        for alg in ["none", "None", "RS256", "ES256", "eddsa", ""] {
            let header = encode(&json!({ "typ": "at+jwt", "alg": alg, "kid": jwk["kid"] }));
            for signature in ["", signature] {
                assert!(!world.opens(&format!("{header}.{payload}.{signature}")).await, "{alg}");
            }
        }
        assert!(world.opens(&format!("{message}.{signature}")).await);

        let claims = world.client.claims(&world.gateway);
        let payload = encode(&Value::Object(claims.clone()));
        for forged in macs(&world.key.public(), &json!({ "kid": "k" }), &payload) {
            assert!(!world.proves(&forged).await, "{forged}");
        }
        for alg in ["none", "RS256", "EdDSA", "Ed25519", "ES384", "es256", ""] {
            let header = json!({ "alg": alg, "kid": "k" });
            assert!(!world.proves(&world.key.sign_as(&header, &claims)).await, "{alg}");
            assert!(!world.proves(&format!("{}.{payload}.", encode(&header))).await, "{alg}");
        }
        assert!(world.proves(&world.key.sign(&claims)).await, "refusals use nothing up");
    }
}

/// Tokens whose MAC is made with what is public of a key, in each form that it may be stored in.
fn macs(jwk: &Value, header: &Value, payload: &str) -> Vec<String> {
    let bytes = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap_or_default()).unwrap();
    let point = [bytes("x"), bytes("y")].concat();
    let prefix: &[u8] = if jwk["kty"] == "EC" {
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"
    } else {
        b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"
    };
    let info = [prefix, &point].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(&info));
    let keys = [jwk.to_string().into_bytes(), jwk["x"].to_string().into_bytes(), point, info, pem.into_bytes(), Vec::new()];
    let mut header = header.clone();
    header["alg"] = "HS256".into();
    let message = format!("{}.{payload}", encode(&header));
    let sign = |key: &Vec<u8>| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
    keys.iter().map(|key| format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(sign(key)))).collect()
}

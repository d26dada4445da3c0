//! Service accounts, clients, and keys of clients.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use provost::runtime::random;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::harness::gateway::{Answer, Client, Gateway};

pub const TOKEN: &str = "/oauth2/token";
pub const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A service account.
#[derive(Clone)]
pub struct Account {
    pub admin: Client,
    pub id: String,
    pub client_id: String,
}

impl Account {
    /// A new one with these roles.
    pub async fn new(admin: &Client, name: &str, roles: &[&str]) -> Self {
        let roles: Vec<Value> = roles.iter().map(|role| json!({ "value": role })).collect();
        let made = admin.post("/scim/v2/ServiceAccounts", &json!({ "name": name, "roles": roles })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let client_id = made.body["clientId"].as_str().unwrap().to_owned();
        Self { admin: admin.clone(), id: made.id().to_owned(), client_id }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/passport/admin/managed-identities/{}{rest}", self.id)
    }

    /// A new secret: its text, and its id.
    pub async fn secret(&self) -> (String, String) {
        let made = self.admin.send(Method::POST, &self.path("/secrets"), &[], None).await;
        assert_eq!(made.status, 201, "{}", made.text);
        (made.body["secret"].as_str().unwrap().to_owned(), made.id().to_owned())
    }

    /// Registers the public half of a key.
    pub async fn key(&self, key: &ClientKey) {
        let made = self.admin.post(&self.path("/keys"), &json!({ "jwk": key.public() })).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }

    pub async fn set_active(&self, active: bool) {
        let patch = json!({ "Operations": [{ "op": "replace", "path": "active", "value": active }] });
        let done = self.admin.patch(&format!("/scim/v2/ServiceAccounts/{}", self.id), &patch).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }

    /// A token by secret.
    pub async fn token(&self, secret: &str, more: &[(&str, &str)]) -> String {
        let given = self.ask(secret, more).await;
        assert_eq!(given.status, 200, "{}", given.text);
        given.body["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn ask(&self, secret: &str, more: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "client_credentials")], more].concat();
        post(&self.admin, TOKEN, Some(&basic(&self.client_id, secret)), &form).await
    }

    /// The claims of a good assertion.
    pub fn claims(&self, gateway: &Gateway) -> Map<String, Value> {
        let now = gateway.clock.now().micros() / 1_000_000;
        let claims = json!({
            "iss": self.client_id, "sub": self.client_id, "aud": gateway.url, "iat": now, "exp": now + 60,
            "jti": random::key().to_string(),
        });
        claims.as_object().unwrap().clone()
    }
}

/// A role that gives permissions; its id.
pub async fn role(admin: &Client, name: &str, permissions: &[&str]) -> String {
    let body = json!({ "name": name, "permissions": permissions });
    let made = admin.post("/openidm/managed/role?_action=create", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.id().to_owned()
}

pub fn basic(id: &str, secret: &str) -> String {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

/// Posts a form, without any other credentials.
pub async fn post(client: &Client, path: &str, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    raw(client, path, authorization, "application/x-www-form-urlencoded", pairs.join("&")).await
}

pub async fn raw(client: &Client, path: &str, authorization: Option<&str>, media: &str, body: String) -> Answer {
    let mut request = client.http.post(format!("{}{path}", client.url)).header("Content-Type", media).body(body);
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    assert_ne!(status, 500, "{text}");
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
}

/// Shows an assertion to the token endpoint.
pub async fn assert_with(client: &Client, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let form =
        [&[("grant_type", "client_credentials"), ("client_assertion_type", ASSERTION), ("client_assertion", assertion)], more];
    post(client, TOKEN, None, &form.concat()).await
}

/// A part of a token, taken apart without looking at its signature.
pub fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

pub fn encode(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A key of a client, on P-256.
pub struct ClientKey {
    pub kid: String,
    pair: EcdsaKeyPair,
}

impl ClientKey {
    pub fn new(kid: &str) -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self { kid: kid.to_owned(), pair: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap() }
    }

    pub fn public(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let text = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "x": text(x), "y": text(y) })
    }

    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "kid": self.kid })
    }

    pub fn sign(&self, claims: &Map<String, Value>) -> String {
        self.sign_as(&self.header(), claims)
    }

    pub fn sign_as(&self, header: &Value, claims: &Map<String, Value>) -> String {
        let message = format!("{}.{}", encode(header), encode(&Value::Object(claims.clone())));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

//! What must not come in: always the SCIM error form with a 4xx, never a 500 or a dropped connection, and nothing is written.

mod addresses;
mod bodies;
mod patches;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::gateway::{Answer, Client, Gateway};

const ENDPOINTS: [&str; 3] = ["/scim/v2/Users", "/scim/v2/Groups", "/scim/v2/Roles"];

/// Limits that tests can pass beyond without moving megabytes.
const LIMITS: [(&str, &str); 2] = [("PROVOST_LIMITS__BODY", "64KiB"), ("PROVOST_LIMITS__BULK_BODY", "64KiB")];

struct World {
    gateway: Gateway,
    generic: Client,
    strict: Client,
    ids: [String; 3],
    before: Vec<Value>,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    /// One on each engine.
    async fn each() -> [Self; 2] {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Gateway::with(&folder.path().join("data"), &LIMITS);
        [Self::new(sqlite, Some(folder)).await, Self::new(Gateway::on_postgres_with(&LIMITS), None).await]
    }

    async fn new(gateway: Gateway, folder: Option<tempfile::TempDir>) -> Self {
        let scopes = ["scim.read", "scim.write", "scim.roles"];
        let generic = gateway.token(&scopes, "generic", "hr").await;
        let strict = gateway.token(&scopes, "strict", "hr").await;
        let emails = json!([{ "value": "a@x", "type": "work", "primary": true }, { "value": "b@x", "type": "home" }]);
        let user = generic.post(ENDPOINTS[0], &json!({ "userName": "a", "emails": emails, "title": "t" })).await;
        let group = generic.post(ENDPOINTS[1], &json!({ "displayName": "g", "members": [{ "value": user.id() }] })).await;
        let role = generic.post(ENDPOINTS[2], &json!({ "name": "r" })).await;
        let ids = [user, group, role].map(|made| made.id().to_owned());
        let mut world = Self { gateway, generic, strict, ids, before: Vec::new(), _folder: folder };
        world.before = world.everything().await;
        world
    }

    async fn everything(&self) -> Vec<Value> {
        let mut out = Vec::new();
        for endpoint in ENDPOINTS {
            out.push(self.generic.get(endpoint).await.body);
        }
        out
    }

    async fn untouched(&self) {
        assert_eq!(self.everything().await, self.before, "something was written");
    }

    /// Every address that takes a body, with its method.
    fn writes(&self) -> Vec<(Method, String)> {
        let mut out = vec![(Method::POST, "/scim/v2/.search".to_owned()), (Method::POST, "/scim/v2/Bulk".to_owned())];
        for (endpoint, id) in ENDPOINTS.iter().zip(&self.ids) {
            out.push((Method::POST, (*endpoint).to_owned()));
            out.push((Method::POST, format!("{endpoint}/.search")));
            out.push((Method::PUT, format!("{endpoint}/{id}")));
            out.push((Method::PATCH, format!("{endpoint}/{id}")));
        }
        out
    }
}

fn refused(what: &str, answer: &Answer, status: u16, scim_type: Option<&str>) {
    let at = format!("{what}: {} {}", answer.status, answer.text);
    assert_eq!(answer.status, status, "{at}");
    assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{at}");
    assert_eq!(answer.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{at}");
    assert_eq!(answer.body["status"], status.to_string(), "{at}");
    assert!(answer.body["detail"].as_str().is_some_and(|d| !d.is_empty() && d.len() < 600), "{at}");
    if let Some(scim_type) = scim_type {
        assert_eq!(answer.body["scimType"], scim_type, "{at}");
    }
}

async fn raw(client: &Client, method: Method, path: &str, media_type: &str, body: Vec<u8>) -> Answer {
    let request = client.http.request(method, format!("{}{path}", client.url)).bearer_auth(&client.token);
    let response = request.header("Content-Type", media_type).body(body).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
}

//! The engine against a real server, which is asked afterwards what it holds.

mod admin;
mod adoption;
mod assignments;
mod checks;
mod crash;
mod faults;
mod fencing;
mod groups;
mod life;
mod preview;
mod recomputations;
mod scope;
mod time;
mod tried;

use std::path::PathBuf;

use provost::domain::time::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::fault_proxy::FaultProxy;
use crate::harness::gateway::{Client, Gateway};
use crate::harness::postgres;
use crate::harness::python::ScimServer;

/// The master key where there is no data folder.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// It works when it is told to.
const SETTINGS: [(&str, &str); 2] = [("PROVOST_SYNC__ENABLED", "false"), ("PROVOST_SYNC__CONCURRENCY", "2")];

/// A gateway that works when it is told to, a server, and a proxy between them.
struct Bench {
    gateway: Gateway,
    admin: Client,
    peer: ScimServer,
    proxy: FaultProxy,
    folder: TempDir,
}

impl Bench {
    fn start() -> Self {
        Self::with(false, &[])
    }

    fn on_postgres() -> Self {
        Self::with(true, &[])
    }

    fn with(postgres: bool, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut environment = SETTINGS.to_vec();
        environment.extend(settings);
        let data = folder.path().join("data");
        let url;
        if postgres {
            url = postgres::fresh_database();
            environment.extend([("PROVOST_DATABASE_URL", url.as_str()), ("PROVOST_MASTER_KEY", KEY)]);
        }
        let gateway = Gateway::with(&data, &environment);
        let peer = ScimServer::start();
        let proxy = FaultProxy::start(peer.address());
        Self { admin: gateway.admin(), gateway, peer, proxy, folder }
    }

    /// The data folder.
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Makes a target at the proxy, with what `changes` says laid over it.
    async fn target(&self, changes: Value) -> String {
        let made = self.admin.post("/admin/v1/targets", &self.wish(changes)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.id().to_owned()
    }

    fn wish(&self, changes: Value) -> Value {
        let mut wish = json!({"name": "crm", "kind": "scim", "config": self.config(json!({}))});
        for (key, value) in changes.as_object().unwrap() {
            wish[key] = value.clone();
        }
        wish
    }

    fn config(&self, changes: Value) -> Value {
        let mut config = json!({
            "baseUrl": format!("http://{}/v2", self.proxy.address()), "allowPrivateNetwork": true,
            "auth": {"type": "bearer", "token": ScimServer::TOKEN},
        });
        for (key, value) in changes.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    }

    /// Works until nothing is due.
    async fn drain(&self) -> Option<Timestamp> {
        self.gateway.sync.drain().await.unwrap()
    }

    /// Turns the clock to the next due work and does it, some times at most.
    async fn settle(&self) {
        for _ in 0..20 {
            let Some(next) = self.drain().await else { return };
            self.gateway.clock.set(next.plus_micros(1).max(self.gateway.clock.now()));
        }
    }

    fn forward(&self, seconds: i64) {
        self.gateway.clock.set(self.gateway.clock.now().plus_seconds(seconds));
    }

    /// What the server holds.
    async fn held(&self, endpoint: &str) -> Vec<Value> {
        let url = format!("http://{}/v2/{endpoint}?count=1000", self.peer.address());
        let answer = reqwest::Client::new().get(url).bearer_auth(ScimServer::TOKEN).send().await.unwrap();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        body["Resources"].as_array().cloned().unwrap_or_default()
    }

    /// The one user there of this name.
    async fn user(&self, name: &str) -> Option<Value> {
        let mut found: Vec<Value> = self.held("Users").await.into_iter().filter(|user| user["userName"] == name).collect();
        assert!(found.len() < 2, "{found:?}");
        found.pop()
    }

    /// Puts something at the server behind the gateway's back.
    async fn plant(&self, endpoint: &str, body: Value) -> String {
        let url = format!("http://{}/v2/{endpoint}", self.peer.address());
        let request = reqwest::Client::new().post(url).bearer_auth(ScimServer::TOKEN);
        let answer = request.header("Content-Type", "application/scim+json").body(body.to_string()).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap();
        body["id"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    /// Makes an object here.
    async fn make(&self, path: &str, body: Value) -> String {
        let made = self.admin.post(path, &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.id().to_owned()
    }

    async fn add_user(&self, name: &str) -> String {
        self.make("/scim/v2/Users", json!({"userName": name, "active": true})).await
    }

    async fn patch(&self, path: &str, operations: Value) {
        let done = self.admin.patch(path, &json!({"Operations": operations})).await;
        assert!(done.status < 300, "{}", done.text);
    }

    async fn link(&self, target: &str, kind: &str, id: &str) -> Value {
        let found = self.admin.get(&format!("/admin/v1/targets/{target}/links/{kind}/{id}")).await;
        assert_eq!(found.status, 200, "{}", found.text);
        found.body
    }

    async fn shown(&self, target: &str) -> Value {
        self.admin.get(&format!("/admin/v1/targets/{target}")).await.body
    }
}

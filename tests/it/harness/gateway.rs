//! A real gateway in this process, on a port of its own and a throwaway data folder; and a client for it.

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use provost::cli::gateway::Gateway as Server;
use provost::config::{Config, Sources};
use provost::domain::secret::MasterKey;
use provost::domain::time::Timestamp;
use provost::runtime::Clock;
use provost::service::Service;
use provost::sync::Engine;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::postgres;

/// The admin token of every gateway in tests.
pub const ADMIN: &str = "the-admin-token-of-the-test-gateways";

/// Where the clock of a gateway stands at first.
pub const START: &str = "2026-03-01T12:00:00Z";

/// A running gateway; it stops when it is dropped.
pub struct Gateway {
    pub url: String,
    pub clock: Clock,
    pub service: Service,
    pub sync: Engine,
    pub master_key: MasterKey,
    stop: ServerHandle,
    thread: Option<JoinHandle<()>>,
    _folder: Option<TempDir>,
}

impl Gateway {
    /// On SQLite in a throwaway folder, with a clock that stands at [`START`].
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Gateway::start`], with more settings from the environment.
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut gateway = Self::with(&data, environment);
        gateway._folder = Some(folder);
        gateway
    }

    /// On a throwaway database of the PostgreSQL that the tests run.
    pub fn on_postgres() -> Self {
        Self::on_postgres_with(&[])
    }

    /// As [`Gateway::on_postgres`], with more settings from the environment.
    pub fn on_postgres_with(environment: &[(&str, &str)]) -> Self {
        let key = MasterKey::from_bytes([7; 32]).to_text();
        let url = postgres::fresh_database();
        let own = [("PROVOST_DATABASE_URL", url.as_str()), ("PROVOST_MASTER_KEY", key.expose())];
        Self::with(Path::new(""), &[&own, environment].concat())
    }

    /// One of each, on SQLite and on PostgreSQL.
    pub fn both() -> [Self; 2] {
        Self::both_with(&[])
    }

    /// As [`Gateway::both`], with more settings from the environment.
    pub fn both_with(environment: &[(&str, &str)]) -> [Self; 2] {
        [Self::start_with(environment), Self::on_postgres_with(environment)]
    }

    /// On a data folder that outlives it, with more settings from the environment.
    pub fn with(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        for (name, value) in [
            ("PROVOST_LISTEN", "127.0.0.1:0"),
            ("PROVOST_DATA", data.to_str().unwrap()),
            ("PROVOST_ADMIN_TOKEN", ADMIN),
            ("PROVOST_SERVER__WORKERS", "2"),
        ] {
            let elsewhere = name == "PROVOST_DATA" && environment.iter().any(|(known, _)| known == "PROVOST_DATABASE_URL");
            if !elsewhere && !environment.iter().any(|(known, _)| known == name) {
                environment.push((name.to_owned(), value.to_owned()));
            }
        }
        let config = Config::load(Sources { file: None, environment, flags: Vec::new() }).unwrap();
        let clock = Clock::manual(Timestamp::parse(START).unwrap());
        let (tell, told) = mpsc::channel();
        let inner = clock.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = Server::start(&config, inner).await.unwrap();
                tell.send((
                    format!("http://{}", server.address),
                    server.handle.clone(),
                    server.core.service.clone(),
                    server.sync.clone(),
                    server.core.master_key.clone(),
                ))
                .unwrap();
                server.run().await.unwrap();
            });
        });
        let (url, stop, service, sync, master_key) = told.recv().unwrap();
        Self { url, clock, service, sync, master_key, stop, thread: Some(thread), _folder: None }
    }

    /// A client with the admin token.
    pub fn admin(&self) -> Client {
        self.client(ADMIN)
    }

    /// A client with some token.
    pub fn client(&self, token: &str) -> Client {
        Client { url: self.url.clone(), token: token.to_owned(), http: reqwest::Client::new() }
    }

    /// A client of the default tenant with a fresh token of these scopes, profile and source.
    pub async fn token(&self, scopes: &[&str], profile: &str, source: &str) -> Client {
        let body = json!({ "name": "test", "scopes": scopes, "profile": profile, "source": source });
        let made = self.admin().post("/admin/v1/tokens", &body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        self.client(made.body["token"].as_str().unwrap())
    }

    /// A client with the admin token of a new tenant.
    pub async fn tenant(&self, name: &str) -> Client {
        let made = self.admin().post("/admin/v1/tenants", &json!({ "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        self.client(made.body["token"].as_str().unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let stopping = self.stop.stop(false);
        std::thread::spawn(move || actix_web::rt::System::new().block_on(stopping)).join().unwrap();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Speaks to a gateway with one token.
#[derive(Clone)]
pub struct Client {
    pub url: String,
    pub token: String,
    pub http: reqwest::Client,
}

/// A path with a query string, encoded.
pub fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let encode = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    format!("{path}?{}", pairs.join("&"))
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }

    /// The id in the body, SCIM's or IDM's.
    pub fn id(&self) -> &str {
        self.body["id"].as_str().or(self.body["_id"].as_str()).unwrap_or_else(|| panic!("no id in {}", self.text))
    }
}

impl Client {
    /// Any request; headers as pairs.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("Content-Type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
        Answer { status: status.as_u16(), headers, body, text }
    }

    /// A client of the same tenant with a token of this profile; this one must be an admin.
    pub async fn with_profile(&self, profile: &str) -> Self {
        let scopes = ["scim.read", "scim.write", "scim.roles", "idm.read", "idm.write", "idm.roles", "admin"];
        let made = self.post("/admin/v1/tokens", &json!({ "name": profile, "scopes": scopes, "profile": profile })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        Self { token: made.body["token"].as_str().unwrap().to_owned(), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }
}

//! A small client of a gateway's own HTTP APIs, for commands that go through a running server.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::CliError;
use crate::domain::error::excerpt;
use crate::domain::secret::Secret;

/// Speaks to one gateway with one token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Secret,
}

impl Client {
    /// For the server at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When no client can be made of the system's certificates.
    pub fn new(base: &str, token: Secret) -> Result<Self, CliError> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            // A token does not follow a redirect.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("provost/", env!("CARGO_PKG_VERSION")));
        if is_here(base) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|e| CliError::new(e.to_string()))?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token })
    }

    /// Reads. An answer without a body is null, here as with the others.
    ///
    /// # Errors
    /// One line that says what the server answered, or why it did not.
    pub async fn get(&self, path: &str) -> Result<Value, CliError> {
        self.ask(Method::GET, path, None).await
    }

    /// Makes something.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Changes something.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    /// Deletes something.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> Result<Value, CliError> {
        self.ask(Method::DELETE, path, None).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CliError> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| self.unreachable(&e))?;
        let body = serde_json::from_str(&text);
        if status.is_success() {
            return match (text.is_empty(), body) {
                (true, _) => Ok(Value::Null),
                (false, Ok(body)) => Ok(body),
                (false, Err(_)) => Err(CliError::new(format!("{} answered what is no JSON; is it a provost server?", self.base))),
            };
        }
        let body = body.unwrap_or(Value::Null);
        let said = ["detail", "message"].iter().find_map(|name| body.get(name)?.as_str());
        Err(CliError::new(match (status, said) {
            (StatusCode::UNAUTHORIZED, _) => format!("{} does not accept the token", self.base),
            (_, Some(said)) => format!("{} answered {}: {}", self.base, status.as_u16(), excerpt(said)),
            (_, None) => format!("{} answered {}", self.base, status),
        }))
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        CliError::new(format!("{} cannot be reached: {cause}", self.base))
    }
}

// A proxy's own loopback is not ours.
fn is_here(base: &str) -> bool {
    let host = reqwest::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

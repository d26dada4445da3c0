//! Small documents that others publish, such as the keys of an issuer of tokens: fetched as targets are called, with less.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};

use super::guard::Guard;
use super::http::{HttpClient, Options, Request};
use super::{Failure, FailureClass};
use crate::runtime::Clock;

/// Largest document, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// Fetches documents; cheap to clone.
#[derive(Debug, Clone)]
pub struct Documents {
    timeout: Duration,
    clock: Clock,
}

impl Documents {
    /// Fetches documents, each within `timeout`.
    pub const fn new(timeout: Duration, clock: Clock) -> Self {
        Self { timeout, clock }
    }

    /// The document at an address; none where there is none. With `private`, private and loopback addresses are reached as
    /// well, over http those alone.
    ///
    /// # Errors
    /// When it cannot be reached, is not allowed to be, redirects, is too large, or answers anything but a success.
    pub async fn get(&self, address: &str, private: bool) -> Result<Option<Vec<u8>>, Failure> {
        let refused = |text: &str| Failure::new(FailureClass::Permanent, text);
        let url = Url::parse(address).map_err(|_| refused("it is no URL"))?;
        let plain = url.scheme() == "http";
        if !plain && url.scheme() != "https" {
            return Err(refused("it is no https URL"));
        }
        let guard = Guard { private, link_local: false, public: !plain };
        let options = Options { connect_timeout: self.timeout, timeout: self.timeout, guard, largest: LARGEST };
        let client = HttpClient::new(&options, self.clock.clone())?;
        let answer = client.send(Request { method: Method::GET, url, headers: HeaderMap::new(), body: None }).await?;
        match answer.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => Ok(Some(answer.body)),
            status => Err(client.failure(&answer, &format!("it answers {status}"))),
        }
    }
}

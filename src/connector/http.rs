//! The HTTP client of the connectors: bounded in time and size, follows no redirect, uses no proxy, reaches only addresses
//! that the target's configuration allows, and says of every failure what it means.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};

use super::guard::{Guard, Refused};
use super::{Failure, FailureClass};
use crate::runtime::Clock;

/// Largest answer of a target that is read, in bytes.
pub const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

const EXCERPT: usize = 300;
const USER_AGENT: &str = concat!("provost/", env!("CARGO_PKG_VERSION"));

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Longest time to a connection.
    pub connect_timeout: Duration,
    /// Longest time to the end of the answer.
    pub timeout: Duration,
    /// Which addresses it reaches.
    pub guard: Guard,
    /// Largest answer that is read, in bytes.
    pub largest: usize,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Address.
    pub url: Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Option<Vec<u8>>,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

/// A client for one target; it keeps connections open.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    guard: Guard,
    largest: usize,
    clock: Clock,
}

impl HttpClient {
    /// Makes a client.
    ///
    /// # Errors
    /// [`FailureClass::Transient`] when TLS cannot be set up on this machine.
    pub fn new(options: &Options, clock: Clock) -> Result<Self, Failure> {
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .dns_resolver(options.guard)
            .build()
            .map_err(|error| Failure::new(FailureClass::Transient, format!("no HTTP client: {}", root(&error))))?;
        Ok(Self { client, guard: options.guard, largest: options.largest, clock })
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`FailureClass::Transient`] when nothing was sent, or nothing but a read; [`FailureClass::Uncertain`] when the answer
    /// to a write was lost.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let reads = request.method.is_safe();
        let lost = if reads { FailureClass::Transient } else { FailureClass::Uncertain };
        // The resolver is not asked about literal addresses.
        if let Some(address) = literal(&request.url) {
            self.guard.check(address).map_err(|refused| Failure::new(FailureClass::Transient, refused.to_string()))?;
        }
        let mut builder = self.client.request(request.method, request.url).headers(request.headers);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let mut response = builder.send().await.map_err(|error| failed(&error, lost))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error, lost))? {
            if body.len() + chunk.len() > self.largest {
                let class = if reads { FailureClass::Permanent } else { FailureClass::Uncertain };
                return Err(Failure::new(class, format!("the answer is larger than {} bytes", self.largest)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }

    /// What a status means that is no success; `text` says why, in short.
    pub fn failure(&self, response: &Response, text: &str) -> Failure {
        let retry_after = self.retry_after(&response.headers);
        let class = match response.status.as_u16() {
            // The address is wrong for every object, so the object is not to blame.
            300..=399 => FailureClass::Transient,
            429 => FailureClass::Throttle,
            503 if retry_after.is_some() => FailureClass::Throttle,
            401 | 403 | 407 => FailureClass::Credentials,
            404 | 410 => FailureClass::Missing,
            405 | 501 => FailureClass::Capability,
            408 | 503 => FailureClass::Transient,
            409 => FailureClass::Conflict,
            412 => FailureClass::Stale,
            502 | 504 => FailureClass::Uncertain,
            500.. => FailureClass::ObjectTransient,
            _ => FailureClass::Permanent,
        };
        let text = if response.status.is_redirection() { "the target redirects, which is not followed" } else { text };
        Failure { class, status: Some(response.status.as_u16()), text: shorten(text), retry_after }
    }

    // Seconds or an HTTP-date (RFC 9110 §10.2.3).
    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        let now = Duration::from_micros(u64::try_from(self.clock.now().micros()).ok()?);
        Some(at.saturating_sub(now))
    }
}

/// The address in a URL that names no host but the address itself.
pub fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// One line of a text, short enough for a log.
pub fn shorten(text: &str) -> String {
    let mut out: String = text.chars().take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(EXCERPT).is_some() {
        out.push('…');
    }
    out
}

fn failed(error: &reqwest::Error, lost: FailureClass) -> Failure {
    if error.is_builder() {
        return Failure::new(FailureClass::Permanent, format!("no request can be made of it: {}", root(error)));
    }
    let sent = !error.is_connect();
    let text = match (sent, error.is_timeout()) {
        (false, true) => "no connection in time".to_owned(),
        (false, false) => format!("no connection: {}", root(error)),
        (true, true) => "no answer in time".to_owned(),
        (true, false) => format!("the connection broke: {}", root(error)),
    };
    Failure::new(if sent { lost } else { FailureClass::Transient }, shorten(&text))
}

// The innermost cause: the outer ones repeat the address, which may hold names of people in a filter.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        if inner.is::<Refused>() {
            return inner.to_string();
        }
        cause = inner;
    }
    cause.to_string()
}

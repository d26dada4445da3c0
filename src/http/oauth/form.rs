//! Requests in form encoding, and who sends them (RFC 6749 §2.3, §3.2; RFC 7521 §4.2).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::percent_decode_str;

use crate::auth::clients::Proof;
use crate::domain::client::Method;
use crate::domain::error::{Fault, Kind};
use crate::domain::secret::Secret;
use crate::http::body;

/// Longest body, in bytes: an assertion and what stands beside it.
const BODY: usize = 64 * 1024;

/// The one kind of assertion.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request says, each parameter once; those without a value are left out.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] for another encoding, parameters in the address, and any that comes twice.
    pub(super) async fn read(req: &HttpRequest, payload: web::Payload) -> Result<Self, Fault> {
        let wrong = |text: &'static str| Fault::new(Kind::InvalidSyntax, text);
        if !req.query_string().is_empty() {
            return Err(wrong("parameters stand in the body, not in the address, which ends up in logs"));
        }
        let media = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let essence = media.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(wrong("the body is application/x-www-form-urlencoded"));
        }
        let bytes = body::read(req, payload, BODY, || Fault::of(Kind::TooLarge)).await?;
        let garbled = || wrong("the body is not form-encoded UTF-8");
        let text = std::str::from_utf8(&bytes).map_err(|_| garbled())?;
        // The decoder would put a replacement character and go on.
        percent_decode_str(text).decode_utf8().map_err(|_| garbled())?;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text).map_err(|_| garbled())?.into_inner();
        let mut form = BTreeMap::new();
        for (name, value) in pairs {
            if value.contains('\0') || form.insert(name, value).is_some() {
                return Err(wrong("a parameter comes twice, or holds U+0000"));
            }
        }
        form.retain(|_, value| !value.is_empty());
        Ok(Self(form))
    }

    /// A parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`].
    pub(super) fn need(&self, name: &str) -> Result<&str, Fault> {
        self.get(name).ok_or_else(|| Fault::new(Kind::InvalidSyntax, format!("'{name}' is missing")))
    }

    /// How the client proves who it is.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] for more than one way at once and for what contradicts itself; [`Kind::InvalidClient`] for none.
    pub(super) fn proof(&self, req: &HttpRequest) -> Result<Proof, Fault> {
        let wrong = |text: &'static str| Fault::new(Kind::InvalidSyntax, text);
        let named = self.get("client_id");
        let head = req.headers().get_all(AUTHORIZATION).count();
        let ways = [head > 0, self.get("client_secret").is_some(), self.get("client_assertion").is_some()];
        if head > 1 || ways.iter().filter(|way| **way).count() > 1 {
            return Err(wrong("a client proves who it is in one way only"));
        }
        if head == 1 {
            let (client_id, secret) = basic(req).ok_or_else(|| Fault::of(Kind::InvalidClient))?;
            if named.is_some_and(|named| named != client_id) {
                return Err(wrong("'client_id' names another client than the Authorization header"));
            }
            return Ok(Proof::Secret { method: Method::Basic, client_id, secret });
        }
        if let Some(text) = self.get("client_assertion") {
            if self.need("client_assertion_type")? != ASSERTION {
                return Err(Fault::of(Kind::InvalidClient));
            }
            return Ok(Proof::Assertion { client_id: named.map(str::to_owned), text: text.to_owned() });
        }
        let secret = self.get("client_secret").ok_or_else(|| Fault::of(Kind::InvalidClient))?;
        let client_id = self.need("client_id")?.to_owned();
        Ok(Proof::Secret { method: Method::Post, client_id, secret: Secret::new(secret) })
    }
}

impl Form {
    /// The account that a token of a trusted issuer is shown for, and that token (RFC 7523 §2.1). It alone proves who asks.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] when one of both is missing, or something else proves who asks as well.
    pub(super) fn assertion(&self, req: &HttpRequest) -> Result<(&str, &str), Fault> {
        let beside = ["client_secret", "client_assertion"].iter().any(|name| self.get(name).is_some());
        if beside || req.headers().contains_key(AUTHORIZATION) {
            return Err(Fault::new(Kind::InvalidSyntax, "the assertion alone proves who asks; nothing else stands beside it"));
        }
        Ok((self.need("client_id")?, self.need("assertion")?))
    }
}

/// Where a request comes from. A proxy's word for it is not taken: anybody can give it.
pub(super) fn address(req: &HttpRequest) -> IpAddr {
    req.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
}

// Id and secret, each form-encoded before they were put together (RFC 6749 §2.3.1).
fn basic(req: &HttpRequest) -> Option<(String, Secret)> {
    let (scheme, text) = req.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        let plain = percent_decode_str(&spaced).decode_utf8().ok()?;
        (!plain.contains('\0')).then(|| plain.into_owned())
    };
    Some((decode(id)?, Secret::new(decode(secret)?)))
}

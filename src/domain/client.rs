//! How a client of the token endpoint proves who it is (RFC 6749 §2.3, RFC 7523 §3, and RFC 10070 for the audience).

use serde_json::{Map, Value};

use crate::domain::error::{Fault, Kind};
use crate::domain::time::Timestamp;

/// Longest client assertion, in bytes.
pub const ASSERTION_BYTES: usize = 8 * 1024;

/// How far a clock may be ahead of ours, in seconds.
pub const SKEW: i64 = 30;

/// A way to authenticate; `authenticationMethod` of an account names the one that it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Id and secret in the Authorization header.
    Basic,
    /// Id and secret in the body.
    Post,
    /// An assertion signed with a registered key.
    PrivateKeyJwt,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Post, Self::PrivateKeyJwt];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The method of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// What a checked assertion leaves behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Its name; it is used once.
    pub jti: String,
    /// Until when that has to be known.
    pub expires: Timestamp,
}

/// The claims of an assertion whose signature is right, checked: `iss` and `sub` are the client, `aud` is the issuer and nothing
/// beside it, and it lives for at most `life` seconds.
///
/// # Errors
/// [`Kind::InvalidClient`], always with the same text.
pub fn check(claims: &Map<String, Value>, client: &str, issuer: &str, now: Timestamp, life: i64) -> Result<Assertion, Fault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).map(|value| value.as_f64().map(instant));
    let soon = now.plus_seconds(SKEW);
    let begun = |name: &str| time(name).is_none_or(|at| at.is_some_and(|at| at <= soon));
    let expires = time("exp").flatten().filter(|at| *at > now && *at <= now.plus_seconds(life));
    let jti = text("jti").filter(|jti| (1..=256).contains(&jti.len()));
    match (expires, jti) {
        // An audience of several, or a list of one, is how an assertion for another server was passed on.
        (Some(expires), Some(jti))
            if text("iss") == Some(client)
                && text("sub") == Some(client)
                && text("aud") == Some(issuer)
                && begun("iat")
                && begun("nbf") =>
        {
            Ok(Assertion { jti: jti.to_owned(), expires })
        }
        _ => Err(Fault::of(Kind::InvalidClient)),
    }
}

// A NumericDate (RFC 7519 §2), perhaps with a fraction; what is out of range ends at the range's ends.
pub(super) fn instant(seconds: f64) -> Timestamp {
    Timestamp::from_micros((seconds * 1e6) as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Assertion, Method, check};
    use crate::domain::time::Timestamp;

    #[test]
    fn methods_have_names() {
        for method in Method::ALL {
            assert_eq!(Method::parse(method.name()), Some(method));
        }
        assert_eq!(Method::parse("none"), None);
    }

    #[test]
    fn each_claim_is_looked_at() {
        let now = Timestamp::from_micros(1_000 * 1_000_000);
        let good = json!({ "iss": "c", "sub": "c", "aud": "https://gw", "exp": 1_300, "iat": 1_030, "nbf": 1_030, "jti": "1" });
        let asked = |claims: &Value| check(claims.as_object().unwrap(), "c", "https://gw", now, 300).ok();
        assert_eq!(asked(&good), Some(Assertion { jti: "1".to_owned(), expires: Timestamp::from_micros(1_300 * 1_000_000) }));
        for (claim, value, taken) in [
            ("iss", json!("d"), false),
            ("iss", Value::Null, false),
            ("sub", json!("d"), false),
            ("aud", json!(["https://gw"]), false),
            ("aud", json!(["https://gw", "https://other"]), false),
            ("aud", json!("https://gw/oauth2/token"), false),
            ("aud", json!("https://gw/"), false),
            ("aud", Value::Null, false),
            ("exp", json!(1_000), false),
            ("exp", json!(1_000.5), true),
            ("exp", json!(1_301), false),
            ("exp", json!("1300"), false),
            ("exp", json!(1e300), false),
            ("exp", Value::Null, false),
            ("iat", json!(1_031), false),
            ("iat", json!("x"), false),
            ("iat", Value::Null, true),
            ("nbf", json!(1_031), false),
            ("nbf", Value::Null, true),
            ("jti", json!(""), false),
            ("jti", json!(7), false),
            ("jti", Value::Null, false),
            ("iad", json!(9_999_999), true),
        ] {
            let mut claims = good.clone();
            let members = claims.as_object_mut().unwrap();
            if value.is_null() {
                members.remove(claim);
            } else {
                members.insert(claim.to_owned(), value.clone());
            }
            assert_eq!(asked(&claims).is_some(), taken, "{claim}: {value}");
        }
    }
}

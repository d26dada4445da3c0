//! The types of values, each with the rule for its text.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::duration;
use crate::domain::secret::{HIDDEN, Secret};
use crate::domain::signing::Algorithm;
use crate::domain::token::{BROUGHT_CHARS, Form, form};

/// A value that is written as text.
pub(super) trait Value: Sized {
    /// Reads the text; the error is the rule it breaks, without the text where that may be secret.
    fn read(text: &str) -> Result<Self, String>;

    /// The text to show for a value given as `text`.
    fn show(text: &str) -> String {
        text.to_owned()
    }
}

impl<T: Value> Value for Option<T> {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::read(text).map(Some) }
    }

    fn show(text: &str) -> String {
        if text.is_empty() { String::new() } else { T::show(text) }
    }
}

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("name a path".to_owned()) } else { Ok(Self::from(text)) }
    }
}

impl Value for bool {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "write true or false".to_owned())
    }
}

impl Value for usize {
    fn read(text: &str) -> Result<Self, String> {
        // The limit also lets every number fit an u32.
        match text.parse() {
            Ok(number) if (1..=1_000_000_000).contains(&number) => Ok(number),
            _ => Err("write a whole number from 1 to 1000000000".to_owned()),
        }
    }
}

impl Value for u32 {
    fn read(text: &str) -> Result<Self, String> {
        usize::read(text).map(|number| number as Self)
    }
}

impl Value for Duration {
    fn read(text: &str) -> Result<Self, String> {
        match duration::parse(text) {
            Ok(length) if length.is_zero() => Err("write a length of time above zero".to_owned()),
            Ok(length) => Ok(length),
            Err(fault) => Err(fault.to_string()),
        }
    }
}

impl Value for Algorithm {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| "write EdDSA, ES256 or RS256".to_owned())
    }
}

impl Value for Secret {
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn show(_: &str) -> String {
        HIDDEN.to_owned()
    }
}

/// A number of bytes: a whole number, bare or with `KiB`, `MiB` or `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(usize);

impl ByteSize {
    /// The number.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl Value for ByteSize {
    fn read(text: &str) -> Result<Self, String> {
        let cut = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(cut);
        let shift = match unit {
            "" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err("write a number of bytes, as in 65536, 64KiB, 8MiB".to_owned()),
        };
        let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(1 << shift));
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or_else(|| "write a number of bytes from 1, as in 64KiB, 8MiB".to_owned())
    }
}

/// A host name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort(String);

impl HostPort {
    /// `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for HostPort {
    fn read(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self(text.to_owned())),
            _ => Err("write host:port, as in 127.0.0.1:8080 or [::1]:8080".to_owned()),
        }
    }
}

/// An `http` or `https` URL without query or fragment, and without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for PublicUrl {
    fn read(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let plain = |rest: &str| {
            !rest.starts_with('/') && !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || "?#@".contains(c))
        };
        if rest.is_some_and(plain) {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err("write an http or https URL without query, as in https://id.example.com".to_owned())
        }
    }
}

/// The URL of a PostgreSQL database. Shown without its password and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL with its password: for the driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Value for DatabaseUrl {
    fn read(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self(text.to_owned()))
        } else {
            Err("write postgres://user:password@host:port/name".to_owned())
        }
    }

    fn show(text: &str) -> String {
        let (address, parameters) = match text.split_once('?') {
            Some((address, _)) => (address, format!("?{HIDDEN}")),
            None => (text, String::new()),
        };
        let Some((scheme, rest)) = address.split_once("://") else { return HIDDEN.to_owned() };
        let shown = match rest.rsplit_once('@') {
            Some((user, host)) => match user.split_once(':') {
                Some((name, _)) => format!("{name}:{HIDDEN}@{host}"),
                None => rest.to_owned(),
            },
            None => rest.to_owned(),
        };
        format!("{scheme}://{shown}{parameters}")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::show(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An admin token that an operator brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken(Secret);

impl AdminToken {
    /// The token.
    pub const fn secret(&self) -> &Secret {
        &self.0
    }
}

impl Value for AdminToken {
    fn read(text: &str) -> Result<Self, String> {
        if text.chars().count() < BROUGHT_CHARS || text.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(format!("it takes at least {BROUGHT_CHARS} visible ASCII characters"));
        }
        if form(text) == Form::Mistyped {
            return Err("it looks like a token made here, but its checksum is wrong".to_owned());
        }
        Ok(Self(Secret::new(text)))
    }

    fn show(_: &str) -> String {
        HIDDEN.to_owned()
    }
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Value for LogFormat {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("write text or json".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AdminToken, ByteSize, DatabaseUrl, HostPort, PublicUrl, Value};

    #[test]
    fn sizes() {
        for (text, bytes) in [("1", 1), ("64KiB", 65_536), ("8MiB", 8 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(ByteSize::read(text), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "0", "8MB", "8 MiB", "-1", "99999999999999999999", "18446744073709551615GiB"] {
            assert!(ByteSize::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses() {
        for text in ["127.0.0.1:0", "[::1]:8080", "localhost:80"] {
            assert!(HostPort::read(text).is_ok(), "{text}");
        }
        for text in ["", "8080", ":8080", "h:", "h:70000"] {
            assert!(HostPort::read(text).is_err(), "{text}");
        }
        for (text, expected) in [
            ("https://id.example.com/", Some("https://id.example.com")),
            ("http://h:1/base", Some("http://h:1/base")),
            ("id.example.com", None),
            ("ftp://h", None),
            ("https://", None),
            ("https:///x", None),
            ("https://h?x=1", None),
            ("https://user:password@h", None),
        ] {
            assert_eq!(PublicUrl::read(text).ok().as_ref().map(PublicUrl::as_str), expected, "{text}");
        }
    }

    #[test]
    fn database_urls_show_no_password() {
        for (text, shown) in [
            ("postgres://u:p@h/d", "postgres://u:•••@h/d"),
            ("postgresql://u:p:@@h:5432/d?sslmode=x&password=p", "postgresql://u:•••@h:5432/d?•••"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres:///d", "postgres:///d"),
        ] {
            assert_eq!(DatabaseUrl::read(text).unwrap().to_string(), shown);
        }
        assert!(DatabaseUrl::read("mysql://h").is_err());
    }

    #[test]
    fn admin_tokens() {
        assert!(AdminToken::read(&"x".repeat(32)).is_ok());
        for text in ["x".repeat(31), "x ".repeat(20), "ä".repeat(40), format!("pv_{}", "a".repeat(49))] {
            assert!(AdminToken::read(&text).is_err(), "{text}");
        }
    }
}

//! The configuration of SCIM targets (spec/admin.md, "A target").

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde_json::Value;

use super::guard::Guard;
use super::http::{LARGEST_ANSWER, Options, literal};
use super::settings::{Settings, split_secrets};
use crate::domain::error::Fault;
use crate::domain::secret::{HIDDEN, Secret};

/// Keys of the configuration that hold secrets.
pub const SECRETS: [&str; 2] = ["auth.token", "auth.password"];

/// What a SCIM target is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct ScimConfig {
    /// Where the endpoints are, ending in a slash.
    pub base: Url,
    /// How we sign in.
    pub auth: Auth,
    /// How it departs from the RFC.
    pub flavour: Flavour,
    /// How the client behaves.
    pub options: Options,
    /// Most members changed by one request.
    pub max_members: Option<usize>,
}

/// How we sign in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all.
    None,
    /// With a bearer token.
    Bearer(Secret),
    /// With name and password.
    Basic {
        /// Name.
        username: String,
        /// Password.
        password: Secret,
    },
}

/// How a target departs from the RFC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Not at all.
    Generic,
    /// AWS IAM Identity Center: at most 100 members a request.
    Aws,
    /// Members are removed by a list of values, not by a path with a filter.
    RemoveByValue,
}

impl ScimConfig {
    /// Reads a configuration, secrets included.
    ///
    /// # Errors
    /// `InvalidValue` that names the key and repeats no value.
    pub fn parse(config: &Value) -> Result<Self, Fault> {
        let mut settings = Settings::new("", config)?;
        let private = settings.flag("allowPrivateNetwork")?;
        let link_local = settings.flag("allowLinkLocal")?;
        let url = settings.required("baseUrl")?;
        let base = base(&url).map_err(|rule| settings.fault("baseUrl", rule))?;
        let plain = base.scheme() == "http";
        let guard = Guard { private, link_local, public: !plain };
        if plain && !private {
            return Err(settings.fault("baseUrl", "must be https, unless allowPrivateNetwork is true"));
        }
        if let Some(address) = literal(&base) {
            guard.check(address).map_err(|refused| settings.fault("baseUrl", &format!("is refused: {refused}")))?;
        }
        let auth = auth(&settings.take("auth").ok_or_else(|| settings.fault("auth", "is required"))?)?;
        let flavour = match settings.text("flavour")?.as_deref() {
            None | Some("generic") => Flavour::Generic,
            Some("aws") => Flavour::Aws,
            Some("remove-by-value") => Flavour::RemoveByValue,
            Some(_) => return Err(settings.fault("flavour", "is generic, aws or remove-by-value")),
        };
        let timeout = settings.number("timeoutMs", 100, 300_000)?.unwrap_or(30_000);
        let connect = settings.number("connectTimeoutMs", 50, 60_000)?.unwrap_or(5_000).min(timeout);
        let max_members = settings.number("maxMembers", 1, 100_000)?.and_then(|most| usize::try_from(most).ok());
        settings.finish()?;
        let (connect_timeout, timeout) = (Duration::from_millis(connect), Duration::from_millis(timeout));
        let options = Options { connect_timeout, timeout, guard, largest: LARGEST_ANSWER };
        Ok(Self { base, auth, flavour, options, max_members })
    }
}

/// Refuses a changed configuration that would send kept secrets to another place: whoever may change the address need not
/// know the token.
///
/// # Errors
/// `InvalidValue` when the origin of `baseUrl` changes and a secret reads [`HIDDEN`].
pub fn check_change(old: &Value, new: &Value) -> Result<(), Fault> {
    let origin =
        |config: &Value| config.get("baseUrl").and_then(Value::as_str).and_then(|url| base(url).ok()).map(|url| url.origin());
    let given = split_secrets(new, &SECRETS).1;
    let hidden = SECRETS.iter().any(|key| {
        let text = key.split('.').try_fold(new, |value, name| value.get(name)).and_then(Value::as_str);
        text == Some(HIDDEN) && !given.iter().any(|(known, _)| known == key)
    });
    if hidden && origin(old) != origin(new) {
        return Err(Settings::new("", new)?.fault("baseUrl", "leads elsewhere, so the secrets under auth must be given again"));
    }
    Ok(())
}

fn base(text: &str) -> Result<Url, &'static str> {
    let mut url = Url::parse(text).map_err(|_| "is no URL")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("is an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds no credentials: they go under auth");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has no query and no fragment");
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn auth(value: &Value) -> Result<Auth, Fault> {
    let mut settings = Settings::new("auth", value)?;
    let auth = match settings.required("type")?.as_str() {
        "none" => Auth::None,
        "bearer" => Auth::Bearer(Secret::new(settings.required("token")?)),
        "basic" => {
            Auth::Basic { username: settings.required("username")?, password: Secret::new(settings.required("password")?) }
        }
        _ => return Err(settings.fault("type", "is bearer, basic or none")),
    };
    if auth.header().is_err() {
        return Err(settings.fault("token", "has characters that cannot stand in a header"));
    }
    settings.finish()?;
    Ok(auth)
}

impl Auth {
    /// The `Authorization` header; marked sensitive.
    ///
    /// # Errors
    /// When the token has characters that cannot stand in a header.
    pub fn header(&self) -> Result<Option<HeaderValue>, reqwest::header::InvalidHeaderValue> {
        let text = match self {
            Auth::None => return Ok(None),
            Auth::Bearer(token) => format!("Bearer {}", token.expose()),
            Auth::Basic { .. } => format!("Basic {}", self.basic()),
        };
        let mut value = HeaderValue::from_str(&text)?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    fn basic(&self) -> String {
        match self {
            Auth::Basic { username, password } => BASE64_STANDARD.encode(format!("{username}:{}", password.expose())),
            _ => String::new(),
        }
    }

    /// A text without the secrets, should a target echo them.
    pub fn redact(&self, text: &str) -> String {
        let secrets = match self {
            Auth::None => return text.to_owned(),
            Auth::Bearer(token) => vec![token.expose().to_owned()],
            Auth::Basic { password, .. } => vec![password.expose().to_owned(), self.basic()],
        };
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(changes: Value) -> Value {
        let mut config = json!({"baseUrl": "https://crm.example/scim/v2", "auth": {"type": "bearer", "token": "hunter2"}});
        for (key, value) in changes.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    }

    #[test]
    fn reads_what_is_documented() {
        let read = ScimConfig::parse(&config(json!({"flavour": "aws", "timeoutMs": 200}))).unwrap();
        assert_eq!(read.base.as_str(), "https://crm.example/scim/v2/");
        assert_eq!(
            (read.flavour, read.options.timeout, read.options.connect_timeout),
            (Flavour::Aws, Duration::from_millis(200), Duration::from_millis(200))
        );
        assert_eq!(read.options.guard, Guard { private: false, link_local: false, public: true });
        let local = json!({"baseUrl": "http://127.0.0.1:9000/v2", "allowPrivateNetwork": true, "auth": {"type": "none"}});
        assert!(!ScimConfig::parse(&local).unwrap().options.guard.public);
        assert!(!format!("{read:?}").contains("hunter2"));
    }

    #[test]
    fn faults_name_the_key_and_no_secret() {
        let bearer = |token: Value| json!({"auth": {"type": "bearer", "token": token}});
        for (changes, text) in [
            (json!({"baseUrl": "hunter2"}), "config.baseUrl is no URL"),
            (json!({"baseUrl": "ftp://hunter2/"}), "config.baseUrl is an http"),
            (json!({"baseUrl": "https://a:hunter2@b/"}), "config.baseUrl holds no credentials"),
            (json!({"baseUrl": "https://b/?token=hunter2"}), "config.baseUrl has no query"),
            (json!({"baseUrl": "http://b/"}), "config.baseUrl must be https"),
            (json!({"baseUrl": "https://0x7f.1/"}), "config.baseUrl is refused: the address 127.0.0.1 is private"),
            (json!({"baseUrl": "https://[::ffff:169.254.169.254]/"}), "config.baseUrl is refused"),
            (json!({"baseUrl": "http://1.1.1.1/", "allowPrivateNetwork": true}), "config.baseUrl is refused"),
            (json!({"auth": null}), "config.auth is required"),
            (json!({"auth": "hunter2"}), "config.auth is an object"),
            (json!({"auth": {"type": "hunter2"}}), "config.auth.type is bearer"),
            (json!({"auth": {"type": "basic", "password": "hunter2"}}), "config.auth.username is required"),
            (json!({"auth": {"type": "none", "token": "hunter2"}}), "config.auth.token is not known"),
            (bearer(json!(["hunter2"])), "config.auth.token is a text"),
            (bearer(json!("hunter2\n")), "config.auth.token has characters"),
            (json!({"flavour": "hunter2"}), "config.flavour is generic"),
            (json!({"timeoutMs": 1}), "config.timeoutMs is a whole number"),
            (json!({"timeout": 1}), "config.timeout is not known"),
        ] {
            let fault = ScimConfig::parse(&config(changes.clone())).unwrap_err();
            assert!(fault.detail.starts_with(text) && !fault.detail.contains("hunter2"), "{changes}: {fault}");
        }
    }

    #[test]
    fn kept_secrets_stay_at_their_place() {
        let old = config(json!({"auth": {"type": "bearer", "token": HIDDEN}}));
        let moved = |url: &str, token: &str| config(json!({"baseUrl": url, "auth": {"type": "bearer", "token": token}}));
        assert!(check_change(&old, &moved("https://crm.example/other", HIDDEN)).is_ok());
        assert!(check_change(&old, &moved("https://evil.example/", "new")).is_ok());
        assert!(check_change(&old, &moved("https://evil.example/", HIDDEN)).is_err());
        assert!(check_change(&old, &moved("http://crm.example/", HIDDEN)).is_err());
    }

    #[test]
    fn echoed_secrets_are_hidden() {
        let basic = Auth::Basic { username: "u".to_owned(), password: Secret::new("pass") };
        assert_eq!(basic.redact("got pass and dTpwYXNz"), "got ••• and •••");
    }
}

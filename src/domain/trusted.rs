//! Issuers that a tenant trusts (spec/access.md §6.7): what is said of one, and what of its tokens is believed.

use serde_json::{Map, Value, json};

use super::client::{SKEW, instant};
use super::error::{Fault, Kind, excerpt};
use super::expression::{Bindings, Expression, Mode};
use super::filter::ast::{Expr, Literal, Op};
use super::filter::{Dialect, Filter, resolve};
use super::jwt::{ALGORITHMS, older};
use super::schema::{Home, ObjectType, Uniqueness};
use super::time::Timestamp;

/// Longest token of another issuer, in bytes.
pub const BYTES: usize = 16 * 1024;

/// For how long ahead a token may be good, in seconds: one that is stolen is of no use after that.
pub const LONGEST: i64 = 24 * 3_600;

/// Most entries of each list.
const MOST: usize = 20;

/// Most characters of a name or an address.
const CHARS: usize = 500;

/// The members of a record.
const MEMBERS: [&str; 11] = [
    "issuer",
    "jwksUri",
    "audiences",
    "algorithms",
    "match",
    "source",
    "unverifiedEmail",
    "condition",
    "allowPrivateNetwork",
    "enabled",
    "description",
];

/// One issuer.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// Its name in tokens, `iss`, compared exactly.
    pub issuer: String,
    /// Where its keys are; without, its metadata tells.
    pub jwks_uri: Option<String>,
    /// For whom its users' tokens are meant, `aud`.
    pub audiences: Vec<String>,
    /// In which algorithms it signs.
    pub algorithms: Vec<String>,
    /// Which user a token stands for: claims, each with the attribute that equals it. All of them must.
    pub matching: Vec<(String, String)>,
    /// Whose `externalId` is compared.
    pub source: String,
    /// Whether `email` counts that the issuer does not say it has verified.
    pub unverified: bool,
    /// What must be true of the claims.
    pub condition: Option<Expression>,
    /// Whether it may be reached over http and at private addresses.
    pub private: bool,
    /// Whether its tokens are taken.
    pub enabled: bool,
    /// What it is for.
    pub description: Option<String>,
}

impl Trusted {
    /// Reads a record; `own` is the issuer of this installation, whose tokens are taken anyhow.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] or [`Kind::InvalidSyntax`], naming the member.
    pub fn parse(body: &Value, own: &str) -> Result<Self, Fault> {
        let members = object(body, &MEMBERS)?;
        let issuer = need(members, "issuer")?;
        if issuer == own {
            return Err(wrong("issuer", "is this installation, whose tokens are taken anyhow"));
        }
        let private = flag(members, "allowPrivateNetwork", false)?;
        let jwks_uri = text(members, "jwksUri")?;
        match &jwks_uri {
            Some(uri) => address(uri, private).map_err(|rule| wrong("jwksUri", rule))?,
            None => {
                address(&issuer, private)
                    .map_err(|rule| wrong("issuer", &format!("{rule}, or 'jwksUri' says where its keys are")))?;
                if issuer.contains('?') {
                    return Err(wrong("issuer", "has no query, unless 'jwksUri' says where its keys are"));
                }
            }
        }
        let named = match members.get("algorithms").filter(|v| !v.is_null()) {
            None => ALGORITHMS.map(str::to_owned).to_vec(),
            Some(_) => texts(members, "algorithms")?,
        };
        if named.is_empty() || named.iter().any(|name| !ALGORITHMS.contains(&name.as_str())) {
            return Err(wrong("algorithms", &format!("lists some of {}", ALGORITHMS.join(", "))));
        }
        // Two names of one algorithm are one.
        let mut algorithms: Vec<String> = Vec::new();
        for name in named.iter().map(|name| older(name)) {
            if !algorithms.iter().any(|known| known == name) {
                algorithms.push(name.to_owned());
            }
        }
        let mut matching = Vec::new();
        let none = Vec::new();
        let list = match members.get("match") {
            None | Some(Value::Null) => &none,
            Some(Value::Array(list)) if list.len() <= MOST => list,
            Some(_) => return Err(wrong("match", &format!("is a list of at most {MOST} pairs of 'claim' and 'attribute'"))),
        };
        for pair in list {
            let pair = object(pair, &["claim", "attribute"]).map_err(|fault| wrong("match", &fault.detail))?;
            matching.push((need(pair, "claim")?, need(pair, "attribute")?));
        }
        let audiences = texts(members, "audiences")?;
        if audiences.is_empty() != matching.is_empty() {
            let (lacking, given) = if matching.is_empty() { ("match", "audiences") } else { ("audiences", "match") };
            return Err(wrong(
                lacking,
                &format!("stands beside '{given}': the one says which tokens are users', the other which users'"),
            ));
        }
        Ok(Self {
            issuer,
            jwks_uri,
            audiences,
            algorithms,
            matching,
            source: text(members, "source")?.unwrap_or_else(|| "default".to_owned()),
            unverified: flag(members, "unverifiedEmail", false)?,
            condition: condition(members.get("condition"))?,
            private,
            enabled: flag(members, "enabled", true)?,
            description: text(members, "description")?,
        })
    }

    /// As it is stored and shown.
    pub fn to_json(&self) -> Value {
        let pairs = self.matching.iter().map(|(claim, attribute)| json!({ "claim": claim, "attribute": attribute }));
        let condition = self.condition.as_ref().map(|c| json!({ "type": "rhai", "source": c.text() }));
        json!({
            "issuer": self.issuer,
            "jwksUri": self.jwks_uri,
            "audiences": self.audiences,
            "algorithms": self.algorithms,
            "match": pairs.collect::<Vec<_>>(),
            "source": self.source,
            "unverifiedEmail": self.unverified,
            "condition": condition,
            "allowPrivateNetwork": self.private,
            "enabled": self.enabled,
            "description": self.description,
        })
    }

    /// Whether the attributes are such that users can be told by them, at every request.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`], naming the attribute and the rule.
    pub fn check_attributes(&self, user: &ObjectType) -> Result<(), Fault> {
        for (_, attribute) in &self.matching {
            let unknown = || wrong("match", &format!("names no attribute of users: '{}'", excerpt(attribute)));
            let path = user.resolve_attribute(attribute).ok_or_else(unknown)?;
            let leaf = user.leaf(path);
            let common = path.home == Home::Common && ["id", "externalId"].contains(&leaf.name.as_str());
            if !common && !leaf.indexed && leaf.uniqueness == Uniqueness::None {
                return Err(wrong("match", &format!("names an attribute without an index: '{}'", excerpt(attribute))));
            }
        }
        self.filter(user, &self.matching.iter().map(|_| "x".to_owned()).collect::<Vec<_>>()).map(|_| ())
    }

    /// Which users have these values in the attributes, one for each.
    ///
    /// # Errors
    /// When an attribute is no more, or takes no text.
    pub fn filter(&self, user: &ObjectType, values: &[String]) -> Result<Filter, Fault> {
        let equals = |((_, path), value): (&(String, String), &String)| {
            let expr = Expr::Compare { path: path.clone(), op: Op::Eq, value: Literal::Text(value.clone()) };
            resolve::resolve_known(&expr, user, Dialect::Scim).map_err(|fault| wrong("match", &fault.detail))
        };
        Ok(Filter::all(self.matching.iter().zip(values).map(equals).collect::<Result<_, _>>()?))
    }

    /// Where its metadata may be: OpenID Connect Discovery §4, RFC 8414 §3.
    pub fn metadata(&self) -> Vec<String> {
        let base = self.issuer.trim_end_matches('/');
        let host = base.find("://").map_or(0, |at| at + 3);
        let (origin, path) = base.split_at(base[host..].find('/').map_or(base.len(), |at| host + at));
        vec![format!("{base}/.well-known/openid-configuration"), format!("{origin}/.well-known/oauth-authorization-server{path}")]
    }

    /// Until when a token of these claims, whose signature is right, is good; none when it is not.
    pub fn admits(&self, claims: &Map<String, Value>, now: Timestamp) -> Option<Timestamp> {
        let time = |name: &str| claims.get(name).map(|value| value.as_f64().map(instant));
        let soon = now.plus_seconds(SKEW);
        let begun = |name: &str| time(name).is_none_or(|at| at.is_some_and(|at| at <= soon));
        let expires = time("exp").flatten().filter(|at| *at > now && *at <= now.plus_seconds(LONGEST + SKEW))?;
        let named = claims.get("iss").and_then(Value::as_str) == Some(&self.issuer);
        let holds = || {
            self.condition.as_ref().is_none_or(|condition| {
                let mut bindings = Bindings::new().value("claims", &Value::Object(claims.clone())).now(now);
                condition.holds(&mut bindings).unwrap_or(false)
            })
        };
        (named && begun("iat") && begun("nbf") && holds()).then_some(expires)
    }

    /// What the attributes of the user equal that the claims tell of; none when they do not tell. An address that is not said to
    /// be verified tells nothing (OpenID Connect Core §5.7), unless the record says otherwise.
    pub fn values(&self, claims: &Map<String, Value>) -> Option<Vec<String>> {
        let told = |(name, _): &(String, String)| {
            let verified = || claims.get("email_verified").is_some_and(|v| v == &json!(true) || v == "true");
            let unverified = name.trim_start_matches('/') == "email" && !self.unverified && !verified();
            let value = claim(claims, name)?.as_str().filter(|text| !text.trim().is_empty() && !text.contains('\0'))?;
            (!unverified).then(|| value.to_owned())
        };
        if self.matching.is_empty() { None } else { self.matching.iter().map(told).collect() }
    }
}

/// A claim by its name, or by a JSON pointer (RFC 6901) into claims that have parts.
pub fn claim<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    let Some(pointer) = name.strip_prefix('/') else { return claims.get(name) };
    let mut steps = pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
    let first = claims.get(&steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(&step))
}

/// For whom a token is meant, one or several.
pub fn audiences(claims: &Map<String, Value>) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).take(MOST).collect(),
        _ => Vec::new(),
    }
}

/// Whether something can be fetched from an address: https, or http where private networks are allowed, and nothing that
/// reads differently to others.
///
/// # Errors
/// The rule that it breaks.
pub fn address(text: &str, private: bool) -> Result<(), &'static str> {
    let rest = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => rest,
        (_, Some(rest)) if private => rest,
        (_, Some(_)) => return Err("is https, unless 'allowPrivateNetwork' is true"),
        _ => return Err("is an https address"),
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b)) {
        return Err("names a host, and a port where it is another than usual, without credentials");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains(['#', '\\']) {
        return Err("is of visible ASCII characters, without a fragment");
    }
    Ok(())
}

fn condition(value: Option<&Value>) -> Result<Option<Expression>, Fault> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let members = object(value, &["type", "source"]).map_err(|fault| wrong("condition", &fault.detail))?;
    if members.get("type") != Some(&json!("rhai")) {
        return Err(wrong("condition", "has the 'type' 'rhai'"));
    }
    let source = members.get("source").and_then(Value::as_str).unwrap_or_default();
    Expression::compile(source, Mode::Strict).map(Some).map_err(|fault| wrong("condition", &fault.detail))
}

pub(super) fn wrong(member: &str, rule: &str) -> Fault {
    Fault::new(Kind::InvalidValue, format!("'{member}' {rule}"))
}

pub(super) fn object<'v>(value: &'v Value, known: &[&str]) -> Result<&'v Map<String, Value>, Fault> {
    let members = value.as_object().ok_or_else(|| Fault::new(Kind::InvalidSyntax, "a JSON object is wanted"))?;
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(Fault::new(Kind::InvalidSyntax, format!("unknown member '{}'", excerpt(other)))),
        None => Ok(members),
    }
}

pub(super) fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, Fault> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if is_text(text) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(name, &format!("is a text of 1 to {CHARS} characters, none of them control characters"))),
    }
}

pub(super) fn need(members: &Map<String, Value>, name: &str) -> Result<String, Fault> {
    text(members, name)?.ok_or_else(|| wrong(name, "is required"))
}

pub(super) fn flag(members: &Map<String, Value>, name: &str, otherwise: bool) -> Result<bool, Fault> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(wrong(name, "is true or false")),
    }
}

fn texts(members: &Map<String, Value>, name: &str) -> Result<Vec<String>, Fault> {
    let rule = || wrong(name, &format!("is a list of at most {MOST} texts, each once, of 1 to {CHARS} characters"));
    let mut out = Vec::new();
    match members.get(name) {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) if list.len() <= MOST => {
            for one in list {
                let one = one.as_str().filter(|text| is_text(text)).ok_or_else(rule)?;
                if out.iter().any(|known| known == one) {
                    return Err(rule());
                }
                out.push(one.to_owned());
            }
        }
        Some(_) => return Err(rule()),
    }
    Ok(out)
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= CHARS && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Trusted, address, audiences, claim};
    use crate::domain::schema::Registry;
    use crate::domain::time::Timestamp;

    const OWN: &str = "https://id.example";

    fn record() -> Value {
        json!({ "issuer": "https://idp.example", "audiences": ["provost"], "match": [{ "claim": "sub", "attribute": "externalId" }] })
    }

    fn with(changes: &Value) -> Value {
        let mut body = record();
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body
    }

    #[test]
    fn a_record_comes_back_as_it_is_meant() {
        let full = with(&json!({
            "jwksUri": "https://keys.example/set?p=1", "algorithms": ["RS256"], "source": "hr", "unverifiedEmail": true, "allowPrivateNetwork": false,
            "condition": { "type": "rhai", "source": "claims.hd == \"example.com\"" }, "enabled": false, "description": "people",
        }));
        let read = Trusted::parse(&full, OWN).unwrap().to_json();
        assert_eq!(read.as_object().unwrap().len(), full.as_object().unwrap().len());
        assert_eq!(read, full);
        let plain = Trusted::parse(&record(), OWN).unwrap();
        assert_eq!((plain.enabled, plain.private, plain.source.as_str(), plain.algorithms.len()), (true, false, "default", 5));
        assert_eq!(Trusted::parse(&plain.to_json(), OWN).unwrap().to_json(), plain.to_json());
        for (given, kept) in [(json!(["Ed25519", "ES256", "EdDSA"]), vec!["EdDSA", "ES256"]), (json!(["Ed25519"]), vec!["EdDSA"])]
        {
            assert_eq!(Trusted::parse(&with(&json!({ "algorithms": given })), OWN).unwrap().algorithms, kept);
        }
        let bare = json!({ "issuer": "https://ci.example" });
        assert!(Trusted::parse(&bare, OWN).unwrap().values(json!({ "sub": "x" }).as_object().unwrap()).is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (change, member) in [
            (json!({ "issuer": null }), "issuer"),
            (json!({ "issuer": "" }), "issuer"),
            (json!({ "issuer": 7 }), "issuer"),
            (json!({ "issuer": "http://idp.example" }), "issuer"),
            (json!({ "issuer": "idp" }), "issuer"),
            (json!({ "issuer": "https://idp.example?x=1" }), "issuer"),
            (json!({ "issuer": "https://u:p@idp.example" }), "issuer"),
            (json!({ "issuer": OWN }), "issuer"),
            (json!({ "jwksUri": "ftp://x" }), "jwksUri"),
            (json!({ "jwksUri": "http://x/keys" }), "jwksUri"),
            (json!({ "jwksUri": [] }), "jwksUri"),
            (json!({ "audiences": "x" }), "audiences"),
            (json!({ "audiences": [""] }), "audiences"),
            (json!({ "audiences": ["a", "a"] }), "audiences"),
            (json!({ "audiences": [] }), "audiences"),
            (json!({ "algorithms": [] }), "algorithms"),
            (json!({ "algorithms": ["none"] }), "algorithms"),
            (json!({ "algorithms": ["HS256"] }), "algorithms"),
            (json!({ "algorithms": ["RS256", "HS512"] }), "algorithms"),
            (json!({ "match": {} }), "match"),
            (json!({ "match": [] }), "match"),
            (json!({ "match": [{ "claim": "sub" }] }), "attribute"),
            (json!({ "match": [{ "claim": "sub", "attribute": "id", "x": 1 }] }), "match"),
            (json!({ "source": 1 }), "source"),
            (json!({ "condition": "x" }), "condition"),
            (json!({ "condition": { "type": "js", "source": "x" } }), "condition"),
            (json!({ "condition": { "type": "rhai", "source": "1 +" } }), "condition"),
            (json!({ "condition": { "type": "rhai" } }), "condition"),
            (json!({ "allowPrivateNetwork": "yes" }), "allowPrivateNetwork"),
            (json!({ "enabled": 1 }), "enabled"),
            (json!({ "colour": 1 }), "colour"),
        ] {
            let fault = Trusted::parse(&with(&change), OWN).unwrap_err();
            assert!(fault.detail.contains(&format!("'{member}'")), "{change}: {fault}");
        }
        let fixed = json!({ "issuer": "kubernetes/serviceaccount", "jwksUri": "https://k.example/keys" });
        assert!(Trusted::parse(&with(&fixed), OWN).is_ok(), "with a fixed address the name may be any");
        assert!(Trusted::parse(&with(&json!({ "issuer": "http://idp", "allowPrivateNetwork": true })), OWN).is_ok());
    }

    #[test]
    fn users_are_told_by_what_is_indexed() {
        let user = Registry::shipped().unwrap().by_name("user").cloned().unwrap();
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber";
        for (attribute, good) in [
            ("userName", true),
            ("externalId", true),
            ("id", true),
            ("emails.value", true),
            ("password", false),
            ("nickName", false),
            ("active", false),
            ("nothing", false),
            ("groups", false),
            (enterprise, user.leaf(user.resolve_attribute(enterprise).unwrap()).indexed),
        ] {
            let body = with(&json!({ "match": [{ "claim": "sub", "attribute": attribute }] }));
            let outcome = Trusted::parse(&body, OWN).unwrap().check_attributes(&user);
            assert_eq!(outcome.is_ok(), good, "{attribute}: {outcome:?}");
        }
    }

    #[test]
    fn each_claim_is_looked_at() {
        let now = Timestamp::from_micros(100_000 * 1_000_000);
        let condition = json!({ "condition": { "type": "rhai", "source": "claims.hd == \"a\"" } });
        let trusted = Trusted::parse(&with(&condition), OWN).unwrap();
        let good = json!({ "iss": "https://idp.example", "exp": 103_600, "iat": 100_030, "nbf": 100_030, "hd": "a", "sub": "1" });
        for (claim, value, taken) in [
            ("iss", json!("https://idp.example/"), false),
            ("iss", json!(["https://idp.example"]), false),
            ("iss", Value::Null, false),
            ("exp", json!(100_000), false),
            ("exp", json!(100_001), true),
            ("exp", json!(100_000 + 86_431), false),
            ("exp", json!("103600"), false),
            ("exp", Value::Null, false),
            ("iat", json!(100_031), false),
            ("iat", Value::Null, true),
            ("nbf", json!(100_031), false),
            ("nbf", json!("x"), false),
            ("hd", json!("b"), false),
            ("hd", Value::Null, false),
            ("other", json!(1), true),
        ] {
            let mut claims = good.as_object().unwrap().clone();
            if value.is_null() {
                claims.remove(claim);
            } else {
                claims.insert(claim.to_owned(), value.clone());
            }
            assert_eq!(trusted.admits(&claims, now).is_some(), taken, "{claim}: {value}");
        }
    }

    #[test]
    fn claims_tell_who_it_is_or_nothing() {
        let pairs = json!({ "match": [{ "claim": "email", "attribute": "userName" }, { "claim": "/ext/id", "attribute": "externalId" }] });
        let trusted = Trusted::parse(&with(&pairs), OWN).unwrap();
        for (claims, told) in [
            (json!({ "email": "a@b", "ext": { "id": "1" } }), false),
            (json!({ "email": "a@b", "ext": { "id": "1" }, "email_verified": true }), true),
            (json!({ "email": "a@b", "ext": { "id": "1" }, "email_verified": "true" }), true),
            (json!({ "email": "a@b", "ext": { "id": "1" }, "email_verified": false }), false),
            (json!({ "email": "a@b", "ext": { "id": "1" }, "email_verified": null }), false),
            (json!({ "email": "a@b", "ext": { "id": 1 }, "email_verified": true }), false),
            (json!({ "email": "a@b", "email_verified": true }), false),
            (json!({ "email": " ", "ext": { "id": "1" }, "email_verified": true }), false),
            (json!({}), false),
        ] {
            assert_eq!(trusted.values(claims.as_object().unwrap()).is_some(), told, "{claims}");
        }
        let mut lax = pairs.clone();
        lax["unverifiedEmail"] = json!(true);
        let lax = Trusted::parse(&with(&lax), OWN).unwrap();
        for verified in [json!(true), json!(false), Value::Null] {
            let claims = json!({ "email": "a@b", "ext": { "id": "1" }, "email_verified": verified });
            assert!(lax.values(claims.as_object().unwrap()).is_some());
        }
        let nested = json!({ "a/b": { "c~d": [1, { "e": 2 }] }, "/x": 3 });
        let nested = nested.as_object().unwrap();
        assert_eq!(claim(nested, "/a~1b/c~0d"), Some(&json!([1, { "e": 2 }])));
        assert_eq!((claim(nested, "a/b").is_some(), claim(nested, "/a~1b/none")), (true, None));
        let aud = |value: Value| audiences(json!({ "aud": value }).as_object().unwrap()).len();
        assert_eq!([aud(json!("a")), aud(json!(["a", "b", 3])), aud(json!(3)), aud(Value::Null)], [1, 2, 0, 0]);
    }

    #[test]
    fn metadata_is_in_two_places() {
        for (issuer, places) in [
            (
                "https://a.b",
                ["https://a.b/.well-known/openid-configuration", "https://a.b/.well-known/oauth-authorization-server"],
            ),
            (
                "https://a.b/",
                ["https://a.b/.well-known/openid-configuration", "https://a.b/.well-known/oauth-authorization-server"],
            ),
            (
                "https://a.b/t/v2",
                ["https://a.b/t/v2/.well-known/openid-configuration", "https://a.b/.well-known/oauth-authorization-server/t/v2"],
            ),
        ] {
            let trusted = Trusted::parse(&with(&json!({ "issuer": issuer })), OWN).unwrap();
            assert_eq!(trusted.metadata(), places);
        }
        for (text, private, good) in [
            ("https://a.b:8443/x", false, true),
            ("https://[::1]:8443/", false, true),
            ("http://a", true, true),
            ("http://a", false, false),
            ("https:///x", false, false),
            ("https://a b", false, false),
            ("https://a/#f", false, false),
            ("https://a\\@b", false, false),
            ("https://a@b", false, false),
            ("HTTPS://a", false, false),
        ] {
            assert_eq!(address(text, private).is_ok(), good, "{text}");
        }
    }
}

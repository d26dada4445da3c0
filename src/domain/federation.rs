//! Workloads of elsewhere that a service account trusts (RFC 7523 §2.1): whoever shows a token of that issuer about that
//! subject is given a token of the account.

use serde_json::{Map, Value, json};

use super::error::Fault;
use super::trusted::{claim, flag, need, object, text, wrong};

/// The grant by a token of a trusted issuer.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Most claims that must match.
const MOST: usize = 20;

/// The members of a record.
const MEMBERS: [&str; 5] = ["issuer", "subject", "audience", "claims", "reusable"];

/// What a token must say.
#[derive(Debug, Clone, PartialEq)]
pub struct Federation {
    /// `iss`, one of the tenant's issuers.
    pub issuer: String,
    /// `sub`, compared exactly.
    pub subject: String,
    /// `aud`, and no other beside it.
    pub audience: String,
    /// Claims, by name or JSON pointer, each with the text, number or boolean that it equals or holds.
    pub claims: Map<String, Value>,
    /// Whether a token that has a name (`jti`) may be shown more than once.
    pub reusable: bool,
}

impl Federation {
    /// Reads a record; without an audience the tokens are meant for `own`, the issuer of this installation.
    ///
    /// # Errors
    /// `InvalidValue` or `InvalidSyntax`, naming the member.
    pub fn parse(body: &Value, own: &str) -> Result<Self, Fault> {
        let members = object(body, &MEMBERS)?;
        let claims = match members.get("claims") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(claims)) => claims.clone(),
            Some(_) => return Err(wrong("claims", "is an object")),
        };
        let plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        if claims.len() > MOST || !claims.values().all(plain) {
            return Err(wrong("claims", &format!("has at most {MOST} members, each a text, a number, true or false")));
        }
        Ok(Self {
            issuer: need(members, "issuer")?,
            subject: need(members, "subject")?,
            audience: text(members, "audience")?.unwrap_or_else(|| own.to_owned()),
            claims,
            reusable: flag(members, "reusable", false)?,
        })
    }

    /// As it is stored and shown.
    pub fn to_json(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "subject": self.subject,
            "audience": self.audience,
            "claims": self.claims,
            "reusable": self.reusable,
        })
    }

    /// Whether a token says all of it. One that is meant for others as well may have been passed on by them.
    pub fn fits(&self, claims: &Map<String, Value>) -> bool {
        let named = |name: &str, value: &str| claims.get(name).and_then(Value::as_str) == Some(value);
        let holds = |(name, wanted): (&String, &Value)| match claim(claims, name) {
            Some(Value::Array(many)) => many.contains(wanted),
            Some(one) => one == wanted,
            None => false,
        };
        let alone = claims.get("aud").is_some_and(|aud| *aud == *self.audience || *aud == json!([self.audience]));
        named("iss", &self.issuer) && named("sub", &self.subject) && alone && self.claims.iter().all(holds)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Federation;

    const OWN: &str = "https://id.example";

    #[test]
    fn what_is_wrong_is_named() {
        let good = json!({ "issuer": "https://ci.example", "subject": "repo:a/b" });
        let read = Federation::parse(&good, OWN).unwrap();
        assert_eq!((read.audience.as_str(), read.reusable), (OWN, false));
        assert_eq!(Federation::parse(&read.to_json(), "x").unwrap(), read);
        for (change, member) in [
            (json!({ "issuer": null }), "issuer"),
            (json!({ "subject": "" }), "subject"),
            (json!({ "subject": ["a"] }), "subject"),
            (json!({ "audience": ["a"] }), "audience"),
            (json!({ "claims": [] }), "claims"),
            (json!({ "claims": { "a": null } }), "claims"),
            (json!({ "claims": { "a": ["b"] } }), "claims"),
            (json!({ "reusable": 1 }), "reusable"),
            (json!({ "x": 1 }), "x"),
        ] {
            let mut body = good.clone();
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let fault = Federation::parse(&body, OWN).unwrap_err();
            assert!(fault.detail.contains(&format!("'{member}'")), "{body}: {fault}");
        }
    }

    #[test]
    fn everything_must_fit() {
        let body = json!({
            "issuer": "https://k8s.example", "subject": "system:serviceaccount:jobs:payroll",
            "claims": { "/kubernetes.io/namespace": "jobs", "groups": "ops", "n": 1 },
        });
        let federation = Federation::parse(&body, OWN).unwrap();
        let good = json!({
            "iss": "https://k8s.example", "sub": "system:serviceaccount:jobs:payroll", "aud": [OWN],
            "kubernetes.io": { "namespace": "jobs" }, "groups": ["dev", "ops"], "n": 1,
        });
        for (claim, value, fits) in [
            ("iss", json!("https://k8s.example/"), false),
            ("sub", json!("system:serviceaccount:jobs:Payroll"), false),
            ("sub", json!("system:serviceaccount:jobs:payroll2"), false),
            ("aud", json!(OWN), true),
            ("aud", json!([OWN, "other"]), false),
            ("aud", json!(["other"]), false),
            ("aud", json!([OWN, 7]), false),
            ("aud", json!([OWN, OWN]), false),
            ("aud", Value::Null, false),
            ("kubernetes.io", json!({ "namespace": "jobs2" }), false),
            ("kubernetes.io", json!("jobs"), false),
            ("groups", json!("ops"), true),
            ("groups", json!(["dev"]), false),
            ("n", json!("1"), false),
            ("more", json!(1), true),
        ] {
            let mut claims = good.clone();
            claims[claim] = value.clone();
            assert_eq!(federation.fits(claims.as_object().unwrap()), fits, "{claim}: {value}");
        }
    }
}

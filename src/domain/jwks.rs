//! Sets of public keys, as issuers publish them (RFC 7517 §5).

use serde_json::{Value, json};

use super::jwt::PublicKey;

/// Most keys of a set.
pub const MOST: usize = 100;

/// The keys of an issuer that can be used here.
#[derive(Debug)]
pub struct KeySet(Vec<(Option<String>, PublicKey)>);

impl KeySet {
    /// Reads a set; keys of other kinds and for other uses are passed over.
    ///
    /// # Errors
    /// What is wrong with it, in few words.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let set: Value = serde_json::from_slice(bytes).map_err(|_| "the key set is not JSON")?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or("the key set has no list of 'keys'")?;
        if keys.len() > MOST {
            return Err("the key set holds more than 100 keys");
        }
        let mut out = Vec::new();
        for jwk in keys {
            let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
            // A key that does not say its algorithm may be for either.
            let either = jwk.get("alg").is_none() && jwk.get("kty") == Some(&json!("RSA"));
            let algorithms: &[&str] = if either { &["RS256", "PS256"] } else { &[""] };
            for algorithm in algorithms {
                let mut jwk = jwk.clone();
                if !algorithm.is_empty() {
                    jwk["alg"] = (*algorithm).into();
                }
                out.extend(PublicKey::parse(&jwk).ok().map(|key| (kid.clone(), key)));
            }
        }
        Ok(Self(out))
    }

    /// The key of that name for an algorithm; without a name the only one there is for it.
    pub fn find(&self, kid: Option<&str>, algorithm: &str) -> Option<&PublicKey> {
        let mut fit = self.0.iter().filter(|(_, key)| key.algorithm() == algorithm);
        match kid {
            Some(kid) => fit.find(|(known, _)| known.as_deref() == Some(kid)),
            None => fit.next().filter(|_| fit.next().is_none()),
        }
        .map(|(_, key)| key)
    }

    /// Whether none of its keys can be used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{KeySet, MOST};

    // RFC 8037 A.2, RFC 7517 A.1.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn keys_are_found_by_name_and_algorithm() {
        let ed = |kid: Value| json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": kid });
        let rsa = json!({ "kty": "RSA", "n": N, "e": "AQAB", "kid": "r" });
        let found = |set: &KeySet, kid, algorithm| set.find(kid, algorithm).is_some();
        let both = set(&[ed(json!("a")), rsa.clone()]);
        for (kid, algorithm, there) in [
            (Some("a"), "EdDSA", true),
            (Some("a"), "RS256", false),
            (Some("r"), "RS256", true),
            (Some("r"), "PS256", true),
            (Some("r"), "ES256", false),
            (Some("x"), "EdDSA", false),
            (None, "EdDSA", true),
            (None, "RS256", true),
            (None, "none", false),
            (Some("a"), "", false),
        ] {
            assert_eq!(found(&both, kid, algorithm), there, "{kid:?} {algorithm}");
        }
        let two = set(&[ed(json!("a")), ed(json!("b"))]);
        assert!(!found(&two, None, "EdDSA"), "there is a choice");
        let mut only = rsa;
        only["alg"] = json!("PS256");
        assert!(!found(&set(&[only]), Some("r"), "RS256"));
    }

    #[test]
    fn what_is_of_no_use_is_passed_over() {
        let kept = set(&[
            json!({ "kty": "oct", "k": "c2VjcmV0" }),
            json!({ "kty": "EC", "crv": "P-521", "x": X, "y": X }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "use": "enc" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "d": X }),
            json!("x"),
        ]);
        assert!(kept.is_empty());
        for text in ["", "[]", "{}", "{\"keys\":1}"] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
        let many = vec![json!({}); MOST + 1];
        assert!(KeySet::parse(json!({ "keys": many }).to_string().as_bytes()).is_err());
        assert!(KeySet::parse(json!({ "keys": many[1..] }).to_string().as_bytes()).is_ok());
    }
}

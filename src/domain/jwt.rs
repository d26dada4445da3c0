//! Signed tokens in their compact form (RFC 7515 §3.1), and the public keys that they are checked with.
//!
//! The algorithm is always that of the key's record; what the header says must agree with it and decides nothing. The claims
//! of a token come out of [`Unverified::verify`] alone.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Map, Value};

use crate::domain::error::{Fault, Kind};
use crate::domain::trusted::audiences;

/// The algorithms in which clients may sign their assertions.
pub const ALGORITHMS: [&str; 6] = ["EdDSA", ED25519, "ES256", "ES384", "RS256", "PS256"];

/// The newer name of `EdDSA` with a key on Ed25519 (RFC 9864 §2.2); both are one algorithm.
const ED25519: &str = "Ed25519";

/// Fewest bytes of an RSA modulus: 2,048 bits.
const RSA_BYTES: usize = 256;

/// Most bytes of an RSA modulus: 4,096 bits; checking costs the square of it.
const RSA_BYTES_MOST: usize = 512;

/// A token whose signature nobody has looked at.
#[derive(Debug)]
pub struct Unverified<'t> {
    /// `alg` of the header, by its older name where it has two.
    pub algorithm: String,
    /// `typ` of the header, in lower case, without `application/`.
    pub kind: Option<String>,
    /// `kid` of the header.
    pub kid: Option<String>,
    claims: Map<String, Value>,
    message: &'t str,
    signature: &'t str,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart; none when it is no signed token, or asks for extensions that must be understood (`crit`).
    pub fn parse(text: &'t str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let part = |text: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
        };
        let (header, claims) = (part(header)?, part(payload)?);
        let word = |name: &str| match header.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        };
        if header.contains_key("crit") {
            return None;
        }
        let kind = word("typ")?.map(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.strip_prefix("application/").map(str::to_owned).unwrap_or(kind)
        });
        let algorithm = older(&word("alg")??).to_owned();
        Some(Self { algorithm, kind, kid: word("kid")?, claims, message, signature })
    }

    /// Who the token says it is from. Believe it after [`Unverified::verify`].
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub")?.as_str().filter(|text| storable(text))
    }

    /// Who the token says made it. Believe it after [`Unverified::verify`].
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str().filter(|text| storable(text))
    }

    /// For whom the token says it is meant. Believe it after [`Unverified::verify`].
    pub fn audiences(&self) -> Vec<&str> {
        audiences(&self.claims).into_iter().filter(|text| storable(text)).collect()
    }

    /// The claims, if `key` made the signature, in the algorithm of the key.
    pub fn verify(self, key: &PublicKey) -> Option<Map<String, Value>> {
        let same = self.algorithm == name(key.algorithm);
        let good = crypto::verify(self.signature, self.message.as_bytes(), &key.key, key.algorithm).unwrap_or(false);
        (same && good).then_some(self.claims)
    }
}

/// A public key with the algorithm that it is for.
#[derive(Clone)]
pub struct PublicKey {
    /// What it is called.
    pub kid: String,
    /// The key as JWK, of members that are public.
    pub jwk: Value,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl PublicKey {
    /// Reads a JWK (RFC 7517). Without `alg` the algorithm follows from the key, without `kid` it is called by its thumbprint
    /// (RFC 7638).
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for a key of another kind, a weak one, or one for another use; [`Kind::Sensitive`] for a private
    /// one.
    pub fn parse(jwk: &Value) -> Result<Self, Fault> {
        let wrong = |text: &str| Fault::new(Kind::InvalidValue, format!("'jwk' {text}"));
        let members = jwk.as_object().ok_or_else(|| wrong("is an object"))?;
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|private| members.contains_key(*private)) {
            return Err(Fault::new(Kind::Sensitive, "'jwk' holds a private key; send the public half, and replace this one"));
        }
        let mut jwk = jwk.clone();
        if let Some(Value::String(algorithm)) = jwk.get_mut("alg") {
            *algorithm = older(algorithm).to_owned();
        }
        let mut parsed: Jwk = serde_json::from_value(jwk).map_err(|_| wrong("is no public key that is known here"))?;
        if parsed.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return Err(wrong("is for another use than 'sig'"));
        }
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
        let fits: &[Algorithm] = match &parsed.algorithm {
            AlgorithmParameters::RSA(rsa) => {
                if !(RSA_BYTES..=RSA_BYTES_MOST).contains(&bytes(&rsa.n)) {
                    return Err(wrong("has an RSA modulus of 2048 to 4096 bits"));
                }
                &[Algorithm::RS256, Algorithm::PS256]
            }
            AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
                EllipticCurve::P256 if (bytes(&ec.x), bytes(&ec.y)) == (32, 32) => &[Algorithm::ES256],
                EllipticCurve::P384 if (bytes(&ec.x), bytes(&ec.y)) == (48, 48) => &[Algorithm::ES384],
                _ => return Err(wrong("is on the curve P-256 or P-384")),
            },
            AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 && bytes(&okp.x) == 32 => {
                &[Algorithm::EdDSA]
            }
            _ => return Err(wrong("is an RSA, EC or Ed25519 key")),
        };
        let algorithm = match parsed.common.key_algorithm {
            None => fits[0],
            Some(given) => {
                let fit = fits.iter().copied().find(|fit| KeyAlgorithm::from(*fit) == given);
                fit.ok_or_else(|| wrong("names an 'alg' that does not fit the key; there are EdDSA, ES256, ES384, RS256, PS256"))?
            }
        };
        let kid = match parsed.common.key_id.take() {
            Some(kid) if (1..=128).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_graphic()) => kid,
            Some(_) => return Err(wrong("has a 'kid' of 1 to 128 visible ASCII characters")),
            None => parsed.thumbprint(ThumbprintHash::SHA256).map_err(|_| wrong("has no thumbprint"))?,
        };
        let key = DecodingKey::from_jwk(&parsed).map_err(|_| wrong("is no key"))?;
        let mut public = Map::new();
        for member in ["kty", "crv", "x", "y", "n", "e"] {
            public.extend(members.get(member).map(|value| (member.to_owned(), value.clone())));
        }
        public.insert("kid".to_owned(), kid.as_str().into());
        public.insert("alg".to_owned(), name(algorithm).into());
        public.insert("use".to_owned(), "sig".into());
        Ok(Self { kid, jwk: Value::Object(public), algorithm, key })
    }

    /// The name of its algorithm, as in JWS.
    pub fn algorithm(&self) -> &'static str {
        name(self.algorithm)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.kid)
    }
}

// PostgreSQL takes no U+0000, so nothing that is stored has one.
fn storable(text: &str) -> bool {
    !text.contains('\0')
}

/// The name that an algorithm is compared by: the older one, where it has two.
pub(super) fn older(algorithm: &str) -> &str {
    if algorithm == ED25519 { "EdDSA" } else { algorithm }
}

fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EdDSA => "EdDSA",
        Algorithm::ES256 => "ES256",
        Algorithm::ES384 => "ES384",
        Algorithm::RS256 => "RS256",
        Algorithm::PS256 => "PS256",
        // No key here is of these.
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    use serde_json::{Value, json};

    use super::{PublicKey, Unverified};
    use crate::domain::error::Kind;

    // RFC 8037, appendix A.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const SIGNED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn okp() -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": X })
    }

    #[test]
    fn a_key_without_names_gets_them() {
        let key = PublicKey::parse(&okp()).unwrap();
        // RFC 8037 A.3.
        assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!((key.algorithm(), &key.jwk["use"]), ("EdDSA", &json!("sig")));
        let named = |alg: &str| PublicKey::parse(&json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "alg": alg }));
        assert_eq!((named("Ed25519").unwrap().jwk, named("EdDSA").unwrap().jwk), (key.jwk.clone(), key.jwk.clone()));
        // The example's payload is no JSON object, so it is no token here, but its signature is one.
        assert!(Unverified::parse(SIGNED).is_none());
        let (message, signature) = SIGNED.rsplit_once('.').unwrap();
        assert!(jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.key, key.algorithm).unwrap());
    }

    #[test]
    fn only_public_strong_signing_keys() {
        for (change, kind) in [
            (json!({ "d": "x" }), Kind::Sensitive),
            (json!({ "use": "enc" }), Kind::InvalidValue),
            (json!({ "alg": "RS256" }), Kind::InvalidValue),
            (json!({ "alg": "HS256" }), Kind::InvalidValue),
            (json!({ "alg": "none" }), Kind::InvalidValue),
            (json!({ "kid": "" }), Kind::InvalidValue),
            (json!({ "kid": 7 }), Kind::InvalidValue),
            (json!({ "crv": "X25519" }), Kind::InvalidValue),
            (json!({ "x": "AAAA" }), Kind::InvalidValue),
            (json!({ "kty": "oct", "k": "c2VjcmV0" }), Kind::Sensitive),
            (json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }), Kind::InvalidValue),
            (json!({ "kty": "EC", "crv": "P-256", "x": X, "y": "AAAA" }), Kind::InvalidValue),
            (json!({ "kty": "EC", "crv": "P-521", "x": X, "y": X }), Kind::InvalidValue),
            (json!({ "kty": "new" }), Kind::InvalidValue),
        ] {
            let mut jwk = okp();
            jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            assert_eq!(PublicKey::parse(&jwk).unwrap_err().kind, kind, "{jwk}");
        }
        for other in [json!(null), json!([]), json!("x"), json!({})] {
            assert_eq!(PublicKey::parse(&other).unwrap_err().kind, Kind::InvalidValue);
        }
    }

    #[test]
    fn an_unverified_token_names_nothing_that_cannot_be_looked_up() {
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let token = |claims: Value| format!("{}.{}.AA", part(json!({ "alg": "Ed25519" })), part(claims));
        let good = token(json!({ "iss": "i", "sub": "s", "aud": ["a", "b\u{0}", "c"] }));
        let good = Unverified::parse(&good).unwrap();
        assert_eq!((good.issuer(), good.subject(), good.audiences()), (Some("i"), Some("s"), vec!["a", "c"]));
        assert_eq!(good.algorithm, "EdDSA", "both names are one");
        let bad = token(json!({ "iss": "i\u{0}", "sub": "\u{0}", "aud": "\u{0}" }));
        let bad = Unverified::parse(&bad).unwrap();
        assert_eq!((bad.issuer(), bad.subject(), bad.audiences()), (None, None, vec![]));
    }

    #[test]
    fn what_is_no_token_is_none() {
        // {"alg":"EdDSA"}, {"alg":"EdDSA","crit":["x"]}, {"alg":1}, {}, and a payload of {}.
        let [plain, crit, number, none, empty] =
            ["eyJhbGciOiJFZERTQSJ9", "eyJhbGciOiJFZERTQSIsImNyaXQiOlsieCJdfQ", "eyJhbGciOjF9", "e30", "e30"];
        assert!(Unverified::parse(&format!("{plain}.{empty}.AA")).is_some());
        for text in [
            format!("{crit}.{empty}.AA"),
            format!("{number}.{empty}.AA"),
            format!("{none}.{empty}.AA"),
            format!("{plain}.{empty}"),
            format!("{plain}.{empty}.AA.AA"),
            format!("{plain}=.{empty}.AA"),
            format!("..{empty}"),
            String::new(),
        ] {
            assert!(Unverified::parse(&text).is_none(), "{text}");
        }
    }
}

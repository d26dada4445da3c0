//! Key pairs that sign.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use crate::domain::signing::Algorithm;
use crate::runtime::random;

/// A key could not be made, read or used.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a signing key could not be made, read or used")]
pub struct BadKey;

impl From<Unspecified> for BadKey {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// Both halves of a key.
pub enum KeyPair {
    /// Ed25519.
    Ed(Ed25519KeyPair),
    /// ECDSA on P-256.
    Ec(EcdsaKeyPair),
    /// RSA.
    Rsa(RsaKeyPair),
}

impl KeyPair {
    /// Makes a key; the result is PKCS #8.
    ///
    /// # Errors
    /// Without randomness.
    pub fn make(algorithm: Algorithm) -> Result<Vec<u8>, BadKey> {
        match algorithm {
            Algorithm::EdDsa => {
                let seed: [u8; 32] = random::bytes().map_err(|_| BadKey)?;
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| BadKey)?;
                Ok(pair.to_pkcs8v1()?.as_ref().to_vec())
            }
            Algorithm::Es256 => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random::source())?;
                Ok(made.as_ref().to_vec())
            }
            Algorithm::Rs256 => {
                let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
                Ok(der.as_ref().to_vec())
            }
        }
    }

    /// Reads PKCS #8.
    ///
    /// # Errors
    /// When it is no key of that algorithm.
    pub fn read(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, BadKey> {
        Ok(match algorithm {
            Algorithm::EdDsa => Self::Ed(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| BadKey)?),
            Algorithm::Es256 => Self::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| BadKey)?),
            Algorithm::Rs256 => Self::Rsa(RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| BadKey)?),
        })
    }

    /// Signs; the result is in the form of JWS.
    ///
    /// # Errors
    /// Without randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BadKey> {
        Ok(match self {
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&random::source(), message)?.as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random::source(), message, &mut out)?;
                out
            }
        })
    }

    /// The public half as JWK (RFC 7518 §6, RFC 8037 §2).
    pub fn public(&self) -> Value {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ed(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) }),
            Self::Ec(pair) => {
                // A sign for "both coordinates", and these.
                let (x, y) = pair.public_key().as_ref().get(1..).unwrap_or_default().split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({ "kty": "RSA", "n": text(&public.n), "e": text(&public.e) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

    use super::KeyPair;
    use crate::domain::jwt::{PublicKey, Unverified};
    use crate::domain::signing::Algorithm;

    #[test]
    fn what_one_half_signs_the_other_verifies() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
            let pkcs8 = KeyPair::make(algorithm).unwrap();
            let pair = KeyPair::read(algorithm, &pkcs8).unwrap();
            let public = PublicKey::parse(&pair.public()).unwrap();
            assert_eq!(public.algorithm(), algorithm.name());
            let part = |json: String| BASE64_URL_SAFE_NO_PAD.encode(json);
            let message = format!("{}.{}", part(format!(r#"{{"alg":"{}"}}"#, algorithm.name())), part("{\"a\":1}".to_owned()));
            let token = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()).unwrap()));
            assert_eq!(Unverified::parse(&token).unwrap().verify(&public).unwrap()["a"], 1);
            let other = KeyPair::read(algorithm, &KeyPair::make(algorithm).unwrap()).unwrap();
            let other = PublicKey::parse(&other.public()).unwrap();
            assert!(Unverified::parse(&token).unwrap().verify(&other).is_none());
            assert!(KeyPair::read(algorithm, &pkcs8[1..]).is_err());
        }
    }
}

//! Values that must not be shown, and the key that encrypts them at rest.
//!
//! A stored secret is AES-256-GCM under the [`MasterKey`], bound to the place where it is stored: the associated data
//! (`target:<id>`, `pepper` …) is not kept with it, so a secret moved to another row does not open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize, Serializer};

/// What stands where a secret would stand.
pub const HIDDEN: &str = "•••";

/// Length of a [`MasterKey`] in bytes.
pub const KEY_BYTES: usize = 32;

const VERSION: &str = "v1.";

/// Text that is never shown: `Debug`, `Display` and `Serialize` give [`HIDDEN`].
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one call that needs it, never for a message or a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// Why a key or a sealed secret could not be used. None of these says what the secret was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text is neither 64 hex digits nor base64 of 32 bytes.
    #[error("the master key must be 32 bytes, as 64 hex digits or as base64")]
    KeyForm,
    /// The sealed text is not of a form known here.
    #[error("a stored secret is damaged, or was written by a newer version")]
    SealedForm,
    /// The sealed text does not open: another key, another place, or changed bytes.
    #[error("a stored secret does not open: the master key is not the one it was sealed with, or the row was changed")]
    WrongKey,
    /// The cipher refused.
    #[error("the cipher refused to work")]
    Cipher,
}

/// The key that encrypts stored secrets. Shown by nothing but [`MasterKey::to_text`].
#[derive(Clone)]
pub struct MasterKey([u8; KEY_BYTES]);

impl MasterKey {
    /// From random bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hex digits, or base64 (standard or URL-safe, padded or not); space around it is ignored.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let bytes = if text.len() == 2 * KEY_BYTES {
            unhex(text)
        } else {
            let plain = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
            BASE64_URL_SAFE_NO_PAD.decode(plain).ok()
        };
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(SecretError::KeyForm)
    }

    /// The text form, base64, for the key file.
    pub fn to_text(&self) -> Secret {
        Secret(BASE64_STANDARD.encode(self.0))
    }

    /// Encrypts. `nonce` must be fresh random bytes; `place` says where the result is stored and must be given again to
    /// open it. The result is `v1.` and base64url of nonce, ciphertext and tag.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], place: &str, plain: &[u8]) -> Result<String, SecretError> {
        let mut body = plain.to_vec();
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut body)
            .map_err(|_| SecretError::Cipher)?;
        let mut all = nonce.to_vec();
        all.append(&mut body);
        Ok(format!("{VERSION}{}", BASE64_URL_SAFE_NO_PAD.encode(all)))
    }

    /// Decrypts what [`MasterKey::seal`] made for the same `place`.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Vec<u8>, SecretError> {
        let text = sealed.strip_prefix(VERSION).ok_or(SecretError::SealedForm)?;
        let all = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| SecretError::SealedForm)?;
        let (nonce, body) = all.split_first_chunk::<NONCE_LEN>().ok_or(SecretError::SealedForm)?;
        let mut body = body.to_vec();
        let plain = self
            .cipher()?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut body)
            .map_err(|_| SecretError::WrongKey)?;
        Ok(plain.to_vec())
    }

    /// [`MasterKey::seal`] of a [`Secret`].
    pub fn seal_secret(&self, nonce: [u8; NONCE_LEN], place: &str, secret: &Secret) -> Result<String, SecretError> {
        self.seal(nonce, place, secret.0.as_bytes())
    }

    /// [`MasterKey::open`] of a [`Secret`].
    pub fn open_secret(&self, place: &str, sealed: &str) -> Result<Secret, SecretError> {
        String::from_utf8(self.open(place, sealed)?).map(Secret).map_err(|_| SecretError::SealedForm)
    }

    fn cipher(&self) -> Result<LessSafeKey, SecretError> {
        UnboundKey::new(&AES_256_GCM, &self.0).map(LessSafeKey::new).map_err(|_| SecretError::Cipher)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(•••)")
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{MasterKey, Secret, SecretError};

    const PLACE: &str = "target:0190-1";

    fn key(byte: u8) -> MasterKey {
        MasterKey::from_bytes([byte; 32])
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {}", serde_json::to_string(&secret).unwrap()), "••• ••• \"•••\"");
        assert_eq!(serde_json::from_str::<Secret>("\"hunter2\"").unwrap().expose(), "hunter2");
        assert_eq!(format!("{:?}", key(7)), "MasterKey(•••)");
    }

    #[test]
    fn seals_and_opens() {
        for plain in ["", "x", "a longer secret with ümlauts and \0"] {
            let sealed = key(1).seal_secret([9; 12], PLACE, &Secret::new(plain)).unwrap();
            assert!(sealed.starts_with("v1."), "{sealed}");
            assert!(plain.is_empty() || !sealed.contains(plain));
            assert_eq!(key(1).open_secret(PLACE, &sealed).unwrap().expose(), plain);
        }
    }

    #[test]
    fn opens_nothing_else() {
        let sealed = key(1).seal([9; 12], PLACE, b"secret").unwrap();
        assert_eq!(key(2).open(PLACE, &sealed), Err(SecretError::WrongKey));
        assert_eq!(key(1).open("target:other", &sealed), Err(SecretError::WrongKey));
        for at in 3..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(key(1).open(PLACE, std::str::from_utf8(&bytes).unwrap()).is_err(), "byte {at}");
        }
        for damaged in ["", "v1.", "v2.AAAA", "v1.AAAA", "v1.!", "plain"] {
            assert!(key(1).open(PLACE, damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn reads_hex_and_base64() {
        let bytes: [u8; 32] = std::array::from_fn(|at| 255 - u8::try_from(at).unwrap());
        let given = MasterKey::from_bytes(bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let base64 = given.to_text();
        let url = base64.expose().replace('+', "-").replace('/', "_");
        for text in [hex.as_str(), &hex.to_lowercase(), base64.expose(), &url, url.trim_end_matches('='), &format!(" {hex}\n")] {
            assert_eq!(MasterKey::parse(text).unwrap().0, bytes, "{text}");
        }
        let multibyte = format!("{}é", &hex[2..]);
        for text in ["", "00", &hex[2..], &hex.replace('F', "G"), &multibyte, "AAAA"] {
            assert!(matches!(MasterKey::parse(text), Err(SecretError::KeyForm)), "{text}");
        }
    }
}

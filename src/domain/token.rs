//! The form of bearer tokens and what is stored of them (spec: admin, "Tokens").
//!
//! A made token is `pv_`, 43 base62 characters that carry 256 random bits, and 6 base62 characters of a CRC-32 over all
//! that stands before, so that a scanner for leaked secrets knows one and a mistyped one needs no look-up. Only an
//! HMAC-SHA256 under the [`Pepper`] is stored.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

use crate::domain::secret::{MasterKey, Secret, SecretError};

const PREFIX: &str = "pv_";
const SECRET_PREFIX: &str = "pvs_";
const RANDOM_CHARS: usize = 43;
const SUM_CHARS: usize = 6;
const BODY_CHARS: usize = PREFIX.len() + RANDOM_CHARS;
const TOKEN_CHARS: usize = BODY_CHARS + SUM_CHARS;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Shortest admin token that an operator may bring himself, in characters.
pub const BROUGHT_CHARS: usize = 32;

/// What is stored of a token.
pub type Digest = [u8; 32];

/// What kind of text a token is, as far as its form tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Made here, and its checksum is right.
    Made,
    /// Looks made here, but its checksum is wrong: mistyped or invented.
    Mistyped,
    /// Something else, such as an admin token that an operator brought.
    Foreign,
}

/// Makes a token of 32 random bytes.
pub fn make(random: &[u8; 32]) -> Secret {
    made(PREFIX, random)
}

/// Makes a client secret of 32 random bytes: as a token, but `pvs_`.
pub fn make_secret(random: &[u8; 32]) -> Secret {
    made(SECRET_PREFIX, random)
}

fn made(prefix: &str, random: &[u8; 32]) -> Secret {
    let mut text = String::with_capacity(TOKEN_CHARS + 1);
    text.push_str(prefix);
    text.push_str(&base62::<RANDOM_CHARS>(*random));
    let sum = checksum(&text);
    text.push_str(&sum);
    Secret::new(text)
}

/// Tells the form of a text that came as a token.
pub fn form(text: &str) -> Form {
    let looks_made = text.len() == TOKEN_CHARS
        && text.strip_prefix(PREFIX).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !looks_made {
        return Form::Foreign;
    }
    // All bytes are ASCII, so the cut falls between characters.
    let (body, sum) = text.split_at(BODY_CHARS);
    if checksum(body) == sum { Form::Made } else { Form::Mistyped }
}

/// The random key under which tokens are digested. It is stored sealed by the master key, so that a new master key
/// re-seals it and every token stays valid.
#[derive(Clone)]
pub struct Pepper {
    bytes: [u8; 32],
    key: Key,
}

impl Pepper {
    const PLACE: &str = "pepper";

    /// From random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes, key: Key::new(HMAC_SHA256, &bytes) }
    }

    /// The form in which it is stored.
    pub fn seal(&self, master: &MasterKey, nonce: [u8; 12]) -> Result<String, SecretError> {
        master.seal(nonce, Self::PLACE, &self.bytes)
    }

    /// Reads the stored form.
    pub fn open(master: &MasterKey, sealed: &str) -> Result<Self, SecretError> {
        let bytes = master.open(Self::PLACE, sealed)?;
        bytes.try_into().map(Self::from_bytes).map_err(|_| SecretError::SealedForm)
    }

    /// A key for another purpose, which says nothing of this one.
    pub fn derive(&self, purpose: &str) -> MasterKey {
        // No token begins with a control sign, so this is the digest of none.
        MasterKey::from_bytes(self.digest(&format!("\u{1}{purpose}")))
    }

    /// What is stored of a token, and what it is found by.
    pub fn digest(&self, token: &str) -> Digest {
        let mut out = [0; 32];
        out.copy_from_slice(sign(&self.key, token.as_bytes()).as_ref());
        out
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(•••)")
    }
}

fn checksum(body: &str) -> String {
    base62::<SUM_CHARS>(crc32fast::hash(body.as_bytes()).to_be_bytes())
}

/// A big-endian number in `CHARS` base62 digits, by long division.
fn base62<const CHARS: usize>(mut number: impl AsMut<[u8]>) -> String {
    let number = number.as_mut();
    let mut digits = [0_u8; CHARS];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_usize;
        for byte in number.iter_mut() {
            let value = rest * 256 + usize::from(*byte);
            // rest < 62, so value / 62 < 256 and the cast loses nothing.
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = BASE62[rest];
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Form, Pepper, form, make, make_secret};
    use crate::domain::secret::MasterKey;

    #[test]
    fn fixed_examples() {
        let zero = make(&[0; 32]);
        assert_eq!(&zero.expose()[..46], format!("pv_{}", "0".repeat(43)));
        let top = make(&[255; 32]);
        assert_eq!(top.expose().len(), 52);
        assert_eq!(form(top.expose()), Form::Made);
        // 62^42 needs the first of the 43 digits, so the highest number must not start with 0.
        assert_ne!(top.expose().as_bytes()[3], b'0');
    }

    #[test]
    fn secrets_are_like_tokens_and_none() {
        let secret = make_secret(&[7; 32]);
        assert_eq!(secret.expose().strip_prefix("pvs_").map(str::len), Some(49));
        assert_eq!(&secret.expose()[4..47], &make(&[7; 32]).expose()[3..46]);
        assert_eq!(form(secret.expose()), Form::Foreign);
    }

    #[test]
    fn tells_the_forms() {
        let made = make(&[7; 32]);
        let made = made.expose();
        for (text, expected) in [
            (made.to_owned(), Form::Made),
            (made.replace("pv_", "px_"), Form::Foreign),
            (made[..51].to_owned(), Form::Foreign),
            (format!("{made}0"), Form::Foreign),
            (format!("{}é", &made[..50]), Form::Foreign),
            (format!("pv_{}", "a".repeat(49)), Form::Mistyped),
            (String::new(), Form::Foreign),
            ("an operator's own token of enough characters".to_owned(), Form::Foreign),
        ] {
            assert_eq!(form(&text), expected, "{text}");
        }
    }

    #[test]
    fn the_pepper_outlives_the_master_key() {
        let pepper = Pepper::from_bytes([3; 32]);
        let (old, new) = (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]));
        let opened = Pepper::open(&old, &pepper.seal(&old, [0; 12]).unwrap()).unwrap();
        let moved = Pepper::open(&new, &opened.seal(&new, [1; 12]).unwrap()).unwrap();
        assert_eq!(moved.digest("t"), pepper.digest("t"));
        assert_ne!(moved.digest("t"), moved.digest("u"));
        assert_ne!(pepper.digest("t"), Pepper::from_bytes([4; 32]).digest("t"));
    }

    proptest! {
        #[test]
        fn every_made_token_is_known_and_no_mistyped_one(random: [u8; 32], at in 3_usize..52, other in 0_usize..62) {
            let made = make(&random);
            prop_assert_eq!(form(made.expose()), Form::Made);
            let mut bytes = made.expose().as_bytes().to_vec();
            let changed = bytes[at] != super::BASE62[other];
            bytes[at] = super::BASE62[other];
            // One changed character is always found: a CRC-32 finds every error burst of up to 32 bits.
            let expected = if changed { Form::Mistyped } else { Form::Made };
            prop_assert_eq!(form(std::str::from_utf8(&bytes).unwrap()), expected);
        }

        #[test]
        fn different_bytes_make_different_tokens(one: [u8; 32], two: [u8; 32]) {
            prop_assert_eq!(one == two, make(&one) == make(&two));
        }

        #[test]
        fn form_takes_any_text(text: String) {
            form(&text);
        }
    }
}

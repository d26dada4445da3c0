//! What identifies an object inside Provost.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The internal key of an object, edge, token, target or change: a UUIDv7, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Uuid);

impl Key {
    /// Wraps a UUID.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The sixteen bytes as stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The key next to this one in the order of keys, above or below it; at the end of the range itself.
    #[must_use]
    pub const fn beside(self, above: bool) -> Self {
        let number = self.0.as_u128();
        Self(Uuid::from_u128(if above { number.saturating_add(1) } else { number.saturating_sub(1) }))
    }

    /// From sixteen stored bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }

    /// Reads the canonical text form, hyphenated and lower case, and no other.
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        (uuid.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(Self(uuid))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// The number of a tenant; every row, token and cache key carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub i32);

/// An object: its type and key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Name of the object type (`user`, `group`, …).
    pub kind: String,
    /// Internal key.
    pub key: Key,
}

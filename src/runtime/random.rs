//! The one place that draws random numbers.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::{Builder, Uuid};

use crate::domain::time::Timestamp;

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// `N` bytes from the operating system's generator.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).map_err(|_| NoRandomness)?;
    Ok(out)
}

/// A fresh UUIDv7: ordered by the clock, unique within the process by the library's counter.
pub fn key() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "the one maker of keys")]
    Uuid::now_v7()
}

/// A UUIDv7 of the given instant with the given random part, for tests and replays.
pub fn key_at(at: Timestamp, random: [u8; 10]) -> Uuid {
    Builder::from_unix_timestamp_millis(u64::try_from(at.micros() / 1000).unwrap_or(0), &random).into_uuid()
}

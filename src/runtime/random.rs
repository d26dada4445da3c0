//! The one place that draws random numbers.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// The operating system's generator, for what draws by itself: signatures, and keys that are made.
pub fn source() -> SystemRandom {
    SystemRandom::new()
}

/// `N` bytes from the operating system's generator.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).map_err(|_| NoRandomness)?;
    Ok(out)
}

/// A whole number from 0 up to and with `most`, for jitter: without randomness it is the middle.
pub fn up_to(most: u64) -> u64 {
    let drawn = bytes::<8>().map(u64::from_le_bytes).unwrap_or(most / 2);
    most.checked_add(1).map_or(drawn, |count| drawn % count)
}

/// A fresh UUIDv7: ordered by the clock, unique within the process by the library's counter.
pub fn key() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "the one maker of keys")]
    Uuid::now_v7()
}

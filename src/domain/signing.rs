//! The life of the keys that sign tokens: published, signing, verifying, gone. What a key does follows from the instants at
//! which it and the next one begin to sign, so that no process has to move it on.

use crate::domain::time::Timestamp;

/// For how long clients may keep the key set, in seconds.
pub const CACHE: i64 = 300;

/// How long a key is published before it signs: twice what clients may keep, so that none meets a key that it cannot know.
pub const LEAD: i64 = 2 * CACHE;

/// For how long beyond the life of a token its key still verifies, in seconds.
pub const SKEW: i64 = 300;

/// What tokens are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256.
    Es256,
    /// RSA of 2,048 bits, PKCS #1 v1.5.
    Rs256,
}

impl Algorithm {
    /// The name, as in JWS (RFC 7518 §3.1, RFC 8037 §3.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256, Self::Rs256].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can be fetched, and signs later.
    Published,
    /// It signs.
    Signing,
    /// What it signed is still good.
    Verifying,
    /// Nothing that it signed is good any more.
    Gone,
}

impl State {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Gone => "gone",
        }
    }
}

/// The state of each key, given the instants from which they sign, ascending. `life` is that of a token, in seconds.
pub fn states(signs_from: &[Timestamp], now: Timestamp, life: i64) -> Vec<State> {
    let signing = signs_from.iter().rposition(|from| *from <= now);
    (0..signs_from.len())
        .map(|at| match signing {
            Some(signing) if at == signing => State::Signing,
            Some(signing) if at < signing => {
                if now < signs_from[at + 1].plus_seconds(life + SKEW) {
                    State::Verifying
                } else {
                    State::Gone
                }
            }
            _ => State::Published,
        })
        .collect()
}

/// When the states change next, or a new key is due: each key signs for `rotation` seconds.
pub fn due(signs_from: &[Timestamp], now: Timestamp, life: i64, rotation: i64) -> Timestamp {
    let ends = signs_from.iter().skip(1).map(|from| from.plus_seconds(life + SKEW));
    let renewal = signs_from.last().map(|last| renewal(*last, rotation));
    { signs_from.iter().copied().chain(ends).chain(renewal) }.filter(|at| *at > now).min().unwrap_or(now)
}

/// When a successor is published to a key that signs from an instant.
pub fn renewal(signs_from: Timestamp, rotation: i64) -> Timestamp {
    signs_from.plus_seconds((rotation - LEAD).max(1))
}

#[cfg(test)]
mod tests {
    use super::State::{Gone, Published, Signing, Verifying};
    use super::{LEAD, SKEW, due, states};
    use crate::domain::time::Timestamp;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn from_published_to_gone() {
        let keys = [at(0), at(1_000), at(2_000)];
        for (now, expected) in [
            (0, [Signing, Published, Published]),
            (999, [Signing, Published, Published]),
            (1_000, [Verifying, Signing, Published]),
            (1_000 + 60 + SKEW - 1, [Verifying, Signing, Published]),
            (1_000 + 60 + SKEW, [Gone, Signing, Published]),
            (2_000, [Gone, Verifying, Signing]),
            (9_000, [Gone, Gone, Signing]),
        ] {
            assert_eq!(states(&keys, at(now), 60), expected, "{now}");
        }
        assert_eq!(states(&[], at(0), 60), []);
        assert_eq!(states(&[at(5)], at(4), 60), [Published]);
    }

    #[test]
    fn the_next_change_is_known() {
        let keys = [at(0), at(1_000)];
        assert_eq!(due(&keys, at(0), 60, 5_000), at(1_000));
        assert_eq!(due(&keys, at(1_000), 60, 5_000), at(1_000 + 60 + SKEW));
        assert_eq!(due(&keys, at(1_000 + 60 + SKEW), 60, 5_000), at(1_000 + 5_000 - LEAD));
        assert_eq!(due(&keys, at(90_000), 60, 5_000), at(90_000), "at once");
        assert_eq!(due(&[], at(7), 60, 5_000), at(7));
    }
}

//! How often the token endpoint may be asked, by client and by address. Memory is bounded: what finds no place in the table
//! shares one allowance.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use aws_lc_rs::digest::{SHA256, digest};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::error::{Fault, Kind};

/// Most clients or addresses that are counted one by one.
const KEPT: usize = 50_000;

/// The allowances of a process.
pub struct Limits {
    clients: Allowance<[u8; 32]>,
    addresses: Allowance<IpAddr>,
}

struct Allowance<K: Hash + Eq + Clone> {
    each: DefaultKeyedRateLimiter<K>,
    others: DefaultDirectRateLimiter,
    kept: usize,
}

impl Limits {
    /// So many requests a minute of each client and from each address.
    pub fn new(client: u32, address: u32) -> Self {
        Self { clients: Allowance::new(client, KEPT), addresses: Allowance::new(address, KEPT) }
    }

    /// Counts a request in the name of a client, whether it exists or not; names of any length take the same place.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`] with the seconds to wait.
    pub fn client(&self, client_id: &str) -> Result<(), Fault> {
        let mut name = [0; 32];
        name.copy_from_slice(digest(&SHA256, client_id.as_bytes()).as_ref());
        self.clients.count(&name)
    }

    /// Counts a request from an address; of IPv6 the network of 64 bits counts, which is what one customer has.
    ///
    /// # Errors
    /// As [`Limits::client`].
    pub fn address(&self, from: IpAddr) -> Result<(), Fault> {
        self.addresses.count(&match from.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
            v4 => v4,
        })
    }
}

impl<K: Hash + Eq + Clone> Allowance<K> {
    fn new(a_minute: u32, kept: usize) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN));
        Self { each: RateLimiter::keyed(quota), others: RateLimiter::direct(quota), kept }
    }

    fn count(&self, key: &K) -> Result<(), Fault> {
        if self.each.len() >= self.kept {
            // Those whose allowance is whole again need no place.
            self.each.retain_recent();
            if self.each.len() >= self.kept {
                return self.others.check().map_err(|refusal| refused(refusal.wait_time_from(DefaultClock::default().now())));
            }
        }
        self.each.check_key(key).map_err(|refusal| refused(refusal.wait_time_from(DefaultClock::default().now())))
    }
}

fn refused(wait: std::time::Duration) -> Fault {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    Fault::of(Kind::TooManyRequests).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Allowance, Limits};

    #[test]
    fn each_has_its_own_allowance() {
        let limits = Limits::new(2, 3);
        assert!(limits.client("a").is_ok() && limits.client("a").is_ok());
        assert!(limits.client("a").unwrap_err().retry_after.is_some_and(|wait| (1..=31).contains(&wait)));
        assert!(limits.client("b").is_ok());
        let from = |text: &str| limits.address(text.parse::<IpAddr>().unwrap());
        for text in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"] {
            assert!(from(text).is_ok(), "{text}");
        }
        assert!(from("2001:db8:0:0:9::").is_err(), "the same network");
        assert!(from("2001:db8:0:1::1").is_ok() && from("127.0.0.1").is_ok());
        assert!(from("::ffff:127.0.0.1").is_ok() && from("127.0.0.1").is_ok());
        assert!(from("127.0.0.1").is_err(), "mapped addresses are the same");
    }

    #[test]
    fn the_table_does_not_grow() {
        let allowance = Allowance::new(2, 10);
        let taken = (0..1_000).filter(|key: &u32| allowance.count(key).is_ok()).count();
        assert_eq!((taken, allowance.each.len()), (10 + 2, 10));
    }
}

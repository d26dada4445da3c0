//! Which addresses a target may have. Configuration is written by people who may not be trusted with the machine's own
//! network, so private addresses are refused unless the target says otherwise, inside the resolver: no name leads round.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Where addresses of a kind lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The Internet.
    Public,
    /// This machine or a private network.
    Private,
    /// The link, and the metadata services of clouds, which give away credentials.
    LinkLocal,
    /// Nowhere that a target could be.
    Never,
}

/// What a target's configuration allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Private and loopback addresses.
    pub private: bool,
    /// Link-local and metadata addresses.
    pub link_local: bool,
    /// Public addresses; off for plain http.
    pub public: bool,
}

/// An address that the guard refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Guard {
    /// Lets an address pass, or says which setting would.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(self, address: IpAddr) -> Result<(), Refused> {
        let (allowed, why) = match reach(address) {
            Reach::Public => (self.public, "is public, and plain http is for private networks: use https"),
            Reach::Private => (self.private, "is private: allowPrivateNetwork must be true"),
            Reach::LinkLocal => (self.link_local, "is link-local or a metadata service: allowLinkLocal must be true"),
            Reach::Never => (false, "is no address of a host"),
        };
        if allowed { Ok(()) } else { Err(Refused(format!("the address {address} {why}"))) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            // The system's resolver blocks.
            let found = tokio::task::spawn_blocking(move || (name.as_str(), 0).to_socket_addrs()).await??;
            let mut refused = None;
            let mut passed: Vec<SocketAddr> = Vec::new();
            for address in found {
                match guard.check(address.ip()) {
                    Ok(()) => passed.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match (passed.is_empty(), refused) {
                (true, Some(why)) => Err(why.into()),
                _ => Ok(Box::new(passed.into_iter()) as Addrs),
            }
        })
    }
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v4(v4: Ipv4Addr) -> Reach {
    match v4.octets() {
        // Metadata services that are not link-local: Alibaba, Oracle.
        [100, 100, 100, 200] | [192, 0, 0, 192] => Reach::LinkLocal,
        [169, 254, ..] => Reach::LinkLocal,
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private,
        // RFC 6598: between carriers and their customers.
        [100, 64..=127, ..] => Reach::Private,
        // "This network", protocol assignments, 6to4 relays, benchmarks, documentation, multicast and what is reserved.
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [224..=255, ..] => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(v6: Ipv6Addr) -> Reach {
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never,
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // Addresses that carry an IPv4 address: mapped, compatible, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => inner(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // The metadata service of AWS.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => Reach::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Reach::Private,
        [0xfe80..=0xfebf, ..] => Reach::LinkLocal,
        // Teredo and other assignments, documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Reach::Never,
        // Global unicast is 2000::/3; the rest is unassigned or multicast.
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_where_they_lead() {
        for (reached, addresses) in [
            (
                Reach::Public,
                vec![
                    "1.1.1.1",
                    "172.32.0.1",
                    "100.128.0.1",
                    "192.0.1.1",
                    "2606:4700::1111",
                    "::ffff:1.1.1.1",
                    "64:ff9b::101:101",
                ],
            ),
            (
                Reach::Private,
                vec![
                    "127.0.0.1",
                    "127.9.9.9",
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.1.1",
                    "100.64.0.1",
                    "::1",
                    "fd12::1",
                    "fc00::1",
                    "fec0::1",
                    "::ffff:127.0.0.1",
                    "::ffff:10.0.0.1",
                    "64:ff9b::a00:1",
                    "2002:a00:1::",
                    "2002:7f00:1::",
                    "::7f00:1",
                ],
            ),
            (
                Reach::LinkLocal,
                vec![
                    "169.254.169.254",
                    "169.254.0.1",
                    "fe80::1",
                    "febf::1",
                    "fd00:ec2::254",
                    "::ffff:169.254.169.254",
                    "100.100.100.200",
                ],
            ),
            (
                Reach::Never,
                vec![
                    "0.0.0.0",
                    "0.1.2.3",
                    "255.255.255.255",
                    "224.0.0.1",
                    "240.0.0.1",
                    "::",
                    "ff02::1",
                    "2001::1",
                    "2001:db8::1",
                    "198.18.0.1",
                    "::ffff:0.0.0.0",
                    "192.0.2.1",
                    "1::1",
                    "4000::1",
                ],
            ),
        ] {
            for address in addresses {
                assert_eq!(reach(address.parse().unwrap()), reached, "{address}");
            }
        }
    }

    #[test]
    fn settings_open_what_they_name() {
        let closed = Guard { private: false, link_local: false, public: true };
        let private = Guard { private: true, ..closed };
        let plain = Guard { private: true, link_local: false, public: false };
        let all = Guard { private: true, link_local: true, public: true };
        for (guard, address, passes) in [
            (closed, "1.1.1.1", true),
            (closed, "127.0.0.1", false),
            (private, "127.0.0.1", true),
            (private, "169.254.169.254", false),
            (plain, "1.1.1.1", false),
            (plain, "10.0.0.1", true),
            (all, "fe80::1", true),
            (all, "0.0.0.0", false),
        ] {
            assert_eq!(guard.check(address.parse().unwrap()).is_ok(), passes, "{guard:?} {address}");
        }
    }
}

//! Which network addresses a user may make Watchbell call.
//!
//! Anybody with a user key can name a URL as a contact, and Watchbell stands where they do not: beside databases, cloud
//! metadata services and its own API. So only addresses of the public internet are called, unless the configuration says
//! otherwise. The decision is made here, twice: when a contact is made (hosts that are written as addresses), and for every
//! address that a name resolves to, right before the connection is made.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// An address, or all that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Reads `10.0.0.0/8`, or an address alone.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok().map(Self)
    }

    /// Whether the address is in it, an IPv4 one also where it is written as IPv6 (`::ffff:10.0.0.1`).
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// What may be called beside the public internet. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    private: bool,
    networks: Vec<Network>,
}

impl Reach {
    pub fn new(private: bool, networks: Vec<Network>) -> Self {
        Self { private, networks }
    }

    /// Whether this address may be called.
    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.allows(address)
    }

    /// Whether the configuration names this address: what goes there may also go in clear.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = embedded(address).unwrap_or(address);
        self.networks.iter().any(|network| network.contains(address)) || (self.private && !is_public(address))
    }

    /// Whether anything is allowed beside the public internet.
    pub fn is_widened(&self) -> bool {
        self.private || !self.networks.is_empty()
    }

    /// Also allows what the other one does.
    pub fn widen(&mut self, other: &Self) {
        self.private |= other.private;
        self.networks.extend(&other.networks);
    }

    /// What can be said of a URL without asking a name server: its scheme, and a host that is written as an address. Plain http
    /// is for places that the configuration allows.
    pub fn check(&self, url: &Url) -> Result<(), OutOfReach> {
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(OutOfReach::Scheme),
        };
        let address: IpAddr = match url.host() {
            None => return Err(OutOfReach::Scheme),
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(name)) if is_localhost(name) => Ipv4Addr::LOCALHOST.into(),
            Some(Host::Domain(_)) if is_plain && !self.is_widened() => return Err(OutOfReach::Plain),
            Some(Host::Domain(_)) => return Ok(()),
        };
        if !self.permits(address) {
            Err(OutOfReach::Private)
        } else if is_plain && !self.allows(address) {
            Err(OutOfReach::Plain)
        } else {
            Ok(())
        }
    }
}

/// Why a URL may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfReach {
    #[error("neither http nor https")]
    Scheme,
    #[error("plain http to a place that the configuration does not allow")]
    Plain,
    #[error("an address that the configuration does not allow")]
    Private,
}

impl OutOfReach {
    /// The code that an attempt is recorded with.
    pub fn code(self) -> &'static str {
        match self {
            Self::Scheme => "url_scheme",
            Self::Plain => "plain_http",
            Self::Private => "private_address",
        }
    }
}

/// RFC 6761: never asked of a name server.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// The networks of IPv4 that are not of the public internet (IANA's special-purpose registry, and multicast).
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
    v4([255, 255, 255, 255], 32),
];

/// Of IPv6 only this is given out at all …
const GIVEN_OUT_V6: Ipv6Net = v6(0x2000, 0, 3);

/// … and these parts of it are special (IETF protocols with Teredo, documentation, 6to4 where nothing is embedded).
const SPECIAL_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

/// By the first two groups of its address.
const fn v6(first: u16, second: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), bits)
}

fn is_public(address: IpAddr) -> bool {
    match embedded(address).unwrap_or(address) {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|network| network.contains(&v4)),
        IpAddr::V6(v6) => GIVEN_OUT_V6.contains(&v6) && !SPECIAL_V6.iter().any(|network| network.contains(&v6)),
    }
}

/// The IPv4 address where a packet to this IPv6 address ends up: mapped (::ffff:0:0/96), compatible (::/96), translated
/// (64:ff9b::/96, as DNS64 answers for every host without IPv6) and 6to4 (2002::/16).
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else { return None };
    let (high, low) = match v6.segments() {
        // :: and ::1 are themselves.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)).into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_public_internet_is_within_reach() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            // DNS64 and 6to4 of a public host.
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "::ffff:8.8.8.8",
        ];
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "::10.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        let reach = Reach::default();
        for text in public {
            assert!(reach.permits(address(text)), "{text}");
        }
        for text in refused {
            assert!(!reach.permits(address(text)), "{text}");
            assert!(Reach::new(true, vec![]).permits(address(text)), "{text}");
        }
    }

    #[test]
    fn a_network_that_is_allowed_is_within_reach_however_it_is_written() {
        let reach = Reach::new(false, vec![Network::parse("10.1.0.0/16").unwrap(), Network::parse("fd00::/8").unwrap()]);
        let table = [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("64:ff9b::10.1.2.3", true),
            ("fd00::7", true),
            ("10.2.0.1", false),
            ("127.0.0.1", false),
            ("fe80::1", false),
        ];
        for (text, permitted) in table {
            assert_eq!(reach.permits(address(text)), permitted, "{text}");
        }
        let mut both = Reach::default();
        both.widen(&reach);
        assert_eq!(both, reach);
    }

    #[test]
    fn urls_are_judged_by_scheme_and_literal_host() {
        use OutOfReach::{Plain, Private, Scheme};
        let none = Reach::default();
        let some = Reach::new(false, vec![Network::parse("10.0.0.0/8").unwrap()]);
        let all = Reach::new(true, vec![]);
        let table = [
            ("https://example.org/x", [Ok(()); 3]),
            ("http://example.org/x", [Err(Plain), Ok(()), Ok(())]),
            ("https://8.8.8.8/", [Ok(()); 3]),
            ("http://8.8.8.8/", [Err(Plain); 3]),
            ("https://10.0.0.1/", [Err(Private), Ok(()), Ok(())]),
            ("http://10.0.0.1/", [Err(Private), Ok(()), Ok(())]),
            ("https://127.0.0.1:8443/", [Err(Private), Err(Private), Ok(())]),
            // The other ways in which browsers and URL parsers read 127.0.0.1.
            ("https://2130706433/", [Err(Private), Err(Private), Ok(())]),
            ("https://0x7f.1/", [Err(Private), Err(Private), Ok(())]),
            ("https://0177.0.0.1/", [Err(Private), Err(Private), Ok(())]),
            ("https://127.1/", [Err(Private), Err(Private), Ok(())]),
            ("https://[::1]/", [Err(Private), Err(Private), Ok(())]),
            ("https://[::ffff:a00:1]/", [Err(Private), Ok(()), Ok(())]),
            ("https://localhost/", [Err(Private), Err(Private), Ok(())]),
            ("https://LOCALHOST./", [Err(Private), Err(Private), Ok(())]),
            ("https://db.localhost/", [Err(Private), Err(Private), Ok(())]),
            ("ftp://example.org/", [Err(Scheme); 3]),
            ("file:///etc/passwd", [Err(Scheme); 3]),
        ];
        for (text, expected) in table {
            let url = Url::parse(text).unwrap();
            assert_eq!([none.check(&url), some.check(&url), all.check(&url)], expected, "{text}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let table = [
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::/0", "198.51.100.1", false),
        ];
        for (network, inside, expected) in table {
            assert_eq!(Network::parse(network).unwrap().contains(address(inside)), expected, "{network} {inside}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "host", "10.0.0.0/x", "::/129"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}

//! How often a key may call, and how often an address may fail.
//!
//! Requests with a valid key count by that key alone, whatever address they come from: many people share one address, and
//! none of them may lock the others out. By address count wrong keys and wrong signatures, and requests that need no key.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use watchbell_core::{Clock, ElapsedClock, KeyId};

use crate::problem::{self, Kind, Problem};
use crate::state::{ApiSettings, TrustedProxies};
use crate::surface::Counting;

mod window;

use self::window::Window;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// After so many checks, keys that have been quiet for long enough to be as new are forgotten: the map holds no more than
/// who called in the last minute or so.
const CHECKS_BETWEEN_SWEEPS: u32 = 4_096;

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, ElapsedClock, NoOpMiddleware<Nanos>>;

struct PerMinute<K: std::hash::Hash + Eq + Clone> {
    limiter: Limiter<K>,
    checks: AtomicU32,
}

impl<K: std::hash::Hash + Eq + Clone> PerMinute<K> {
    fn new(per_minute: u32, clock: &Arc<dyn Clock>) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::hashmap_with_clock(quota, ElapsedClock::new(clock.clone())), checks: AtomicU32::new(0) }
    }

    fn check(&self, key: &K, what: &str) -> Result<(), Problem> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_BETWEEN_SWEEPS == CHECKS_BETWEEN_SWEEPS - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.limiter.clock().now());
            let retry_s = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let retry_s = retry_s.max(1);
            Problem::new(Kind::TooMany { retry_s }, format!("too many requests of this {what}; try again in {retry_s} s"))
        })
    }
}

/// Peers whose `X-Forwarded-For` is not believed that are told of in the log, each once.
const UNTRUSTED_TOLD: usize = 16;

pub(crate) struct Limits {
    keys: PerMinute<KeyId>,
    window: Window,
    ample: PerMinute<KeyId>,
    ample_per_minute: u32,
    own: PerMinute<KeyId>,
    addresses: PerMinute<IpAddr>,
    failures: PerMinute<IpAddr>,
    /// When it was last said of an address that it fails too often.
    said: PerMinute<IpAddr>,
    untrusted: Mutex<HashSet<IpAddr>>,
}

impl Limits {
    pub fn new(settings: &ApiSettings, clock: &Arc<dyn Clock>) -> Self {
        Self {
            keys: PerMinute::new(settings.key_per_minute, clock),
            window: Window::new(usize::try_from(settings.oncall_key_per_minute).unwrap_or(usize::MAX), clock),
            ample: PerMinute::new(settings.application_key_per_minute, clock),
            ample_per_minute: settings.application_key_per_minute,
            own: PerMinute::new(settings.own_key_per_minute, clock),
            addresses: PerMinute::new(settings.address_per_minute, clock),
            failures: PerMinute::new(settings.failures_per_minute, clock),
            said: PerMinute::new(1, clock),
            untrusted: Mutex::default(),
        }
    }

    pub fn check_key(&self, counting: Counting, key: KeyId) -> Result<(), Problem> {
        match counting {
            Counting::Rates => self.keys.check(&key, "key"),
            Counting::Window => self.window.check(key),
            Counting::Own => self.own.check(&key, "key"),
            Counting::Ample => {
                let quota = Some(problem::Quota { limit: self.ample_per_minute, window_s: 60 });
                self.ample.check(&key, "key").map_err(|mut problem| {
                    problem.about_mut().quota = quota;
                    problem
                })
            }
        }
    }

    /// Counts a request that needs no key.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Problem> {
        self.addresses.check(&address, "address")
    }

    /// Counts a wrong key or signature, says so in the log, and answers what the client is told: `problem`, or how long to
    /// wait after too many of them. What was right is never refused for what an address did wrong before.
    pub fn failed(&self, address: IpAddr, what: &'static str, problem: Problem) -> Problem {
        match self.failures.check(&address, "address with a wrong key or signature") {
            Ok(()) => {
                tracing::warn!(%address, "{what}");
                problem
            }
            Err(too_many) => {
                if self.said.check(&address, "address").is_ok() {
                    tracing::warn!(%address, "{what}, as too often within a minute; more of them are answered 429 and not logged");
                }
                too_many
            }
        }
    }

    /// The address that counts as the client's.
    pub fn client(&self, extensions: &Extensions, headers: &HeaderMap, proxies: &TrustedProxies) -> IpAddr {
        let peer = peer_address(extensions);
        if headers.contains_key(FORWARDED_FOR) && !proxies.trusts(peer) {
            let mut untrusted = self.untrusted.lock().unwrap_or_else(PoisonError::into_inner);
            if untrusted.len() < UNTRUSTED_TOLD && untrusted.insert(peer) {
                tracing::warn!(
                    %peer,
                    "X-Forwarded-For of this peer is not believed, so all its clients count as one address; \
                     if it is a proxy of yours, name it in http.trusted_proxies"
                );
            }
        }
        client_address(extensions, headers, proxies)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

/// The other end of the connection.
pub(crate) fn peer_address(extensions: &Extensions) -> IpAddr {
    extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip().to_canonical())
}

/// Who calls: the peer, or what the trusted proxies in front say they forward for, from the nearest on.
fn client_address(extensions: &Extensions, headers: &HeaderMap, proxies: &TrustedProxies) -> IpAddr {
    let forwarded: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    let mut client = peer_address(extensions);
    for hop in forwarded.iter().rev() {
        if !proxies.trusts(client) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address;
    }
    client_network(client)
}

/// What counts as one client: of an IPv6 address the network (/64), as its holder has all of it.
pub(crate) fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;
    use std::time::Duration;
    use watchbell_core::ManualClock;

    #[test]
    fn a_minute_s_calls_are_given_out_and_come_back() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let limit = PerMinute::new(3, &shared);
        for _ in 0..3 {
            limit.check(&KeyId(1), "key").unwrap();
        }
        assert_eq!(limit.check(&KeyId(1), "key").unwrap_err().kind, Kind::TooMany { retry_s: 20 });
        limit.check(&KeyId(2), "key").unwrap();
        // A clock that is set back stands, and goes on from there.
        clock.set(Timestamp::from_millis(0));
        assert!(limit.check(&KeyId(1), "key").is_err());
        clock.advance(Duration::from_secs(20));
        limit.check(&KeyId(1), "key").unwrap();
        assert!(limit.check(&KeyId(1), "key").is_err());
    }

    #[test]
    fn quiet_callers_are_forgotten() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let limit = PerMinute::new(1, &shared);
        for key in 0..i64::from(CHECKS_BETWEEN_SWEEPS) - 1 {
            limit.check(&KeyId(key), "key").unwrap();
        }
        clock.advance(Duration::from_mins(2));
        limit.check(&KeyId(-1), "key").unwrap();
        assert_eq!(limit.limiter.len(), 1);
    }

    #[test]
    fn only_trusted_proxies_say_who_calls() {
        let proxies = TrustedProxies::new(|address| address.to_string().starts_with("10."));
        let table = [
            ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
            ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
            // What a client writes itself stands to the left of what the proxy saw.
            ("10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("10.0.0.1", "nonsense", "10.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
            ("::ffff:198.51.100.7", "", "198.51.100.7"),
        ];
        for (peer, forwarded, client) in table {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            assert_eq!(client_address(&extensions, &headers, &proxies), client.parse::<IpAddr>().unwrap(), "{peer} {forwarded}");
        }
    }
}

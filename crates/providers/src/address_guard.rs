//! Names that users chose, resolved to addresses that Watchbell may call and to no others.
//!
//! The guard stands in the HTTP client's place of a resolver: a name is looked up once for a connection, what is out of reach
//! is taken out, and the connection is made to what is left. So nothing can change between the check and the call, and a
//! name whose answer changes later is judged by its new answer. Hosts that are written as addresses never come here; they
//! are checked by [`crate::endpoint`]. Redirections are not followed at all.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use hyper_util::client::legacy;
use watchbell_core::network::{OutOfReach, Reach};
use watchbell_core::outcome::{Outcome, Report};

/// Where addresses come from.
type Lookup = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync>;

/// Resolves names within reach.
#[derive(Clone)]
pub struct AddressGuard {
    reach: Reach,
    /// Only what the configuration names, not the public internet: for plain http.
    is_plain: bool,
    lookup: Lookup,
}

impl AddressGuard {
    pub fn new(reach: Reach, is_plain: bool) -> Self {
        // The port is the URL's.
        Self::with_lookup(
            reach,
            is_plain,
            Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })),
        )
    }

    pub(crate) fn with_lookup(reach: Reach, is_plain: bool, lookup: Lookup) -> Self {
        Self { reach, is_plain, lookup }
    }

    /// # Errors
    /// The name leads nowhere, or only out of reach, which is [`OutOfReach`].
    pub(crate) async fn resolve(&self, name: &str) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        let found = (self.lookup)(name.to_owned()).await?;
        let (mut within, mut refused) = (Vec::with_capacity(found.len()), None);
        for address in found {
            match self.judge(address.ip()) {
                Ok(()) => within.push(address),
                Err(why) => refused = Some(why),
            }
        }
        match refused {
            Some(why) if within.is_empty() => Err(why.into()),
            _ => Ok(within),
        }
    }

    fn judge(&self, address: IpAddr) -> Result<(), OutOfReach> {
        if !self.reach.permits(address) {
            Err(OutOfReach::Private)
        } else if self.is_plain && !self.reach.allows(address) {
            Err(OutOfReach::Plain)
        } else {
            Ok(())
        }
    }
}

impl std::fmt::Debug for AddressGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddressGuard").field("reach", &self.reach).field("is_plain", &self.is_plain).finish_non_exhaustive()
    }
}

/// The report of a call that the guard did not let through; None for any other error.
pub(crate) fn refusal(error: &legacy::Error) -> Option<Report> {
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(why) = source.downcast_ref::<OutOfReach>() {
            return Some(report(*why));
        }
        next = source.source();
    }
    None
}

/// An address out of reach is one that cannot be reached this way, ever: it is locked, so that its owner sees it. Whoever widens
/// the reach later sets it OK again.
pub(crate) fn report(why: OutOfReach) -> Report {
    Report::new(Outcome::BadAddress, why.code().to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use url::Url;
    use watchbell_core::network::Network;

    use super::*;
    use crate::http::Http;
    use crate::kinds::stand_in::{Act, StandIn, common};

    /// Answers with these addresses, one list a question.
    fn lookup(answers: Vec<Vec<&'static str>>) -> (Lookup, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let lookup: Lookup = Arc::new(move |_| {
            let turn = counter.fetch_add(1, Ordering::Relaxed);
            let addresses = answers[turn.min(answers.len() - 1)].iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
            let addresses: Vec<_> = addresses.collect();
            Box::pin(async move { Ok(addresses) })
        });
        (lookup, asked)
    }

    async fn resolve(reach: Reach, is_plain: bool, answer: Vec<&'static str>) -> Result<Vec<String>, OutOfReach> {
        let guard = AddressGuard::with_lookup(reach, is_plain, lookup(vec![answer]).0);
        match guard.resolve("hook.example").await {
            Ok(addresses) => Ok(addresses.iter().map(|address| address.ip().to_string()).collect()),
            Err(error) => Err(*error.downcast::<OutOfReach>().unwrap()),
        }
    }

    fn loopback() -> Reach {
        Reach::new(false, vec![Network::parse("127.0.0.0/8").unwrap()])
    }

    #[tokio::test]
    async fn what_is_out_of_reach_is_taken_out_of_the_answer() {
        let none = Reach::default;
        assert_eq!(resolve(none(), false, vec!["8.8.8.8", "10.0.0.1", "::1"]).await, Ok(vec!["8.8.8.8".to_owned()]));
        assert_eq!(resolve(none(), false, vec!["10.0.0.1", "fe80::1"]).await, Err(OutOfReach::Private));
        assert_eq!(resolve(none(), false, vec!["::ffff:127.0.0.1"]).await, Err(OutOfReach::Private));
        assert_eq!(resolve(none(), false, vec![]).await, Ok(vec![]));
        assert_eq!(resolve(loopback(), false, vec!["127.0.0.1", "10.0.0.1"]).await, Ok(vec!["127.0.0.1".to_owned()]));
        assert_eq!(resolve(loopback(), true, vec!["8.8.8.8"]).await, Err(OutOfReach::Plain));
        assert_eq!(resolve(loopback(), true, vec!["8.8.8.8", "127.0.0.1"]).await, Ok(vec!["127.0.0.1".to_owned()]));
    }

    #[tokio::test]
    async fn a_name_is_judged_by_the_answer_that_is_connected_to() {
        let service = StandIn::start([Act::Answer(200, "Connection: close\r\n", String::new())]).await;
        let port = service.base().port().unwrap();
        let (lookup, asked) = lookup(vec![vec!["127.0.0.1"], vec!["10.0.0.1"]]);
        let http = Http::guarded(&common(false), AddressGuard::with_lookup(loopback(), true, lookup)).unwrap();
        let url = Url::parse(&format!("http://hook.example:{port}/x")).unwrap();
        let call = || http.call(http.post(&url));
        assert_eq!(call().await.unwrap().status, 200);
        // The name server has changed its mind.
        assert_eq!(call().await.unwrap_err(), Report::new(Outcome::BadAddress, "private_address".to_owned()));
        assert_eq!(asked.load(Ordering::Relaxed), 2, "one question a connection");
        service.only();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_that_does_not_answer_leaves_time_for_the_next_one() {
        let service = StandIn::start([Act::Answer(200, "", String::new())]).await;
        let port = service.base().port().unwrap();
        // Linux drops what would connect beyond a listener's queue, as a firewall does.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind(SocketAddr::from(([127, 0, 0, 2], port))).unwrap();
        let silent = silent.listen(1).unwrap();
        let address = silent.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = tokio::time::timeout(std::time::Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await {
            queue.push(stream.unwrap());
        }
        let (lookup, _) = lookup(vec![vec!["127.0.0.2", "127.0.0.1"]]);
        // Half a second for each address.
        let common = crate::settings::CommonSettings { timeout_s: Some(2.0), ..Default::default() };
        let http = Http::guarded(&common, AddressGuard::with_lookup(loopback(), true, lookup)).unwrap();
        let url = Url::parse(&format!("http://hook.example:{port}/x")).unwrap();
        assert_eq!(http.call(http.post(&url)).await.unwrap().status, 200);
        drop((silent, queue));
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_is_tried_again() {
        let http = Http::guarded(&common(false), AddressGuard::new(Reach::default(), false)).unwrap();
        let url = Url::parse("https://no-such-host.invalid/").unwrap();
        assert_eq!(http.call(http.post(&url)).await.unwrap_err(), Report::retry("connect".to_owned()));
        let url = Url::parse("https://localhost/").unwrap();
        assert_eq!(http.call(http.post(&url)).await.unwrap_err(), Report::new(Outcome::BadAddress, "private_address".to_owned()));
    }
}

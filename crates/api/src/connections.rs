//! How many connections are kept open: so many in all, and so many of one client address.
//!
//! Whoever comes when all are taken takes the place of the one that has been quiet for the longest time, of their own
//! address where that has its share. So silent connections keep nobody out, wherever they come from. Only where every
//! connection has a request under way, the new one is turned away.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// How long to wait when no connection can be taken, as when the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The next connection; None at the end. One that cannot be taken is no error: the next is tried.
pub(crate) async fn accept(listener: &TcpListener, shutdown: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return None,
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                let _ = tokio::time::timeout(ACCEPT_PAUSE, shutdown.cancelled()).await;
            }
        }
    }
}

/// The connections of a server.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    most_of_address: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Counts connections and the ends of requests: what came last has the highest.
    count: u64,
    all: HashMap<u64, Entry>,
    by_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    /// Requests whose answers are not written yet.
    requests: usize,
    /// The count when it was made, or when its last request ended.
    quiet_since: u64,
    cut: CancellationToken,
}

/// A connection's place, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: u64,
    /// Tells that somebody else has the place.
    pub cut: CancellationToken,
}

impl Connections {
    pub fn new(most: usize, most_of_address: usize) -> Self {
        Self { most: most.max(1), most_of_address: most_of_address.clamp(1, most.max(1)), held: Mutex::default() }
    }

    /// A place for a new connection. A proxy in front, which speaks for many, has no share of its own.
    pub fn place(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Option<Place> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_proxy && held.by_address.get(&address).is_some_and(|count| *count >= self.most_of_address) {
            held.make_room(|entry| entry.address == address)?;
        }
        if held.all.len() >= self.most {
            held.make_room(|_| true)?;
        }
        let (number, cut) = (held.next(), CancellationToken::new());
        held.all.insert(number, Entry { address, requests: 0, quiet_since: number, cut: cut.clone() });
        *held.by_address.entry(address).or_default() += 1;
        Some(Place { connections: self.clone(), number, cut })
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Entry, u64)) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = held.next();
        if let Some(entry) = held.all.get_mut(&number) {
            change(entry, now);
        }
    }
}

impl Held {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Cuts the connection that has been quiet for the longest time; None where none is.
    fn make_room(&mut self, among: impl Fn(&Entry) -> bool) -> Option<()> {
        let quiet = self.all.iter().filter(|(_, entry)| entry.requests == 0 && among(entry));
        let (number, _) = quiet.min_by_key(|(_, entry)| entry.quiet_since)?;
        let number = *number;
        self.remove(number).map(|entry| entry.cut.cancel())
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.all.remove(&number)?;
        if let Some(count) = self.by_address.get_mut(&entry.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&entry.address);
            }
        }
        Some(entry)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.connections.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Gone already, where it was cut.
        held.remove(self.number);
    }
}

impl Place {
    /// Notes a request, until what this answers is dropped.
    pub fn request(&self) -> UnderWay {
        self.connections.change(self.number, |entry, _| entry.requests += 1);
        UnderWay { connections: self.connections.clone(), number: self.number }
    }
}

/// A request whose answer is not written yet.
#[derive(Debug)]
pub(crate) struct UnderWay {
    connections: Arc<Connections>,
    number: u64,
}

impl UnderWay {
    /// An answer's body, with the request noted as long as there is more of it to come.
    pub fn until_end_of(self, body: Body) -> Body {
        Body::new(Noted { body, _request: self })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.connections.change(self.number, |entry, now| {
            entry.requests -= 1;
            entry.quiet_since = now;
        });
    }
}

struct Noted {
    body: Body,
    _request: UnderWay,
}

impl HttpBody for Noted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([198, 51, 100, last])
    }

    #[test]
    fn the_quietest_gives_way_and_who_is_at_work_does_not() {
        let connections = Arc::new(Connections::new(3, 2));
        let first = connections.place(address(1), false).unwrap();
        let second = connections.place(address(1), false).unwrap();
        // The address has its share: its own quietest goes, which is not the one with a request.
        let request = first.request();
        let third = connections.place(address(1), false).unwrap();
        assert!(second.cut.is_cancelled() && !first.cut.is_cancelled() && !third.cut.is_cancelled());
        let fourth = connections.place(address(2), false).unwrap();
        drop(request);
        // All are taken: the quietest of all goes.
        let fifth = connections.place(address(3), false).unwrap();
        assert!(third.cut.is_cancelled() && !first.cut.is_cancelled() && !fourth.cut.is_cancelled());
        let busy = [first.request(), fourth.request(), fifth.request()];
        assert!(connections.place(address(4), false).is_none());
        drop(busy);
        drop((first, second, third, fourth, fifth));
        let held = connections.held.lock().unwrap();
        assert!(held.all.is_empty() && held.by_address.is_empty());
    }

    #[test]
    fn a_proxy_has_no_share_of_its_own() {
        let connections = Arc::new(Connections::new(3, 1));
        let places = [0; 3].map(|_| connections.place(address(1), true).unwrap());
        assert!(places.iter().all(|place| !place.cut.is_cancelled()));
    }
}

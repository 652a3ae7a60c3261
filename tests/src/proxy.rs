//! A TCP proxy in front of a server, that can go silent: what hosts do that are lost without a word.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::wait;

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// They are passed on.
    #[default]
    Well,
    /// As `Well`, but each answer comes so much later.
    Late(Duration),
    /// Connections are taken, and nothing is passed on; those that stand are cut.
    Mute,
}

/// Changed at any time, for all connections; those of before a freeze stay frozen.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    mood: Mood,
    freezes: u32,
    cuts: u32,
}

/// Ends with this value, and with it all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
}

impl Proxy {
    /// In front of the server that listens on that port.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, now) = watch::channel(State::default());
        tokio::spawn(async move {
            let mut ends = now.clone();
            loop {
                let client = tokio::select! {
                    client = listener.accept() => client,
                    ended = ends.wait_for(|_| false) => {
                        drop(ended);
                        return;
                    }
                };
                let Ok((client, _)) = client else { return };
                tokio::spawn(pass(client, port, now.clone()));
            }
        });
        Self { address, state }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn is(&self, mood: Mood) {
        self.state.send_modify(|state| {
            state.mood = mood;
            state.cuts += u32::from(mood == Mood::Mute);
        });
    }

    /// Connections that stand now never say anything again, and are not closed either. New ones work.
    pub fn freeze(&self) {
        self.state.send_modify(|state| state.freezes += 1);
    }
}

/// Passes on until one side ends, the connection is cut, or the proxy ends.
async fn pass(client: TcpStream, port: u16, mut state: watch::Receiver<State>) {
    let State { freezes, cuts, .. } = *state.borrow();
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (there, back) = (state.clone(), state.clone());
    tokio::select! {
        () = copy(from_client, to_server, there, freezes, false) => {}
        () = copy(from_server, to_client, back, freezes, true) => {}
        // An error means that the proxy has ended.
        _ = state.wait_for(|now| now.cuts != cuts) => {}
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
    freezes: u32,
    is_answer: bool,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let now = *state.borrow_and_update();
        if now.freezes != freezes || now.mood == Mood::Mute {
            // Taken, and never heard of again.
            let _ = state.wait_for(|_| false).await;
            return;
        }
        if let (Mood::Late(by), true) = (now.mood, is_answer) {
            wait::pause(by).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

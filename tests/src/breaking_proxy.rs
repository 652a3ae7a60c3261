//! A TCP proxy that breaks connections so that only the client notices.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::wait;

/// How long a server does not notice that a connection was cut.
const UNNOTICED: Duration = Duration::from_secs(5);

/// Passes on what comes to its port; it ends with this value.
#[derive(Debug)]
pub struct BreakingProxy {
    port: u16,
    cuts: Arc<watch::Sender<u64>>,
    accepting: JoinHandle<()>,
}

impl BreakingProxy {
    /// In front of a loopback port.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(watch::Sender::new(0));
        let accepting = tokio::spawn({
            let cuts = Arc::clone(&cuts);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(pass(client, to, cuts.subscribe()));
                }
            }
        });
        Self { port, cuts, accepting }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection towards the client; towards the server it stays open for a while, as behind a router that died.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for BreakingProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(mut client: TcpStream, to: u16, mut cut: watch::Receiver<u64>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    cut.mark_unchanged();
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = cut.changed() => {}
    }
    drop(client);
    wait::pause(UNNOTICED).await;
}

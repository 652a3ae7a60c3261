//! Web sockets of a service: whoever opens one is told all that the service said so far, and what it says from then on.

use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_websockets::{Message, ServerBuilder};

use crate::wait;

/// Both directions of all sockets.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    said: watch::Sender<Vec<String>>,
    heard: watch::Sender<Vec<String>>,
}

/// Whether a connection begins with the request for a web socket.
pub(super) async fn is_asked_for(stream: &TcpStream) -> bool {
    let mut head = [0; 4096];
    let read = stream.peek(&mut head).await.unwrap_or(0);
    String::from_utf8_lossy(&head[..read]).to_lowercase().contains("upgrade: websocket")
}

impl Sockets {
    pub fn say(&self, text: impl Into<String>) {
        self.said.send_modify(|said| said.push(text.into()));
    }

    /// Waits until somebody says that.
    pub async fn hear(&self, text: &str) {
        let mut heard = self.heard.subscribe();
        wait::within(text, heard.wait_for(|heard| heard.iter().any(|one| one == text))).await.unwrap();
    }

    pub(super) async fn serve(self, stream: TcpStream) {
        let Ok((_, mut socket)) = ServerBuilder::new().accept(stream).await else { return };
        let (mut said, mut at) = (self.said.subscribe(), 0);
        loop {
            let new: Vec<String> = said.borrow_and_update()[at..].to_vec();
            at += new.len();
            for text in new {
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = said.changed() => if changed.is_err() { return },
                message = socket.next() => match message {
                    Some(Ok(message)) => {
                        if let Some(text) = message.as_text() {
                            self.heard.send_modify(|heard| heard.push(text.to_owned()));
                        }
                    }
                    _ => return,
                },
            }
        }
    }
}

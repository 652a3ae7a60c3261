//! All providers at once: takes everything, says yes at once or after a set delay, and notes when what arrived.
//!
//! One thread, no framework: what it costs is taken from the machine that is being measured. The driver resets it and reads
//! its notes at `/bench/…` on the same port.

mod http;
pub mod notes;
mod smtp;

use std::rc::Rc;

use tokio::net::TcpListener;
use tokio::task::LocalSet;

use self::notes::Notes;
use crate::error::{Doing, Error, print};

/// Runs until it is killed; says `PORT SMTP_PORT` on standard output when it listens.
pub async fn run() -> Result<(), Error> {
    let http = TcpListener::bind("127.0.0.1:0").await.doing("listening")?;
    let smtp = TcpListener::bind("127.0.0.1:0").await.doing("listening")?;
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port()).doing("listening");
    print(&format!("{} {}", port(&http)?, port(&smtp)?))?;
    let notes = Rc::new(Notes::default());
    LocalSet::new()
        .run_until(async {
            loop {
                tokio::select! {
                    Ok((stream, _)) = http.accept() => {
                        // Without it answers wait for the client's delayed acknowledgement.
                        let _ = stream.set_nodelay(true);
                        tokio::task::spawn_local(http::serve(stream, Rc::clone(&notes)));
                    }
                    Ok((stream, _)) = smtp.accept() => {
                        let _ = stream.set_nodelay(true);
                        tokio::task::spawn_local(smtp::serve(stream, Rc::clone(&notes)));
                    }
                    else => return Err(Error::says("the receiver cannot accept connections")),
                }
            }
        })
        .await
}

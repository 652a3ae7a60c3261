//! Requests over connections that are kept, one at a time on each.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

use super::{IN_FLIGHT, Job};
use crate::error::{Doing, Error};

/// Connects all, and answers what runs them.
pub async fn start(
    port: u16,
    jobs: mpsc::Receiver<Job>,
    sent: mpsc::Sender<String>,
) -> Result<impl Future<Output = Result<(), Error>>, Error> {
    let jobs = Arc::new(Mutex::new(jobs));
    let mut senders = Vec::with_capacity(IN_FLIGHT);
    for _ in 0..IN_FLIGHT {
        let connection = connect(port).await?;
        senders.push(tokio::spawn(run(connection, Arc::clone(&jobs), sent.clone())));
    }
    Ok(async move {
        let ended = try_join_all(senders).await.doing("sending")?;
        ended.into_iter().collect()
    })
}

async fn connect(port: u16) -> Result<SendRequest<Full<Bytes>>, Error> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.doing("connecting to the receiver")?;
    stream.set_nodelay(true).doing("connecting to the receiver")?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.doing("connecting to the receiver")?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn run(
    mut connection: SendRequest<Full<Bytes>>,
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    sent: mpsc::Sender<String>,
) -> Result<(), Error> {
    loop {
        let next = jobs.lock().await.recv().await;
        let Some(job) = next else { return Ok(()) };
        let request = Request::post("/2010-04-01/Accounts/ACbench/Messages.json")
            .header("host", "bench.example")
            .header("content-type", "application/json")
            .body(Full::new(job.body))
            .doing("making a request")?;
        connection.ready().await.doing("sending")?;
        let answer = connection.send_request(request).await.doing("sending")?;
        if answer.status() != 201 {
            return Err(Error::says(format!("the receiver answered {}", answer.status())));
        }
        answer.into_body().collect().await.doing("reading an answer")?;
        sent.send(job.id).await.doing("marking")?;
    }
}

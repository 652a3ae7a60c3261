//! A service on a loopback port that answers each request as a test says, and remembers what it was asked.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::http::{Request, read};
use super::sockets::{self, Sockets};
use crate::wait;

/// Status, headers (whole lines), and body.
pub type Answer = (u16, String, String);

/// The stand-in; it ends with this value.
#[derive(Debug)]
pub struct ServiceStandIn {
    port: u16,
    asked: watch::Sender<Vec<Request>>,
    sockets: Sockets,
    task: JoinHandle<()>,
}

impl ServiceStandIn {
    pub async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::speaking(answer, serve).await
    }

    /// The same, over HTTP/2 in clear text.
    pub async fn start_http2(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::speaking(answer, serve_http2).await
    }

    async fn speaking<A, S>(answer: A, serve: impl Fn(TcpStream, Arc<A>, watch::Sender<Vec<Request>>) -> S + Send + 'static) -> Self
    where
        A: Fn(&Request) -> Answer + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = watch::Sender::default();
        let answer = Arc::new(answer);
        let sockets = Sockets::default();
        let task = tokio::spawn({
            let (asked, sockets) = (asked.clone(), sockets.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    if sockets::is_asked_for(&stream).await {
                        tokio::spawn(sockets.clone().serve(stream));
                    } else {
                        tokio::spawn(serve(stream, Arc::clone(&answer), asked.clone()));
                    }
                }
            }
        });
        Self { port, asked, sockets, task }
    }

    /// What it says over web sockets, and is told.
    pub fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether it was asked so.
    pub fn asked_for(&self, method: &str, path: &str) -> bool {
        self.asked.borrow().iter().any(|request| request.method == method && request.path.starts_with(path))
    }

    /// Waits until there are `count` requests by that method below a path, and answers them.
    pub async fn expect(&self, count: usize, method: &str, path: &str) -> Vec<Request> {
        let matches = |request: &&Request| request.method == method && request.path.starts_with(path);
        let mut asked = self.asked.subscribe();
        let enough = asked.wait_for(|all| all.iter().filter(matches).count() >= count);
        wait::within(&format!("{count} × {method} {path}"), enough).await.unwrap();
        let found: Vec<_> = self.asked.borrow().iter().filter(matches).cloned().collect();
        assert_eq!(found.len(), count, "{method} {path}");
        found
    }
}

impl Drop for ServiceStandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<A: Fn(&Request) -> Answer>(mut stream: TcpStream, answer: Arc<A>, asked: watch::Sender<Vec<Request>>) {
    let mut bytes = Vec::new();
    while let Some(request) = read(&mut stream, &mut bytes).await {
        let (status, headers, body) = answer(&request);
        asked.send_modify(|all| all.push(request));
        let answer = format!("HTTP/1.1 {status} Answer\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A connection moves only while it is asked for the next request, so each is answered beside it.
async fn serve_http2<A>(stream: TcpStream, answer: Arc<A>, asked: watch::Sender<Vec<Request>>)
where
    A: Fn(&Request) -> Answer + Send + Sync + 'static,
{
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer_http2(request, respond, Arc::clone(&answer), asked.clone()));
    }
}

async fn answer_http2<A: Fn(&Request) -> Answer>(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<bytes::Bytes>,
    answer: Arc<A>,
    asked: watch::Sender<Vec<Request>>,
) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = stream.data().await {
        let _ = stream.flow_control().release_capacity(chunk.len());
        body.extend_from_slice(&chunk);
    }
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let request = Request { method: head.method.to_string(), path, headers: headers.collect(), body };
    let (status, headers, body) = answer(&request);
    asked.send_modify(|all| all.push(request));
    let lines = headers.lines().filter_map(|line| line.split_once(": "));
    let response = lines.fold(http::Response::builder().status(status), |response, (name, value)| response.header(name, value));
    // Who has gone needs no answer.
    if let Ok(mut stream) = respond.send_response(response.body(()).unwrap(), false) {
        let _ = stream.send_data(body.into(), true);
    }
}

//! A service on a loopback port that answers each request as a test says, and remembers what it was asked.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::http::{Request, read};
use crate::wait;

/// Status, headers (whole lines), and body.
pub type Answer = (u16, &'static str, String);

/// The stand-in; it ends with this value.
#[derive(Debug)]
pub struct ServiceStandIn {
    port: u16,
    asked: watch::Sender<Vec<Request>>,
    task: JoinHandle<()>,
}

impl ServiceStandIn {
    pub async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = watch::Sender::default();
        let answer = Arc::new(answer);
        let task = tokio::spawn({
            let asked = asked.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&answer), asked.clone()));
                }
            }
        });
        Self { port, asked, task }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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

async fn serve(mut stream: TcpStream, answer: Arc<impl Fn(&Request) -> Answer>, asked: watch::Sender<Vec<Request>>) {
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

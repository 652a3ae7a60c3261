//! Over a real socket: what a router alone does not show.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::harness::{World, world, world_with};

struct Served {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn serve(world: &World) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let (api, token) = (world.api.clone(), stop.clone());
    let task = tokio::spawn(async move { watchbell_api::serve(listener, &api, token).await });
    Served { address, stop, task }
}

async fn talk(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_are_answered_until_the_end_and_idle_connections_end_with_it() {
    let world = world().await;
    let served = serve(&world).await;
    let answer = talk(served.address, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    served.stop.cancel();
    tokio::time::timeout(Duration::from_secs(4), served.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_body_that_never_comes_is_408_and_a_head_that_never_comes_is_cut() {
    let world = world_with(|settings| settings.request_timeout = Duration::from_millis(200)).await;
    let served = serve(&world).await;
    let half = b"POST /api/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wb_admin\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{";
    let answer = talk(served.address, half).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("REQUEST_TIMEOUT"), "{answer}");
    let answer = talk(served.address, b"GET /-/healthy HT").await;
    assert!(!answer.contains("200 OK"), "{answer}");
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_no_http_harms_nobody() {
    let world = world().await;
    let served = serve(&world).await;
    let huge = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(100_000));
    for request in [&b"\x16\x03\x01\x00\xff\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"\0\0\0\0\r\n\r\n", huge.as_bytes()] {
        let answer = talk(served.address, request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let answer = talk(served.address, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

//! Over a real socket: what a router alone does not show.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::harness::{ADMIN, World, world, world_with};

pub struct Served {
    pub address: std::net::SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

pub async fn serve(world: &World) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let (api, token) = (world.api.clone(), stop.clone());
    let task = tokio::spawn(async move { watchbell_api::serve(listener, &api, token).await });
    Served { address, stop, task }
}

pub async fn talk(address: std::net::SocketAddr, request: &[u8]) -> String {
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
async fn no_answer_is_sniffed_or_kept_on_the_way() {
    let world = world().await;
    let paths = [
        "/-/healthy",
        "/api/users",
        "/api/v1/users",
        "/admin/v1/users/x",
        "/v1/messaging/preferences",
        "/watchbell/v1/keys",
        "/nowhere",
        "/callbacks/none",
    ];
    for path in paths {
        for key in ["", ADMIN] {
            let answer = world.get(key, path).await;
            assert_eq!((answer.header("x-content-type-options"), answer.header("cache-control")), ("nosniff", "no-store"), "{path}");
        }
    }
    // What is the same for everybody may be kept, and asked for whether it still is.
    let page = world.get("", "/docs").await;
    assert_eq!((page.header("x-content-type-options"), page.header("cache-control")), ("nosniff", "no-cache"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    // Each part of the page that the policy has to let pass, by its digest.
    for (tag, source) in [("script", "script-src"), ("style", "style-src")] {
        let inside = page.text.split(&format!("<{tag}>")).nth(1).unwrap().split(&format!("</{tag}>")).next().unwrap();
        let digest = STANDARD.encode(Sha256::digest(inside.as_bytes()));
        assert!(policy.contains(&format!("{source} 'sha256-{digest}'")), "{policy}");
        assert_eq!(page.text.matches(&format!("<{tag}")).count(), 1, "one {tag}, inline");
    }
    assert!(!page.text.contains(" onclick=") && !page.text.contains(" style="), "no attributes that the policy refuses");
}

#[tokio::test]
async fn a_body_that_never_comes_is_408_and_a_head_that_never_comes_is_cut() {
    let world = world_with(|settings| settings.request_timeout = Duration::from_millis(200)).await;
    let served = serve(&world).await;
    let half = b"POST /api/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wb_admin\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{";
    let answer = talk(served.address, half).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("REQUEST_TIMEOUT"), "{answer}");
    for begun in [&b"GET /-/healthy HT"[..], b"", b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\nGET"] {
        let answer = talk(served.address, begun).await;
        assert_eq!(answer.contains("200 OK"), begun.len() > 20, "{answer}");
    }
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_no_http_harms_nobody() {
    let world = world().await;
    let served = serve(&world).await;
    let huge = format!("GET /x HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(100_000));
    for request in [&b"\x16\x03\x01\x00\xff\r\n\r\n"[..], b"GET /x HTTP/9.9\r\n\r\n", b"\0\0\0\0\r\n\r\n", huge.as_bytes()] {
        let answer = talk(served.address, request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let answer = talk(served.address, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

/// The whole answer to a request with `Connection: close`.
fn closing(head: &str) -> Vec<u8> {
    format!("{head}\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Waits until the other end has closed the connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    // A connection that is cut with something unread ends with an error.
    read.is_ok()
}

#[tokio::test]
async fn silent_connections_give_way_to_who_says_something() {
    let world = world_with(|settings| (settings.connections, settings.connections_per_address) = (4, 2)).await;
    let served = serve(&world).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(served.address).await.unwrap());
    }
    let answer = talk(served.address, &closing("GET /-/healthy HTTP/1.1")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    for stream in &mut silent[..18] {
        assert!(is_closed(stream).await);
    }
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn where_all_connections_are_at_work_a_new_one_is_turned_away() {
    let world = world_with(|settings| (settings.connections, settings.connections_per_address) = (1, 1)).await;
    let served = serve(&world).await;
    let mut streaming = TcpStream::connect(served.address).await.unwrap();
    let request = "GET /v1/messaging/notifications/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wb_user\r\n\r\n";
    streaming.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 15];
    streaming.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let mut turned_away = TcpStream::connect(served.address).await.unwrap();
    assert!(is_closed(&mut turned_away).await);
    // The stream goes on.
    streaming.read_exact(&mut [0; 10]).await.unwrap();
    drop(streaming);
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_callback_s_body_is_not_waited_for_unless_it_may_be_a_provider_s() {
    let world = world().await;
    let served = serve(&world).await;
    let begin = |path: &str, header: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\nConnection: close\r\n{header}\r\n{{").into_bytes()
    };
    let table = [
        ("/callbacks/none", "", "HTTP/1.1 404"),
        ("/callbacks/none/gather", "X-Twilio-Signature: x\r\n", "HTTP/1.1 404"),
        ("/callbacks/twilio", "", "HTTP/1.1 403"),
        ("/callbacks/twilio/gather", "", "HTTP/1.1 403"),
        ("/callbacks/telegram", "X-Twilio-Signature: x\r\n", "HTTP/1.1 403"),
    ];
    for (path, header, status) in table {
        let answer = talk(served.address, &begin(path, header)).await;
        assert!(answer.starts_with(status), "{path}: {answer}");
    }
    // What may be one is read as far as one ever goes.
    let mut large = begin("/callbacks/twilio", "X-Twilio-Signature: x\r\n");
    large.extend(vec![b'x'; 1024 * 1024]);
    let answer = talk(served.address, &large).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("1048576"), "{answer}");
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let world = world_with(|settings| settings.write_timeout = Duration::from_millis(200)).await;
    let served = serve(&world).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    // More answers than the sockets between hold.
    let asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    let asks = async { while stream.write_all(&asked).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), asks).await.expect("the server has gone, so asking for more ends with an error");
    let answer = talk(served.address, &closing("GET /-/healthy HTTP/1.1")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

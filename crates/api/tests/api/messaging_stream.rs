//! The live stream of notifications, over a real socket where its end matters.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::harness::{PUBLISHER, USER, World, world_with};
use crate::messaging::{notify, notify_user};

const STREAM: &str = "/v1/messaging/notifications/stream";

/// What a stream has sent so far.
struct Listener {
    frames: axum::body::BodyDataStream,
    text: String,
}

impl Listener {
    async fn open(world: &World, after: Option<&str>) -> Self {
        let mut request = Request::builder().uri(STREAM).header("authorization", format!("Bearer {USER}"));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = watchbell_api::router(&world.api).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { frames: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Reads until so many events have come; heartbeats between them are left out.
    async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = parse(&self.text);
        while events.len() < count {
            self.read().await;
            events = parse(&self.text);
        }
        self.text.clear();
        events
    }

    async fn read(&mut self) {
        let frame = tokio::time::timeout(Duration::from_secs(20), self.frames.next()).await.expect("nothing came");
        self.text.push_str(std::str::from_utf8(&frame.expect("the stream ended").unwrap()).unwrap());
    }
}

#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    data: serde_json::Value,
}

fn parse(text: &str) -> Vec<Event> {
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let blocks = whole.split("\n\n").filter(|block| block.contains("data:"));
    blocks
        .map(|block| {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
            Event { id: field("id:"), name: field("event:"), data: serde_json::from_str(&field("data:")).unwrap() }
        })
        .collect()
}

async fn quick() -> World {
    world_with(|settings| settings.heartbeat = Duration::from_millis(20)).await.with_categories().await
}

#[tokio::test]
async fn new_notifications_come_as_events_and_a_stream_goes_on_where_it_was() {
    let world = quick().await;
    notify(&world, "OLD", "chat.message", 0).await;
    let mut listener = Listener::open(&world, None).await;
    notify_user(&world, world.ben, "BEN", "chat.message", 1).await;
    let id = notify(&world, "NEW", "chat.mention", 1).await;
    let events = listener.events(1).await;
    assert_eq!(events.len(), 1, "neither what was there before nor what is another's: {events:?}");
    assert_eq!((events[0].name.as_str(), events[0].data["id"].as_str()), ("notification", Some(id.as_str())));
    assert_eq!(events[0].data["object"], "notification");
    // One whose time is a little earlier, as another process may commit it later.
    notify(&world, "LATE", "chat.mention", 0).await;
    notify(&world, "LAST", "chat.mention", 2).await;
    let more = listener.events(2).await;
    let titles: Vec<&str> = more.iter().map(|event| event.data["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Title LATE", "Title LAST"]);
    drop(listener);
    // Away, and back: from the database, in order, and then live.
    for at in 3..260 {
        notify(&world, &format!("N{at}"), "chat.message", at).await;
    }
    let mut listener = Listener::open(&world, Some(&more[1].id)).await;
    let missed = listener.events(257).await;
    let titles: Vec<String> = missed.iter().map(|event| event.data["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(titles, (3..260).map(|at| format!("Title N{at}")).collect::<Vec<_>>());
    notify(&world, "LIVE", "chat.message", 300).await;
    assert_eq!(listener.events(1).await[0].data["title"], "Title LIVE");
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_is_there() {
    let world = quick().await;
    let mut listener = Listener::open(&world, None).await;
    while listener.text.matches(": heartbeat\n\n").count() < 3 {
        listener.read().await;
    }
    assert_eq!(listener.text.replace(": heartbeat\n\n", ""), "");
}

#[tokio::test]
async fn who_may_not_listen_gets_an_error_not_a_stream() {
    let world = quick().await;
    world.get("", STREAM).await.expect(401);
    world.get(PUBLISHER, STREAM).await.expect(403);
    let request = Request::builder().uri(STREAM).header("authorization", format!("Bearer {USER}")).header("last-event-id", "x");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.expect(400)["error"]["param"], "Last-Event-ID");
}

#[tokio::test]
async fn streams_end_at_once_when_the_server_stops() {
    let world = quick().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let (api, token) = (world.api.clone(), stop.clone());
    let serving = tokio::spawn(async move { watchbell_api::serve(listener, &api, token).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {STREAM} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {USER}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    stop.cancel();
    let mut rest = Vec::new();
    // Well before connections are cut.
    tokio::time::timeout(Duration::from_secs(3), serving).await.unwrap().unwrap().unwrap();
    tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "the answer was ended, not cut");
}

#[tokio::test]
async fn a_stream_ends_with_its_key_and_tells_nothing_more() {
    let world = quick().await;
    let mut listener = Listener::open(&world, None).await;
    notify(&world, "BEFORE", "chat.message", 0).await;
    assert_eq!(listener.events(1).await.len(), 1);
    let keys = world.get(crate::harness::ADMIN, "/watchbell/v1/keys").await.expect(200);
    let own = keys["items"].as_array().unwrap().iter().find(|key| key["name"] == USER).unwrap()["id"].clone();
    world.raw(crate::harness::ADMIN, "DELETE", &format!("/watchbell/v1/keys/{own}"), "").await.expect(204);
    notify(&world, "AFTER", "chat.message", 1).await;
    let rest = async {
        while let Some(frame) = listener.frames.next().await {
            listener.text.push_str(std::str::from_utf8(&frame.unwrap()).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(10), rest).await.expect("the stream goes on");
    assert!(!listener.text.contains("data:"), "{}", listener.text);
}

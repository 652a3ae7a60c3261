//! A Bot API of the demo's own. A bot cannot write first: a user has to open it, and the demo has no phone to do that with. So
//! this hands over, when Watchbell asks for updates, the `/start` that Anna's phone would send.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use watchbell_core::{Clock, SystemClock};

/// How long a question for updates is held when there are none; Watchbell waits longer than this.
const HOLD: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct BotApi {
    url: String,
    shared: Arc<StandInState>,
}

#[derive(Debug, Default)]
struct StandInState {
    /// Updates that nobody has fetched yet.
    updates: Mutex<Vec<Value>>,
    arrived: Notify,
    /// Told by a `sendMessage`: the update has been handled, and the chat is answered.
    answered: Notify,
}

impl BotApi {
    /// Listens on a free loopback port for as long as the process lives.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(StandInState::default());
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // A client that breaks off mid-call asks again.
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        Ok(Self { url, shared })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a user does with the link that Watchbell gave: opens the bot, and presses Start. Returns when the bot has answered.
    pub async fn open(&self, link: &str, chat: i64) {
        let token = link.rsplit_once("?start=").map_or(link, |(_, token)| token);
        let chat = json!({ "id": chat, "type": "private" });
        let update = json!({ "update_id": 1, "message": { "message_id": 1, "chat": chat, "text": format!("/start {token}") } });
        self.shared.updates.lock().unwrap_or_else(PoisonError::into_inner).push(update);
        self.shared.arrived.notify_one();
        self.shared.answered.notified().await;
    }
}

/// Answers the calls of one connection.
async fn serve(stream: TcpStream, shared: Arc<StandInState>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(method) = read_call(&mut stream).await? {
        let result = match method.as_str() {
            "getUpdates" => shared.updates().await,
            "sendMessage" => {
                shared.answered.notify_one();
                json!({ "message_id": 2 })
            }
            _ => json!(true),
        };
        let body = json!({ "ok": true, "result": result }).to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
    }
    Ok(())
}

/// Reads one request whole; the last part of its path is the Bot API's method.
async fn read_call(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let (mut first, mut length) = (String::new(), 0);
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        match header.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().unwrap_or(0),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body).await?;
    let path = first.split_ascii_whitespace().nth(1).unwrap_or_default();
    Ok(path.rsplit('/').next().map(str::to_owned))
}

impl StandInState {
    /// The waiting updates as soon as there are any; none after a while, as the Bot API does it.
    async fn updates(&self) -> Value {
        let waiting = || std::mem::take(&mut *self.updates.lock().unwrap_or_else(PoisonError::into_inner));
        let some = async {
            loop {
                let updates = waiting();
                if !updates.is_empty() {
                    return Value::Array(updates);
                }
                self.arrived.notified().await;
            }
        };
        tokio::select! {
            updates = some => updates,
            () = SystemClock.sleep(HOLD) => json!([]),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[tokio::test]
    async fn a_link_that_is_opened_arrives_as_an_update_and_is_answered() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bot = BotApi::start().await.unwrap();
        let http = reqwest::Client::builder().build().unwrap();
        let call = async |method: &str| {
            let answer = http.post(format!("{}/bot1:a/{method}", bot.url())).json(&json!({ "offset": 0 })).send().await.unwrap();
            answer.json::<Value>().await.unwrap()
        };
        let watchbell = async {
            let updates = call("getUpdates").await;
            assert_eq!(updates["result"][0]["message"]["text"], "/start abc");
            assert_eq!(call("sendMessage").await["ok"], true);
        };
        tokio::join!(watchbell, bot.open("https://t.me/bot?start=abc", 7));
    }
}

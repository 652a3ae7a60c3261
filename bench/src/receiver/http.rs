//! Twilio, FCM, Telegram and webhooks, told apart by their paths.

use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::notes::{Notes, Via};
use crate::clock::pause;
use crate::stamp::number_after;

/// No request of a benchmark is larger; a connection that sends more is closed.
const LONGEST: usize = 1 << 20;

/// Answers one connection's requests, one after the other, until it ends.
pub async fn serve(mut stream: TcpStream, notes: Rc<Notes>) {
    let mut input = BytesMut::with_capacity(8192);
    let mut output = Vec::with_capacity(1024);
    loop {
        while let Some(length) = answer(&input, &notes, &mut output) {
            input.advance(length);
        }
        if !output.is_empty() {
            if !notes.delay().is_zero() {
                pause(notes.delay()).await;
            }
            if stream.write_all(&output).await.is_err() {
                return;
            }
            output.clear();
        }
        if input.len() > LONGEST || !matches!(stream.read_buf(&mut input).await, Ok(1..)) {
            return;
        }
    }
}

/// Appends the answer to the first request in `input`; its length, or None while it is not whole.
fn answer(input: &[u8], notes: &Notes, output: &mut Vec<u8>) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(start)) = head.parse(input) else { return None };
    let is_length = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("content-length");
    let length = head.headers.iter().find(is_length).and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok()).unwrap_or(0);
    let body = input.get(start..start + length)?;
    let path = head.path.unwrap_or_default();
    if let Some(rest) = path.strip_prefix("/bench/") {
        control(rest, notes, output);
    } else {
        let (status, answer) = provider(path, body, notes);
        respond(output, status, answer.as_bytes());
    }
    Some(start + length)
}

/// What the provider to which the path belongs would say.
fn provider(path: &str, body: &[u8], notes: &Notes) -> (&'static str, String) {
    if path.ends_with("/Messages.json") {
        let count = notes.take(Via::Sms, number_after(b"To=%2B49151", body), body);
        return ("201 Created", format!(r#"{{"sid":"SM{count:032x}","status":"queued","error_code":null}}"#));
    }
    if path.ends_with("/messages:send") {
        let count = notes.take(Via::Push, number_after(b"bench-device-", body), body);
        return ("200 OK", format!(r#"{{"name":"projects/bench/messages/{count}"}}"#));
    }
    if path.ends_with("/sendMessage") {
        let chat = number_after(br#""chat_id":"#, body).or_else(|| number_after(br#""chat_id":""#, body));
        let count = notes.take(Via::Telegram, chat.map(|chat| chat % 1_000_000_000), body);
        return ("200 OK", format!(r#"{{"ok":true,"result":{{"message_id":{count}}}}}"#));
    }
    if let Some(user) = path.strip_prefix("/hook/") {
        notes.take(Via::Webhook, user.parse().ok(), body);
        return ("200 OK", "{}".to_owned());
    }
    if path == "/token" {
        return ("200 OK", r#"{"access_token":"bench","expires_in":3600,"token_type":"Bearer"}"#.to_owned());
    }
    // Telegram's bot is set up as well.
    if path.starts_with("/bot") { ("200 OK", r#"{"ok":true,"result":true}"#.to_owned()) } else { ("404 Not Found", "{}".to_owned()) }
}

/// What the driver asks.
fn control(path: &str, notes: &Notes, output: &mut Vec<u8>) {
    if let Some(delay_ms) = path.strip_prefix("reset/") {
        notes.reset(Duration::from_millis(delay_ms.parse().unwrap_or(0)));
        respond(output, "200 OK", b"");
    } else if path == "arrivals" {
        respond(output, "200 OK", &notes.encode());
    } else {
        respond(output, "200 OK", notes.count().to_string().as_bytes());
    }
}

fn respond(output: &mut Vec<u8>, status: &str, body: &[u8]) {
    // Writing to memory does not fail.
    let _ = write!(output, "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    output.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_answered_when_they_are_whole() {
        let notes = Notes::default();
        let request = b"POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\nContent-Length: 29\r\n\r\nTo=%2B4915100000003&Body=Bench1-5GET /bench/count HTTP/1.1\r\n\r\n";
        let mut output = Vec::new();
        assert_eq!(answer(&request[..70], &notes, &mut output), None);
        let first = answer(request, &notes, &mut output).unwrap_or_default();
        assert!(output.starts_with(b"HTTP/1.1 201 Created"), "{output:?}");
        assert_eq!(notes.count(), 1);
        assert!(first > 0 && first < request.len());
    }
}

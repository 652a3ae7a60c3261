//! Events that break the connection.
//!
//! nats-server stores whatever headers it is given; the client closes its connection over some that it cannot read (no
//! UTF-8, no colon). Such an event would be delivered again and again, and break every connection it is delivered to. So
//! after each connect the events that were delivered and never acknowledged are looked at through JetStream's JSON API, in
//! which headers are only base64. An unreadable one becomes a dead letter and is acknowledged by its number.

use async_nats::jetstream::response::Response;
use async_nats::{HeaderName, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use watchbell_core::Timestamp;
use watchbell_core::decode::{POSITION_HEADER, StreamPosition, text_of_header};
use watchbell_core::event::Original;

use crate::committer::Committer;
use crate::consumer::Feed;
use crate::original::is_own_header;
use crate::stream_setup::StreamSetup;

/// The most events that are looked at after one connect; the next connect goes on, as those are acknowledged by then.
const MOST: usize = 10_000;

#[derive(Deserialize)]
struct Answer {
    message: Raw,
}

#[derive(Deserialize)]
struct Raw {
    subject: String,
    seq: u64,
    #[serde(default)]
    data: String,
    #[serde(default)]
    hdrs: String,
    time: String,
}

/// Looks through the unacknowledged events of one consumer. Ends early when the connection does.
pub(crate) async fn clear(
    feed: &Feed,
    setup: &StreamSetup,
    committer: &Committer,
    stop: &CancellationToken,
) -> Result<(), async_nats::Error> {
    let context = setup.context();
    let stream = context.get_stream_no_info(setup.stream_name()).await?;
    let info = match stream.consumer_info(&feed.name).await {
        Ok(info) if info.num_ack_pending > 0 => info,
        // Nothing to look at, or no such consumer yet.
        _ => return Ok(()),
    };
    let mut next = info.ack_floor.stream_sequence + 1;
    for _ in 0..MOST {
        if next > info.delivered.stream_sequence || stop.is_cancelled() {
            break;
        }
        let subject = format!("STREAM.MSG.GET.{}", setup.stream_name());
        let answer = context.request(subject, &json!({"seq": next, "next_by_subj": feed.filter})).await?;
        let raw = match answer {
            Response::Ok(Answer { message }) => message,
            // No further message.
            Response::Err { .. } => break,
        };
        next = raw.seq + 1;
        if raw.seq <= info.delivered.stream_sequence && !is_readable(&raw) {
            let sequence = raw.seq;
            tracing::warn!(consumer = feed.name, sequence, "an event whose headers or subject no client can read; what can be is used");
            if committer.commit_original(original(raw, setup.stream_name()), stop).await.is_err() {
                break;
            }
            // The server goes by the stream's sequence (the third number's place); the others only serve statistics.
            let ack = format!("$JS.ACK.{}.{}.1.{sequence}.{sequence}.0.0", setup.stream_name(), feed.name);
            setup.connection().client().publish(ack, Vec::new().into()).await?;
        }
    }
    Ok(())
}

fn original(raw: Raw, stream: &str) -> Original {
    let received_at = Timestamp::parse_rfc3339(&raw.time).unwrap_or_default();
    let position = StreamPosition { stream, sequence: raw.seq, stored_at: received_at };
    let mut headers = headers(&STANDARD.decode(&raw.hdrs).unwrap_or_default());
    headers.retain(|(name, _)| !is_own_header(name));
    headers.push((POSITION_HEADER.to_owned(), position.to_header()));
    let payload = STANDARD.decode(raw.data).unwrap_or_default();
    Original { subject: raw.subject.replace('\0', "\u{fffd}"), headers, payload, received_at }
}

/// The headers of a block, in whatever encoding they are; lines that are none are left out.
fn headers(block: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| text_of_header(bytes.trim_ascii()).replace('\0', "\u{fffd}");
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((text(&line[..colon]), text(&line[colon + 1..])))
    };
    block.split(|byte| *byte == b'\n').skip(1).filter_map(header).collect()
}

/// Whether the client reads this message, as its `connection` module does.
fn is_readable(raw: &Raw) -> bool {
    // The JSON API has put this in the place of what was no UTF-8.
    if raw.subject.contains('\u{fffd}') {
        return false;
    }
    if raw.hdrs.is_empty() {
        return true;
    }
    STANDARD.decode(&raw.hdrs).is_ok_and(|block| std::str::from_utf8(&block).is_ok_and(is_readable_block))
}

fn is_readable_block(block: &str) -> bool {
    let mut lines = block.lines();
    let Some(version) = lines.next().and_then(|line| line.strip_prefix("NATS/1.0")) else { return false };
    let status = version.trim().split(' ').next().unwrap_or_default();
    if !status.is_empty() && status.parse::<StatusCode>().is_err() {
        return false;
    }
    let mut after_header = false;
    for line in lines.filter(|line| !line.is_empty()) {
        // A line that begins with white space goes on with the value before it.
        if after_header && line.starts_with(char::is_whitespace) {
            continue;
        }
        match line.split_once(':') {
            Some((name, _)) if name.parse::<HeaderName>().is_ok() => after_header = true,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_whatever_encoding_they_are() {
        let block = b"NATS/1.0\r\nce-source: /\xdcber\r\nno colon\r\nce-id:1\r\nce-type: /\xc3\x9cber\r\n\r\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(headers(block), [pair("ce-source", "/Über"), pair("ce-id", "1"), pair("ce-type", "/Über")]);
        assert_eq!(headers(b""), []);
    }

    #[test]
    fn what_the_client_cannot_read_is_known() {
        let table: [(&[u8], bool); 9] = [
            (b"NATS/1.0\r\nce-id: 1\r\n\r\n", true),
            (b"NATS/1.0\r\nce-id: 1\r\n 2: 3\r\n\r\n", true),
            (b"NATS/1.0 503\r\n\r\n", true),
            (b"NATS/1.0\r\n\r\n", true),
            (b"NATS/1.0 99999\r\n\r\n", false),
            (b"NATS/1.0\r\nno colon\r\n\r\n", false),
            (b"NATS/1.0\r\nna\xc3\xa4me: 1\r\n\r\n", false),
            (b"NATS/1.0\r\nce-id: \xff\r\n\r\n", false),
            (b"HTTP/1.1\r\n\r\n", false),
        ];
        for (block, readable) in table {
            let raw = Raw { subject: "s".to_owned(), seq: 1, data: String::new(), hdrs: STANDARD.encode(block), time: String::new() };
            assert_eq!(is_readable(&raw), readable, "{}", String::from_utf8_lossy(block));
        }
    }
}

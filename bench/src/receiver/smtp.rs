//! A mail relay: takes every mail, answers pipelined commands together, keeps connections.

use std::rc::Rc;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::notes::{Notes, Via};
use crate::clock::pause;
use crate::stamp::number_after;

const HELLO: &[u8] = b"250-bench.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN\r\n";
const LONGEST: usize = 1 << 20;

/// One connection, until it ends.
pub async fn serve(mut stream: TcpStream, notes: Rc<Notes>) {
    let mut session = Session { notes, user: None, in_mail: false, took_mail: false };
    let mut input = BytesMut::with_capacity(16_384);
    let mut output = b"220 bench.example ESMTP\r\n".to_vec();
    loop {
        while let Some(length) = session.step(&input, &mut output) {
            input.advance(length);
        }
        if !output.is_empty() {
            // A relay is slow where it takes the mail over.
            if std::mem::take(&mut session.took_mail) && !session.notes.delay().is_zero() {
                pause(session.notes.delay()).await;
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

struct Session {
    notes: Rc<Notes>,
    user: Option<u32>,
    in_mail: bool,
    took_mail: bool,
}

impl Session {
    /// Takes one command or one mail off the front; how long it was, or None while it is not whole.
    fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> Option<usize> {
        if self.in_mail {
            let end = memchr::memmem::find(input, b"\r\n.\r\n")?;
            let count = self.notes.take(Via::Email, self.user, &input[..end]);
            output.extend_from_slice(format!("250 2.0.0 Ok: queued as {count:X}\r\n").as_bytes());
            self.in_mail = false;
            self.took_mail = true;
            return Some(end + 5);
        }
        let end = memchr::memmem::find(input, b"\r\n")?;
        let word = input[..end].get(..4).unwrap_or_default().to_ascii_uppercase();
        output.extend_from_slice(match word.as_slice() {
            b"EHLO" => HELLO,
            b"AUTH" => b"235 2.7.0 welcome\r\n",
            b"DATA" => {
                self.in_mail = true;
                b"354 go ahead\r\n"
            }
            b"RCPT" => {
                self.user = number_after(b"<u", &input[..end]);
                b"250 2.1.5 ok\r\n"
            }
            b"QUIT" => b"221 2.0.0 bye\r\n",
            _ => b"250 2.0.0 ok\r\n",
        });
        Some(end + 2)
    }
}

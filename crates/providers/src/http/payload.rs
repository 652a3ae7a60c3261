//! A request's body, which passes the message's gate when it is about to be written: by then the connection stands.
//!
//! The head may have been written before. A service that got a head and no body has no message.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::gate::Gate;

type Asking = Pin<Box<dyn Future<Output = bool> + Send>>;

/// All of the body in one piece.
pub(super) struct Payload {
    bytes: Bytes,
    gate: Gate,
    asking: Option<Asking>,
}

/// The message is not wanted any more.
#[derive(Debug)]
pub(super) struct NotWanted;

impl fmt::Display for NotWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message is not wanted any more")
    }
}

impl std::error::Error for NotWanted {}

impl Payload {
    pub fn new(bytes: Bytes, gate: Gate) -> Self {
        Self { bytes, gate, asking: None }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = NotWanted;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NotWanted>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        if self.asking.is_some() || !self.gate.is_open() {
            let gate = self.gate.clone();
            let asking = self.asking.get_or_insert_with(|| Box::pin(async move { gate.opens().await }));
            match asking.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(false) => return Poll::Ready(Some(Err(NotWanted))),
                Poll::Ready(true) => {}
            }
        }
        self.asking = None;
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

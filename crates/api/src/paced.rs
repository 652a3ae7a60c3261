//! A connection whose other end has to take what it asked for.
//!
//! Writing may stand still for a while, and each while is longer by what was taken since; a client that takes less than
//! that is cut, and the memory of its answer is free.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// What a client takes at least of an answer that it keeps waiting, in bytes a second.
const LEAST_PER_S: u64 = 16 * 1024;

pub(crate) struct Paced<S> {
    stream: S,
    patience: Duration,
    /// Set while an answer cannot be written as fast as it is there.
    slow: Option<Slow>,
}

struct Slow {
    since: Instant,
    written: u64,
    until: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    pub fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, slow: None }
    }

    /// Nothing could be written now.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let patience = self.patience;
        let slow = self.slow.get_or_insert_with(|| {
            let since = Instant::now();
            Slow { since, written: 0, until: Box::pin(sleep_until(since + patience)) }
        });
        ready!(slow.until.as_mut().poll(context));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of the answer"))
    }

    fn written(&mut self, bytes: usize) {
        let Some(slow) = &mut self.slow else { return };
        slow.written += bytes as u64;
        let earned = Duration::from_millis(slow.written * 1_000 / LEAST_PER_S);
        slow.until.as_mut().reset(slow.since + self.patience + earned);
    }

    fn noted(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.wait(context).map(Err),
            Poll::Ready(written) => {
                self.written(*written.as_ref().unwrap_or(&0));
                Poll::Ready(written)
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.noted(context, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffers: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.noted(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for once all that there is has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
        self.slow = None;
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// So short that it can be waited for, and so long that a busy machine does not take a client for a slow one.
    const PATIENCE: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn who_takes_too_little_is_cut_and_who_takes_enough_is_not() {
        // A byte each time that there is room for one is no progress.
        let (ours, mut theirs) = duplex(4 * 1024);
        let drips = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(PATIENCE / 30);
            while theirs.read_u8().await.is_ok() {
                ticks.tick().await;
            }
        });
        let error = Paced::new(ours, PATIENCE).write_all(&vec![0; 256 * 1024]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drips.abort();
        let (ours, mut theirs) = duplex(4 * 1024);
        let reads = tokio::spawn(async move { theirs.read_exact(&mut vec![0; 256 * 1024]).await });
        Paced::new(ours, PATIENCE).write_all(&vec![0; 256 * 1024]).await.unwrap();
        reads.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_is_taken_earns_time() {
        let (ours, _theirs) = duplex(1);
        let mut ours = Paced::new(ours, PATIENCE);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(ours.wait(&mut context).is_pending());
        let deadline = |ours: &Paced<_>| ours.slow.as_ref().unwrap().until.deadline();
        let before = deadline(&ours);
        ours.written(usize::try_from(LEAST_PER_S).unwrap() * 2);
        assert_eq!(deadline(&ours) - before, Duration::from_secs(2));
        // All is written: the next answer begins anew.
        assert!(Pin::new(&mut ours).poll_flush(&mut context).is_ready());
        assert!(ours.slow.is_none());
    }
}

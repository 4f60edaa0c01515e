//! A stream whose other side has to go on reading: one that takes next to nothing for too long is given up.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// So much the other side has to take within the limit: who takes a byte now and then holds what is still to be sent.
const LEAST: usize = 64 << 10;

/// A stream with a limit on how long what is to be written may take.
pub(super) struct Stalling<S> {
    stream: S,
    limit: Duration,
    /// Runs from when a write had to wait until [`LEAST`] bytes are taken, or all there was to write.
    standing: Option<Pin<Box<Sleep>>>,
    /// Bytes taken since it runs.
    taken: usize,
}

impl<S: AsyncWrite + Unpin> Stalling<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, standing: None, taken: 0 }
    }

    /// Looks at how a write went.
    fn watch(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &written {
            self.taken = self.taken.saturating_add(*count);
            if self.taken >= LEAST {
                self.standing = None;
            }
            return written;
        }
        self.wait(context, written)
    }

    /// Looks at how it went to see all written.
    fn watch_end(&mut self, context: &mut Context<'_>, done: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        if done.is_ready() {
            self.standing = None;
            return done;
        }
        self.wait(context, done)
    }

    fn wait<T>(&mut self, context: &mut Context<'_>, pending: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if pending.is_ready() {
            return pending;
        }
        if self.standing.is_none() {
            self.taken = 0;
        }
        let limit = self.limit;
        let standing = self.standing.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(standing.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch_end(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch_end(context, shut)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_takes_a_byte_now_and_then_is_given_up() {
        let (stream, mut other) = duplex(1 << 10);
        let mut stalling = Stalling::new(stream, Duration::from_millis(300));
        let reading = tokio::spawn(async move {
            while other.read_u8().await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let large = vec![0; 1 << 20];
        let writing = tokio::time::timeout(Duration::from_secs(30), stalling.write_all(&large));
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        reading.abort();
    }

    #[tokio::test]
    async fn who_is_slow_has_all_by_and_by() {
        let (stream, mut other) = duplex(64 << 10);
        let mut stalling = Stalling::new(stream, Duration::from_secs(3));
        let reading = tokio::spawn(async move {
            let (mut all, mut buffer) = (0, vec![0; 64 << 10]);
            while let Ok(count @ 1..) = other.read(&mut buffer).await {
                all += count;
                sleep(Duration::from_millis(250)).await;
            }
            all
        });
        stalling.write_all(&vec![0; 1 << 20]).await.unwrap();
        stalling.flush().await.unwrap();
        drop(stalling);
        assert_eq!(reading.await.unwrap(), 1 << 20);
    }
}

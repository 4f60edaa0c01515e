//! One LDAP message after the other over a byte stream.

use std::{
    fmt, io,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_util::bytes::{Buf, BytesMut};

use super::{
    fault::{broken, closed, rubbish, timed_out},
    target::Target,
    wire::{self, Bytes, Message, Rubbish, op},
};
use crate::error::{Error, Result};

/// LDAP messages over a byte stream.
///
/// Each future of it may be dropped at any point: answers to requests that nobody waits for any more are passed over;
/// after a request that went out only in part the connection is of no more use.
pub(super) struct Pipe<S> {
    target: Target,
    stream: S,
    inbox: BytesMut,
    /// The request that is on its way out; empty once all of it has gone. It may hold a password.
    outbox: Bytes,
    last_id: i32,
    /// Why nothing can be said any more.
    broken: Option<Error>,
}

impl<S> fmt::Debug for Pipe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({})", self.target)
    }
}

/// An exchange that did not come to its end.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether any of the request may have reached the server.
    pub(super) sent: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pipe<S> {
    pub(super) fn new(target: Target, stream: S) -> Self {
        let (inbox, outbox) = (BytesMut::new(), Bytes::default());
        Self { target, stream, inbox, outbox, last_id: 0, broken: None }
    }

    /// The stream below; `None` when something has been read from it that nobody took.
    pub(super) fn into_stream(self) -> Option<S> {
        self.inbox.is_empty().then_some(self.stream)
    }

    /// The stream below, to look at.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// The number of the next request.
    pub(super) fn next_id(&mut self) -> i32 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    /// Sends one request.
    pub(super) async fn send(&mut self, request: Bytes) -> Result<(), Failure> {
        self.notice_an_end();
        if let Some(error) = &self.broken {
            return Err(Failure { error: error.clone(), sent: false });
        }
        if !self.outbox.is_empty() {
            // Going on where an earlier request was given up would make a write that nobody waits for any more.
            let error = self.give_up(closed(&self.target, ": an earlier request was given up half-way"));
            return Err(Failure { error, sent: false });
        }
        self.outbox = request;
        let outcome = self.flush().await;
        self.outbox = Bytes::default();
        outcome.map_err(|error| Failure { error: self.give_up(broken(&self.target, &error)), sent: true })
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.outbox).await?;
        self.stream.flush().await
    }

    /// Looks, without waiting, whether the server has closed the connection since: nothing that is sent then arrives.
    fn notice_an_end(&mut self) {
        if let Some(Err(error)) = self.fill().now_or_never() {
            self.give_up(error);
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.inbox).await {
            Ok(0) => Err(closed(&self.target, "")),
            Ok(_) => Ok(()),
            Err(error) => Err(broken(&self.target, &error)),
        }
    }

    /// The next message that answers request `id`.
    pub(super) async fn receive(&mut self, id: i32) -> Result<Message> {
        loop {
            if let Some(error) = &self.broken {
                return Err(error.clone());
            }
            match self.take() {
                Ok(Some(message)) if message.id == id => return Ok(message),
                // Message 0 is the notice of disconnection (RFC 4511, 4.4.1).
                Ok(Some(message)) if message.id == 0 && message.operation == op::EXTENDED_RESPONSE => {
                    let why = message.result().map(|result| format!(": {}", result.text)).unwrap_or_default();
                    self.give_up(closed(&self.target, &why));
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    if let Err(error) = self.fill().await {
                        self.give_up(error);
                    }
                }
                Err(Rubbish) => {
                    self.give_up(rubbish(&self.target));
                }
            }
        }
    }

    fn take(&mut self) -> Result<Option<Message>, Rubbish> {
        match wire::frame(&self.inbox)? {
            Some(length) if self.inbox.len() >= length => {
                let message = wire::decode(&self.inbox[..length])?;
                self.inbox.advance(length);
                Ok(Some(message))
            }
            _ => Ok(None),
        }
    }

    /// Nothing more is read or said on this connection, for this reason.
    pub(super) fn give_up(&mut self, error: Error) -> Error {
        self.broken.get_or_insert(error).clone()
    }

    /// Remembers that an answer made no sense: nothing on this connection is to be believed from here on.
    pub(super) fn distrust(&mut self) -> Error {
        self.give_up(rubbish(&self.target))
    }

    /// One request and what `collect` makes of its answers, within `limit`.
    pub(super) async fn exchange<T>(
        &mut self,
        limit: Duration,
        doing: &str,
        request: impl FnOnce(i32) -> Bytes,
        mut collect: impl FnMut(Message) -> Result<Option<T>, Rubbish>,
    ) -> Result<T, Failure> {
        let target = self.target.clone();
        let mut sent = false;
        let work = async {
            let id = self.next_id();
            self.send(request(id)).await.inspect_err(|failure| sent = failure.sent).map_err(|failure| failure.error)?;
            sent = true;
            loop {
                let message = self.receive(id).await?;
                match collect(message) {
                    Ok(Some(done)) => return Ok(done),
                    Ok(None) => {}
                    Err(Rubbish) => return Err(self.distrust()),
                }
            }
        };
        let begun = Instant::now();
        let outcome = timeout(limit, work).await;
        tracing::debug!("LDAP {doing} on {target}: {} ms", begun.elapsed().as_millis());
        match outcome {
            Ok(outcome) => outcome.map_err(|error| Failure { error, sent }),
            // Whether any of it had left cannot be told from here.
            Err(_) => Err(Failure { error: timed_out(&target, limit, doing), sent: true }),
        }
    }

    /// Tells the server to stop answering the last request, as far as it takes that within `limit`. What it sends all the same
    /// is passed over.
    pub(super) async fn abandon(&mut self, limit: Duration) {
        let of = self.last_id;
        let id = self.next_id();
        let _ = timeout(limit, self.send(wire::abandon(id, of))).await;
    }

    /// Says good-bye; what becomes of it does not matter.
    pub(super) async fn close(&mut self) {
        let id = self.next_id();
        if self.send(wire::unbind(id)).await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }
}

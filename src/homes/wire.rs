//! The connection's bytes: SMB's framing over TCP, the one announcement that the SMB library leaves out, and a note of what
//! went wrong on the wire, which the library itself reports as a mere disconnection.
//!
//! `smb2` encrypts, but its NEGOTIATE never sets `SMB2_GLOBAL_CAP_ENCRYPTION` (MS-SMB2 2.2.3), and without it a server
//! refuses every share that requires encryption (3.3.5.7). It also offers AES-256, with which it then makes its signing key
//! too long and cannot sign in. Both are mended here, on the way out. The two sides hash the NEGOTIATE messages into the
//! keys of SMB 3.1.1 (3.1.4.4.1), hence the bytes that really went over the wire are kept, for [`Wire::rehash`] to hash
//! instead of those that the library believes it sent.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use smb2::{
    client::Connection,
    crypto::kdf::PreauthHasher,
    msg::{
        header::Header,
        negotiate::{CIPHER_AES_128_CCM, CIPHER_AES_128_GCM, NegotiateContext, NegotiateRequest},
    },
    pack::{Pack, ReadCursor, Unpack, WriteCursor},
    transport::{TransportReceive, TransportSend},
    types::flags::Capabilities,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync,
};

/// No answer to what this room asks is anywhere near this long; a length beyond it is not SMB.
const LONGEST_FRAME: usize = 256 * 1024;
/// What was seen on the wire that no status code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server ended the connection.
    Closed,
    /// The bytes are not SMB.
    NotSmb,
    /// The server answers in SMB 1, which is neither safe nor spoken here.
    Smb1,
}

/// The two halves of a TCP connection, and what was noted about it. Clones share them.
#[derive(Clone)]
pub(super) struct Wire(Arc<Inner>);

struct Inner {
    incoming: sync::Mutex<OwnedReadHalf>,
    outgoing: sync::Mutex<OwnedWriteHalf>,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    fault: Option<Fault>,
    negotiate_sent: Option<Vec<u8>>,
    first_received: Option<Vec<u8>>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        let (incoming, outgoing) = stream.into_split();
        Self(Arc::new(Inner {
            incoming: sync::Mutex::new(incoming),
            outgoing: sync::Mutex::new(outgoing),
            noted: Mutex::default(),
        }))
    }

    /// A connection of the SMB library over this wire. `server` goes into the UNC path of each share.
    pub(super) fn connection(&self, server: &str) -> Connection {
        let mut connection = Connection::from_transport(Box::new(self.clone()), Box::new(self.clone()), server);
        connection.set_compression_requested(false);
        connection
    }

    /// What went wrong on the wire, if anything did.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.noted(|noted| noted.fault)
    }

    /// Makes the connection's hash that of the bytes which went over the wire. Call it after NEGOTIATE, before sign-in.
    pub(super) fn rehash(&self, connection: &Connection) {
        let (sent, received) = self.noted(|noted| (noted.negotiate_sent.take(), noted.first_received.take()));
        let mut hasher = PreauthHasher::new();
        for message in [sent, received].into_iter().flatten() {
            hasher.update(&message);
        }
        connection.with_preauth_hasher_mut(|of_connection| *of_connection = hasher);
    }

    fn noted<T>(&self, look: impl FnOnce(&mut Noted) -> T) -> T {
        look(&mut self.0.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fail(&self, fault: Fault) -> smb2::Error {
        self.noted(|noted| noted.fault = Some(fault));
        smb2::Error::Disconnected
    }

    async fn send_frame(&self, message: &[u8]) -> smb2::Result<()> {
        if is_negotiate(message) {
            let mended = mend(message)?;
            self.noted(|noted| noted.negotiate_sent = Some(mended.clone()));
            return self.send_bytes(&mended).await;
        }
        self.send_bytes(message).await
    }

    async fn send_bytes(&self, message: &[u8]) -> smb2::Result<()> {
        // Direct TCP (MS-SMB2 2.1): one zero byte and the length in three.
        let mut frame = Vec::with_capacity(4 + message.len());
        frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
        frame.extend_from_slice(message);
        let mut outgoing = self.0.outgoing.lock().await;
        outgoing.write_all(&frame).await.map_err(|_| self.fail(Fault::Closed))
    }

    async fn receive_frame(&self) -> smb2::Result<Vec<u8>> {
        let mut incoming = self.0.incoming.lock().await;
        let mut prefix = [0; 4];
        incoming.read_exact(&mut prefix).await.map_err(|_| self.fail(Fault::Closed))?;
        let length = u32::from_be_bytes(prefix) as usize;
        if !(4..=LONGEST_FRAME).contains(&length) {
            return Err(self.fail(Fault::NotSmb));
        }
        let mut message = vec![0; length];
        incoming.read_exact(&mut message).await.map_err(|_| self.fail(Fault::Closed))?;
        match &message[..4] {
            // A plain message, an encrypted one, a compressed one (2.2.1, 2.2.41, 2.2.42).
            b"\xFESMB" | b"\xFDSMB" | b"\xFCSMB" => {}
            b"\xFFSMB" => return Err(self.fail(Fault::Smb1)),
            _ => return Err(self.fail(Fault::NotSmb)),
        }
        self.noted(|noted| {
            noted.first_received.get_or_insert_with(|| message.clone());
        });
        Ok(message)
    }
}

/// A plain message of command 0 (2.2.1.2).
fn is_negotiate(message: &[u8]) -> bool {
    message.starts_with(b"\xFESMB") && message.get(12..14) == Some(&[0, 0])
}

/// The NEGOTIATE as it should be: encryption announced, and only with the ciphers that work.
fn mend(message: &[u8]) -> smb2::Result<Vec<u8>> {
    let (header, body) = message.split_at(Header::SIZE.min(message.len()));
    let mut request = NegotiateRequest::unpack(&mut ReadCursor::new(body))?;
    request.capabilities = Capabilities::new(request.capabilities.bits() | Capabilities::ENCRYPTION);
    for context in &mut request.negotiate_contexts {
        if let NegotiateContext::Encryption { ciphers } = context {
            *ciphers = vec![CIPHER_AES_128_GCM, CIPHER_AES_128_CCM];
        }
    }
    let mut mended = WriteCursor::new();
    mended.write_bytes(header);
    request.pack(&mut mended);
    Ok(mended.into_inner())
}

// The library's traits are `async_trait`s; these are the signatures that it expands to.
impl TransportSend for Wire {
    fn send<'a, 'b, 'r>(&'a self, data: &'b [u8]) -> BoxFuture<'r, smb2::Result<()>>
    where
        'a: 'r,
        'b: 'r,
        Self: 'r,
    {
        Box::pin(self.send_frame(data))
    }
}

impl TransportReceive for Wire {
    fn receive<'a, 'r>(&'a self) -> BoxFuture<'r, smb2::Result<Vec<u8>>>
    where
        'a: 'r,
        Self: 'r,
    {
        Box::pin(self.receive_frame())
    }
}

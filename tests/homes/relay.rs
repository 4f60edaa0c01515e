//! A relay between a test and the server: it keeps what passes, and can cut the connection after any answer.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use libretto::homes::HomeServer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// One connection's worth of relaying.
pub struct Relay {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
    answered: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Relay {
    /// Relays one connection to `to`, and cuts it once `answers` of the server's messages have passed.
    pub async fn to(to: SocketAddr, answers: usize) -> Self {
        Self::start(to, answers, |_| ()).await
    }

    /// Relays one connection, offering the server only the lowest `count` of the client's dialects.
    pub async fn offering(to: SocketAddr, count: u8) -> Self {
        // The dialects ascend (MS-SMB2 2.2.3); their count is behind the header and the structure's size.
        Self::start(to, usize::MAX, move |negotiate| negotiate[64 + 2] = count).await
    }

    async fn start(to: SocketAddr, answers: usize, change_first: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), asked: Arc::default(), answered: Arc::default() };
        let (asked, answered) = (relay.asked.clone(), relay.answered.clone());
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = TcpStream::connect(to).await.unwrap().into_split();
            tokio::select! {
                () = pass(from_client, to_server, &asked, usize::MAX, &change_first) => {}
                () = pass(from_server, to_client, &answered, answers, &|_| ()) => {}
            }
        });
        relay
    }

    /// The same share, by way of the relay.
    pub fn instead_of(&self, server: &HomeServer) -> HomeServer {
        HomeServer { server: self.address.ip().to_string(), port: self.address.port(), ..server.clone() }
    }

    /// The client's messages so far.
    pub fn asked(&self) -> Vec<Vec<u8>> {
        self.asked.lock().unwrap().clone()
    }

    /// The server's messages so far.
    pub fn answered(&self) -> Vec<Vec<u8>> {
        self.answered.lock().unwrap().clone()
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    kept: &Mutex<Vec<Vec<u8>>>,
    most: usize,
    change_first: &(impl Fn(&mut [u8]) + Sync),
) {
    let mut passed = 0;
    while passed < most {
        let Ok(length) = from.read_u32().await else { return };
        let mut message = vec![0; length as usize];
        if from.read_exact(&mut message).await.is_err() {
            return;
        }
        if passed == 0 {
            change_first(&mut message);
        }
        // A slow answer is announced by an interim one, unsigned (STATUS_PENDING, MS-SMB2 3.3.4.2): it is no answer.
        let interim = message.starts_with(b"\xFESMB") && message[8..12] == 0x103_u32.to_le_bytes();
        if !interim {
            kept.lock().unwrap().push(message.clone());
            passed += 1;
        }
        if to.write_u32(length).await.is_err() || to.write_all(&message).await.is_err() {
            return;
        }
    }
}

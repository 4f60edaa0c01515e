//! A relay between Libretto and a server, which can be held and cut, and led to another server.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What becomes of the connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    Held,
}

/// Passes every connection on.
pub struct Relay {
    address: SocketAddr,
    line: watch::Sender<Line>,
    server: watch::Sender<SocketAddr>,
    once: Arc<Mutex<VecDeque<SocketAddr>>>,
}

impl Relay {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (line, seen) = watch::channel(Line::Open);
        let (server, to) = watch::channel(server);
        let once = Arc::<Mutex<VecDeque<SocketAddr>>>::default();
        let turns = Arc::clone(&once);
        let relay = Self { address: listener.local_addr().unwrap(), line, server, once };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = turns.lock().unwrap().pop_front().unwrap_or(*to.borrow());
                tokio::spawn(pass(client, server, seen.clone()));
            }
        });
        relay
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections go to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.server.send_replace(server);
    }

    /// The next connections go to these, one each; those after them where they went before.
    pub fn lead_once(&self, servers: &[SocketAddr]) {
        self.once.lock().unwrap().extend(servers);
    }

    /// Passes nothing on from now on.
    pub fn hold(&self) {
        self.line.send_replace(Line::Held);
    }

    /// Cuts what is held; new connections are passed on.
    pub fn cut(&self) {
        self.line.send_replace(Line::Open);
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut line: watch::Receiver<Line>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! { biased;
        _ = line.wait_for(|line| *line == Line::Held) => {}
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
    }
    let _ = line.wait_for(|line| *line == Line::Open).await;
}

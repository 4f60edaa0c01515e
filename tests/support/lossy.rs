//! Stands before a service of HTTP and loses what it is told to lose.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What becomes of a request of the method that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Passed on, and answered.
    None,
    /// The connection ends before the service has it.
    Before,
    /// The connection ends when the service has answered.
    After,
    /// The service never has it, and there is no answer.
    HangBefore,
    /// There is no answer, though the service has given one.
    HangAfter,
}

/// The one that stands there.
#[derive(Clone)]
pub struct Lossy {
    pub port: u16,
    to: String,
    loss: Arc<Mutex<(&'static str, Loss)>>,
}

impl Lossy {
    /// Before a service at `host:port`.
    pub async fn before(service: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lossy = Self { port, to: service.to_owned(), loss: Arc::new(Mutex::new(("", Loss::None))) };
        let own = lossy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let lossy = own.clone();
                tokio::spawn(async move { lossy.pass(client).await });
            }
        });
        lossy
    }

    /// From now on, of this method's requests.
    pub fn lose(&self, method: &'static str, loss: Loss) {
        *self.loss.lock().unwrap() = (method, loss);
    }

    /// One request and its answer; the service is told to end the connection then.
    async fn pass(&self, mut client: TcpStream) -> Option<()> {
        let request = request(&mut client).await?;
        let (method, loss) = *self.loss.lock().unwrap();
        let loss = if request.starts_with(&format!("{method} ")) { loss } else { Loss::None };
        match loss {
            Loss::Before => return None,
            Loss::HangBefore => std::future::pending().await,
            _ => {}
        }
        let mut service = TcpStream::connect(&self.to).await.ok()?;
        let (line, rest) = request.split_once("\r\n")?;
        service.write_all(format!("{line}\r\nConnection: close\r\n{rest}").as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        service.read_to_end(&mut answer).await.ok()?;
        match loss {
            Loss::After => None,
            Loss::HangAfter => std::future::pending().await,
            _ => client.write_all(&answer).await.ok(),
        }
    }
}

/// A request, whole.
async fn request(client: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return String::from_utf8(bytes).ok();
            }
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

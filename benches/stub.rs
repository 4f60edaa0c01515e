//! A server that answers every request after a fixed time, in a process of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}";

/// What the server has to say of itself.
#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    microseconds: AtomicU64,
}

/// Serves HTTP/1.1 with keep-alive on a port that it prints as its first line. `GET /seen` answers how many requests there
/// were and how many microseconds passed between reading one and answering it, on average.
pub fn http(ms: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        let seen = Arc::new(Seen::default());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream, Duration::from_millis(ms), Arc::clone(&seen)));
        }
    });
}

async fn serve(mut stream: TcpStream, patience: Duration, seen: Arc<Seen>) {
    let mut inbox = Vec::with_capacity(1024);
    while let Ok(1..) = stream.read_buf(&mut inbox).await {
        while let Some(end) = inbox.windows(4).position(|four| four == b"\r\n\r\n") {
            let about_itself = inbox.starts_with(b"GET /seen");
            inbox.drain(..end + 4);
            let answer = if about_itself { report(&seen) } else { wait(patience, &seen).await };
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

async fn wait(patience: Duration, seen: &Seen) -> Vec<u8> {
    let begun = Instant::now();
    tokio::time::sleep(patience).await;
    seen.requests.fetch_add(1, Ordering::Relaxed);
    seen.microseconds.fetch_add(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
    ANSWER.to_vec()
}

fn report(seen: &Seen) -> Vec<u8> {
    let requests = seen.requests.swap(0, Ordering::Relaxed);
    let average = seen.microseconds.swap(0, Ordering::Relaxed) / requests.max(1);
    let body = format!("{{\"requests\":{requests},\"microseconds\":{average}}}");
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

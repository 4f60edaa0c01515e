//! From a server's name to a TCP connection, with an error for each thing that can be in the way.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};

use super::{HomeServer, refusal};
use crate::error::{Error, Result};

/// Looks up a server's addresses; the system's resolver is used where none is given.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, best first. An empty list means that the name does not exist.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>>>;
}

/// Fixed addresses by name, in lower case; any other name does not exist.
impl Resolve for BTreeMap<String, IpAddr> {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>>> {
        let found = self.get(&host.to_ascii_lowercase()).copied();
        Box::pin(async move { Ok(found.into_iter().collect()) })
    }
}

/// Looks the name up and connects to the first of its addresses that answers, all within `limit`.
pub(super) async fn connect(server: &HomeServer, resolver: Option<&dyn Resolve>, limit: Duration) -> Result<TcpStream> {
    let deadline = Instant::now() + limit;
    let addresses = timeout_at(deadline, look_up(server, resolver))
        .await
        .map_err(|_| refusal::timeout(server, "the look-up of its name", limit))??;
    let mut last = None;
    for (index, address) in addresses.iter().enumerate() {
        // A dead address gets its share of the time only, so that the next one has its chance.
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = Instant::now() + deadline.saturating_duration_since(Instant::now()) / left;
        last = Some(match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are small and each waits for its answer: holding them back to fill a packet only costs time.
                stream.set_nodelay(true).map_err(|e| unreachable(server, address, &e))?;
                return Ok(stream);
            }
            Ok(Err(error)) => unreachable(server, address, &error),
            Err(_) => refusal::timeout(server, "the connection", limit).with("address", address.to_string()),
        });
    }
    Err(last.unwrap_or_else(|| no_such_name(server)))
}

async fn look_up(server: &HomeServer, resolver: Option<&dyn Resolve>) -> Result<Vec<SocketAddr>> {
    let host = server.server.as_str();
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, server.port).into()]);
    }
    let found = match resolver {
        Some(resolver) => {
            resolver.addresses(host).await?.into_iter().map(|address| (address, server.port).into()).collect()
        }
        None => match lookup_host((host, server.port)).await {
            Ok(addresses) => addresses.collect(),
            Err(_) => Vec::new(),
        },
    };
    if found.is_empty() { Err(no_such_name(server)) } else { Ok(found) }
}

fn no_such_name(server: &HomeServer) -> Error {
    Error::new("home.unreachable", format!("{server} cannot be reached: the name {} is not known", server.server))
        .hint("check the name's spelling and this machine's DNS, or give the server's address")
        .with("reason", "name")
        .retryable()
}

fn unreachable(server: &HomeServer, address: &SocketAddr, cause: &io::Error) -> Error {
    let (reason, words, hint) = match cause.kind() {
        io::ErrorKind::ConnectionRefused => (
            "refused",
            "nothing listens there".to_owned(),
            "see that the file service runs, and that the port is the right one",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ("route", "there is no route to it".to_owned(), "check the network, the VPN and the routes of this machine")
        }
        _ => ("other", cause.to_string(), "check the network between this machine and the server"),
    };
    Error::new("home.unreachable", format!("{server} cannot be reached at {address}: {words}"))
        .hint(hint)
        .with("reason", reason)
        .with("address", address.to_string())
        .retryable()
}

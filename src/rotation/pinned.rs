//! A target as one server. A name may lead to another controller when it is asked again (the domain's own name, an alias, a
//! balancer), and that one may lag: what it shows says nothing of the write, and the new password is a wrong one there.
//!
//! So whoever connects again goes to the address that answered before, and sees that it is the server that it was.

use std::{net::IpAddr, time::Duration};

use super::controllers::Controller;
use crate::{
    directory::{Endpoint, Session, Target},
    error::{Error, Result},
};

/// Connections that are tried. Connecting costs no attempt of the account's.
const CONNECTS: u32 = 3;

/// How long to wait between them.
const PAUSE: Duration = Duration::from_millis(500);

/// The server's own name, e.g. `DC1`: the first part of the rootDSE's `serverName`, which holds the site as well, and a
/// controller may move to another one. `None` where it does not say.
pub(super) async fn server_of(session: &Session) -> Result<Option<String>> {
    let dn = session.root_dse().await?.server_name.as_deref();
    Ok(dn.and_then(|dn| dn.split(',').next()?.split_once('=')).map(|(_, name)| name.trim().to_owned()))
}

/// Whether two names are those of one server, or neither is known. Case does not count.
pub(super) fn is_one_server(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => true,
        _ => false,
    }
}

/// What a server is to whoever connects to it again.
#[derive(Clone, Copy)]
pub(super) enum Was {
    /// The change went there.
    Changed,
    /// It was read there whether the change has come.
    LookedAt,
}

/// A fresh connection to a target: to the server that it was, where that is known; first at this address, if it is known.
///
/// # Errors
/// `rotation.other_server` when another one answers.
pub(super) async fn connect(
    endpoint: &Endpoint,
    address: Option<IpAddr>,
    server: Option<&str>,
    was: Was,
) -> Result<Session> {
    let there = address.map(|address| endpoint.at(Target { address: Some(address), ..endpoint.target.clone() }));
    let mut tried = 1;
    loop {
        let way = there.as_ref().filter(|_| tried == 1).unwrap_or(endpoint);
        match open(way, server, was).await {
            Err(error) if tried == CONNECTS => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
            opened => return opened,
        }
        tried += 1;
    }
}

/// The same to the server that a session was opened with.
pub(super) async fn again(one: &Controller, was: Was) -> Result<Session> {
    connect(&one.endpoint, one.session.address(), one.own_name.as_deref(), was).await
}

async fn open(endpoint: &Endpoint, server: Option<&str>, was: Was) -> Result<Session> {
    let session = Session::open(endpoint).await?;
    let Some(wanted) = server else { return Ok(session) };
    match server_of(&session).await? {
        Some(found) if !is_one_server(Some(&found), server) => Err(other_server(endpoint, &found, wanted, was)),
        _ => Ok(session),
    }
}

fn other_server(endpoint: &Endpoint, found: &str, wanted: &str, was: Was) -> Error {
    let target = &endpoint.target;
    let was = match was {
        Was::Changed => format!("the change was sent to {wanted}"),
        Was::LookedAt => format!("it was {wanted} that was looked at"),
    };
    Error::inconclusive("rotation.other_server", format!("{target} leads to {found} now, and {was}"))
        .hint(format!("see that {target} leads to {wanted} again, and give controllers by their own names as targets"))
        .with("target", target.to_string())
        .with("server", found)
        .retryable()
}

#[cfg(test)]
mod tests {
    use super::is_one_server;

    #[test]
    fn a_servers_name_is_the_same_in_any_case() {
        assert!(is_one_server(Some("DC1"), Some("dc1")));
        assert!(!is_one_server(Some("DC1"), Some("DC2")));
        assert!(!is_one_server(Some("DC1"), None));
        assert!(is_one_server(None, None));
    }
}

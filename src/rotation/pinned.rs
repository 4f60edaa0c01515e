//! The pinned target as one server. A name may lead to another controller when it is asked again (the domain's own name, an
//! alias, a balancer), and that one may lag: what it shows says nothing of the write.

use std::time::Duration;

use crate::{
    directory::{Endpoint, Session},
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

/// A fresh connection to the pinned target: to the server that it was, where that is known.
///
/// # Errors
/// `rotation.other_server` when another one answers.
pub(super) async fn connect(endpoint: &Endpoint, server: Option<&str>) -> Result<Session> {
    let mut tried = 1;
    loop {
        match open(endpoint, server).await {
            Err(error) if tried == CONNECTS => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
            opened => return opened,
        }
        tried += 1;
    }
}

async fn open(endpoint: &Endpoint, server: Option<&str>) -> Result<Session> {
    let session = Session::open(endpoint).await?;
    let Some(wanted) = server else { return Ok(session) };
    match server_of(&session).await? {
        Some(found) if !is_one_server(Some(&found), server) => Err(other_server(endpoint, &found, wanted)),
        _ => Ok(session),
    }
}

fn other_server(endpoint: &Endpoint, found: &str, wanted: &str) -> Error {
    let target = &endpoint.target;
    Error::inconclusive(
        "rotation.other_server",
        format!("{target} leads to {found} now, and the change was sent to {wanted}"),
    )
    .hint(format!("see that {target} leads to {wanted} again, and give controllers by their own names as targets"))
    .with("target", target.to_string())
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

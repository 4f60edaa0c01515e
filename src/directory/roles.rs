//! Which controller holds the PDC emulator's role: the one that every other asks before it refuses a password.

use super::session::Session;
use crate::error::Result;

/// The holder of the PDC emulator's role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PdcEmulator {
    /// The DN of its server object: the `serverName` of its rootDSE.
    pub server: String,
    /// Its host name, where that may be read.
    pub host: Option<String>,
}

/// Asks the domain object who holds the role (`fSMORoleOwner`, MS-ADTS 3.1.1.1.11); `None` when that may not be read.
pub async fn pdc_emulator(session: &Session) -> Result<Option<PdcEmulator>> {
    let base = session.base().await?.to_owned();
    let owner = session.read(&base, &["fSMORoleOwner"]).await?.and_then(|entry| entry.text("fSMORoleOwner"));
    // The owner is the controller's NTDS settings object, a child of its server object (MS-ADTS 6.1.1.2.2.1.2.1).
    let Some((_, server)) = owner.as_deref().and_then(|owner| owner.split_once(',')) else { return Ok(None) };
    let host = session.read(server, &["dNSHostName"]).await?.and_then(|entry| entry.text("dNSHostName"));
    Ok(Some(PdcEmulator { server: server.to_owned(), host }))
}

//! The targets: who answers, who can be written to, and which one the change goes to.

use std::time::Duration;

use futures_util::future::join_all;

use super::pinned;
use crate::{
    directory::{self, Endpoint, Limits, PdcEmulator, Session, Target},
    error::{Error, Result},
};

/// How long the PDC emulator may take to answer where it is none of the connection's targets.
const DETOUR: Duration = Duration::from_secs(2);

/// A target that answers, with the session that stays open through the rotation.
pub(super) struct Controller {
    pub(super) endpoint: Endpoint,
    /// As it is written.
    pub(super) name: String,
    pub(super) session: Session,
    pub(super) read_only: bool,
    /// `serverName` of its rootDSE.
    server: Option<String>,
    /// Its own name, whatever it was reached by.
    pub(super) own_name: Option<String>,
    domain: String,
    /// `pwdLastSet` of the account before the change, in ticks; `None` where it may not be read.
    pub(super) before: Option<i64>,
    /// How many times the password was set by then, as this one had heard; read only where the change goes.
    pub(super) version: Option<u32>,
    /// The other connection of the account that brought it.
    pub(super) of: Option<String>,
}

/// A target that does not answer, or not as it should.
pub(super) struct Down {
    pub(super) target: String,
    pub(super) error: Error,
    /// The other connection of the account that brought it.
    pub(super) of: Option<String>,
}

impl Controller {
    /// Where it answered, of the addresses that its name may have.
    pub(super) fn where_it_answered(&self) -> Endpoint {
        let target = &self.endpoint.target;
        let address = self.session.address().or(target.address);
        self.endpoint.at(Target { address, ..target.clone() })
    }
}

/// Connects to one target and asks its rootDSE. Nobody signs in.
async fn open(endpoint: &Endpoint) -> Result<Controller> {
    let session = Session::open(endpoint).await?;
    let root = session.root_dse().await?;
    let (read_only, server, domain) = (root.is_read_only(), root.server_name.clone(), root.domain());
    let (name, own_name) = (endpoint.target.to_string(), pinned::server_of(&session).await?);
    let endpoint = endpoint.clone();
    Ok(Controller {
        endpoint,
        name,
        session,
        read_only,
        server,
        own_name,
        domain,
        before: None,
        version: None,
        of: None,
    })
}

/// Connects to all targets at once.
pub(super) async fn open_all(endpoints: &[Endpoint]) -> (Vec<Controller>, Vec<Down>) {
    let (mut controllers, mut down) = (Vec::new(), Vec::new());
    for (endpoint, opened) in endpoints.iter().zip(join_all(endpoints.iter().map(open)).await) {
        match opened {
            Ok(controller) => controllers.push(controller),
            Err(error) => down.push(Down { target: endpoint.target.to_string(), error, of: None }),
        }
    }
    (controllers, down)
}

/// The target that goes first: nobody writes to a read-only one.
pub(super) fn first_writable(controllers: &[Controller]) -> Result<usize> {
    controllers.iter().position(|controller| !controller.read_only).ok_or_else(|| {
        Error::new("rotation.no_writable_target", "no target that can be written to answers")
            .hint("give the connection a target that is not a read-only domain controller")
    })
}

/// All targets must hold the same account: two domains behind one connection would be two accounts.
pub(super) fn one_domain(controllers: &[Controller]) -> Result<()> {
    let Some((first, rest)) = controllers.split_first() else { return Ok(()) };
    match rest.iter().find(|other| other.domain != first.domain) {
        None => Ok(()),
        Some(other) => Err(Error::new(
            "rotation.other_domain",
            format!("{} is of the domain {}, {} of {}", first.name, first.domain, other.name, other.domain),
        )
        .hint("give the connection only targets of its own domain")),
    }
}

/// Where the change goes: the PDC emulator, if it is among `controllers` (which it joins if it is none of the
/// connection's targets and can be reached), else the one at `canary`.
pub(super) async fn pin(controllers: &mut Vec<Controller>, canary: usize) -> Result<usize> {
    let Some(pdc) = directory::pdc_emulator(&controllers[canary].session).await? else { return Ok(canary) };
    let is_pdc = |controller: &Controller| {
        !controller.read_only
            && controller.server.as_ref().is_some_and(|server| server.eq_ignore_ascii_case(&pdc.server))
    };
    if let Some(found) = controllers.iter().position(is_pdc) {
        return Ok(found);
    }
    match reach(&pdc, &controllers[canary].endpoint).await.filter(is_pdc) {
        Some(found) => {
            controllers.push(found);
            Ok(controllers.len() - 1)
        }
        None => Ok(canary),
    }
}

/// The PDC emulator by its own name, if it answers soon: a rotation does not depend on it.
async fn reach(pdc: &PdcEmulator, like: &Endpoint) -> Option<Controller> {
    let endpoint = like.at(Target::new(pdc.host.clone()?));
    let in_haste = endpoint.clone().with_limits(Limits { connect: DETOUR, operation: DETOUR });
    tokio::time::timeout(2 * DETOUR, open(&in_haste)).await.ok()?.ok()?;
    // Once more, with the usual patience: the write will go over this session.
    open(&endpoint).await.ok()
}

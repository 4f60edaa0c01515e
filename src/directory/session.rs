//! One connection, signed in as one identity.

use std::net::IpAddr;

use tokio::sync::{Mutex, OnceCell};
use zeroize::Zeroizing;

use super::{
    bounds::{self, Bounds, Enough},
    check::{Gate, NoGate},
    endpoint::{Endpoint, Limits},
    entry::Entry,
    filter,
    link::{self, Link},
    outcome::{self, LdapResult, Operation},
    pipe::Failure,
    root_dse::RootDse,
    target::Target,
    wire::{self, Change, Scope, Search, op},
};
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// How many entries a page of a search holds; a controller gives at most 1,000 (`MaxPageSize`, MS-ADTS 3.1.1.3.4.6).
const PAGE: usize = 500;

/// Who signs in.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `user@domain`, `DOMAIN\user` or a DN; a bare name is refused by a directory as a wrong password.
    pub name: String,
    /// The password. That a [`Secret`] is never empty matters: an empty one would be an anonymous sign-in.
    pub password: Secret,
}

/// A connection to one controller. All its requests go one after the other; share it by reference.
///
/// Dropping it closes the connection; [`Session::close`] says good-bye first.
#[derive(Debug)]
pub struct Session {
    target: Target,
    limits: Limits,
    address: Option<IpAddr>,
    link: Mutex<Link>,
    root: OnceCell<RootDse>,
}

/// What a search found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// Whether there is more than was asked for.
    pub(super) more: bool,
}

/// How a page of a search ended.
enum Page {
    /// The server's last word on it, and the cookie that leads to the next.
    Ended(LdapResult, Vec<u8>),
    /// There is more than is read.
    Cut(Enough),
}

impl Session {
    /// Connects without signing in: enough for the rootDSE, for nothing else.
    ///
    /// # Errors
    /// `ad.wrong_domain` where the endpoint is of a domain and the controller of another one.
    pub async fn open(endpoint: &Endpoint) -> Result<Self> {
        let link = link::connect(endpoint).await?;
        let (address, target) = (link::address(&link), endpoint.target.clone());
        let session = Self { target, limits: endpoint.limits, address, link: Mutex::new(link), root: OnceCell::new() };
        if let Some(domain) = endpoint.domain() {
            session.root_dse().await?.refuse_other_domain(domain, &session.target)?;
        }
        Ok(session)
    }

    /// Connects and signs in.
    ///
    /// # Errors
    /// Those of connecting, `ad.unreachable`, `ad.refused`, `ad.timeout`, `ad.tls_*`, `ad.closed`, `ad.protocol`; and
    /// those of the sign-in, see [`outcome`].
    pub async fn connect(endpoint: &Endpoint, identity: &Identity) -> Result<Self> {
        Self::connect_through(endpoint, identity, &NoGate).await
    }

    /// Connects and signs in, asking `gate` between the two: what cannot be reached costs no attempt.
    pub async fn connect_through(endpoint: &Endpoint, identity: &Identity, gate: &dyn Gate) -> Result<Self> {
        let session = Self::open(endpoint).await?;
        gate.before_bind(&endpoint.target, identity).await?;
        let outcome = session.bind(identity).await;
        gate.after_bind(&endpoint.target, identity, &outcome).await;
        outcome.map(|()| session)
    }

    /// Signs in on this connection, exactly one attempt.
    pub async fn bind(&self, identity: &Identity) -> Result<()> {
        if identity.name.trim().is_empty() {
            return Err(Error::new("ad.bad_name", "there is no name to sign in with")
                .hint("write the name as user@domain, DOMAIN\\user or a DN"));
        }
        tracing::info!("signs in on {} as {}", self.target, identity.name);
        let request = |id| wire::bind(id, &identity.name, identity.password.expose());
        let outcome = match self.single("sign-in", op::BIND_RESPONSE, request).await {
            Ok(result) if result.code == 0 => Ok(()),
            Ok(result) => {
                Err(outcome::error_of(Operation::Bind, &result, &self.target).with("name", identity.name.clone()))
            }
            Err(failure) => Err(failure.error),
        };
        match &outcome {
            Ok(()) => tracing::info!("{} accepted the sign-in of {}", self.target, identity.name),
            Err(error) => tracing::info!("{} did not accept the sign-in of {}: {error:?}", self.target, identity.name),
        }
        outcome
    }

    /// The controller at the other end.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The address that answered, of those that the target's name may have.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// What the controller says about itself; asked once.
    pub async fn root_dse(&self) -> Result<&RootDse> {
        self.root.get_or_try_init(|| RootDse::read(self)).await
    }

    /// The DN of the domain, e.g. `DC=corp,DC=test`.
    pub async fn base(&self) -> Result<&str> {
        Ok(&self.root_dse().await?.default_naming_context)
    }

    /// Ends the connection politely.
    pub async fn close(self) {
        let mut link = self.link.into_inner();
        let _ = tokio::time::timeout(self.limits.connect, link.close()).await;
    }

    /// Reads one object; `None` when it is not there or may not be seen.
    pub(super) async fn read(&self, dn: &str, attributes: &[&str]) -> Result<Option<Entry>> {
        match self.find(dn, Scope::Base, "(objectClass=*)", attributes, 1).await {
            Ok(found) => Ok(found.entries.into_iter().next()),
            Err(error) if error.code() == "ad.not_found" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Searches, page by page, until `limit` entries have come.
    pub(super) async fn find(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        limit: usize,
    ) -> Result<Found> {
        let filter = filter::parse(filter)?;
        let mut found = Found { entries: Vec::new(), more: false };
        let (mut cookie, mut bounds) = (Vec::new(), Bounds::new(scope, limit));
        loop {
            let size = PAGE.min(limit.saturating_sub(found.entries.len()).saturating_add(1));
            let page = (scope != Scope::Base).then(|| (size, std::mem::take(&mut cookie)));
            let search = Search { base, scope, filter: filter.clone(), attributes, page };
            let Some((result, next)) = self.page(search, &mut found.entries, &mut bounds).await? else {
                found.entries.truncate(limit);
                found.more = true;
                return Ok(found);
            };
            // 4 is sizeLimitExceeded: what came is right, and there is more.
            if result.code != 0 && result.code != 4 {
                return Err(outcome::error_of(Operation::Search, &result, &self.target).with("base", base));
            }
            found.more = result.code == 4 || !next.is_empty();
            cookie = next;
            if found.entries.len() > limit {
                found.entries.truncate(limit);
                found.more = true;
            }
            if cookie.is_empty() || found.more && found.entries.len() >= limit {
                return Ok(found);
            }
        }
    }

    /// One page: its entries are added to `entries`; the cookie leads to the next. `None` when there is more than was asked for,
    /// which is not read.
    async fn page(
        &self,
        search: Search<'_>,
        entries: &mut Vec<Entry>,
        bounds: &mut Bounds,
    ) -> Result<Option<(LdapResult, Vec<u8>)>> {
        tracing::trace!("searches {} ({:?}) on {} for {:?}", search.base, search.scope, self.target, search.attributes);
        let (mut link, before) = (self.link.lock().await, entries.len());
        let collect = |message: wire::Message| match message.operation {
            op::ENTRY => {
                let entry = Entry::new(message.entry()?);
                let taken = bounds.take(&entry, entries.len());
                entries.push(entry);
                Ok(taken.err().map(Page::Cut))
            }
            // Referrals to other domains are not followed.
            op::REFERENCE | op::INTERMEDIATE => Ok(None),
            op::SEARCH_DONE => {
                let result = message.result()?;
                let page = bounds.page(entries.len() - before);
                Ok(Some(page.map_or_else(Page::Cut, |()| Page::Ended(result, message.cookie))))
            }
            _ => Err(wire::Rubbish),
        };
        let request = |id| wire::search(id, search);
        let page = link.exchange(self.limits.operation, "search", request, collect).await;
        match page.map_err(|failure| failure.error)? {
            Page::Ended(result, cookie) => Ok(Some((result, cookie))),
            Page::Cut(Enough::Entries) => {
                link.abandon(self.limits.connect).await;
                Ok(None)
            }
            Page::Cut(Enough::TooMuch(what)) => Err(link.give_up(bounds::too_much(&self.target, what))),
        }
    }

    /// Changes one object. An error says by its verdict whether the change was surely not made (`failed`) or whether
    /// that is unknown (`in-doubt`).
    pub(super) async fn modify(&self, operation: Operation, dn: &str, changes: &[Change]) -> Result<()> {
        tracing::debug!("changes {dn} on {}", self.target);
        let request = |id| wire::modify(id, dn, changes);
        let error = match self.single("change", op::MODIFY_RESPONSE, request).await {
            Ok(result) if result.code == 0 => return Ok(()),
            Ok(result) => outcome::error_of(operation, &result, &self.target),
            Err(Failure { error, sent: true }) => outcome::in_doubt(&error),
            Err(Failure { error, sent: false }) => not_sent(&error),
        };
        Err(error.with("dn", dn))
    }

    async fn single(
        &self,
        doing: &str,
        answer: u8,
        request: impl FnOnce(i32) -> wire::Bytes,
    ) -> Result<LdapResult, Failure> {
        let mut link = self.link.lock().await;
        link.exchange(self.limits.operation, doing, request, |message| {
            if message.operation == answer { message.result().map(Some) } else { Err(wire::Rubbish) }
        })
        .await
    }
}

/// A write that never left: a definite failure, whatever the connection died of.
fn not_sent(cause: &Error) -> Error {
    let error = Error::new("ad.closed", format!("nothing was changed: {}", cause.message()))
        .hint("connect again, then repeat the change")
        .retryable();
    cause.details().iter().fold(error, |error, (key, value)| error.with(key, value.clone()))
}

/// A value of an attribute.
pub(super) fn value(text: impl AsRef<[u8]>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_ref().to_vec())
}

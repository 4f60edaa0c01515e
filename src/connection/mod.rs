//! Connections: named records of the systems that Libretto signs in to, their kinds, their credentials, and how they come
//! in and go out (by hand, CSV, JSON).

pub mod agents;
pub mod apps;
pub mod certificate;
mod change;
pub mod credentials;
pub mod draft;
mod export;
pub mod fields;
pub mod former;
pub mod handed;
mod import;
mod query;
mod remove;
pub mod same_account;
mod selector;
pub mod settings;
pub(crate) mod syntax;
mod trail;

use serde::Serialize;

pub use change::{add, add_and_replace, add_within, edit};
pub(crate) use change::{changed_meanwhile, refuse_other_customer};
pub use credentials::Credential;
pub use export::{as_json, export};
pub use fields::{Fault, Fields, as_error};
pub(crate) use import::unclosed_quote;
pub use import::{Imported, import};
pub use query::{all_names, by_id, declared_dependents, get, list, summaries, that_go_over};
pub use remove::remove;
pub use selector::Selector;
pub use settings::{AdSettings, HomeServer, MsOnlineSettings, Provider, Settings, TlsMode};

use crate::{
    error::{Error, Result},
    secret::{Secret, reference::Reference},
    store::rows::{ConnectionId, PrincipalId},
};

/// What a connection connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Active Directory.
    Ad,
    /// Microsoft Online, through a Remote Agent.
    MsOnline,
}

impl Kind {
    /// The word as users see it: `ad`, `msonline`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ad => "ad",
            Self::MsOnline => "msonline",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ad, Self::MsOnline].into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(word))
    }
}

/// A connection as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// The store's number for it.
    pub id: ConnectionId,
    /// Unique without regard to ASCII case.
    pub name: String,
    /// What it connects to.
    pub kind: Kind,
    /// The directory's or tenant's domain, e.g. `lab.test`.
    pub domain: String,
    /// Whose credentials it uses.
    pub principal: PrincipalId,
    /// Whom it signs in as: UPN, `DOMAIN\user` or DN; of an app its client id.
    pub username: String,
    /// An MSP's label.
    pub customer: Option<String>,
    /// Sorted.
    pub tags: Vec<String>,
    /// What its kind needs.
    pub settings: Settings,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub changed_at: String,
}

impl Connection {
    /// The settings of an `ad` connection.
    ///
    /// # Errors
    /// `connection.wrong_kind` for any other.
    pub fn ad(&self) -> Result<&AdSettings> {
        match &self.settings {
            Settings::Ad(settings) => Ok(settings),
            Settings::MsOnline(_) => Err(self.wrong_kind(Kind::Ad)),
        }
    }

    /// The settings of an `msonline` connection.
    ///
    /// # Errors
    /// `connection.wrong_kind` for any other.
    pub fn msonline(&self) -> Result<&MsOnlineSettings> {
        match &self.settings {
            Settings::MsOnline(settings) => Ok(settings),
            Settings::Ad(_) => Err(self.wrong_kind(Kind::MsOnline)),
        }
    }

    fn wrong_kind(&self, wanted: Kind) -> Error {
        Error::new(
            "connection.wrong_kind",
            format!("connection {} is of kind {}, not {}", self.name, self.kind.as_str(), wanted.as_str()),
        )
        .hint(format!("`libretto connections list kind:{}` shows those that fit", wanted.as_str()))
    }
}

/// What a list of connections shows of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // as in Connection
pub struct Summary {
    pub name: String,
    pub kind: Kind,
    pub domain: String,
    pub username: String,
    pub customer: Option<String>,
    /// Sorted, separated by spaces.
    pub tags: String,
}

/// A secret that comes with a new or edited connection.
#[derive(Debug, Clone)]
pub enum Given {
    /// Stored encrypted.
    Secret(Secret),
    /// Kept as a reference and opened at each use (`command:`, `vault:`).
    Kept(Reference),
}

impl Given {
    /// Whether both are the same secret, or the same reference.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(one), Self::Secret(other)) => one.expose() == other.expose(),
            (Self::Kept(one), Self::Kept(other)) => one == other,
            _ => false,
        }
    }
}

/// A connection to be added, checked.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // as in Connection
pub struct NewConnection {
    pub name: String,
    pub domain: String,
    pub username: String,
    pub customer: Option<String>,
    pub tags: Vec<String>,
    pub settings: Settings,
    /// Stored as not yet proven.
    pub secret: Option<Given>,
    /// The token of an `msonline` connection's Remote Agent.
    pub agent_token: Option<Given>,
}

/// What an edit changes; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)] // as in Connection
pub struct Change {
    pub name: Option<String>,
    pub domain: Option<String>,
    pub username: Option<String>,
    /// `Some(None)` takes the label away.
    pub customer: Option<Option<String>>,
    pub tags: Option<Vec<String>>,
    /// Whole settings of the same kind.
    pub settings: Option<Settings>,
    /// A new version, not yet proven; the one before stays as `previous`.
    pub secret: Option<Given>,
    /// `Some(None)` takes the Remote Agent's token away.
    pub agent_token: Option<Option<Given>>,
}

impl Change {
    /// Whether `before` would be another one with it.
    #[must_use]
    pub fn changes(&self, before: &Connection) -> bool {
        fn differs<T: PartialEq>(new: Option<&T>, old: &T) -> bool {
            new.is_some_and(|new| new != old)
        }
        differs(self.name.as_ref(), &before.name)
            || differs(self.domain.as_ref(), &before.domain)
            || differs(self.username.as_ref(), &before.username)
            || differs(self.customer.as_ref(), &before.customer)
            || differs(self.tags.as_ref(), &before.tags)
            || differs(self.settings.as_ref(), &before.settings)
            || self.secret.is_some()
            || self.agent_token.is_some()
    }
}

/// What a run may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only this customer's connections; every other one is as if it were not there.
    pub customer: Option<String>,
}

impl Scope {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    pub(crate) fn sees(&self, customer: Option<&str>) -> bool {
        self.customer.as_deref().is_none_or(|mine| customer.is_some_and(|its| its.eq_ignore_ascii_case(mine)))
    }
}

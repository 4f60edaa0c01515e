//! Active Directory over LDAP: connect, sign in, ask, change, and say exactly what a server meant.
//!
//! A plain async library: addresses and secrets in, typed reports out. It knows nothing of scripts, of the store or of
//! the terminal. From the wire upwards:
//!
//! - [`target`], [`tls`], [`dns`] and [`endpoint`]: where a domain controller is and how it is trusted;
//! - `wire`, `pipe`, `link` and [`session`]: LDAP messages, one after the other, over a socket, signed in;
//! - [`outcome`]: what a result code and its diagnostic text mean, in Samba's words and in Windows' words;
//! - [`mod@discover`] (DNS and `cldap`), [`root_dse`], [`check`] (tests of targets, a canary first);
//! - [`principal`], [`mod@account`], [`mod@policy`], [`password`], [`metadata`], [`mod@groups`], [`mod@search`],
//!   [`mod@certificate`]: the operations.
//!
//! Nothing is ever bound, and no password ever sent, over plain LDAP.
//!
//! Why LDAP messages are read here and not by `ldap3`, whose filter parser and encoder are used: on an answer that is
//! not what it expects `ldap3` panics, in its own task and in its caller's; its parser recurses as deep as a hostile
//! server nests; it cannot tell a closed connection from rubbish; and it cannot use an IPv6 address as a target.

pub mod account;
mod bounds;
pub mod certificate;
pub mod check;
mod cldap;
pub mod discover;
pub mod dns;
pub mod endpoint;
mod entry;
mod fault;
pub mod filter;
pub mod groups;
mod link;
pub mod metadata;
pub mod outcome;
pub mod password;
mod pipe;
pub mod policy;
pub mod principal;
pub mod roles;
pub mod root_dse;
pub mod search;
pub mod session;
pub mod sid;
mod spelling;
pub mod target;
pub mod ticks;
pub mod tls;
mod trust;
mod wire;

pub use account::{Account, account, disable, enable, unlock};
pub use certificate::{Certificate, Presented, certificate};
pub use check::{Gate, NoGate, TargetReport, test_target, test_targets};
pub use discover::{Controller, Discovery, discover};
pub use dns::Dns;
pub use endpoint::{Endpoint, Limits};
pub use entry::Entry;
pub use groups::{Group, add_to_group, groups, remove_from_group, resolve_group};
pub use metadata::password_version;
pub use password::{change_password, pwd_last_set, set_password};
pub use policy::{FineGrained, PasswordPolicy, Policy, policy};
pub use principal::{Principal, PrincipalKind, resolve};
pub use roles::{PdcEmulator, pdc_emulator};
pub use root_dse::RootDse;
pub use search::{find_user, search};
pub use session::{Identity, Session};
pub use spelling::may_mean;
pub use target::{Target, is_same_target};
pub use tls::{Tls, TlsMode};

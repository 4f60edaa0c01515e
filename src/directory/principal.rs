//! From a name to the account it means, once; and the accounts whose password is not anybody's to rotate.

use serde::Serialize;

use super::{entry::Entry, filter, session::Session, sid, wire::Scope};
use crate::error::{Error, Result};

/// The attributes that a [`Principal`] is made from.
pub(super) const ATTRIBUTES: &[&str] = &[
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "userPrincipalName",
    "objectClass",
    "userAccountControl",
    "msDS-SecondaryKrbTgtNumber",
];

/// What kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person's or a service's ordinary account.
    User,
    /// A computer.
    Computer,
    /// A standalone managed service account.
    ManagedService,
    /// A group managed service account.
    GroupManagedService,
    /// A delegated managed service account (Windows Server 2025).
    DelegatedManagedService,
    /// The account of a trust between domains.
    Trust,
    /// The key distribution centre's own account, or a read-only controller's.
    Krbtgt,
    /// The computer account of Entra seamless single sign-on.
    EntraSso,
    /// An account of Entra Connect.
    EntraConnect,
    /// The built-in Administrator.
    BuiltInAdministrator,
    /// Something that is no account, e.g. a group.
    Other,
}

/// An account of the directory, under the identifier that never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Principal {
    /// objectGUID, e.g. `03020100-0504-0706-0809-0a0b0c0d0e0f`.
    pub guid: String,
    /// objectSid, e.g. `S-1-5-21-1-2-3-1104`.
    pub sid: Option<String>,
    /// The distinguished name now.
    pub dn: String,
    /// The name before the domain: `DOMAIN\this`.
    pub sam_account_name: Option<String>,
    /// The user principal name, if one is set.
    pub user_principal_name: Option<String>,
    /// What kind of account it is.
    pub kind: PrincipalKind,
}

impl PrincipalKind {
    /// Why the password of such an account is never rotated here, and what to do instead; `None` for ordinary accounts.
    #[must_use]
    pub fn never_rotate(self) -> Option<&'static str> {
        match self {
            Self::User | Self::Other => None,
            Self::Computer => {
                Some("a computer changes its own password; to mend it run Test-ComputerSecureChannel -Repair on it")
            }
            Self::ManagedService => {
                Some("the computer that uses it changes its password; see Reset-ADServiceAccountPassword")
            }
            Self::GroupManagedService => Some(
                "the directory changes a group managed service account's password by itself; see Test-ADServiceAccount",
            ),
            Self::DelegatedManagedService => Some(
                "the directory changes a delegated managed service account's password by itself; see Test-ADServiceAccount",
            ),
            Self::Trust => Some("both sides of a trust must change together: use netdom trust /resetOneSide on each"),
            Self::Krbtgt => {
                Some("krbtgt has its own procedure: reset it twice, with full replication and ten hours in between")
            }
            Self::EntraSso => Some("roll the key over with Update-AzureADSSOForest"),
            Self::EntraConnect => Some("Entra Connect changes it: use its wizard, or Add-ADSyncAADServiceAccount"),
            Self::BuiltInAdministrator => {
                Some("the built-in Administrator is the way back in when all else is lost; change it by hand")
            }
        }
    }
}

impl Principal {
    /// Why this account's password is never rotated, and what to do instead; `None` for ordinary accounts.
    #[must_use]
    pub fn never_rotate(&self) -> Option<&'static str> {
        self.kind.never_rotate()
    }

    /// Makes it from an entry with the right attributes; `None` without an objectGUID.
    pub(super) fn from_entry(entry: &Entry) -> Option<Self> {
        let sid = entry.text("objectSid");
        let name = entry.text("sAMAccountName");
        Some(Self {
            guid: sid::guid(entry.values("objectGUID").first()?)?,
            kind: kind(entry, sid.as_deref(), name.as_deref().unwrap_or_default()),
            sid,
            dn: entry.dn.clone(),
            sam_account_name: name,
            user_principal_name: entry.text("userPrincipalName"),
        })
    }
}

fn kind(entry: &Entry, sid: Option<&str>, name: &str) -> PrincipalKind {
    /// `userAccountControl`: the account of a trust, or of a computer (MS-ADTS 2.2.16).
    const TRUST: i64 = 0x800;
    const MACHINE: i64 = 0x1000 | 0x2000;
    let control = entry.number("userAccountControl").unwrap_or(0);
    let name = name.to_lowercase();
    // Only in a domain's own authority, S-1-5-21-..., do these numbers mean what they mean (MS-DTYP 2.4.2.4).
    let relative = sid.filter(|sid| sid.starts_with("S-1-5-21-")).and_then(sid::relative);
    match () {
        () if relative == Some(502) || name == "krbtgt" => PrincipalKind::Krbtgt,
        () if !entry.values("msDS-SecondaryKrbTgtNumber").is_empty() => PrincipalKind::Krbtgt,
        () if relative == Some(500) => PrincipalKind::BuiltInAdministrator,
        () if name == "azureadssoacc$" => PrincipalKind::EntraSso,
        () if name.starts_with("msol_") || name.starts_with("sync_") => PrincipalKind::EntraConnect,
        () if entry.is_a("msDS-DelegatedManagedServiceAccount") => PrincipalKind::DelegatedManagedService,
        () if entry.is_a("msDS-GroupManagedServiceAccount") => PrincipalKind::GroupManagedService,
        () if entry.is_a("msDS-ManagedServiceAccount") => PrincipalKind::ManagedService,
        () if control & TRUST != 0 => PrincipalKind::Trust,
        () if entry.is_a("computer") || control & MACHINE != 0 => PrincipalKind::Computer,
        () if entry.is_a("user") || entry.is_a("inetOrgPerson") => PrincipalKind::User,
        () => PrincipalKind::Other,
    }
}

/// Finds the account that `name` means: a UPN, `DOMAIN\user`, a DN, an objectGUID or a sAMAccountName.
///
/// # Errors
/// `ad.not_found`, `ad.ambiguous`, and those of a search.
pub async fn resolve(session: &Session, name: &str) -> Result<Principal> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::new("ad.bad_name", "there is no name to look for"));
    }
    let entries = match form(name) {
        Form::Dn => Vec::from_iter(session.read(name, ATTRIBUTES).await?),
        Form::Guid(guid) => Vec::from_iter(session.read(&format!("<GUID={guid}>"), ATTRIBUTES).await?),
        Form::Upn(user, domain) => by_upn(session, name, user, domain).await?,
        Form::Domain(domain, user) => {
            must_be_here(session, domain).await?;
            matching(session, &filter::equals("sAMAccountName", user)).await?
        }
        Form::Plain => matching(session, &filter::equals("sAMAccountName", name)).await?,
    };
    only_one(&entries, name, session)
}

/// The one principal among `entries`.
pub(super) fn only_one(entries: &[Entry], name: &str, session: &Session) -> Result<Principal> {
    match entries {
        [] => Err(not_found(name, session)),
        [entry] => Principal::from_entry(entry).ok_or_else(|| not_found(name, session)),
        several => {
            let dns: Vec<&str> = several.iter().map(|entry| entry.dn.as_str()).collect();
            Err(Error::new("ad.ambiguous", format!("'{name}' means more than one account"))
                .hint("name the account by its DN")
                .with("accounts", dns.join("; ")))
        }
    }
}

fn not_found(name: &str, session: &Session) -> Error {
    Error::new("ad.not_found", format!("there is no account '{name}' in the directory"))
        .hint("check the name and its domain; an account that the signed-in one may not see looks the same")
        .with("target", session.target().to_string())
}

/// The entries of the domain that match, with the attributes of a principal; two are enough to know it is ambiguous.
pub(super) async fn matching(session: &Session, filter: &str) -> Result<Vec<Entry>> {
    let base = session.base().await?.to_owned();
    Ok(session.find(&base, Scope::Subtree, filter, ATTRIBUTES, 10).await?.entries)
}

/// How a name names an account.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    Dn,
    Guid(String),
    Upn(&'a str, &'a str),
    Domain(&'a str, &'a str),
    Plain,
}

pub(super) fn form(name: &str) -> Form<'_> {
    if let Ok(guid) = uuid::Uuid::parse_str(name) {
        return Form::Guid(guid.to_string());
    }
    let attribute = name.split_once('=').map_or("", |(attribute, _)| attribute.trim());
    if matches!(attribute.to_ascii_lowercase().as_str(), "cn" | "ou" | "dc" | "uid" | "<guid" | "<sid") {
        return Form::Dn;
    }
    if let Some((domain, user)) = name.split_once('\\') {
        return Form::Domain(domain, user);
    }
    name.rsplit_once('@').map_or(Form::Plain, |(user, domain)| Form::Upn(user, domain))
}

/// By the UPN that is set; else by the implicit one, sAMAccountName@domain (MS-ADTS 5.1.1.1.1).
async fn by_upn(session: &Session, upn: &str, user: &str, domain: &str) -> Result<Vec<Entry>> {
    let found = matching(session, &filter::equals("userPrincipalName", upn)).await?;
    if !found.is_empty() || !session.root_dse().await?.domain().eq_ignore_ascii_case(domain) {
        return Ok(found);
    }
    matching(session, &filter::equals("sAMAccountName", user)).await
}

/// Refuses `OTHER\user`: the same name in this domain would be another account.
async fn must_be_here(session: &Session, domain: &str) -> Result<()> {
    let root = session.root_dse().await?;
    if root.domain().eq_ignore_ascii_case(domain) {
        return Ok(());
    }
    let Some(configuration) = root.configuration_naming_context.clone() else { return Ok(()) };
    let filter = format!("(&(objectClass=crossRef){})", filter::equals("nCName", &root.default_naming_context));
    let found = session.find(&configuration, Scope::Subtree, &filter, &["nETBIOSName"], 1).await?;
    match found.entries.first().and_then(|entry| entry.text("nETBIOSName")) {
        Some(here) if !here.eq_ignore_ascii_case(domain) => {
            Err(Error::new("ad.not_found", format!("this directory is the domain {here}, not {domain}"))
                .hint("use a connection to the domain that the account is in"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        assert_eq!(form("CN=a,DC=lab,DC=test"), Form::Dn);
        assert_eq!(form("<SID=S-1-5-21-1-2-3-500>"), Form::Dn);
        assert_eq!(form("LAB\\svc"), Form::Domain("LAB", "svc"));
        assert_eq!(form("svc@lab.test"), Form::Upn("svc", "lab.test"));
        assert_eq!(form("svc"), Form::Plain);
        assert_eq!(form("a=b"), Form::Plain);
        let guid = "03020100-0504-0706-0809-0a0b0c0d0e0f";
        assert_eq!(form(&format!("{{{guid}}}")), Form::Guid(guid.to_owned()));
    }

    fn entry(name: &str, sid_end: u32, class: &str, control: i64) -> Entry {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0];
        sid.extend(sid_end.to_le_bytes());
        Entry::new((
            "CN=x".to_owned(),
            vec![
                ("objectGUID".to_owned(), vec![vec![0; 16]]),
                ("objectSid".to_owned(), vec![sid]),
                ("sAMAccountName".to_owned(), vec![name.into()]),
                ("objectClass".to_owned(), vec![b"top".to_vec(), b"user".to_vec(), class.into()]),
                ("userAccountControl".to_owned(), vec![control.to_string().into_bytes()]),
            ],
        ))
    }

    #[test]
    fn accounts_that_are_not_rotated_are_known() {
        use PrincipalKind as K;
        for (name, sid, class, control, expected) in [
            ("svc", 1104, "user", 512, K::User),
            ("renamed-admin", 500, "user", 512, K::BuiltInAdministrator),
            ("krbtgt", 502, "user", 514, K::Krbtgt),
            ("DC1$", 1000, "computer", 532_480, K::Computer),
            ("gmsa$", 1200, "msDS-GroupManagedServiceAccount", 4096, K::GroupManagedService),
            ("smsa$", 1201, "msDS-ManagedServiceAccount", 4096, K::ManagedService),
            ("dmsa$", 1202, "msDS-DelegatedManagedServiceAccount", 4096, K::DelegatedManagedService),
            ("OTHER$", 1203, "user", 2080, K::Trust),
            ("AZUREADSSOACC$", 1204, "computer", 4096, K::EntraSso),
            ("MSOL_1a2b3c", 1205, "user", 512, K::EntraConnect),
            ("Sync_HOST_1", 1206, "user", 512, K::EntraConnect),
        ] {
            let principal = Principal::from_entry(&entry(name, sid, class, control)).unwrap();
            assert_eq!(principal.kind, expected, "{name}");
            assert_eq!(principal.never_rotate().is_none(), expected == K::User);
        }
    }
}

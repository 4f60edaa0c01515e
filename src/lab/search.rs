//! Searching: base, scope, filter, selection of attributes, pages.

use std::collections::BTreeMap;

use ldap3_proto::{
    LdapResultCode,
    proto::{LdapPartialAttribute, LdapSearchRequest, LdapSearchResultEntry, LdapSearchScope},
};
use uuid::Uuid;

use super::{
    Flavour,
    computed::View,
    dn::Dn,
    entry::{Entry, parse_guid, parse_sid},
    filter::matches,
    forest::BASE,
    state::{Directory, find, groups_of},
    wording::{Outcome, protocol},
};

/// The control for paged results (RFC 2696).
pub(super) const PAGED: &str = "1.2.840.113556.1.4.319";
/// More objects than this come only in pages (`MaxPageSize`, MS-ADTS 3.1.1.3.4.6).
pub(super) const MOST: usize = 1000;
/// So many paged searches of one connection may be open (`MaxResultSetsPerConn` is 10 on Windows).
const OPEN_SEARCHES: usize = 10;

impl Directory {
    /// All objects that a search finds on one target, for the account `who`.
    pub(super) fn search(
        &self,
        target: usize,
        who: Option<Uuid>,
        request: &LdapSearchRequest,
    ) -> Outcome<Vec<LdapSearchResultEntry>> {
        if request.base.is_empty() && request.scope == LdapSearchScope::Base {
            return Ok(vec![self.root(target, &request.attrs)]);
        }
        let Some(who) = who else { return self.flavour.bind_first() };
        let world = self.world();
        let copy = &world.copies[target];
        let view = View {
            copy,
            flavour: self.flavour,
            now: self.clock.ticks(),
            policy_hidden: self.policy_hidden,
            administrator: is_administrator(copy, who),
        };
        let base = match object(self.flavour, copy, &request.base) {
            Err(refusal) if refusal.code == LdapResultCode::NoSuchObject => {
                return self.flavour.no_such_base(&request.base, BASE);
            }
            other => other?,
        };
        Ok(copy
            .iter()
            .filter(|entry| in_scope(entry, &base.dn, &request.scope))
            .filter(|entry| view.shows(entry) && matches(&view, entry, &request.filter))
            .map(|entry| shown(&view, entry, &request.attrs, request.typesonly))
            .collect())
    }
}

/// Whether an account may write: it is a domain administrator.
pub(super) fn is_administrator(copy: &[Entry], who: Uuid) -> bool {
    copy.iter().find(|entry| entry.guid == who).is_some_and(|account| {
        groups_of(copy, account)
            .iter()
            .any(|group| matches!(group.text("samaccountname"), Some("Domain Admins" | "Administrators")))
    })
}

/// The object that a request names: by DN, `<GUID=...>` or `<SID=...>` (MS-ADTS 3.1.1.3.1.2.4).
pub(super) fn object<'a>(flavour: Flavour, copy: &'a [Entry], name: &str) -> Outcome<&'a Entry> {
    let inner = name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).and_then(|rest| rest.split_once('='));
    let found = match inner {
        Some((kind, guid)) if kind.eq_ignore_ascii_case("GUID") => {
            let Some(guid) = parse_guid(guid) else { return flavour.bad_name(name) };
            copy.iter().find(|entry| entry.guid == guid)
        }
        Some((kind, sid)) if kind.eq_ignore_ascii_case("SID") => {
            let Some(sid) = parse_sid(sid) else { return flavour.bad_name(name) };
            copy.iter().find(|entry| entry.values("objectsid").contains(&sid))
        }
        _ => {
            let Some(dn) = Dn::parse(name) else { return flavour.bad_name(name) };
            find(copy, &dn)
        }
    };
    found.map_or_else(|| flavour.no_such_object(name, BASE), Ok)
}

fn in_scope(entry: &Entry, base: &Dn, scope: &LdapSearchScope) -> bool {
    let Some(depth) = entry.dn.depth_below(base) else { return false };
    // The configuration is a naming context of its own: a search of the domain does not enter it.
    let configuration = Dn::parse(&format!("CN=Configuration,{BASE}"));
    let elsewhere = configuration.is_some_and(|c| entry.dn.depth_below(&c).is_some() && base.depth_below(&c).is_none());
    !elsewhere
        && match scope {
            LdapSearchScope::Base => depth == 0,
            LdapSearchScope::OneLevel => depth == 1,
            LdapSearchScope::Subtree => true,
            LdapSearchScope::Children => depth > 0,
        }
}

fn shown(view: &View, entry: &Entry, asked: &[String], types_only: bool) -> LdapSearchResultEntry {
    let mut names: Vec<&str> = Vec::new();
    if asked.is_empty() || asked.iter().any(|name| name == "*") {
        names.extend(View::ordinary_names(entry));
    }
    names.extend(asked.iter().map(|name| View::spelling(entry, name)));
    let mut attributes: BTreeMap<String, LdapPartialAttribute> = BTreeMap::new();
    for name in names {
        let mut vals = view.values(entry, name);
        if vals.is_empty() {
            continue;
        }
        if types_only {
            vals.clear();
        }
        attributes.insert(name.to_lowercase(), LdapPartialAttribute { atype: name.to_owned(), vals });
    }
    LdapSearchResultEntry { dn: entry.dn.as_str().to_owned(), attributes: attributes.into_values().collect() }
}

/// The paged searches that one connection has open.
#[derive(Default)]
pub(super) struct Pages {
    open: BTreeMap<u64, Vec<LdapSearchResultEntry>>,
    last: u64,
}

impl Pages {
    /// What is left of the search that a cookie belongs to.
    pub(super) fn resume(&mut self, cookie: &[u8]) -> Outcome<Vec<LdapSearchResultEntry>> {
        let number = cookie.try_into().ok().map(u64::from_be_bytes);
        match number.and_then(|number| self.open.remove(&number)) {
            Some(rest) => Ok(rest),
            None => {
                protocol(LdapResultCode::UnwillingToPerform, "00002121: the cookie of the paged search is not known")
            }
        }
    }

    /// The first page, and the cookie for the rest; it is empty when nothing is left.
    pub(super) fn cut(
        &mut self,
        mut found: Vec<LdapSearchResultEntry>,
        size: i64,
    ) -> (Vec<LdapSearchResultEntry>, Vec<u8>) {
        let size = usize::try_from(size).unwrap_or(0).min(MOST);
        if found.len() <= size || size == 0 {
            // A size of 0 abandons the search (RFC 2696, 3).
            found.truncate(size);
            return (found, Vec::new());
        }
        let rest = found.split_off(size);
        self.last += 1;
        self.open.insert(self.last, rest);
        while self.open.len() > OPEN_SEARCHES {
            self.open.pop_first();
        }
        (found, self.last.to_be_bytes().to_vec())
    }
}

//! Filters (RFC 4511, 4.5.1.7) evaluated as a directory does, with its two matching rules (MS-ADTS 3.1.1.3.4.4).

use std::cmp::Ordering;

use ldap3_proto::proto::{LdapFilter, LdapMatchingRuleAssertion, LdapSubstringFilter};

use super::{
    computed::View,
    dn::Dn,
    entry::{Entry, parse_guid, parse_sid},
    wire::assertion_bytes,
};

const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// How the values of an attribute are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Text,
    Name,
    Number,
    Guid,
    Sid,
}

fn syntax(attribute: &str) -> Syntax {
    match attribute.to_lowercase().as_str() {
        "distinguishedname" | "member" | "memberof" | "objectcategory" | "msds-psoappliesto" | "msds-psoapplied"
        | "msds-resultantpso" | "fsmoroleowner" | "ncname" | "serverreference" => Syntax::Name,
        "objectguid" => Syntax::Guid,
        "objectsid" | "tokengroups" => Syntax::Sid,
        "accountexpires"
        | "badpasswordtime"
        | "badpwdcount"
        | "grouptype"
        | "instancetype"
        | "lastlogon"
        | "lockoutduration"
        | "lockoutobservationwindow"
        | "lockoutthreshold"
        | "lockouttime"
        | "maxpwdage"
        | "minpwdage"
        | "minpwdlength"
        | "msds-user-account-control-computed"
        | "msds-userpasswordexpirytimecomputed"
        | "primarygroupid"
        | "pwdhistorylength"
        | "pwdlastset"
        | "pwdproperties"
        | "samaccounttype"
        | "useraccountcontrol"
        | "usnchanged" => Syntax::Number,
        _ => Syntax::Text,
    }
}

/// Whether an object matches. What cannot be told (an unknown matching rule) matches neither way, as RFC 4511 says.
pub(super) fn matches(view: &View, entry: &Entry, filter: &LdapFilter) -> bool {
    told(view, entry, filter) == Some(true)
}

/// Three-valued: `None` is Undefined.
fn told(view: &View, entry: &Entry, filter: &LdapFilter) -> Option<bool> {
    let any = |name: &str, test: &dyn Fn(&[u8]) -> bool| Some(view.values(entry, name).iter().any(|value| test(value)));
    match filter {
        LdapFilter::And(parts) => {
            let told: Vec<_> = parts.iter().map(|part| told(view, entry, part)).collect();
            if told.contains(&Some(false)) {
                Some(false)
            } else {
                told.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        LdapFilter::Or(parts) => {
            let told: Vec<_> = parts.iter().map(|part| told(view, entry, part)).collect();
            if told.contains(&Some(true)) {
                Some(true)
            } else {
                told.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        LdapFilter::Not(part) => told(view, entry, part).map(|told| !told),
        LdapFilter::Present(name) => any(name, &|_| true),
        LdapFilter::Equality(name, asked) | LdapFilter::Approx(name, asked) => {
            any(name, &|value| equal(name, value, asked))
        }
        LdapFilter::Substring(name, pattern) => any(name, &|value| contains(value, pattern)),
        LdapFilter::GreaterOrEqual(name, asked) => any(name, &|value| ordered(name, value, asked, Ordering::Less)),
        LdapFilter::LessOrEqual(name, asked) => any(name, &|value| ordered(name, value, asked, Ordering::Greater)),
        LdapFilter::Extensible(rule) => extensible(view, entry, rule),
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn number(bytes: &[u8]) -> Option<i64> {
    text(bytes)?.parse().ok()
}

fn equal(name: &str, value: &[u8], asked: &str) -> bool {
    let asked_bytes = assertion_bytes(asked);
    match syntax(name) {
        Syntax::Number => number(value).is_some_and(|have| number(&asked_bytes) == Some(have)),
        Syntax::Guid => value == asked_bytes || parse_guid(asked).is_some_and(|guid| guid.to_bytes_le()[..] == *value),
        Syntax::Sid => value == asked_bytes || parse_sid(asked).is_some_and(|sid| sid == value),
        Syntax::Name => {
            let Some(have) = text(value).and_then(Dn::parse) else { return false };
            if name.eq_ignore_ascii_case("objectCategory") && !asked.contains('=') {
                return category(asked).eq_ignore_ascii_case(&have.name());
            }
            Dn::parse(asked).is_some_and(|asked| asked == have)
        }
        Syntax::Text => match (text(value), text(&asked_bytes)) {
            (Some(have), Some(asked)) => have.to_lowercase() == asked.to_lowercase(),
            _ => value == asked_bytes,
        },
    }
}

/// `objectCategory` may be asked for by class; a user's is Person.
fn category(asked: &str) -> &str {
    if asked.eq_ignore_ascii_case("user") { "Person" } else { asked }
}

/// Whether the value is not on the excluded side of the asked one.
fn ordered(name: &str, value: &[u8], asked: &str, excluded: Ordering) -> bool {
    let ordering = if syntax(name) == Syntax::Number {
        number(value).and_then(|have| Some(have.cmp(&asked.parse().ok()?)))
    } else {
        text(value).map(|have| have.to_lowercase().cmp(&asked.to_lowercase()))
    };
    ordering.is_some_and(|ordering| ordering != excluded)
}

fn contains(value: &[u8], pattern: &LdapSubstringFilter) -> bool {
    let Some(value) = text(value).map(str::to_lowercase) else { return false };
    let mut rest = value.as_str();
    if let Some(initial) = &pattern.initial {
        match rest.strip_prefix(&initial.to_lowercase()) {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
    for part in &pattern.any {
        match rest.split_once(&part.to_lowercase()) {
            Some((_, tail)) => rest = tail,
            None => return false,
        }
    }
    pattern.final_.as_ref().is_none_or(|last| rest.ends_with(&last.to_lowercase()))
}

fn extensible(view: &View, entry: &Entry, rule: &LdapMatchingRuleAssertion) -> Option<bool> {
    let name = rule.type_.as_deref()?;
    let values = view.values(entry, name);
    match rule.matching_rule.as_deref() {
        None => Some(values.iter().any(|value| equal(name, value, &rule.match_value))),
        Some(BIT_AND) => {
            let bits: i64 = rule.match_value.parse().ok()?;
            Some(values.iter().filter_map(|value| number(value)).any(|have| have & bits == bits))
        }
        Some(BIT_OR) => {
            let bits: i64 = rule.match_value.parse().ok()?;
            Some(values.iter().filter_map(|value| number(value)).any(|have| have & bits != 0))
        }
        Some(IN_CHAIN) => Some(in_chain(view, entry, name, &Dn::parse(&rule.match_value)?)),
        Some(_) => None,
    }
}

/// Follows a linked attribute from object to object until it names `wanted`.
fn in_chain(view: &View, from: &Entry, name: &str, wanted: &Dn) -> bool {
    let (mut seen, mut open) = (vec![from.guid], vec![from]);
    while let Some(entry) = open.pop() {
        for linked in view.values(entry, name).iter().filter_map(|value| Dn::parse(text(value)?)) {
            if linked == *wanted {
                return true;
            }
            let next = view.copy.iter().find(|entry| entry.dn == linked && !seen.contains(&entry.guid));
            if let Some(next) = next {
                seen.push(next.guid);
                open.push(next);
            }
        }
    }
    false
}

//! A tenant's users.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{credential::stamp, jwt::guid};

/// So many wrong passwords lock a user for a while (Entra ID's smart lockout).
const LOCKOUT: u32 = 10;

/// Users of every tenant: account, display name, job, enabled, whether the first licence is theirs.
const PEOPLE: &[(&str, &str, &str, bool, bool)] = &[
    ("admin", "Ada Administrator", "Administrator", true, false),
    ("adele", "Adele Vance", "Retail Manager", true, true),
    ("alex", "Alex Wilber", "Marketing Assistant", true, true),
    ("diego", "Diego Siciliani", "HR Manager", true, false),
    ("grady", "Grady Archie", "Designer", false, false),
    ("o.reilly", "Megan O'Reilly", "Attorney", true, true),
];

/// One user.
pub(super) struct User {
    pub object: Map<String, Value>,
    pub password: Zeroizing<String>,
    pub must_change: bool,
    /// Tokens to renew with that are older count no more.
    pub sessions_from: OffsetDateTime,
    pub wrong: u32,
}

impl User {
    pub(super) fn name(&self) -> &str {
        self.text("userPrincipalName")
    }

    pub(super) fn id(&self) -> &str {
        self.text("id")
    }

    pub(super) fn text(&self, member: &str) -> &str {
        self.object.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn enabled(&self) -> bool {
        self.object.get("accountEnabled").and_then(Value::as_bool).unwrap_or_default()
    }

    pub(super) fn licences(&self) -> &[Value] {
        self.object.get("assignedLicenses").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether a path's key, an id or a name, means this user.
    pub(super) fn is(&self, key: &str) -> bool {
        self.id().eq_ignore_ascii_case(key) || self.name().eq_ignore_ascii_case(key)
    }

    pub(super) fn locked(&self) -> bool {
        self.wrong >= LOCKOUT
    }
}

/// The people of a tenant, the administrator first; `sku` is the licence that some of them have.
pub(super) fn people(domain: &str, sku: &str, now: OffsetDateTime) -> Vec<User> {
    let one = |(account, display, job, enabled, licensed): &(&str, &str, &str, bool, bool)| {
        let name = format!("{account}@{domain}");
        let (given, surname) = display.split_once(' ').unwrap_or((display, ""));
        let licences = if *licensed { json!([{ "skuId": sku, "disabledPlans": [] }]) } else { json!([]) };
        let object = json!({
            "id": guid(&name),
            "userPrincipalName": name,
            "displayName": display,
            "givenName": given,
            "surname": surname,
            "jobTitle": job,
            "mail": licensed.then_some(&name),
            "mailNickname": account,
            "accountEnabled": enabled,
            "usageLocation": "US",
            "userType": "Member",
            "businessPhones": [],
            "mobilePhone": null,
            "officeLocation": null,
            "preferredLanguage": null,
            "onPremisesSyncEnabled": null,
            "createdDateTime": stamp(now - time::Duration::days(300)),
            "lastPasswordChangeDateTime": stamp(now - time::Duration::days(100)),
            "assignedLicenses": licences,
        });
        new(object, &fresh_password(), now)
    };
    PEOPLE.iter().map(one).collect()
}

/// A user with this object and password.
pub(super) fn new(object: Value, password: &str, now: OffsetDateTime) -> User {
    let object = if let Value::Object(object) = object { object } else { Map::new() };
    let password = Zeroizing::new(password.to_owned());
    // Sessions of before the lab do not exist; a second's grace is for tokens that count whole ones.
    User { object, password, must_change: false, sessions_from: now - time::Duration::days(1), wrong: 0 }
}

/// A password that satisfies Entra ID's rules: three kinds of characters of four, 8 to 256 of them.
pub(super) fn fresh_password() -> String {
    format!("{}-aA1", &super::credential::fresh_secret()[6..24])
}

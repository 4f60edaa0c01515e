//! The tenants of a fresh lab: domains, licences, roles, and which of them is whose partner.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{
    app::{App, CLIENT_ID},
    credential::stamp,
    jwt::guid,
    roles::{GLOBAL_ADMINISTRATOR, HELPDESK_ADMINISTRATOR, LICENSE_ADMINISTRATOR, PERMISSIONS, USER_ADMINISTRATOR},
    users::{User, people},
};

/// First labels of the tenants' domains.
pub(super) const LABELS: [&str; 3] = ["contoso", "fabrikam", "tailspin"];
/// Their ids.
const IDS: [&str; 3] = [
    "7c1f4e0a-52b8-4d3e-9a61-c0a7050c0001",
    "2e9d6b3c-81f4-4a57-b0c2-fab41ca30002",
    "94a0c5d7-3e62-4f18-8d7b-7a1157190003",
];
const NAMES: [&str; 3] = ["Contoso", "Fabrikam", "Tailspin Toys"];

/// A service plan: name, id.
type Plan = (&'static str, &'static str);
/// Products: part number, id, plans.
const PRODUCTS: &[(&str, &str, &[Plan])] = &[
    (
        "SPE_E3",
        "05e9a617-0261-4cee-bb44-138d3ef5d965",
        &[
            ("EXCHANGE_S_ENTERPRISE", "efb87545-963c-4e0d-99df-69c6916d9eb0"),
            ("SHAREPOINTENTERPRISE", "5dbe027f-2339-4123-9542-606e4d348a72"),
            ("TEAMS1", "57ff2da0-773e-42df-b2af-ffb7a2317929"),
            ("OFFICESUBSCRIPTION", "43de0ff5-c92c-492b-9116-175376d08c38"),
            ("AAD_PREMIUM", "41781fb2-bc02-4b7c-bd55-b576c07bb09d"),
            ("INTUNE_A", "c1ec4a95-1f05-45b3-a911-aa3fa01094f5"),
        ],
    ),
    (
        "EXCHANGESTANDARD",
        "4b9405b0-7788-4568-add1-99614e613b69",
        &[("EXCHANGE_S_STANDARD", "9aaf7827-d63c-4b61-89c3-182f06f82e5c")],
    ),
];

/// A tenant.
pub(super) struct Tenant {
    pub id: String,
    pub label: &'static str,
    pub name: &'static str,
    pub domain: String,
    pub domains: Vec<Value>,
    pub users: Vec<User>,
    pub licences: Vec<Licence>,
    /// The lab's app in this tenant; none without consent.
    pub principal: Option<Principal>,
    /// Directory roles: template, and the user or service principal who has it.
    pub assignments: Vec<(&'static str, String)>,
    /// Delegated administration that this tenant has of others.
    pub relationships: Vec<Value>,
    pub created: OffsetDateTime,
}

/// A subscription.
pub(super) struct Licence {
    pub part: &'static str,
    pub sku: &'static str,
    pub plans: &'static [Plan],
    pub bought: usize,
}

impl Licence {
    /// The service plans, as Graph shows them.
    pub(super) fn services(&self) -> Vec<Value> {
        let one = |(name, id): &Plan| {
            json!({
                "appliesTo": "User",
                "provisioningStatus": "Success",
                "servicePlanId": id,
                "servicePlanName": name,
            })
        };
        self.plans.iter().map(one).collect()
    }
}

/// The app in a tenant.
pub(super) struct Principal {
    pub id: String,
    /// Graph's permissions, by name.
    pub permissions: Vec<&'static str>,
}

impl Tenant {
    /// The tenant of this number. `consent` and `roles`: what the app has there.
    pub(super) fn new(number: usize, now: OffsetDateTime, consent: bool, roles: bool) -> Self {
        let label = LABELS[number];
        let domain = format!("{label}.example");
        let licences = licences(number);
        let users = people(&domain, licences[0].sku, now);
        let mut assignments = vec![(GLOBAL_ADMINISTRATOR, users[0].id().to_owned())];
        assignments.push((HELPDESK_ADMINISTRATOR, users[3].id().to_owned()));
        let principal = consent.then(|| Principal {
            id: guid(&format!("{domain} {CLIENT_ID}")),
            permissions: if roles { permissions(number) } else { Vec::new() },
        });
        if let Some(principal) = principal.as_ref().filter(|_| roles) {
            assignments.push((GLOBAL_ADMINISTRATOR, principal.id.clone()));
        }
        Self {
            id: IDS[number].to_owned(),
            label,
            name: NAMES[number],
            domains: domains(number, &domain),
            domain,
            users,
            licences,
            principal,
            assignments,
            relationships: if number == 0 { relationships(now) } else { Vec::new() },
            created: now - Duration::days(1500),
        }
    }

    /// How many users have a licence.
    pub(super) fn consumed(&self, sku: &str) -> usize {
        self.users.iter().filter(|user| user.licences().iter().any(|one| one["skuId"] == sku)).count()
    }

    /// Whether a path names it: by its id or one of its verified domains.
    pub(super) fn is(&self, name: &str) -> bool {
        let verified = |domain: &Value| domain["isVerified"] == true;
        self.id.eq_ignore_ascii_case(name)
            || self.domains.iter().filter(|domain| verified(domain)).any(|domain| same(domain, name))
    }

    /// A domain's object.
    pub(super) fn domain(&self, name: &str) -> Option<&Value> {
        self.domains.iter().find(|domain| same(domain, name))
    }

    /// Directory roles of a user or service principal.
    pub(super) fn roles_of(&self, principal: &str) -> Vec<&'static str> {
        self.assignments.iter().filter(|(_, who)| who == principal).map(|(role, _)| *role).collect()
    }

    /// Roles that the partner has here, if its relationship is active at this time.
    pub(super) fn delegated(partner: &Self, customer: &str, now: OffsetDateTime) -> Vec<String> {
        let ours = |one: &&Value| one["customer"]["tenantId"] == customer && one["status"] == "active";
        let roles =
            partner.relationships.iter().filter(ours).filter(|one| one["endDateTime"].as_str() > Some(&stamp(now)));
        let roles = roles.filter_map(|one| one["accessDetails"]["unifiedRoles"].as_array());
        roles.flatten().filter_map(|role| role["roleDefinitionId"].as_str()).map(str::to_owned).collect()
    }

    /// The home of the apps is the first tenant.
    pub(super) fn apps<'a>(&self, apps: &'a [App]) -> &'a [App] {
        if self.label == LABELS[0] { apps } else { &[] }
    }
}

fn same(domain: &Value, name: &str) -> bool {
    domain["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(name))
}

/// The app's object lives in its home tenant, so it may change it there only.
fn permissions(number: usize) -> Vec<&'static str> {
    let all = PERMISSIONS.iter().map(|(name, _)| *name);
    all.filter(|name| number == 0 || !name.starts_with("Application.")).collect()
}

fn licences(number: usize) -> Vec<Licence> {
    let one = |(part, sku, plans): &(&'static str, &'static str, &'static [Plan])| Licence {
        part,
        sku,
        plans,
        // One more than used, so that the second one fails.
        bought: if number == 2 { 4 } else { 25 },
    };
    PRODUCTS.iter().map(one).collect()
}

fn domains(number: usize, name: &str) -> Vec<Value> {
    let domain = |id: &str, kind: &str, default: bool, initial: bool, verified: bool, services: &[&str]| {
        json!({
            "id": id,
            "authenticationType": kind,
            "availabilityStatus": null,
            "isAdminManaged": true,
            "isDefault": default,
            "isInitial": initial,
            "isRoot": true,
            "isVerified": verified,
            "passwordNotificationWindowInDays": 14,
            "passwordValidityPeriodInDays": 90,
            "supportedServices": services,
        })
    };
    let services = ["Email", "OfficeCommunicationsOnline", "Intune"];
    let mut all = vec![
        domain(name, "Managed", true, false, true, &services),
        domain(&name.replace(".example", ".onmicrosoft.example"), "Managed", false, true, true, &["Email"]),
    ];
    match number {
        1 => all.push(domain(&format!("fed.{name}"), "Federated", false, false, true, &["Email"])),
        2 => all.push(domain(&format!("new.{name}"), "Managed", false, false, false, &[])),
        _ => {}
    }
    all
}

/// Fabrikam has the partner until spring; with tailspin it has ended.
fn relationships(now: OffsetDateTime) -> Vec<Value> {
    let one = |number: usize, status: &str, end: OffsetDateTime| {
        let roles = [USER_ADMINISTRATOR, LICENSE_ADMINISTRATOR].map(|role| json!({ "roleDefinitionId": role }));
        let activated = end - Duration::days(365);
        json!({
            "id": format!("{}-{}", guid(LABELS[number]), guid(NAMES[number])),
            "displayName": format!("{} support", NAMES[number]),
            "duration": "P365D",
            "autoExtendDuration": "PT0S",
            "status": status,
            "customer": { "tenantId": IDS[number], "displayName": NAMES[number] },
            "accessDetails": { "unifiedRoles": roles },
            "createdDateTime": stamp(activated - Duration::days(1)),
            "activatedDateTime": stamp(activated),
            "lastModifiedDateTime": stamp(activated),
            "endDateTime": stamp(end),
        })
    };
    vec![one(1, "active", now + Duration::days(120)), one(2, "expired", now - Duration::days(20))]
}

//! The least permission that each request needs, as an app (learn.microsoft.com, "Microsoft Graph permissions reference").

use super::batch::Ask;
use crate::{cloud::errors, error::Error};

/// What is done, how its address looks, and the permission: `*` stands for one part of the address.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("read the organization", "GET", "/organization", "Organization.Read.All"),
    ("read domains", "GET", "/domains", "Domain.Read.All"),
    ("read a domain", "GET", "/domains/*", "Domain.Read.All"),
    ("read licences", "GET", "/subscribedSkus", "LicenseAssignment.Read.All"),
    ("read role assignments", "GET", "/roleManagement/directory/roleAssignments", "RoleManagement.Read.Directory"),
    ("read app roles", "GET", "/servicePrincipals/*/appRoleAssignments", "Application.Read.All"),
    ("find a user", "GET", "/users/*", "User.Read.All"),
    ("find users", "GET", "/users", "User.Read.All"),
    ("create a user", "POST", "/users", "User.ReadWrite.All"),
    (
        "change a user",
        "PATCH",
        "/users/*",
        "User.EnableDisableAccount.All; for a password User-PasswordProfile.ReadWrite.All",
    ),
    ("assign licences", "POST", "/users/*/assignLicense", "LicenseAssignment.ReadWrite.All"),
    ("end a user's sessions", "POST", "/users/*/revokeSignInSessions", "User.RevokeSessions.All"),
    ("read an app registration", "GET", "/applications*", "Application.Read.All"),
    ("add an app's secret", "POST", "/applications/*/addPassword", "Application.ReadWrite.OwnedBy"),
    ("remove an app's secret", "POST", "/applications/*/removePassword", "Application.ReadWrite.OwnedBy"),
    ("add an app's certificate", "POST", "/applications/*/addKey", "Application.ReadWrite.OwnedBy"),
    ("remove an app's certificate", "POST", "/applications/*/removeKey", "Application.ReadWrite.OwnedBy"),
    ("read an app's policies", "GET", "/applications/*/appManagementPolicies", "Policy.Read.All"),
    ("read the policy for apps", "GET", "/policies/defaultAppManagementPolicy", "Policy.Read.All"),
    (
        "read delegated-admin relationships",
        "GET",
        "/tenantRelationships/delegatedAdminRelationships",
        "DelegatedAdminRelationship.Read.All",
    ),
];

/// What each operation needs, for a person: what is done, and the least permission for it.
pub fn least() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().map(|(what, _, _, permission)| (*what, *permission))
}

/// Names the permission that a refusal is about.
pub(super) fn explain(error: Error, ask: &Ask) -> Error {
    if error.code() != "cloud.permission_missing" {
        return error;
    }
    let plain = ask.path.split('?').next().unwrap_or_default();
    let Some((what, _, _, permission)) =
        TABLE.iter().find(|(_, method, pattern, _)| *method == ask.method.as_str() && matches(pattern, plain))
    else {
        return error;
    };
    errors::renamed(&error, "cloud.permission_missing", format!("the permission to {what} is missing"))
        .hint(format!("grant the app {permission} with admin consent, or give the account a role that holds it"))
        .with("permission", *permission)
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(want), Some(have)) if want == have => {}
            (Some(want), Some(have)) if want.strip_suffix('*').is_some_and(|begin| have.starts_with(begin)) => {}
            _ => return false,
        }
    }
}

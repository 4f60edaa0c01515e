//! Directory roles and Graph's permissions, by the ids that are the same in every tenant.
//!
//! Sources: learn.microsoft.com, "Microsoft Entra built-in roles", "Microsoft Graph permissions reference".

/// Graph's own app id.
pub(super) const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";
pub(super) const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
pub(super) const GLOBAL_READER: &str = "f2ef992c-3afb-46b9-b7cf-a126ee74c451";
pub(super) const USER_ADMINISTRATOR: &str = "fe930be7-5e62-47db-91af-98c3a49a38b1";
pub(super) const LICENSE_ADMINISTRATOR: &str = "4d6ac14f-3453-41d0-bef9-a3e0c569773a";
pub(super) const HELPDESK_ADMINISTRATOR: &str = "729827e3-9c14-49f7-bb1b-9608f156bbb8";

/// Directory roles: template id, name, description.
pub(super) const DIRECTORY: &[(&str, &str, &str)] = &[
    (
        GLOBAL_ADMINISTRATOR,
        "Global Administrator",
        "Can manage all aspects of the directory and of services that use it.",
    ),
    (GLOBAL_READER, "Global Reader", "Can read everything that a Global Administrator can, but not update anything."),
    (USER_ADMINISTRATOR, "User Administrator", "Can manage users and groups, and reset passwords of limited admins."),
    (LICENSE_ADMINISTRATOR, "License Administrator", "Can manage product licenses on users and groups."),
    (HELPDESK_ADMINISTRATOR, "Helpdesk Administrator", "Can reset passwords for non-administrators."),
];

/// Permissions of apps that the lab's app asks for: name, id.
pub(super) const PERMISSIONS: &[(&str, &str)] = &[
    ("Organization.Read.All", "498476ce-e0fe-48b0-b801-37ba7e2685c6"),
    ("Domain.Read.All", "dbb9058a-0e50-45d7-ae91-66909b5d4664"),
    ("User.ReadWrite.All", "741f803b-c850-494e-b5df-cde7c675a1ca"),
    ("User-PasswordProfile.ReadWrite.All", "cc117bb9-00cf-4eb8-b580-ea2a878fe8f7"),
    ("User.RevokeSessions.All", "77f3a031-c388-4f99-b373-dc68676a979e"),
    ("LicenseAssignment.ReadWrite.All", "5facf0c1-8979-4e95-abcf-ff3d079771c0"),
    ("RoleManagement.Read.Directory", "483bed4a-2ad3-4361-a73b-c83ccdbdc53c"),
    ("Application.ReadWrite.OwnedBy", "18a4783c-866b-4cc7-a460-3d5e5662c884"),
    ("Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61"),
    ("Policy.Read.All", "246dd0d5-5bd0-4def-940b-0421030a5b68"),
    ("DelegatedAdminRelationship.Read.All", "f6e9e124-4586-492f-adc0-c6f96e4823fd"),
];

/// The name of a directory role.
pub(super) fn directory(template: &str) -> Option<(&'static str, &'static str)> {
    DIRECTORY.iter().find(|(id, ..)| *id == template).map(|(_, name, about)| (*name, *about))
}

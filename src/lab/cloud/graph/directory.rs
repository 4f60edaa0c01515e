//! Service principals, what they and others may do, and the partner's relationships.

use serde_json::{Value, json};

use super::{
    super::{
        app::CLIENT_ID,
        credential::stamp,
        fault::CloudFault,
        jwt::guid,
        refusal::Failure,
        roles::{DIRECTORY, GRAPH_APP, PERMISSIONS, directory},
        tenant::{LABELS, Tenant},
        world::Side,
    },
    Outcome, Request,
    applications::POLICY_DAYS,
};

/// What an app may read principals with.
const READ: &[&str] = &["Application.Read.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All"];
/// What an app may read roles with.
const ROLES: &[&str] = &["RoleManagement.Read.Directory", "RoleManagement.Read.All", "Directory.Read.All"];

impl Request<'_> {
    pub(super) fn principals(&self) -> Outcome {
        self.caller.read(READ)?;
        self.list("servicePrincipals", principals(self.tenant()))
    }

    pub(super) fn principal(&self, key: &str) -> Outcome {
        self.caller.read(READ)?;
        Ok(self.one("servicePrincipals", self.find_principal(key)?, &[]))
    }

    /// `to`: who was given the app's roles, instead of which roles the app was given.
    pub(super) fn app_roles(&self, key: &str, to: bool) -> Outcome {
        self.caller.read(READ)?;
        let id = self.find_principal(key)?["id"].clone();
        let side = if to { "resourceId" } else { "principalId" };
        let all = grants(self.tenant()).into_iter().filter(|one| one[side] == id).collect();
        self.list("appRoleAssignments", all)
    }

    fn find_principal(&self, key: &str) -> Result<Value, Failure> {
        let app = key.strip_prefix("appId='").map(|rest| rest.trim_end_matches('\''));
        let is = |one: &Value| match app {
            Some(app) => one["appId"] == app,
            None => one["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(key)),
        };
        principals(self.tenant()).into_iter().find(is).ok_or_else(|| Failure::missing(key))
    }

    pub(super) fn assignments(&self) -> Outcome {
        self.caller.read(ROLES)?;
        let tenant = self.tenant();
        let expand = self.call.option("$expand").is_some_and(|what| what.contains("roleDefinition"));
        let one = |(role, who): &(&'static str, String)| {
            let mut one = json!({
                "id": guid(&format!("{} {role} {who}", tenant.id)),
                "principalId": who,
                "directoryScopeId": "/",
                "roleDefinitionId": role,
            });
            if expand {
                one["roleDefinition"] = definition(role).unwrap_or_default();
            }
            one
        };
        let all = tenant.assignments.iter().map(one).collect();
        self.list("roleManagement/directory/roleAssignments", all)
    }

    pub(super) fn definitions(&self) -> Outcome {
        self.caller.read(ROLES)?;
        let all = DIRECTORY.iter().filter_map(|(id, ..)| definition(id)).collect();
        self.list("roleManagement/directory/roleDefinitions", all)
    }

    pub(super) fn definition(&self, id: &str) -> Outcome {
        self.caller.read(ROLES)?;
        let found = definition(id).ok_or_else(|| Failure::missing(id))?;
        Ok(self.one("roleManagement/directory/roleDefinitions", found, &[]))
    }

    pub(super) fn directory_roles(&self) -> Outcome {
        self.caller.read(ROLES)?;
        self.list("directoryRoles", DIRECTORY.iter().map(|(id, ..)| role(self.tenant(), id)).collect())
    }

    pub(super) fn directory_role(&self, key: &str) -> Outcome {
        self.caller.read(ROLES)?;
        let template = self.template(key)?;
        Ok(self.one("directoryRoles", role(self.tenant(), template), &[]))
    }

    pub(super) fn members(&self, key: &str) -> Outcome {
        self.caller.read(ROLES)?;
        let template = self.template(key)?;
        let tenant = self.tenant();
        let holders = tenant.assignments.iter().filter(|(role, _)| *role == template);
        let one = |(_, who): &(&str, String)| {
            let user = tenant.users.iter().find(|user| user.id() == who);
            let kind = if user.is_some() { "user" } else { "servicePrincipal" };
            let name = user.map_or("Libretto", |user| user.text("displayName"));
            json!({ "@odata.type": format!("#microsoft.graph.{kind}"), "id": who, "displayName": name })
        };
        self.list("directoryObjects", holders.map(one).collect())
    }

    fn template(&self, key: &str) -> Result<&'static str, Failure> {
        let told = key.strip_prefix("roleTemplateId='").map(|rest| rest.trim_end_matches('\''));
        let id = |template: &str| role(self.tenant(), template)["id"] == key;
        let mut all = DIRECTORY.iter().map(|(template, ..)| *template);
        all.find(|template| told == Some(*template) || id(template)).ok_or_else(|| Failure::missing(key))
    }

    pub(super) fn relationships(&self) -> Outcome {
        self.caller.read(&["DelegatedAdminRelationship.Read.All"])?;
        let all = self.tenant().relationships.clone();
        self.list("tenantRelationships/delegatedAdminRelationships", all)
    }

    pub(super) fn relationship(&self, id: &str) -> Outcome {
        self.caller.read(&["DelegatedAdminRelationship.Read.All"])?;
        let found = self.tenant().relationships.iter().find(|one| one["id"] == id).cloned();
        let found = found.ok_or_else(|| Failure::missing(id))?;
        Ok(self.one("tenantRelationships/delegatedAdminRelationships", found, &[]))
    }

    pub(super) fn customers(&self) -> Outcome {
        self.caller.read(&["DelegatedAdminRelationship.Read.All"])?;
        let one = |one: &Value| {
            let customer = &one["customer"];
            json!({ "id": customer["tenantId"], "tenantId": customer["tenantId"], "displayName": customer["displayName"] })
        };
        let all = self.tenant().relationships.iter().map(one).collect();
        self.list("tenantRelationships/delegatedAdminCustomers", all)
    }

    /// The policy for apps' credentials that holds for the whole tenant.
    pub(super) fn default_policy(&self) -> Outcome {
        self.caller.read(&["Policy.Read.All", "Policy.Read.ApplicationConfiguration"])?;
        let home = self.tenant().label == LABELS[0];
        let enabled = home && self.cloud.has(Side::Graph, Some(LABELS[0]), CloudFault::SecretPolicy);
        let lifetime = json!([{
            "restrictionType": "passwordLifetime",
            "state": "enabled",
            "maxLifetime": format!("P{POLICY_DAYS}D"),
            "restrictForAppsCreatedAfterDateTime": "2019-01-01T00:00:00Z",
        }]);
        let passwords = if enabled { lifetime } else { json!([]) };
        let policy = json!({
            "id": "00000000-0000-0000-0000-000000000000",
            "displayName": "Default app management tenant policy",
            "description": "Default tenant policy that enforces app management restrictions on applications and service \
                            principals. To apply policy to targeted resources, create a new policy under appManagementPolicies \
                            collection.",
            "isEnabled": enabled,
            "applicationRestrictions": { "passwordCredentials": passwords, "keyCredentials": [] },
            "servicePrincipalRestrictions": { "passwordCredentials": [], "keyCredentials": [] },
        });
        Ok(self.one("policies/defaultAppManagementPolicy", policy, &[]))
    }

    /// Policies for single apps, of which the lab has none.
    pub(super) fn policies(&self) -> Outcome {
        self.caller.read(&["Policy.Read.All", "Policy.Read.ApplicationConfiguration", "Application.Read.All"])?;
        self.list("policies/appManagementPolicies", Vec::new())
    }

    /// Who asks, when a user does.
    pub(super) fn me(&self) -> Outcome {
        if !self.caller.user {
            let message = "/me request is only valid with delegated authentication flow.";
            return Err(Failure::new(400, "BadRequest", message));
        }
        let object = self.caller.object.clone();
        self.user(&object)
    }
}

/// The lab's app, if somebody consented to it, and Graph itself.
fn principals(tenant: &Tenant) -> Vec<Value> {
    let one = |id: &str, app: &str, name: &str, roles: Vec<Value>| {
        json!({
            "id": id,
            "accountEnabled": true,
            "appId": app,
            "appDisplayName": name,
            "appRoleAssignmentRequired": false,
            "appRoles": roles,
            "displayName": name,
            "deletedDateTime": null,
            "keyCredentials": [],
            "passwordCredentials": [],
            "servicePrincipalNames": [app],
            "servicePrincipalType": "Application",
            "signInAudience": "AzureADMultipleOrgs",
            "tags": [],
        })
    };
    let role = |(name, id): &(&str, &str)| {
        json!({
            "allowedMemberTypes": ["Application"], "description": name, "displayName": name, "id": id, "isEnabled": true,
            "origin": "Application", "value": name,
        })
    };
    let ours = tenant.principal.as_ref().map(|principal| one(&principal.id, CLIENT_ID, "Libretto", Vec::new()));
    let graph = one(&graph_id(tenant), GRAPH_APP, "Microsoft Graph", PERMISSIONS.iter().map(role).collect());
    ours.into_iter().chain([graph]).collect()
}

fn graph_id(tenant: &Tenant) -> String {
    guid(&format!("{} {GRAPH_APP}", tenant.id))
}

/// What the app was given in this tenant.
fn grants(tenant: &Tenant) -> Vec<Value> {
    let Some(principal) = &tenant.principal else { return Vec::new() };
    let granted = PERMISSIONS.iter().filter(|(name, _)| principal.permissions.contains(name));
    let one = |(name, id): &(&str, &str)| {
        json!({
            "id": guid(&format!("{} {name}", tenant.id)),
            "appRoleId": id,
            "createdDateTime": stamp(tenant.created),
            "deletedDateTime": null,
            "principalDisplayName": "Libretto",
            "principalId": principal.id,
            "principalType": "ServicePrincipal",
            "resourceDisplayName": "Microsoft Graph",
            "resourceId": graph_id(tenant),
        })
    };
    granted.map(one).collect()
}

fn definition(id: &str) -> Option<Value> {
    let (name, about) = directory(id)?;
    Some(json!({
        "id": id, "description": about, "displayName": name, "isBuiltIn": true, "isEnabled": true, "resourceScopes": ["/"],
        "rolePermissions": [], "templateId": id, "version": "1",
    }))
}

fn role(tenant: &Tenant, template: &str) -> Value {
    let (name, about) = directory(template).unwrap_or_default();
    json!({
        "id": guid(&format!("{} {template}", tenant.id)),
        "deletedDateTime": null,
        "description": about,
        "displayName": name,
        "roleTemplateId": template,
    })
}

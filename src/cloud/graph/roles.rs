//! What whoever is signed in may do: directory roles and app permissions.

use serde::Serialize;

use super::{
    Graph,
    path::{encode, quoted},
};
use crate::{
    cloud::answer::Object,
    error::{Error, Result},
};

/// The template of the role Global Administrator, the same in every tenant.
pub const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
/// These stand in the tokens of every user and of every app, and are no roles that anybody was given.
const EVERYBODYS: [&str; 2] = ["b79fbf4d-3ef9-4689-8143-76b194e85509", "0997a1d0-0d1d-4acb-b408-d5ca73121e90"];

/// What whoever is signed in may do.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Roles {
    /// Whether Global Administrator is among them; `None` when that could not be told.
    pub global_administrator: Option<bool>,
    /// Directory roles by template id: those in the token (by group, just-in-time and by delegation among them), and those
    /// that are assigned in the whole directory.
    pub directory: Vec<String>,
    /// App permissions by name.
    pub app: Vec<String>,
    /// Delegated permissions by name.
    pub delegated: Vec<String>,
    /// Why the assignments could not be read, when they could not: then only the token speaks.
    pub unreadable: Option<Error>,
}

impl Graph {
    /// The roles of whoever is signed in: by the token, and by what is assigned now, which the token may not know yet. Least
    /// permission: `RoleManagement.Read.Directory`; without it `unreadable` says so.
    ///
    /// # Errors
    /// Those of Graph, but for a missing permission.
    pub async fn roles(&self) -> Result<Roles> {
        let claims = self.claims();
        let mut directory: Vec<String> = claims.directory_roles.iter().map(|id| id.to_lowercase()).collect();
        directory.retain(|id| !EVERYBODYS.contains(&id.as_str()));
        let unreadable = match &claims.object {
            None => Some(
                Error::inconclusive("cloud.no_object", "the token does not tell which object is signed in")
                    .hint("look at the roles in the tenant's portal"),
            ),
            Some(object) => match self.assigned(object).await {
                Ok(more) => {
                    directory.extend(more);
                    None
                }
                Err(error) if error.code() == "cloud.permission_missing" => Some(error),
                Err(error) => return Err(error),
            },
        };
        directory.sort_unstable();
        directory.dedup();
        let found = directory.iter().any(|id| id == GLOBAL_ADMINISTRATOR);
        Ok(Roles {
            global_administrator: if found || unreadable.is_none() { Some(found) } else { None },
            directory,
            app: claims.app_roles,
            delegated: claims.scopes,
            unreadable,
        })
    }

    /// The templates of the roles that are assigned to an object for the whole directory.
    async fn assigned(&self, object: &str) -> Result<Vec<String>> {
        let filter = encode(&format!("principalId eq {}", quoted(object)));
        let all = self.all(&format!("/roleManagement/directory/roleAssignments?$filter={filter}")).await?;
        let mut roles = Vec::new();
        for assignment in &all {
            let assignment = Object::of(assignment, "the role assignment")?;
            // One for a part of the directory is not the role that people mean. A built-in role's id is its template's.
            if assignment.maybe_text("directoryScopeId")?.as_deref() == Some("/") {
                roles.push(assignment.text("roleDefinitionId")?.to_lowercase());
            }
        }
        Ok(roles)
    }
}

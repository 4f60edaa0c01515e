//! Users: find, create, enable, disable, give another password, assign licences, end their sessions.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Graph, batch::Ask, path::encode};
use crate::{
    cloud::answer::Object,
    error::{Error, Result},
    secret::Secret,
};

/// What is asked of them.
const SELECT: &str =
    "id,userPrincipalName,displayName,mail,accountEnabled,usageLocation,onPremisesSyncEnabled,assignedLicenses";

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The object's id.
    pub id: String,
    /// The sign-in name.
    pub user_principal_name: String,
    /// The name that people see.
    pub display_name: Option<String>,
    /// The mail address.
    pub mail: Option<String>,
    /// Whether the user may sign in; `None` where the caller may not know.
    pub enabled: Option<bool>,
    /// The country for licences, two letters.
    pub usage_location: Option<String>,
    /// Whether the account comes from an Active Directory, which then decides about it.
    pub synced: bool,
    /// The ids of assigned licences.
    pub licences: Vec<String>,
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The sign-in name, `name@domain`.
    pub user_principal_name: String,
    /// The name that people see.
    pub display_name: String,
    /// The first password.
    pub password: Secret,
    /// Whether they have to change it when they sign in.
    pub change_password: bool,
    /// Whether they may sign in.
    pub enabled: bool,
    /// The country for licences, two letters.
    pub usage_location: Option<String>,
}

/// A change of a user's licences.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LicenceChange {
    /// The licences to assign, each with the ids of the service plans to leave out.
    pub add: Vec<(String, Vec<String>)>,
    /// The licences to take away.
    pub remove: Vec<String>,
}

impl User {
    fn read(answer: &Value) -> Result<Self> {
        let object = Object::of(answer, "the user")?;
        let licences = object.maybe_objects("assignedLicenses")?;
        Ok(Self {
            id: object.text("id")?,
            user_principal_name: object.text("userPrincipalName")?,
            display_name: object.maybe_text("displayName")?,
            mail: object.maybe_text("mail")?,
            enabled: object.maybe_flag("accountEnabled")?,
            usage_location: object.maybe_text("usageLocation")?,
            synced: object.maybe_flag("onPremisesSyncEnabled")?.unwrap_or(false),
            licences: licences.iter().map(|licence| licence.text("skuId")).collect::<Result<_>>()?,
        })
    }
}

/// The address of a user by id or sign-in name. One that begins with `$` has to stand in quotes (Graph, "Get a user").
fn at(user: &str) -> Result<String> {
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err(Error::new("cloud.bad_name", "a user is named by sign-in name or object id")
            .hint("give it as name@domain, or as the object's GUID"));
    }
    let encoded = encode(user);
    Ok(if user.starts_with('$') {
        format!("/users('{}')", encoded.replace('\'', "''"))
    } else {
        format!("/users/{encoded}")
    })
}

impl Graph {
    /// Finds a user by sign-in name or object id; `None` when there is none. Least permission: `User.Read.All`.
    ///
    /// # Errors
    /// `cloud.bad_name`; those of Graph.
    pub async fn find_user(&self, user: &str) -> Result<Option<User>> {
        match self.get(&format!("{}?$select={SELECT}", at(user)?)).await {
            Ok(answer) => User::read(&answer).map(Some),
            Err(error) if error.code() == "cloud.not_found" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The users that an OData filter tells, at most `limit`. Least permission: `User.Read.All`.
    ///
    /// # Errors
    /// Those of Graph; `cloud.too_many` above `limit`.
    pub async fn find_users(&self, filter: &str, limit: usize) -> Result<Vec<User>> {
        let all = self.some(&format!("/users?$select={SELECT}&$top=999&$filter={}", encode(filter)), limit).await?;
        all.iter().map(User::read).collect()
    }

    /// Makes a user. Least permission: `User.ReadWrite.All`.
    ///
    /// # Errors
    /// `cloud.exists`, `cloud.password_policy`, `cloud.in_doubt`; those of Graph.
    pub async fn create_user(&self, user: &NewUser) -> Result<User> {
        let Some((nickname, _)) = user.user_principal_name.split_once('@').filter(|(name, _)| !name.is_empty()) else {
            return Err(Error::new("cloud.bad_name", format!("{} is no sign-in name", user.user_principal_name))
                .hint("give it as name@domain, with a domain that the tenant has proven"));
        };
        let mut body = json!({
            "accountEnabled": user.enabled,
            "displayName": user.display_name,
            "mailNickname": nickname,
            "userPrincipalName": user.user_principal_name,
            "passwordProfile": profile(&user.password, user.change_password),
        });
        if let Some(country) = &user.usage_location {
            body["usageLocation"] = country.as_str().into();
        }
        let made = self.send(Ask::post("/users", body)).await?;
        User::read(&made)
            .map_err(|error| super::batch::doubt(&error.context("the user was made, but its record cannot be read")))
    }

    /// Lets a user sign in. Least permission: `User.EnableDisableAccount.All` with `User.Read.All`.
    ///
    /// # Errors
    /// `cloud.not_found`, `cloud.in_doubt`; those of Graph.
    pub async fn enable_user(&self, user: &str) -> Result<()> {
        self.set_enabled(user, true).await
    }

    /// Keeps a user from signing in anew; [`Graph::revoke_sessions`] ends what is open. Least permission as for enabling.
    ///
    /// # Errors
    /// `cloud.not_found`, `cloud.in_doubt`; those of Graph.
    pub async fn disable_user(&self, user: &str) -> Result<()> {
        self.set_enabled(user, false).await
    }

    async fn set_enabled(&self, user: &str, enabled: bool) -> Result<()> {
        // The same twice is the same once, so an attempt without an answer may be repeated.
        self.send(Ask::patch(at(user)?, json!({ "accountEnabled": enabled })).repeatable()).await.map(drop)
    }

    /// Gives a user another password. Least permission: `User-PasswordProfile.ReadWrite.All`.
    ///
    /// # Errors
    /// `cloud.not_found`, `cloud.password_policy`, `cloud.in_doubt`; those of Graph.
    pub async fn reset_password(&self, user: &str, password: &Secret, change: bool) -> Result<()> {
        let body = json!({ "passwordProfile": profile(password, change) });
        self.send(Ask::patch(at(user)?, body)).await.map(drop)
    }

    /// Assigns and takes away licences in one change. Least permission: `LicenseAssignment.ReadWrite.All`.
    ///
    /// # Errors
    /// `cloud.no_licence_left`, `cloud.usage_location`, `cloud.not_found`, `cloud.in_doubt`; those of Graph.
    pub async fn assign_licences(&self, user: &str, change: &LicenceChange) -> Result<()> {
        let add: Vec<Value> =
            change.add.iter().map(|(sku, without)| json!({ "skuId": sku, "disabledPlans": without })).collect();
        let body = json!({ "addLicenses": add, "removeLicenses": change.remove });
        let ask = Ask::post(format!("{}/assignLicense", at(user)?), body);
        // To assign twice is to assign once; what was taken away cannot be taken away again.
        self.send(if change.remove.is_empty() { ask.repeatable() } else { ask }).await.map(drop)
    }

    /// Ends a user's sessions: refresh tokens and cookies stop to work, access tokens within the hour. Least permission:
    /// `User.RevokeSessions.All`.
    ///
    /// # Errors
    /// `cloud.not_found`; those of Graph.
    pub async fn revoke_sessions(&self, user: &str) -> Result<()> {
        let ask = Ask::post(format!("{}/revokeSignInSessions", at(user)?), json!({})).repeatable();
        self.send(ask).await.map(drop)
    }
}

fn profile(password: &Secret, change: bool) -> Value {
    json!({ "password": password.expose(), "forceChangePasswordNextSignIn": change })
}

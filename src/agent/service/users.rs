//! The group `Users`: what workflows do with the users of a connection's tenant.

use axum::{body::Bytes, extract::State, http::HeaderMap};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Agent, licences};
use crate::{
    cloud::User,
    error::{Error, Result},
    secret::Secret,
    service::{
        Answer, Problem,
        body::{self, Members},
    },
};

/// A user of a domain's tenant.
#[derive(Debug, ToSchema)]
#[allow(dead_code)] // the document's; what arrives is read by `Asked`
pub(super) struct UserReq {
    /// The domain whose connection is used.
    #[schema(example = "contoso.example")]
    domain: String,
    /// The user's sign-in name or object id.
    #[schema(example = "adele@contoso.example")]
    user: String,
}

/// Another password for a user.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
#[schema(rename_all = "camelCase")]
pub(super) struct PasswordReq {
    /// The domain whose connection is used.
    #[schema(example = "contoso.example")]
    domain: String,
    /// The user's sign-in name or object id.
    #[schema(example = "adele@contoso.example")]
    user: String,
    /// The new password. It is never answered.
    #[schema(format = Password)]
    password: String,
    /// Whether the user has to change it at the next sign-in; yes unless told.
    change_password: Option<bool>,
}

/// A licence for a user, by profile or by itself.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub(super) struct LicenceReq {
    /// The domain whose connection is used.
    #[schema(example = "contoso.example")]
    domain: String,
    /// The user's sign-in name or object id.
    #[schema(example = "adele@contoso.example")]
    user: String,
    /// A licence profile, which names licence and plans.
    profile: Option<String>,
    /// The licence itself, by part number or id, where no profile is given.
    sku: Option<String>,
    /// The service plans that apply, beside `sku`; none: all.
    plans: Option<Vec<String>>,
}

/// A user as the cloud knows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    /// The object's id.
    id: String,
    /// The sign-in name.
    user_principal_name: String,
    /// The name that people see.
    display_name: Option<String>,
    /// The mail address.
    mail: Option<String>,
    /// Whether the user may sign in; null where the connection may not know.
    enabled: Option<bool>,
    /// The country for licences.
    usage_location: Option<String>,
    /// Whether the account comes from an Active Directory, which then decides about it.
    synced: bool,
    /// The ids of assigned licences.
    licences: Vec<String>,
}

impl From<User> for Found {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            user_principal_name: user.user_principal_name,
            display_name: user.display_name,
            mail: user.mail,
            enabled: user.enabled,
            usage_location: user.usage_location,
            synced: user.synced,
            licences: user.licences,
        }
    }
}

/// A change that the cloud has taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// The user.
    user: String,
    /// What was done.
    #[schema(example = "disabled")]
    done: String,
}

/// What all requests about a user have.
struct Asked {
    members: Members,
    domain: String,
    user: String,
}

impl Asked {
    fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self> {
        let mut members = Members::of(body::json(headers, bytes)?)?;
        let domain = super::records::named_domain(&members.needed("domain")?)?;
        let user = members.needed("user")?;
        let plain = user.chars().count() <= 256 && !user.chars().any(char::is_control) && !user.trim().is_empty();
        if !plain {
            return Err(body::bad("user is neither a sign-in name nor an object id"));
        }
        Ok(Self { members, domain, user })
    }

    fn alone(self) -> Result<(String, String)> {
        self.members.finish()?;
        Ok((self.domain, self.user))
    }
}

type Answered<T> = Result<Answer<T>, Problem>;

fn done(user: String, done: &str) -> Answer<Done> {
    Answer(Done { user, done: done.to_owned() })
}

/// Finds a user
#[utoipa::path(post, path = "/api/Users/Find", tag = "Users", operation_id = "Users_Find",
    request_body = UserReq, responses((status = 200, description = "The user", body = Found)))]
pub(super) async fn find(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Found> {
    let (domain, user) = Asked::read(&headers, &bytes)?.alone()?;
    let found = agent.graph(&domain).await?.find_user(&user).await?;
    let unknown = || {
        Error::new("agent.unknown_user", "the tenant has no such user").hint("give the sign-in name or the object id")
    };
    Ok(Answer(found.ok_or_else(unknown)?.into()))
}

/// Lets a user sign in
#[utoipa::path(post, path = "/api/Users/Enable", tag = "Users", operation_id = "Users_Enable",
    request_body = UserReq, responses((status = 200, description = "It is done", body = Done)))]
pub(super) async fn enable(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Done> {
    let (domain, user) = Asked::read(&headers, &bytes)?.alone()?;
    agent.graph(&domain).await?.enable_user(&user).await?;
    Ok(done(user, "enabled"))
}

/// Keeps a user from signing in anew
///
/// What is open stays open; `Users_RevokeSessions` ends it.
#[utoipa::path(post, path = "/api/Users/Disable", tag = "Users", operation_id = "Users_Disable",
    request_body = UserReq, responses((status = 200, description = "It is done", body = Done)))]
pub(super) async fn disable(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Done> {
    let (domain, user) = Asked::read(&headers, &bytes)?.alone()?;
    agent.graph(&domain).await?.disable_user(&user).await?;
    Ok(done(user, "disabled"))
}

/// Ends a user's sessions
#[utoipa::path(post, path = "/api/Users/RevokeSessions", tag = "Users", operation_id = "Users_RevokeSessions",
    request_body = UserReq, responses((status = 200, description = "It is done", body = Done)))]
pub(super) async fn revoke_sessions(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Done> {
    let (domain, user) = Asked::read(&headers, &bytes)?.alone()?;
    agent.graph(&domain).await?.revoke_sessions(&user).await?;
    Ok(done(user, "sessions-revoked"))
}

/// Gives a user another password
#[utoipa::path(post, path = "/api/Users/ResetPassword", tag = "Users", operation_id = "Users_ResetPassword",
    request_body = PasswordReq, responses((status = 200, description = "It is done", body = Done)))]
pub(super) async fn reset_password(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Done> {
    let mut asked = Asked::read(&headers, &bytes)?;
    let password: Secret = asked.members.secret("password")?.ok_or_else(|| body::bad("password is missing"))?;
    let change = asked.members.flag("changePassword")?.unwrap_or(true);
    let (domain, user) = asked.alone()?;
    agent.graph(&domain).await?.reset_password(&user, &password, change).await?;
    Ok(done(user, "password-reset"))
}

/// Assigns a licence to a user
///
/// Of a licence that the user has already, the plans become those that are given.
#[utoipa::path(post, path = "/api/Users/AssignLicence", tag = "Users", operation_id = "Users_AssignLicence",
    request_body = LicenceReq, responses((status = 200, description = "It is done", body = Done)))]
pub(super) async fn assign_licence(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Done> {
    let (domain, user, wanted) = licence(&agent, &headers, &bytes)?;
    let graph = agent.graph(&domain).await?;
    let change = licences::assigning(&wanted, &graph.licences().await?)?;
    graph.assign_licences(&user, &change).await?;
    Ok(done(user, "licence-assigned"))
}

/// Takes a licence away from a user
#[utoipa::path(post, path = "/api/Users/RemoveLicence", tag = "Users", operation_id = "Users_RemoveLicence",
    request_body = LicenceReq, responses((status = 200, description = "It is done", body = Done)))]
pub(super) async fn remove_licence(State(agent): State<Agent>, headers: HeaderMap, bytes: Bytes) -> Answered<Done> {
    let (domain, user, wanted) = licence(&agent, &headers, &bytes)?;
    let graph = agent.graph(&domain).await?;
    let change = licences::removing(&wanted, &graph.licences().await?)?;
    graph.assign_licences(&user, &change).await?;
    Ok(done(user, "licence-removed"))
}

fn licence(agent: &Agent, headers: &HeaderMap, bytes: &Bytes) -> Result<(String, String, licences::Wanted)> {
    let mut asked = Asked::read(headers, bytes)?;
    let profile = asked.members.text("profile")?;
    let sku = asked.members.text("sku")?;
    let plans = asked.members.texts("plans")?;
    let wanted = match (profile, sku) {
        (Some(name), None) if plans.is_none() => {
            let profile = agent.0.profiles.get(&name)?;
            licences::Wanted { sku: profile.sku, plans: profile.plans }
        }
        (None, Some(sku)) => licences::Wanted { sku, plans: plans.unwrap_or_default() },
        _ => {
            return Err(
                body::bad("neither a profile alone nor a sku is given").hint("give profile, or sku and perhaps plans")
            );
        }
    };
    let (domain, user) = asked.alone()?;
    Ok((domain, user, wanted))
}

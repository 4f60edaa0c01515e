//! Users of a tenant: find, create, enable, disable, another password, licences, end of sessions.

use rhai::Dynamic;

use super::{Shown, way::graph, writes};
use crate::{
    cloud::{Graph, LicenceChange, NewUser, User},
    connection::Connection,
    error::{Error, Result},
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::{Fields, FromScript},
    },
    secret::Secret,
};

/// Users that a search answers unless told.
const SOME: usize = 1_000;

pub(super) fn register(namespace: Namespace) -> Namespace {
    changes(
        namespace
            .operation(
                Spec {
                    signature: "find_user(conn: connection, user: text) -> record of id, user_principal_name, display_name, mail, enabled, usage_location, synced, licences",
                    grant: None,
                    doc: "A user by sign-in name or object id; `()` when there is none. `synced` is true for an account that comes from an Active \
                          Directory, which then decides about it. Least permission: `User.Read.All`.",
                    example: r#"try { print(cloud::find_user(conn::get("contoso"), "nobody@contoso.example") == ()) } catch (e) { print(e.code) }"#,
                },
                find_user,
            )
            .operation(
                Spec {
                    signature: "find_users(conn: connection, filter: text, limit?: int) -> array of records",
                    grant: None,
                    doc: "The users that an OData filter tells, as `cloud::find_user` shows them; 1,000 at most unless told (`cloud.too_many` above).",
                    example: r#"try { print(cloud::find_users(conn::get("contoso"), "accountEnabled eq false").len()) } catch (e) { print(e.code) }"#,
                },
                find_users,
            ),
    )
}

fn changes(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            writes(
                "create_user(conn: connection, user: map) -> record",
                "Makes a user: `name` (the sign-in name), `password` (a secret), and where wanted `display_name`, `usage_location` (two \
                 letters; licences need it), `enabled` and `change_password` (whether it has to be changed at the first sign-in; both true \
                 unless told). Answers as `cloud::find_user`. Least permission: `User.ReadWrite.All`.",
                r#"try { cloud::create_user(conn::get("contoso"), #{ name: "nina@contoso.example", password: secret::generate() }) } catch (e) { print(e.code) }"#,
            ),
            create_user,
        )
        .operation(
            writes(
                "enable_user(conn: connection, user: text) -> bool",
                "Lets a user sign in; `false` when nothing had to be changed. Least permission: `User.EnableDisableAccount.All` with \
                 `User.Read.All`.",
                r#"try { cloud::enable_user(conn::get("contoso"), "nobody@contoso.example") } catch (e) { print(e.code) }"#,
            ),
            enable_user,
        )
        .operation(
            writes(
                "disable_user(conn: connection, user: text) -> bool",
                "Keeps a user from signing in anew; `false` when nothing had to be changed. `cloud::revoke_sessions` ends what is open.",
                r#"try { cloud::disable_user(conn::get("contoso"), "nobody@contoso.example") } catch (e) { print(e.code) }"#,
            ),
            disable_user,
        )
        .operation(
            writes(
                "reset_password(conn: connection, user: text, password: secret, change?: bool)",
                "Gives a user another password, which has to be changed at the next sign-in unless `change` is false. Least permission: \
                 `User-PasswordProfile.ReadWrite.All`.",
                r#"try { cloud::reset_password(conn::get("contoso"), "nobody@contoso.example", secret::generate()) } catch (e) { print(e.code) }"#,
            ),
            reset_password,
        )
        .operation(
            writes(
                "assign_licence(conn: connection, user: text, licence: text, options?: map) -> bool",
                "Assigns a licence, by its short name (`SPE_E3`) or id; `false` when the user has it already. Options: `without` (service \
                 plans to leave out, by name or id), `remove: true` (takes it away instead; `false` when there is none). Least permission: \
                 `LicenseAssignment.ReadWrite.All`.",
                r#"try { cloud::assign_licence(conn::get("contoso"), "nobody@contoso.example", "SPE_E3") } catch (e) { print(e.code) }"#,
            ),
            assign_licence,
        )
        .operation(
            writes(
                "revoke_sessions(conn: connection, user: text)",
                "Ends a user's sessions: refresh tokens and cookies stop to work, access tokens within the hour. Least permission: \
                 `User.RevokeSessions.All`.",
                r#"try { cloud::revoke_sessions(conn::get("contoso"), "nobody@contoso.example") } catch (e) { print(e.code) }"#,
            ),
            revoke_sessions,
        )
}

async fn find_user(context: Context, (connection, user): (Connection, String)) -> Result<Option<Shown<User>>> {
    Ok(graph(&context, &connection).await?.find_user(&user).await?.map(Shown))
}

async fn find_users(
    context: Context,
    (connection, filter, limit): (Connection, String, Option<i64>),
) -> Result<Shown<Vec<User>>> {
    let limit = limit.map_or(SOME, |limit| usize::try_from(limit).unwrap_or_default());
    graph(&context, &connection).await?.find_users(&filter, limit).await.map(Shown)
}

/// A user as a script describes it.
struct Described(NewUser);

impl FromScript for Described {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let name: String = fields.take("name")?.ok_or("needs a `name`, the sign-in name")?;
        let display_name = fields.take("display_name")?;
        let user = NewUser {
            display_name: display_name.unwrap_or_else(|| name.split('@').next().unwrap_or_default().to_owned()),
            user_principal_name: name,
            password: fields.take("password")?.ok_or("needs a `password`, e.g. secret::generate()")?,
            change_password: fields.take("change_password")?.unwrap_or(true),
            enabled: fields.take("enabled")?.unwrap_or(true),
            usage_location: fields.take("usage_location")?,
        };
        fields.finish()?;
        Ok(Self(user))
    }
}

async fn create_user(context: Context, (connection, Described(user)): (Connection, Described)) -> Result<Shown<User>> {
    let graph = graph(&context, &connection).await?;
    let (name, domain) = (&user.user_principal_name, &connection.domain);
    let (did, did_not) = (format!("user {name} made in {domain}"), format!("user {name} not made in {domain}"));
    let write = context.write("cloud.create_user", name, &did, &did_not).await?;
    let made = write.settle_by(graph.create_user(&user).await).await?;
    // The answer has not all of it; a look at once may find nothing yet.
    Ok(Shown(graph.find_user(&made.id).await.ok().flatten().unwrap_or(made)))
}

/// A user that is there.
async fn need(graph: &Graph, user: &str) -> Result<User> {
    graph.find_user(user).await?.ok_or_else(|| {
        Error::new("cloud.not_found", format!("the tenant has no user {user}"))
            .hint("give the sign-in name (name@domain) or the object's id")
    })
}

async fn enable_user(context: Context, (connection, user): (Connection, String)) -> Result<bool> {
    set_enabled(&context, &connection, &user, true).await
}

async fn disable_user(context: Context, (connection, user): (Connection, String)) -> Result<bool> {
    set_enabled(&context, &connection, &user, false).await
}

async fn set_enabled(context: &Context, connection: &Connection, user: &str, enabled: bool) -> Result<bool> {
    let graph = graph(context, connection).await?;
    let word = if enabled { "enabled" } else { "disabled" };
    let write = context
        .write("cloud.enable_user", user, &format!("user {user} {word}"), &format!("user {user} not {word}"))
        .await?;
    let changed = async {
        if need(&graph, user).await?.enabled == Some(enabled) {
            return Ok(false);
        }
        if enabled { graph.enable_user(user).await } else { graph.disable_user(user).await }.map(|()| true)
    };
    write.settle_if_needed(changed.await).await
}

async fn reset_password(
    context: Context,
    (connection, user, password, change): (Connection, String, Secret, Option<bool>),
) -> Result<()> {
    refuse_own(&connection, &user)?;
    let graph = graph(&context, &connection).await?;
    let (did, did_not) = (format!("password of user {user} set"), format!("password of user {user} not set"));
    let write = context.write("cloud.reset_password", &user, &did, &did_not).await?;
    write.settle_by(graph.reset_password(&user, &password, change.unwrap_or(true)).await).await
}

/// A password that is set here behind the store's back would be lost.
fn refuse_own(connection: &Connection, user: &str) -> Result<()> {
    if connection.settings.app().is_some() || !connection.username.eq_ignore_ascii_case(user) {
        return Ok(());
    }
    Err(Error::new("cloud.own_account", format!("{user} is the account that {} signs in as", connection.name))
        .hint("`libretto run migrate_msonline` makes it sign in as an app"))
}

/// What to do with a licence.
#[derive(Default)]
struct How {
    without: Vec<String>,
    remove: bool,
}

impl FromScript for How {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let how = Self {
            without: fields.take("without")?.unwrap_or_default(),
            remove: fields.take("remove")?.unwrap_or(false),
        };
        fields.finish()?;
        if how.remove && !how.without.is_empty() {
            return Err("has `without`, and takes the whole licence away".to_owned());
        }
        Ok(how)
    }
}

async fn assign_licence(
    context: Context,
    (connection, user, licence, how): (Connection, String, String, Option<How>),
) -> Result<bool> {
    let graph = graph(&context, &connection).await?;
    let how = how.unwrap_or_default();
    let change = change(&graph, &licence, &how).await?;
    let word = if how.remove { "taken from" } else { "assigned to" };
    let (did, did_not) = (format!("licence {licence} {word} {user}"), format!("licence {licence} not {word} {user}"));
    let write = context.write("cloud.assign_licence", &user, &did, &did_not).await?;
    let changed = async {
        let has = |id: &String| need_has(&graph, &user, id.clone());
        let needed = match (change.add.first(), change.remove.first()) {
            // Other service plans are a change of a licence that the user has.
            (Some((id, without)), _) => !without.is_empty() || !has(id).await?,
            (None, Some(id)) => has(id).await?,
            (None, None) => false,
        };
        if needed { graph.assign_licences(&user, &change).await.map(|()| true) } else { Ok(false) }
    };
    write.settle_if_needed(changed.await).await
}

async fn need_has(graph: &Graph, user: &str, id: String) -> Result<bool> {
    Ok(need(graph, user).await?.licences.iter().any(|one| one.eq_ignore_ascii_case(&id)))
}

/// Names to ids, by what the tenant has.
async fn change(graph: &Graph, licence: &str, how: &How) -> Result<LicenceChange> {
    let all = graph.licences().await?;
    let is = |id: &str, name: &str, wanted: &str| id.eq_ignore_ascii_case(wanted) || name.eq_ignore_ascii_case(wanted);
    let Some(found) = all.iter().find(|one| is(&one.sku_id, &one.sku, licence)) else {
        let names: Vec<&str> = all.iter().map(|one| one.sku.as_str()).collect();
        return Err(Error::new("cloud.unknown_licence", format!("the tenant has no licence {licence}"))
            .hint(format!("it has {}", names.join(", "))));
    };
    if how.remove {
        return Ok(LicenceChange { add: Vec::new(), remove: vec![found.sku_id.clone()] });
    }
    let plan = |wanted: &String| {
        let plan = found.plans.iter().find(|plan| is(&plan.id, &plan.name, wanted));
        plan.map(|plan| plan.id.clone()).ok_or_else(|| {
            let names: Vec<&str> = found.plans.iter().map(|plan| plan.name.as_str()).collect();
            Error::new("cloud.unknown_plan", format!("the licence {} has no service plan {wanted}", found.sku))
                .hint(format!("it has {}", names.join(", ")))
        })
    };
    let without = how.without.iter().map(plan).collect::<Result<_>>()?;
    Ok(LicenceChange { add: vec![(found.sku_id.clone(), without)], remove: Vec::new() })
}

async fn revoke_sessions(context: Context, (connection, user): (Connection, String)) -> Result<()> {
    let graph = graph(&context, &connection).await?;
    let (did, did_not) = (format!("sessions of {user} ended"), format!("sessions of {user} not ended"));
    let write = context.write("cloud.revoke_sessions", &user, &did, &did_not).await?;
    write.settle_by(graph.revoke_sessions(&user).await).await
}

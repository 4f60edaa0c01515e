//! What changes the directory. Each change is recorded before it is sent and settled when it is answered.

use super::{access, writes};
use crate::{
    connection::{self, Connection},
    directory::{self, Principal, Session},
    error::{Error, Result},
    script::{context::Context, operation::Namespace},
    secret::Secret,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            writes(
                "set_password(conn: connection, user: text, password: secret)",
                "Sets a user's password as an administrator does (over the connection's `via` if it has one). For the connection's own account \
                 use `ad::rotate`, which keeps the old one until the new one is proven.",
                r#"let conn = conn::get("lab-ad"); ad::set_password(conn, "alice", secret::generate());"#,
            ),
            set_password,
        )
        .operation(
            writes(
                "change_password(conn: connection, user: text, old: secret, new: secret)",
                "Changes a user's password as its owner does: the old one is needed, and a wrong one counts towards lockout.",
                r#"let conn = conn::get("lab-ad");
let first = secret::generate();
ad::set_password(conn, "bob", first);
try { ad::change_password(conn, "bob", first, secret::generate()) } catch (e) { print(e.code) }"#,
            ),
            change_password,
        )
        .operation(
            writes(
                "unlock(conn: connection, user: text) -> bool",
                "Ends a lockout; `false` when the account was not locked, as far as the controller that was asked knows.",
                r#"ad::unlock(conn::get("lab-ad"), "alice");"#,
            ),
            unlock,
        )
        .operation(
            writes(
                "enable(conn: connection, user: text) -> bool",
                "Lets an account sign in again; `false` when nothing had to be changed.",
                r#"ad::enable(conn::get("lab-ad"), "alice");"#,
            ),
            enable,
        )
        .operation(
            writes(
                "disable(conn: connection, user: text) -> bool",
                "Keeps an account from signing in; `false` when nothing had to be changed.",
                r#"ad::disable(conn::get("lab-ad"), "bob");"#,
            ),
            disable,
        )
        .operation(
            writes(
                "add_to_group(conn: connection, user: text, group: text) -> bool",
                "Makes an account a member of a group; `false` when it was one already.",
                r#"ad::add_to_group(conn::get("lab-ad"), "alice", "Domain Admins");"#,
            ),
            add_to_group,
        )
        .operation(
            writes(
                "remove_from_group(conn: connection, user: text, group: text) -> bool",
                "Takes an account out of a group; `false` when it was not in it. Nobody is taken out of the primary group (`ad.primary_group`): \
                 another one is made the primary one first.",
                r#"ad::remove_from_group(conn::get("lab-ad"), "alice", "Domain Admins");"#,
            ),
            remove_from_group,
        )
}

/// A session for changes, and the account that is to be changed.
async fn begin(context: &Context, connection: &Connection, user: &str) -> Result<(Session, Principal)> {
    let session = access::session_for_changes(context, connection).await?;
    let principal = directory::resolve(&session, user).await?;
    Ok((session, principal))
}

/// A password that is set here behind the store's back would be lost: nobody would know the new one. Some accounts' passwords
/// are not set by hand at all.
async fn refuse_kept(context: &Context, connection: &Connection, session: &Session, account: &Principal) -> Result<()> {
    if let Some(instead) = account.never_rotate() {
        return Err(
            Error::new("ad.never_set", format!("the password of {} is not set by hand", account.dn)).hint(instead)
        );
    }
    let guid = account.guid.clone();
    let stored = context.blocking(move |context| {
        let store = &context.world.store;
        match connection::credentials::principal_of(store, &guid)? {
            Some(principal) => connection::credentials::connections_of(store, principal),
            None => Ok(Vec::new()),
        }
    });
    let mut users = stored.await?;
    if users.is_empty() && access::account(context, session, connection, None).await?.guid == account.guid {
        users.push(connection.name.clone());
    }
    if users.is_empty() {
        return Ok(());
    }
    Err(Error::new("ad.own_account", format!("{} is the account of {}", account.dn, users.join(", ")))
        .hint("use ad::rotate: it changes the password and keeps the stored credentials true"))
}

/// One change of an account: announced, sent (a future is not sent before it is awaited), settled.
async fn change(
    context: &Context,
    kind: &str,
    target: &Principal,
    (did, did_not): (String, String),
    sent: impl Future<Output = Result<()>>,
) -> Result<()> {
    let write = context.write(kind, &target.dn, &did, &did_not).await?;
    write.settle_by(sent.await).await
}

/// The same for one that answers whether anything had to be changed.
async fn change_if_needed(
    context: &Context,
    kind: &str,
    target: &Principal,
    (did, did_not): (String, String),
    sent: impl Future<Output = Result<bool>>,
) -> Result<bool> {
    let write = context.write(kind, &target.dn, &did, &did_not).await?;
    write.settle_if_needed(sent.await).await
}

async fn set_password(context: Context, (connection, user, password): (Connection, String, Secret)) -> Result<()> {
    let (session, account) = begin(&context, &connection, &user).await?;
    refuse_kept(&context, &connection, &session, &account).await?;
    let said = (format!("password of {user} set in {}", connection.domain), format!("password of {user}"));
    change(&context, "ad.set_password", &account, said, directory::set_password(&session, &account.dn, &password)).await
}

async fn change_password(
    context: Context,
    (connection, user, old, new): (Connection, String, Secret, Secret),
) -> Result<()> {
    let (session, account) = begin(&context, &connection, &user).await?;
    refuse_kept(&context, &connection, &session, &account).await?;
    let said = (format!("password of {user} changed in {}", connection.domain), format!("password of {user}"));
    let sent = directory::change_password(&session, &account.dn, &old, &new);
    change(&context, "ad.change_password", &account, said, sent).await
}

async fn unlock(context: Context, (connection, user): (Connection, String)) -> Result<bool> {
    let (session, account) = begin(&context, &connection, &user).await?;
    let said = (format!("{user} unlocked in {}", connection.domain), format!("lockout of {user}"));
    change_if_needed(&context, "ad.unlock", &account, said, directory::unlock(&session, &account.dn)).await
}

async fn enable(context: Context, (connection, user): (Connection, String)) -> Result<bool> {
    let (session, account) = begin(&context, &connection, &user).await?;
    let said = (format!("{user} enabled in {}", connection.domain), format!("{user} not enabled"));
    change_if_needed(&context, "ad.enable", &account, said, directory::enable(&session, &account.dn)).await
}

async fn disable(context: Context, (connection, user): (Connection, String)) -> Result<bool> {
    let (session, account) = begin(&context, &connection, &user).await?;
    let said = (format!("{user} disabled in {}", connection.domain), format!("{user} not disabled"));
    change_if_needed(&context, "ad.disable", &account, said, directory::disable(&session, &account.dn)).await
}

async fn add_to_group(context: Context, (connection, user, group): (Connection, String, String)) -> Result<bool> {
    let (session, member) = begin(&context, &connection, &user).await?;
    let target = directory::resolve_group(&session, &group).await?;
    let said = (format!("{user} added to {group}"), format!("{user} not added to {group}"));
    let sent = directory::add_to_group(&session, &target.dn, &member.dn);
    change_if_needed(&context, "ad.add_to_group", &target, said, sent).await
}

async fn remove_from_group(context: Context, (connection, user, group): (Connection, String, String)) -> Result<bool> {
    let (session, member) = begin(&context, &connection, &user).await?;
    let target = directory::resolve_group(&session, &group).await?;
    let said = (format!("{user} removed from {group}"), format!("{user} not removed from {group}"));
    let sent = directory::remove_from_group(&session, &target.dn, &member.dn);
    change_if_needed(&context, "ad.remove_from_group", &target, said, sent).await
}

//! What can be read of accounts, groups and policies.

use serde_json::{Map, Value};

use super::{access, lockout, reads};
use crate::{
    connection::Connection,
    directory::{self, Account, Entry, Group, Policy, Principal},
    error::Result,
    script::{
        context::Context,
        operation::Namespace,
        value::{Fields, FromScript, Record},
    },
};

/// Entries of a search, unless told.
const USUAL_LIMIT: i64 = 1000;

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            reads(
                "account(conn: connection, name?: text) -> record",
                "The state of an account (the connection's own unless told) on one target: `disabled`, `locked`, `expired`, \
                 `must_change_password`, `password_expired`, `bad_pwd_count`, `pwd_last_set`, `password_age` (seconds) and more. `()` stands for what may not be read.",
                r#"let account = ad::account(conn::get("lab-ad")); print(`locked: ${account.locked}`);"#,
            ),
            account,
        )
        .operation(
            reads(
                "policy(conn: connection, name?: text) -> record",
                "The password and lockout rules that apply to an account (the connection's own unless told): the domain's, or a fine-grained \
                 policy's. `fine_grained` says which; one that may not be read is `unknown`, not absent. Times are seconds.",
                r#"print(ad::policy(conn::get("lab-ad")).min_length);"#,
            ),
            policy,
        )
        .operation(
            reads(
                "find_user(conn: connection, name: text) -> record of guid, sid, dn, sam_account_name, user_principal_name, kind",
                "Finds one account by UPN, `DOMAIN\\user`, DN, account name, mail address or display name.",
                r#"print(ad::find_user(conn::get("lab-ad"), "alice").dn);"#,
            ),
            find_user,
        )
        .operation(
            reads(
                "search(conn: connection, filter: text, options?: map) -> array of records",
                "Searches with an LDAP filter (RFC 4515). Options: `base` (a DN; the domain unless told), `attributes` (all readable ones \
                 unless told), `limit` (1000). Each record has `dn` and the attributes, each an array of texts; bytes that are no text are \
                 given in base64. `ad::escape` makes a value safe to put into a filter.",
                r#"let found = ad::search(conn::get("lab-ad"), `(sAMAccountName=${ad::escape("al*ce")})`, #{ attributes: ["mail"] });
print(found.len());"#,
            ),
            search,
        )
        .immediate(
            reads("escape(value: text) -> text", "Makes a text safe to put into an LDAP filter (RFC 4515, section 3).", r#"print(ad::escape("a*b"));"#),
            |(value,): (String,)| Ok(directory::filter::escape(&value)),
        )
        .operation(
            reads(
                "groups(conn: connection, name?: text, options?: map) -> array of records of name, dn, sid, security, primary",
                "The groups of an account (the connection's own unless told); with `nested: true` also those reached through groups.",
                r#"for group in ad::groups(conn::get("lab-ad"), "alice") { print(group.name) }"#,
            ),
            groups,
        )
}

async fn account(context: Context, (connection, name): (Connection, Option<String>)) -> Result<Record<Account>> {
    let session = access::session(&context, &connection).await?;
    let principal = access::account(&context, &session, &connection, name.as_deref()).await?;
    let account = directory::account(&session, &principal.dn).await?;
    lockout::counted(&context, &connection, &account).await;
    Ok(Record(account))
}

async fn policy(context: Context, (connection, name): (Connection, Option<String>)) -> Result<Record<Policy>> {
    let session = access::session(&context, &connection).await?;
    let principal = access::account(&context, &session, &connection, name.as_deref()).await?;
    let policy = directory::policy(&session, &principal.dn).await?;
    lockout::of_account(&context, &connection, &principal.guid, &policy).await?;
    Ok(Record(policy))
}

async fn find_user(context: Context, (connection, name): (Connection, String)) -> Result<Record<Principal>> {
    let session = access::session(&context, &connection).await?;
    directory::find_user(&session, &name).await.map(Record)
}

#[derive(Default)]
struct SearchOptions {
    base: Option<String>,
    attributes: Vec<String>,
    limit: Option<i64>,
}

impl FromScript for SearchOptions {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let options = Self {
            base: fields.take("base")?,
            attributes: fields.take("attributes")?.unwrap_or_default(),
            limit: fields.take("limit")?,
        };
        fields.finish()?;
        match options.limit {
            Some(limit) if limit < 1 => Err(format!("limit must be at least 1, not {limit}")),
            _ => Ok(options),
        }
    }
}

async fn search(
    context: Context,
    (connection, filter, options): (Connection, String, Option<SearchOptions>),
) -> Result<Record<Vec<Value>>> {
    let options = options.unwrap_or_default();
    let session = access::session(&context, &connection).await?;
    let attributes: Vec<&str> = options.attributes.iter().map(String::as_str).collect();
    let limit = options.limit.unwrap_or(USUAL_LIMIT) as usize;
    let found = directory::search(&session, options.base.as_deref(), &filter, &attributes, limit).await?;
    Ok(Record(found.entries.iter().map(record).collect()))
}

fn record(entry: &Entry) -> Value {
    let mut map = Map::new();
    map.insert("dn".to_owned(), entry.dn.clone().into());
    for name in entry.names() {
        let values = entry.values(name).iter().map(|bytes| match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => Value::from(data_encoding::BASE64.encode(bytes)),
        });
        map.insert(name.to_owned(), values.collect());
    }
    map.into()
}

struct GroupOptions {
    nested: bool,
}

impl FromScript for GroupOptions {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let nested = fields.take("nested")?.unwrap_or(false);
        fields.finish().map(|()| Self { nested })
    }
}

async fn groups(
    context: Context,
    (connection, name, options): (Connection, Option<String>, Option<GroupOptions>),
) -> Result<Record<Vec<Group>>> {
    let session = access::session(&context, &connection).await?;
    let principal = access::account(&context, &session, &connection, name.as_deref()).await?;
    directory::groups(&session, &principal.dn, options.is_some_and(|options| options.nested)).await.map(Record)
}

//! Domain controllers: found, tested, and their certificates.

use std::time::Duration;

use super::{access, lockout, reads, tests};
use crate::{
    api::{
        credentials::{self, SignIn},
        gate::SignInGate,
    },
    connection::{Connection, credentials::directory_guid, same_account},
    directory::{self, Discovery, Dns, Principal, Session, TargetReport, certificate::Presented, outcome},
    error::Result,
    script::{context::Context, operation::Namespace, value::Record},
    store::rows::ConnectionId,
    verdict::Verdict,
};

/// Targets that are tested at once.
const AT_ONCE: usize = 16;

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            reads(
                "discover(domain: text or connection) -> record of domain, pdc, site, controllers",
                "Finds the domain controllers by DNS (`_ldap._tcp.dc._msdcs`, the PDC emulator by `_ldap._tcp.pdc._msdcs`) and asks each over \
                 CLDAP whether it lives, can be written to, and which site it is in.",
                r#"try { ad::discover("lab.test") } catch (e) { print(e.code) }"#,
            ),
            discover,
        )
        .operation(
            reads(
                "targets(conn: connection) -> array of texts",
                "The connection's targets: those that it was given, else those that DNS knows and that are alive, the PDC emulator first.",
                r#"print(ad::targets(conn::get("lab-ad")).len());"#,
            ),
            targets,
        )
        .operation(
            tests(
                "test_target(conn: connection, target: text) -> report of target, verdict, ms, error, host, site, read_only",
                "Connects to one target, signs in once and reads the domain. What goes wrong is in the report, not thrown.",
                r#"let conn = conn::get("lab-ad"); print(ad::test_target(conn, conn.targets[0]).verdict);"#,
            ),
            test_target,
        )
        .operation(
            tests(
                "test_targets(conn: connection) -> array of reports",
                "Tests every target of the connection: one first, as a canary, then the others at once. A credential that the canary \
                 refuses is tried nowhere else, and none goes to file servers where a target is not trusted or of another domain. A candidate \
                 (`conn::set_credentials`) becomes current when a target has accepted it.",
                r#"for report in ad::test_targets(conn::get("lab-ad")) { print(`${report.target} ${report.verdict}`) }"#,
            ),
            test_targets,
        )
        .operation(
            reads(
                "certificate(conn: connection, target?: text) -> record of target, trusted, problem, chain",
                "The certificates that a target (the first one unless told) presents: names, dates, days left, SHA-256. Nobody signs in, \
                 and an untrusted one is shown too.",
                r#"print(ad::certificate(conn::get("lab-ad")).chain[0].days_left);"#,
            ),
            certificate,
        )
}

/// A domain's name, or the connection whose domain is meant.
struct Domain(String);

impl crate::script::value::FromScript for Domain {
    const TYPE: &'static str = "text";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        if let Some(connection) = value.read_lock::<Connection>() {
            return Ok(Self(connection.domain.clone()));
        }
        String::from_script(value).map(Self).map_err(|_| "must be a domain's name".to_owned())
    }
}

async fn discover(context: Context, (Domain(domain),): (Domain,)) -> Result<Record<Discovery>> {
    let dns = access::dns(&context)?.map_or_else(Dns::system, Ok)?;
    directory::discover(&domain, &dns).await.map(Record)
}

async fn targets(context: Context, (connection,): (Connection,)) -> Result<Vec<String>> {
    let endpoints = access::endpoints(&context, &connection).await?;
    Ok(endpoints.into_iter().map(|endpoint| endpoint.target.to_string()).collect())
}

async fn test_target(context: Context, (connection, target): (Connection, String)) -> Result<Record<TargetReport>> {
    let endpoint = access::endpoint(&context, &connection, &target)?;
    let sign_in = credentials::sign_in(&context, &connection).await?;
    let gate = SignInGate::new(&context, &connection, &sign_in);
    let report = directory::test_target(&endpoint, &access::identity(&sign_in), &gate).await;
    conclude(&context, &connection, &sign_in, std::slice::from_ref(&report)).await?;
    Ok(Record(report))
}

async fn test_targets(context: Context, (connection,): (Connection,)) -> Result<Vec<Record<TargetReport>>> {
    let endpoints = access::endpoints(&context, &connection).await?;
    let sign_in = credentials::sign_in(&context, &connection).await?;
    let gate = SignInGate::new(&context, &connection, &sign_in);
    let reports = directory::test_targets(&endpoints, &access::identity(&sign_in), &gate, AT_ONCE).await;
    context.world.accounts.trust(connection.id);
    conclude(&context, &connection, &sign_in, &reports).await?;
    Ok(reports.into_iter().map(Record).collect())
}

/// Shows each report, and settles what became of the credential.
async fn conclude(
    context: &Context,
    connection: &Connection,
    sign_in: &SignIn,
    reports: &[TargetReport],
) -> Result<()> {
    for report in reports {
        let note = report.site.as_deref().map(|site| format!("site {site}")).unwrap_or_default();
        context.check_finished(
            &report.target,
            report.verdict,
            Duration::from_millis(report.ms),
            &note,
            report.error.as_ref(),
        );
    }
    let errors = || reports.iter().filter_map(|report| report.error.as_ref());
    if let Some(why) = errors().find(|error| outcome::casts_doubt(error)) {
        context.world.accounts.doubt(connection.id, why);
    }
    let refusal = errors().find(|error| outcome::refuses_credential(error));
    match (reports.iter().find(|report| report.verdict == Verdict::Ok), refusal) {
        (Some(accepting), _) => {
            credentials::accepted(context, connection, sign_in, &accepting.target).await?;
            lockout::of_domain(context, connection, accepting.lockout).await?;
            // The test has passed; whose account it is can be learnt another time.
            if let Err(error) = learn(context, connection, sign_in, &accepting.target).await {
                tracing::debug!(connection = connection.name, "the account's objectGUID is not known yet: {error}");
            }
            Ok(())
        }
        (None, Some(refusal)) => credentials::refused(context, connection, sign_in, refusal).await,
        (None, None) => credentials::unasked(context, connection, sign_in).await,
    }
}

/// Whose account it is, the first time that a target accepts it: connections that share one are found by its objectGUID. And
/// once a day what wrong passwords do to it: the domain object does not tell of fine-grained policies.
async fn learn(context: &Context, connection: &Connection, sign_in: &SignIn, target: &str) -> Result<()> {
    let (id, principal) = (connection.id, sign_in.credential.principal);
    let is_known = context.blocking(move |context| {
        let store = &context.world.store;
        Ok(directory_guid(store, principal)?.is_some() && lockout::is_fresh(store, principal)?)
    });
    if is_known.await? {
        return Ok(());
    }
    let endpoint = access::endpoint(context, connection, target)?;
    let gate = SignInGate::new(context, connection, sign_in);
    let session = Session::connect_through(&endpoint, &access::identity(sign_in), &gate).await?;
    let account = directory::resolve(&session, &sign_in.username).await?;
    bind(context, id, &account, &session).await?;
    let policy = directory::policy(&session, &account.dn).await?;
    lockout::of_account(context, connection, &account.guid, &policy).await
}

/// Tells the store whose account it is. Two connections of one account may have two passwords: which one is right the
/// directory tells by when it was set.
pub(super) async fn bind(context: &Context, id: ConnectionId, account: &Principal, session: &Session) -> Result<()> {
    // What may not be read is not known.
    let set = directory::pwd_last_set(session, &account.dn).await.ok().and_then(directory::ticks::moment);
    let guid = account.guid.clone();
    context
        .blocking(move |context| same_account::bind(&context.world.store, context.identity().ok(), id, &guid, set))
        .await?;
    Ok(())
}

async fn certificate(
    context: Context,
    (connection, target): (Connection, Option<String>),
) -> Result<Record<Presented>> {
    let endpoint = match target {
        Some(target) => access::endpoint(&context, &connection, &target)?,
        None => access::endpoints(&context, &connection).await?.swap_remove(0),
    };
    directory::certificate(&endpoint).await.map(Record)
}

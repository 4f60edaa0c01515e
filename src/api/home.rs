//! `home::`: home-directory servers, seen through an Active Directory connection.

use std::{net::IpAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{
    credentials::{self, SignIn},
    gate::SignInGate,
};
use crate::{
    connection::{self, Connection},
    directory::Dns,
    error::{Error, Result},
    homes::{self, HomeServer, Identity, Options, Provider, Resolve, ServerReport},
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::{Fields, FromScript, Record},
    },
    verdict::Verdict,
};

pub(super) fn namespace() -> Namespace {
    Namespace::new("home")
        .operation(
            Spec {
                signature: "test_server(conn: connection, server: text, options?: map) -> report",
                grant: Some("home:test"),
                doc: "Signs in at one home-directory server with the connection's account and connects to its share. With `probe: true` a small \
                      file is created, read back and deleted. What goes wrong is in the report: `server`, `verdict`, `ms`, `dialect`, `signed`, \
                      `encrypted`, `stages`, `error`.",
                example: r#"let conn = conn::get("lab-ad"); print(home::test_server(conn, conn.home_servers[0]).verdict);"#,
            },
            test_server,
        )
        .operation(
            Spec {
                signature: "test_servers(conn: connection, options?: map) -> array of reports",
                grant: Some("home:test"),
                doc: "Tests every home-directory server of the connection. A credential that one of them refuses, or that a domain controller \
                      refused earlier in the run, is tried nowhere else; none is after a target was not trusted or of another domain.",
                example: r#"for report in home::test_servers(conn::get("lab-ad")) { print(`${report.server} ${report.verdict}`) }"#,
            },
            test_servers,
        )
}

struct TestOptions {
    probe: bool,
}

impl FromScript for TestOptions {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let probe = fields.take("probe")?.unwrap_or(false);
        fields.finish().map(|()| Self { probe })
    }
}

async fn test_server(
    context: Context,
    (connection, server, options): (Connection, String, Option<TestOptions>),
) -> Result<Record<ServerReport>> {
    let known = connection.ad()?.home_servers.iter().find(|known| known.path == server).cloned();
    let server = known.map_or_else(|| HomeServer::parse(&server), |known| of_connection(&known))?;
    let mut reports = test(&context, &connection, vec![server], options).await?;
    Ok(Record(reports.swap_remove(0)))
}

async fn test_servers(
    context: Context,
    (connection, options): (Connection, Option<TestOptions>),
) -> Result<Vec<Record<ServerReport>>> {
    let servers = connection.ad()?.home_servers.iter().map(of_connection).collect::<Result<Vec<_>>>()?;
    Ok(test(&context, &connection, servers, options).await?.into_iter().map(Record).collect())
}

pub(super) fn of_connection(server: &connection::HomeServer) -> Result<HomeServer> {
    let provider = match server.provider {
        connection::Provider::UncDirect => Provider::UncDirect,
        connection::Provider::Local => Provider::Local,
        connection::Provider::Wmi => Provider::Wmi,
    };
    HomeServer::of_provider(&server.path, provider)
}

/// Tests the servers that exist; what the lab has no server for is reported as skipped.
async fn test(
    context: &Context,
    connection: &Connection,
    servers: Vec<HomeServer>,
    options: Option<TestOptions>,
) -> Result<Vec<ServerReport>> {
    let missing = |server: &HomeServer| context.world.missing.iter().find(|missing| missing.what == server.to_string());
    let (absent, present): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| missing(server).is_some());
    let mut reports = Vec::new();
    for server in absent {
        let why = missing(&server).map(|missing| missing.why.clone()).unwrap_or_default();
        let error = Error::skipped("home.no_lab_server", format!("the lab has no server for {server}: {why}"));
        reports.push(ServerReport::left_out(server, error));
    }
    if !present.is_empty() {
        reports.extend(test_present(context, connection, &present, options).await?);
    }
    for report in &reports {
        let note = note(report.dialect, report.encrypted);
        context.check_finished(
            &report.server.to_string(),
            report.verdict,
            Duration::from_millis(report.ms),
            &note,
            report.error.as_ref(),
        );
    }
    Ok(reports)
}

/// What there is to say of a server that took the account.
pub(super) fn note(dialect: Option<&str>, encrypted: bool) -> String {
    let parts = [dialect.map(|dialect| format!("SMB {dialect}")), encrypted.then(|| "encrypted".to_owned())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How servers are reached: names are looked up where `config.toml` says.
pub(super) fn options(context: &Context) -> Result<Options> {
    let dns = context.world.config.dns.server.map(Dns::server).transpose()?;
    let resolver = dns.map(|dns| Arc::new(Names(dns)) as Arc<dyn Resolve>);
    Ok(Options { resolver, ..Options::default() })
}

/// What stands before the sign-ins.
pub(super) fn gate(context: &Context, connection: &Connection, sign_in: &SignIn) -> Arc<dyn homes::Gate> {
    Arc::new(SignInGate::new(context, connection, sign_in))
}

async fn test_present(
    context: &Context,
    connection: &Connection,
    servers: &[HomeServer],
    options: Option<TestOptions>,
) -> Result<Vec<ServerReport>> {
    let sign_in = match credentials::sign_in(context, connection).await {
        // What a controller said stays what is wrong.
        Err(error) if error.code() == "connection.refused_before" => {
            return Ok(servers.iter().map(|server| ServerReport::left_out(server.clone(), error.clone())).collect());
        }
        sign_in => sign_in?,
    };
    let identity = Identity::new(sign_in.username.clone(), sign_in.password.clone())?;
    let options = Options {
        probe: options.is_some_and(|options| options.probe),
        gate: Some(gate(context, connection, &sign_in)),
        ..self::options(context)?
    };
    let reports = homes::test_servers(servers, &identity, &options).await;
    conclude(context, connection, &sign_in, &reports).await?;
    Ok(reports)
}

/// A file server's refusal of the account says the same as a controller's; its acceptance does not prove a candidate,
/// for a file server may have asked a controller that still knows the old password.
async fn conclude(
    context: &Context,
    connection: &Connection,
    sign_in: &SignIn,
    reports: &[ServerReport],
) -> Result<()> {
    if reports.iter().any(|report| report.verdict == Verdict::Ok) {
        return Ok(());
    }
    let refusal =
        reports.iter().filter_map(|report| report.error.as_ref()).find(|error| homes::refuses_credential(error));
    match refusal {
        Some(refusal) => credentials::refused(context, connection, sign_in, refusal).await,
        None => Ok(()),
    }
}

/// Names are looked up where `config.toml` says.
struct Names(Dns);

impl Resolve for Names {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>>> {
        Box::pin(self.0.addresses(host))
    }
}

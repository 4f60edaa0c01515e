//! Why an agent does not answer as it should (article 1667): the way to it, the web server that carries it, systemd's view.

use std::{sync::Arc, time::Duration};

use super::way::Way;
use crate::{
    agent::{
        client::Options,
        site::{Finding, Findings, appcmd::AppCmd, iis, unit, way, web},
    },
    config,
    connection::Connection,
    error::{Error, Result},
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::{Fields, FromScript, Record, Span},
    },
    secret::{Secret, reference::Reference},
    verdict::Verdict,
};

/// Between the two looks at what has to stay started.
const PAUSE: Duration = Duration::from_secs(3);
/// What `libretto agent install` writes.
const UNIT: &str = "libretto-agent.service";

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            Spec {
                signature: "diagnose(conn: connection) -> array of records of target, verdict, ms, told, error",
                grant: None,
                doc: "Looks at the way to the connection's Remote Agent, place by place: name, port, TLS, HTTP, token. What is wrong is in its \
                      record with its remedy, not thrown; what comes after the first fault is `not-started`.",
                example: r#"for one in agent::diagnose(conn::get("contoso")) { print(`${one.target}: ${one.verdict}`) }"#,
            },
            diagnose,
        )
        .operation(
            Spec {
                signature: "site(conn: connection, options?: map) -> array of records of target, verdict, ms, told, error",
                grant: None,
                doc: "Looks at the IIS that carries the agent: site, pool, whether they stay started, the pool's identity, the physical path, the \
                      applications. It asks the IIS Administration API: `iis` (host:port) with `token` and perhaps `ca` (a PEM file), or what \
                      `[iis.\"AGENT:PORT\"]` of `config.toml` says; on the agent's own host `appcmd`, which was never tried. `site` names the \
                      site (the one with a binding to the agent's port if left out), `identity` whom the pool should run as, `applications` how many \
                      there should be, `watch` the time between two looks (\"3s\").",
                example: r#"try { agent::site(conn::get("contoso")) } catch (e) { print(e.code) }"#,
            },
            site,
        )
        .operation(
            Spec {
                signature: "unit(conn: connection, options?: map) -> array of records of target, verdict, ms, told, error",
                grant: None,
                doc: "Looks at the agent's service as systemd sees it, where the agent is on this host: whether it runs, as whom, and whether it \
                      stays started. `unit` names it (`libretto-agent.service`), `watch` is the time between two looks (\"3s\").",
                example: r#"for one in agent::unit(conn::get("contoso"), #{ watch: "0s" }) { print(`${one.target}: ${one.verdict}`) }"#,
            },
            unit,
        )
}

async fn diagnose(context: Context, (connection,): (Connection,)) -> Result<Record<Vec<Finding>>> {
    let way = Way::to(&context, &connection).await?;
    let host = &context.world.host;
    let options = Options {
        ca_pem: way.connection.msonline()?.agent_ca_pem.clone(),
        proxy: host.https_proxy().map(Arc::from),
        no_proxy: host.no_proxy().map(Arc::from),
        ..Options::default()
    };
    Ok(told(&context, way::look(&way.agent, &options, way.token.as_ref(), &way.values()).await))
}

/// What a script says of the web server.
struct Asked {
    iis: Option<String>,
    token: Option<Secret>,
    ca: Option<String>,
    wanted: web::Wanted,
}

impl FromScript for Asked {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let asked = Self {
            iis: fields.take("iis")?,
            token: fields.take("token")?,
            ca: fields.take("ca")?,
            wanted: web::Wanted {
                site: fields.take("site")?,
                identity: fields.take("identity")?,
                applications: fields.take("applications")?,
                pause: fields.take::<Span>("watch")?.map_or(PAUSE, |span| span.0),
            },
        };
        fields.finish().map(|()| asked)
    }
}

async fn site(context: Context, (connection, asked): (Connection, Option<Asked>)) -> Result<Record<Vec<Finding>>> {
    Ok(told(&context, or_left_out("site", look_at_site(&context, &connection, asked).await)?))
}

async fn look_at_site(context: &Context, connection: &Connection, asked: Option<Asked>) -> Result<Findings> {
    let way = Way::to(context, connection).await?;
    if context.world.options.lab {
        return Err(Error::skipped("agent.no_lab_iis", "the lab has no IIS: its agent is a service of its own"));
    }
    let asked = match asked {
        Some(asked) => asked,
        None => Asked::from_script(rhai::Dynamic::UNIT).map_err(|said| Error::new("script.argument", said))?,
    };
    let wanted = asked.wanted.clone();
    let here = way.agent.address().is_here();
    let address = way.agent.address().to_string();
    let eyes = context.blocking(move |context| eyes(context, &asked, &address, here)).await?;
    Ok(web::look(&eyes, &wanted, &way.agent, way.token.as_ref()).await)
}

/// Who tells of the web server: what the script names, then `config.toml`, then this host.
fn eyes(context: &Context, asked: &Asked, agent: &str, here: bool) -> Result<web::Eyes> {
    let world = &context.world;
    let said = world.config.iis.iter().find(|(name, _)| name.eq_ignore_ascii_case(agent)).map(|(_, said)| said);
    let Some(at) = asked.iis.clone().or_else(|| said.map(|said| said.at.clone())) else {
        return AppCmd::of(&world.host).filter(|_| here).map(web::Eyes::AppCmd).ok_or_else(|| {
            Error::skipped("iis.not_configured", format!("nobody has said where the IIS of {agent} is, if it has one"))
                .hint(format!("give iis=HOST:55539 and iis_token, or [iis.\"{agent}\"] at and token in config.toml"))
        });
    };
    // What config.toml says of a token is for the place that it names.
    let said = said.filter(|said| said.at == at);
    let token = match (&asked.token, said) {
        (Some(token), _) => token.clone(),
        (None, Some(said)) => token(context, said)?,
        (None, None) => {
            return Err(Error::new("iis.no_token", format!("the IIS Administration API at {at} wants a token"))
                .hint("make one on https://HOST:55539/security/tokens, and give it as iis_token=env:NAME"));
        }
    };
    let file = match (&asked.ca, said.and_then(|said| said.ca.as_ref())) {
        (Some(path), _) => Some(world.host.working_folder.join(path)),
        (None, Some(path)) => Some(world.home.join(path)),
        (None, None) => None,
    };
    let ca_pem = file.map(|path| {
        std::fs::read_to_string(&path).map(Arc::from).map_err(|e| {
            Error::new("iis.bad_ca", format!("{} cannot be read: {e}", path.display()))
                .hint("give the path of a PEM file")
        })
    });
    let proxy = world.host.https_proxy().map(Arc::from);
    let no_proxy = world.host.no_proxy().map(Arc::from);
    iis::Api::new(&iis::Options { at, token, ca_pem: ca_pem.transpose()?, proxy, no_proxy }).map(web::Eyes::Api)
}

fn token(context: &Context, said: &config::Iis) -> Result<Secret> {
    let world = &context.world;
    let reference = match Reference::parse(&said.token)? {
        Reference::File(path) => Reference::File(world.home.join(path)),
        reference @ (Reference::Env(_) | Reference::Command(_)) => reference,
        other => {
            return Err(Error::new(
                "iis.token_reference",
                format!("the token of [iis] in config.toml is {other}, which nobody can answer when a script runs"),
            )
            .hint("give env:NAME, file:PATH or command:PROGRAM"));
        }
    };
    reference.read(&world.host, "token of the IIS Administration API")
}

struct Service {
    unit: String,
    pause: Duration,
}

impl FromScript for Service {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let unit = fields.take("unit")?.unwrap_or_else(|| UNIT.to_owned());
        let pause = fields.take::<Span>("watch")?.map_or(PAUSE, |span| span.0);
        fields.finish().map(|()| Self { unit, pause })
    }
}

async fn unit(context: Context, (connection, asked): (Connection, Option<Service>)) -> Result<Record<Vec<Finding>>> {
    Ok(told(&context, or_left_out("unit", look_at_unit(&context, &connection, asked).await)?))
}

async fn look_at_unit(context: &Context, connection: &Connection, asked: Option<Service>) -> Result<Findings> {
    let way = Way::to(context, connection).await?;
    if context.world.options.lab {
        return Err(Error::skipped(
            "agent.no_lab_unit",
            "the lab's agent is no unit of systemd: it runs in this program",
        ));
    }
    if !way.agent.address().is_here() {
        let said = format!("{} is another host: its systemd is asked there", way.agent.address().host);
        return Err(Error::skipped("agent.elsewhere", said));
    }
    let asked = asked.unwrap_or(Service { unit: UNIT.to_owned(), pause: PAUSE });
    context.blocking(move |_| Ok(unit::look(&asked.unit, asked.pause))).await
}

/// What there is nothing to look at for is left out, with the reason: that is no fault.
fn or_left_out(target: &'static str, found: Result<Findings>) -> Result<Findings> {
    match found {
        Err(error) if error.verdict() == Verdict::Skipped => Ok(Findings::left_out(target, error)),
        found => found,
    }
}

/// Tells of each place as it stands.
fn told(context: &Context, findings: Findings) -> Record<Vec<Finding>> {
    for one in &findings.0 {
        context.check_finished(one.target, one.verdict, Duration::from_millis(one.ms), &one.told, one.error.as_ref());
    }
    Record(findings.0)
}

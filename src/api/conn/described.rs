//! A new connection as a script describes it: a map of fields.

use rhai::Dynamic;

use crate::{
    connection::{self, Settings},
    error::{Error, Result},
    host::Host,
    script::value::{Fields, FromScript},
    secret::Secret,
};

/// A new connection as a script describes it.
pub(super) struct Described {
    fields: connection::fields::Fields,
    /// `password`, `secret` and `certificate`: a connection has one of them.
    secrets: [Option<Secret>; 3],
    agent_token: Option<Secret>,
}

impl FromScript for Described {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let described = Self {
            secrets: [fields.take("password")?, fields.take("secret")?, fields.take("certificate")?],
            agent_token: fields.take("agent_token")?,
            fields: connection::fields::Fields {
                name: fields.take("name")?,
                kind: Some(fields.take("kind")?.unwrap_or_else(|| "ad".to_owned())),
                domain: fields.take("domain")?,
                username: fields.take("username")?,
                targets: fields.take::<Texts<' '>>("targets")?.map(|texts| texts.0),
                home_servers: fields.take::<Texts<';'>>("home_servers")?.map(|texts| texts.0),
                tags: fields.take::<Texts<' '>>("tags")?.map(|texts| texts.0),
                customer: fields.take("customer")?,
                ca: fields.take("ca")?,
                tls: fields.take("tls")?,
                pin: fields.take("pin")?,
                via: fields.take("via")?,
                dependents: fields.take::<Texts<' '>>("dependents")?.map(|texts| texts.0),
                ad: fields.take("ad")?,
                client_id: fields.take("client_id")?,
                agent: fields.take("agent")?,
                agent_ca: fields.take("agent_ca")?,
                app_home: fields.take("app_home")?,
                ..connection::fields::Fields::default()
            },
        };
        fields.finish()?;
        if described.secrets.iter().flatten().count() > 1 {
            return Err("has more than one of `password`, `secret` and `certificate`".to_owned());
        }
        Ok(described)
    }
}

impl Described {
    /// The connection, checked, with its secrets.
    pub(super) fn check(self, host: &Host) -> Result<connection::NewConnection> {
        let mut new = self.fields.check(host).map_err(|faults| connection::fields::as_error(&faults))?;
        let [password, secret, certificate] = self.secrets;
        let is_app = new.settings.app().is_some();
        if is_app && password.is_some() || !is_app && (secret.is_some() || certificate.is_some()) {
            return Err(Error::new(
                "connection.wrong_secret_kind",
                "an app has a `secret` or a `certificate`, any other account a `password`",
            )
            .hint("give `client_id` where an app signs in"));
        }
        if let (Some(pem), Settings::MsOnline(online)) = (&certificate, &mut new.settings) {
            connection::certificate::check(pem.expose(), host.now())?;
            online.certificate = true;
        }
        new.secret = password.or(secret).or(certificate).map(connection::Given::Secret);
        if self.agent_token.is_some() && new.settings.kind() == connection::Kind::Ad {
            return Err(Error::new("connection.wrong_kind", "connections of kind ad have no agent_token")
                .hint("leave it out, or correct the kind"));
        }
        new.agent_token = self.agent_token.map(connection::Given::Secret);
        Ok(new)
    }
}

/// An array of texts, or one text with a character between them.
struct Texts<const BETWEEN: char>(Vec<String>);

impl<const BETWEEN: char> FromScript for Texts<BETWEEN> {
    const TYPE: &'static str = "array";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if value.is_string() {
            let text = String::from_script(value)?;
            return Ok(Self(
                text.split(BETWEEN).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect(),
            ));
        }
        Vec::<String>::from_script(value).map(Self)
    }
}

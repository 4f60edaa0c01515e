//! What is checked of a Microsoft Online connection alone: who signs in, and its Remote Agent.

use std::sync::Arc;

use super::{Fields, Given, certificate_file, faults::Faults, secret};
use crate::{
    connection::{MsOnlineSettings, certificate, settings::AGENT_PORT, syntax},
    error::{Error, Result},
    host::Host,
    secret::{Secret, reference::Reference},
};

impl Fields {
    pub(super) fn check_msonline(
        &self,
        host: &Host,
        faults: &mut Faults,
        before: MsOnlineSettings,
    ) -> MsOnlineSettings {
        let agent = faults.of("agent", self.agent.as_deref(), syntax::host_port);
        let client_id = self.check_client_id(faults, before.client_id);
        self.refuse_foreign_secret(faults, client_id.is_some());
        let agent_ca_pem = match (self.agent_ca.as_deref(), self.agent_ca_pem.as_deref()) {
            (Some(""), _) | (None, Some("")) => None,
            (Some(path), _) => faults.of("agent_ca", Some(path), |path| certificate_file(host, path)),
            (None, Some(pem)) => {
                faults.of("agent_ca_pem", Some(pem), |pem| syntax::certificates(pem.as_bytes())).map(Arc::from)
            }
            (None, None) => before.agent_ca_pem,
        };
        MsOnlineSettings {
            ad: faults.optional("ad", self.ad.as_deref(), before.ad, syntax::name),
            certificate: client_id.is_some()
                && (self.certificate.is_some() || (before.certificate && self.secret.is_none())),
            client_id,
            agent_port: agent.as_ref().map_or(before.agent_port, |(_, port)| port.unwrap_or(AGENT_PORT)),
            agent_host: agent.map_or(before.agent_host, |(host, _)| host),
            agent_ca_pem,
            app_home: faults.optional("app_home", self.app_home.as_deref(), before.app_home, syntax::name),
        }
    }

    /// An app or a user: a user name with its password takes the place of an app.
    fn check_client_id(&self, faults: &mut Faults, before: Option<String>) -> Option<String> {
        let user = self.username.as_deref().filter(|user| !user.is_empty());
        match (self.client_id.as_deref(), user) {
            (Some(app), Some(user)) if !app.is_empty() && !app.eq_ignore_ascii_case(user) => {
                let said = "both a client id and a user name are given";
                let error = Error::new("connection.two_accounts", said)
                    .hint("an app signs in by its client id, a user by name and password: give one of them");
                faults.add("username", error);
                None
            }
            (None, Some(user)) if before.as_deref().is_some_and(|app| !app.eq_ignore_ascii_case(user)) => {
                if self.password.is_none() {
                    let error = Error::new("connection.new_user", format!("{user} would sign in in place of an app"))
                        .hint("give the user's password as well; another app is given by its client id");
                    faults.add("username", error);
                }
                None
            }
            (Some(""), None) if before.is_some() => {
                let error = Error::new("connection.missing", "without an app a user signs in")
                    .hint("give the user's name and password as well");
                faults.add("username", error);
                None
            }
            (given, _) => faults.optional("client_id", given, before, syntax::username),
        }
    }

    /// An app has a secret or a certificate, a user a password.
    fn refuse_foreign_secret(&self, faults: &mut Faults, is_app: bool) {
        let columns = [
            ("password", &self.password, false),
            ("secret", &self.secret, true),
            ("certificate", &self.certificate, true),
        ];
        for (column, ..) in columns.into_iter().filter(|(_, given, of_app)| given.is_some() && *of_app != is_app) {
            let (said, hint) = if is_app {
                ("an app signs in with a secret or a certificate", "give --secret or --certificate")
            } else {
                ("a user signs in with a password", "give the app's client id as well, or a password")
            };
            faults.add(column, Error::new("connection.wrong_secret_kind", said).hint(hint));
        }
    }

    /// The agent's token; an empty one takes it away.
    #[allow(clippy::option_option)] // as an edit has it
    pub(super) fn check_token(&self, host: &Host, faults: &mut Faults) -> Option<Option<Given>> {
        let what = format!("agent token of {}", self.name.as_deref().unwrap_or("the connection"));
        match self.agent_token.as_deref()? {
            "" => Some(None),
            text => faults.of("agent_token", Some(text), |text| secret(host, text, &what)).map(Some),
        }
    }
}

/// The PEM file of an app: certificate and key, checked.
pub(super) fn key_pair_file(host: &Host, path: &str, what: &str) -> Result<Given> {
    let path = path.strip_prefix("file:").unwrap_or(path);
    let secret: Secret = Reference::File(path.into()).read(host, what)?;
    certificate::check(secret.expose(), host.now()).map_err(|e| e.context(path))?;
    Ok(Given::Secret(secret))
}

//! What the services' commands have in common: the certificate, the token, serving until somebody says stop.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;

use super::{Session, run::runtime};
use crate::{
    error::Result,
    host::StopSignals,
    report::Paint,
    run::exit_code,
    secret::redact,
    service::{Alone, Listener, Service, Stopped, tls, tls::Certificate, token},
    store::Store,
    verdict::Verdict,
};

/// A service as its command knows it.
pub(super) struct Serving<'a> {
    /// What people call it: `the Remote Agent`.
    pub(super) name: &'static str,
    /// Its command: `agent`.
    pub(super) command: &'static str,
    /// Where its files are.
    pub(super) folder: PathBuf,
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// A certificate and its key, as they were given.
    pub(super) given: Option<(&'a PathBuf, &'a PathBuf)>,
    /// Whether it speaks TLS alone, with its own certificate.
    pub(super) self_signed: bool,
    /// Names for its own certificate.
    pub(super) names: &'a [String],
}

/// How long a secret that a request brought is kept out of every output after it was used, at least.
const REMEMBERED: Duration = Duration::from_mins(15);

/// What a service speaks TLS with.
struct Tls {
    certificate: Certificate,
    /// What clients may trust, where the service made it.
    file: Option<PathBuf>,
    /// Whether plain HTTP is served as well.
    plain: bool,
}

/// Prints a service's token; `new` makes another.
pub(super) fn show_token(session: &Session, store: &Store, new: bool) -> Result<u8> {
    let token = if new { token::replace(store)? } else { token::load_or_make(store)? };
    session.out.reveal(&token);
    Ok(0)
}

impl Serving<'_> {
    /// Serves until a signal; a second one hurries.
    pub(super) fn serve(&self, session: &Session, service: Service) -> Result<u8> {
        let _alone = Alone::in_folder(&self.folder, self.name)?;
        let tls = self.tls(session)?;
        redact::forget_after(REMEMBERED);
        let stopped = runtime()?.block_on(async {
            let mut signals = StopSignals::listen();
            let listener = Listener::bind(self.listen, Some(Arc::clone(&tls.certificate.config)), tls.plain)?;
            self.say(session, listener.address()?, &tls);
            let (stop, stopping) = tokio::sync::oneshot::channel();
            let (hurry, hurrying) = tokio::sync::oneshot::channel();
            let listening = tokio::spawn(async move {
                signals.next().await;
                let _ = stop.send(());
                signals.next().await;
                let _ = hurry.send(());
            });
            let stopped = listener.serve(service, heard(stopping), heard(hurrying)).await;
            listening.abort();
            stopped
        })?;
        self.tell_end(session, stopped);
        Ok(if stopped.cut_off == 0 { 0 } else { exit_code(Verdict::Failed, false) })
    }

    fn tls(&self, session: &Session) -> Result<Tls> {
        if let Some((certificate, key)) = self.given {
            let at = |path: &PathBuf| session.host.working_folder.join(path);
            return Ok(Tls { certificate: tls::given(&at(certificate), &at(key))?, file: None, plain: false });
        }
        let mut names = self.names.to_vec();
        let address = self.listen.ip();
        if !address.is_loopback() && !address.is_unspecified() {
            names.push(address.to_string());
        }
        let (certificate, file) = tls::own(&self.folder, &names)?;
        let plain = !self.self_signed && address.to_canonical().is_loopback();
        Ok(Tls { certificate, file: Some(file), plain })
    }

    fn say(&self, session: &Session, address: SocketAddr, tls: &Tls) {
        let out = session.out;
        let url = format!("{}://{address}", if tls.plain { "http" } else { "https" });
        if out.json {
            let said = json!({ "event": format!("{}-started", self.command), "url": url, "address": address.to_string(),
                "plain": tls.plain, "fingerprint": tls.certificate.fingerprint, "certificate": tls.file });
            out.event(&said.to_string());
            return;
        }
        out.line(&out.look.paint(Paint::Heading, format!("{} is up: {url}", self.name)));
        out.line(&format!("  page         {url}/swagger"));
        if tls.plain {
            out.line(&format!("  with TLS     https://{address}"));
        }
        if let Some(file) = &tls.file {
            out.line(&format!("  certificate  {}", file.display()));
        }
        out.line(&format!("  fingerprint  {} (SHA-256)", tls.certificate.fingerprint));
        out.line(&format!("  token        `libretto {} token` prints it", self.command));
        out.line("\nCtrl-C ends it");
    }

    fn tell_end(&self, session: &Session, stopped: Stopped) {
        let (out, name) = (session.out, self.name);
        if out.json {
            let event = format!("{}-stopped", self.command);
            out.event(&json!({ "event": event, "cut_off": stopped.cut_off }).to_string());
        } else if stopped.cut_off > 0 {
            out.line(&format!("{name} has stopped; operations that were cut off: {}", stopped.cut_off));
        } else if !out.quiet {
            out.line(&format!("{name} has stopped"));
        }
    }
}

/// Waits for a signal that was passed on.
async fn heard(signal: tokio::sync::oneshot::Receiver<()>) {
    if signal.await.is_err() {
        std::future::pending::<()>().await;
    }
}

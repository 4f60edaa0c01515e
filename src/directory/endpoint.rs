//! A target together with how to reach and trust it.

use std::{sync::Arc, time::Duration};

use super::{
    dns::Dns,
    target::{LDAP_PORT, LDAPS_PORT, Target},
    tls::{Tls, TlsMode},
    trust::Trust,
};
use crate::error::Result;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the name, the TCP connection, StartTLS and the TLS handshake together. 5 s unless set.
    pub connect: Duration,
    /// For one request until its last answer; a page of a search counts as one. 10 s unless set.
    pub operation: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), operation: Duration::from_secs(10) }
    }
}

/// One domain controller, ready to be connected to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The controller.
    pub target: Target,
    /// How long to wait for it.
    pub limits: Limits,
    mode: TlsMode,
    trust: Arc<Trust>,
    dns: Option<Dns>,
    domain: Option<Arc<str>>,
}

impl Endpoint {
    /// Prepares to connect to `target`: reads the trusted certificates, touches no network.
    ///
    /// # Errors
    /// `ad.bad_ca` when the CA text holds no usable certificate, `ad.no_roots` when the system has no trusted roots.
    pub fn new(target: Target, tls: &Tls) -> Result<Self> {
        Ok(Self {
            target,
            limits: Limits::default(),
            mode: tls.mode,
            trust: Arc::new(Trust::new(tls)?),
            dns: None,
            domain: None,
        })
    }

    /// Sets the time-outs.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Looks names up through `dns` rather than through the system.
    #[must_use]
    pub fn with_dns(mut self, dns: Dns) -> Self {
        self.dns = Some(dns);
        self
    }

    /// Says nothing to a controller of another domain than `domain` (a DNS name): it is no place for this account's password.
    #[must_use]
    pub fn of_domain(mut self, domain: &str) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Another target, reached and trusted the same way.
    #[must_use]
    pub fn at(&self, target: Target) -> Self {
        Self { target, ..self.clone() }
    }

    /// LDAPS or StartTLS.
    #[must_use]
    pub fn mode(&self) -> TlsMode {
        self.mode
    }

    /// The TCP port that is really used.
    #[must_use]
    pub fn port(&self) -> u16 {
        if self.mode == TlsMode::StartTls && self.target.port == LDAPS_PORT { LDAP_PORT } else { self.target.port }
    }

    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(super) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    pub(super) fn dns(&self) -> Option<&Dns> {
        self.dns.as_ref()
    }
}

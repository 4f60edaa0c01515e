//! How agents are reached.

use std::{sync::Arc, time::Duration};

/// How an agent is reached.
#[derive(Clone)]
pub struct Options {
    /// CA certificates in PEM; only they are trusted then. Otherwise the system's.
    pub ca_pem: Option<Arc<str>>,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// The proxy to go through, as `HTTPS_PROXY` tells it; never to this machine.
    pub proxy: Option<Arc<str>>,
    /// Hosts that are reached without the proxy, as `NO_PROXY` tells them.
    pub no_proxy: Option<Arc<str>>,
}

/// Without the proxy's address: a user and a password may stand in it.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("timeout", &self.timeout)
            .field("proxy", &self.proxy.is_some())
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        // Longer than an agent gives its operations: it says itself what has taken too long.
        Self { ca_pem: None, timeout: Duration::from_secs(130), proxy: None, no_proxy: None }
    }
}

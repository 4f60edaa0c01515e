//! The Remote Agent: the service that holds Microsoft Online connections and talks to the cloud for them.

pub mod service;

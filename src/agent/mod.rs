//! The Remote Agent: the service that holds Microsoft Online connections and talks to the cloud for them, and its client.

pub mod client;
pub mod service;

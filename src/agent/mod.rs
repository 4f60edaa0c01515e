//! The Remote Agent: the service that holds Microsoft Online connections and talks to the cloud for them, and the client that
//! speaks to one, ours or another's.

pub mod client;
pub mod service;

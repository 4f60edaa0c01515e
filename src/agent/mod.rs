//! The Remote Agent: the service that holds Microsoft Online connections and talks to the cloud for them, its client, and
//! the diagnosis of what stands between the two.

pub mod client;
pub mod service;
pub mod site;

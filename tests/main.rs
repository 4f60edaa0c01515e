//! The one integration binary: everything that needs a real socket, a real server or the built program.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_macros, missing_docs)]

mod agent;
mod agent_client;
mod app_rotation;
mod audit;
mod cli;
mod cloud;
mod cloud_scripts;
mod connection;
mod crash;
mod directory;
mod homes;
mod lab;
mod lockout;
mod procedures;
mod rotation;
mod script;
mod secret;
mod store;
mod support;
mod versions;
mod workflow;

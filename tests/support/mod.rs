//! What tests share: the built program, the Samba domain, comparison of whole texts.

pub mod browser;
pub mod canary;
pub mod case;
pub mod chance;
pub mod cloud;
pub mod domain;
pub mod fuzz;
pub mod iis;
pub mod lossy;
pub mod names;
pub mod program;
pub mod relay;
pub mod samba;
pub mod terminal;
mod tests;
pub mod text;
pub mod turns;
pub mod world;

//! What tests share: the built program, the Samba domain, comparison of whole texts.

pub mod canary;
pub mod case;
pub mod normal;
pub mod program;
pub mod samba;

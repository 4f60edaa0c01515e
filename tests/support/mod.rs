//! What tests share: the built program, the Samba domain, comparison of whole texts.

pub mod samba;

//! The one integration binary: everything that needs a real socket, a real server or the built program.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod lab;
mod homes;
mod support;

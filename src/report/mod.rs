//! Events to text: lines for people, JSON lines for machines, errors drawn at the script's line.
//!
//! The room makes text and prints nothing. Everything that it makes has gone through the redactor.

mod beside;
mod draw;
mod human;
mod json;
mod look;
mod progress;
mod sources;

pub use beside::{DETAIL as FAILING, beside};
pub use draw::{error, failure, warning};
pub use human::Human;
pub use json::line as json_line;
pub use look::{Look, Paint, VERDICT, duration, plain, shown};
pub use progress::Progress;
pub use sources::Sources;

//! What can be made to go wrong with the lab's services, as `--fault agent=...` and `--fault workflow=...` name it.

use std::time::Duration;

use super::time;

/// What is wrong with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceFault {
    /// Connections are refused.
    Down,
    /// It has another token by now than its clients know.
    WrongToken,
    /// It does the first write, and its process ends before the answer is sent. After the time it is started again; without
    /// one nobody does so.
    CrashBeforeReply(Option<Duration>),
}

impl ServiceFault {
    /// Reads what stands behind `agent=` and `workflow=`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (what, detail) = text.split_once(':').map_or((text, None), |(what, detail)| (what, Some(detail)));
        Some(match (what, detail) {
            ("down", None) => Self::Down,
            ("wrong-token", None) => Self::WrongToken,
            ("crash-before-reply", None) => Self::CrashBeforeReply(None),
            ("crash-before-reply", Some(detail)) => Self::CrashBeforeReply(Some(time(detail)?)),
            _ => return None,
        })
    }
}

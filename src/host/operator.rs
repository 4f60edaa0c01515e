//! Who runs the program, as the operating system says: an environment variable could name anybody.

/// The name of the process's real user; `uid 1234` where the system has no name for it.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // other systems may tell none
pub(super) fn of_system() -> Option<String> {
    use std::sync::OnceLock;

    // A look-up may ask a directory, and a process keeps its user.
    static OPERATOR: OnceLock<String> = OnceLock::new();
    let look_up = || {
        let uid = nix::unistd::getuid();
        let user = nix::unistd::User::from_uid(uid).ok().flatten();
        user.map_or_else(|| format!("uid {uid}"), |user| user.name)
    };
    Some(OPERATOR.get_or_init(look_up).clone())
}

/// No call of the standard library tells it here.
#[cfg(not(unix))]
pub(super) fn of_system() -> Option<String> {
    None
}

//! What a crash leaves behind: nothing, for the memory holds secrets.

/// Forbids memory images of this process, and of the programs that it starts: no core file, whatever the shell's limit or
/// the system's collector of crashes say, and no other process of the same user looks into the memory.
pub fn forbid() {
    // Where the system refuses, there is nothing to be done about it, and nothing else suffers.
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, setrlimit};
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    }
    // A limit of 0 does not keep the system from handing an image to a program (core(5)); this does.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

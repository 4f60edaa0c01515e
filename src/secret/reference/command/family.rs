//! A program with what it has started, to be ended together.

use std::{fs, process::Child};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Ends what a program has started, and it too where it leads a process group of its own. In our group there are others: then
/// its descendants are looked up, as `/proc` tells them before their parents are gone. What has cut itself off lives on.
pub(super) fn end(child: &Child, leads: bool) {
    let program = Pid::from_child(child);
    if leads {
        let _ = kill_process_group(program, Signal::KILL);
        return;
    }
    for descendant in descendants(program) {
        let _ = kill_process(descendant, Signal::KILL);
    }
}

fn descendants(of: Pid) -> Vec<Pid> {
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        // It starts no more of them while they are listed.
        let _ = kill_process(parent, Signal::STOP);
        found.extend(children(parent));
        next += 1;
    }
    found.split_off(1)
}

/// The children of all threads of a process.
fn children(of: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{}/task", of.as_raw_nonzero())).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(pid).collect::<Vec<_>>()).collect()
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

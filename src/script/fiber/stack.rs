//! Stacks of fibers: mapped when they are first needed, kept for the next fiber, and given back when they have grown.
//!
//! `unsafe` is here for two system calls' worth of facts that the type system does not know: what a fresh mapping is made
//! of, and what lies in a stack that nobody runs on.
#![allow(unsafe_code)]

use std::{cell::RefCell, io};

use corosensei::stack::{DefaultStack, Stack};

/// The lowest page of a stack is its guard.
const GUARD_PAGE: usize = 4096;
/// Stacks kept for the next fibers, so that a batch maps memory once and not once per item.
const KEPT: usize = 1024;
/// What of a kept stack may have been touched, about. A deeper one gives its memory back to the system: the scripts' memory
/// limit does not see it.
const KEPT_DEPTH: usize = 512 << 10;
/// Bytes that are looked at to tell whether a stack has grown that deep. No frame of a deep recursion is larger.
const PROBE: usize = 8192;

thread_local! {
    static SPARE: RefCell<Vec<(usize, DefaultStack)>> = const { RefCell::new(Vec::new()) };
}

/// A stack with room for `size` bytes.
///
/// # Errors
/// The operating system's, when it has no address space for it.
pub(super) fn take(size: usize) -> io::Result<DefaultStack> {
    let spare = SPARE.with_borrow_mut(|spare| {
        spare.iter().rposition(|(spare_size, _)| *spare_size == size).map(|i| spare.swap_remove(i).1)
    });
    match spare {
        Some(stack) => Ok(stack),
        None => map(size),
    }
}

/// Keeps a stack whose fiber has returned, unless there are enough or it has grown.
pub(super) fn keep(size: usize, stack: DefaultStack) {
    if grew(&stack) {
        return;
    }
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT {
            spare.push((size, stack));
        }
    });
}

/// The lowest address that a fiber may use.
pub(super) fn floor(stack: &DefaultStack) -> usize {
    stack.limit().get() + GUARD_PAGE
}

#[cfg(target_os = "linux")]
fn map(size: usize) -> io::Result<DefaultStack> {
    let stack = DefaultStack::new(size)?;
    let (from, to) = (stack.limit().get(), stack.base().get());
    // Where the system uses large pages unasked, the first touch of a stack would take two megabytes.
    // SAFETY: the range is this mapping, which `stack` owns, whole and page-aligned; the advice changes no content. It is no
    // more than advice: a kernel without large pages refuses it, and nothing is lost.
    let _ = unsafe {
        rustix::mm::madvise(std::ptr::with_exposed_provenance_mut(from), to - from, rustix::mm::Advice::LinuxNoHugepage)
    };
    Ok(stack)
}

#[cfg(not(target_os = "linux"))]
fn map(size: usize) -> io::Result<DefaultStack> {
    DefaultStack::new(size)
}

/// Whether a stack was used deeper than is worth keeping: a page that nobody wrote to reads as zeros.
#[cfg(unix)]
fn grew(stack: &DefaultStack) -> bool {
    let (floor, base) = (floor(stack), stack.base().get());
    if base - floor <= KEPT_DEPTH + PROBE {
        return false;
    }
    // SAFETY: the bytes lie between the guard page and the base of a mapping that `stack` owns, which is readable there and
    // was zeroed by the system when it was made, so every byte is initialised. No coroutine runs on it: its owner took the
    // stack out of one that has returned, and nothing else holds a reference into it.
    let probe = unsafe {
        std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(base - KEPT_DEPTH - PROBE), PROBE)
    };
    // All of it at once: to stop at the first byte that tells would be forty times as slow where there is none, which is after
    // every item of a batch.
    probe.iter().fold(0, |seen, byte| seen | byte) != 0
}

#[cfg(not(unix))]
fn grew(_: &DefaultStack) -> bool {
    false
}

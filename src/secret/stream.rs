//! A writer that redacts what streams through it, also a secret that comes in pieces or goes over a line's end.

use std::io::{self, Write};

use zeroize::Zeroize;

use super::redact::redact_stream;

/// Redacts everything on its way to `W`. It holds back what may be the beginning of a secret until more comes, it is
/// flushed (then it holds back only what is one's beginning by four bytes or more), or it is dropped.
#[derive(Debug)]
pub struct Redacting<W: Write> {
    sink: W,
    held: Vec<u8>,
}

impl<W: Write> Redacting<W> {
    /// A writer in front of `sink`.
    pub fn new(sink: W) -> Self {
        Self { sink, held: Vec::new() }
    }

    /// Writes what is held back: for the end of the stream.
    pub fn finish(&mut self) -> io::Result<()> {
        let rest = super::redact::redact_bytes(&self.held).into_owned();
        self.held.zeroize();
        self.sink.write_all(&rest)?;
        self.sink.flush()
    }

    fn pass(&mut self, flush: bool) -> io::Result<()> {
        let (ready, used) = redact_stream(&self.held, flush);
        let rest = self.held.split_off(used);
        self.held.zeroize();
        self.held = rest;
        self.sink.write_all(&ready)
    }
}

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        self.pass(false)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(true)?;
        self.sink.flush()
    }
}

impl<W: Write> Drop for Redacting<W> {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.finish();
    }
}

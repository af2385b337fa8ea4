//! A file seen through a window that slides over it: a row is looked at where it was read, and memory holds a window.

use std::io::Read;

use crate::bulk::LoadError;

/// What is read at a time, in bytes.
const STEP: usize = 64 << 10;
/// The longest row, in bytes. A million characters fit; a quote that is never closed does not swallow the memory.
pub(super) const LONGEST_ROW: usize = 16 << 20;

/// The bytes that were read and not consumed yet.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the file the window starts.
    offset: u64,
    is_over: bool,
}

impl<R: Read> Window<R> {
    /// Over an input of which so many bytes are behind.
    pub(super) fn new(input: R, offset: u64) -> Self {
        Self { input, buffer: vec![0; STEP], start: 0, end: 0, offset, is_over: false }
    }

    /// What can be seen.
    pub(super) fn seen(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Where in the file that begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether nothing comes behind what can be seen.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// So many bytes are done with.
    pub(super) fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.end - self.start);
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Sees more; false where the row would become longer than any may be.
    pub(super) fn widen(&mut self) -> Result<bool, LoadError> {
        if self.end - self.start >= LONGEST_ROW {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < STEP / 2 {
            // Doubled, so that a long row is not looked at again for each step of it.
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let Some(room) = self.buffer.get_mut(self.end..) else { return Ok(false) };
        let read = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.map_err(LoadError::unreadable)?,
            }
        };
        self.end += read;
        self.is_over = read == 0;
        Ok(true)
    }
}

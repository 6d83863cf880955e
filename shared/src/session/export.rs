//! A result on its way to a client, as binary frames that fit a socket.

use std::io;

use crate::limits::EXPORT_FRAME_BYTES;
use crate::wire::DataHeader;

/// An export that is being cut into frames.
pub(super) struct Frames {
    /// Of the next one.
    header: DataHeader,
    /// Each with its header; the last one may not be full.
    done: Vec<Vec<u8>>,
}

impl Frames {
    const FULL_BYTES: usize = DataHeader::LENGTH + EXPORT_FRAME_BYTES;

    pub(super) fn new(run: u32, id: u32) -> Frames {
        Frames { header: DataHeader { run, id, index: 0, last: false }, done: Vec::new() }
    }

    fn begin(&mut self) {
        self.done.push(self.header.to_bytes().to_vec());
        self.header.index += 1;
    }

    pub(super) fn finish(mut self) -> Vec<Vec<u8>> {
        if self.done.is_empty() {
            self.begin();
        }
        let last = DataHeader { index: self.header.index - 1, last: true, ..self.header };
        if let Some(frame) = self.done.last_mut() {
            frame[..DataHeader::LENGTH].copy_from_slice(&last.to_bytes());
        }
        self.done
    }
}

impl io::Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.done.last().is_none_or(|frame| frame.len() >= Frames::FULL_BYTES) {
            self.begin();
        }
        let Some(frame) = self.done.last_mut() else { return Ok(0) };
        let taken = bytes.len().min(Frames::FULL_BYTES - frame.len());
        frame.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

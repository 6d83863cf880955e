//! A result or a trace on its way to a client, as binary frames that fit a socket.

use std::io;

use super::{Output, Session, paced};
use crate::limits::EXPORT_FRAME_BYTES;
use crate::wire::{DataHeader, ExportFormat};

impl Session {
    /// The whole result, in frames that fit a socket.
    pub(super) fn export(&mut self, run: u32, id: u32, format: ExportFormat) {
        let Some(format) = format.rows() else { return self.export_trace(run, id) };
        let Some(table) = self.table(run) else { return self.refuse(format!("run {run} has no result to export")) };
        let mut frames = Frames::new(run, id);
        if let Err(error) = table.write(format, 0..table.len(), &mut frames) {
            return self.refuse(error.to_string());
        }
        let frames = frames.finish();
        self.outputs.extend(frames.into_iter().map(Output::Data));
    }

    fn export_trace(&mut self, run: u32, id: u32) {
        match self.runs.get(&run).is_some_and(|entry| entry.has_pacer) {
            true => self.outputs.push_back(Output::Steer { run, word: paced::Input::Trace(id) }),
            false => self.refuse(format!("run {run} is not simulated at a pace: it has no trace to export")),
        }
    }
}

/// An export that is being cut into frames.
struct Frames {
    /// Of the next one.
    header: DataHeader,
    /// Each with its header; the last one may not be full.
    done: Vec<Vec<u8>>,
}

impl Frames {
    const FULL_BYTES: usize = DataHeader::LENGTH + EXPORT_FRAME_BYTES;

    fn new(run: u32, id: u32) -> Frames {
        Frames { header: DataHeader { run, id, index: 0, last: false }, done: Vec::new() }
    }

    fn begin(&mut self) {
        self.done.push(self.header.to_bytes().to_vec());
        self.header.index += 1;
    }

    fn finish(mut self) -> Vec<Vec<u8>> {
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

//! A result on its way to a client: rows that it looks at, and the whole of it, or a trace, as binary frames that fit a socket.

use std::io;

use super::jobs::Stage;
use super::{Output, Session, paced};
use crate::batch::table::{RowsFormat, ViewQuery};
use crate::limits::EXPORT_FRAME_BYTES;
use crate::time::Time;
use crate::wire::{About, DataHeader, Event, ExportFormat};

impl Session {
    pub(super) fn view(&mut self, run: u32, id: u32, query: &ViewQuery) {
        let answer = self.rows(run, id, query);
        self.emit(answer);
    }

    /// Rows of a finished run's result, or an error that says why there are none: for its client, and for others whom its driver lets
    /// look at them.
    pub fn rows(&mut self, run: u32, id: u32, query: &ViewQuery) -> Event {
        match self.runs.get_mut(&run).map(|entry| &mut entry.stage) {
            Some(Stage::Done { table, .. }) => match table.view(query) {
                Ok(view) => Event::Rows { run, id, view },
                Err(error) => Event::Error { message: error.to_string() },
            },
            _ => Event::Error { message: format!("run {run} has no result to look at") },
        }
    }

    /// The whole result, in frames that fit a socket.
    pub(super) fn export(&mut self, run: u32, id: u32, format: ExportFormat) {
        let Some(format) = format.rows() else { return self.export_trace(run, id) };
        match self.file(run, DataHeader { run, id, index: 0, last: false }, format) {
            Ok(frames) => self.outputs.extend(frames.into_iter().map(Output::Data)),
            Err(reason) => self.refuse(reason),
        }
    }

    /// The whole result of a run as the frames that begin with this one, or a sentence that says why there is none: for its client, and
    /// for others whom its driver lets have it.
    pub fn file(&self, run: u32, first: DataHeader, format: RowsFormat) -> Result<Vec<Vec<u8>>, String> {
        let Some(table) = self.table(run) else { return Err(format!("run {run} has no result to export")) };
        let mut frames = Frames { header: first, done: Vec::new() };
        table.write(format, 0..table.len(), &mut frames).map_err(|error| error.to_string())?;
        Ok(frames.finish())
    }

    /// What went between its nodes in a stretch of time.
    pub(super) fn messages(&mut self, run: u32, id: u32, (from, to): (Time, Time), about: Option<About>) {
        match self.runs.get(&run).is_some_and(|entry| entry.has_pacer) {
            true => self.outputs.push_back(Output::Steer { run, word: paced::Input::Messages { id, from, to, about } }),
            false => self.refuse(format!("run {run} is not simulated at a pace: nobody has seen the messages in it")),
        }
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

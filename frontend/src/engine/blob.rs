//! A job's input in the page: a `Blob`, read in slices, never whole.
//!
//! A long split is read as a [`Stretch`], without waiting. Everything else, and every split where that does not work, is read by
//! `FileReaderSync`: each read waits for another process and comes in a buffer of its own, which took three times as long for each byte
//! in Chromium.

use js_sys::{Promise, Uint8Array};
use shared::batch::{Source, SourceError, Split};
use wasm_bindgen::JsValue;
use web_sys::{Blob, FileReaderSync};

use super::describe;
use super::stretch::Stretch;

/// Bytes read at a time by `FileReaderSync`: small reads are slow, and the buffers of large ones pile up before the collector comes
/// (with 4 MiB a 1 GB file took the tab past 600 MB).
const READ_AHEAD_BYTES: u64 = 1 << 20;

/// Bytes from which on a split is read as a stretch; to open one takes as long as to read a small split.
const STRETCH_BYTES_MIN: u64 = 1 << 20;

/// Bytes that a stretch has beyond its split, for the last record's end.
const TAIL_BYTES: u64 = 16 << 10;

/// A sentence for a read that failed.
pub(super) fn unreadable(offset: u64, error: &JsValue) -> String {
    format!(
        "the input could not be read at byte {offset}: {}; it may have been changed, moved or deleted since it was chosen: choose it again",
        describe(error).trim_end_matches('.')
    )
}

/// A `Blob` or `File` as a source; only in a worker, where reading may wait.
pub struct BlobSource {
    blob: Blob,
    length: u64,
    reader: FileReaderSync,
    /// The last slice read, and where it begins.
    ahead: Uint8Array,
    at: u64,
    stretch: Option<Stretch>,
    /// How many stretches there have been, so that a read of an earlier one is told from one of this.
    stretches: u32,
}

impl BlobSource {
    /// Fails where the browser has no `FileReaderSync`.
    pub fn new(blob: Blob) -> Result<BlobSource, SourceError> {
        let reader = FileReaderSync::new().map_err(|error| SourceError(describe(&error)))?;
        Ok(BlobSource {
            length: blob.size() as u64,
            blob,
            reader,
            ahead: Uint8Array::new_with_length(0),
            at: 0,
            stretch: None,
            stretches: 0,
        })
    }

    /// Tells that a split is read from now on, from its start to its end.
    pub fn begin(&mut self, split: Split) {
        self.end();
        // A split's reader looks at the byte before it.
        let range = split.start.saturating_sub(1)..(split.end + TAIL_BYTES).min(self.length);
        if split.end.saturating_sub(split.start) >= STRETCH_BYTES_MIN && !range.is_empty() {
            self.stretch = Stretch::of(&self.blob, range);
            self.stretches += 1;
        }
    }

    /// Tells that the split is not read on.
    pub fn end(&mut self) {
        if let Some(stretch) = self.stretch.take() {
            stretch.close();
        }
    }

    /// A read that is to be over before the next step, so that the step need not wait; what it comes to is for
    /// [`BlobSource::take_in`], together with the number. `None` if a step can be taken.
    pub fn read(&mut self) -> Option<(u32, Promise)> {
        Some((self.stretches, self.stretch.as_mut()?.read()?))
    }

    /// Takes in what a read came to.
    pub fn take_in(&mut self, number: u32, read: Result<JsValue, JsValue>) {
        if number == self.stretches
            && let Some(stretch) = &mut self.stretch
            && !stretch.take_in(read)
        {
            // The step reads for itself, and says why it cannot.
            self.stretch = None;
        }
    }

    fn fill(&mut self, offset: u64) -> Result<(), SourceError> {
        let end = (offset + READ_AHEAD_BYTES).min(self.length);
        let slice = self.blob.slice_with_f64_and_f64(offset as f64, end as f64);
        let read = slice.and_then(|slice| self.reader.read_as_array_buffer(&slice));
        let buffer = read.map_err(|error| SourceError(unreadable(offset, &error)))?;
        (self.ahead, self.at) = (Uint8Array::new(&buffer), offset);
        Ok(())
    }
}

impl Source for BlobSource {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let from = offset + filled as u64;
            if from >= self.length {
                break;
            }
            if let Some(stretch) = &mut self.stretch {
                let count = stretch.copy(from, &mut buffer[filled..]);
                if count > 0 {
                    filled += count;
                    continue;
                }
            }
            let here = self.at..self.at + u64::from(self.ahead.length());
            if !here.contains(&from) {
                self.fill(from)?;
                if self.ahead.length() == 0 {
                    break;
                }
            }
            let start = (from - self.at) as u32;
            let end = self.ahead.length().min(start.saturating_add((buffer.len() - filled) as u32));
            let part = self.ahead.subarray(start, end);
            let count = part.length() as usize;
            part.copy_to(&mut buffer[filled..filled + count]);
            filled += count;
        }
        Ok(filled)
    }
}

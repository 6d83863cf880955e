//! A job's input in the page: a `Blob`, read in slices, never whole.

use js_sys::Uint8Array;
use shared::batch::{Source, SourceError};
use web_sys::{Blob, FileReaderSync};

use super::describe;

/// Bytes read at a time. The browser answers each read from another process, so small ones are slow; the buffers of large ones pile up
/// before the collector comes (with 4 MiB a 1 GB file took the tab past 600 MB).
const READ_AHEAD_BYTES: u64 = 1 << 20;

/// A `Blob` or `File` as a source; only in a worker, where reading may wait.
pub struct BlobSource {
    blob: Blob,
    length: u64,
    reader: FileReaderSync,
    /// The last slice read, and where it begins.
    ahead: Uint8Array,
    at: u64,
}

impl BlobSource {
    /// Fails where the browser has no `FileReaderSync`.
    pub fn new(blob: Blob) -> Result<BlobSource, SourceError> {
        let reader = FileReaderSync::new().map_err(|error| SourceError(describe(&error)))?;
        Ok(BlobSource { length: blob.size() as u64, blob, reader, ahead: Uint8Array::new_with_length(0), at: 0 })
    }

    fn fill(&mut self, offset: u64) -> Result<(), SourceError> {
        let end = (offset + READ_AHEAD_BYTES).min(self.length);
        let slice = self.blob.slice_with_f64_and_f64(offset as f64, end as f64);
        let read = slice.and_then(|slice| self.reader.read_as_array_buffer(&slice));
        let buffer = read.map_err(|error| {
            SourceError(format!(
                "the input could not be read at byte {offset}: {}; it may have been changed, moved or deleted since it was chosen: \
                 choose it again",
                describe(&error).trim_end_matches('.')
            ))
        })?;
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

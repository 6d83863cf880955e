//! A stretch of a blob that is read from its start to its end, as a map task reads its split.
//!
//! The browser fills a pipe ahead of its reader, so that the bytes of the next step come while this one computes; and they all come
//! into one buffer, which goes back and forth, so that nothing piles up before the collector comes. Reading is not waiting: a read is
//! a promise, and what it brings is taken in later.

use std::ops::Range;

use js_sys::{ArrayBuffer, Object, Promise, Uint8Array};
use shared::limits::SLICE_BYTES;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, ReadableStreamByobReader, ReadableStreamReadResult};

/// Bytes of the buffer: what Chromium's pipe holds, so that one read can empty it and its other end writes much at a time.
const BUFFER_BYTES: u32 = 2 << 20;

/// See the module.
pub struct Stretch {
    reader: ReadableStreamByobReader,
    /// `None` while the browser has it for a read.
    buffer: Option<ArrayBuffer>,
    /// What is in the buffer and has not been taken, and where in the blob it begins.
    held: Range<u32>,
    at: u64,
    /// Bytes of the stretch that have not been read yet.
    rest: u64,
}

impl Stretch {
    /// `None` where the browser cannot read into a buffer of ours.
    pub fn of(blob: &Blob, range: Range<u64>) -> Option<Stretch> {
        let slice = blob.slice_with_f64_and_f64(range.start as f64, range.end as f64).ok()?;
        let reader = ReadableStreamByobReader::new(&slice.stream()).ok()?;
        let buffer = Some(ArrayBuffer::new(BUFFER_BYTES));
        Some(Stretch { reader, buffer, held: 0..0, at: range.start, rest: range.end - range.start })
    }

    /// Begins a read, unless there is enough for a step: what it comes to is for [`Stretch::take_in`].
    pub fn read(&mut self) -> Option<Promise> {
        let have = self.held.len() as u64;
        if self.rest == 0 || have >= SLICE_BYTES as u64 {
            return None;
        }
        let buffer = self.buffer.take()?;
        // To the front, where a whole step has room behind it.
        if self.held.start > 0 {
            Uint8Array::new(&buffer).copy_within(0, self.held.start as i32, self.held.end as i32);
            self.held = 0..have as u32;
        }
        let room = u64::from(BUFFER_BYTES) - have;
        let view = Uint8Array::new_with_byte_offset_and_length(&buffer, self.held.end, room.min(self.rest) as u32);
        Some(self.reader.read_with_array_buffer_view(view.unchecked_ref::<Object>()))
    }

    /// Takes in what a read came to. `false` if the stretch cannot be read on: the browser refused, or the blob was shortened.
    pub fn take_in(&mut self, read: Result<JsValue, JsValue>) -> bool {
        let Ok(read) = read else { return false };
        let Ok(bytes) = read.unchecked_into::<ReadableStreamReadResult>().get_value().dyn_into::<Uint8Array>() else {
            return false;
        };
        let count = bytes.byte_length();
        self.buffer = Some(bytes.buffer());
        self.held.end += count;
        self.rest -= u64::from(count).min(self.rest);
        count > 0
    }

    /// Copies what it has from `offset` on; 0 if that is not the next it has. What lies before is dropped.
    pub fn copy(&mut self, offset: u64, into: &mut [u8]) -> usize {
        let Some(buffer) = &self.buffer else { return 0 };
        let Some(skipped) = offset.checked_sub(self.at).filter(|skipped| *skipped < self.held.len() as u64) else { return 0 };
        let start = self.held.start + skipped as u32;
        let count = self.held.end.saturating_sub(start).min(into.len().min(BUFFER_BYTES as usize) as u32);
        Uint8Array::new_with_byte_offset_and_length(buffer, start, count).copy_to(&mut into[..count as usize]);
        self.held.start = start + count;
        self.at = offset + u64::from(count);
        count as usize
    }

    /// Lets go of it; the browser stops to read ahead.
    pub fn close(self) {
        let closed = self.reader.cancel();
        // A stretch that failed says so once more, and nobody wants to hear it.
        spawn_local(async move { drop(JsFuture::from(closed).await) });
    }
}

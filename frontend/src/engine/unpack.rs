//! Compressed files in the page: told by their first bytes, and unpacked by the browser, a piece at a time, into a blob.

use js_sys::{Array, Uint8Array};
use shared::batch::recognise::Packing;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ReadableStreamDefaultReader, ReadableStreamReadResult, ReadableWritablePair};

use super::blob::unreadable;
use super::describe;
use super::open::blob_of;

/// Bytes that a file unpacks to at most: a blob of that size is still kept outside the page's memory.
const UNPACKED_BYTES_MAX: u64 = 4 << 30;

/// Bytes from which on the pieces so far become a blob, which the browser may move out of memory.
const PIECE_BYTES: u64 = 16 << 20;

#[wasm_bindgen]
extern "C" {
    /// The browser's own unpacking, of which `web_sys` has no stable binding.
    type DecompressionStream;

    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<DecompressionStream, JsValue>;
}

/// The blob itself, or what it holds if it is compressed; of that no more than the first `wanted` bytes are needed.
pub async fn unpacked(name: &str, blob: Blob, wanted: Option<u64>) -> Result<Blob, String> {
    let head = blob.slice_with_f64_and_f64(0.0, 4.0).map_err(|error| unreadable(0, &error))?;
    let head = JsFuture::from(head.array_buffer()).await.map_err(|error| unreadable(0, &error))?;
    match Packing::of(&Uint8Array::new(&head).to_vec()) {
        None => Ok(blob),
        Some(Packing::Gzip) => gunzipped(name, &blob, wanted).await,
        Some(Packing::Zstd) => Err(format!(
            "`{name}` is packed by zstd, which a browser cannot unpack: pack it by gzip, unpack it, or run on the server"
        )),
    }
}

async fn gunzipped(name: &str, blob: &Blob, wanted: Option<u64>) -> Result<Blob, String> {
    let damaged = |error: JsValue| {
        let reason = describe(&error);
        let reason = reason.trim_end_matches('.');
        format!(
            "`{name}` cannot be unpacked, its gzip data is damaged, cut off, or of several parts ({reason}): fetch or pack it again"
        )
    };
    let through = DecompressionStream::new("gzip").map_err(damaged)?;
    let stream = blob.stream().pipe_through(through.unchecked_ref::<ReadableWritablePair>());
    let reader = ReadableStreamDefaultReader::new(&stream).map_err(damaged)?;
    let (mut blobs, mut pieces, mut held, mut bytes) = (Array::new(), Array::new(), 0, 0);
    while wanted.is_none_or(|wanted| bytes < wanted) {
        let read: ReadableStreamReadResult = JsFuture::from(reader.read()).await.map_err(damaged)?.unchecked_into();
        let Ok(piece) = read.get_value().dyn_into::<Uint8Array>() else { return blob_of(&blobs.concat(&pieces)) };
        (held, bytes) = (held + u64::from(piece.length()), bytes + u64::from(piece.length()));
        if bytes > UNPACKED_BYTES_MAX {
            let most = UNPACKED_BYTES_MAX >> 30;
            return Err(format!("`{name}` unpacks to more than {most} GiB, the most that a page holds: run on the server"));
        }
        pieces.push(&piece);
        if held >= PIECE_BYTES {
            blobs.push(&blob_of(&pieces)?.into());
            (pieces, held) = (Array::new(), 0);
        }
        if blobs.length() == 16 {
            blobs = Array::of1(&blob_of(&blobs)?.into());
        }
    }
    // Nobody waits for the rest; a stream that fails while it ends has given what was wanted.
    drop(JsFuture::from(reader.cancel()).await);
    blob_of(&blobs.concat(&pieces))
}

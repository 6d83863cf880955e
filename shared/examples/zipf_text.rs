//! Writes a Zipf text to standard output.
//!
//! `cargo run --release -p shared --example zipf_text SEED DISTINCT_WORDS BYTES`
#![allow(clippy::disallowed_methods, reason = "an example talks to the world; only the core does not")]

use std::io::{self, Write};

use shared::batch::zipf::ZipfText;

/// Bytes made between two writes.
const CHUNK_BYTES: u64 = 1 << 20;

fn main() -> io::Result<()> {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [seed, distinct, bytes] = numbers[..] else {
        return Err(io::Error::other("name three numbers: SEED DISTINCT_WORDS BYTES"));
    };
    let distinct = u32::try_from(distinct).map_err(io::Error::other)?;
    let mut text = ZipfText::new(seed, distinct);
    let mut output = io::stdout().lock();
    let mut chunk = Vec::new();
    let mut left = bytes;
    while left > 0 {
        chunk.clear();
        text.fill(&mut chunk, left.min(CHUNK_BYTES) as usize);
        output.write_all(&chunk)?;
        left = left.saturating_sub(chunk.len() as u64);
    }
    Ok(())
}

//! Compression ahead of time: a `.br` and a `.gz` beside each file that shrinks by it, so that the server never compresses.
//!
//! Brotli at its best level is slow, so results are kept by content hash and a file is compressed once in its life.

use super::Files;
use crate::digest;
use crate::failure::{Done, Failure};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

/// Endings of files that shrink; fonts are compressed already.
const COMPRESSIBLE: [&str; 9] = [".wasm", ".js", ".css", ".html", ".svg", ".txt", ".csv", ".json", ".webmanifest"];

/// Brotli's best level, for what a browser waits for.
const BROTLI_BEST: i32 = 11;
/// Brotli's level for big texts: a tenth of the time of level 11 for a twentieth more bytes.
const BROTLI_BIG_TEXT: i32 = 9;
/// A text above this many bytes is a big one.
const BIG_TEXT_BYTES: usize = 4 << 20;
/// Brotli's window as a power of two: the largest that every browser must accept (RFC 7932).
const BROTLI_WINDOW_BITS: i32 = 24;
/// Bytes of output per step of the compressor.
const BUFFER_BYTES: usize = 64 << 10;

/// How a file is compressed: the ending it gets and the level.
#[derive(Clone, Copy)]
enum Method {
    Brotli(i32),
    Gzip,
}

impl Method {
    fn ending(self) -> &'static str {
        match self {
            Self::Brotli(_) => "br",
            Self::Gzip => "gz",
        }
    }

    fn level(self) -> i32 {
        match self {
            Self::Brotli(level) => level,
            Self::Gzip => 9,
        }
    }

    fn compress(self, content: &[u8]) -> Vec<u8> {
        // Both write into memory, which can't fail.
        let held = "a Vec takes every byte";
        match self {
            Self::Brotli(level) => {
                let mut writer =
                    brotli::CompressorWriter::new(Vec::new(), BUFFER_BYTES, level as u32, BROTLI_WINDOW_BITS as u32);
                writer.write_all(content).expect(held);
                writer.into_inner()
            }
            Self::Gzip => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                writer.write_all(content).expect(held);
                writer.finish().expect(held)
            }
        }
    }
}

/// The compressed companions of `files`, from `cache` where they are known there. What the cache holds besides is removed.
pub fn all(files: &Files, cache: &Path) -> Done<Files> {
    fs::create_dir_all(cache).map_err(|error| Failure::file("make the folder", cache, &error))?;
    let mut jobs: Vec<(&String, &Vec<u8>, Method)> = Vec::new();
    for (path, content) in files.iter().filter(|(path, _)| COMPRESSIBLE.iter().any(|ending| path.ends_with(ending))) {
        let level = if path.ends_with(".txt") && content.len() > BIG_TEXT_BYTES { BROTLI_BIG_TEXT } else { BROTLI_BEST };
        jobs.extend([(path, content, Method::Brotli(level)), (path, content, Method::Gzip)]);
    }
    // The biggest come last, to be taken from the end first.
    jobs.sort_by_key(|(_, content, method)| content.len() as i64 * i64::from(method.level()));

    let jobs = Mutex::new(jobs);
    let results = Mutex::new((Files::new(), BTreeSet::new()));
    let work = || -> Done {
        while let Some((path, content, method)) = jobs.lock().ok().and_then(|mut jobs| jobs.pop()) {
            let name = format!("{}.{}.{}", digest::sha256(content), method.level(), method.ending());
            let compressed = compressed_or_known(&cache.join(&name), content, method)?;
            if let Ok(mut results) = results.lock() {
                results.1.insert(name);
                if compressed.len() < content.len() {
                    results.0.insert(format!("{path}.{}", method.ending()), compressed);
                }
            }
        }
        Ok(())
    };
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("compressing does not panic"))
    })?;
    let (compressed, used) = results.into_inner().expect("compressing does not panic");
    forget_all_but(&used, cache)?;
    Ok(compressed)
}

fn compressed_or_known(known: &Path, content: &[u8], method: Method) -> Done<Vec<u8>> {
    if let Ok(compressed) = fs::read(known) {
        return Ok(compressed);
    }
    let compressed = method.compress(content);
    // Under another name first: an interrupted run must not leave half a file that looks whole.
    let unfinished = known.with_extension("unfinished");
    digest::write(&unfinished, &compressed)?;
    fs::rename(&unfinished, known).map_err(|error| Failure::file("write", known, &error))?;
    Ok(compressed)
}

fn forget_all_but(used: &BTreeSet<String>, cache: &Path) -> Done {
    for old in digest::files_below(cache)?.iter().filter(|name| !used.contains(*name)) {
        let path = cache.join(old);
        fs::remove_file(&path).map_err(|error| Failure::file("remove", &path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn what_is_compressed_can_be_read_again_and_comes_from_the_cache_the_second_time() {
        let cache = std::env::temp_dir().join(format!("millrace-compress-{}", std::process::id()));
        let text = "to be or not to be, ".repeat(1_000).into_bytes();
        let files: Files =
            [("a.txt".to_owned(), text.clone()), ("b.woff2".to_owned(), text.clone()), ("c.js".to_owned(), b"1".to_vec())]
                .into();
        let compressed = all(&files, &cache).unwrap();
        assert_eq!(
            compressed.keys().collect::<Vec<_>>(),
            ["a.txt.br", "a.txt.gz"],
            "fonts and what doesn't shrink are left alone"
        );

        let mut back = Vec::new();
        brotli::Decompressor::new(&compressed["a.txt.br"][..], BUFFER_BYTES).read_to_end(&mut back).unwrap();
        assert_eq!(back, text);
        back.clear();
        flate2::read::GzDecoder::new(&compressed["a.txt.gz"][..]).read_to_end(&mut back).unwrap();
        assert_eq!(back, text);

        let known = cache.join(format!("{}.11.br", digest::sha256(&text)));
        fs::write(&known, b"from the cache").unwrap();
        assert_eq!(all(&files, &cache).unwrap()["a.txt.br"], b"from the cache");
        all(&Files::new(), &cache).unwrap();
        assert_eq!(digest::files_below(&cache), Ok(vec![]), "what no file needs any more is forgotten");
        fs::remove_dir_all(&cache).unwrap();
    }
}

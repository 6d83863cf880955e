//! Counts the words of a text by renoir and writes them as CSV; prints how long the count took, in milliseconds.
//!
//! `renoir-word-count TEXT WORKERS COUNTS.csv`

use std::fs::File;
use std::io::{BufWriter, Error, Write};
use std::time::Instant;

use hashbrown::HashMap;
use renoir::prelude::*;
use renoir::{RuntimeConfig, StreamContext};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [text, workers, counts] = arguments.as_slice() else {
        return Err(Error::other("name three things: TEXT WORKERS COUNTS.csv"));
    };
    let workers = workers.parse().map_err(Error::other)?;

    let config = RuntimeConfig::local(workers).map_err(|error| Error::other(error.to_string()))?;
    let context = StreamContext::new(config);
    let start = Instant::now();
    let counted = context
        .stream_file(text)
        .batch_mode(BatchMode::fixed(1024))
        .fold_assoc(
            HashMap::<String, u64>::new(),
            |counts, line: String| {
                let line = line.to_ascii_lowercase();
                for word in line.split(|c: char| !c.is_ascii_alphanumeric() && c != '\'').filter(|word| !word.is_empty()) {
                    *counts.entry_ref(word).or_insert(0) += 1;
                }
            },
            |counts, part| part.into_iter().for_each(|(word, count)| *counts.entry(word).or_insert(0) += count),
        )
        .collect_vec();
    context.execute_blocking();
    let counted = counted.get().unwrap_or_default();
    println!("{}", start.elapsed().as_secs_f64() * 1000.0);

    let mut output = BufWriter::new(File::create(counts)?);
    writeln!(output, "word,count")?;
    counted.iter().flatten().try_for_each(|(word, count)| writeln!(output, "{word},{count}"))?;
    output.flush()
}

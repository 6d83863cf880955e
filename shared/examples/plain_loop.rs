//! Counts the words of a file by the loop that anyone would write first, once for each usual way to split a text, and prints how
//! many milliseconds the fastest took. `cargo xtask bench native` compares the core with it.
//!
//! `cargo run --release -p shared --example plain_loop FILE`

// A measurement: a panic is how it fails.
#![allow(clippy::unwrap_used)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example talks to the world; only the core does not"
)]

use std::time::Instant;

fn main() -> std::io::Result<()> {
    let file = std::env::args().nth(1).ok_or_else(|| std::io::Error::other("name a file"))?;
    let text = std::fs::read_to_string(file)?;
    let times = [
        timed("split(' ')", || count(text.split(' '))),
        timed("split([' ', '\\n'])", || count(text.split([' ', '\n']))),
        timed("split_ascii_whitespace()", || count(text.split_ascii_whitespace())),
        timed("split(not alphanumeric)", || count(text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()))),
    ];
    println!("{:.3}", times.into_iter().fold(f64::INFINITY, f64::min));
    Ok(())
}

fn count<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    let mut counts: hashbrown::HashMap<&str, u64> = hashbrown::HashMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts.len()
}

fn timed(name: &str, count: impl Fn() -> usize) -> f64 {
    let start = Instant::now();
    let words = count();
    let ms = start.elapsed().as_secs_f64() * 1_000.0;
    // The counts are used, or the loop could be left out.
    eprintln!("{name}: {ms:.0} ms, {words} different words");
    ms
}

//! Counts the words of a file by the loop that anyone would write first, and prints how many milliseconds the loop took.
//! `cargo xtask bench native` compares the core with it.
//!
//! `cargo run --release -p shared --example plain_loop FILE`
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example talks to the world; only the core does not"
)]

use std::time::Instant;

fn main() -> std::io::Result<()> {
    let file = std::env::args().nth(1).ok_or_else(|| std::io::Error::other("name a file"))?;
    let text = std::fs::read_to_string(file)?;
    let start = Instant::now();
    let mut counts: hashbrown::HashMap<&str, u64> = hashbrown::HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word).or_default() += 1;
    }
    let elapsed = start.elapsed();
    // The counts are used, or the loop could be left out.
    eprintln!("{} different words", counts.len());
    println!("{:.3}", elapsed.as_secs_f64() * 1_000.0);
    Ok(())
}

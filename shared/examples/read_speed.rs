//! How fast one core reads memory, in MB/s: the sum of a gigabyte of numbers, the best of five rounds. What reads its input once
//! cannot be faster: `cargo run --release -p shared --example read_speed`.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_types, reason = "an example measures; only the core has no clock")]

use std::time::{Duration, Instant};

const BYTES: usize = 1 << 30;
const ROUNDS: usize = 5;

fn main() {
    let numbers: Vec<u64> = (0..(BYTES / size_of::<u64>()) as u64).collect();
    let round = || {
        let start = Instant::now();
        let sum = std::hint::black_box(&numbers).iter().fold(0_u64, |sum, number| sum.wrapping_add(*number));
        std::hint::black_box(sum);
        start.elapsed()
    };
    let best: Duration = (0..ROUNDS).map(|_| round()).min().unwrap();
    println!("read {:.0}", BYTES as f64 / 1e6 / best.as_secs_f64());
}

//! Writes rows to measure with to standard output, the same for the same seed.
//!
//! `cargo run --release -p shared --example bench_rows groups|records SEED ROWS`
//!
//! `groups` is the table G1 of the h2oai benchmark (groupby-datagen.R) with 100 groups: three columns of texts, three of whole numbers,
//! three of values, as CSV. `records` are lines of 99 random letters and digits, so that each has 100 bytes with its end.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "an example talks to the world; only the core does not")]

use std::io::{self, BufWriter, Write};

use shared::rng::Rng;

/// K of the benchmark: groups of the narrow keys; the wide ones have ROWS / K.
const GROUPS: u64 = 100;

/// Bytes of a record without its end.
const RECORD_BYTES: usize = 99;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wrong = || io::Error::other("write: groups|records SEED ROWS");
    let [kind, seed, rows] = arguments.as_slice() else { return Err(wrong()) };
    let (seed, rows) = (seed.parse().map_err(io::Error::other)?, rows.parse().map_err(io::Error::other)?);
    let mut output = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    match kind.as_str() {
        "groups" => groups(&mut Rng::new(seed), rows, &mut output)?,
        "records" => records(&mut Rng::new(seed), rows, &mut output)?,
        _ => return Err(wrong()),
    }
    output.flush()
}

fn groups(rng: &mut Rng, rows: u64, output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "id1,id2,id3,id4,id5,id6,v1,v2,v3")?;
    let wide = (rows / GROUPS).max(1);
    for _ in 0..rows {
        let mut from_one = |bound: u64| 1 + rng.below(bound);
        let (id1, id2, id3) = (from_one(GROUPS), from_one(GROUPS), from_one(wide));
        let (id4, id5, id6) = (from_one(GROUPS), from_one(GROUPS), from_one(wide));
        let (v1, v2, v3) = (from_one(5), from_one(15), rng.below(100_000_000));
        let (whole, part) = (v3 / 1_000_000, v3 % 1_000_000);
        writeln!(output, "id{id1:03},id{id2:03},id{id3:010},{id4},{id5},{id6},{v1},{v2},{whole}.{part:06}")?;
    }
    Ok(())
}

fn records(rng: &mut Rng, rows: u64, output: &mut impl Write) -> io::Result<()> {
    let mut record = [b'\n'; RECORD_BYTES + 1];
    for _ in 0..rows {
        // Ten characters of each draw: 62^10 is below 2^60.
        for part in record[..RECORD_BYTES].chunks_mut(10) {
            let mut bits = rng.bits();
            for byte in part {
                *byte = ALPHABET[(bits % 62) as usize];
                bits /= 62;
            }
        }
        output.write_all(&record)?;
    }
    Ok(())
}

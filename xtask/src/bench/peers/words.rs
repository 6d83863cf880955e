//! The words of the Zipf text: Millrace, DuckDB, Polars and renoir with two threads each.

use super::python::Python;
use super::{THREADS, best_of_rounds};
use crate::bench::{Figure, Promise, folder, native, text};
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use std::path::{Path, PathBuf};

/// Our throughput, as a multiple of the others'.
const TO_DUCKDB_MIN: f64 = 5.0;
const TO_RENOIR_MIN: f64 = 2.0;

const RENOIR: &str = "bench/renoir/Cargo.toml";

/// Measures over a text of so many bytes.
pub fn measure(project: &Project, python: &Python<'_>, bytes: u64) -> Done<Vec<Figure>> {
    let text = text::of_size(project, bytes)?;
    let megabytes = text::size(&text)? as f64 / 1e6;
    let experiment = native::experiment(project)?;
    let renoir = renoir(project)?;
    let by = |name: &str| folder(project).join(format!("words-{name}.csv"));
    let (duckdb, polars, by_renoir) = (by("duckdb"), by("polars"), by("renoir"));
    let mut compared = false;
    let round = || {
        let ours = native::run(project, &experiment, &text, THREADS)?;
        let times = [
            ours.ms,
            count_by(python, "duckdb", &text, &duckdb)?,
            count_by(python, "polars", &text, &polars)?,
            count_by_renoir(project, &renoir, &text, &by_renoir)?,
        ];
        if !std::mem::replace(&mut compared, true) {
            [&duckdb, &polars, &by_renoir].into_iter().try_for_each(|theirs| python.compare(&ours.rows, theirs, "word"))?;
        }
        Ok(times)
    };
    let best = best_of_rounds(["millrace", "DuckDB", "Polars", "renoir"], round)?;
    let [ours, duckdb, polars, renoir] = best.map(|ms| megabytes * 1e3 / ms);
    Ok(vec![
        Figure::of("word count: millrace, two workers", ours, "MB/s"),
        Figure::of("word count: DuckDB", duckdb, "MB/s"),
        Figure::of("word count: Polars", polars, "MB/s"),
        Figure::of("word count: renoir, `fold_assoc`", renoir, "MB/s"),
        Figure::of("word count: millrace to DuckDB", ours / duckdb, "x").promised(Promise::AtLeast(TO_DUCKDB_MIN)),
        Figure::of("word count: millrace to Polars", ours / polars, "x"),
        Figure::of("word count: millrace to renoir", ours / renoir, "x").promised(Promise::AtLeast(TO_RENOIR_MIN)),
    ])
}

fn count_by(python: &Python<'_>, peer: &str, text: &Path, counts: &Path) -> Done<f64> {
    let threads = THREADS.to_string();
    let said = python.run(&["words", peer, &text.to_string_lossy(), &threads, &counts.to_string_lossy()])?;
    python.milliseconds(&said, "ms")
}

/// Builds the peer, beside the workspace's own products, and gives its binary.
fn renoir(project: &Project) -> Done<PathBuf> {
    let target = folder(project).join("renoir");
    let mut cargo = project.command("cargo");
    cargo.args(["build", "--release", "--quiet", "--locked", "--manifest-path", RENOIR]).env("CARGO_TARGET_DIR", &target);
    capture(&mut cargo, "It needs a C compiler and its crates from the network; run it by hand to see more")?;
    Ok(target.join("release/renoir-word-count"))
}

fn count_by_renoir(project: &Project, binary: &Path, text: &Path, counts: &Path) -> Done<f64> {
    let mut renoir = project.command(&binary.to_string_lossy());
    let printed = capture(renoir.arg(text).arg(THREADS.to_string()).arg(counts), "Run it by hand to see more")?;
    let not_a_number = |error| Failure::new(format!("renoir printed {printed:?}: {error}"), "Correct bench/renoir");
    printed.trim().parse().map_err(not_a_number)
}

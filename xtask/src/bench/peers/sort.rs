//! Records of a hundred bytes in order, beside the system's `sort`. Both read a file and write a file; the time is the whole program's.

use super::{SEED, THREADS, best_of_rounds};
use crate::bench::{Figure, Promise, folder, text};
use crate::digest;
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use crate::{play, process};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Our throughput, as a multiple of that of `sort`.
const TO_SORT_MIN: f64 = 1.0;

const EXPERIMENT: &str = "\
millrace: 1
title: Sort, measured
batch:
  input: { file: records.txt }
  split: 16 MiB
  partitions: 4
  steps:
    - sort: line
";

/// Measures over so many records.
pub fn measure(project: &Project, rows: u64) -> Done<Vec<Figure>> {
    if project.find("sort").is_none() {
        return Err(process::missing("sort"));
    }
    let (records, experiment) = (records(project, rows)?, experiment(project)?);
    let (ours, theirs) = (folder(project).join("sorted-millrace.csv"), folder(project).join("sorted-sort.txt"));
    let round = || {
        let mut millrace = project.command(&play::server_binary(project).to_string_lossy());
        millrace.arg("run").arg(&experiment).arg("--input").arg(&records).arg("--output").arg(&ours);
        millrace.args(["--workers", &THREADS.to_string()]);
        let mut sort = project.command("sort");
        sort.env("LC_ALL", "C").args([&format!("--parallel={THREADS}"), "-S", "8G", "-o"]).arg(&theirs).arg(&records);
        Ok([timed(&mut millrace)?, timed(&mut sort)?])
    };
    let [millrace, sort] = best_of_rounds(["millrace", "sort"], round)?;
    same(&ours, &theirs)?;
    Ok(vec![
        Figure::of("sort: millrace, two workers", rows as f64 / 10.0 / millrace, "MB/s"),
        Figure::of("sort: `LC_ALL=C sort --parallel=2 -S 8G`", rows as f64 / 10.0 / sort, "MB/s"),
        Figure::of("sort: millrace to `sort`", sort / millrace, "x").promised(Promise::AtLeast(TO_SORT_MIN)),
    ])
}

/// So many records of a hundred bytes; they are made when they aren't there.
pub fn records(project: &Project, rows: u64) -> Done<PathBuf> {
    let arguments = ["records".to_owned(), SEED.to_string(), rows.to_string()];
    text::made(project, &format!("records-{rows}.txt"), "bench_rows", &arguments)
}

/// The file of the experiment.
pub fn experiment(project: &Project) -> Done<PathBuf> {
    let path = folder(project).join("sort.yaml");
    digest::write(&path, EXPERIMENT.as_bytes())?;
    Ok(path)
}

/// How long a program runs, in milliseconds.
fn timed(command: &mut Command) -> Done<f64> {
    let start = Instant::now();
    capture(command, "Run it by hand to see more")?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Fails unless our rows, after the header, are their lines. The records need no quotes in CSV.
fn same(ours: &Path, theirs: &Path) -> Done {
    let lines = |path: &Path| {
        let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
        Ok(BufReader::with_capacity(1 << 20, file).lines().map_while(Result::ok))
    };
    let (mut ours, mut theirs) = (lines(ours)?.skip(1), lines(theirs)?);
    let mut count: u64 = 0;
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) if count > 0 => return Ok(()),
            (Some(ours), Some(theirs)) if ours == theirs => count += 1,
            _ => {
                let what = format!("Millrace and `sort` differ after {count} lines");
                return Err(Failure::new(what, "Compare target/bench/sorted-millrace.csv and target/bench/sorted-sort.txt"));
            }
        }
    }
}

//! Three million real flights by the airport that they left, from Parquet, beside DuckDB.

use super::python::Python;
use super::{THREADS, best_of_rounds};
use crate::bench::{Figure, Promise, folder, native};
use crate::digest;
use crate::failure::Done;
use crate::project::Project;
use crate::setup;

const FLIGHTS: &str = "node_modules/vega-datasets/data/flights-3m.parquet";

/// A run with its reading, in milliseconds.
const MS_MAX: f64 = 500.0;

const EXPERIMENT: &str = "\
millrace: 1
title: Flights by origin, measured
batch:
  input: { file: flights.parquet }
  format: parquet
  partitions: 2
  steps:
    - filter: delay is not null
    - reduce: { key: origin, values: { flights: count(*), late: sum(delay), worst: max(delay), farthest: max(distance) } }
";

/// Measures; the time is from the file to a result in memory.
pub fn measure(project: &Project, python: &Python<'_>) -> Done<Vec<Figure>> {
    setup::npm_packages(project)?;
    let flights = project.npm.join(FLIGHTS);
    let experiment = folder(project).join("flights.yaml");
    digest::write(&experiment, EXPERIMENT.as_bytes())?;
    let result = folder(project).join("flights-duckdb.csv");
    let mut compared = false;
    let round = || {
        let ours = native::run(project, &experiment, &flights, THREADS)?;
        let theirs = python.run(&["flights", &flights.to_string_lossy(), &THREADS.to_string(), &result.to_string_lossy()])?;
        if !std::mem::replace(&mut compared, true) {
            python.compare(&ours.rows, &result, "origin")?;
        }
        Ok([ours.ms, python.milliseconds(&theirs, "ms")?])
    };
    let [ours, duckdb] = best_of_rounds(["millrace", "DuckDB"], round)?;
    Ok(vec![
        Figure::of("flights by origin: millrace, two workers", ours, "ms").promised(Promise::AtMost(MS_MAX)),
        Figure::of("flights by origin: DuckDB", duckdb, "ms"),
    ])
}

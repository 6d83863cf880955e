//! Three million real flights by the airport that they left, from Parquet, beside DuckDB.

use super::python::Python;
use super::{THREADS, best_of_rounds};
use crate::bench::{Figure, Promise, folder, native};
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use crate::{digest, play, setup};
use std::fs;
use std::path::PathBuf;

const FLIGHTS: &str = "node_modules/vega-datasets/data/flights-3m.parquet";

/// A run with its reading, in milliseconds.
const MS_MAX: f64 = 500.0;

/// Measures; the time is from the file to a result in memory.
pub fn measure(project: &Project, python: &Python<'_>) -> Done<Vec<Figure>> {
    setup::npm_packages(project)?;
    let (flights, experiment) = (project.npm.join(FLIGHTS), experiment(project, "parquet")?);
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

/// The file of the experiment, over flights of a format.
pub fn experiment(project: &Project, format: &str) -> Done<PathBuf> {
    let steps = "    - filter: delay is not null\n    - reduce: { key: origin, values: { flights: count(*), late: sum(delay), \
                 worst: max(delay), farthest: max(distance) } }\n";
    written(project, "Flights by origin, measured", format, steps)
}

/// The flights as Arrow IPC; they are made when they aren't there.
pub fn as_arrow(project: &Project) -> Done<PathBuf> {
    setup::npm_packages(project)?;
    let path = folder(project).join("flights.arrow");
    if path.is_file() {
        return Ok(path);
    }
    let load =
        written(project, "Flights, as they are", "parquet", "    - select: date, delay, distance, origin, destination\n")?;
    // Under another name until it is whole.
    let unfinished = folder(project).join("flights-unfinished.arrow");
    let mut millrace = project.command(&play::server_binary(project).to_string_lossy());
    millrace.arg("run").arg(&load).arg("--input").arg(project.npm.join(FLIGHTS)).arg("--output").arg(&unfinished);
    capture(&mut millrace, "Run it by hand to see more")?;
    fs::rename(&unfinished, &path).map_err(|error| Failure::file("write", &path, &error))?;
    Ok(path)
}

fn written(project: &Project, title: &str, format: &str, steps: &str) -> Done<PathBuf> {
    let name: String = title.to_lowercase().chars().map(|char| if char.is_alphanumeric() { char } else { '-' }).collect();
    let path = folder(project).join(format!("{name}-{format}.yaml"));
    let text = format!(
        "millrace: 1\ntitle: {title}\nbatch:\n  input: {{ file: flights.{format} }}\n  format: {format}\n  partitions: 2\n  steps:\n{steps}"
    );
    digest::write(&path, text.as_bytes())?;
    Ok(path)
}

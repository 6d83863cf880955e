//! How fast `millrace run` counts the words of the text, beside the plain loop that anyone would write first.
//!
//! Rounds alternate between the loop, one worker and two workers, so that a change in the machine's speed meets all
//! three; each is judged by its best round.

use super::{Figure, Promise, folder, text};
use crate::digest;
use crate::failure::{Done, Failure};
use crate::play;
use crate::process::capture;
use crate::project::Project;
use crate::stages::note;
use std::path::{Path, PathBuf};

/// How often each is measured.
const ROUNDS: usize = 3;

/// One worker's throughput, as a multiple of the plain loop's.
const ONE_WORKER_TO_LOOP_MIN: f64 = 1.3;
/// Two workers' throughput, as a multiple of one worker's.
const TWO_WORKERS_TO_ONE_MIN: f64 = 1.8;

const EXPERIMENT: &str = include_str!("word-count.yaml");

/// Measures; all times are wall clock.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let text = text::get(project)?;
    let bytes = text::size(&text)? as f64;
    play::build_server(project)?;
    let experiment = experiment(project)?;

    let mut best = [f64::INFINITY; 3];
    let mut outputs = Vec::new();
    for round in 1..=ROUNDS {
        let times = [
            plain_loop(project, &text)?,
            run(project, &experiment, &text, 1, &mut outputs)?,
            run(project, &experiment, &text, 2, &mut outputs)?,
        ];
        note(format!("round {round}: {}", times.map(|ms| format!("{ms:.0} ms")).join(", ")));
        best = std::array::from_fn(|index| best[index].min(times[index]));
    }
    if outputs.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(Failure::new(
            "The runs gave different answers",
            "See the reports in target/bench; this is a bug of Millrace",
        ));
    }
    let [plain, one, two] = best.map(|ms| bytes / 1_000.0 / ms);
    Ok(vec![
        Figure::of("plain loop over hashbrown", plain, "MB/s"),
        Figure::of("one worker", one, "MB/s"),
        Figure::of("two workers", two, "MB/s"),
        Figure::of("one worker to the plain loop", one / plain, "x").promised(Promise::AtLeast(ONE_WORKER_TO_LOOP_MIN)),
        Figure::of("two workers to one", two / one, "x").promised(Promise::AtLeast(TWO_WORKERS_TO_ONE_MIN)),
    ])
}

/// The experiment's file, which the page's measurement runs too.
pub fn experiment(project: &Project) -> Done<PathBuf> {
    let path = folder(project).join("word-count.yaml");
    digest::write(&path, EXPERIMENT.as_bytes())?;
    Ok(path)
}

/// The plain loop's time in milliseconds, without reading the file.
fn plain_loop(project: &Project, text: &Path) -> Done<f64> {
    let mut plain = project.command("cargo");
    plain.args(["run", "--release", "--quiet", "--package", "shared", "--example", "plain_loop", "--"]).arg(text);
    let printed = capture(&mut plain, "See whether the machine has 3 GB of free memory")?;
    let not_a_number =
        |error| Failure::new(format!("The plain loop printed {printed:?}: {error}"), "Correct shared/examples/plain_loop.rs");
    printed.trim().parse().map_err(not_a_number)
}

/// A run's time in milliseconds by its report, reading included. Appends the hash of the answer to `outputs`.
pub fn run(project: &Project, experiment: &Path, text: &Path, workers: u32, outputs: &mut Vec<String>) -> Done<f64> {
    let report_path = folder(project).join(format!("native-{workers}-report.json"));
    let mut millrace = project.command(&play::server_binary(project).to_string_lossy());
    millrace
        .arg("run")
        .arg(experiment)
        .arg("--input")
        .arg(text)
        .args(["--workers", &workers.to_string(), "--report"])
        .arg(&report_path);
    millrace.arg("--output").arg(folder(project).join(format!("native-{workers}-rows.csv")));
    capture(&mut millrace, "Run it by hand to see more")?;
    let report: serde_json::Value = serde_json::from_slice(&digest::read(&report_path)?)
        .map_err(|error| Failure::new(format!("The report isn't JSON: {error}"), "This is a bug of `millrace run`"))?;
    outputs.push(report["output_hash"].to_string());
    report["wall_ms"]
        .as_f64()
        .or_else(|| report["wall_ms"].as_str()?.parse().ok())
        .ok_or_else(|| Failure::new("The report names no `wall_ms`", "This is a bug of `millrace run`"))
}

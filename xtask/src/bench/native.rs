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
    let mut hashes = Vec::new();
    for round in 1..=ROUNDS {
        let times = [
            plain_loop(project, &text)?,
            timed(run(project, &experiment, &text, 1)?, &mut hashes),
            timed(run(project, &experiment, &text, 2)?, &mut hashes),
        ];
        note(format!("round {round}: {}", times.map(|ms| format!("{ms:.0} ms")).join(", ")));
        best = std::array::from_fn(|index| best[index].min(times[index]));
    }
    if hashes.windows(2).any(|pair| pair[0] != pair[1]) {
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

/// A run's time; its hash goes to those that have to be the same.
fn timed(ran: Ran, hashes: &mut Vec<String>) -> f64 {
    hashes.push(ran.hash);
    ran.ms
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

/// How a run went.
pub struct Ran {
    /// Its time by its report: reading included, writing the rows not.
    pub ms: f64,
    /// The hash of its answer.
    pub hash: String,
    /// Where its rows lie, as CSV.
    pub rows: PathBuf,
}

/// Runs an experiment over a file.
pub fn run(project: &Project, experiment: &Path, input: &Path, workers: u32) -> Done<Ran> {
    let name = experiment.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let report_path = folder(project).join(format!("{name}-{workers}-report.json"));
    let rows = folder(project).join(format!("{name}-{workers}-rows.csv"));
    let mut millrace = project.command(&play::server_binary(project).to_string_lossy());
    millrace.arg("run").arg(experiment).arg("--input").arg(input);
    millrace.args(["--workers", &workers.to_string(), "--report"]).arg(&report_path).arg("--output").arg(&rows);
    capture(&mut millrace, "Run it by hand to see more")?;
    let report: serde_json::Value = serde_json::from_slice(&digest::read(&report_path)?)
        .map_err(|error| Failure::new(format!("The report isn't JSON: {error}"), "This is a bug of `millrace run`"))?;
    let ms = report["wall_ms"].as_f64().or_else(|| report["wall_ms"].as_str()?.parse().ok());
    let ms = ms.ok_or_else(|| Failure::new("The report names no `wall_ms`", "This is a bug of `millrace run`"))?;
    Ok(Ran { ms, hash: report["output_hash"].to_string(), rows })
}

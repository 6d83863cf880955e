//! The questions of `cargo xtask bench peers` at a tenth of their size, in one worker of the page and in one native worker.

use super::{Figure, Promise, best_ms, built, case, in_chromium};
use crate::bench::peers::{flights, groups, sort};
use crate::bench::{native, text};
use crate::failure::{Done, Failure};
use crate::project::Project;
use crate::stages::note;
use std::path::PathBuf;

/// Rows of a table and records of a file; the text has a hundred bytes for each.
const ROWS: u64 = 1_000_000;

/// How often each is measured.
const ROUNDS: usize = 3;

/// The browser's time, as a multiple of the native one.
const TO_NATIVE_MAX: f64 = 2.0;

/// The flights by origin in two workers of the page, from Arrow IPC, in milliseconds.
const FLIGHTS_MS_MAX: f64 = 1_500.0;
const FLIGHTS: &str = "flights by origin";

/// An experiment over a file.
struct Question {
    name: String,
    file: PathBuf,
    experiment: PathBuf,
    workers: &'static [u32],
}

/// Measures; all times are wall clock, reading included.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    built(project)?;
    let questions = questions(project)?;
    let mut cases = Vec::new();
    for question in &questions {
        cases.push(case(&question.name, &question.file, &question.experiment, question.workers, ROUNDS)?);
    }
    note("Chromium answers the questions, some minutes");
    let seen = in_chromium(project, "tenth", 0, &cases, &[])?;
    let runs = seen["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut figures = Vec::new();
    for Question { name, file, experiment, .. } in &questions {
        let mut ms = f64::INFINITY;
        for _ in 0..ROUNDS {
            let ran = native::run(project, experiment, file, 1)?;
            ms = ms.min(ran.ms);
            let mut hashes = runs.iter().filter(|run| run["name"] == name.as_str()).map(|run| run["hash"].to_string());
            if let Some(other) = hashes.find(|hash| *hash != ran.hash) {
                let what = format!("{name}: the page's answer is {other}, the native one {}", ran.hash);
                return Err(Failure::new(what, "This is a bug of Millrace"));
            }
        }
        let page = best_ms(runs, name, 1);
        figures.push(Figure::of(format!("{name}: native, one worker"), ms, "ms"));
        figures.push(Figure::of(format!("{name}: browser, one worker"), page, "ms"));
        figures.push(Figure::of(format!("{name}: browser to native"), page / ms, "x").promised(Promise::AtMost(TO_NATIVE_MAX)));
    }
    let flights = best_ms(runs, FLIGHTS, 2);
    figures.push(
        Figure::of("3 million flights by origin: browser, two workers", flights, "ms")
            .promised(Promise::AtMost(FLIGHTS_MS_MAX)),
    );
    Ok(figures)
}

fn questions(project: &Project) -> Done<Vec<Question>> {
    let one: &[u32] = &[1];
    let question = |name: &str, file, experiment, workers| Question { name: name.to_owned(), file, experiment, workers };
    let mut questions = vec![question("word count", text::of_size(project, ROWS * 100)?, native::experiment(project)?, one)];
    let table = groups::table(project, ROWS)?;
    for (number, experiment) in groups::experiments(project, "csv")? {
        questions.push(question(&format!("groups, question {number}"), table.clone(), experiment, one));
    }
    questions.push(question("sort", sort::records(project, ROWS)?, sort::experiment(project)?, one));
    let (flights, experiment) = (flights::as_arrow(project)?, flights::experiment(project, "arrow")?);
    questions.push(question(FLIGHTS, flights, experiment, &[1, 2]));
    Ok(questions)
}

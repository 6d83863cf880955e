//! Questions 1, 3 and 10 of the h2oai benchmark over its table G1 with 100 groups: from CSV to a result in memory, and from rows that
//! have been read before. DuckDB then has a table of its own. Millrace has no such thing, so it reads the same rows as Arrow IPC, a
//! file of plain columns that the system keeps in memory.

use super::python::Python;
use super::{ROUNDS, SEED, THREADS};
use crate::bench::{Figure, Promise, folder, native, text};
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use crate::stages::note;
use crate::{digest, play};
use std::fs;
use std::path::{Path, PathBuf};

/// Our time, as a multiple of DuckDB's.
const TO_DUCKDB_MAX: f64 = 1.5;

/// The table's columns, as an experiment names them.
const COLUMNS: &str =
    "id1: text, id2: text, id3: text, id4: bigint, id5: bigint, id6: bigint, v1: bigint, v2: bigint, v3: double";

/// A question: its number, its keys, its values as `reduce` has them, and what it shows.
struct Question {
    number: u32,
    key: &'static str,
    values: &'static str,
    about: &'static str,
}

const QUESTIONS: [Question; 3] = [
    Question { number: 1, key: "id1", values: "v1: sum(v1)", about: "100 groups" },
    Question { number: 3, key: "id3", values: "v1: sum(v1), v3: avg(v3)", about: "a hundredth as many groups as rows" },
    Question {
        number: 10,
        key: "id1, id2, id3, id4, id5, id6",
        values: "v3: sum(v3), n: count(*)",
        about: "a group for each row",
    },
];

/// Measures over a table of so many rows.
pub fn measure(project: &Project, python: &Python<'_>, rows: u64) -> Done<Vec<Figure>> {
    let table = table(project, rows)?;
    let loaded = loaded(project, &table)?;
    let mut figures = Vec::new();
    for question in &QUESTIONS {
        let number = question.number.to_string();
        let from_csv = question.experiment(project, "csv")?;
        let from_arrow = question.experiment(project, "arrow")?;
        let result = folder(project).join(format!("groups-q{number}-duckdb.csv"));
        let mut best = [f64::INFINITY; 4];
        for round in 1..=ROUNDS {
            let ours = native::run(project, &from_csv, &table, THREADS)?;
            let threads = THREADS.to_string();
            let theirs = python.run(&["groups", &number, &table.to_string_lossy(), &threads, &result.to_string_lossy()])?;
            if round == 1 {
                python.compare(&ours.rows, &result, &question.key.replace(' ', ""))?;
            }
            let ours_loaded = native::run(project, &from_arrow, &loaded, THREADS)?;
            let theirs = [python.milliseconds(&theirs, "from_csv_ms")?, python.milliseconds(&theirs, "loaded_ms")?];
            let times = [ours.ms, theirs[0], ours_loaded.ms, theirs[1]];
            let shown = times.map(|ms| format!("{ms:.0} ms")).join(", ");
            note(format!("question {number}, round {round}: from CSV millrace, DuckDB; loaded millrace, DuckDB: {shown}"));
            best = std::array::from_fn(|index| best[index].min(times[index]));
        }
        let [ours, theirs, ours_loaded, theirs_loaded] = best;
        let what = |about: &str| format!("groups, question {number} ({}): {about}", question.about);
        let most = Promise::AtMost(TO_DUCKDB_MAX);
        figures.extend([
            Figure::of(what("millrace from CSV"), ours, "ms"),
            Figure::of(what("DuckDB from CSV"), theirs, "ms"),
            Figure::of(what("millrace from Arrow IPC"), ours_loaded, "ms"),
            Figure::of(what("DuckDB from its own table"), theirs_loaded, "ms"),
            Figure::of(what("time to DuckDB's, from CSV"), ours / theirs, "x").promised(most),
            Figure::of(what("time to DuckDB's, loaded"), ours_loaded / theirs_loaded, "x").promised(most),
        ]);
    }
    Ok(figures)
}

/// The table with so many rows, as CSV; it is made when it isn't there.
pub fn table(project: &Project, rows: u64) -> Done<PathBuf> {
    let arguments = ["groups".to_owned(), SEED.to_string(), rows.to_string()];
    text::made(project, &format!("groups-{rows}.csv"), "bench_rows", &arguments)
}

/// The questions' numbers and the files of their experiments, over rows of a format.
pub fn experiments(project: &Project, format: &str) -> Done<Vec<(u32, PathBuf)>> {
    QUESTIONS.iter().map(|question| Ok((question.number, question.experiment(project, format)?))).collect()
}

/// The table as Arrow IPC; it is made when it isn't there.
fn loaded(project: &Project, table: &Path) -> Done<PathBuf> {
    let path = table.with_extension("arrow");
    if path.is_file() {
        return Ok(path);
    }
    note(format!("making {}", project.show(&path)));
    let experiment = folder(project).join("groups-load.yaml");
    let names: Vec<&str> = COLUMNS.split(", ").filter_map(|column| column.split(':').next()).collect();
    let steps = format!("    - select: {}\n", names.join(", "));
    digest::write(&experiment, text_of("The table of the h2oai benchmark", "csv", &steps).as_bytes())?;
    // Under another name until it is whole.
    let unfinished = table.with_extension("unfinished.arrow");
    let mut millrace = project.command(&play::server_binary(project).to_string_lossy());
    millrace.arg("run").arg(&experiment).arg("--input").arg(table).arg("--output").arg(&unfinished);
    capture(&mut millrace, "Run it by hand to see more")?;
    fs::rename(&unfinished, &path).map_err(|error| Failure::file("write", &path, &error))?;
    Ok(path)
}

impl Question {
    /// The file of its experiment over rows of a format.
    fn experiment(&self, project: &Project, format: &str) -> Done<PathBuf> {
        let path = folder(project).join(format!("groups-q{}-{format}.yaml", self.number));
        let steps = format!("    - reduce: {{ key: \"{}\", values: {{ {} }} }}\n", self.key, self.values);
        let text = text_of(&format!("Question {} of the h2oai benchmark", self.number), format, &steps);
        digest::write(&path, text.as_bytes())?;
        Ok(path)
    }
}

fn text_of(title: &str, format: &str, steps: &str) -> String {
    format!(
        "millrace: 1\ntitle: {title}\nbatch:\n  input: {{ file: groups }}\n  format: {format}\n  columns: {{ {COLUMNS} }}\n  \
         split: 16 MiB\n  partitions: 4\n  steps:\n{steps}"
    )
}

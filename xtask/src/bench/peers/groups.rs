//! Questions 1, 3 and 10 of the h2oai benchmark over its table G1 with 100 groups: from CSV to a result in memory, and what DuckDB takes
//! when the table is loaded already.

use super::python::Python;
use super::{ROUNDS, SEED, THREADS};
use crate::bench::{Figure, folder, native, text};
use crate::digest;
use crate::failure::Done;
use crate::project::Project;
use crate::stages::note;

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
    let arguments = ["groups".to_owned(), SEED.to_string(), rows.to_string()];
    let table = text::made(project, &format!("groups-{rows}.csv"), "bench_rows", &arguments)?;
    let mut figures = Vec::new();
    for question in &QUESTIONS {
        let number = question.number.to_string();
        let experiment = folder(project).join(format!("groups-q{number}.yaml"));
        digest::write(&experiment, question.experiment().as_bytes())?;
        let result = folder(project).join(format!("groups-q{number}-duckdb.csv"));
        let mut best = [f64::INFINITY; 3];
        for round in 1..=ROUNDS {
            let ours = native::run(project, &experiment, &table, THREADS)?;
            let threads = THREADS.to_string();
            let theirs = python.run(&["groups", &number, &table.to_string_lossy(), &threads, &result.to_string_lossy()])?;
            if round == 1 {
                python.compare(&ours.rows, &result, &question.key.replace(' ', ""))?;
            }
            let times = [ours.ms, python.milliseconds(&theirs, "from_csv_ms")?, python.milliseconds(&theirs, "loaded_ms")?];
            let shown = times.map(|ms| format!("{ms:.0} ms")).join(", ");
            note(format!("question {number}, round {round}: millrace, DuckDB, DuckDB loaded: {shown}"));
            best = std::array::from_fn(|index| best[index].min(times[index]));
        }
        let [ours, from_csv, loaded] = best;
        let what = |about: &str| format!("groups, question {number} ({}): {about}", question.about);
        figures.extend([
            Figure::of(what("millrace from CSV"), ours, "ms"),
            Figure::of(what("DuckDB from CSV"), from_csv, "ms"),
            Figure::of(what("DuckDB, loaded"), loaded, "ms"),
            Figure::of(what("DuckDB from CSV to millrace"), from_csv / ours, "x"),
            Figure::of(what("DuckDB loaded to millrace from CSV"), loaded / ours, "x"),
        ]);
    }
    Ok(figures)
}

impl Question {
    fn experiment(&self) -> String {
        let columns =
            "id1: text, id2: text, id3: text, id4: bigint, id5: bigint, id6: bigint, v1: bigint, v2: bigint, v3: double";
        format!(
            "millrace: 1\ntitle: Question {} of the h2oai benchmark\nbatch:\n  input: {{ file: groups.csv }}\n  format: csv\n  \
             columns: {{ {columns} }}\n  split: 16 MiB\n  partitions: 4\n  steps:\n    - reduce: {{ key: \"{}\", values: {{ {} }} }}\n",
            self.number, self.key, self.values
        )
    }
}

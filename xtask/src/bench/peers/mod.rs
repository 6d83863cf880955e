//! Millrace beside others that do the same work: DuckDB, Polars, renoir and the `sort` of the system.
//!
//! All get the same input, which is made from a seed, and two threads. Rounds alternate between them, so that a change in the
//! machine's speed meets all, and each is judged by its best round. Their answers have to be the same, or there is no figure.
//! `MILLRACE_BENCH_ROWS` makes the inputs smaller or larger than ten million rows.

pub mod flights;
pub mod groups;
mod map;
mod python;
pub mod sort;
mod words;

use super::Figure;
use crate::failure::{Done, Failure};
use crate::play;
use crate::project::Project;
use crate::stages::note;
use python::Python;

/// How often each is measured.
const ROUNDS: usize = 3;

/// Threads of everyone, so that a machine of two cores is used by each as a whole.
const THREADS: u32 = 2;

/// Rows of a table and records of a file; the text has a hundred bytes for each.
const ROWS: u64 = 10_000_000;

/// The variable that changes [`ROWS`].
const ROWS_VARIABLE: &str = "MILLRACE_BENCH_ROWS";

const SEED: u64 = 42;

/// Measures; all times are wall clock.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let rows = rows()?;
    note(format!("{rows} rows ({ROWS_VARIABLE} changes that)"));
    play::build_server(project)?;
    let python = Python::ready(project)?;
    let mut figures = words::measure(project, &python, rows * 100)?;
    figures.extend(groups::measure(project, &python, rows)?);
    figures.extend(sort::measure(project, rows)?);
    figures.extend(flights::measure(project, &python)?);
    figures.extend(map::measure(project)?);
    Ok(figures)
}

fn rows() -> Done<u64> {
    let Some(rows) = std::env::var_os(ROWS_VARIABLE) else { return Ok(ROWS) };
    let rows = rows.to_string_lossy().replace('_', "");
    let wrong = |_| Failure::new(format!("{ROWS_VARIABLE} is {rows:?}"), "Write a whole number, like 1_000_000");
    rows.parse().map_err(wrong)
}

/// Measures all contestants in turns and gives the best milliseconds of each.
fn best_of_rounds<const N: usize>(names: [&str; N], mut round: impl FnMut() -> Done<[f64; N]>) -> Done<[f64; N]> {
    let mut best = [f64::INFINITY; N];
    for number in 1..=ROUNDS {
        let times = round()?;
        let shown: Vec<_> = names.iter().zip(times).map(|(name, ms)| format!("{name} {ms:.0} ms")).collect();
        note(format!("round {number}: {}", shown.join(", ")));
        best = std::array::from_fn(|index| best[index].min(times[index]));
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_judged_by_its_best_round() {
        let mut rounds = [[3.0, 9.0], [5.0, 7.0], [4.0, 8.0]].into_iter();
        assert_eq!(best_of_rounds(["a", "b"], || Ok(rounds.next().unwrap())), Ok([3.0, 7.0]));
    }
}

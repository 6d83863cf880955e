//! What one core does with columns in memory: arithmetic, a filter and the rows that it keeps, as in one map stage; and, to judge it and
//! all the others by, a plain loop that reads.

use crate::bench::{Figure, Promise};
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;

/// The line of `shared/examples/expr_speed.rs` that is both.
const LINE: &str = "map i * 2 + j, filter x * 2.0 > 1.0";

/// Rows a second of one core.
const ROWS_MIN: f64 = 100e6;

/// Measures over ten million rows in batches, and a gigabyte that is read, each the best of five rounds.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let rows = printed(project, "expr_speed", LINE)? * 1e6;
    let bytes = printed(project, "read_speed", "read")? * 1e6;
    Ok(vec![
        Figure::of(format!("{LINE}, one core"), rows, "rows/s").promised(Promise::AtLeast(ROWS_MIN)),
        Figure::of("memory: a plain loop that reads, one core", bytes / 1e6, "MB/s"),
    ])
}

/// The number behind a line's name in what an example of `shared` prints.
fn printed(project: &Project, example: &str, line: &str) -> Done<f64> {
    let mut speed = project.command("cargo");
    speed.args(["run", "--release", "--quiet", "--package", "shared", "--example", example, "--", line]);
    let printed = capture(&mut speed, "Run it by hand to see more")?;
    let number = printed.lines().find_map(|of| of.strip_prefix(line)?.trim().parse().ok());
    number.ok_or_else(|| Failure::new(format!("It printed {printed:?}"), format!("Correct shared/examples/{example}.rs")))
}

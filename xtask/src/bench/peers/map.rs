//! Arithmetic, a filter and the rows that it keeps: what the expressions of one map stage take on one core.

use crate::bench::Figure;
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;

/// The line of `shared/examples/expr_speed.rs` that is both.
const LINE: &str = "map i * 2 + j, filter x * 2.0 > 1.0";

/// Measures over ten million rows in batches, the best of five rounds.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let mut speed = project.command("cargo");
    speed.args(["run", "--release", "--quiet", "--package", "shared", "--example", "expr_speed", "--", LINE]);
    let printed = capture(&mut speed, "Run it by hand to see more")?;
    let measured = printed.lines().find_map(|line| line.strip_prefix(LINE)?.trim().parse::<f64>().ok());
    let wrong = || Failure::new(format!("It printed {printed:?}"), "Correct shared/examples/expr_speed.rs");
    Ok(vec![Figure::of(format!("{LINE}, one core"), measured.ok_or_else(wrong)? * 1e6, "rows/s")])
}

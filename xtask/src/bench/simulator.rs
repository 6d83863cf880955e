//! How fast the simulator is, and how quickly any moment of a long run is gone to.

use super::{Figure, Promise};
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use serde_json::Value;

/// Events a second when the kernels' results are known.
const EVENTS_A_SECOND_MIN: f64 = 1_000_000.0;
/// What a simulated job without faults takes beside its kernels, in percent of them.
const OVERHEAD_PERCENT_MAX: f64 = 10.0;
/// From the wish to be at a moment to the frame that tells it, in milliseconds.
const SEEK_MS_MAX: f64 = 100.0;

/// Measures with 4 workers; each part of the first is the best of five.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let seen = example(project, "sim_speed")?;
    let number = |name: &str| seen[name].as_f64().unwrap_or(f64::NAN);
    let overhead = 100.0 * (number("simulated_s") / number("bare_s") - 1.0);
    let mut figures = vec![
        Figure::of("events of 20,000 map tasks", number("events"), ""),
        Figure::of("events a second", number("events") / number("events_s"), "/s")
            .promised(Promise::AtLeast(EVENTS_A_SECOND_MIN)),
        Figure::of("256 MiB in splits of 256 KiB: the kernels alone", number("bare_s"), "s"),
        Figure::of("the same, simulated", number("simulated_s"), "s"),
        Figure::of("what the simulation adds", overhead, "%").promised(Promise::AtMost(OVERHEAD_PERCENT_MAX)),
    ];
    figures.extend(seeking(project)?);
    Ok(figures)
}

/// Going to 300 moments of one long run, in any order.
fn seeking(project: &Project) -> Done<Vec<Figure>> {
    let seen = example(project, "seek_speed")?;
    let number = |name: &str| seen[name].as_f64().unwrap_or(f64::NAN);
    Ok(vec![
        Figure::of("events of the run that is gone about in", number("events"), ""),
        Figure::of("its virtual time", number("virtual_s"), "s"),
        Figure::of("simulating it in one go, kernels included", number("straight_s"), "s"),
        Figure::of("the same watched, with keyframes", number("paced_s"), "s"),
        Figure::of("to any moment of it: median", number("median_ms"), "ms"),
        Figure::of("to any moment of it: 95 of 100", number("p95_ms"), "ms"),
        Figure::of("to any moment of it: worst", number("worst_ms"), "ms").promised(Promise::AtMost(SEEK_MS_MAX)),
    ])
}

/// What one of the core's examples prints.
fn example(project: &Project, name: &str) -> Done<Value> {
    let mut run = project.command("cargo");
    run.args(["run", "--release", "--quiet", "--package", "shared", "--example", name]);
    let printed = capture(&mut run, "Run it by hand to see more")?;
    let correct = format!("Correct shared/examples/{name}.rs");
    serde_json::from_str(&printed).map_err(|error| Failure::new(format!("It printed {printed:?}: {error}"), correct))
}

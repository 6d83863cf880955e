//! How fast the simulator is.

use super::{Figure, Promise};
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use serde_json::Value;

/// Events a second when the kernels' results are known.
const EVENTS_A_SECOND_MIN: f64 = 1_000_000.0;
/// What a simulated job without faults takes beside its kernels, in percent of them.
const OVERHEAD_PERCENT_MAX: f64 = 10.0;

/// Measures with 4 workers; each part is the best of five.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let mut speed = project.command("cargo");
    speed.args(["run", "--release", "--quiet", "--package", "shared", "--example", "sim_speed"]);
    let printed = capture(&mut speed, "Run it by hand to see more")?;
    let not_json = |error| Failure::new(format!("It printed {printed:?}: {error}"), "Correct shared/examples/sim_speed.rs");
    let seen: Value = serde_json::from_str(&printed).map_err(not_json)?;
    let number = |name: &str| seen[name].as_f64().unwrap_or(f64::NAN);
    let overhead = 100.0 * (number("simulated_s") / number("bare_s") - 1.0);
    Ok(vec![
        Figure::of("events of 20,000 map tasks", number("events"), ""),
        Figure::of("events a second", number("events") / number("events_s"), "/s")
            .promised(Promise::AtLeast(EVENTS_A_SECOND_MIN)),
        Figure::of("256 MiB in splits of 256 KiB: the kernels alone", number("bare_s"), "s"),
        Figure::of("the same, simulated", number("simulated_s"), "s"),
        Figure::of("what the simulation adds", overhead, "%").promised(Promise::AtMost(OVERHEAD_PERCENT_MAX)),
    ])
}

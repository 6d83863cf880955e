//! How fast the broker is in one thread, and how fast a bus is simulated.

use super::{Figure, Promise};
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use serde_json::Value;

/// Messages a second that are published, routed, delivered and acknowledged: through one queue, and through a topic exchange with
/// 1,000 bindings.
const PLAIN_A_SECOND_MIN: f64 = 5_000_000.0;
const TOPIC_A_SECOND_MIN: f64 = 2_000_000.0;
/// Messages a second of a simulated work queue.
const SIMULATED_A_SECOND_MIN: f64 = 1_000_000.0;

/// Each part is the best of five.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let mut speed = project.command("cargo");
    speed.args(["run", "--release", "--quiet", "--package", "shared", "--example", "bus_speed"]);
    let printed = capture(&mut speed, "Run it by hand to see more")?;
    let not_json = |error| Failure::new(format!("It printed {printed:?}: {error}"), "Correct shared/examples/bus_speed.rs");
    let seen: Value = serde_json::from_str(&printed).map_err(not_json)?;
    let number = |name: &str| seen[name].as_f64().unwrap_or(f64::NAN);
    let messages = number("messages");
    Ok(vec![
        Figure::of("publish, route, deliver, acknowledge: one queue, 16 B", messages / number("plain_s"), "/s")
            .promised(Promise::AtLeast(PLAIN_A_SECOND_MIN)),
        Figure::of("the same through a topic exchange with 1,000 bindings", messages / number("topic_s"), "/s")
            .promised(Promise::AtLeast(TOPIC_A_SECOND_MIN)),
        Figure::of("a million queued first, then delivered one by one", messages / number("queued_s"), "/s"),
        Figure::of("a simulated work queue, 4 publishers and 8 consumers", number("simulated") / number("simulated_s"), "/s")
            .promised(Promise::AtLeast(SIMULATED_A_SECOND_MIN)),
    ])
}

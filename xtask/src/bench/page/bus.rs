//! How many messages a second go through a broker that is a worker of the page, and whether the page keeps its frames meanwhile.

use super::{Figure, Promise, built, in_chromium, longest};
use crate::failure::Done;
use crate::project::Project;
use crate::stages::note;
use serde_json::{Value, json};

/// How long each bus runs, in seconds.
const SECONDS: u32 = 10;

/// Publishers and consumers.
const WAYS: [(u32, u32); 3] = [(1, 1), (2, 1), (2, 2)];

/// Messages a second through the broker's worker.
const RATE_MIN: f64 = 200_000.0;

/// Between two frames of the page, for 95 of 100, in milliseconds: 60 a second, and a millisecond for the clock's grain.
const FRAME_MS_MAX: f64 = 17.7;

/// Measures, with messages of 16 bytes, as fast as they go.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    built(project)?;
    note(format!("Chromium runs each bus for {SECONDS} s"));
    let buses: Vec<Value> =
        WAYS.iter().map(|(publishers, consumers)| json!({ "name": name(*publishers, *consumers), "experiment": experiment(*publishers, *consumers) })).collect();
    let seen = in_chromium(project, "bus", 0, &[], &buses)?;
    let mut figures = Vec::new();
    for bus in seen["buses"].as_array().into_iter().flatten() {
        let name = bus["name"].as_str().unwrap_or_default();
        let rate = bus["processed"].as_f64().unwrap_or_default() / f64::from(SECONDS);
        let mut frames: Vec<f64> = bus["frames_ms"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        frames.sort_by(f64::total_cmp);
        let at = |share: usize| frames.get(frames.len() * share / 100).copied().unwrap_or(f64::NAN);
        figures.push(Figure::of(format!("{name}: messages processed"), rate, "/s").promised(Promise::AtLeast(RATE_MIN)));
        figures.push(Figure::of(format!("{name}: between two frames, p50"), at(50), "ms"));
        figures
            .push(Figure::of(format!("{name}: between two frames, p95"), at(95), "ms").promised(Promise::AtMost(FRAME_MS_MAX)));
        figures.push(Figure::of(format!("{name}: longest task of the main thread"), longest(&json!([bus])), "ms"));
    }
    Ok(figures)
}

fn name(publishers: u32, consumers: u32) -> String {
    format!("{publishers}→{consumers}, 16 B")
}

/// Publishers that are stopped by nothing but their credit, and consumers that take no time.
fn experiment(publishers: u32, consumers: u32) -> String {
    format!(
        "millrace: 1\ntitle: A bus, measured\nmessaging:\n  for: {SECONDS} s\n  queues: {{ tasks: {{ max_messages: 20000, overload: block }} }}\n  \
         publishers:\n    web: {{ count: {publishers}, key: tasks, size: 16 B, rate: 1000000/s }}\n  consumers:\n    \
         worker: {{ count: {consumers}, queue: tasks, prefetch: 200, service: 0 ms }}\n"
    )
}

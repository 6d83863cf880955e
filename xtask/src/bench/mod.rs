//! `cargo xtask bench`: measures what Millrace promises about speed and size, prints it beside the promise, and writes
//! `target/bench/NAME.json`. `BENCHMARKS.md` holds what it printed on a quiet machine.
//!
//! A figure that misses its promise is shown as missed; that ends nothing, because a busy machine misses too.

mod brokers;
mod messaging;
mod native;
mod page;
mod peers;
mod simulator;
mod text;

use crate::digest;
use crate::failure::{Done, Failure};
use crate::project::Project;
use crate::stages::Stages;
use serde_json::{Value, json};
use std::fmt;

/// One thing to measure.
struct Measurement {
    name: &'static str,
    about: &'static str,
    measure: fn(&Project) -> Done<Vec<Figure>>,
}

const MEASUREMENTS: [Measurement; 10] = [
    Measurement { name: "text", about: "a seeded 1 GB Zipf text, 50,000 distinct words", measure: text::measure },
    Measurement {
        name: "native",
        about: "word count of that text by `millrace run`, beside a plain loop",
        measure: native::measure,
    },
    Measurement {
        name: "simulator",
        about: "events a second, and what a simulated job takes beside its kernels",
        measure: simulator::measure,
    },
    Measurement {
        name: "messaging",
        about: "messages a second through the broker, and of a simulated work queue",
        measure: messaging::measure,
    },
    Measurement {
        name: "brokers",
        about: "a live bus beside RabbitMQ, NATS and Redis: messages, CPU seconds, delays; transient and durable",
        measure: brokers::measure,
    },
    Measurement {
        name: "overload",
        about: "a live bus whose publisher is three times as fast as its consumer, under each policy",
        measure: brokers::measure_overload,
    },
    Measurement {
        name: "page",
        about: "bytes over the wire, a cold load, and the same word count in Chromium's workers",
        measure: page::measure,
    },
    Measurement {
        name: "tenth",
        about: "the questions of `peers` at a tenth of their size, in a worker of the page and natively",
        measure: page::measure_tenth,
    },
    Measurement {
        name: "bus",
        about: "messages a second through a broker in the page, and the page's frames meanwhile",
        measure: page::measure_bus,
    },
    Measurement {
        name: "peers",
        about: "word count, groups, a sort, flights and a map beside DuckDB, Polars, renoir and sort",
        measure: peers::measure,
    },
];

/// A number with its unit, and what was promised.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    promise: Promise,
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Promise {
    /// Nothing: the figure is there to understand the others.
    None,
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    /// A figure without a promise.
    pub fn of(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, promise: Promise::None }
    }

    /// The same figure with a promise.
    pub fn promised(self, promise: Promise) -> Self {
        Self { promise, ..self }
    }

    fn kept(&self) -> bool {
        match self.promise {
            Promise::None => true,
            Promise::AtLeast(bound) => self.value >= bound,
            Promise::AtMost(bound) => self.value <= bound,
        }
    }

    fn json(&self) -> Value {
        let (relation, bound) = match self.promise {
            Promise::None => (Value::Null, Value::Null),
            Promise::AtLeast(bound) => ("at least".into(), bound.into()),
            Promise::AtMost(bound) => ("at most".into(), bound.into()),
        };
        json!({ "what": self.what, "value": self.value, "unit": self.unit, "promise": relation, "bound": bound, "kept": self.kept() })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:>12} {:<6} {}", number(self.value), self.unit, self.what)?;
        let verdict = if self.kept() { "kept" } else { "MISSED" };
        match self.promise {
            Promise::None => Ok(()),
            Promise::AtLeast(bound) => write!(formatter, "   (promised: at least {}: {verdict})", number(bound)),
            Promise::AtMost(bound) => write!(formatter, "   (promised: at most {}: {verdict})", number(bound)),
        }
    }
}

/// Measures what is named, or lists what can be.
pub fn run(project: &Project, names: &[String]) -> Done {
    if names.is_empty() {
        MEASUREMENTS
            .iter()
            .for_each(|measurement| println!("cargo xtask bench {:<10} {}", measurement.name, measurement.about));
        return Ok(());
    }
    let mut chosen = Vec::new();
    for name in names {
        let known = MEASUREMENTS.iter().find(|measurement| measurement.name == name);
        let known_names = MEASUREMENTS.map(|measurement| measurement.name).join(", ");
        chosen.push(known.ok_or_else(|| {
            Failure::new(format!("There is nothing called `{name}` to measure"), format!("There is: {known_names}"))
        })?);
    }
    let mut stages = Stages::new(chosen.len());
    for measurement in chosen {
        let figures = stages.run(&format!("{}: {}", measurement.name, measurement.about), || (measurement.measure)(project))?;
        println!("{}", measurement.name);
        figures.iter().for_each(|figure| println!("{figure}"));
        let record = json!({ "name": measurement.name, "figures": figures.iter().map(Figure::json).collect::<Vec<_>>() });
        digest::write(&folder(project).join(format!("{}.json", measurement.name)), format!("{record:#}\n").as_bytes())?;
    }
    Ok(())
}

/// Where texts to measure with and results lie.
pub fn folder(project: &Project) -> std::path::PathBuf {
    project.root.join("target/bench")
}

/// Whole numbers with thousands apart, others with two digits after the point.
fn number(value: f64) -> String {
    if value.fract() != 0.0 && value < 1_000.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.round());
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_shown_beside_its_promise() {
        let ratio = Figure::of("two workers to one", 1.75, "x").promised(Promise::AtLeast(1.8));
        assert_eq!(ratio.to_string().trim(), "1.75 x      two workers to one   (promised: at least 1.80: MISSED)");
        assert_eq!(ratio.json()["kept"], false);
        let bytes = Figure::of("UI", 399_999.0, "bytes").promised(Promise::AtMost(400_000.0));
        assert_eq!(bytes.to_string().trim(), "399,999 bytes  UI   (promised: at most 400,000: kept)");
    }

    #[test]
    fn numbers_read_easily() {
        assert_eq!([0.0, 7.0, 999.5, 1_000.0, 1_234_567.8].map(number), ["0", "7", "999.50", "1,000", "1,234,568"]);
    }
}

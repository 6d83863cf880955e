//! The program that puts the load on (`bench/brokers`), and what it has seen.

use super::server::Server;
use crate::bench::folder;
use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;

const MANIFEST: &str = "bench/brokers/Cargo.toml";

/// The program, built.
pub struct Client<'p> {
    project: &'p Project,
    binary: PathBuf,
}

/// One load, the same for each broker.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub publishers: usize,
    pub consumers: usize,
    /// Each consumer gets everything.
    pub copied: bool,
    /// Of a body.
    pub bytes: usize,
    pub seconds: u64,
    pub durable: bool,
}

/// What was seen of a broker under one load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Deliveries a second.
    pub rate: f64,
    /// CPU seconds of the broker for a million of them.
    pub cpu: f64,
    /// Milliseconds from publisher to consumer at half of that rate.
    pub p50: f64,
    pub p99: f64,
    /// Messages that never came, at both rates.
    pub lost: f64,
}

impl Client<'_> {
    /// Builds it beside the workspace's own products.
    pub fn build(project: &Project) -> Done<Client<'_>> {
        let target = folder(project).join("brokers");
        let mut cargo = project.command("cargo");
        cargo.args(["build", "--release", "--quiet", "--locked", "--manifest-path", MANIFEST]).env("CARGO_TARGET_DIR", &target);
        capture(&mut cargo, "Its crates come from the network; run it by hand to see more")?;
        Ok(Client { project, binary: target.join("release/broker-load") })
    }

    /// Puts a load on a broker, by the driver of that name.
    pub fn load(&self, driver: &str, server: &Server, load: &Load) -> Done<Seen> {
        let Load { publishers, consumers, copied, bytes, seconds, durable } = load;
        let numbers = [publishers, consumers].map(usize::to_string);
        let mut arguments = vec!["load".to_owned(), driver.to_owned(), server.url.clone()];
        arguments.extend(numbers);
        arguments.extend([if *copied { "copied" } else { "shared" }.to_owned(), bytes.to_string(), seconds.to_string()]);
        arguments.push(format!("pid={}", server.pid()));
        if *durable {
            arguments.extend(["persistent".to_owned(), "bus=durable".to_owned()]);
        }
        let said = self.run(&arguments)?;
        Ok(Seen {
            rate: number(&said, "/full/delivered_per_s")?,
            cpu: number(&said, "/full/cpu_s_per_million")?,
            p50: number(&said, "/half/p50_ms")?,
            p99: number(&said, "/half/p99_ms")?,
            lost: number(&said, "/full/lost")? + number(&said, "/half/lost")?,
        })
    }

    /// Runs it and reads what it prints.
    pub fn run(&self, arguments: &[String]) -> Done<Value> {
        let mut command = self.project.command(&self.binary.to_string_lossy());
        let printed = capture(command.args(arguments), "Run it by hand to see more")?;
        let not_json = |error| Failure::new(format!("The load printed {printed:?}: {error}"), "Correct bench/brokers");
        serde_json::from_str(printed.trim()).map_err(not_json)
    }
}

/// The number at a place of what it printed.
pub fn number(said: &Value, place: &str) -> Done<f64> {
    let missing = || Failure::new(format!("The load tells no `{place}`: {said}"), "Correct bench/brokers");
    said.pointer(place).and_then(Value::as_f64).ok_or_else(missing)
}

impl Seen {
    /// Worse than anything that is measured.
    pub const NOTHING: Seen = Seen { rate: 0.0, cpu: f64::INFINITY, p50: f64::INFINITY, p99: f64::INFINITY, lost: 0.0 };

    /// The better of two rounds, each figure for itself.
    pub fn or(&self, other: &Seen) -> Seen {
        Seen {
            rate: self.rate.max(other.rate),
            cpu: self.cpu.min(other.cpu),
            p50: self.p50.min(other.p50),
            p99: self.p99.min(other.p99),
            lost: self.lost.max(other.lost),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { rate, cpu, p50, p99, lost } = self;
        write!(formatter, "{rate:.0} /s, {cpu:.2} s a million, half load p50 {p50:.2} ms p99 {p99:.2} ms, {lost} lost")
    }
}

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Load { publishers, consumers, bytes, durable, .. } = self;
        let size = if bytes % 1024 == 0 { format!("{} KiB", bytes / 1024) } else { format!("{bytes} B") };
        write!(formatter, "{publishers}→{consumers}, {size}{}", if *durable { ", durable" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_is_the_best_of_the_rounds_but_what_was_lost_is_the_worst() {
        let first = Seen { rate: 10.0, cpu: 2.0, p50: 1.0, p99: 9.0, lost: 0.0 };
        let second = Seen { rate: 8.0, cpu: 1.5, p50: 2.0, p99: 3.0, lost: 4.0 };
        let best = Seen { rate: 10.0, cpu: 1.5, p50: 1.0, p99: 3.0, lost: 4.0 };
        assert_eq!(Seen::NOTHING.or(&first).or(&second), best);
    }

    #[test]
    fn a_load_reads_as_in_the_table() {
        let load = Load { publishers: 1, consumers: 10, copied: true, bytes: 1024, seconds: 5, durable: false };
        assert_eq!(load.to_string(), "1→10, 1 KiB");
        assert_eq!(Load { bytes: 16, durable: true, ..load }.to_string(), "1→10, 16 B, durable");
    }
}

//! A live bus of Millrace beside RabbitMQ, NATS and Redis, under the same load from the same program (`bench/brokers`), all on this machine.
//!
//! Every broker runs throughout, and they are loaded in turns, so that a change in the machine's speed meets all. Each figure is the best
//! of the rounds. `MILLRACE_BENCH_SECONDS` and `MILLRACE_BENCH_ROUNDS` make it shorter or longer. A broker that is not installed is told,
//! and the others are measured.

mod client;
mod overload;
mod server;

use super::{Figure, Promise, folder};
use crate::failure::{Done, Failure};
use crate::project::Project;
use crate::stages::note;
use crate::{play, process};
use client::{Client, Load, Seen};
use server::{Kind, Server};

pub use overload::measure as measure_overload;

/// How long each load is measured, at full rate and at half of it.
const SECONDS: u64 = 5;
const SECONDS_VARIABLE: &str = "MILLRACE_BENCH_SECONDS";

/// How often each is measured.
const ROUNDS: u64 = 3;
const ROUNDS_VARIABLE: &str = "MILLRACE_BENCH_ROUNDS";

/// Messages for a CPU second, as a multiple of RabbitMQ's.
const TO_RABBITMQ_MIN: f64 = 3.0;
/// From a publisher to a consumer at half of the full load.
const P99_MS_MAX: f64 = 2.0;
/// Durable messages a second, as a multiple of RabbitMQ's.
const DURABLE_TO_RABBITMQ_MIN: f64 = 1.0;

/// Publishers and consumers, and whether each consumer gets a copy of everything.
const WAYS: [(usize, usize, bool); 3] = [(1, 1, false), (4, 4, false), (1, 10, true)];
/// Bytes of a body.
const BODIES: [usize; 2] = [16, 1024];

/// How a broker is measured: its process, and what the load's program calls the way to speak to it.
#[derive(Clone, Copy)]
struct Contender {
    title: &'static str,
    kind: Kind,
    driver: &'static str,
    /// Whether it is measured with transient messages, and with durable ones.
    transient: bool,
    durable: bool,
}

const CONTENDERS: [Contender; 5] = [
    Contender { title: "Millrace", kind: Kind::Millrace, driver: "millrace", transient: true, durable: true },
    Contender { title: "RabbitMQ", kind: Kind::RabbitMq, driver: "rabbitmq", transient: true, durable: true },
    Contender { title: "NATS JetStream", kind: Kind::Nats, driver: "jetstream", transient: true, durable: true },
    Contender { title: "core NATS, at most once", kind: Kind::Nats, driver: "nats", transient: true, durable: false },
    Contender { title: "Redis streams", kind: Kind::Redis, driver: "redis", transient: true, durable: false },
];

/// Measures; figures of a broker are absent where it is not installed.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let (seconds, rounds) = (setting(SECONDS_VARIABLE, SECONDS)?, setting(ROUNDS_VARIABLE, ROUNDS)?);
    note(format!(
        "{seconds} s and {seconds} s at half of it, {rounds} rounds ({SECONDS_VARIABLE} and {ROUNDS_VARIABLE} change that)"
    ));
    play::build_server(project)?;
    let client = Client::build(project)?;
    let mut servers = Vec::new();
    for kind in [Kind::Millrace, Kind::RabbitMq, Kind::Nats, Kind::Redis] {
        match kind.missing(project) {
            Some(program) => note(process::missing(program)),
            None => servers.push(Server::start(project, kind)?),
        }
    }
    let mut figures = Vec::new();
    for durable in [false, true] {
        for (publishers, consumers, copied) in WAYS.into_iter().take(if durable { 1 } else { WAYS.len() }) {
            for bytes in BODIES {
                let load = Load { publishers, consumers, copied, bytes, seconds, durable };
                figures.extend(measure_load(&client, &servers, &load, rounds)?);
            }
        }
    }
    Ok(figures)
}

/// Puts one load on all that are there.
fn measure_load(client: &Client<'_>, servers: &[Server], load: &Load, rounds: u64) -> Done<Vec<Figure>> {
    let measured = |contender: &Contender| if load.durable { contender.durable } else { contender.transient };
    let there = |contender: Contender| {
        let server = servers.iter().find(|server| server.kind == contender.kind)?;
        measured(&contender).then_some((contender, server))
    };
    let contenders: Vec<_> = CONTENDERS.into_iter().filter_map(there).collect();
    let mut best = vec![Seen::NOTHING; contenders.len()];
    for round in 1..=rounds {
        for ((contender, server), best) in contenders.iter().zip(&mut best) {
            let seen = client.load(contender.driver, server, load)?;
            note(format!("round {round}: {load}: {}: {seen}", contender.title));
            *best = best.or(&seen);
        }
    }
    let of =
        |kind: Kind| contenders.iter().zip(&best).find(|((contender, _), _)| contender.kind == kind).map(|(_, best)| *best);
    let (millrace, rabbitmq) = (of(Kind::Millrace), of(Kind::RabbitMq));
    let mut figures = Vec::new();
    for ((contender, _), best) in contenders.iter().zip(&best) {
        let title = contender.title;
        figures.push(Figure::of(format!("{load}: {title}, deliveries"), best.rate, "/s"));
        figures.push(Figure::of(format!("{load}: {title}, CPU time of a million deliveries"), best.cpu, "s"));
        let delay = Figure::of(format!("{load}: {title}, p99 at half load"), best.p99, "ms");
        let is_promised = contender.kind == Kind::Millrace && !load.durable;
        figures.push(if is_promised { delay.promised(Promise::AtMost(P99_MS_MAX)) } else { delay });
        if best.lost > 0.0 {
            let lost = Figure::of(format!("{load}: {title}, messages that never came"), best.lost, "");
            // Core NATS promises delivery at most once.
            figures.push(if contender.driver == "nats" { lost } else { lost.promised(Promise::AtMost(0.0)) });
        }
    }
    if let (Some(millrace), Some(rabbitmq)) = (millrace, rabbitmq) {
        let by_cpu =
            Figure::of(format!("{load}: deliveries for a CPU second, Millrace to RabbitMQ"), rabbitmq.cpu / millrace.cpu, "x");
        let by_time =
            Figure::of(format!("{load}: deliveries a second, Millrace to RabbitMQ"), millrace.rate / rabbitmq.rate, "x");
        figures.extend(match load.durable {
            false => [by_cpu.promised(Promise::AtLeast(TO_RABBITMQ_MIN)), by_time],
            true => [by_cpu, by_time.promised(Promise::AtLeast(DURABLE_TO_RABBITMQ_MIN))],
        });
    }
    Ok(figures)
}

/// A whole number from the environment.
fn setting(variable: &str, otherwise: u64) -> Done<u64> {
    let Some(value) = std::env::var_os(variable) else { return Ok(otherwise) };
    let value = value.to_string_lossy();
    let wrong = || Failure::new(format!("{variable} is {value:?}"), "Write a whole number above 0, like 10");
    value.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)
}

/// Where brokers keep what they write.
fn scratch(project: &Project, name: &str) -> std::path::PathBuf {
    folder(project).join("brokers-run").join(name)
}

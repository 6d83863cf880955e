//! Experiments with `messaging`. Here `millrace run` of one: simulated, or in real time, in this thread; its counters as rows.
//!
//! - `live`: buses of a server, with `office`: frames on their way, and `hall`: their driver, to which clients anywhere come; `socket`: one of these, `words`: its messages. `asyncapi`: what is said
//!   there, for tools.

pub mod asyncapi;
mod hall;
pub mod live;
mod office;
pub mod socket;
mod words;

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use shared::experiment::{BusExperiment, Respawn};
use shared::messaging::books::{Histogram, Summary};
use shared::session::real::Input;
use shared::session::{conductor_spec, only_simulated};
use shared::sim::messaging::{BusSimulation, BusSpec};
use shared::time::Span;
use shared::wire::{BusView, ExpectationResult};

use crate::config::{Place, Run};
use crate::engine::conduct::{Stage, Told};
use crate::output::{self, Pending, Rows};
use crate::run::{RunError, replay};

/// A run that has finished.
struct Outcome {
    seed: u64,
    summary: Summary,
    expectations: Vec<ExpectationResult>,
    wall_ms: f64,
    /// `None`: it ran in real time.
    simulated: Option<Simulated>,
    /// What the bus is made of.
    view: BusView,
}

/// What only a simulated run has.
struct Simulated {
    trace_hash: String,
    virtual_ms: f64,
    events: u64,
}

/// Whether every expectation held.
pub fn run(arguments: &Run, experiment: &BusExperiment, rows_to: &Rows) -> Result<bool, RunError> {
    let of_batches = [
        ("--workers", arguments.workers.is_some()),
        ("--input", arguments.input.is_some()),
        ("--sequential", arguments.sequential),
    ];
    if let Some((flag, _)) = of_batches.into_iter().find(|(_, given)| *given) {
        return Err(RunError::OnlyBatch(flag));
    }
    if let Some(seeds) = &arguments.seeds {
        return sweep(arguments, experiment, seeds.0.clone());
    }
    let trace = arguments.trace.as_deref().map(Pending::new).transpose()?;
    let mut sink = trace.as_ref().map(Pending::sink).transpose()?.map(std::io::BufWriter::new);
    let seed = arguments.seed.unwrap_or(experiment.seed);
    let outcome = match arguments.place {
        Place::Simulate => one(experiment, seed, &mut |row| sink.as_mut().map_or(Ok(()), |sink| writeln!(sink, "{row}")))?,
        Place::Server => in_real_time(experiment, seed)?,
    };
    if let Some(mut sink) = sink {
        sink.flush().map_err(|error| RunError::Failed(format!("the trace cannot be written: {error}")))?;
    }
    trace.map(Pending::keep).transpose()?;
    let table = outcome.summary.table();
    rows_to.write(&table)?;
    if let Some(path) = &arguments.report {
        let report = outcome.as_json(table.len(), table.output_hash().map_err(|error| RunError::Failed(error.to_string()))?);
        output::write(path, |sink| writeln!(sink, "{report:#}"))?;
    }
    outcome.tell();
    Ok(outcome.held())
}

/// Simulates seed after seed, and stops at the first whose expectations do not hold.
fn sweep(arguments: &Run, experiment: &BusExperiment, seeds: Range<u64>) -> Result<bool, RunError> {
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let failed = |how: String| RunError::Seed { seed, how, replay: replay(arguments, seed) };
        let outcome = match one(experiment, seed, &mut |_| Ok(())) {
            Err(RunError::Failed(message)) => return Err(failed(format!("failed: {message}"))),
            outcome => outcome?,
        };
        if let Some(broken) = outcome.expectations.iter().find(|expectation| !expectation.held) {
            outcome.tell();
            eprintln!("{}", failed(format!("does not hold `{}`", broken.expectation)));
            return Ok(false);
        }
    }
    eprintln!("{count} seeds, and every expectation held under each");
    Ok(true)
}

/// Runs it once; each row of the trace is handed out as a line.
fn one(
    experiment: &BusExperiment,
    seed: u64,
    each: &mut dyn FnMut(String) -> std::io::Result<()>,
) -> Result<Outcome, RunError> {
    let started = Instant::now();
    let spec = BusSpec { keeps_rows: true, ..BusSpec::of(experiment, seed) };
    let mut simulation = BusSimulation::new(spec);
    let failed = |error: &dyn std::fmt::Display| RunError::Failed(error.to_string());
    loop {
        let goes_on = simulation.step().map_err(|error| failed(&error))?;
        for row in simulation.take_rows() {
            let line = row.as_json(|node| simulation.name(node)).to_string();
            each(line).map_err(|error| failed(&format!("the trace cannot be written: {error}")))?;
        }
        if !goes_on {
            break;
        }
    }
    let (trace_hash, virtual_ms, events) = (simulation.trace_hash(), simulation.now().0 as f64 / 1e3, simulation.events());
    let summary = simulation.run().map_err(|error| failed(&error))?;
    Ok(Outcome::new(experiment, seed, summary, started, Some(Simulated { trace_hash, virtual_ms, events })))
}

/// Runs it once by the clock, until its time is over or Ctrl-C. What is left to chance by the seed are times and contents; the faults
/// are those of the experiment alone.
fn in_real_time(experiment: &BusExperiment, seed: u64) -> Result<Outcome, RunError> {
    if let Some(sentence) = only_simulated(experiment) {
        return Err(RunError::Refused(sentence));
    }
    let failed = |error: &dyn std::fmt::Display| RunError::Failed(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let started = Instant::now();
    let (stage, baton) = Stage::new();
    let (done, mut is_done) = tokio::sync::oneshot::channel();
    let spec = conductor_spec(1, experiment, seed);
    let conductor = thread::Builder::new().name("conductor".to_owned()).spawn(move || {
        let mut ended = None;
        stage.conduct(spec, |told| match told {
            Told::Frame(frame) => frame.news.iter().for_each(|news| eprintln!("{}: {}", news.at, news.text)),
            Told::Ended(it) => ended = Some(it),
        });
        // It is joined in any case.
        let _ = done.send(());
        ended
    });
    let conductor = conductor.map_err(|error| failed(&error))?;
    runtime.block_on(async {
        tokio::select! {
            _ = &mut is_done => Ok(()),
            interrupted = tokio::signal::ctrl_c() => {
                baton.say(Input::End);
                interrupted.map_err(|error| failed(&error))
            }
        }
    })?;
    let ended = conductor.join().map_err(|_| RunError::Failed("the bus's conductor failed".to_owned()))?;
    let ended = ended.ok_or_else(|| RunError::Failed("the run was given up".to_owned()))?.map_err(RunError::Failed)?;
    Ok(Outcome::new(experiment, seed, ended.summary, started, None))
}

fn respawn(experiment: &BusExperiment) -> Option<Span> {
    match experiment.respawn {
        Respawn::After(span) => Some(span),
        Respawn::Never => None,
    }
}

impl Outcome {
    fn new(experiment: &BusExperiment, seed: u64, summary: Summary, started: Instant, simulated: Option<Simulated>) -> Outcome {
        let expectations = experiment.expect.iter().map(|expectation| summary.judge(expectation)).collect();
        let (wall_ms, view) = (started.elapsed().as_secs_f64() * 1e3, BusView::of(&experiment.bus));
        Outcome { seed, summary, expectations, wall_ms, simulated, view }
    }

    fn held(&self) -> bool {
        self.expectations.iter().all(|expectation| expectation.held)
    }

    /// The report as a file holds it.
    fn as_json(&self, rows: usize, output_hash: u64) -> Value {
        let millis = |span: Span| span.0 as f64 / 1e3;
        let spans: BTreeMap<&String, Value> = self
            .summary
            .spans
            .iter()
            .map(|(name, spans)| {
                let quantile = |share| millis(Histogram::quantile(spans, share));
                let (p50, p99) = (quantile(0.5), quantile(0.99));
                (name, json!({ "count": spans.count(), "p50_ms": p50, "p99_ms": p99, "max_ms": millis(spans.max()) }))
            })
            .collect();
        json!({
            "place": if self.simulated.is_some() { "simulate" } else { "server" },
            "seed": self.seed,
            "rows": rows,
            "wall_ms": self.wall_ms,
            "virtual_ms": self.simulated.as_ref().map(|simulated| simulated.virtual_ms),
            "trace_hash": self.simulated.as_ref().map(|simulated| &simulated.trace_hash),
            "output_hash": format!("{output_hash:016x}"),
            "counters": self.summary.counters,
            "spans": spans,
            "depths": self.summary.depths,
            "expectations": self.expectations,
            "bus": self.view,
        })
    }

    /// The summary, on standard error.
    fn tell(&self) {
        let (seconds, seed) = (self.wall_ms / 1e3, self.seed);
        let published = self.summary.counter("total/published");
        match &self.simulated {
            Some(Simulated { trace_hash, virtual_ms, events }) => {
                let virtual_seconds = virtual_ms / 1e3;
                eprintln!("{published} messages in {virtual_seconds:.3} s of virtual time, {seconds:.3} s of real time");
                eprintln!("seed {seed}, {events} events, trace {trace_hash}");
            }
            None => eprintln!("{published} messages in {seconds:.3} s, seed {seed}"),
        }
        for expectation in &self.expectations {
            let verdict = if expectation.held { "held" } else { "FAILED" };
            eprintln!("{verdict}: {} ({})", expectation.expectation, expectation.found);
        }
    }
}

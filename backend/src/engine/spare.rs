//! What an engine computes for a run beside its workers, on a thread that it can spare.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::batch::kernel::sequential as one_pass;
use shared::batch::{Job, Source, SourceError};
use shared::session as simulation;
use shared::session::run::RunSpec;
use shared::session::{BusText, Simulated};

use crate::inputs::Inputs;

/// Where the steps of a simulated run are written, one JSON object a line.
pub type TraceSink = Box<dyn Write + Send>;

/// The job's plan over the whole input in one plain pass: the hash of its rows.
pub fn sequential(job: &Job, input: &Inputs, stopped: Arc<AtomicBool>) -> Result<u64, String> {
    let mut source = Stoppable::open(input, stopped)?;
    one_pass(job, &mut source).and_then(|table| table.output_hash()).map_err(|error| error.to_string())
}

/// A source that ends in an error once nobody waits for what is computed from it.
pub(super) struct Stoppable {
    source: Box<dyn Source>,
    stopped: Arc<AtomicBool>,
}

impl Stoppable {
    pub(super) fn open(input: &Inputs, stopped: Arc<AtomicBool>) -> Result<Stoppable, String> {
        Ok(Stoppable { source: input.source().map_err(|error| error.to_string())?, stopped })
    }
}

impl Source for Stoppable {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(SourceError("the run was stopped".to_owned()));
        }
        self.source.read_at(offset, buffer)
    }
}

/// A bus under a virtual clock.
pub fn simulate_bus(run: u32, text: &BusText, seed: u64, stopped: &AtomicBool) -> Result<Box<Simulated>, String> {
    let experiment = simulation::read_bus(text)?;
    simulation::simulate_bus(run, &experiment, seed, || stopped.load(Ordering::Relaxed)).map(Box::new)
}

/// The whole run under a virtual clock; with `trace`, each of its steps as a line of JSON.
pub fn simulate(
    spec: RunSpec,
    seed: u64,
    input: &Inputs,
    stopped: Arc<AtomicBool>,
    trace: Option<TraceSink>,
) -> Result<Box<Simulated>, String> {
    let source = Box::new(Stoppable::open(input, stopped)?);
    let simulated = match trace {
        None => simulation::simulate(spec, seed, source),
        Some(mut trace) => {
            let unwritten = |error: io::Error| format!("the trace could not be written: {error}");
            let simulated = simulation::simulate_traced(spec, seed, source, |row| {
                serde_json::to_writer(&mut trace, &row).map_err(io::Error::from).map_err(unwritten)?;
                trace.write_all(b"\n").map_err(unwritten)
            })?;
            trace.flush().map_err(unwritten)?;
            Ok(simulated)
        }
    };
    simulated.map(Box::new)
}

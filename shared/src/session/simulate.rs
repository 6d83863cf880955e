//! A whole simulated run in one call, for drivers that have a thread to spare.

use super::Simulated;
use super::paced::{BusCourse, Course};
use super::run::RunSpec;
use crate::batch::Source;
use crate::experiment::BusExperiment;
use crate::sim::messaging::{BusSimulation, BusSpec};
use crate::sim::{End, Finished, Row, SimSpec, Simulation};
use crate::time::Time;
use crate::wire::Frame;

/// Simulates the run over its input. The frames of the run become one. Errors are sentences for the user.
pub fn simulate(run: RunSpec, seed: u64, source: Box<dyn Source>) -> Result<Simulated, String> {
    simulation(SimSpec { run, seed, keeps_rows: false }, source, |_| Ok(()))
}

/// The same, and each row of the trace is handed out as it happens.
pub fn simulate_traced(
    run: RunSpec,
    seed: u64,
    source: Box<dyn Source>,
    each: impl FnMut(Row) -> Result<(), String>,
) -> Result<Simulated, String> {
    simulation(SimSpec { run, seed, keeps_rows: true }, source, each)
}

/// The same of a bus. Every now and then it asks whether anybody still waits for it.
pub fn simulate_bus(
    run: u32,
    experiment: &BusExperiment,
    seed: u64,
    is_stopped: impl Fn() -> bool,
) -> Result<Simulated, String> {
    const EVENTS_BETWEEN_QUESTIONS: u64 = 4_096;
    let simulation = BusSimulation::new(BusSpec::of(experiment, seed)).watched(run);
    let mut course = BusCourse::new(simulation, experiment.expect.clone());
    while course.step_by(Time(u64::MAX))? {
        if course.events().is_multiple_of(EVENTS_BETWEEN_QUESTIONS) && is_stopped() {
            return Err("the run was stopped".to_owned());
        }
    }
    let frame = course.whole();
    course.outcome(frame)
}

fn simulation(
    spec: SimSpec,
    source: Box<dyn Source>,
    mut each: impl FnMut(Row) -> Result<(), String>,
) -> Result<Simulated, String> {
    let mut simulation = Simulation::new(spec, source);
    let mut whole = None;
    loop {
        let goes_on = simulation.step().map_err(|error| error.to_string())?;
        simulation.take_rows().into_iter().try_for_each(&mut each)?;
        while let Some(frame) = simulation.poll_frame() {
            match &mut whole {
                None => whole = Some(*frame),
                Some(whole) => whole.merge(*frame),
            }
        }
        if !goes_on {
            break;
        }
    }
    ended(&simulation, whole)
}

/// What a simulation came to that has ended; `frame`: what of it no frame has told.
pub(super) fn ended(simulation: &Simulation, frame: Option<Frame>) -> Result<Simulated, String> {
    let (virtual_time, trace_hash) = (simulation.now(), simulation.trace_hash());
    match (simulation.end(), frame) {
        (Some(End::Finished(Finished { rows, counters, tally })), Some(frame)) => {
            let (partitions, counters, tally) = (rows.clone(), *counters, *tally);
            Ok(Simulated { frame, partitions, counters, tally, virtual_time, trace_hash, bus: None })
        }
        (Some(End::Failed(reason)), _) => Err(reason.clone()),
        _ => Err("the simulation stopped before its job was done".to_owned()),
    }
}

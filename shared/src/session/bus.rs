//! A run of an experiment with `messaging`, as its session keeps it: simulated by whoever can spare a thread for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::jobs::Stage;
use super::real::{ConductorSpec, Ended, refusal};
use super::work::Work;
use super::{Session, SessionSpec, paced};
use crate::batch::{Counters, Table};
use crate::experiment::{self, BusExperiment, Checked, Problem};
use crate::fault::Fault;
use crate::fault::text::item;
use crate::limits::{BUS_RUN_BYTES_MAX, REAL_NODES_MAX};
use crate::messaging::Node;
use crate::sim::messaging::{BusSpec, Histogram, Summary, counters_table};
use crate::time::{Span, Time};
use crate::wire::{BusReport, BusTotals, BusView, ExpectationResult, Place, Report, RunCommand, Speed, Started, Tally};

/// What a bus came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BusOutcome {
    /// Every counter by its name: `queue/tasks/acked`.
    pub counters: BTreeMap<String, u64>,
    /// How long things took, as in [`BusReport`].
    pub spans: BTreeMap<String, [f64; 3]>,
    pub expectations: Vec<ExpectationResult>,
}

/// An experiment with `messaging` as it is carried to whoever simulates it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusText {
    pub text: String,
    /// As in [`RunCommand`].
    pub sets: Vec<(String, String)>,
}

/// A checked command for a bus. Whoever simulates it reads the text again.
#[derive(Debug)]
pub(super) struct PreparedBus {
    pub experiment: BusExperiment,
    pub place: Place,
    pub text: BusText,
    pub seed: u64,
    pub pace: Option<Speed>,
}

/// The experiment that a text was found to hold when its run was prepared. Errors are sentences for the user.
pub fn read_bus(text: &BusText) -> Result<Box<BusExperiment>, String> {
    match experiment::check_any(&text.text, &text.sets) {
        Ok(Checked::Messaging(experiment)) => Ok(experiment),
        Ok(Checked::Batch(_)) => Err("this is an experiment with `batch`".to_owned()),
        Err(problems) => Err(problems.first().map_or_else(String::new, Problem::to_string)),
    }
}

impl PreparedBus {
    pub(super) fn new(
        session: &SessionSpec,
        command: &RunCommand,
        experiment: BusExperiment,
    ) -> Result<PreparedBus, (String, Vec<Problem>)> {
        let refuse = |message: String| Err((message, Vec::new()));
        session.check_place(command)?;
        if command.input.is_some() {
            return refuse("an experiment with `messaging` makes its own messages: it reads no input".to_owned());
        }
        if let Some(Err(reason)) = command.pace.map(paced::check_speed) {
            return refuse(reason);
        }
        if command.place != Place::Simulate
            && let Some(reason) = only_simulated(&experiment)
        {
            return refuse(reason);
        }
        let seed = command.seed.unwrap_or(experiment.seed);
        let text = BusText { text: command.text.clone(), sets: command.sets.clone() };
        Ok(PreparedBus { text, seed, place: command.place, pace: command.pace, experiment })
    }

    pub(super) fn started(&self, run: u32) -> Started {
        Started {
            run,
            place: self.place,
            title: self.experiment.title.clone(),
            input: String::new(),
            input_bytes: 0,
            splits: Vec::new(),
            reduces: 0,
            stages: Vec::new(),
            workers: self.experiment.bus.members().len() as u32,
            seed: self.seed,
            steps: Vec::new(),
            columns: vec!["counter".to_owned(), "value".to_owned()],
            inputs: Vec::new(),
            faults: self.faults(),
            bus: Some(Box::new(BusView::of(&self.experiment.bus))),
        }
    }

    /// What will go wrong, as items of the experiment.
    fn faults(&self) -> Vec<String> {
        let spec = BusSpec::of(&self.experiment, self.seed);
        let item =
            |fault: &Fault<Node>| item(&Fault { at: fault.at, effect: fault.effect.clone().map(|node| spec.bus.name(node)) });
        spec.faults.iter().map(item).collect()
    }

    /// The report of a run that came to this, and its counters as a table.
    pub(super) fn report(
        &self,
        outcome: BusOutcome,
        wall: Span,
        simulated: Option<(Time, String)>,
    ) -> Result<(Table, Report), String> {
        let table = counters_table(&outcome.counters);
        let output_hash = table.output_hash().map_err(|error| error.to_string())?;
        let report = Report {
            place: self.place,
            seed: self.seed,
            rows: table.len() as u64,
            wall_ms: wall.0 as f64 / 1e3,
            virtual_ms: simulated.as_ref().map(|(time, _)| time.0 as f64 / 1e3),
            trace_hash: simulated.map(|(_, hash)| hash),
            output_hash: format!("{output_hash:016x}"),
            counters: Counters::default(),
            tally: Tally::default(),
            expectations: outcome.expectations,
            bus: Some(Box::new(BusReport {
                totals: totals(&outcome.counters),
                missing: total(&outcome.counters, "missing"),
                spans: outcome.spans,
            })),
        };
        Ok((table, report))
    }
}

/// Ends of buses.
impl Session {
    pub(super) fn conducted(&mut self, run: u32, ended: Result<Box<Ended>, String>) {
        if !self.runs.get(&run).is_some_and(|entry| matches!(entry.stage, Stage::Conducting)) {
            return;
        }
        match ended {
            Ok(ended) => {
                let wall = Span(ended.time.0);
                self.bus_done(run, BusOutcome::from(*ended), wall, None);
            }
            Err(reason) => self.fail(run, reason),
        }
    }

    pub(super) fn bus_done(&mut self, run: u32, outcome: BusOutcome, wall: Span, simulated: Option<(Time, String)>) {
        let Some(Work::Bus(prepared)) = self.runs.get(&run).map(|entry| &entry.work) else { return };
        match prepared.report(outcome, wall, simulated) {
            Ok((table, report)) => self.done(run, table, report),
            Err(reason) => self.fail(run, reason),
        }
    }
}

impl BusOutcome {
    pub(super) fn new(summary: Summary, expectations: Vec<ExpectationResult>) -> BusOutcome {
        let quantiles = |(name, spans): (&String, &Histogram)| {
            let quantile = |share| millis(spans.quantile(share));
            (name.clone(), [quantile(0.5), quantile(0.99), millis(spans.max())])
        };
        let spans = summary.spans.iter().filter(|(_, spans)| spans.count() > 0).map(quantiles).collect();
        BusOutcome { counters: summary.counters, spans, expectations }
    }
}

impl From<Ended> for BusOutcome {
    fn from(ended: Ended) -> BusOutcome {
        BusOutcome::new(ended.summary, ended.expectations)
    }
}

/// What its conductor is told of an experiment that runs in real time.
pub fn conductor_spec(run: u32, experiment: &BusExperiment, seed: u64) -> ConductorSpec {
    let BusSpec { bus, faults, respawn, seed, .. } = BusSpec::of(experiment, seed);
    ConductorSpec { run, bus, seed, faults, respawn, expect: experiment.expect.clone(), bytes_max: BUS_RUN_BYTES_MAX }
}

/// Why an experiment can be simulated only, if so.
pub fn only_simulated(experiment: &BusExperiment) -> Option<String> {
    let nodes = experiment.bus.members().len() + 1;
    if experiment.random_faults > 0 {
        return Some(
            "faults drawn by the seed (`random`) are for the place `simulate`: name the faults, or simulate".to_owned(),
        );
    }
    if nodes > REAL_NODES_MAX {
        return Some(format!(
            "{nodes} nodes are more than the {REAL_NODES_MAX} that can be had in real time: choose the place `simulate`"
        ));
    }
    experiment.faults.iter().find_map(|fault| refusal(&fault.effect))
}

fn millis(span: Span) -> f64 {
    span.0 as f64 / 1e3
}

fn total(counters: &BTreeMap<String, u64>, name: &str) -> u64 {
    counters.get(&format!("total/{name}")).copied().unwrap_or_default()
}

fn totals(counters: &BTreeMap<String, u64>) -> BusTotals {
    let total = |name: &str| total(counters, name);
    BusTotals {
        published: total("published"),
        processed: total("processed"),
        redelivered: total("redelivered"),
        gone: ["dropped", "rejected", "expired", "lost", "unroutable"].into_iter().map(total).sum(),
        ready: total("ready"),
    }
}

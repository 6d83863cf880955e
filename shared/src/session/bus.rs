//! A run of an experiment with `messaging`, as its session keeps it: simulated by whoever can spare a thread for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::paced;
use crate::batch::{Counters, Table};
use crate::experiment::{self, BusExperiment, Checked, Problem};
use crate::fault::Fault;
use crate::fault::text::item;
use crate::messaging::Node;
use crate::sim::messaging::{BusSpec, counters_table};
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
    pub(super) fn new(command: &RunCommand, experiment: BusExperiment) -> Result<PreparedBus, (String, Vec<Problem>)> {
        let refuse = |message: &str| Err((message.to_owned(), Vec::new()));
        if command.place != Place::Simulate {
            return refuse("in the page experiments with `messaging` are simulated so far: choose the place `simulate`");
        }
        if command.input.is_some() {
            return refuse("an experiment with `messaging` makes its own messages: it reads no input");
        }
        if let Some(Err(reason)) = command.pace.map(paced::check_speed) {
            return refuse(&reason);
        }
        let seed = command.seed.unwrap_or(experiment.seed);
        let text = BusText { text: command.text.clone(), sets: command.sets.clone() };
        Ok(PreparedBus { text, seed, pace: command.pace, experiment })
    }

    pub(super) fn started(&self, run: u32) -> Started {
        Started {
            run,
            place: Place::Simulate,
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
        virtual_time: Time,
        trace_hash: String,
    ) -> Result<(Table, Report), String> {
        let table = counters_table(&outcome.counters);
        let output_hash = table.output_hash().map_err(|error| error.to_string())?;
        let report = Report {
            place: Place::Simulate,
            seed: self.seed,
            rows: table.len() as u64,
            wall_ms: wall.0 as f64 / 1e3,
            virtual_ms: Some(virtual_time.0 as f64 / 1e3),
            trace_hash: Some(trace_hash),
            output_hash: format!("{output_hash:016x}"),
            counters: Counters::default(),
            tally: Tally::default(),
            expectations: outcome.expectations,
            bus: Some(Box::new(BusReport { totals: totals(&outcome.counters), spans: outcome.spans })),
        };
        Ok((table, report))
    }
}

fn totals(counters: &BTreeMap<String, u64>) -> BusTotals {
    let total = |name: &str| counters.get(&format!("total/{name}")).copied().unwrap_or_default();
    BusTotals {
        published: total("published"),
        processed: total("processed"),
        redelivered: total("redelivered"),
        gone: ["dropped", "rejected", "expired", "lost", "unroutable"].into_iter().map(total).sum(),
        ready: total("ready"),
    }
}

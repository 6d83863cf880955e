//! What the command line sees of a run: a bar while it runs, a summary and a report when it is done.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use shared::experiment::Problem;
use shared::session::expectations;
use shared::wire::{AttemptState, Event, Frame, InputView, Place, Report, StageView, Started};

use crate::engine::Client;

/// Steps of the bar: a thousandth of the work each.
const BAR_STEPS: u64 = 1_000;

/// The client of a run on the command line.
pub struct Watch {
    /// Whether columns that were inferred are told.
    tells: bool,
    bar: Option<ProgressBar>,
    input_bytes: u64,
    attempts: BTreeMap<u32, AttemptState>,
    stages: Vec<StageView>,
    /// How the run ended, once it has.
    pub outcome: Option<Result<Outcome, Failure>>,
}

/// A run that has finished.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub report: Report,
    /// How often attempts ended in each way.
    attempts: BTreeMap<&'static str, u64>,
    /// The job's stages.
    stages: Vec<StageView>,
}

/// A run that has not.
#[derive(Clone, Debug)]
pub struct Failure {
    pub message: String,
    /// What is wrong with the experiment, if that is why.
    pub problems: Vec<Problem>,
}

impl Watch {
    /// `shown`: whether progress is drawn on standard error, if that is a terminal.
    pub fn new(shown: bool) -> Watch {
        let bar = (shown && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(BAR_STEPS);
            if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent:>3} %  {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Watch { tells: shown, bar, input_bytes: 0, attempts: BTreeMap::new(), stages: Vec::new(), outcome: None }
    }

    fn started(&mut self, started: &Started) {
        self.input_bytes = started.input_bytes;
        self.attempts.clear();
        self.stages.clone_from(&started.stages);
        for input in started.inputs.iter().filter(|input| self.tells && input.inferred) {
            tell_columns(input);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        self.attempts.extend(frame.attempts.iter().map(|attempt| (attempt.index, attempt.state)));
        let Some(bar) = &self.bar else { return };
        let seconds = frame.now.0 as f64 / 1e6;
        let read = frame.progress.min(1.0) * self.input_bytes as f64;
        let rate = if seconds > 0.0 { read / seconds } else { 0.0 };
        let (done, all) = (self.attempts.values().filter(|state| **state == AttemptState::Done).count(), self.attempts.len());
        bar.set_position((frame.progress * BAR_STEPS as f64) as u64);
        bar.set_message(format!("{}/s, {done} of {all} task executions done", HumanBytes(rate as u64)));
        for news in &frame.news {
            bar.println(format!("{:>9.3} s  {}", news.at.0 as f64 / 1e6, news.text));
        }
    }

    fn end(&mut self, outcome: Result<Outcome, Failure>) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.outcome = Some(outcome);
    }
}

impl Client for Watch {
    fn event(&mut self, event: Event) {
        match event {
            Event::Started(started) => self.started(&started),
            Event::Frame(frame) => self.frame(&frame),
            Event::Finished { report, .. } => {
                let mut attempts = BTreeMap::new();
                for state in self.attempts.values() {
                    *attempts.entry(state_name(*state)).or_insert(0) += 1;
                }
                let stages = std::mem::take(&mut self.stages);
                self.end(Ok(Outcome { report, attempts, stages }));
            }
            Event::Failed { message, problems, .. } => self.end(Err(Failure { message, problems })),
            Event::Error { message } => self.end(Err(Failure { message, problems: Vec::new() })),
            Event::Welcome { .. } | Event::Checked { .. } | Event::Rows { .. } | Event::Looked { .. } => {}
            Event::Condition { .. } | Event::Invitation { .. } | Event::Pong => {}
        }
    }

    /// Nobody asks for an export here: the rows are taken from the session itself.
    fn data(&mut self, _frame: Vec<u8>) {}
}

/// Writes to standard error which columns an input turned out to have, so that they can be given.
pub fn tell_columns(input: &InputView) {
    eprintln!("columns: {input}");
    for sentence in &input.left_out {
        eprintln!("  not read: {sentence}");
    }
}

fn state_name(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Running => "running",
        AttemptState::Done => "done",
        AttemptState::Killed => "killed",
        AttemptState::Lost => "lost",
        AttemptState::Superseded => "superseded",
        AttemptState::Failed => "failed",
    }
}

impl Outcome {
    /// Whether every expectation held.
    pub fn held(&self) -> bool {
        self.report.expectations.iter().all(|expectation| expectation.held)
    }

    /// The report as a file holds it: 64-bit integers are plain numbers.
    pub fn as_json(&self) -> Value {
        let Report { place, seed, rows, wall_ms, virtual_ms, trace_hash, output_hash, counters, tally, expectations, bus: _ } =
            &self.report;
        let counters: BTreeMap<_, _> = expectations::named(counters, tally).into_iter().collect();
        json!({
            "place": place,
            "seed": seed,
            "rows": rows,
            "wall_ms": wall_ms,
            "virtual_ms": virtual_ms,
            "trace_hash": trace_hash,
            "output_hash": output_hash,
            "counters": counters,
            "attempts": self.attempts,
            "expectations": expectations,
            "stages": self.stages,
        })
    }

    /// The summary, on standard error.
    pub fn tell(&self) {
        let report = &self.report;
        let seconds = report.wall_ms / 1e3;
        let megabytes = report.counters.input_bytes as f64 / 1e6;
        let rate = if seconds > 0.0 { megabytes / seconds } else { 0.0 };
        eprintln!("{} rows in {seconds:.3} s ({megabytes:.1} MB read, {rate:.0} MB/s)", report.rows);
        if let (Place::Simulate, Some(virtual_ms), Some(hash)) = (report.place, report.virtual_ms, &report.trace_hash) {
            eprintln!("simulated with seed {}: {:.3} s of virtual time, trace {hash}", report.seed, virtual_ms / 1e3);
        }
        let counters = expectations::named(&report.counters, &report.tally);
        let counters = counters.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>();
        eprintln!("{}", counters.join(" · "));
        for expectation in &report.expectations {
            let verdict = if expectation.held { "held" } else { "FAILED" };
            eprintln!("{verdict}: {} ({})", expectation.expectation, expectation.found);
        }
    }
}

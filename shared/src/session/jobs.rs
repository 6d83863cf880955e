//! A run as its session keeps it: what was asked for, the stage it is in, what it has committed, what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bus::BusOutcome;
use super::run::{Run, RunSpec, Watch};
use super::work::Work;
use super::{InputFrom, InputSpec, SessionSpec, expectations, paced};
use crate::batch::coordinator::CommittedPartition;
use crate::batch::timing::Timing;
use crate::batch::{
    Counters, Format, Gather, Inferred, Job, Part, Payload, Plan, READS_PARQUET, Records, Stage as PlanStage, Table,
};
use crate::experiment::{
    self, Checked, Draft, Expectation, Experiment, Input as ExperimentInput, Isolation, Known, Problem, Respawn,
};
use crate::fault::{self, Effect, Fault};
use crate::id::TaskId;
use crate::limits::{MICRO_BATCHES_MAX, REDUCES_MAX, SPLITS_MAX, WORKERS_MAX};
use crate::rng::Rng;
use crate::sim::model;
use crate::time::{Span, Time};
use crate::wire::{Bytes, Event, Frame, InputView, Phase, Place, Report, RunCommand, Speed, StageView, Started, Tally};

/// Inputs that were found.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// For people.
    pub name: String,
    /// What they are made of, in the order of the inputs; each input has one at least.
    pub parts: Vec<OpenedPart>,
    /// What was inferred of each input that it was wanted of.
    pub inferred: Vec<Option<Inferred>>,
    /// Where the micro-batches begin that were asked for; see [`micro_batches`](crate::batch::micro_batches).
    pub cuts: Vec<u64>,
}

/// How an input is to be cut into micro-batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicroBatch {
    pub rows: u64,
    /// Lines at the beginning of each file that are no rows.
    pub header: u64,
}

/// One file or text of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedPart {
    /// Which of the inputs it belongs to, from 0.
    pub input: u32,
    pub bytes: u64,
}

impl Opened {
    /// A single text or file.
    pub fn one(name: impl Into<String>, bytes: u64) -> Opened {
        let parts = vec![OpenedPart { input: 0, bytes }];
        Opened { name: name.into(), parts, inferred: Vec::new(), cuts: Vec::new() }
    }

    /// Where each part is in the run's bytes.
    pub fn parts(&self) -> Vec<Part> {
        let mut start = 0;
        let place = |part: &OpenedPart| {
            let placed = Part { input: part.input, start, end: start + part.bytes };
            start = placed.end;
            placed
        };
        self.parts.iter().map(place).collect()
    }
}

/// What a simulation came to. Its rows are not in its JSON form; a driver carries them beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Simulated {
    /// The whole run in one frame, in virtual time; of a paced one what no frame has told yet.
    pub frame: Frame,
    /// The committed rows of every partition, in order.
    #[serde(skip)]
    pub partitions: Vec<Payload>,
    pub counters: Counters,
    pub tally: Tally,
    pub virtual_time: Time,
    /// 16 hexadecimal digits.
    pub trace_hash: String,
    /// Of a bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<BusOutcome>,
}

/// A size for splits when the experiment names none: some sixteen tasks a worker, so that a lost one costs little, but none so
/// small that its overhead shows, nor so large that a worker is away for long.
pub fn split_size(input_bytes: u64, workers: u32) -> u64 {
    const SMALLEST: u64 = 64 << 10;
    const LARGEST: u64 = 32 << 20;
    let even = input_bytes.div_ceil(u64::from(workers.max(1)) * 16);
    even.next_multiple_of(SMALLEST).clamp(SMALLEST, LARGEST)
}

/// A checked command for a batch: everything that is known before the input is.
#[derive(Debug)]
pub(super) struct Prepared {
    pub place: Place,
    pub title: String,
    /// One for each input of the plan.
    pub inputs: Vec<InputSpec>,
    pub seed: u64,
    pub workers: u32,
    pub isolation: Isolation,
    pub plan: Arc<Plan>,
    pub micro_batch: Option<MicroBatch>,
    pub pace: Option<Speed>,
    compute: Option<u64>,
    split: Option<u64>,
    steps: Vec<String>,
    respawn: Option<Span>,
    faults: Vec<Fault>,
    expect: Vec<Expectation>,
    /// `Some`: the plan is made once the inputs are open.
    draft: Option<Draft>,
    /// What was inferred of each input that it was wanted of.
    inferred: Vec<Option<Inferred>>,
}

/// What came of making the plan of a draft.
pub(super) enum Completed {
    Whole,
    /// The steps read other inputs than those that were opened: a table that is read once in each round of a `repeat`.
    OtherInputs,
}

impl Prepared {
    pub(super) fn new(
        session: &SessionSpec,
        command: &RunCommand,
        experiment: Experiment,
    ) -> Result<Prepared, (String, Vec<Problem>)> {
        let refuse = |message: String| Err((message, Vec::new()));
        session.check_place(command)?;
        let named = experiment.workers_named();
        // In a page more workers than cores only wait for each other, so there the experiment's number is a bound.
        let own = experiment.workers.map(|own| match command.place {
            Place::Browser => own.min(session.cores).max(named),
            Place::Server | Place::Simulate => own,
        });
        let workers = command.workers.or(own).unwrap_or(session.cores.max(named));
        if workers == 0 || workers > WORKERS_MAX {
            return refuse(format!("{workers} workers are asked for: between 1 and {WORKERS_MAX} can be had"));
        }
        if workers < named {
            return refuse(format!("the experiment's faults name worker-{named}, but there are {workers} workers"));
        }
        if command.place != Place::Simulate
            && let Some(reason) = only_simulated(&experiment)
        {
            return refuse(reason);
        }
        if let Some(Err(reason)) = command.pace.map(paced::check_speed) {
            return refuse(reason);
        }
        let seed = command.seed.unwrap_or(experiment.seed);
        let mut faults = experiment.faults;
        if experiment.random_faults > 0 {
            faults.extend(fault::draw(&mut Rng::new(seed), workers, experiment.random_faults));
        }
        if !READS_PARQUET && experiment.batch.plan.inputs.iter().any(|records| records.format == Format::Parquet) {
            return refuse(
                "a page reads no Parquet, for what that would weigh: run on the server, or give it CSV or Arrow".to_owned(),
            );
        }
        let to_infer = experiment.batch.to_infer();
        let spec = |(input, infer)| InputSpec { from: InputFrom::Experiment(input), infer };
        let mut inputs: Vec<_> = experiment.batch.inputs.into_iter().zip(to_infer).map(spec).collect();
        // What the client chose stands in for the batch's own input; joined tables stay what they are.
        if let (Some(choice), Some(own)) = (command.input.clone(), inputs.first_mut()) {
            own.from = InputFrom::Chosen(choice);
        }
        let header = matches!(experiment.batch.plan.inputs[0].format, Format::Csv { header: true, .. }).into();
        let micro_batch = experiment.batch.micro_batch.map(|rows| MicroBatch { rows, header });
        Ok(Prepared {
            place: command.place,
            title: experiment.title,
            inputs,
            seed,
            workers,
            isolation: experiment.isolation,
            plan: Arc::new(experiment.batch.plan),
            micro_batch,
            pace: command.pace,
            compute: experiment.compute,
            split: experiment.batch.split,
            steps: experiment.batch.steps,
            respawn: match experiment.respawn {
                Respawn::After(span) => Some(span),
                Respawn::Never => None,
            },
            faults,
            expect: experiment.expect,
            draft: experiment.batch.draft,
            inferred: Vec::new(),
        })
    }

    /// What is read, for people.
    fn views(&self) -> Vec<InputView> {
        let inferred = |index: usize| self.inferred.get(index).and_then(Option::as_ref);
        let view = |(index, records): (usize, &Records)| InputView::new(records, inferred(index));
        self.plan.inputs.iter().enumerate().map(view).collect()
    }

    /// Makes the plan of a draft, now that the inputs' columns are known.
    pub(super) fn complete(&mut self, opened: &Opened) -> Result<Completed, (String, Vec<Problem>)> {
        let Some(draft) = self.draft.take() else { return Ok(Completed::Whole) };
        let known = |(index, spec): (usize, &InputSpec)| {
            let records = opened.inferred.get(index).and_then(Option::as_ref).map(|inferred| inferred.records.clone());
            Known { input: spec.named(), records }
        };
        let known: Vec<Known> = self.inputs.iter().enumerate().map(known).collect();
        let Experiment { batch, expect, .. } = draft.with(&known).map_err(|problems| {
            let found = opened.inferred.iter().flatten().map(shown).collect::<Vec<_>>().join("; ");
            (format!("the experiment has {} with the columns that its input has: {found}", count(&problems)), problems)
        })?;
        // The command line adds expectations of its own.
        let more: Vec<_> = self.expect.drain(..).filter(|added| !expect.contains(added)).collect();
        self.expect = expect.into_iter().chain(more).collect();
        (self.plan, self.steps) = (Arc::new(batch.plan), batch.steps);
        let tables: Vec<_> = batch.inputs.into_iter().skip(1).collect();
        let inferred = |input: &ExperimentInput| {
            let index = known.iter().skip(1).position(|known| known.input == *input)?;
            opened.inferred.get(index + 1).cloned().flatten()
        };
        self.inferred = opened.inferred.iter().take(1).cloned().chain(tables.iter().map(inferred)).collect();
        let same = self.inputs.iter().skip(1).map(InputSpec::named).eq(tables.iter().cloned());
        let tables = tables.into_iter().map(|input| InputSpec { from: InputFrom::Experiment(input), infer: None });
        self.inputs = self.inputs.drain(..).take(1).chain(tables).collect();
        Ok(if same { Completed::Whole } else { Completed::OtherInputs })
    }
}

impl InputSpec {
    /// The input as the experiment names it; what the client chose has no name there.
    fn named(&self) -> ExperimentInput {
        match &self.from {
            InputFrom::Experiment(input) => input.clone(),
            InputFrom::Chosen(_) => ExperimentInput::Text(String::new()),
        }
    }
}

/// The command's experiment, with what the command says instead of its text; the input may be of another format, too.
pub(super) fn checked(command: &RunCommand) -> Result<Checked, Vec<Problem>> {
    let format = command.input.as_ref().and_then(|choice| choice.format());
    let format = format.map(|format| ("batch.format".to_owned(), experiment::format_text(format)));
    experiment::check_any(&command.text, &format.into_iter().chain(command.sets.iter().cloned()).collect::<Vec<_>>())
}

pub(super) fn count(problems: &[Problem]) -> String {
    if problems.len() == 1 { "a problem".to_owned() } else { format!("{} problems", problems.len()) }
}

/// The columns that were found, and what is not among them.
fn shown(inferred: &Inferred) -> String {
    let view = InputView::new(&inferred.records, Some(inferred));
    match &view.left_out[..] {
        [] => view.to_string(),
        left_out => format!("{view}, and {}", left_out.join(", ")),
    }
}

/// The stages of a job, for who draws them.
fn stages(job: &Job) -> Vec<StageView> {
    let view = |(index, stage): (usize, &PlanStage)| {
        let (what, phase) = match &stage.gather {
            Gather::Read(_) => ("map", Phase::Map),
            Gather::Reduce { .. } => ("reduce", Phase::Reduce),
            Gather::Join { .. } => ("join", Phase::Reduce),
            Gather::Rows { sort, limit: None, .. } if !sort.is_empty() => ("sort", Phase::Reduce),
            Gather::Rows { limit: Some(_), .. } => ("limit", Phase::Reduce),
            Gather::Rows { .. } => ("collect", Phase::Reduce),
            Gather::Samples { .. } => ("choose ranges", Phase::Reduce),
            Gather::Sampled { .. } => ("split by range", Phase::Reduce),
        };
        let first = job.tasks(index).next().map_or(0, |task| match task {
            TaskId::Map(number) | TaskId::Reduce(number) => number,
        });
        let of = stage.gather.sources().into_iter().map(|source| source as u32).collect();
        StageView { what: what.to_owned(), phase, first, tasks: job.tasks(index).len() as u32, of }
    };
    job.plan.stages.iter().enumerate().map(view).collect()
}

/// Why an experiment can be simulated only, if so.
fn only_simulated(experiment: &Experiment) -> Option<String> {
    if experiment.random_faults > 0 {
        return Some(
            "faults drawn by the seed (`random`) are for the place `simulate`: name the faults, or simulate".to_owned(),
        );
    }
    let network = experiment.faults.iter().any(|fault| matches!(fault.effect, Effect::Edge(_) | Effect::Partition { .. }));
    network.then(|| {
        "messages between real workers cannot be dropped, delayed, duplicated or partitioned: choose the place `simulate`"
            .to_owned()
    })
}

impl SessionSpec {
    /// Whether a run can be had where the command wants it.
    pub(super) fn check_place(&self, command: &RunCommand) -> Result<(), (String, Vec<Problem>)> {
        let refuse = |message: String| Err((message, Vec::new()));
        if command.place != self.place && command.place != Place::Simulate {
            return refuse(format!("this session runs in `{}`, not in `{}`", name(self.place), name(command.place)));
        }
        if command.pace.is_some() && command.place != Place::Simulate {
            return refuse("only a simulated run has a pace: real time can be neither slowed nor paused".to_owned());
        }
        Ok(())
    }
}

fn name(place: Place) -> &'static str {
    match place {
        Place::Simulate => "simulate",
        Place::Browser => "browser",
        Place::Server => "server",
    }
}

/// A run.
pub(super) struct Entry {
    pub work: Work,
    pub began: Time,
    pub stage: Stage,
    /// Its simulation goes by the clock and can be steered, also when it has ended.
    pub has_pacer: bool,
    /// The rows committed so far: the first commit of a partition stays.
    pub store: BTreeMap<TaskId, (CommittedPartition, Payload)>,
    job: Option<Arc<Job>>,
    started: Option<Box<Started>>,
}

/// How far a run is.
pub(super) enum Stage {
    Opening,
    Simulating,
    Running {
        machine: Box<Run>,
    },
    /// A bus is in real time; its driver has its conductor.
    Conducting,
    /// It is done, and its sequential twin is being computed.
    Comparing(Box<Outcome>),
    Done {
        table: Box<Table>,
        report: Report,
    },
    Failed {
        message: String,
    },
}

/// What is known when every partition is committed.
pub(super) struct Outcome {
    pub table: Table,
    /// The hash of its rows.
    pub output_hash: u64,
    pub counters: Counters,
    pub tally: Tally,
    pub wall: Span,
    pub simulated: Option<(Time, String)>,
}

impl Stage {
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Stage::Done { .. } | Stage::Failed { .. })
    }
}

impl Entry {
    pub(super) fn new(now: Time, work: Work) -> Entry {
        let (stage, store) = (Stage::Opening, BTreeMap::new());
        Entry { work, began: now, stage, has_pacer: false, store, job: None, started: None }
    }

    /// What a batch was prepared to be.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        match &self.work {
            Work::Batch(prepared) => Some(prepared),
            Work::Bus(_) => None,
        }
    }

    /// The run's own clock.
    pub(super) fn since_start(&self, now: Time) -> Time {
        Time(now.since(self.began).0)
    }

    /// Begins with a bus, which has nothing to open.
    pub(super) fn start_bus(&mut self, run: u32) -> Option<Box<Started>> {
        let Work::Bus(prepared) = &self.work else { return None };
        self.has_pacer = prepared.pace.is_some();
        self.stage = if prepared.place == Place::Simulate { Stage::Simulating } else { Stage::Conducting };
        self.started = Some(Box::new(prepared.started(run)));
        self.started.clone()
    }

    /// Cuts the input, now that its length is known. The clock of the run starts here.
    pub(super) fn open(&mut self, now: Time, run: u32, opened: Opened) -> Result<Box<Started>, String> {
        let Work::Batch(prepared) = &self.work else { return Err("a bus reads no input".to_owned()) };
        let Prepared { place, title, workers, plan, seed, steps, split, .. } = &**prepared;
        let parts = opened.parts();
        let bytes = parts.iter().map(|part| part.end - part.start).sum();
        let size = split.unwrap_or_else(|| split_size(bytes, *workers));
        let count: u64 = parts.iter().map(|part| (part.end - part.start).div_ceil(size).max(1)).sum();
        if count > SPLITS_MAX {
            let fitting = split_size(bytes, *workers).max(bytes.div_ceil(SPLITS_MAX));
            return Err(format!(
                "{count} splits of {size} bytes are more than the {SPLITS_MAX} that a job may have: give `split` at least {fitting} B"
            ));
        }
        if opened.cuts.len() > MICRO_BATCHES_MAX {
            return Err(format!(
                "the input has {} micro-batches; the limit is {MICRO_BATCHES_MAX}: give `micro_batch` more rows",
                opened.cuts.len()
            ));
        }
        let job = Job::new(plan.clone(), parts, size, &opened.cuts);
        if job.reduces() > REDUCES_MAX {
            return Err(format!(
                "the stages have {} tasks behind their shuffles; the limit is {REDUCES_MAX}: give the job fewer partitions",
                job.reduces()
            ));
        }
        let started = Box::new(Started {
            run,
            place: *place,
            title: title.clone(),
            input: opened.name,
            input_bytes: bytes,
            splits: job.splits.iter().map(|split| Bytes(split.end - split.start)).collect(),
            reduces: job.reduces() as u32,
            stages: stages(&job),
            workers: *workers,
            seed: *seed,
            steps: steps.clone(),
            columns: plan.columns.iter().map(|column| column.name.clone()).collect(),
            inputs: prepared.views(),
            faults: prepared.faults.iter().map(fault::text::item).collect(),
            bus: None,
        });
        self.job = Some(Arc::new(job));
        self.began = now;
        self.started = Some(started.clone());
        Ok(started)
    }

    /// What its workers do. Only after [`Entry::open`].
    pub(super) fn job(&self) -> Arc<Job> {
        self.job.clone().expect("a run is opened before it is made")
    }

    /// What the run's machine is made of. Only after [`Entry::open`].
    pub(super) fn run_spec(&self, run: u32, prepared: &Prepared) -> RunSpec {
        let real = prepared.place != Place::Simulate;
        RunSpec {
            run,
            job: self.job(),
            workers: prepared.workers,
            timing: if real { Timing::REAL } else { Timing::SIMULATED },
            faults: prepared.faults.clone(),
            respawn: prepared.respawn,
            compute: prepared.compute.unwrap_or(model::COMPUTE_BYTES_PER_SECOND),
            watch: Watch::Frames,
        }
    }

    /// Whether the result is to be compared with a sequential run.
    pub(super) fn wants_sequential(&self) -> bool {
        let expects = |prepared: &Prepared| prepared.expect.iter().any(|it| matches!(it, Expectation::EqualsSequential));
        self.prepared().is_some_and(expects)
    }

    /// The committed rows in the order of their partitions.
    pub(super) fn partitions(&mut self) -> Vec<Payload> {
        std::mem::take(&mut self.store).into_values().map(|(_, rows)| rows).collect()
    }

    /// The report of a finished run; `sequential` is the hash of the sequential run's rows.
    pub(super) fn report(&self, prepared: &Prepared, outcome: &Outcome, sequential: Option<u64>) -> Report {
        let Outcome { table, output_hash, tally, wall, simulated, .. } = outcome;
        let counters = Counters { output_records: table.len() as u64, ..outcome.counters };
        let found = expectations::Found { table, output_hash: *output_hash, counters: &counters, tally, sequential };
        Report {
            place: prepared.place,
            seed: prepared.seed,
            rows: table.len() as u64,
            wall_ms: wall.0 as f64 / 1e3,
            virtual_ms: simulated.as_ref().map(|(time, _)| time.0 as f64 / 1e3),
            trace_hash: simulated.as_ref().map(|(_, hash)| hash.clone()),
            output_hash: format!("{output_hash:016x}"),
            counters,
            tally: *tally,
            expectations: prepared.expect.iter().map(|expectation| found.judge(expectation)).collect(),
            bus: None,
        }
    }

    /// The run told from its start, as far as it is.
    pub(super) fn replay(&mut self, now: Time, run: u32) -> Vec<Event> {
        let at = self.since_start(now);
        let mut events: Vec<Event> = self.started.clone().map(Event::Started).into_iter().collect();
        match &mut self.stage {
            Stage::Running { machine } => {
                use crate::machine::Machine;
                machine.handle(at, super::run::Input::Repeat);
            }
            Stage::Done { report, .. } => events.push(Event::Finished { run, report: report.clone() }),
            Stage::Failed { message } => events.push(Event::Failed { run, message: message.clone(), problems: Vec::new() }),
            Stage::Opening | Stage::Simulating | Stage::Conducting | Stage::Comparing(_) => {}
        }
        events
    }
}

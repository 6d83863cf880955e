//! Driver 1: a whole cluster in one event queue, under a virtual clock and one seed.
//!
//! The machines are the ones that run everywhere: `session::run::Run` on the coordinator's node and `batch::worker::Worker` on
//! every other. The kernels really run; what is modelled is how long things take (`model`) and what goes wrong (`network`,
//! `host`). So the answer is real and time alone is virtual. Reading order: [`Simulation`] here, what each output does
//! (`cluster`), the `queue`, the `model` and the `network`, the `host`s, what must hold (`check`), and the `trace`.
//!
//! Nobody knows more than on a real network: the coordinator learns of a death by silence only.
//!
//! Same spec, input and seed: the same trace, natively and in wasm, to the byte; whether a client watches makes no difference.

mod check;
mod cluster;
mod host;
mod kernels;
pub mod messaging;
pub mod model;
mod network;
mod queue;
mod recorder;
mod trace;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use self::check::Checks;
pub use self::check::{ENDLESS_FAULT_SPAN, Problem, SETTLE_FACTOR, SETTLE_MIN, SimError};
use self::host::Host;
pub use self::kernels::Kernels;
use self::network::Network;
use self::queue::Queue;
use self::recorder::Recorder;
use self::trace::Trace;
pub use self::trace::{Kind, Row};
use crate::batch::coordinator::CommittedPartition;
use crate::batch::message::Envelope;
use crate::batch::task::Outcome;
use crate::batch::worker::Worker;
use crate::batch::{Counters, Payload, Source};
use crate::fault::Fault;
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::rng::Rng;
use crate::session::run::{self, Run, RunSpec};
use crate::time::{Span, Time};
use crate::wire::{About, Fate, Frame, Messages, Phase, Tally};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct SimSpec {
    /// The job, its workers and faults; its timing is `Timing::SIMULATED`.
    pub run: RunSpec,
    pub seed: u64,
    /// Whether the rows of the trace are kept for [`Simulation::take_rows`]. The hash is made in any case.
    pub keeps_rows: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Finished(Finished),
    /// Without a result, for a reason that is no bug: a sentence for the user.
    Failed(String),
}

/// What a finished run gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The committed rows, in the order of the partitions.
    pub rows: Vec<Payload>,
    pub counters: Counters,
    pub tally: Tally,
}

/// A run that goes on event by event: [`step`](Simulation::step) until it says `false`, then [`end`](Simulation::end).
///
/// A clone is the same run at the same moment, and both go on by themselves; they share the input and what the kernels give.
#[derive(Clone)]
pub struct Simulation {
    seed: u64,
    now: Time,
    events: u64,
    queue: Queue<Event>,
    spec: RunSpec,
    run: Run,
    /// The coordinator's incarnation when it was last seen.
    epoch: Option<Incarnation>,
    /// The coordinator's host, then the workers'.
    hosts: Vec<WorkerHost>,
    network: Network<NodeId>,
    kernels: Kernels,
    source: Rc<RefCell<Box<dyn Source>>>,
    checks: Checks,
    trace: Trace<Row>,
    recorder: Option<Box<Recorder>>,
    /// Chance of everything but the network.
    rng: Rng,
    frames: VecDeque<Box<Frame>>,
    calm: Calm,
    end: Option<End>,
}

/// A host of a worker.
type WorkerHost = Host<Worker, Kernel>;

/// A kernel whose result is there already and whose time has not come.
#[derive(Clone, Debug)]
struct Kernel {
    task: TaskId,
    attempt: Attempt,
    outcome: Outcome,
    bytes: u64,
}

/// What can happen.
#[derive(Clone, Debug)]
enum Event {
    Start,
    Arrive {
        envelope: Envelope,
        sent: Time,
    },
    /// The host's timer goes off.
    Wake(u32),
    /// A kernel ends, unless another plan was made for it since.
    Computed {
        host: u32,
        plan: u64,
    },
    Stored {
        epoch: Incarnation,
        version: u64,
    },
    /// Rows reach the store.
    Land {
        epoch: Incarnation,
        partition: CommittedPartition,
        rows: Payload,
    },
    /// The coordinator hears which rows are there.
    Committed(CommittedPartition),
    /// A fault of this host may have ended.
    Over(u32),
}

/// Until when faults last, and when the job must then be done.
#[derive(Clone, Debug)]
struct Calm {
    from: Time,
    endless: bool,
    slowest: u64,
}

impl Simulation {
    pub fn new(spec: SimSpec, source: Box<dyn Source>) -> Simulation {
        let kernels = Kernels::new(spec.run.job.clone());
        Simulation::with_kernels(spec, source, kernels)
    }

    /// The same with what the kernels gave in an earlier run of this job over this input: for running one job under many seeds.
    pub fn with_kernels(spec: SimSpec, source: Box<dyn Source>, kernels: Kernels) -> Simulation {
        let mut rng = Rng::new(spec.seed);
        let network = Network::new(Rng::new(rng.bits()));
        let mut queue = Queue::new();
        queue.push(Time::ZERO, Event::Start);
        Simulation {
            seed: spec.seed,
            now: Time::ZERO,
            events: 0,
            queue,
            hosts: (0..=spec.run.workers).map(|_| Host::new()).collect(),
            run: Run::new(spec.run.clone()),
            epoch: None,
            spec: spec.run,
            network,
            kernels,
            source: Rc::new(RefCell::new(source)),
            checks: Checks::default(),
            trace: Trace::new(spec.keeps_rows),
            recorder: None,
            rng,
            frames: VecDeque::new(),
            calm: Calm { from: Time::ZERO, endless: false, slowest: 1 },
            end: None,
        }
    }

    /// Lets the next event happen. `false` once the run has ended.
    pub fn step(&mut self) -> Result<bool, SimError> {
        Ok(self.step_by(Time(u64::MAX))? && self.end.is_none())
    }

    /// Lets the next event happen, if it is due by `until`. `false` if none is, or if the run has ended before.
    pub fn step_by(&mut self, until: Time) -> Result<bool, SimError> {
        while self.end.is_none() && self.next_at().is_none_or(|at| at <= until) {
            let stale = self.next().map_err(|problem| SimError { seed: self.seed, at: self.now, problem })?;
            if !stale {
                self.events += 1;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Time passes, up to `until` or to the moment before the next event.
    pub fn pass(&mut self, until: Time) {
        if self.end.is_none() {
            let next = self.next_at().unwrap_or(until);
            self.now = self.now.max(until.min(next));
        }
    }

    /// When the next event is; `None` once the run has ended.
    pub fn next_at(&self) -> Option<Time> {
        self.queue.next_at().filter(|_| self.end.is_none())
    }

    /// Steps to the end.
    pub fn run(&mut self) -> Result<&End, SimError> {
        while self.step()? {}
        Ok(self.end.as_ref().expect("a run that takes no further step has ended"))
    }

    /// One more fault, at a moment that has not come: from here on the run is the one whose spec ends with it.
    pub fn plan(&mut self, fault: Fault) -> Result<(), SimError> {
        let done = self.tell_run(run::Input::Plan(fault));
        done.map_err(|problem| SimError { seed: self.seed, at: self.now, problem })
    }

    /// Whether a fault is still to come that is due at this moment of the run or before.
    pub fn awaits_fault(&self, until: Time) -> bool {
        self.run.awaits_fault(until)
    }

    /// How many faults have begun.
    pub fn faults(&self) -> u32 {
        self.run.faults()
    }

    /// The client is new: the next frame holds everything.
    pub fn repeat(&mut self) {
        self.run.repeat();
    }

    /// Everything that a client can see at this moment. Whether anybody looks changes nothing.
    pub fn whole(&self) -> Frame {
        self.run.whole(self.now)
    }

    /// Roughly how many things a clone has to copy beside those that it shares: tasks that are done, messages on their way, outputs.
    pub fn size(&self) -> usize {
        let workers: usize = self.hosts.iter().filter_map(|host| host.worker.as_ref()).map(Worker::size).sum();
        self.run.size() + self.queue.len() + workers
    }

    /// Virtual time since the run began.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many events have happened.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Done tasks over all tasks, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.run.progress()
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The hash of the trace so far: 16 hexadecimal digits.
    pub fn trace_hash(&self) -> String {
        self.trace.hash()
    }

    /// From now on the rows of the trace are kept, as if the spec wanted them.
    pub fn keep_trace_rows(&mut self) {
        self.trace.keep();
    }

    /// The rows of the trace since they were last taken, if the spec wants them.
    pub fn take_rows(&mut self) -> Vec<Row> {
        self.trace.take_rows()
    }

    /// From now on the messages are written down that are under way in this stretch of time, or of those only what is about this.
    pub fn record(&mut self, from: Time, to: Time, about: Option<About>) {
        let only = about.map(|about| match about {
            About::Task { phase: Phase::Map, task, .. } => trace::kin_of(TaskId::Map(task)),
            About::Task { phase: Phase::Reduce, task, .. } => trace::kin_of(TaskId::Reduce(task)),
            // A batch has no messages with names.
            About::Message { .. } => 0,
        });
        self.recorder = Some(Box::new(Recorder::new(from, to, only)));
    }

    /// Those messages, with what is under way at this moment.
    pub fn recorded(&mut self) -> Messages {
        let Some(mut recorder) = self.recorder.take() else { return Messages::default() };
        for (at, event) in self.queue.iter() {
            if let Event::Arrive { envelope, sent } = event {
                recorder.note_row(self.row_of(envelope), *sent, at, Fate::Underway);
            }
        }
        recorder.finish(self.now)
    }

    /// The next frame for whoever watches, if the spec says that somebody does.
    pub fn poll_frame(&mut self) -> Option<Box<Frame>> {
        self.frames.pop_front()
    }

    /// Whether there is anything that no frame has told yet.
    pub fn has_news(&self) -> bool {
        self.end.is_none() && self.run.has_news()
    }

    /// A frame of this moment, ahead of its time, with what has changed since the last one.
    pub fn look(&mut self) -> Frame {
        self.run.look(self.now)
    }

    /// What the kernels gave, for [`Simulation::with_kernels`].
    pub fn into_kernels(self) -> Kernels {
        self.kernels
    }

    fn next(&mut self) -> Result<bool, Problem> {
        let (at, event) = self.queue.pop().ok_or(Problem::Dead)?;
        if at < self.now {
            return Err(Problem::TimeWentBack(self.now));
        }
        self.now = at;
        if at >= self.calm.from {
            self.must_still_be_running()?;
        }
        self.happen(event)
    }

    /// Faults have ended (or will never end): is the job overdue?
    fn must_still_be_running(&mut self) -> Result<(), Problem> {
        let since = self.now.since(self.calm.from);
        if self.calm.endless {
            if since >= ENDLESS_FAULT_SPAN {
                let text =
                    "the job is not done 10 minutes of virtual time after a fault without an end (give the fault a `for`)";
                self.end = Some(End::Failed(text.to_owned()));
            }
            return Ok(());
        }
        if since < SETTLE_MIN {
            return Ok(());
        }
        let tasks = (self.spec.job.maps() + self.spec.job.reduces()) as u64;
        let bytes = self.spec.job.input_bytes;
        let work = tasks * (model::TASK_SPAN.0 + 4 * model::LATENCY.0)
            + model::reading(bytes.max(self.kernels.worked()), self.spec.compute).0
            + bytes / model::LINK_BYTES_PER_MICRO
            + bytes / model::STORE_BYTES_PER_MICRO;
        let bound = Span(SETTLE_MIN.0 + SETTLE_FACTOR * work * self.calm.slowest);
        if since < bound { Ok(()) } else { Err(Problem::Stuck { calm: self.calm.from }) }
    }

    /// A fault begins; when it ends is remembered.
    fn disturbed(&mut self, span: Option<Span>) -> Time {
        match span {
            Some(span) => {
                self.calm.from = self.calm.from.max(self.now + span);
                self.now + span
            }
            None => {
                self.calm.endless = true;
                self.calm.from = self.calm.from.max(self.now);
                Time::NEVER
            }
        }
    }

    fn row(&mut self, kind: Kind, node: NodeId, incarnation: Incarnation) -> Row {
        Row { at: self.now, kind, node, incarnation, to: None, task: None, attempt: None, bytes: 0 }
    }
}

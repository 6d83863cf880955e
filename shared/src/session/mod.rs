//! What stands behind a page's worker and behind a server's socket: commands in, events out.
//!
//! A session checks experiments, starts runs, keeps their results, and answers for them. It is a [`Machine`] like the others: its
//! driver opens inputs, makes and ends workers, carries envelopes, runs what is too heavy for `handle`, and numbers and sends the
//! events. So a page's engine and the server differ only in what a worker is.
//!
//! Absent on purpose: sequence numbers, queues and reconnecting (a driver's transport has them), and rows on their way (see
//! [`Output::Data`]).

pub mod board;
mod bus;
pub mod expectations;
mod export;
mod hand;
mod jobs;
pub mod paced;
pub mod real;
pub mod run;
mod simulate;
mod state_hash;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use self::bus::{BusOutcome, BusText, conductor_spec, only_simulated, read_bus};
use self::jobs::{Completed, Entry, Outcome, Stage};
pub use self::jobs::{MicroBatch, Opened, OpenedPart, Simulated, split_size};
pub use self::paced::Paced;
use self::run::Run;
pub use self::simulate::{simulate, simulate_bus, simulate_traced};
pub use self::state_hash::state_hash;
use self::work::Work;
use crate::batch::message::Envelope;
use crate::batch::{Counters, Format, Job, Payload, Table};
use crate::experiment::{self, Experiment, Input as ExperimentInput, Isolation, Problem};
use crate::fault::Effect;
use crate::id::{Incarnation, NodeId};
use crate::limits::{RUNS_AT_ONCE, RUNS_KEPT};
use crate::machine::Machine;
use crate::time::{Span, Time};
use crate::wire::{Breakpoint, Command, Event, Frame, InputChoice, Place, Report, RunCommand, Speed, Tally};

/// Who a session is.
#[derive(Clone, Debug)]
pub struct SessionSpec {
    /// Its name, by which a client finds it again.
    pub id: String,
    /// The build that it runs, compared with the page's.
    pub build: String,
    /// [`Place::Browser`] or [`Place::Server`]: where its real runs run. It simulates as well.
    pub place: Place,
    /// How many workers can run at once here.
    pub cores: u32,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input {
    /// The client's word, except `Hello` and `Ping`, which concern the transport.
    Command(Command),
    /// A run whose experiment its driver has checked, as the command line does with its overrides; `text` is not read again.
    Checked { command: RunCommand, experiment: Box<Experiment> },
    /// The input of [`Output::Open`] is there, or a sentence says why not.
    Opened { run: u32, opened: Result<Opened, String> },
    /// From a worker to its coordinator.
    Envelope { run: u32, envelope: Envelope },
    /// This life of a worker is over, by the driver's hand or not.
    Down { run: u32, node: NodeId, incarnation: Incarnation },
    /// What [`Output::Sequential`] gave: the hash of its rows.
    Sequential { run: u32, output_hash: Result<u64, String> },
    /// A paced simulation, or a bus in real time, is to be seen.
    Paced { run: u32, frame: Box<Frame> },
    /// A part of the trace that was asked for, or messages in it: a binary frame for the client.
    Traced { run: u32, frame: Vec<u8> },
    /// What [`Output::Simulate`] gave.
    Simulated { run: u32, simulated: Result<Box<Simulated>, String> },
    /// What a conductor's bus came to.
    Conducted { run: u32, ended: Result<Box<real::Ended>, String> },
}

/// What its driver is to do.
#[derive(Debug)]
pub enum Output {
    Event(Event),
    /// A binary frame for the client: [`crate::wire::DataHeader`] and a file's bytes.
    Data(Vec<u8>),
    /// Find the inputs, their lengths and, where it is wanted, their columns. `file` paths and `attached` blobs mean what they mean in the driver's place. The run
    /// reads them as one stretch of bytes, one part after the other.
    Open {
        run: u32,
        inputs: Vec<InputSpec>,
        /// Also to be found: where the micro-batches of the first begin.
        micro_batch: Option<MicroBatch>,
    },
    /// Make a worker of this run, one of so many that share the machine, with access to its input.
    Spawn {
        run: u32,
        node: NodeId,
        incarnation: Incarnation,
        isolation: Isolation,
        workers: u32,
    },
    /// End it, really; then say [`Input::Down`].
    Terminate {
        run: u32,
        node: NodeId,
        incarnation: Incarnation,
    },
    /// To a worker.
    Send {
        run: u32,
        envelope: Envelope,
    },
    /// Slow or pause a worker.
    Hinder {
        run: u32,
        effect: Effect,
    },
    /// Run the job's plan over the run's input in one pass on a thread that can be spared.
    Sequential {
        run: u32,
        job: Arc<Job>,
    },
    /// Simulate over the run's input on a thread that can be spared: in one go (`simulate`), or, with a pace, as a [`Paced`] that
    /// is driven by the clock and hears every [`Output::Steer`] of its run, also after its end and until the run is closed.
    Simulate {
        run: u32,
        spec: Box<run::RunSpec>,
        seed: u64,
        pace: Option<Speed>,
    },
    /// The same for this experiment with `messaging`, which has no input.
    SimulateBus {
        run: u32,
        text: BusText,
        seed: u64,
        pace: Option<Speed>,
        breakpoints: Vec<Breakpoint>,
    },
    /// Run this bus in real time: drive a [`real::Conductor`] and the nodes that it wants. `text` is for nodes that have to read the
    /// experiment again.
    Conduct {
        run: u32,
        spec: Box<real::ConductorSpec>,
        text: BusText,
    },
    /// For the run's conductor.
    Baton {
        run: u32,
        input: real::Input,
    },
    /// For the run's [`Paced`].
    Steer {
        run: u32,
        word: paced::Input,
    },
    /// The run is over: end its workers, close its input.
    Close {
        run: u32,
    },
}

/// An input that is to be found.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    pub from: InputFrom,
    /// Its columns are to be inferred from records of this format.
    pub infer: Option<Format>,
}

/// Where a run's bytes come from.
#[derive(Clone, Debug, PartialEq)]
pub enum InputFrom {
    /// As the experiment says.
    Experiment(ExperimentInput),
    /// As the client chose instead.
    Chosen(InputChoice),
}

/// See the module.
pub struct Session {
    spec: SessionSpec,
    runs: BTreeMap<u32, Entry>,
    keys: BTreeMap<String, u32>,
    outputs: VecDeque<Output>,
}

impl Session {
    pub fn new(spec: SessionSpec) -> Session {
        Session { spec, runs: BTreeMap::new(), keys: BTreeMap::new(), outputs: VecDeque::new() }
    }

    /// The event that answers `Hello`.
    pub fn welcome(&self, resumed: bool) -> Event {
        let SessionSpec { id, build, place, cores } = self.spec.clone();
        Event::Welcome { session: id, build, places: vec![place, Place::Simulate], cores, resumed }
    }

    /// A finished run's result.
    pub fn table(&self, run: u32) -> Option<&Table> {
        match &self.runs.get(&run)?.stage {
            Stage::Done { table, .. } => Some(table),
            _ => None,
        }
    }

    /// Whether there is such a run, whatever has become of it.
    pub fn has(&self, run: u32) -> bool {
        self.runs.contains_key(&run)
    }

    /// Whether nothing runs.
    pub fn is_idle(&self) -> bool {
        self.runs.values().all(|entry| entry.stage.is_over())
    }

    fn command(&mut self, now: Time, command: Command) {
        match command {
            Command::Hello { .. } | Command::Ping => {}
            Command::Check { id, text } => {
                let (problems, outline) = experiment::outline(&text);
                self.emit(Event::Checked { id, problems, outline });
            }
            Command::Run(command) => self.start(now, command, None),
            Command::Fault { run, effect } => self.fault(now, run, effect),
            Command::Kill { run, node } => self.fault(now, run, Effect::Kill(node)),
            Command::RestartCoordinator { run } => self.fault(now, run, Effect::RestartCoordinator),
            Command::Pause { run } => self.steer(run, paced::Input::Pause),
            Command::Resume { run } => self.steer(run, paced::Input::Resume),
            Command::Speed { run, speed } => match paced::check_speed(speed) {
                Ok(()) => self.steer(run, paced::Input::Speed(speed)),
                Err(reason) => self.refuse(reason),
            },
            Command::Step { run, by } => self.steer(run, paced::Input::Step(by)),
            Command::Seek { run, to } => self.steer(run, paced::Input::Seek(to)),
            Command::Breakpoints { run, breakpoints } => self.break_at(run, breakpoints),
            Command::Condition { id, text } => {
                let problem = experiment::condition_problem(&text);
                self.emit(Event::Condition { id, problem });
            }
            Command::Stop { run } => match self.runs.get(&run).filter(|entry| !entry.stage.is_over()) {
                Some(_) => self.fail(run, "the run was stopped"),
                None => self.refuse(format!("run {run} is not running: there is nothing to stop")),
            },
            Command::View { run, id, query } => self.view(run, id, &query),
            Command::Export { run, id, format } => self.export(run, id, format),
            Command::Messages { run, id, from, to, about } => self.messages(run, id, (from, to), about),
            Command::Forget { run } => self.forget(run),
            // A driver that has several sessions answers by itself.
            Command::Invite { .. } | Command::Watch { .. } => self
                .refuse("only a run on a server can be watched from elsewhere: choose the server and run it there".to_owned()),
            // A driver that has the file answers by itself.
            Command::Look { .. } => {
                self.refuse("a file is looked at where it is: in the page that it was chosen in".to_owned())
            }
        }
    }

    fn start(&mut self, now: Time, command: RunCommand, experiment: Option<Experiment>) {
        let run = command.run;
        if let Some(first) = command.idempotency_key.as_ref().and_then(|key| self.keys.get(key)).copied() {
            return self.replay(now, first);
        }
        if self.runs.contains_key(&run) {
            return self.refuse(format!("run {run} exists already in this session: choose another number"));
        }
        if self.runs.values().filter(|entry| !entry.stage.is_over()).count() >= RUNS_AT_ONCE {
            let text =
                format!("{RUNS_AT_ONCE} runs are under way in this session, which is its bound: stop one or wait for it");
            return self.emit(Event::Failed { run, message: text, problems: Vec::new() });
        }
        let work = match Work::new(&self.spec, &command, experiment) {
            Ok(work) => work,
            Err((message, problems)) => return self.emit(Event::Failed { run, message, problems }),
        };
        if command.pace.is_some() {
            self.let_go_of_ended();
        }
        self.drop_oldest();
        if let Some(key) = command.idempotency_key {
            self.keys.insert(key, run);
        }
        match &work {
            Work::Batch(prepared) => {
                let (inputs, micro_batch) = (prepared.inputs.clone(), prepared.micro_batch);
                self.outputs.push_back(Output::Open { run, inputs, micro_batch });
                self.runs.insert(run, Entry::new(now, work));
            }
            Work::Bus(prepared) => {
                let (text, seed, pace) = (prepared.text.clone(), prepared.seed, prepared.pace);
                let begin = match prepared.place {
                    Place::Simulate => {
                        let breakpoints = command.breakpoints;
                        Output::SimulateBus { run, text, seed, pace, breakpoints }
                    }
                    Place::Browser | Place::Server => {
                        let spec = Box::new(conductor_spec(run, &prepared.experiment, seed));
                        Output::Conduct { run, spec, text }
                    }
                };
                let mut entry = Entry::new(now, work);
                self.outputs.extend(entry.start_bus(run).map(|started| Output::Event(Event::Started(started))));
                self.outputs.push_back(begin);
                self.runs.insert(run, entry);
            }
        }
    }

    /// Tells a run again from its start, for a second command under the same key.
    fn replay(&mut self, now: Time, first: u32) {
        let Some(entry) = self.runs.get_mut(&first) else { return };
        let events = entry.replay(now, first);
        if matches!(entry.stage, Stage::Conducting) {
            self.outputs.push_back(Output::Baton { run: first, input: real::Input::Repeat });
        }
        if entry.has_pacer {
            self.outputs.push_back(Output::Steer { run: first, word: paced::Input::Repeat });
        }
        self.outputs.extend(events.into_iter().map(Output::Event));
        self.drain_run(now, first);
    }

    /// Of the simulations that go by the clock only the last can be gone back in when it has ended: another takes its place.
    fn let_go_of_ended(&mut self) {
        let ended = self.runs.iter_mut().filter(|(_, entry)| entry.has_pacer && entry.stage.is_over());
        for (run, entry) in ended {
            entry.has_pacer = false;
            self.outputs.push_back(Output::Close { run: *run });
        }
    }

    fn drop_oldest(&mut self) {
        while self.runs.len() >= RUNS_KEPT {
            let Some(oldest) = self.runs.iter().find(|(_, entry)| entry.stage.is_over()).map(|(run, _)| *run) else { return };
            self.forget(oldest);
        }
    }

    fn opened(&mut self, now: Time, run: u32, opened: Result<Opened, String>) {
        let Some(entry) = self.runs.get_mut(&run).filter(|entry| matches!(entry.stage, Stage::Opening)) else { return };
        let opened = match opened {
            Ok(opened) => opened,
            Err(reason) => return self.fail(run, reason),
        };
        let Work::Batch(prepared) = &mut entry.work else { return };
        match prepared.complete(&opened) {
            Ok(Completed::Whole) => {}
            Ok(Completed::OtherInputs) => {
                let (inputs, micro_batch) = (prepared.inputs.clone(), prepared.micro_batch);
                return self.outputs.push_back(Output::Open { run, inputs, micro_batch });
            }
            Err((message, problems)) => return self.fail_with(run, message, problems),
        }
        let started = match entry.open(now, run, opened) {
            Ok(started) => started,
            Err(reason) => return self.fail(run, reason),
        };
        self.outputs.push_back(Output::Event(Event::Started(started)));
        let Some(prepared) = entry.prepared() else { return };
        let spec = entry.run_spec(run, prepared);
        if prepared.place == Place::Simulate {
            let (spec, seed, pace) = (Box::new(spec), prepared.seed, prepared.pace);
            (entry.stage, entry.has_pacer) = (Stage::Simulating, pace.is_some());
            return self.outputs.push_back(Output::Simulate { run, spec, seed, pace });
        }
        let mut machine = Run::new(spec);
        machine.handle(Time::ZERO, run::Input::Start);
        entry.stage = Stage::Running { machine: Box::new(machine) };
        self.drain_run(now, run);
    }

    fn paced(&mut self, run: u32, frame: Box<Frame>) {
        let seen = |entry: &&mut Entry| entry.has_pacer || matches!(entry.stage, Stage::Conducting);
        let Some(entry) = self.runs.get_mut(&run).filter(seen) else { return };
        // Somebody has changed what happened: the result is one of a history that is no more.
        let unended = frame.pace.as_ref().is_some_and(|pace| pace.end.is_none());
        if unended && matches!(entry.stage, Stage::Comparing(_) | Stage::Done { .. }) {
            entry.stage = Stage::Simulating;
        }
        self.emit(Event::Frame(frame));
    }

    fn tell_run(&mut self, now: Time, run: u32, input: run::Input) {
        if let Some(entry) = self.runs.get_mut(&run) {
            let at = entry.since_start(now);
            if let Stage::Running { machine } = &mut entry.stage {
                machine.handle(at, input);
            }
        }
        self.drain_run(now, run);
    }

    fn drain_run(&mut self, now: Time, run: u32) {
        while let Some(entry) = self.runs.get_mut(&run)
            && let Stage::Running { machine } = &mut entry.stage
            && let Some(output) = machine.poll()
        {
            let at = Time(now.since(entry.began).0);
            match output {
                run::Output::Spawn { node, incarnation } => {
                    let Work::Batch(prepared) = &entry.work else { continue };
                    let (isolation, workers) = (prepared.isolation, prepared.workers);
                    self.outputs.push_back(Output::Spawn { run, node, incarnation, isolation, workers });
                }
                run::Output::Terminate { node, incarnation } => {
                    self.outputs.push_back(Output::Terminate { run, node, incarnation });
                }
                run::Output::Send(envelope) => self.outputs.push_back(Output::Send { run, envelope }),
                // The session outlives the coordinator, so what it holds is stored.
                run::Output::Store { epoch, version } => machine.handle(at, run::Input::Stored { epoch, version }),
                run::Output::Commit { partition, rows } => {
                    let (winner, _) = entry.store.entry(partition.task).or_insert((partition, rows));
                    machine.handle(at, run::Input::Committed(*winner));
                }
                // Faults of the network were refused when the run was prepared for a real place.
                run::Output::Fault(effect) => self.outputs.push_back(Output::Hinder { run, effect }),
                run::Output::Frame(frame) => self.emit(Event::Frame(frame)),
                run::Output::Finished { counters, tally } => {
                    let partitions = entry.partitions();
                    self.computed(run, partitions, counters, tally, Span(at.0), None);
                }
                run::Output::Failed(reason) => self.fail(run, reason),
            }
        }
    }

    /// Every partition is there: the result is put together and, if the experiment wants it, compared.
    fn computed(
        &mut self,
        run: u32,
        partitions: Vec<Payload>,
        counters: Counters,
        tally: Tally,
        wall: Span,
        simulated: Option<(Time, String)>,
    ) {
        let Some(entry) = self.runs.get_mut(&run) else { return };
        let table = Table::new(&entry.job().plan, partitions);
        let (table, output_hash) = match table.and_then(|table| table.output_hash().map(|hash| (table, hash))) {
            Ok(hashed) => hashed,
            Err(error) => return self.fail(run, error.to_string()),
        };
        let outcome = Outcome { table, output_hash, counters, tally, wall, simulated };
        if entry.wants_sequential() {
            let job = entry.job();
            entry.stage = Stage::Comparing(Box::new(outcome));
            self.outputs.push_back(Output::Sequential { run, job });
        } else {
            self.conclude(run, outcome, None);
        }
    }

    fn simulated(&mut self, now: Time, run: u32, simulated: Result<Box<Simulated>, String>) {
        // One at a pace may end a second time, when its history was changed.
        let waits = |entry: &&Entry| matches!(entry.stage, Stage::Simulating) || entry.has_pacer;
        let Some(entry) = self.runs.get(&run).filter(waits) else { return };
        let wall = now.since(entry.began);
        match simulated {
            Ok(simulated) => {
                let Simulated { frame, partitions, counters, tally, virtual_time, trace_hash, bus } = *simulated;
                self.emit(Event::Frame(Box::new(frame)));
                match bus {
                    None => self.computed(run, partitions, counters, tally, wall, Some((virtual_time, trace_hash))),
                    Some(outcome) => self.bus_done(run, outcome, wall, Some((virtual_time, trace_hash))),
                }
            }
            Err(reason) => self.fail(run, reason),
        }
    }

    fn compared(&mut self, run: u32, output_hash: Result<u64, String>) {
        let Some(entry) = self.runs.get_mut(&run).filter(|entry| matches!(entry.stage, Stage::Comparing(_))) else { return };
        let Stage::Comparing(outcome) = std::mem::replace(&mut entry.stage, Stage::Opening) else { return };
        match output_hash {
            Ok(hash) => self.conclude(run, *outcome, Some(hash)),
            Err(reason) => self.fail(run, format!("the run is done, but its sequential twin failed: {reason}")),
        }
    }

    fn conclude(&mut self, run: u32, outcome: Outcome, sequential: Option<u64>) {
        let Some(entry) = self.runs.get(&run) else { return };
        let Some(prepared) = entry.prepared() else { return };
        let report = entry.report(prepared, &outcome, sequential);
        self.done(run, outcome.table, report);
    }

    fn done(&mut self, run: u32, table: Table, report: Report) {
        let Some(entry) = self.runs.get_mut(&run) else { return };
        entry.stage = Stage::Done { table: Box::new(table), report: report.clone() };
        if !entry.has_pacer {
            self.outputs.push_back(Output::Close { run });
        }
        self.emit(Event::Finished { run, report });
    }

    fn fail(&mut self, run: u32, message: impl Into<String>) {
        self.fail_with(run, message.into(), Vec::new());
    }

    fn fail_with(&mut self, run: u32, message: String, problems: Vec<Problem>) {
        let Some(entry) = self.runs.get_mut(&run) else { return };
        (entry.stage, entry.has_pacer) = (Stage::Failed { message: message.clone() }, false);
        entry.store.clear();
        self.outputs.push_back(Output::Close { run });
        self.emit(Event::Failed { run, message, problems });
    }

    fn forget(&mut self, run: u32) {
        match self.runs.get(&run).map(|entry| entry.stage.is_over()) {
            Some(true) => {
                if self.runs.remove(&run).is_some_and(|entry| entry.has_pacer) {
                    self.outputs.push_back(Output::Close { run });
                }
                self.keys.retain(|_, known| *known != run);
            }
            Some(false) => self.refuse(format!("run {run} is still running: stop it first")),
            None => self.refuse(format!("there is no run {run} in this session")),
        }
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn refuse(&mut self, message: String) {
        self.emit(Event::Error { message });
    }
}

impl Machine for Session {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Command(command) => self.command(now, command),
            Input::Checked { command, experiment } => self.start(now, command, Some(*experiment)),
            Input::Opened { run, opened } => self.opened(now, run, opened),
            Input::Envelope { run, envelope } => self.tell_run(now, run, run::Input::Envelope(envelope)),
            Input::Down { run, node, incarnation } => self.tell_run(now, run, run::Input::Down { node, incarnation }),
            Input::Sequential { run, output_hash } => self.compared(run, output_hash),
            Input::Paced { run, frame } => self.paced(run, frame),
            Input::Traced { run, frame } if self.runs.contains_key(&run) => self.outputs.push_back(Output::Data(frame)),
            Input::Traced { .. } => {}
            Input::Simulated { run, simulated } => self.simulated(now, run, simulated),
            Input::Conducted { run, ended } => self.conducted(run, ended),
        }
    }

    fn wake(&mut self, now: Time) {
        let running = self.runs.iter_mut().filter_map(|(run, entry)| {
            let at = entry.since_start(now);
            let Stage::Running { machine } = &mut entry.stage else { return None };
            machine.wake(at);
            Some(*run)
        });
        for run in running.collect::<Vec<_>>() {
            self.drain_run(now, run);
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        let running = self.runs.values().filter_map(|entry| match &entry.stage {
            Stage::Running { machine } => machine.next_wake().map(|at| entry.began + Span(at.0)),
            _ => None,
        });
        running.min()
    }
}

//! A session's driver of the plainest kind: one thread, one queue, a clock that moves when told. Kernels take no time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use shared::batch::message::Envelope;
use shared::batch::timing::Timing;
use shared::batch::worker::{self, Worker};
use shared::batch::{Job, Memory, Space, TaskKernel, kernel};
use shared::experiment::Input as ExperimentInput;
use shared::id::{Incarnation, NodeId, TaskId};
use shared::machine::Machine;
use shared::session::{
    Input, InputFrom, InputSpec, Opened, Output, Paced, Session, SessionSpec, paced, read_bus, simulate, simulate_bus,
};
use shared::time::{Span, Time};
use shared::wire::{Command, Event, Place};

#[path = "stage.rs"]
mod stage;
use stage::Stage;

/// A worker's life, its machine, and the job that it was told.
type Node = (Incarnation, Worker, Option<Arc<Job>>);

/// The session, its workers, and what goes between them.
pub struct Driver {
    pub now: Time,
    pub session: Session,
    workers: BTreeMap<(u32, NodeId), Node>,
    /// Simulations at a pace.
    paced: BTreeMap<u32, Box<dyn Machine<Input = paced::Input, Output = paced::Output>>>,
    /// Buses in real time, and when each began.
    stages: BTreeMap<u32, (Time, Stage)>,
    texts: BTreeMap<u32, Arc<Vec<u8>>>,
    pub events: Vec<Event>,
    pub frames: Vec<Vec<u8>>,
    mail: VecDeque<(u32, Envelope)>,
    /// Kill this worker of a run after so many kernels.
    pub kill_after: Option<(u32, NodeId)>,
    pub kernels: u32,
    /// Whoever computes this task ends by itself.
    pub deadly: Option<TaskId>,
    /// No worker ever begins.
    pub stillborn: bool,
}

impl Driver {
    pub fn new() -> Driver {
        let spec = SessionSpec { id: "s".into(), build: "b".into(), place: Place::Browser, cores: 2 };
        Driver {
            now: Time::ZERO,
            session: Session::new(spec),
            workers: BTreeMap::new(),
            paced: BTreeMap::new(),
            stages: BTreeMap::new(),
            texts: BTreeMap::new(),
            events: Vec::new(),
            frames: Vec::new(),
            mail: VecDeque::new(),
            kill_after: None,
            kernels: 0,
            deadly: None,
            stillborn: false,
        }
    }

    pub fn command(&mut self, command: Command) {
        self.session.handle(self.now, Input::Command(command));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Data(frame) => self.frames.push(frame),
                Output::Open { run, inputs, .. } => {
                    let [InputSpec { from: InputFrom::Experiment(ExperimentInput::Text(text)), .. }] = &inputs[..] else {
                        panic!("only text here")
                    };
                    let opened = Opened::one("text", text.len() as u64);
                    self.texts.insert(run, Arc::new(text.clone().into_bytes()));
                    self.session.handle(self.now, Input::Opened { run, opened: Ok(opened) });
                }
                Output::Spawn { run, node, incarnation, .. } if self.stillborn => {
                    self.session.handle(self.now, Input::Down { run, node, incarnation });
                }
                Output::Spawn { run, node, incarnation, .. } => {
                    let mut worker = Worker::new(node, incarnation, Timing::REAL);
                    worker.handle(self.now, worker::Input::Start);
                    self.workers.insert((run, node), (incarnation, worker, None));
                }
                Output::Terminate { run, node, incarnation } => {
                    self.workers.remove(&(run, node));
                    self.session.handle(self.now, Input::Down { run, node, incarnation });
                }
                Output::Send { run, envelope } => self.mail.push_back((run, envelope)),
                Output::Sequential { run, job } => {
                    let table = kernel::sequential(&job, &mut Memory(self.texts[&run].clone())).unwrap();
                    self.session.handle(self.now, Input::Sequential { run, output_hash: Ok(table.output_hash().unwrap()) });
                }
                Output::Close { run } => {
                    self.workers.retain(|(of, _), _| *of != run);
                    self.paced.remove(&run);
                    self.stages.remove(&run);
                }
                Output::Simulate { run, spec, seed, pace: Some(speed) } => {
                    let source = Box::new(Memory(self.texts[&run].clone()));
                    self.paced.insert(run, Box::new(Paced::new(*spec, seed, source, speed, self.now)));
                    self.drain_paced(run);
                }
                Output::Steer { run, word } => {
                    self.paced.get_mut(&run).unwrap().handle(self.now, word);
                    self.drain_paced(run);
                }
                Output::Simulate { run, spec, seed, pace: None } => {
                    let simulated = simulate(*spec, seed, Box::new(Memory(self.texts[&run].clone())));
                    self.session.handle(self.now, Input::Simulated { run, simulated: simulated.map(Box::new) });
                }
                Output::SimulateBus { run, text, seed, pace: Some(speed), breakpoints } => {
                    let experiment = read_bus(&text).unwrap();
                    self.paced.insert(run, Box::new(Paced::of_bus(run, &experiment, seed, &breakpoints, speed, self.now)));
                    self.drain_paced(run);
                }
                Output::SimulateBus { run, text, seed, pace: None, .. } => {
                    let simulated = simulate_bus(run, &read_bus(&text).unwrap(), seed, || false).map(Box::new);
                    self.session.handle(self.now, Input::Simulated { run, simulated });
                }
                Output::Conduct { run, spec, .. } => {
                    self.stages.insert(run, (self.now, Stage::new(*spec)));
                    self.drain_stage(run);
                }
                Output::Baton { run, input } => {
                    self.stages.get_mut(&run).unwrap().1.say(input);
                    self.drain_stage(run);
                }
                Output::Hinder { .. } => panic!("not asked for"),
            }
        }
    }

    fn drain_stage(&mut self, run: u32) {
        let Some((_, stage)) = self.stages.get_mut(&run) else { return };
        let (frames, ended) = (std::mem::take(&mut stage.frames), stage.ended.take());
        for frame in frames {
            self.session.handle(self.now, Input::Paced { run, frame: Box::new(frame) });
        }
        if let Some(ended) = ended {
            self.session.handle(self.now, Input::Conducted { run, ended });
        }
    }

    /// Lets a run go on for so many milliseconds of its time.
    pub fn go(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now = self.now + Span::millis(1);
            self.session.wake(self.now);
            self.drain();
            for run in self.paced.keys().copied().collect::<Vec<_>>() {
                self.paced.get_mut(&run).unwrap().wake(self.now);
                self.drain_paced(run);
            }
            for run in self.stages.keys().copied().collect::<Vec<_>>() {
                let (began, stage) = self.stages.get_mut(&run).unwrap();
                stage.go_to(Time(self.now.since(*began).0));
                self.drain_stage(run);
            }
            self.drain();
            for key in self.workers.keys().copied().collect::<Vec<_>>() {
                self.workers.get_mut(&key).unwrap().1.wake(self.now);
                self.drain_worker(key);
            }
            while let Some((run, envelope)) = self.mail.pop_front() {
                match envelope.to {
                    NodeId::Coordinator => self.session.handle(self.now, Input::Envelope { run, envelope }),
                    node => {
                        if let Some((_, worker, _)) = self.workers.get_mut(&(run, node)) {
                            worker.handle(self.now, worker::Input::Envelope(envelope));
                            self.drain_worker((run, node));
                        }
                    }
                }
                self.drain();
            }
        }
    }

    fn drain_paced(&mut self, run: u32) {
        while let Some(output) = self.paced.get_mut(&run).and_then(|paced| paced.poll()) {
            let input = match output {
                paced::Output::Frame(frame) => Input::Paced { run, frame },
                paced::Output::Trace(frame) => Input::Traced { run, frame },
                paced::Output::Ended(simulated) => Input::Simulated { run, simulated },
            };
            self.session.handle(self.now, input);
        }
    }

    fn drain_worker(&mut self, key: (u32, NodeId)) {
        while let Some((_, worker, job)) = self.workers.get_mut(&key)
            && let Some(output) = worker.poll()
        {
            match output {
                worker::Output::Send(envelope) => self.mail.push_back((key.0, envelope)),
                worker::Output::Job(it) => *job = Some(it),
                worker::Output::Compute(work) if self.deadly == Some(work.task) => {
                    let (incarnation, ..) = self.workers.remove(&key).unwrap();
                    let (run, node) = key;
                    self.session.handle(self.now, Input::Down { run, node, incarnation });
                    self.drain();
                }
                worker::Output::Compute(work) => {
                    let (task, attempt) = (work.task, work.attempt);
                    let outcome = TaskKernel::run(
                        job.as_ref().unwrap(),
                        work,
                        &mut Memory(self.texts[&key.0].clone()),
                        Space::unbounded(),
                    );
                    worker.handle(self.now, worker::Input::Computed { task, attempt, outcome });
                    self.kernels += 1;
                    if self.kernels == 5
                        && let Some((run, node)) = self.kill_after.take()
                    {
                        self.command(Command::Kill { run, node });
                    }
                }
                worker::Output::Abandon | worker::Output::Finished => {}
            }
        }
    }

    pub fn finished(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Finished { .. })).count()
    }
}

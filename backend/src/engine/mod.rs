//! Driver 3: carries out what a `Session` wants, with threads, child processes, files and the real clock.
//!
//! One thread per session runs the engine: it waits for the next input or the session's next wake, hands it in, and carries out
//! every output. What takes long goes to threads of its own: workers (`crew`, `worker`, `process`, `pipe`; what is too much for their memory goes to a `scratch`), and what can be spared
//! (`spare`): finding an input, the sequential twin of a run, a simulation, also one at a pace (`pacer`), a bus in real time (`conduct`). The client sees events; how they travel is its own
//! business, see [`Client`].

pub mod conduct;
mod crew;
mod pacer;
mod pipe;
pub mod process;
mod scratch;
mod spare;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use shared::batch::message::{Envelope, Message};
use shared::batch::table::Table;
use shared::experiment::{Experiment, Isolation};
use shared::id::{Incarnation, NodeId};
use shared::machine::Machine;
use shared::session::real::Ended;
use shared::session::{Input as SessionInput, Opened, Output, Session, SessionSpec, Simulated, paced};
use shared::time::Time;
use shared::wire::{Command, Event, Frame, RunCommand};
use tokio::sync::OwnedSemaphorePermit;

use self::conduct::{Baton, Stage, Told};
use self::crew::Crew;
use self::scratch::Keeper;
pub use self::spare::TraceSink;
use crate::audience::Question;
use crate::data::{DataError, Library};
use crate::inputs::{InputFiles, Inputs};

/// Of the memory of a run, the parts that the rows of its result may take.
const RESULT_PARTS: u64 = 4;

/// Who watches a session.
pub trait Client {
    fn event(&mut self, event: Event);
    /// A binary frame, header included.
    fn data(&mut self, frame: Vec<u8>);
    /// The session may have let go of runs: it has those for which `has` holds.
    fn keep(&mut self, _has: &dyn Fn(u32) -> bool) {}
}

/// What reaches the engine's thread.
#[derive(Debug)]
pub enum EngineInput {
    /// The client's word. The permit, if there is one, is given back when it has been heard.
    Command(Command, Option<OwnedSemaphorePermit>),
    /// A run whose experiment was checked before, as the command line does with its overrides.
    Run(RunCommand, Box<Experiment>),
    Found {
        run: u32,
        found: Result<(Inputs, Opened), DataError>,
    },
    Envelope {
        run: u32,
        envelope: Envelope,
    },
    Down {
        run: u32,
        node: NodeId,
        incarnation: Incarnation,
    },
    Sequential {
        run: u32,
        output_hash: Result<u64, String>,
    },
    Paced {
        run: u32,
        frame: Box<Frame>,
    },
    Simulated {
        run: u32,
        simulated: Result<Box<Simulated>, String>,
    },
    Traced {
        run: u32,
        frame: Vec<u8>,
    },
    Conducted {
        run: u32,
        ended: Result<Box<Ended>, String>,
    },
    /// Somebody who watches a run asks for its rows. The permit is that of a command.
    Asked(Question, Option<OwnedSemaphorePermit>),
    /// End every run and then the engine.
    End,
}

/// The way to an engine.
#[derive(Clone, Debug)]
pub struct Post(Sender<EngineInput>);

impl Post {
    /// An engine that has ended hears nothing and needs nothing.
    pub fn send(&self, input: EngineInput) {
        let _ = self.0.send(input);
    }
}

/// See the module.
pub struct Engine<C> {
    session: Session,
    pub client: C,
    library: Library,
    trace: Option<TraceSink>,
    began: Instant,
    inbox: Receiver<EngineInput>,
    post: Post,
    runs: BTreeMap<u32, Running>,
    /// Bytes of memory of one run.
    memory: u64,
    ending: bool,
}

/// A run's share of the machine.
struct Running {
    crew: Arc<Crew>,
    input: Option<Inputs>,
    /// The same as files, for workers that are processes.
    file: Option<InputFiles>,
    /// The way to its simulation, if that is paced; without it that ends.
    pacer: Option<Sender<paced::Input>>,
    /// The way to its bus, if that is in real time; without it that ends.
    baton: Option<Baton>,
    /// Of the result's rows.
    results: Keeper,
    /// Tells threads that compute for this run that nobody waits any more.
    stopped: Arc<AtomicBool>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.crew.end_all();
    }
}

impl<C: Client> Engine<C> {
    /// `memory`: the bytes that one run may take.
    pub fn new(spec: SessionSpec, library: Library, memory: u64, trace: Option<TraceSink>, client: C) -> Engine<C> {
        let (post, inbox) = channel();
        Engine {
            session: Session::new(spec),
            client,
            library,
            trace,
            began: Instant::now(),
            inbox,
            post: Post(post),
            runs: BTreeMap::new(),
            memory,
            ending: false,
        }
    }

    pub fn post(&self) -> Post {
        self.post.clone()
    }

    /// A finished run's result.
    pub fn table(&self, run: u32) -> Option<&Table> {
        self.session.table(run)
    }

    /// Runs until [`EngineInput::End`].
    pub fn run(mut self) {
        while !self.ending {
            self.turn();
        }
    }

    /// Waits for one input or the next wake, and does what it brings about.
    pub fn turn(&mut self) {
        /// Only to have a number: without a wake nothing happens until an input comes.
        const LONG: Duration = Duration::from_secs(3600);
        let wake = self.session.next_wake().map(|at| Duration::from_micros(at.since(self.now()).0));
        match self.inbox.recv_timeout(wake.unwrap_or(LONG)) {
            Ok(input) => self.hear(input),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("the engine holds a sender itself"),
        }
        let now = self.now();
        if self.session.next_wake().is_some_and(|at| at <= now) {
            self.session.wake(now);
            self.drain();
        }
    }

    fn now(&self) -> Time {
        Time(self.began.elapsed().as_micros() as u64)
    }

    fn hear(&mut self, input: EngineInput) {
        match input {
            EngineInput::Command(command, _permit) => {
                self.tell(SessionInput::Command(command));
                self.client.keep(&|run| self.session.has(run));
            }
            EngineInput::Asked(question, _permit) => question.answer(&mut self.session),
            EngineInput::Run(command, experiment) => self.tell(SessionInput::Checked { command, experiment }),
            EngineInput::Found { run, found } => self.found(run, found),
            EngineInput::Envelope { run, envelope } => self.heard(run, envelope),
            EngineInput::Down { run, node, incarnation } => self.tell(SessionInput::Down { run, node, incarnation }),
            EngineInput::Sequential { run, output_hash } => self.tell(SessionInput::Sequential { run, output_hash }),
            EngineInput::Paced { run, frame } => self.tell(SessionInput::Paced { run, frame }),
            EngineInput::Simulated { run, simulated } => self.tell(SessionInput::Simulated { run, simulated }),
            EngineInput::Traced { run, frame } => self.tell(SessionInput::Traced { run, frame }),
            EngineInput::Conducted { run, ended } => self.tell(SessionInput::Conducted { run, ended }),
            EngineInput::End => {
                for run in self.runs.keys().copied().collect::<Vec<_>>() {
                    self.tell(SessionInput::Command(Command::Stop { run }));
                }
                self.ending = true;
            }
        }
    }

    /// From a worker; the rows of the result that it brings stay in memory only as long as they fit.
    fn heard(&mut self, run: u32, mut envelope: Envelope) {
        if let (Message::ReduceDone { rows, .. }, Some(running)) = (&mut envelope.message, self.runs.get_mut(&run)) {
            match running.results.keep(std::mem::take(rows)) {
                Ok(kept) => *rows = kept,
                Err(error) => {
                    // Without its rows it is as if nothing had been said; the worker says it again.
                    eprintln!("run {run}: {error}");
                    return;
                }
            }
        }
        self.tell(SessionInput::Envelope { run, envelope });
    }

    fn found(&mut self, run: u32, found: Result<(Inputs, Opened), DataError>) {
        let opened = match found {
            Ok((input, opened)) => {
                if let Some(running) = self.runs.get_mut(&run) {
                    running.input = Some(input);
                }
                Ok(opened)
            }
            Err(error) => Err(error.to_string()),
        };
        self.tell(SessionInput::Opened { run, opened });
    }

    fn tell(&mut self, input: SessionInput) {
        let now = self.now();
        self.session.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Event(event) => self.client.event(event),
            Output::Data(frame) => self.client.data(frame),
            Output::Open { run, inputs, micro_batch } => {
                self.begin(run);
                let (library, post) = (self.library.clone(), self.post.clone());
                self.spare(move || {
                    let found = Inputs::find(&library, &inputs);
                    let found = found.and_then(|inputs| inputs.opened(micro_batch).map(|opened| (inputs, opened)));
                    post.send(EngineInput::Found { run, found });
                });
            }
            Output::Spawn { run, node, incarnation, isolation, workers } => {
                // What the results leave.
                let memory = (self.memory - self.memory / RESULT_PARTS) / u64::from(workers.max(1));
                self.spawn(run, node, incarnation, isolation, memory);
            }
            Output::Terminate { run, node, incarnation } => {
                if let Some(running) = self.runs.get(&run) {
                    running.crew.end(node, incarnation);
                    // Through the inbox, so that the session hears of it between two of its outputs, never within one.
                    self.post.send(EngineInput::Down { run, node, incarnation });
                }
            }
            Output::Send { run, envelope } => {
                if let Some(running) = self.runs.get(&run) {
                    running.crew.deliver(envelope);
                }
            }
            Output::Hinder { run, effect } => {
                if let Some(running) = self.runs.get(&run) {
                    running.crew.hinder(&effect);
                }
            }
            Output::Sequential { run, job } => {
                let Some((input, stopped)) = self.computing(run) else { return };
                let post = self.post.clone();
                self.spare(move || {
                    let output_hash = spare::sequential(&job, &input, stopped);
                    post.send(EngineInput::Sequential { run, output_hash });
                });
            }
            Output::Simulate { run, spec, seed, pace: Some(speed) } => {
                let Some((input, stopped)) = self.computing(run) else { return };
                let (pacer, words) = channel();
                if let Some(running) = self.runs.get_mut(&run) {
                    running.pacer = Some(pacer);
                }
                let post = self.post.clone();
                self.spare(move || pacer::batch(*spec, seed, speed, &input, stopped, &words, &post));
            }
            Output::SimulateBus { run, text, seed, pace: Some(speed), breakpoints } => {
                let (pacer, words) = channel();
                self.begin(run).pacer = Some(pacer);
                let post = self.post.clone();
                let begin = move |now| pacer::bus(run, &text, seed, &breakpoints, speed, now);
                self.spare(move || pacer::pace(run, begin, &words, &post));
            }
            Output::SimulateBus { run, text, seed, pace: None, .. } => {
                let (stopped, post) = (self.begin(run).stopped.clone(), self.post.clone());
                self.spare(move || {
                    let simulated = spare::simulate_bus(run, &text, seed, &stopped);
                    post.send(EngineInput::Simulated { run, simulated });
                });
            }
            Output::Conduct { run, spec, text: _ } => {
                let (stage, baton) = Stage::new();
                self.begin(run).baton = Some(baton);
                let post = self.post.clone();
                self.spare(move || {
                    stage.conduct(*spec, |told| match told {
                        Told::Frame(frame) => post.send(EngineInput::Paced { run, frame }),
                        Told::Ended(ended) => post.send(EngineInput::Conducted { run, ended }),
                    });
                });
            }
            Output::Baton { run, input } => {
                if let Some(baton) = self.runs.get(&run).and_then(|running| running.baton.as_ref()) {
                    baton.say(input);
                }
            }
            Output::Steer { run, word } => {
                if let Some(pacer) = self.runs.get(&run).and_then(|running| running.pacer.as_ref()) {
                    // One that has ended hears nothing; its result is in the inbox.
                    let _ = pacer.send(word);
                }
            }
            Output::Simulate { run, spec, seed, pace: None } => {
                let Some((input, stopped)) = self.computing(run) else { return };
                let (post, trace) = (self.post.clone(), self.trace.take());
                self.spare(move || {
                    let simulated = spare::simulate(*spec, seed, &input, stopped, trace);
                    post.send(EngineInput::Simulated { run, simulated });
                });
            }
            Output::Close { run } => drop(self.runs.remove(&run)),
        }
    }

    /// Keeps what belongs to a run.
    fn begin(&mut self, run: u32) -> &mut Running {
        let (stopped, crew) = (Arc::new(AtomicBool::new(false)), Crew::new(run, self.post.clone()));
        let results = Keeper::new(self.memory / RESULT_PARTS);
        let running = Running { crew, input: None, file: None, pacer: None, baton: None, results, stopped };
        self.runs.entry(run).insert_entry(running).into_mut()
    }

    fn computing(&self, run: u32) -> Option<(Inputs, Arc<AtomicBool>)> {
        let running = self.runs.get(&run)?;
        Some((running.input.clone()?, running.stopped.clone()))
    }

    fn spawn(&mut self, run: u32, node: NodeId, incarnation: Incarnation, isolation: Isolation, memory: u64) {
        let Some(running) = self.runs.get_mut(&run) else { return };
        let Some(input) = running.input.clone() else { return };
        match isolation {
            Isolation::Thread => running.crew.spawn_thread(worker::Birth { node, incarnation, input, memory }),
            Isolation::Process => {
                let file = match &running.file {
                    Some(file) => Ok(file.clone()),
                    None => input.into_files(),
                };
                match file {
                    Ok(file) => {
                        running.file = Some(file.clone());
                        running.crew.spawn_process(process::Birth { node, incarnation, input: file, memory });
                    }
                    Err(error) => {
                        eprintln!("{node} could not be given its input: {error}");
                        self.post.send(EngineInput::Down { run, node, incarnation });
                    }
                }
            }
        }
    }

    /// Runs something on a thread of its own.
    fn spare(&self, work: impl FnOnce() + Send + 'static) {
        if let Err(error) = thread::Builder::new().name("spare".to_owned()).spawn(work) {
            eprintln!("no thread could be had for a long computation: {error}");
        }
    }
}

//! A session with a driver of the plainest kind: one thread, one queue, a clock that moves when told.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use shared::batch::message::{Envelope, Job};
use shared::batch::table::ViewQuery;
use shared::batch::task::{Body, Outcome, Work};
use shared::batch::timing::Timing;
use shared::batch::worker::{self, Worker};
use shared::batch::{MapKernel, Memory, ReduceKernel, kernel};
use shared::experiment::Input as ExperimentInput;
use shared::id::{Incarnation, NodeId, TaskId};
use shared::machine::Machine;
use shared::session::{Input, InputSpec, Opened, Output, Session, SessionSpec};
use shared::time::{Span, Time};
use shared::wire::{Command, Event, Place, RunCommand};

/// A worker's life, its machine, and the job that it was told.
type Node = (Incarnation, Worker, Option<Arc<Job>>);

/// The session, its workers, and what goes between them.
struct Driver {
    now: Time,
    session: Session,
    workers: BTreeMap<(u32, NodeId), Node>,
    texts: BTreeMap<u32, Arc<Vec<u8>>>,
    events: Vec<Event>,
    data: Vec<u8>,
    mail: VecDeque<(u32, Envelope)>,
    /// Kill this worker of a run after so many kernels.
    kill_after: Option<(u32, NodeId)>,
    kernels: u32,
    /// Whoever computes this task ends by itself.
    deadly: Option<TaskId>,
    /// No worker ever begins.
    stillborn: bool,
}

impl Driver {
    fn new() -> Driver {
        let spec = SessionSpec { id: "s".into(), build: "b".into(), place: Place::Browser, cores: 2 };
        Driver {
            now: Time::ZERO,
            session: Session::new(spec),
            workers: BTreeMap::new(),
            texts: BTreeMap::new(),
            events: Vec::new(),
            data: Vec::new(),
            mail: VecDeque::new(),
            kill_after: None,
            kernels: 0,
            deadly: None,
            stillborn: false,
        }
    }

    fn command(&mut self, command: Command) {
        self.session.handle(self.now, Input::Command(command));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Data(frame) => self.data.extend_from_slice(&frame[16..]),
                Output::Open { run, input } => {
                    let InputSpec::Experiment(ExperimentInput::Text(text)) = input else { panic!("only text here") };
                    let opened = Opened { name: "text".into(), bytes: text.len() as u64 };
                    self.texts.insert(run, Arc::new(text.into_bytes()));
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
                Output::Sequential { run, plan } => {
                    let table = kernel::sequential(&plan, &mut Memory(self.texts[&run].clone())).unwrap();
                    self.session.handle(self.now, Input::Sequential { run, output_hash: Ok(table.output_hash()) });
                }
                Output::Close { run } => self.workers.retain(|(of, _), _| *of != run),
                Output::Hinder { .. } | Output::Simulate { .. } => panic!("not asked for"),
            }
        }
    }

    /// Lets a run go on for so many milliseconds of its time.
    fn go(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now = self.now + Span::millis(1);
            self.session.wake(self.now);
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
                    let outcome = compute(job.as_ref().unwrap(), &work, self.texts[&key.0].clone());
                    let (task, attempt) = (work.task, work.attempt);
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

    fn finished(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Finished { .. })).count()
    }
}

fn compute(job: &Job, work: &Work, text: Arc<Vec<u8>>) -> Outcome {
    match &work.body {
        Body::Map(split) => {
            let mut kernel = MapKernel::new(job.plan.clone(), *split, job.input_bytes);
            while !kernel.step(&mut Memory(text.clone())).unwrap() {}
            let result = kernel.finish();
            Outcome::Mapped { partitions: result.partitions, counters: result.counters }
        }
        Body::Reduce(inputs) => {
            let mut kernel = ReduceKernel::new(job.plan.clone(), inputs.clone());
            while !kernel.step().unwrap() {}
            let result = kernel.finish();
            Outcome::Reduced { rows: result.rows, counters: result.counters }
        }
    }
}

const EXPERIMENT: &str = r#"
millrace: 1
title: Words
workers: 2
respawn: 5 ms
batch:
  input: { text: "the cat and the dog\nand the bird\nno bird, no cat\nthe end\n" }
  format: lines
  split: 10 B
  partitions: 3
  steps:
    - flat_map: { word: "words(lower(line))" }
    - reduce: { key: word, values: { count: "count(*)" } }
    - sort: count desc, word
expect:
  - equals_sequential: true
  - rows: 7
"#;

fn run(number: u32) -> RunCommand {
    let text = EXPERIMENT.to_owned();
    RunCommand { run: number, place: Place::Browser, text, input: None, workers: None, seed: None, idempotency_key: None }
}

#[test]
fn words_are_counted_and_the_table_can_be_looked_at() {
    let mut driver = Driver::new();
    driver.command(Command::Run(run(1)));
    driver.go(20);
    let Some(Event::Finished { report, .. }) = driver.events.last() else { panic!("{:#?}", driver.events) };
    assert!(report.expectations.iter().all(|it| it.held), "{report:#?}");
    assert_eq!((report.counters.map_input_records, report.counters.map_output_records, report.tally.tasks_run), (4, 14, 9));
    driver.command(Command::View { run: 1, id: 7, query: ViewQuery { limit: 2, ..ViewQuery::default() } });
    let Some(Event::Rows { id: 7, view, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert_eq!(view.rows, [["the", "4"], ["and", "2"]]);
    driver.command(Command::Export { run: 1, id: 8 });
    assert_eq!(String::from_utf8(driver.data).unwrap(), "word,count\nthe,4\nand,2\nbird,2\ncat,2\nno,2\ndog,1\nend,1\n");
}

#[test]
fn a_killed_workers_tasks_run_again_and_the_answer_is_the_same() {
    let mut driver = Driver::new();
    driver.kill_after = Some((1, NodeId::Worker(2)));
    driver.command(Command::Run(run(1)));
    driver.go(50);
    let Some(Event::Finished { report, .. }) = driver.events.last() else { panic!("{:#?}", driver.events) };
    assert!(report.expectations.iter().all(|it| it.held), "{report:#?}");
    assert_eq!(report.tally.workers_lost, 1);
    assert!(report.tally.tasks_repeated > 0);
    assert_eq!((report.counters.map_input_records, report.counters.map_output_records), (4, 14), "each task counts once");
}

#[test]
fn a_task_that_ends_worker_after_worker_ends_the_job_with_a_sentence() {
    let mut driver = Driver::new();
    driver.deadly = Some(TaskId::Map(2));
    driver.command(Command::Run(run(1)));
    driver.go(200);
    let Some(Event::Failed { message, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert!(message.starts_with("map-2 ended 4 workers, one after the other"), "{message}");
}

#[test]
fn workers_that_cannot_be_started_end_the_job_with_a_sentence() {
    let mut driver = Driver::new();
    driver.stillborn = true;
    driver.command(Command::Run(run(1)));
    driver.go(200);
    let Some(Event::Failed { message, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert!(message.starts_with("worker-1 ended 4 times before it could begin"), "{message}");
}

#[test]
fn rule_5_a_job_submitted_twice_under_one_key_runs_once() {
    let mut driver = Driver::new();
    let keyed = |number| RunCommand { idempotency_key: Some("monday".into()), ..run(number) };
    driver.command(Command::Run(keyed(1)));
    driver.command(Command::Run(keyed(2)));
    driver.go(20);
    let kernels = driver.kernels;
    driver.command(Command::Run(keyed(3)));
    driver.go(20);
    assert_eq!(driver.kernels, kernels, "nothing ran again");
    assert_eq!(driver.finished(), 2, "the third is answered with the first one's result");
    assert!(driver.events.iter().all(|event| !matches!(event, Event::Started(it) if it.run != 1)));
}

#[test]
fn a_refused_command_is_a_sentence_and_touches_nothing_else() {
    let mut driver = Driver::new();
    driver.command(Command::Kill { run: 9, node: NodeId::Worker(1) });
    assert_eq!(driver.events.pop(), Some(Event::Error { message: "there is no run 9 in this session".into() }));
    driver.command(Command::Run(RunCommand { place: Place::Server, ..run(1) }));
    let Some(Event::Failed { message, .. }) = driver.events.pop() else { panic!() };
    assert_eq!(message, "this session runs in `browser`, not in `server`");
    driver.command(Command::Run(RunCommand { workers: Some(0), ..run(1) }));
    let Some(Event::Failed { message, .. }) = driver.events.pop() else { panic!() };
    assert!(message.starts_with("0 workers are asked for"), "{message}");
    driver.command(Command::Run(run(1)));
    driver.command(Command::Run(run(1)));
    assert!(matches!(driver.events.pop(), Some(Event::Error { .. })));
    driver.command(Command::Stop { run: 1 });
    assert!(matches!(driver.events.pop(), Some(Event::Failed { run: 1, .. })));
}

//! The life of one worker: a `batch::worker::Worker`, its kernels and its own handle on the input, in one loop. The loop is the
//! same in a thread of the server and in a process of its own; only where its messages go differs.
//!
//! One round: hear everything that has come, carry out what the machine wants, run one step of the kernel (about 1 MiB). So a
//! worker answers its peers within milliseconds while it computes, and a kill waits for one step at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use shared::batch::message::Envelope;
use shared::batch::task::{Failure, Outcome, Work};
use shared::batch::timing::Timing;
use shared::batch::worker::{Input, Output, Worker};
use shared::batch::{Job, Memory, Source, TaskKernel};
use shared::id::{Attempt, Incarnation, NodeId, TaskId};
use shared::machine::Machine;
use shared::time::{Span, Time};

use super::scratch::{self, Keeper};
use crate::data::DataError;
use crate::inputs::Inputs;

/// What a worker hears from its driver.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    Envelope(Envelope),
    /// Compute this many times slower, for good or for a while.
    Slow {
        factor: f64,
        span: Option<Span>,
    },
    /// Do nothing for a while; what comes meanwhile waits.
    Pause {
        span: Span,
    },
}

/// Who a worker is, and what it is given at birth.
pub struct Birth {
    pub node: NodeId,
    pub incarnation: Incarnation,
    pub input: Inputs,
    /// Bytes of memory that it may take.
    pub memory: u64,
}

/// Lives until the inbox is closed, or at most one kernel step after `killed` is set. `send` carries its envelopes.
pub fn live(birth: Birth, inbox: &Receiver<Word>, killed: &AtomicBool, send: impl FnMut(Envelope)) {
    let Birth { node, incarnation, input, memory } = birth;
    let mut life = Life {
        machine: Worker::new(node, incarnation, Timing::REAL),
        input,
        source: None,
        job: None,
        // Half for the task under way, half for the outputs of those that are done.
        task_bytes: memory / 2,
        keeper: Keeper::new(memory / 2),
        kernel: None,
        began: Instant::now(),
        slow: None,
        rests_until: None,
        send,
    };
    life.tell(Input::Start);
    while !killed.load(Ordering::Relaxed) {
        match life.hear(inbox) {
            Heard::Nothing => {}
            Heard::Word(word) => {
                life.obey(word, killed);
                continue;
            }
            Heard::End => return,
        }
        if life.machine.next_wake().is_some_and(|at| at <= life.now()) {
            let now = life.now();
            life.machine.wake(now);
            life.drain();
        }
        life.compute();
    }
}

struct Life<S> {
    machine: Worker,
    input: Inputs,
    /// Opened by the first map task.
    source: Option<Box<dyn Source>>,
    job: Option<Arc<Job>>,
    task_bytes: u64,
    keeper: Keeper,
    kernel: Option<Running>,
    began: Instant,
    slow: Option<(f64, Option<Instant>)>,
    /// A slow worker's kernel stands still until then.
    rests_until: Option<Instant>,
    send: S,
}

enum Heard {
    Word(Word),
    Nothing,
    End,
}

struct Running {
    task: TaskId,
    attempt: Attempt,
    kernel: TaskKernel,
}

impl<S: FnMut(Envelope)> Life<S> {
    fn now(&self) -> Time {
        Time(self.began.elapsed().as_micros() as u64)
    }

    /// The next word, waiting for it only when there is nothing to compute.
    fn hear(&self, inbox: &Receiver<Word>) -> Heard {
        let rest = self.rests_until.map(|until| until.saturating_duration_since(Instant::now()));
        let wait = match (&self.kernel, rest) {
            (Some(_), None) => Some(Duration::ZERO),
            (Some(_), Some(rest)) => Some(rest),
            (None, _) => None,
        };
        let wake = self.machine.next_wake().map(|at| Duration::from_micros(at.since(self.now()).0));
        match wait.into_iter().chain(wake).min() {
            Some(Duration::ZERO) => match inbox.try_recv() {
                Ok(word) => Heard::Word(word),
                Err(TryRecvError::Empty) => Heard::Nothing,
                Err(TryRecvError::Disconnected) => Heard::End,
            },
            Some(wait) => match inbox.recv_timeout(wait) {
                Ok(word) => Heard::Word(word),
                Err(RecvTimeoutError::Timeout) => Heard::Nothing,
                Err(RecvTimeoutError::Disconnected) => Heard::End,
            },
            None => inbox.recv().map_or(Heard::End, Heard::Word),
        }
    }

    fn obey(&mut self, word: Word, killed: &AtomicBool) {
        match word {
            Word::Envelope(envelope) => self.tell(Input::Envelope(envelope)),
            Word::Slow { factor, span } => {
                self.slow = Some((factor, span.map(|span| Instant::now() + Duration::from_micros(span.0))));
            }
            Word::Pause { span } => self.stand_still(Duration::from_micros(span.0), killed),
        }
    }

    /// A pause: nothing is heard, said or computed until it is over. What comes meanwhile waits in the inbox.
    fn stand_still(&self, pause: Duration, killed: &AtomicBool) {
        /// A kill during a pause is noticed within this.
        const LOOK: Duration = Duration::from_millis(10);
        let until = Instant::now() + pause;
        while !killed.load(Ordering::Relaxed) {
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return,
                left => std::thread::sleep(left.min(LOOK)),
            }
        }
    }

    fn tell(&mut self, input: Input) {
        let now = self.now();
        self.machine.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(envelope) => (self.send)(envelope),
                Output::Job(job) => self.job = Some(job),
                Output::Compute(work) => self.begin(work),
                Output::Abandon => self.kernel = None,
                Output::Finished => (self.kernel, self.source) = (None, None),
            }
        }
    }

    fn begin(&mut self, work: Work) {
        let Some(job) = &self.job else { return };
        let (task, attempt) = (work.task, work.attempt);
        match TaskKernel::new(job, work, scratch::space(self.task_bytes)) {
            Ok(kernel) => self.kernel = Some(Running { task, attempt, kernel }),
            Err(error) => self.tell(Input::Computed { task, attempt, outcome: Outcome::Failed(error.into()) }),
        }
    }

    /// One step of the kernel, if there is one and it does not rest.
    fn compute(&mut self) {
        if self.rests_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.rests_until = None;
        let Some(mut running) = self.kernel.take() else { return };
        let began = Instant::now();
        let (task, attempt) = (running.task, running.attempt);
        match self.step(&mut running.kernel) {
            Ok(false) => {
                let (records, bytes) = running.kernel.progress();
                self.kernel = Some(running);
                self.tell(Input::Progress { task, attempt, records, bytes });
            }
            Ok(true) => {
                let outcome = self.kept(running.kernel.finish());
                self.tell(Input::Computed { task, attempt, outcome });
            }
            Err(failure) => self.tell(Input::Computed { task, attempt, outcome: Outcome::Failed(failure) }),
        }
        self.rest(began.elapsed());
    }

    /// What a task left, of which only so much stays in memory.
    fn kept(&mut self, outcome: Outcome) -> Outcome {
        let Outcome::Mapped { partitions, counters } = outcome else { return outcome };
        match partitions.into_iter().map(|rows| self.keeper.keep(rows)).collect() {
            Ok(partitions) => Outcome::Mapped { partitions, counters },
            Err(error) => Outcome::Failed(Failure { reason: error.to_string(), record: None }),
        }
    }

    fn step(&mut self, kernel: &mut TaskKernel) -> Result<bool, Failure> {
        match (kernel.reads(), &mut self.source) {
            (false, _) => kernel.step(&mut Memory(Arc::default())),
            (true, Some(source)) => kernel.step(source.as_mut()),
            (true, none) => kernel.step(none.insert(self.input.source().map_err(unopened)?).as_mut()),
        }
        .map_err(Failure::from)
    }

    /// A node that is `factor` times slower waits `factor - 1` times as long as it computed.
    fn rest(&mut self, computed: Duration) {
        if let Some((factor, until)) = self.slow {
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                self.slow = None;
            } else if factor > 1.0 {
                self.rests_until = Some(now + computed.mul_f64(factor - 1.0));
            }
        }
    }
}

/// The input is not there any more: no record's fault.
fn unopened(error: DataError) -> Failure {
    Failure { reason: error.to_string(), record: None }
}

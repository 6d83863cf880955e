//! A worker of a run: the worker machine, and the kernel that it runs in steps, so that it hears what is said to it in between.

use std::sync::Arc;

use js_sys::Function;
use shared::batch::task::{Body, Outcome, Work};
use shared::batch::timing::Timing;
use shared::batch::worker::{Input, Output, Worker};
use shared::batch::{Job, Space, TaskKernel};
use shared::fault::Effect;
use shared::id::{Attempt, TaskId};
use shared::limits::PAGE_TASK_BYTES;
use shared::machine::Machine;
use shared::time::Time;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, MessageChannel};

use super::blob::BlobSource;
use super::{Alarm, now, post, with_node};

/// See the module.
pub struct Node {
    machine: Worker,
    source: BlobSource,
    job: Option<Arc<Job>>,
    running: Option<Running>,
    alarm: Alarm,
    /// Posting here lets the event loop turn once before the next step; a timer would wait 4 ms.
    turn: MessageChannel,
    turning: bool,
    hindrance: Hindrance,
}

struct Running {
    task: TaskId,
    attempt: Attempt,
    kernel: TaskKernel,
}

/// A slow or paused worker, as a fault has it.
#[derive(Default)]
struct Hindrance {
    factor: f64,
    slow_until: Option<Time>,
    /// No step before this.
    stopped_until: Time,
}

impl Node {
    /// From `{ role: "worker", node, life, input: Blob }`; `None` if that is not what the message is.
    pub fn new(message: &JsValue) -> Option<Node> {
        let node = post::text(message, "node")?.parse().ok()?;
        let life = post::number(message, "life")? as u32;
        let source = BlobSource::new(post::field(message, "input")?.dyn_into::<Blob>().ok()?);
        let source = source.inspect_err(|error| post::string(&format!("panic: {error}"))).ok()?;
        let turn = MessageChannel::new().ok()?;
        let step = Closure::<dyn FnMut()>::new(|| with_node(Node::turn));
        turn.port1().set_onmessage(Some(step.as_ref().unchecked_ref::<Function>()));
        step.forget();
        let alarm = Alarm::new(|| with_node(Node::wake));
        let machine = Worker::new(node, life, Timing::REAL);
        let hindrance = Hindrance::default();
        let mut this = Node { machine, source, job: None, running: None, alarm, turn, turning: false, hindrance };
        this.machine.handle(now(), Input::Start);
        this.drain();
        Some(this)
    }

    /// An envelope, or a hindrance.
    pub fn hear(&mut self, message: &JsValue) {
        if let Some(envelope) = post::read_envelope(message) {
            self.machine.handle(now(), Input::Envelope(envelope));
        } else if let Some(effect) = post::text(message, "hinder").and_then(|text| serde_json::from_str(&text).ok()) {
            self.hinder(&effect);
        }
        self.drain();
    }

    fn hinder(&mut self, effect: &Effect) {
        match effect {
            Effect::Slow { factor, span, .. } => {
                self.hindrance.factor = *factor;
                self.hindrance.slow_until = span.map(|span| now() + span);
            }
            Effect::Pause { span, .. } => self.hindrance.stopped_until = now() + *span,
            _ => {}
        }
    }

    fn wake(&mut self) {
        self.alarm.clear();
        self.machine.wake(now());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(envelope) => {
                    let (object, buffers) = post::envelope(envelope);
                    post::object(&object, &buffers);
                }
                Output::Job(job) => self.job = Some(job),
                Output::Compute(work) => self.compute(work),
                Output::Abandon => self.stop(),
                Output::Finished => {
                    self.stop();
                    self.job = None;
                }
            }
        }
        if self.running.is_some() && !self.turning && now() >= self.hindrance.stopped_until {
            self.turning = true;
            // A message port takes any value while its worker lives.
            let _ = self.turn.port2().post_message(&JsValue::NULL);
        }
        let stopped = Some(self.hindrance.stopped_until).filter(|until| self.running.is_some() && *until > now());
        self.alarm.set(self.machine.next_wake().into_iter().chain(stopped).min());
    }

    fn compute(&mut self, work: Work) {
        let Some(job) = &self.job else { return };
        if let Body::Map { number, .. } = work.body {
            self.source.begin(job.splits[number as usize]);
        }
        let (task, attempt) = (work.task, work.attempt);
        match TaskKernel::new(job, work, Space::refusing(PAGE_TASK_BYTES)) {
            Ok(kernel) => self.running = Some(Running { task, attempt, kernel }),
            Err(error) => {
                self.machine.handle(now(), Input::Computed { task, attempt, outcome: Outcome::Failed(error.into()) });
            }
        }
    }

    fn stop(&mut self) {
        self.running = None;
        self.source.end();
    }

    /// One step of the kernel, once what it reads is there.
    fn turn(&mut self) {
        if let Some((number, read)) = self.source.read() {
            spawn_local(async move {
                let read = JsFuture::from(read).await;
                with_node(|node| {
                    node.source.take_in(number, read);
                    node.turn();
                });
            });
            return;
        }
        self.turning = false;
        let Some(running) = &mut self.running else { return };
        let before = now();
        let step = running.kernel.step(&mut self.source);
        let Running { task, attempt, kernel } = running;
        let (task, attempt) = (*task, *attempt);
        match step {
            Ok(false) => {
                let (records, bytes) = kernel.progress();
                self.machine.handle(now(), Input::Progress { task, attempt, records, bytes });
                self.machine.wake(now());
            }
            Ok(true) => {
                self.source.end();
                if let Some(running) = self.running.take() {
                    self.machine.handle(now(), Input::Computed { task, attempt, outcome: running.kernel.finish() });
                }
            }
            Err(error) => {
                self.stop();
                self.machine.handle(now(), Input::Computed { task, attempt, outcome: Outcome::Failed(error.into()) });
            }
        }
        self.hindrance.after_step(before);
        self.drain();
    }
}

impl Hindrance {
    /// A slow worker waits after each step for as long as the step would have taken longer.
    fn after_step(&mut self, before: Time) {
        let now = now();
        if self.factor > 1.0 && self.slow_until.is_none_or(|until| now < until) {
            self.stopped_until = self.stopped_until.max(now + now.since(before).scaled(self.factor - 1.0));
        }
    }
}

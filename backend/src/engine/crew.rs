//! The workers of one run: who lives, and how to reach them.
//!
//! Envelopes from worker to worker go straight, those to the coordinator go to the engine's thread. Only the living speak and
//! hear: what a killed worker still says is dropped here. A life ends by [`Crew::end`], or by itself (a panic, somebody's
//! `kill -9`), which the engine is told at once.
//!
//! The queues have no bound of their own: what can be in them is bounded by the protocol, which hands each worker three tasks
//! and eight open fetches a reduce task at a time, and repeats nothing more often than once a second.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use shared::batch::message::Envelope;
use shared::fault::Effect;
use shared::id::{Incarnation, NodeId};

use super::process;
use super::worker::{Birth, Word, live};
use super::{EngineInput, Post};

/// See the module.
#[derive(Debug)]
pub struct Crew {
    run: u32,
    engine: Post,
    lives: Mutex<BTreeMap<NodeId, Life>>,
}

#[derive(Debug)]
struct Life {
    incarnation: Incarnation,
    inbox: Sender<Word>,
    body: Body,
}

/// What a kill ends.
#[derive(Debug)]
enum Body {
    /// Its thread looks at the flag between two steps.
    Thread(Arc<AtomicBool>),
    Process(process::Handle),
}

impl Crew {
    pub fn new(run: u32, engine: Post) -> Arc<Crew> {
        Arc::new(Crew { run, engine, lives: Mutex::default() })
    }

    /// A worker that is a thread of this process.
    pub fn spawn_thread(self: &Arc<Crew>, birth: Birth) {
        let Birth { node, incarnation, .. } = birth;
        let (inbox, words) = channel();
        let killed = Arc::new(AtomicBool::new(false));
        let body = Body::Thread(killed.clone());
        self.lives().insert(node, Life { incarnation, inbox, body });
        let fall = Fall { crew: self.clone(), node, incarnation };
        let life = move || {
            let crew = fall.crew.clone();
            live(birth, &words, &killed, |envelope| crew.carry(envelope));
            drop(fall);
        };
        // If there is no thread to be had the closure is dropped, and `Fall` with it says that this life is over.
        if let Err(error) = thread::Builder::new().name(node.to_string()).spawn(life) {
            eprintln!("{node} could not be started as a thread: {error}");
        }
    }

    /// A worker that is a child process.
    pub fn spawn_process(self: &Arc<Crew>, birth: process::Birth) {
        let process::Birth { node, incarnation, .. } = birth;
        let (inbox, words) = channel();
        let started = process::start().and_then(|(handle, stdin, stdout)| {
            self.lives().insert(node, Life { incarnation, inbox, body: Body::Process(handle.clone()) });
            let fall = Fall { crew: self.clone(), node, incarnation };
            process::attend(birth, (stdin, stdout), words, handle, fall)
        });
        if let Err(error) = started {
            eprintln!("{node} could not be started as a process: {error}");
            self.engine.send(EngineInput::Down { run: self.run, node, incarnation });
        }
    }

    /// From a worker: to its peer, or to the coordinator.
    pub fn carry(&self, envelope: Envelope) {
        let lives = self.lives();
        if lives.get(&envelope.from).is_none_or(|life| life.incarnation != envelope.from_incarnation) {
            return;
        }
        match envelope.to {
            NodeId::Coordinator => {
                drop(lives);
                self.engine.send(EngineInput::Envelope { run: self.run, envelope });
            }
            NodeId::Worker(_) => deliver(&lives, envelope),
        }
    }

    /// From the coordinator.
    pub fn deliver(&self, envelope: Envelope) {
        deliver(&self.lives(), envelope);
    }

    /// Slows or pauses a worker.
    pub fn hinder(&self, effect: &Effect) {
        let (node, word) = match effect {
            Effect::Slow { node, factor, span } => (node, Word::Slow { factor: *factor, span: *span }),
            Effect::Pause { node, span } => (node, Word::Pause { span: *span }),
            // Kills are `end`; faults of the network and of messages were refused before the run began.
            Effect::Kill(_) | Effect::RestartCoordinator | Effect::Edge(_) | Effect::Partition { .. } | Effect::Message(_) => {
                return;
            }
        };
        if let Some(life) = self.lives().get(node) {
            // A worker whose inbox is closed is falling and cannot be slowed.
            let _ = life.inbox.send(word);
        }
    }

    /// Ends a life, really. Its memory is gone within one kernel step, and nothing that it says from now on is heard.
    pub fn end(&self, node: NodeId, incarnation: Incarnation) {
        let mut lives = self.lives();
        if lives.get(&node).is_some_and(|life| life.incarnation == incarnation) {
            lives.remove(&node).into_iter().for_each(Life::kill);
        }
    }

    /// Ends every life: the run is over.
    pub fn end_all(&self) {
        std::mem::take(&mut *self.lives()).into_values().for_each(Life::kill);
    }

    fn lives(&self) -> MutexGuard<'_, BTreeMap<NodeId, Life>> {
        // The map is whole even if a worker's thread panicked while it held the lock.
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn deliver(lives: &BTreeMap<NodeId, Life>, envelope: Envelope) {
    if let Some(life) = lives.get(&envelope.to) {
        // A worker whose inbox is closed is falling; its engine hears of it by itself.
        let _ = life.inbox.send(Word::Envelope(envelope));
    }
}

impl Life {
    fn kill(self) {
        match self.body {
            Body::Thread(killed) => killed.store(true, Ordering::Relaxed),
            Body::Process(handle) => handle.kill(),
        }
    }
}

/// Says that a life is over when it is dropped, however that came, unless it was ended on purpose.
#[derive(Debug)]
pub(super) struct Fall {
    pub(super) crew: Arc<Crew>,
    node: NodeId,
    incarnation: Incarnation,
}

impl Drop for Fall {
    fn drop(&mut self) {
        let (node, incarnation) = (self.node, self.incarnation);
        let mut lives = self.crew.lives();
        if lives.get(&node).is_some_and(|life| life.incarnation == incarnation) {
            lives.remove(&node);
            drop(lives);
            self.crew.engine.send(EngineInput::Down { run: self.crew.run, node, incarnation });
        }
    }
}

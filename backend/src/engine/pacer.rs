//! The thread of a simulation at a pace: it sleeps until the next virtual event is due, and hears its client's words in between.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use shared::machine::Machine;
use shared::session::paced::{BusCourse, Course, Input as Word, Output, Paced};
use shared::session::run::RunSpec;
use shared::session::{BusText, read_bus};
use shared::time::Time;
use shared::wire::{Breakpoint, Speed};

use super::spare::Stoppable;
use super::{EngineInput, Post};
use crate::inputs::Inputs;

/// Simulates a batch until nobody is left who could say a word; the run may have ended long before.
pub(super) fn batch(
    spec: RunSpec,
    seed: u64,
    speed: Speed,
    input: &Inputs,
    stopped: Arc<AtomicBool>,
    words: &Receiver<Word>,
    post: &Post,
) {
    let run = spec.run;
    let begin = |now| Ok(Paced::new(spec, seed, Box::new(Stoppable::open(input, stopped)?), speed, now));
    pace(run, begin, words, post);
}

/// A bus at its beginning.
pub(super) fn bus(
    run: u32,
    text: &BusText,
    seed: u64,
    breakpoints: &[Breakpoint],
    speed: Speed,
    now: Time,
) -> Result<Paced<BusCourse>, String> {
    Ok(Paced::of_bus(run, &*read_bus(text)?, seed, breakpoints, speed, now))
}

/// Simulates what begins so, in the same way.
pub(super) fn pace<C: Course>(
    run: u32,
    begin: impl FnOnce(Time) -> Result<Paced<C>, String>,
    words: &Receiver<Word>,
    post: &Post,
) {
    let began = Instant::now();
    let now = || Time(began.elapsed().as_micros() as u64);
    let mut paced = match begin(now()) {
        Ok(paced) => paced,
        Err(reason) => return post.send(EngineInput::Simulated { run, simulated: Err(reason) }),
    };
    loop {
        while let Some(output) = paced.poll() {
            match output {
                Output::Frame(frame) => post.send(EngineInput::Paced { run, frame }),
                Output::Trace(frame) => post.send(EngineInput::Traced { run, frame }),
                Output::Ended(simulated) => post.send(EngineInput::Simulated { run, simulated }),
            }
        }
        let word = match paced.next_wake() {
            Some(at) => words.recv_timeout(Duration::from_micros(at.since(now()).0)),
            // It is paused or has ended, and everything has been told.
            None => words.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match word {
            Ok(word) => paced.handle(now(), word),
            Err(RecvTimeoutError::Timeout) => paced.wake(now()),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

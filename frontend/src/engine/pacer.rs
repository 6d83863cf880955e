//! A simulation at a pace, in a worker of its own: driven by the clock on the wall, and touched by the session's words.

use js_sys::{Array, Uint8Array};
use shared::machine::Machine;
use shared::session::Paced;
use shared::session::paced::{Input as Word, Output};
use shared::time::Span;
use shared::wire::{Breakpoint, Speed};
use wasm_bindgen::JsValue;

use super::{Alarm, aside, now, post, with_pacer};

/// How long it computes before it listens again.
const TURN: Span = Span::millis(8);

/// See the module.
pub struct Pacer {
    paced: Box<dyn Machine<Input = Word, Output = Output>>,
    alarm: Alarm,
}

impl Pacer {
    /// From `{ role: "paced", spec, seed, speed, input }`, or of a bus `{ role: "paced", run, bus, seed, breakpoints, speed }`. Says `{ frame }` again and again, and `{ simulated, rows }` whenever it comes
    /// to another end, or `{ failed }`.
    pub fn new(message: &JsValue) -> Option<Pacer> {
        let begin = || -> Result<Box<dyn Machine<Input = Word, Output = Output>>, String> {
            let speed: Speed = aside::parse(message, "speed")?;
            if let Some((run, experiment, seed)) = aside::asked_bus(message)? {
                let breakpoints: Vec<Breakpoint> = aside::parse(message, "breakpoints")?;
                return Ok(Box::new(Paced::of_bus(run, &experiment, seed, &breakpoints, speed, now())));
            }
            let (spec, seed, source) = aside::asked(message)?;
            Ok(Box::new(Paced::new(spec, seed, Box::new(source), speed, now())))
        };
        match begin() {
            Ok(paced) => {
                let mut pacer = Pacer { paced, alarm: Alarm::new(|| with_pacer(Pacer::wake)) };
                pacer.drain();
                Some(pacer)
            }
            Err(reason) => {
                aside::answer_simulated(Err(reason));
                None
            }
        }
    }

    /// `{ steer }`.
    pub fn hear(&mut self, message: &JsValue) {
        if let Ok(word) = aside::parse(message, "steer") {
            self.paced.handle(now(), word);
        }
        self.drain();
    }

    fn wake(&mut self) {
        self.alarm.clear();
        let until = now() + TURN;
        loop {
            self.paced.wake(now());
            let now = now();
            if now >= until || self.paced.next_wake().is_none_or(|at| at > now) {
                break;
            }
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.paced.poll() {
            match output {
                Output::Frame(frame) => {
                    let json = serde_json::to_string(&frame).expect("a frame has string keys and no failing serializers");
                    post::object(&post::fields(&[("frame", json.into())]), &Array::new());
                }
                Output::Trace(frame) => {
                    let buffer = Uint8Array::from(&frame[..]).buffer();
                    post::object(&post::fields(&[("trace", buffer.clone().into())]), &Array::of1(&buffer));
                }
                Output::Ended(simulated) => aside::answer_simulated(simulated.map(|simulated| *simulated)),
            }
        }
        self.alarm.set(self.paced.next_wake());
    }
}

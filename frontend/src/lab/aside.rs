//! Runs aside: no view looks at them, and only what they come to is wanted, to be put beside something.

use std::rc::Rc;

use leptos::prelude::*;
use shared::wire::{Command, Event, Place, Report, RunCommand, Started};

use super::commands::attachment;
use super::state::{Input, Lab, Which};

/// Values instead of those in an experiment's text, by their paths.
pub type Sets = Vec<(String, String)>;

/// What is to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub text: String,
    pub place: Place,
    pub sets: Sets,
}

/// What came of it.
pub struct Answer {
    pub run: u32,
    pub started: Option<Box<Started>>,
    /// Or a sentence why there is none.
    pub report: Result<Report, String>,
}

/// A run aside that is under way.
pub(super) struct Aside {
    which: Which,
    started: Option<Box<Started>>,
    then: Rc<dyn Fn(Answer)>,
}

/// The run that an event tells about.
pub(super) fn run_of(event: &Event) -> Option<u32> {
    match event {
        Event::Started(started) => Some(started.run),
        Event::Frame(frame) => Some(frame.run),
        Event::Finished { run, .. } | Event::Failed { run, .. } => Some(*run),
        _ => None,
    }
}

impl Lab {
    /// Runs this as it would run if the user ran it now, with his input and his number of workers, in one go. Its number can be given to
    /// [`stop_aside`](Lab::stop_aside).
    pub fn run_aside(self, ask: Ask, then: impl Fn(Answer) + 'static) -> u32 {
        self.run_aside_on(ask, self.input.get_untracked(), then)
    }

    /// The same with another input.
    pub fn run_aside_on(self, ask: Ask, input: Input, then: impl Fn(Answer) + 'static) -> u32 {
        let run = self.next_run();
        let aside = Aside { which: Which::of(ask.place), started: None, then: Rc::new(then) };
        self.inner.update_value(|inner| drop(inner.asides.insert(run, aside)));
        leptos::task::spawn_local(async move {
            match attachment(&input).await {
                Ok(file) if file.is_some() && ask.place == Place::Server => {
                    self.answer_aside(run, Err("your own input is not sent to the server for this".to_owned()));
                }
                Ok(file) => {
                    let Ask { text, place, sets } = ask;
                    let input = file.as_ref().map(|file| self.attached(file));
                    let own_workers = !sets.iter().any(|(path, _)| path == "workers");
                    let workers = self.chosen_workers().filter(|_| own_workers);
                    let (seed, pace, breakpoints, idempotency_key) = (None, None, Vec::new(), None);
                    let command =
                        RunCommand { run, place, text, sets, input, workers, seed, pace, breakpoints, idempotency_key };
                    self.send_with(Which::of(place), &Command::Run(command), file.as_ref());
                }
                Err(sentence) => self.answer_aside(run, Err(sentence)),
            }
        });
        run
    }

    /// Ends it; nobody wants its answer any more.
    pub fn stop_aside(self, run: u32) {
        if let Some(aside) = self.inner.try_update_value(|inner| inner.asides.remove(&run)).flatten() {
            self.send(aside.which, &Command::Stop { run });
            self.send(aside.which, &Command::Forget { run });
        }
    }

    /// Takes in what a session says of a run aside. Whether it was about one.
    pub(super) fn hear_aside(self, event: &Event) -> bool {
        let Some(run) = run_of(event) else { return false };
        if !self.inner.with_value(|inner| inner.asides.contains_key(&run)) {
            return false;
        }
        match event {
            Event::Started(started) => self.inner.update_value(|inner| {
                if let Some(aside) = inner.asides.get_mut(&run) {
                    aside.started = Some(started.clone());
                }
            }),
            Event::Finished { report, .. } => self.answer_aside(run, Ok(report.clone())),
            Event::Failed { message, problems, .. } => {
                let problem = problems.first().map(|problem| format!("{message}: {}", problem.message));
                self.answer_aside(run, Err(problem.unwrap_or_else(|| message.clone())));
            }
            _ => {}
        }
        true
    }

    /// A session is gone, and its runs aside with it.
    pub(super) fn lose_asides(self, which: Which, sentence: &str) {
        let lost = self.inner.with_value(|inner| {
            inner.asides.iter().filter(|(_, aside)| aside.which == which).map(|(run, _)| *run).collect::<Vec<_>>()
        });
        lost.into_iter().for_each(|run| self.answer_aside(run, Err(sentence.to_owned())));
    }

    fn answer_aside(self, run: u32, report: Result<Report, String>) {
        if let Some(aside) = self.inner.try_update_value(|inner| inner.asides.remove(&run)).flatten() {
            // One that was refused is not there to be forgotten.
            if aside.started.is_some() {
                self.send(aside.which, &Command::Forget { run });
            }
            (aside.then)(Answer { run, started: aside.started, report });
        }
    }

    /// Whether the user's own input is read instead of what the text says.
    pub(super) fn has_own_input(self) -> bool {
        self.input.with_untracked(|input| *input != Input::AsWritten)
    }
}

//! A simulated run whose faults were changed is simulated again, up to the moment that is looked at. Until it is there, what was seen stays:
//! the new run takes the place of the old one at once, so that nothing blinks.

use leptos::prelude::*;
use shared::fault::Moment;
use shared::fault::text::{insertion, items, moved, removed, when};
use shared::time::Time;
use shared::wire::{Command, Event, Place, RunCommand};

use crate::lab::aside::run_of;
use crate::lab::commands::attachment;
use crate::lab::model::{RunModel, Stage};
use crate::lab::state::{Lab, Which, wall_ms};

/// What somebody changed about the faults of the run that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// One more, as an item of the text.
    Added(String),
    /// What was moved, and from where to where.
    Moved { what: String, from: String, to: String },
    /// One less, as an item of the text.
    Removed(String),
}

impl Edit {
    pub fn words(&self) -> String {
        match self {
            Edit::Added(item) => format!("Added: {item}"),
            Edit::Moved { what, from, to } => format!("Moved: {what}, from {from} to {to}"),
            Edit::Removed(item) => format!("Removed: {item}"),
        }
    }

    /// For a screen reader.
    fn told(&self) -> String {
        let (what, done) = match self {
            Edit::Added(item) => (item, "was added".to_owned()),
            Edit::Moved { what, to, .. } => (what, format!("was moved to {to}")),
            Edit::Removed(item) => (item, "was removed".to_owned()),
        };
        format!("{what} {done}, and the run was simulated again.")
    }
}

/// The run that will take the place of the one that is looked at.
pub(in crate::lab) struct Next {
    model: RunModel,
    /// The moment that is looked at.
    to: Time,
    /// It was told to go there.
    is_sent: bool,
    /// Virtual time went on before.
    resumes: bool,
    told: String,
}

/// What is to be done with it.
#[derive(Debug, PartialEq)]
enum Step {
    Wait,
    Send,
    Show,
}

impl Next {
    fn step(&mut self) -> Step {
        let model = &self.model;
        if matches!(model.stage, Stage::Failed { .. }) {
            return Step::Show;
        }
        if !self.is_sent && model.can_be_sought() {
            self.is_sent = true;
            return Step::Send;
        }
        let is_there = model.now == self.to && model.pace.as_ref().is_some_and(|pace| pace.state_hash.is_some());
        let is_over = model.report().is_some() && model.end().is_some_and(|end| end <= self.to);
        if self.is_sent && (is_there || is_over) { Step::Show } else { Step::Wait }
    }
}

impl Lab {
    /// Whether the text is the one that runs, with what was wished for in it.
    pub fn text_runs(self) -> bool {
        self.text.with(|text| self.inner.with_value(|inner| inner.ran.0 == *text))
    }

    /// Puts one more fault into the text, and lets the run happen with it if `again`.
    pub(super) fn add_fault(self, item: &str, again: bool) {
        let text = self.text.get_untracked();
        match insertion(&text, item).map(|insertion| insertion.added_to(&text)) {
            Some(text) if again => self.run_again(text, Edit::Added(item.to_owned())),
            Some(text) => self.text.set(text),
            None => {
                let sentence =
                    "The text is written in a way that no fault can be put into from here: write it into its faults: ";
                self.notice.set(Some(format!("{sentence}{item}")));
            }
        }
    }

    /// Moves the fault of this index in the text to another moment.
    pub(in crate::lab) fn move_fault(self, index: usize, to: Moment) {
        let text = self.text.get_untracked();
        let change = items(&text).into_iter().nth(index).zip(moved(&text, index, to));
        let Some((item, text)) = change else {
            let sentence = "This fault is written in a way that cannot be moved from here: change its at in the text.";
            return self.notice.set(Some(sentence.to_owned()));
        };
        let from = item.at.map(when).unwrap_or_default();
        self.run_again(text, Edit::Moved { what: item.what, from, to: when(to) });
    }

    /// Takes the fault of this index out of the text.
    pub(in crate::lab) fn remove_fault(self, index: usize) {
        let text = self.text.get_untracked();
        let change = items(&text).into_iter().nth(index).zip(removed(&text, index));
        let Some((item, without)) = change else {
            let sentence = "This fault is written in a way that cannot be taken out from here: delete it in the text.";
            return self.notice.set(Some(sentence.to_owned()));
        };
        let written = text[item.range].split_whitespace().collect::<Vec<_>>().join(" ");
        self.run_again(without, Edit::Removed(written));
    }

    /// Simulates the run that is looked at again, with this text.
    fn run_again(self, text: String, edit: Edit) {
        let (can, report, wished) = self.run.with_untracked(|run| {
            let wished = run.pace.as_ref().map(|pace| pace.wished.clone()).unwrap_or_default();
            (run.can_be_sought() && run.place == Some(Place::Simulate), run.report().cloned(), wished)
        });
        if !can {
            return self.text.set(text);
        }
        let (ran, written) = self.inner.with_value(|inner| inner.ran.clone());
        // What was wished for before is compared with the same run as before.
        if written == 0 {
            self.remember_without_faults(ran, report);
        }
        let told = edit.told();
        let is_first = !self.has_next();
        self.edits.update(|edits| {
            edits.extend(wished.into_iter().filter(|_| is_first).map(Edit::Added));
            edits.push(edit);
        });
        let (resumes, to) = self.drop_next().unwrap_or_else(|| self.stand());
        self.steer(|run| Command::Pause { run });
        self.opening.set(false);
        let mut model = RunModel::asked(self.next_run(), Place::Simulate);
        // The picture keeps its scale.
        model.shown = self.run.with_untracked(|run| run.shown);
        let run = model.run;
        let workers = self.run.with_untracked(|run| run.started.as_ref().map(|started| started.workers));
        let workers = self.chosen_workers().map(|chosen| workers.unwrap_or(chosen));
        self.inner.update_value(|inner| {
            inner.next = Some(Next { model, to, is_sent: false, resumes, told });
            inner.ran = (text.clone(), written.max(inner.ran.1));
        });
        self.text.set(text.clone());
        let input = self.input.get_untracked();
        leptos::task::spawn_local(async move {
            match attachment(&input).await {
                Ok(file) => {
                    let (input, pace) = (file.as_ref().map(|file| self.attached(file)), Some(self.speed.get_untracked()));
                    let (place, sets, seed, idempotency_key) = (Place::Simulate, Vec::new(), None, None);
                    // It stands still nowhere on its way to where the other one was.
                    let breakpoints = Vec::new();
                    let command =
                        RunCommand { run, place, text, sets, input, workers, seed, pace, breakpoints, idempotency_key };
                    self.send_with(Which::Engine, &Command::Run(command), file.as_ref());
                }
                Err(sentence) => {
                    self.drop_next();
                    self.notice.set(Some(sentence));
                }
            }
        });
    }

    /// Whether virtual time goes on, and the moment that is looked at: past all others if that is the end.
    fn stand(self) -> (bool, Time) {
        self.run.with_untracked(|run| {
            let is_over = run.report().is_some() && !run.is_rewound();
            (run.can_be_steered() && !run.is_paused(), if is_over { Time(u64::MAX) } else { run.now })
        })
    }

    /// Gives up the run that was to take the place of this one. Whether time was to go on then, and from where.
    pub(in crate::lab) fn drop_next(self) -> Option<(bool, Time)> {
        let next = self.inner.try_update_value(|inner| inner.next.take()).flatten()?;
        let run = next.model.run;
        self.send(Which::Engine, &Command::Stop { run });
        self.send(Which::Engine, &Command::Forget { run });
        Some((next.resumes, next.to))
    }

    /// Whether a run is about to take the place of this one.
    pub(in crate::lab) fn has_next(self) -> bool {
        self.inner.with_value(|inner| inner.next.is_some())
    }

    /// Whether this is about the run that is to take the place of the one that is looked at.
    pub(in crate::lab) fn is_of_next(self, event: &Event) -> bool {
        let run = run_of(event);
        run.is_some() && self.inner.with_value(|inner| inner.next.as_ref().map(|next| next.model.run)) == run
    }

    /// Takes in what is said of it.
    pub(in crate::lab) fn hear_next(self, event: Event) {
        let step = self.inner.try_update_value(|inner| {
            let next = inner.next.as_mut()?;
            next.model.apply(event, wall_ms());
            Some((next.step(), next.model.run, next.to))
        });
        match step.flatten() {
            Some((Step::Send, run, to)) => self.send(Which::Engine, &Command::Seek { run, to }),
            Some((Step::Show, ..)) => self.show_next(),
            _ => {}
        }
    }

    fn show_next(self) {
        let Some(next) = self.inner.try_update_value(|inner| inner.next.take()).flatten() else { return };
        self.forget_last();
        self.stay();
        self.table.clear();
        self.exporting.set(None);
        self.inner.update_value(|inner| (inner.ran.1, inner.land_at) = (0, None));
        self.run.set(next.model);
        self.spoken.set(next.told);
        self.tell_breakpoints();
        if next.resumes {
            self.steer(|run| Command::Resume { run });
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::wire::{Frame, Pace, Speed, Started};

    use super::*;

    fn next(to: u64) -> Next {
        let model = RunModel::asked(2, Place::Simulate);
        Next { model, to: Time(to), is_sent: false, resumes: true, told: String::new() }
    }

    fn frame(now: u64, chosen: bool) -> Event {
        let state_hash = chosen.then(|| "00".to_owned());
        let pace = Pace {
            speed: Speed::Max,
            paused: chosen,
            reached: Time(now),
            end: None,
            wished: Vec::new(),
            state_hash,
            halt: None,
        };
        Event::Frame(Box::new(Frame { run: 2, now: Time(now), pace: Some(pace), ..Frame::default() }))
    }

    fn started() -> Event {
        let json = r#"{ "run": 2, "place": "simulate", "title": "", "input": "", "input_bytes": "0", "splits": [], "reduces": 0,
            "stages": [], "workers": 1, "seed": "0", "steps": [], "columns": [] }"#;
        Event::Started(Box::new(serde_json::from_str::<Started>(json).unwrap()))
    }

    #[test]
    fn it_is_shown_when_it_is_where_the_other_one_was() {
        let mut next = next(500);
        let mut hear = |event| {
            next.model.apply(event, 0.0);
            next.step()
        };
        assert_eq!(hear(started()), Step::Wait);
        assert_eq!(hear(frame(0, false)), Step::Send);
        assert_eq!(hear(frame(300, false)), Step::Wait);
        assert_eq!(hear(frame(700, true)), Step::Wait);
        assert_eq!(hear(frame(500, true)), Step::Show);
    }

    #[test]
    fn one_that_fails_is_shown_too() {
        let mut next = next(500);
        let problems = Vec::new();
        next.model.apply(Event::Failed { run: 2, message: "no".to_owned(), problems }, 0.0);
        assert_eq!(next.step(), Step::Show);
    }
}

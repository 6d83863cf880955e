//! Going on where one was: what was chosen when the page was left, and the moment of the simulation that was looked at.
//!
//! The text is kept as it is written (`experiment`), panels and sizes as they are moved; all else is written down once, when the page is
//! left. What a reload does with it is to be calm:
//!
//! - Place, speed, number of workers and the way of the input are as they were. Files and pasted texts are not kept.
//! - A simulation is there again at the moment that was looked at: it harms nobody, it has been there before, and it is the same to the
//!   byte. One that was under way stands still there, since it may be what somebody reloads the page to be rid of. Nothing real is begun
//!   again: that is a press of Run away.
//! - A lesson goes on at the step that it was at.
//! - The run that the page opens on is begun anew, as at every visit, until somebody has run something.
//!
//! A link in the address wins over all of this.

use leptos::prelude::*;
use shared::time::Time;
use shared::wire::{Place, Speed};

use super::model::RunModel;
use super::state::{Input, Lab, WORKERS_MAX};
use crate::components::store::{keep, recall};

/// Under which key it is kept.
const KEY: &str = "bench";

/// What is written down.
#[derive(Clone, Debug, PartialEq)]
struct Bench {
    place: Place,
    speed: Speed,
    /// The user's own number.
    workers: Option<u32>,
    way: Way,
    /// Somebody had asked for a run.
    asked: bool,
    /// The moment that was looked at, and what the text that ran sums up to: it may have been written in another window since.
    at: Option<(Time, u32)>,
    /// That run has been at its end, and is kept.
    ended: bool,
    /// The lesson that was under way, by its name, and its step from 0.
    lesson: Option<(String, usize)>,
}

/// The way of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Bundled(u32),
    Paste,
}

impl Lab {
    /// Takes up what was left, if anything was; or begins as at the first visit. `runs`: something may be run.
    pub(super) fn resume(self, runs: bool) {
        let bench = recall(KEY).and_then(|line| read(&line));
        let asked = bench.as_ref().is_some_and(|bench| bench.asked);
        if runs && !asked && self.text_is_ours() {
            return self.run_opening();
        }
        let Some(Bench { place, speed, workers, way, at, ended, lesson, .. }) = bench else { return };
        if lesson.is_some() && runs {
            self.lesson_left.set(lesson);
        }
        self.choose(place);
        self.speed.set(speed);
        if let Some(workers) = workers {
            self.choose_workers(workers.clamp(1, WORKERS_MAX));
        }
        self.input.set(match way {
            Way::Bundled(1) => Input::AsWritten,
            Way::Bundled(times) => Input::Repeated(times),
            Way::Paste => Input::Pasted(String::new()),
        });
        let at = at.filter(|(_, sum)| runs && *sum == self.text.with_untracked(|text| sum_of(text)));
        if let Some((at, _)) = at {
            // Should it be too much for the page this time, the next visit is without.
            keep(KEY, &written(&Bench { at: None, ..self.bench() }));
            self.run();
            self.inner.update_value(|inner| (inner.land_at, inner.is_kept) = (Some(at), ended));
        }
    }

    /// Writes it down whenever the page is left.
    pub(super) fn leave_a_mark(self) {
        let left = window_event_listener(leptos::ev::pagehide, move |_| keep(KEY, &written(&self.bench())));
        let left = StoredValue::new_local(Some(left));
        on_cleanup(move || {
            if let Some(left) = left.try_update_value(Option::take).flatten() {
                left.remove();
            }
        });
    }

    fn bench(self) -> Bench {
        let opening = self.opening.get_untracked() && self.run.with_untracked(is_untouched);
        let ran = self.inner.with_value(|inner| inner.ran.0.clone());
        let stands = self.text.with_untracked(|text| *text == ran) && !opening && !self.has_own_file();
        Bench {
            place: self.place.get_untracked(),
            speed: self.speed.get_untracked(),
            workers: self.chosen_workers(),
            way: match self.input.get_untracked() {
                Input::Pasted(_) => Way::Paste,
                Input::Repeated(times) => Way::Bundled(times),
                Input::AsWritten | Input::File(_) => Way::Bundled(1),
            },
            asked: !opening && self.run.with_untracked(|run| run.run != 0),
            at: self.run.with_untracked(moment).filter(|_| stands).map(|at| (at, sum_of(&ran))),
            ended: self.run.with_untracked(|run| run.report().is_some()),
            // One that has not come again yet is still under way.
            lesson: self.lesson_now().or_else(|| self.lesson_left.get_untracked()),
        }
    }

    /// Whether the run reads what will not be there after a reload.
    fn has_own_file(self) -> bool {
        self.input.with_untracked(|input| matches!(input, Input::File(_) | Input::Pasted(_)))
    }
}

fn is_untouched(run: &RunModel) -> bool {
    run.pace.as_ref().is_none_or(|pace| pace.wished.is_empty())
}

/// The moment of a simulation that is looked at.
fn moment(run: &RunModel) -> Option<Time> {
    run.can_be_sought().then_some(run.now)
}

/// Tells one text from another well enough.
fn sum_of(text: &str) -> u32 {
    text.bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

/// A line of words: place, speed, workers, way, whether a run was asked for, moment, sum, whether it has ended, lesson and step.
fn written(bench: &Bench) -> String {
    let place = match bench.place {
        Place::Simulate => "simulate",
        Place::Browser => "browser",
        Place::Server => "server",
    };
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let speed = match bench.speed {
        Speed::Times(times) => times.to_string(),
        Speed::Max => "max".to_owned(),
    };
    let way = match bench.way {
        Way::Bundled(times) => times.to_string(),
        Way::Paste => "paste".to_owned(),
    };
    let asked = if bench.asked { "asked" } else { "-" }.to_owned();
    let ended = if bench.ended { "ended" } else { "-" }.to_owned();
    let (at, sum) = (bench.at.map(|(at, _)| at.0), bench.at.map(|(_, sum)| u64::from(sum)));
    let lesson = bench.lesson.as_ref().map_or_else(|| "-".to_owned(), |(name, step)| format!("{name}:{step}"));
    [place.to_owned(), speed, number(bench.workers.map(u64::from)), way, asked, number(at), number(sum), ended, lesson]
        .join(" ")
}

fn read(line: &str) -> Option<Bench> {
    let mut words = line.split(' ');
    let place = match words.next()? {
        "simulate" => Place::Simulate,
        "browser" => Place::Browser,
        "server" => Place::Server,
        _ => return None,
    };
    let speed = match words.next()? {
        "max" => Speed::Max,
        times => Speed::Times(times.parse().ok().filter(|times: &f64| times.is_finite() && *times > 0.0)?),
    };
    let workers = words.next()?.parse().ok();
    let way = match words.next()? {
        "paste" => Way::Paste,
        times => Way::Bundled(times.parse().ok()?),
    };
    let asked = words.next()? == "asked";
    let (at, sum) = (words.next()?.parse().ok().map(Time), words.next()?.parse().ok());
    let ended = words.next() == Some("ended");
    let lesson = words.next().and_then(|lesson| lesson.split_once(':'));
    let lesson = lesson.and_then(|(name, step)| Some((name.to_owned(), step.parse().ok()?)));
    Some(Bench { place, speed, workers, way, asked, at: at.zip(sum), ended, lesson })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_as_it_was() {
        let plain = Bench {
            place: Place::Browser,
            speed: Speed::Max,
            workers: None,
            way: Way::Bundled(1),
            asked: false,
            at: None,
            ended: false,
            lesson: None,
        };
        let full = Bench {
            place: Place::Simulate,
            speed: Speed::Times(0.5),
            workers: Some(7),
            way: Way::Paste,
            asked: true,
            at: Some((Time(1_200_000), sum_of("a"))),
            ended: true,
            lesson: Some(("first-kill".to_owned(), 2)),
        };
        for bench in [plain, full] {
            assert_eq!(read(&written(&bench)), Some(bench));
        }
    }

    #[test]
    fn what_is_no_such_line_is_nothing() {
        for line in ["", "simulate", "nowhere max - 1 - - -", "simulate -1 - 1 - - -", "simulate NaN - 1 - - -"] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn only_a_simulation_that_stands_still_has_a_moment() {
        let mut run = RunModel::asked(1, Place::Simulate);
        assert_eq!(moment(&run), None);
        run.stage = super::super::model::Stage::Running;
        assert_eq!(moment(&run), None);
    }
}

//! What the sessions say, taken into the page's state.

use std::time::Duration;

use leptos::prelude::*;
use shared::wire::{DataHeader, Event, Place};

use super::breaks::stopped;
use super::commands::save;
use super::format::{duration_ms, grouped, of, virtual_clock};
use super::later::{Part, do_later};
use super::model::{RunModel, Stage};
use super::pace::in_words;
use super::result::pack::Packer;
use super::state::{Export, Lab, Link, Redraw, Which, wall_ms};
use crate::session::Said;

/// Between two looks at a run that goes on. Painting sixty times a second takes the better part of half a core, which the workers of
/// a small machine want too; a bar that grows looks no different.
const REDRAW_EVERY_MS: f64 = 80.0;

impl Lab {
    pub(super) fn hear(self, which: Which, said: Said) {
        match said {
            Said::Event(event) => self.hear_event(which, event),
            Said::Data(header, bytes) => self.hear_data(header, bytes),
            Said::Up { resumed } => self.came_up(which, resumed),
            Said::Down(sentence) => self.went_down(which, sentence),
        }
    }

    fn hear_event(self, which: Which, event: Event) {
        match event {
            Event::Welcome { cores, .. } => {
                self.link_of(which).set(Link::Up { cores });
                self.suit_workers();
            }
            Event::Checked { id, problems, outline } => {
                if id == self.inner.with_value(|inner| inner.check_id) {
                    self.outline_is_old.set(outline.is_none() && self.outline.with_untracked(Option::is_some));
                    if let Some(outline) = outline {
                        match outline.workers.filter(|_| !self.inner.with_value(|inner| inner.workers_chosen)) {
                            Some(workers) => self.workers.set(workers),
                            None => self.suit_workers(),
                        }
                        self.outline.set(Some(outline));
                    }
                    self.problems.set(problems);
                }
            }
            Event::Rows { run, id, view } if run == self.run.with_untracked(|model| model.run) => self.table.take(id, view),
            Event::Invitation { run, watch } => self.invitation.set(Some((run, watch))),
            Event::Error { message } => self.notice.set(Some(message)),
            Event::Started(_) | Event::Frame(_) | Event::Finished { .. } | Event::Failed { .. } => {
                if self.is_of_next(&event) {
                    self.hear_next(event);
                } else if !self.hear_aside(&event) {
                    self.hear_run(which, event);
                }
            }
            Event::Condition { id, problem } => self.breaks.heard.set(Some((id, problem))),
            Event::Looked { .. } => self.text.with_untracked(|text| self.preview.hear(event, text)),
            Event::Rows { .. } | Event::Pong => {}
        }
    }

    fn hear_run(self, which: Which, event: Event) {
        if self.run.with_untracked(|model| model.place).map(Which::of) != Some(which) {
            return;
        }
        let mut is_step = !matches!(event, Event::Frame(_));
        let begins = matches!(event, Event::Started(_));
        let leaps = matches!(&event, Event::Frame(frame) if frame.whole);
        let arrived =
            matches!(&event, Event::Frame(frame) if frame.pace.as_ref().is_some_and(|pace| pace.state_hash.is_some()));
        let result = self.run.with_untracked(|model| model.report().cloned());
        let (was_active, news_before) = self.run.with_untracked(|model| (model.is_active(), model.news.len()));
        let (was_paused, before) = self.run.with_untracked(|model| (model.is_paused(), model.now));
        let wall_ms = wall_ms();
        let held = self.run.with_untracked(|model| model.halt().cloned());
        self.run.update_untracked(|model| model.apply(event, wall_ms));
        if begins {
            self.show_workers();
        }
        self.run.with_untracked(|model| {
            if let Some(sentence) = stopped(model).filter(|_| model.halt() != held.as_ref()) {
                self.speak(sentence);
            } else if let Some(news) = model.news.get(news_before..).filter(|news| !news.is_empty() && !leaps) {
                self.speak(news.iter().map(|news| news.text.as_str()).collect::<Vec<_>>().join(" "));
            } else if begins && model.is_active() {
                self.speak(self.beginning(model));
            } else if leaps {
                // The slider says by itself where it is.
            } else if model.is_paused() && (!was_paused || model.now > before) {
                let clock = virtual_clock(model.now.0 as f64 / 1e3);
                let word = if was_paused { "Stepped to" } else { "Paused at" };
                self.speak(format!("{word} {} {} of virtual time. Nothing moves.", clock.value, clock.unit));
            } else if was_paused && model.can_be_steered() && !model.is_paused() {
                self.speak("Virtual time goes on.".to_owned());
            }
            is_step |= was_paused || model.is_paused() || leaps;
            match &model.stage {
                Stage::Finished(report) if was_active => {
                    let took = duration_ms(report.virtual_ms.unwrap_or(report.wall_ms));
                    self.speak(format!("Done: {} in {} {}.", of(report.rows, "row", "rows"), took.value, took.unit));
                }
                Stage::Failed { message, .. } if was_active => self.speak(format!("The run ended: {message}")),
                _ => {}
            }
        });
        if result.is_some() && self.run.with_untracked(|model| model.report().is_none()) {
            self.table.clear();
        }
        if self.run.with_untracked(RunModel::can_be_sought)
            && let Some(at) = self.inner.try_update_value(|inner| inner.land_at.take()).flatten()
        {
            self.seek(at);
        }
        let wished = self.run.with_untracked(|model| model.pace.as_ref().map(|pace| pace.wished.clone())).unwrap_or_default();
        self.write_down(&wished, result);
        self.seen_at(self.run.with_untracked(|model| model.now), arrived);
        // That a run begins or ends is seen at once, and so is the moment that somebody wanted to go to.
        self.redraw(if is_step || arrived { 0.0 } else { REDRAW_EVERY_MS });
    }

    /// How many workers the experiment and the place came to, unless the user has said how many he wants.
    fn show_workers(self) {
        let own = |model: &RunModel| model.started.as_ref().filter(|_| !model.is_watched()).map(|started| started.workers);
        let workers = self.run.with_untracked(own);
        if let Some(workers) = workers.filter(|_| !self.inner.with_value(|inner| inner.workers_chosen)) {
            self.workers.set(workers);
        }
    }

    /// What is said of a run when it begins.
    fn beginning(self, model: &RunModel) -> String {
        let Some(started) = &model.started else { return String::new() };
        let Place::Simulate = started.place else {
            return format!("{} has begun with {}.", started.title, of(started.workers.into(), "worker", "workers"));
        };
        format!("{} has begun, simulated. {}", started.title, in_words(self.speed.get_untracked()))
    }

    /// However many events come, views look at the run so many milliseconds after the last time, in an animation frame.
    fn redraw(self, spacing_ms: f64) {
        let drawing = self.inner.with_value(|inner| inner.drawing.clone());
        let wait_ms = drawing.last_ms.get() + spacing_ms - wall_ms();
        let at = if wait_ms > 0.0 { Redraw::Later } else { Redraw::NextFrame };
        if drawing.due.get() >= at {
            return;
        }
        drawing.due.set(at);
        let draw = move || {
            let drawing = self.inner.with_value(|inner| inner.drawing.clone());
            // Another one may have come before.
            if drawing.due.replace(Redraw::None) != Redraw::None {
                drawing.last_ms.set(wall_ms());
                if self.inner.with_value(|inner| inner.seeking_since_ms.is_none()) {
                    self.stay();
                }
                self.run.notify();
            }
        };
        match at {
            Redraw::Later => set_timeout(move || request_animation_frame(draw), Duration::from_millis(wait_ms.ceil() as u64)),
            _ => request_animation_frame(draw),
        }
    }

    fn hear_data(self, header: DataHeader, bytes: js_sys::Uint8Array) {
        if !self.inner.with_value(|inner| inner.exports.contains_key(&header.id)) {
            return self.answer.set(Some((header.id, bytes)));
        }
        let length = f64::from(bytes.length());
        let collected = self.inner.try_update_value(|inner| {
            inner.exports.get_mut(&header.id)?.parts.push(bytes);
            header.last.then(|| inner.exports.remove(&header.id)).flatten()
        });
        self.exporting.update(|sum| *sum = sum.map(|sum| sum + length));
        if let Some(Some(Export { format, packed, parts })) = collected {
            self.exporting.set(None);
            let title = self.run.with_untracked(|model| model.started.as_ref().map(|started| started.title.clone()));
            let (parts, title) = (parts.iter().collect(), title.unwrap_or_else(|| "result".to_owned()));
            if packed {
                self.inner.update_value(|inner| inner.parcel = Some((parts, title, format.extension())));
                do_later(Part::Pack(Packer::of(self)));
            } else {
                self.give(&parts, &title, format.extension());
            }
        }
    }

    /// Gives the user a file that is called by a title.
    pub(super) fn give(self, parts: &js_sys::Array, title: &str, extension: &str) {
        let name = file_name(title, extension);
        match save(parts, &name) {
            Ok(()) => self.speak(format!("{name} is ready.")),
            Err(reason) => self.notice.set(Some(format!("The file could not be saved: {reason}."))),
        }
    }

    fn came_up(self, which: Which, resumed: bool) {
        if which == Which::Server {
            let again = self.inner.try_update_value(|inner| std::mem::replace(&mut inner.server_was_there, true));
            if again == Some(true) && !resumed {
                match self.run.with_untracked(|model| model.watch.clone()) {
                    Some(id) => self.watch_anew(id),
                    None => self.lose_run(which, "The server was restarted, and this run ended with it. Run it again."),
                }
            }
        }
    }

    fn went_down(self, which: Which, sentence: String) {
        self.link_of(which).set(Link::Down(sentence.clone()));
        self.exporting.set(None);
        self.lose_asides(which, &sentence);
        if which == Which::Engine {
            self.drop_next();
        }
        match which {
            Which::Engine => self.lose_run(which, &format!("{sentence} Restart the engine, then run it again.")),
            Which::Server if !self.inner.with_value(|inner| inner.server_was_there) => {
                // There never was a server: stop knocking, and go on here.
                if let Some(remote) = self.inner.try_update_value(|inner| inner.remote.take()).flatten() {
                    remote.end();
                }
                if self.is_watching() {
                    self.place.set(Place::Browser);
                    return self.lose_run(which, "No server answers at this address, so its runs cannot be watched.");
                }
                if self.place.get_untracked() == Place::Server {
                    self.place.set(Place::Browser);
                    self.notice.set(Some(
                        "No server answers at this address, so experiments run in this browser. Start one with `cargo xtask play`.".into(),
                    ));
                }
                self.lose_run(which, "No server answers at this address. Run it in this browser.");
            }
            Which::Server => {}
        }
    }

    fn lose_run(self, which: Which, sentence: &str) {
        let hit =
            self.run.with_untracked(|model| model.place.map(Which::of) == Some(which) && !matches!(model.stage, Stage::Empty));
        if !hit {
            return;
        }
        self.run.update(|model| match &model.stage {
            // A result that was there is gone with its session, but what was seen of it stays true.
            Stage::Finished(report) => {
                let rows = grouped(report.rows);
                model.fail(format!("The result ({rows} rows) was lost with its session. {sentence}"), Vec::new());
            }
            Stage::Failed { .. } => {}
            _ => model.fail(sentence.to_owned(), Vec::new()),
        });
    }

    fn speak(self, sentence: String) {
        self.spoken.set(sentence);
    }

    fn link_of(self, which: Which) -> RwSignal<Link> {
        match which {
            Which::Engine => self.engine,
            Which::Server => self.server,
        }
    }
}

/// A title as the name of a file: in small letters, with hyphens for what no file's name should have.
pub(super) fn file_name(title: &str, extension: &str) -> String {
    let words = title.to_lowercase();
    let words: Vec<&str> = words.split(|it: char| !it.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let stem = if words.is_empty() { "result".to_owned() } else { words.join("-") };
    format!("{stem}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_file_is_called_by_a_title_in_plain_letters() {
        assert_eq!(file_name("Word count", "csv"), "word-count.csv");
        assert_eq!(file_name("../A <b>day</b>: Überblick", "jsonl"), "a-b-day-b-überblick.jsonl");
        assert_eq!(file_name("?", "yaml"), "result.yaml");
    }
}

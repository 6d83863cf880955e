//! What the user asks for, turned into commands.

use std::rc::Rc;

use gloo_net::http::Request;
use js_sys::Array;
use leptos::prelude::*;
use shared::fault::Effect;
use shared::fault::text::insertion;
use shared::id::NodeId;
use shared::time::Time;
use shared::wire::{AttemptState, Command, ExportFormat, InputChoice, Place, Report, RunCommand, Speed, Stride};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{BlobPropertyBag, File, FilePropertyBag};

use super::change::Before;
use super::kept::record::Read;
use super::model::{RunModel, Stage};
use super::state::{Export, Input, Lab, Link, OPENING_SPEED, TEXT_BYTES_MAX, Which, wall_ms};
use crate::session::upload::{Sent, Upload};
use crate::session::{Local, Remote, Said, Session};

/// The bundled text, beside the page.
const GLOSSES: &str = "data/glosses.txt";
/// A simulation that does not arrive within this long, because it has never been there, may be sent elsewhere. Milliseconds.
const SEEK_MS_MAX: f64 = 250.0;
/// How often over the bundled text is read when there must be time to kill a worker.
pub const TIMES_TO_WATCH: u32 = 40;

impl Lab {
    /// Starts the engine, and looks whether a server is there.
    pub fn open(self, build: String) {
        self.inner.update_value(|inner| inner.build = build.clone());
        let local = Local::start(build, Rc::new(move |said: Said| self.hear(Which::Engine, said)));
        self.inner.update_value(|inner| inner.local = Some(local));
        // Another page's frame has no business with the server: it may have been put there to be clicked unawares.
        if crate::is_embedded() {
            return self.server.set(Link::Down(String::new()));
        }
        leptos::task::spawn_local(async move {
            if server_answers().await {
                self.connect();
            } else {
                self.server.set(Link::Down(String::new()));
            }
        });
    }

    /// Ends the engine with all its runs and starts it anew.
    pub fn restart_engine(self) {
        self.engine.set(Link::Connecting);
        if let Some(local) = self.inner.with_value(|inner| inner.local.clone()) {
            local.restart();
        }
    }

    /// Connects to the server now, whether or not that was tried before.
    pub fn connect(self) {
        self.server.set(Link::Connecting);
        match self.inner.with_value(|inner| inner.remote.clone()) {
            Some(remote) => remote.try_now(),
            None => {
                let build = self.inner.with_value(|inner| inner.build.clone());
                let remote = Remote::start(build, Rc::new(move |said: Said| self.hear(Which::Server, said)));
                self.inner.update_value(|inner| inner.remote = Some(remote));
            }
        }
    }

    /// Where the next run goes. The server is connected to when it is first chosen.
    pub fn choose(self, place: Place) {
        self.place.set(place);
        self.suit_workers();
        self.notice.set(None);
        if place == Place::Server && !self.server.get_untracked().is_up() {
            self.connect();
        }
    }

    /// Until the user says otherwise, a real place gets as many workers as it has cores.
    pub(super) fn suit_workers(self) {
        if !self.inner.with_value(|inner| inner.workers_chosen) {
            self.workers.set(untrack(move || self.cores()));
        }
    }

    pub fn choose_workers(self, workers: u32) {
        self.inner.update_value(|inner| inner.workers_chosen = true);
        self.workers.set(workers);
    }

    /// Asks the session of the chosen place to validate the text.
    pub fn check(self) {
        let id = self.next_id();
        self.inner.update_value(|inner| inner.check_id = id);
        let which = if self.server.get_untracked().is_up() { Which::of(self.place.get_untracked()) } else { Which::Engine };
        self.send(which, &Command::Check { id, text: self.text.get_untracked() });
    }

    /// Runs what is chosen, where it is chosen.
    pub fn run(self) {
        self.opening.set(false);
        if untrack(move || self.text_is_bus()) {
            self.input.set(Input::AsWritten);
        }
        self.run_input(self.input.get_untracked());
    }

    /// The first minute: the page's own experiment, simulated in slow motion, with three sentences beside it.
    pub fn run_opening(self) {
        self.choose(Place::Simulate);
        self.speed.set(OPENING_SPEED);
        self.intro.set(true);
        self.opening.set(true);
        self.run_input(Input::AsWritten);
    }

    /// A file that holds an experiment takes the place of the text, which is kept as the last one.
    pub(super) fn open_file(self, file: File) {
        let name = file.name();
        if file.size() > TEXT_BYTES_MAX as f64 {
            let sentence = format!("{name} is no experiment: those have {} KiB at most.", TEXT_BYTES_MAX >> 10);
            return self.notice.set(Some(sentence));
        }
        leptos::task::spawn_local(async move {
            match JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string()) {
                Some(text) => {
                    self.keep_own_text();
                    self.open_text(text);
                }
                None => self.notice.set(Some(format!("{name} cannot be read: it was moved or changed. Choose it again."))),
            }
        });
    }

    /// Another experiment: what ran before is no longer looked at.
    pub(super) fn open_text(self, text: String) {
        self.intro.set(false);
        self.input.set(Input::AsWritten);
        self.text.set(text);
        self.leave_run();
    }

    /// A text of the user's own, in the workers of this page: it can be pasted at once.
    pub fn prepare_own_text(self) {
        self.choose(Place::Browser);
        self.intro.set(false);
        self.input.set(Input::Pasted(String::new()));
        // The field is there after the views have heard of it.
        request_animation_frame(|| {
            let field = document().query_selector("[data-testid='paste-input']").ok().flatten();
            if let Some(field) = field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
                // A field that cannot take the focus is still there to be pressed.
                let _ = field.focus();
            }
        });
    }

    /// Holds virtual time, or lets it go on.
    pub fn pause_or_resume(self) {
        let paused = self.run.with_untracked(RunModel::is_paused);
        self.stay();
        self.steer(|run| if paused { Command::Resume { run } } else { Command::Pause { run } });
    }

    /// Lets one thing happen.
    pub fn step(self, by: Stride) {
        self.stay();
        self.steer(|run| Command::Step { run, by });
    }

    /// Goes to a moment of the run, as soon as it has arrived at the one before: whoever drags asks faster than can be told.
    pub fn seek(self, to: Time) {
        if !self.run.with_untracked(RunModel::can_be_sought) {
            return;
        }
        self.sought.set(Some(to));
        let now_ms = wall_ms();
        let waits = self.inner.with_value(|inner| inner.seeking_since_ms.is_some_and(|since| now_ms - since < SEEK_MS_MAX));
        if !waits {
            self.set_out(to, now_ms);
        }
    }

    fn set_out(self, to: Time, now_ms: f64) {
        self.inner.update_value(|inner| inner.seeking_since_ms = Some(now_ms));
        let (run, place) = self.run.with_untracked(|model| (model.run, model.place));
        if let Some(place) = place {
            self.send(Which::of(place), &Command::Seek { run, to });
        }
    }

    /// The simulation has said where it is.
    pub(super) fn seen_at(self, moment: Time, arrived: bool) {
        let (Some(since), now_ms) = (self.inner.with_value(|inner| inner.seeking_since_ms), wall_ms()) else { return };
        if !arrived && now_ms - since < SEEK_MS_MAX {
            return;
        }
        let end = self.run.with_untracked(RunModel::end);
        match self.sought.get_untracked().map(|to| end.map_or(to, |end| to.min(end))) {
            Some(to) if to != moment => self.set_out(to, now_ms),
            // The sought moment is shown until the run is drawn as it is there: what stands beside it must be of the same moment.
            _ => self.inner.update_value(|inner| inner.seeking_since_ms = None),
        }
    }

    /// Nobody is on the way to anywhere.
    pub(super) fn stay(self) {
        self.inner.update_value(|inner| inner.seeking_since_ms = None);
        self.sought.set(None);
    }

    /// For the run that goes on, and for those that come.
    pub fn choose_speed(self, speed: Speed) {
        self.speed.set(speed);
        self.steer(|run| Command::Speed { run, speed });
    }

    /// Says something to a simulation that can hear it.
    pub(super) fn steer(self, command: impl FnOnce(u32) -> Command) {
        let (run, place, can) = self.run.with_untracked(|model| (model.run, model.place, model.can_be_steered()));
        if let Some(place) = place.filter(|_| can) {
            self.send(Which::of(place), &command(run));
        }
    }

    /// The bundled text in this browser, often enough over for a worker to be killed at leisure.
    pub fn run_to_watch(self) {
        self.choose(Place::Browser);
        self.input.set(Input::Repeated(TIMES_TO_WATCH));
        self.run();
    }

    pub fn stop(self) {
        self.inner.update_value(|inner| inner.upload = None);
        let (run, place, stage) = self.run.with_untracked(|model| (model.run, model.place, model.stage.clone()));
        let Some(place) = place else { return };
        if let Stage::Uploading { .. } = stage {
            self.run.update(|model| model.fail("The upload was stopped.".into(), Vec::new()));
            return;
        }
        if untrack(|| self.is_away(place)) {
            let sentence = "The run was stopped in this page. When the server is back it hears of that too.";
            self.run.update(|model| model.fail(sentence.into(), Vec::new()));
        }
        self.send(Which::of(place), &Command::Stop { run });
    }

    /// Whether the session of that place was lost, so that a run there may go on but nothing is heard of it.
    pub(super) fn is_away(self, place: Place) -> bool {
        self.link(place).with(|link| matches!(link, Link::Down(_) | Link::Connecting)) && Which::of(place) == Which::Server
    }

    /// Runs what is chosen in this browser instead.
    pub fn run_here(self) {
        self.choose(Place::Browser);
        self.run();
    }

    pub fn kill(self, node: NodeId) {
        self.fault(Effect::Kill(node));
    }

    /// Slows or pauses a worker, or lets something else go wrong.
    pub fn fault(self, effect: Effect) {
        let (run, place) = self.run.with_untracked(|model| (model.run, model.place));
        // A run that is about to make room for another one has no future.
        if let Some(place) = place.filter(|_| !self.has_next()) {
            self.send(Which::of(place), &Command::Fault { run, effect });
        }
    }

    /// What was wished for in a simulated run becomes part of the experiment, as long as its text is the one that runs: so the text
    /// tells the run that was seen.
    pub(super) fn write_down(self, wished: &[String], report: Option<Report>) {
        let (ran, written) = self.inner.with_value(|inner| inner.ran.clone());
        let Some(new) = wished.get(written..).filter(|new| !new.is_empty()) else { return };
        if written == 0 {
            self.remember_without_faults(ran.clone(), report);
        }
        let text = self.text.get_untracked();
        let added = |text: String, item: &String| insertion(&text, item).map(|insertion| insertion.added_to(&text));
        // What ran has it, whatever the editor has by now.
        let written_down = new.iter().try_fold(ran.clone(), added);
        match written_down.as_ref().filter(|_| text == ran) {
            Some(text) => self.text.set(text.clone()),
            None => {
                let sentence = "The text is not the one that runs any more, so this stands in no line of it: ";
                self.notice.set(Some(sentence.to_owned() + &new.join(", ")));
            }
        }
        self.inner.update_value(|inner| inner.ran = (written_down.unwrap_or(ran), wished.len()));
    }

    /// Kills the worker whose current task has run longest: the one whose loss is best seen.
    pub fn kill_one(self) {
        let node = self.run.with_untracked(|model| {
            let busy = model.workers.iter().filter_map(|worker| {
                let attempt = model.attempts.get(worker.current? as usize)?;
                (attempt.state == AttemptState::Running).then_some((attempt.start, worker.view.node))
            });
            busy.min_by_key(|(start, _)| *start).map(|(_, node)| node)
        });
        match node {
            Some(node) => self.kill(node),
            None => self.notice.set(Some("No worker is busy at this moment, so none was killed. Try again.".into())),
        }
    }

    /// Asks for the finished result as one file, compressed if `packed`.
    pub fn export(self, format: ExportFormat, packed: bool) {
        let (run, place) = self.run.with_untracked(|model| (model.run, model.place));
        let Some(place) = place else { return };
        let id = self.next_id();
        self.inner.update_value(|inner| {
            inner.exports.clear();
            inner.exports.insert(id, Export { format, packed, parts: Vec::new() });
        });
        self.exporting.set(Some(0.0));
        self.send(Which::of(place), &Command::Export { run, id, format });
    }

    /// A number that no run has had.
    pub(super) fn next_run(self) -> u32 {
        self.inner
            .try_update_value(|inner| {
                inner.last_run += 1;
                inner.last_run
            })
            .unwrap_or_default()
    }

    pub(super) fn next_id(self) -> u32 {
        self.inner
            .try_update_value(|inner| {
                inner.last_id += 1;
                inner.last_id
            })
            .unwrap_or_default()
    }

    pub(super) fn send(self, which: Which, command: &Command) {
        if let Some(session) = self.session(which) {
            session.send(command);
        }
    }

    /// The same, with a file beside it for the session in this page.
    pub(super) fn send_with(self, which: Which, command: &Command, file: Option<&File>) {
        match (which, self.inner.with_value(|inner| inner.local.clone())) {
            (Which::Engine, Some(local)) => local.send(command, file),
            _ => self.send(which, command),
        }
    }

    /// A file as a command names it.
    pub(super) fn attached(self, file: &File) -> InputChoice {
        InputChoice::Attached { name: file.name(), bytes: file.size() as u64, format: self.preview.format() }
    }

    /// The user's own number of workers; otherwise the experiment and the place decide.
    pub(super) fn chosen_workers(self) -> Option<u32> {
        self.inner.with_value(|inner| inner.workers_chosen).then(|| self.workers.get_untracked())
    }

    fn session(self, which: Which) -> Option<Session> {
        self.inner.with_value(|inner| match which {
            Which::Engine => inner.local.clone().map(Session::Local),
            Which::Server => inner.remote.clone().map(Session::Remote),
        })
    }

    fn run_input(self, input: Input) {
        let place = self.place.get_untracked();
        let run = self.next_run();
        self.look_at(RunModel::asked(run, place));
        self.inner.update_value(|inner| (inner.read, inner.is_kept) = (Read::of(&input), false));
        leptos::task::spawn_local(async move {
            match attachment(&input).await {
                Ok(file) => self.begin(run, place, file),
                Err(sentence) => self.give_up(run, sentence),
            }
        });
    }

    /// Another run is looked at from now on, one that has not been heard of yet.
    pub(super) fn look_at(self, run: RunModel) {
        self.forget_last();
        self.before.set(Before::None);
        self.edits.set(Vec::new());
        self.notice.set(None);
        self.table.clear();
        self.exporting.set(None);
        self.inner.update_value(|inner| inner.land_at = None);
        self.stay();
        self.window.set(None);
        self.run.set(run);
    }

    /// Sends the run command, after the input has gone up if the server is to read it.
    fn begin(self, run: u32, place: Place, file: Option<File>) {
        match (Which::of(place), file) {
            (Which::Engine, file) => {
                let command = self.run_command(run, place, file.as_ref().map(|file| self.attached(file)));
                self.send_with(Which::Engine, &command, file.as_ref());
            }
            (Which::Server, None) => self.send(Which::Server, &self.run_command(run, place, None)),
            (Which::Server, Some(file)) => self.upload(run, file),
        }
    }

    fn upload(self, run: u32, file: File) {
        let name = file.name();
        let told = name.clone();
        let tell = move |sent| match sent {
            Sent::Part(sent, total) => self.run.update(|model| {
                if model.run == run {
                    model.stage = Stage::Uploading { sent, total };
                }
            }),
            Sent::All(id) => {
                self.run.update(|model| model.stage = Stage::Starting);
                let choice = InputChoice::Upload { id, name: told.clone(), format: self.preview.format() };
                self.send(Which::Server, &self.run_command(run, Place::Server, Some(choice)));
            }
            Sent::Not(sentence) => self.give_up(run, sentence),
        };
        self.run.update(|model| model.stage = Stage::Uploading { sent: 0.0, total: file.size() });
        match Upload::start(&file, &name, Rc::new(tell)) {
            Ok(upload) => self.inner.update_value(|inner| inner.upload = Some(upload)),
            Err(sentence) => self.give_up(run, format!("The upload could not start: {sentence}.")),
        }
    }

    fn run_command(self, run: u32, place: Place, input: Option<InputChoice>) -> Command {
        let workers = self.chosen_workers();
        let text = self.text.get_untracked();
        self.inner.update_value(|inner| inner.ran = (text.clone(), 0));
        let pace = (place == Place::Simulate).then(|| self.speed.get_untracked());
        let (sets, breakpoints) = (Vec::new(), self.breakpoints_of(place));
        Command::Run(RunCommand {
            run,
            place,
            text,
            sets,
            input,
            workers,
            seed: None,
            pace,
            breakpoints,
            idempotency_key: None,
        })
    }

    fn give_up(self, run: u32, sentence: String) {
        self.run.update(|model| {
            if model.run == run {
                model.fail(sentence, Vec::new());
            }
        });
    }

    /// No run is looked at any more.
    pub(super) fn leave_run(self) {
        self.forget_last();
        self.before.set(Before::None);
        self.edits.set(Vec::new());
        self.table.clear();
        self.stay();
        self.opening.set(false);
        let last = self.run.with_untracked(|run| run.run);
        self.run.set(RunModel::none(last));
    }

    /// The page looks at one run at a time: an earlier one ends, and its result is freed.
    pub(super) fn forget_last(self) {
        self.inner.update_value(|inner| inner.upload = None);
        self.drop_next();
        if self.is_watching() {
            return self.leave_watched();
        }
        let (run, place, stage) = self.run.with_untracked(|model| (model.run, model.place, model.stage.clone()));
        let Some(place) = place else { return };
        match stage {
            Stage::Starting | Stage::Running => self.send(Which::of(place), &Command::Stop { run }),
            Stage::Finished(_) => self.send(Which::of(place), &Command::Forget { run }),
            Stage::Empty | Stage::Uploading { .. } | Stage::Failed { .. } => {}
        }
    }
}

/// The file behind an input, for a session to read in slices; `None` when the experiment's text names it.
pub(super) async fn attachment(input: &Input) -> Result<Option<File>, String> {
    match input {
        Input::AsWritten => Ok(None),
        Input::File(file) => Ok(Some(file.clone())),
        Input::Pasted(text) => file(&Array::of1(&text.as_str().into()), "pasted text").map(Some),
        Input::Repeated(times) => {
            let glosses = fetch_glosses().await?;
            // A blob made of blobs refers to them: forty times over costs no more memory than once.
            let parts: Array = std::iter::repeat_n(glosses, *times as usize).collect();
            file(&parts, &format!("glosses, {times} times over")).map(Some)
        }
    }
}

async fn fetch_glosses() -> Result<web_sys::Blob, String> {
    let failed = || "The bundled text did not load. Reload the page, or choose a file of your own.".to_owned();
    let response = Request::get(&crate::beside(GLOSSES)).send().await.map_err(|_| failed())?;
    if !response.ok() {
        return Err(failed());
    }
    let blob = web_sys::Response::from(response).blob().map_err(|_| failed())?;
    Ok(JsFuture::from(blob).await.map_err(|_| failed())?.unchecked_into())
}

fn file(parts: &Array, name: &str) -> Result<File, String> {
    let options = FilePropertyBag::new();
    options.set_type("text/plain");
    File::new_with_blob_sequence_and_options(parts, name, &options).map_err(|error| crate::session::local::describe(&error))
}

/// Gives the user `parts`, texts or bytes, as one file.
pub(super) fn save(parts: &Array, name: &str) -> Result<(), String> {
    let options = BlobPropertyBag::new();
    options.set_type(match name.rsplit_once('.') {
        Some((_, "csv")) => "text/csv;charset=utf-8",
        Some((_, "jsonl")) => "application/jsonl",
        Some((_, "yaml")) => "application/yaml",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "png")) => "image/png",
        _ => "application/octet-stream",
    });
    let describe = |error| crate::session::local::describe(&error);
    let blob = web_sys::Blob::new_with_blob_sequence_and_options(parts, &options).map_err(describe)?;
    let url = web_sys::Url::create_object_url_with_blob(&blob).map_err(describe)?;
    let anchor: web_sys::HtmlAnchorElement = document().create_element("a").map_err(describe)?.unchecked_into();
    anchor.set_href(&url);
    anchor.set_download(name);
    anchor.click();
    // The browser has taken the blob over by the time the click's task is done.
    set_timeout(move || drop(web_sys::Url::revoke_object_url(&url)), std::time::Duration::from_secs(60));
    Ok(())
}

/// Whether a server of ours is there. A server of files has a file in that place, which says that there is none, or may answer any path
/// with the page itself.
async fn server_answers() -> bool {
    let Ok(response) = Request::get(&crate::beside("api/health")).send().await else { return false };
    response.ok() && response.text().await.is_ok_and(|health| is_well(&health))
}

fn is_well(health: &str) -> bool {
    health.starts_with('{') && !health.contains("\"none\"")
}

#[cfg(test)]
mod tests {
    use super::is_well;

    #[test]
    fn only_a_server_of_ours_is_one() {
        assert!(is_well(r#"{"status":"ok","version":"0.1.0"}"#));
        for other in ["{\"status\":\"none\"}\n", "<!doctype html>", "", "Not found"] {
            assert!(!is_well(other), "{other}");
        }
    }
}

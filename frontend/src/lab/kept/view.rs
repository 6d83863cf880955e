//! The dialog: what is kept, and what can be done with it.

use js_sys::{Array, Date, Object, Reflect};
use leptos::prelude::*;
use shared::fault::text::with_seed;
use shared::wire::Place;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, HtmlElement, HtmlInputElement, KeyboardEvent};

use super::database::{self, Change};
use super::file;
use super::list::{Again, Deleted, State};
use super::record::{NAMED_MAX, Named, PastRun, Read, name};
use crate::components::html::{value_of, wanted};
use crate::components::icon::Icon;
use crate::components::sheet::{Dialog, SearchHead};
use crate::lab::aside::{Answer, Ask};
use crate::lab::experiment::gallery::title_of;
use crate::lab::format::of;
use crate::lab::state::{Input, Lab, Link, WORKERS_MAX, use_lab};

/// Handles that may be copied anywhere.
#[derive(Clone, Copy)]
struct Keeper {
    lab: Lab,
    dialog: Dialog,
    state: RwSignal<State>,
}

impl Keeper {
    /// Looks anew at what is kept.
    fn read(self) {
        leptos::task::spawn_local(async move {
            let found = database::read().await;
            self.state.try_update(|state| match found {
                Ok(kept) => state.kept = Some(kept),
                Err(trouble) => {
                    state.kept.get_or_insert_default();
                    state.refuse(trouble);
                }
            });
        });
    }

    /// Makes these changes, and then says so; or says why not.
    fn write(self, changes: Vec<Owned>, done: impl FnOnce(&mut State) + 'static) {
        leptos::task::spawn_local(async move {
            let changes: Vec<_> = changes.iter().map(Owned::change).collect();
            let written = database::write(&changes).await;
            self.state.try_update(|state| {
                (state.trouble, state.taken) = (None, None);
                match written {
                    Ok(()) => {
                        self.lab.kept.trouble.set(None);
                        state.deleted = None;
                        done(state);
                    }
                    Err(trouble) => state.refuse(trouble),
                }
            });
            self.read();
        });
    }

    /// Keeps what is in the editor under the name that is written above; what is there under it already only when `over` says so.
    fn keep(self, over: bool) {
        let name = match name(&value_of("kept-name")) {
            Ok(name) => name,
            Err(trouble) => return self.state.update(|state| state.refuse(trouble)),
        };
        let (is_taken, is_full) = self.state.with_untracked(|state| (state.named(&name).is_some(), state.is_full()));
        if is_taken && !over {
            return self.state.update(|state| (state.taken, state.trouble) = (Some(name), None));
        }
        if is_full && !is_taken {
            let trouble =
                format!("{NAMED_MAX} experiments are kept, which is the most there can be. Delete one first, or replace one.");
            return self.state.update(|state| state.refuse(trouble));
        }
        let named = Named {
            name: name.clone(),
            kept_ms: Date::now(),
            text: self.lab.text.get_untracked(),
            place: self.lab.place.get_untracked(),
            workers: self.lab.chosen_workers(),
        };
        self.write(vec![Owned::Put(named)], move |state| state.told = format!("It is kept as “{name}”."));
    }

    fn rename(self) {
        let (to, from) = (name(&value_of("rename-to")), self.state.with_untracked(|state| state.renaming.clone()));
        let to = match to {
            Ok(to) => to,
            Err(trouble) => return self.state.update(|state| state.refuse(trouble)),
        };
        let named = self.state.with_untracked(|state| {
            let taken = from.as_ref() != Some(&to) && state.named(&to).is_some();
            let named = state.named(from.as_deref().unwrap_or_default()).cloned();
            if taken { Err(()) } else { Ok(named) }
        });
        match (named, from) {
            (Ok(Some(named)), Some(from)) => {
                let told = format!("“{from}” is “{to}” now.");
                let changes = vec![Owned::DeleteExperiment(from), Owned::Put(Named { name: to, ..named })];
                self.write(changes, move |state| (state.renaming, state.told) = (None, told));
            }
            (Err(()), _) => self.state.update(|state| {
                state.refuse(format!("There is an experiment “{to}” already. Choose another name, or delete that one first."));
            }),
            _ => self.state.update(|state| state.renaming = None),
        }
    }

    fn delete_run(self, run: PastRun) {
        let told = format!("The run of “{}” is deleted.", run.title);
        self.write(vec![Owned::DeleteRun(run.ended_ms)], move |state| {
            (state.told, state.deleted) = (told, Some(Deleted::Runs(vec![run])));
        });
    }

    fn delete_all_runs(self) {
        let runs = self.state.with_untracked(|state| state.kept.as_ref().map(|kept| kept.runs.clone())).unwrap_or_default();
        let told = format!("{} deleted.", of(runs.len() as u64, "past run is", "past runs are"));
        self.write(vec![Owned::DeleteAllRuns], move |state| (state.told, state.deleted) = (told, Some(Deleted::Runs(runs))));
    }

    fn delete_experiment(self, named: Named) {
        let told = format!("“{}” is deleted.", named.name);
        self.write(vec![Owned::DeleteExperiment(named.name.clone())], move |state| {
            (state.told, state.deleted) = (told, Some(Deleted::Experiment(named)));
        });
    }

    fn undo(self) {
        let deleted = self.state.with_untracked(|state| state.deleted.clone());
        let changes = match deleted {
            Some(Deleted::Runs(runs)) => runs.into_iter().map(Owned::PutRun).collect(),
            Some(Deleted::Experiment(named)) => vec![Owned::Put(named)],
            None => return,
        };
        self.write(changes, |state| state.told = "It is back.".to_owned());
    }

    /// Puts an experiment into the page in place of what is there; the user's own text can be had back from the gallery.
    fn open(self, text: String, place: Place, workers: Option<u32>, input: Input) {
        let lab = self.lab;
        if lab.text.with_untracked(|now| *now != text) {
            lab.keep_own_text();
        }
        lab.input.set(input);
        lab.text.set(text);
        lab.choose(place);
        if let Some(workers) = workers {
            lab.choose_workers(workers.clamp(1, WORKERS_MAX));
        }
        self.dialog.close();
    }

    fn open_run(self, run: PastRun) {
        let input = run.read.again(&self.lab.input.get_untracked());
        let missing = match (&input, &run.read) {
            (None, Read::File { name, .. }) => {
                Some(format!("It read {name}, a file of yours, which is not kept: choose it again."))
            }
            (None, _) => Some("It read a text that you had pasted, which is not kept: paste it again.".to_owned()),
            (Some(_), _) => None,
        };
        let text = with_its_seed(run.text, run.seed);
        self.open(text, run.place, run.workers, input.unwrap_or_default());
        if missing.is_some() {
            self.lab.notice.set(missing);
        }
    }

    /// Runs it as it ran then, aside, and puts what it comes to beside what it came to.
    fn run_again(self, run: PastRun) {
        let key = run.ended_ms as u64;
        let told = move |same, sentence: String| {
            self.state.try_update(|state| state.again.insert(key, Again::Told(same, sentence)));
        };
        if run.place == Place::Server && !matches!(self.lab.server.get_untracked(), Link::Up { .. }) {
            return told(false, "No server answers, and it ran on one. Open it to run it elsewhere.".to_owned());
        }
        let Some(input) = run.read.again(&self.lab.input.get_untracked()) else {
            let sentence = match &run.read {
                Read::File { name, .. } => {
                    format!("It read {name}, which is not kept. Choose that file as the input, and try again.")
                }
                _ => "It read a pasted text, which is not kept, so it cannot be run as it was.".to_owned(),
            };
            return told(false, sentence);
        };
        let workers = run.workers.map(|workers| ("workers".to_owned(), workers.to_string()));
        let sets = [("seed".to_owned(), run.seed.to_string())].into_iter().chain(workers).collect();
        let ask = Ask { text: run.text.clone(), place: run.place, sets };
        let number = self.lab.run_aside_on(ask, input, move |Answer { report, .. }| {
            let (same, sentence) = run.beside(&report);
            told(same, sentence);
        });
        self.state.update(|state| drop(state.again.insert(key, Again::Under(number))));
    }

    fn stop(self, run: &PastRun) {
        let again = self.state.try_update(|state| state.again.remove(&(run.ended_ms as u64))).flatten();
        if let Some(Again::Under(number)) = again {
            self.lab.stop_aside(number);
        }
    }

    fn export(self) {
        let text = self.state.with_untracked(|state| state.kept.as_ref().map(file::export)).unwrap_or_default();
        self.lab.give(&Array::of1(&text.into()), "millrace kept", "json");
    }

    fn import(self, chosen: File) {
        let told = chosen.name();
        if chosen.size() > file::FILE_BYTES_MAX {
            let most = file::FILE_BYTES_MAX / 1024.0 / 1024.0;
            let trouble =
                format!("{told} is larger than {most} MiB, and no file that “Export all” makes is. Nothing was changed.");
            return self.state.update(|state| state.refuse(trouble));
        }
        leptos::task::spawn_local(async move {
            let text = JsFuture::from(chosen.text()).await.ok().and_then(|text| text.as_string());
            let text = text.ok_or_else(|| format!("{told} cannot be read: it was moved or changed. Choose it again."));
            // What is kept may have changed since it was last looked at.
            let import = match (text, database::read().await) {
                (Ok(text), Ok(kept)) => file::import(&told, &text, &kept),
                (Err(trouble), _) | (_, Err(trouble)) => Err(trouble),
            };
            match import {
                Ok(import) => {
                    let sentence = import.told(&told);
                    let experiments = import.experiments.into_iter().map(Owned::Put);
                    self.write(experiments.chain(import.runs.into_iter().map(Owned::PutRun)).collect(), |state| {
                        state.told = sentence
                    });
                }
                Err(trouble) => drop(self.state.try_update(|state| state.refuse(trouble))),
            }
        });
    }

    fn press(self, what: &str, index: u64) {
        let (run, named) = self.state.with_untracked(|state| (state.run(index).cloned(), state.experiment(index).cloned()));
        match (what, run, named) {
            ("open-run", Some(run), _) => self.open_run(run),
            ("again-run", Some(run), _) => self.run_again(run),
            ("stop-run", Some(run), _) => self.stop(&run),
            ("delete-run", Some(run), _) => self.delete_run(run),
            ("open-kept", _, Some(named)) => self.open(named.text, named.place, named.workers, Input::AsWritten),
            ("rename-kept", _, Some(named)) => {
                self.state.update(|state| state.renaming = Some(named.name));
                focus_later("rename-to");
            }
            ("rename-save", ..) => self.rename(),
            ("rename-not", ..) => self.state.update(|state| (state.renaming, state.trouble) = (None, None)),
            ("delete-kept", _, Some(named)) => self.delete_experiment(named),
            _ => {}
        }
    }
}

/// A change that has what it is about with it.
enum Owned {
    PutRun(PastRun),
    DeleteRun(f64),
    DeleteAllRuns,
    Put(Named),
    DeleteExperiment(String),
}

impl Owned {
    fn change(&self) -> Change<'_> {
        match self {
            Owned::PutRun(run) => Change::PutRun(run),
            Owned::DeleteRun(ended_ms) => Change::DeleteRun(*ended_ms),
            Owned::DeleteAllRuns => Change::DeleteAllRuns,
            Owned::Put(named) => Change::PutExperiment(named),
            Owned::DeleteExperiment(name) => Change::DeleteExperiment(name),
        }
    }
}

/// The text with the seed that it ran with, unless it says so itself: without one an experiment has seed 0.
fn with_its_seed(text: String, seed: u64) -> String {
    let says_so = text.lines().any(|line| line.starts_with("seed:"));
    if says_so || seed == 0 { text } else { with_seed(&text, seed).unwrap_or(text) }
}

/// Gives the focus to what will be there when the views have heard of it.
fn focus_later(id: &'static str) {
    request_animation_frame(move || {
        let field = document().query_selector(&format!("[data-testid={id}]")).ok().flatten();
        if let Some(field) = field.and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
            // A field that cannot take the focus is still there to be pressed.
            let _ = field.focus();
        }
    });
}

/// A day and a time, as the user's language has them.
fn when(ms: f64) -> String {
    let options = Object::new();
    for name in ["dateStyle", "timeStyle"] {
        // A plain object takes any property.
        let _ = Reflect::set(&options, &name.into(), &"short".into());
    }
    String::from(Date::new(&ms.into()).to_locale_string("default", &options))
}

/// What is in the dialog.
#[component]
pub fn Keeping(dialog: Dialog) -> impl IntoView {
    let lab = use_lab();
    let state = RwSignal::new(State::default());
    let keeper = Keeper { lab, dialog, state };
    let proposed = RwSignal::new(String::new());
    Effect::new(move |_| {
        dialog.opened.track();
        proposed.set(lab.text.with_untracked(|text| title_of(text)));
        state.update(|state| {
            (state.trouble, state.taken, state.renaming) = (None, None, None);
            // What was deleted can still be had back.
            if state.deleted.is_none() {
                state.told.clear();
            }
        });
        // What waited for this part of the page is kept first.
        lab.kept.write();
    });
    Effect::new(move |_| {
        lab.kept.times.track();
        // Another window may have kept something since.
        dialog.opened.track();
        keeper.read();
    });
    let trouble = move || state.with(|state| state.trouble.clone()).or_else(|| lab.kept.trouble.get());
    let press = move |event| {
        if let Some((what, Some(index))) = wanted(&event) {
            keeper.press(&what, index);
        }
    };
    let typed = move |event: KeyboardEvent| {
        if event.key() == "Enter" && state.with_untracked(|state| state.renaming.is_some()) && is_field(&event) {
            event.prevent_default();
            keeper.rename();
        }
    };
    let entered = move |event: KeyboardEvent| {
        if event.key() == "Enter" {
            event.prevent_default();
            keeper.keep(false);
        }
    };
    let chosen = move |event| {
        let picker = event_target::<HtmlInputElement>(&event);
        if let Some(file) = picker.files().and_then(|files| files.get(0)) {
            keeper.import(file);
        }
        // The same file can be chosen once more.
        picker.set_value("");
    };
    view! {
        <div class="gallery-inside">
            <SearchHead
                dialog=dialog
                name="kept"
                title="Kept"
                search="Search what is kept"
                on_search=move |sought| state.update(|state| state.sought = sought)
            />
            <div class="gallery-body kept-body">
                <p class="hint">"All of it is kept in this browser, on this computer, and nowhere else."</p>
                <div class="sheet-row">
                    <label for="kept-name">"Keep this as"</label>
                    <input
                        id="kept-name"
                        class="kept-field"
                        data-testid="kept-name"
                        prop:value=proposed
                        on:keydown=entered
                    />
                    <button class="bright" data-testid="kept-keep" on:click=move |_| keeper.keep(false)>"Keep"</button>
                </div>
                {move || state.with(|state| state.taken.clone()).map(|name| view! {
                    <div class="sheet-row" role="alert">
                        <p>{format!("There is an experiment “{name}” already.")}</p>
                        <button class="small" data-testid="kept-overwrite" on:click=move |_| keeper.keep(true)>"Replace it"</button>
                        <button class="small" on:click=move |_| state.update(|state| state.taken = None)>"Leave it"</button>
                    </div>
                })}
                <div class="kept-line">
                    <p class="broken" data-testid="kept-trouble" role="alert">{trouble}</p>
                    <p data-testid="kept-told" role="status">{move || state.with(|state| state.told.clone())}</p>
                    <button
                        class="small"
                        data-testid="kept-undo"
                        class:hidden=move || state.with(|state| state.deleted.is_none())
                        on:click=move |_| keeper.undo()
                    >
                        "Undo"
                    </button>
                </div>
                <h3>"Experiments"</h3>
                <ul inner_html=move || state.with(|state| state.experiments(when)) on:click=press on:keydown=typed></ul>
                <h3>"Past runs"</h3>
                <ul inner_html=move || state.with(|state| state.runs(when)) on:click=press></ul>
            </div>
            <footer class="kept-foot">
                <button
                    data-testid="kept-export"
                    disabled=move || state.with(State::is_empty)
                    on:click=move |_| keeper.export()
                >
                    <Icon name="download" />
                    "Export all"
                </button>
                <label class="picker">
                    <input class="unseen" type="file" accept=".json,application/json" data-testid="kept-import" on:change=chosen />
                    <span class="button">
                        <Icon name="upload" />
                        "Import"
                    </span>
                </label>
                <button
                    data-testid="kept-delete-all"
                    disabled=move || state.with(|state| !state.has_runs())
                    on:click=move |_| keeper.delete_all_runs()
                >
                    "Delete all past runs"
                </button>
            </footer>
        </div>
    }
}

fn is_field(event: &KeyboardEvent) -> bool {
    event.target().is_some_and(|target| target.dyn_ref::<HtmlInputElement>().is_some())
}

//! A link to what is looked at, and what came by one.
//!
//! All of it is in the link itself, behind the `#`, which no server sees. A link wins over the text that was kept from the last visit,
//! and that text is offered back. The same link, to the page's embedded form ([`super::embed`]), is in the frame that a page of
//! somebody else's can have.

use js_sys::Array;
use leptos::prelude::*;
use shared::link::Link;
use shared::wire::Place;
use wasm_bindgen::JsValue;

use super::embed;
use super::experiment::gallery::title_of;
use super::format::{of, virtual_clock};
use super::hear::file_name;
use super::later::{Later, Part};
use super::model::RunModel;
use super::picture::Pictures;
use super::state::{Input, Lab, OWN_TEXT_KEY, WORKERS_MAX, use_lab};
use super::watch::WatchLink;
use crate::components::copy::CopyLine;
use crate::components::icon::Icon;
use crate::components::sheet::{Dialog, Sheet};
use crate::components::store::keep;

impl Lab {
    /// Takes up the link in the page's address, if there is one. Whether there was one; a sentence if it cannot be opened.
    pub fn open_link(self) -> Result<bool, String> {
        if self.open_watch() || self.open_join() {
            return Ok(true);
        }
        let Some(read) = Link::read(&window().location().hash().unwrap_or_default()) else { return Ok(false) };
        set_fragment("");
        let link = read.map_err(|error| format!("This link cannot be opened: {error}."))?;
        let Link { text, place, workers, at, breakpoints } = link;
        let own = self.text.get_untracked();
        let own = Some(own).filter(|own| *own != text && !self.text_is_ours());
        if let Some(own) = &own {
            keep(OWN_TEXT_KEY, own);
        }
        self.input.set(Input::AsWritten);
        self.text.set(text);
        self.choose(place);
        let broken = of(breakpoints.len() as u64, "breakpoint", "breakpoints");
        let with = if breakpoints.is_empty() { String::new() } else { format!(", with {broken}") };
        self.add_breakpoints(breakpoints);
        if let Some(workers) = workers {
            self.choose_workers(workers.clamp(1, WORKERS_MAX));
        }
        // What a link says is simulated harms nobody; real workers begin when they are told to.
        if place == Place::Simulate {
            self.run();
            self.inner.update_value(|inner| inner.land_at = at);
        }
        let kept = if own.is_some() { " Your own text is kept." } else { "" };
        self.notice.set(Some(format!("This experiment came by a link{with}.{kept}")));
        self.set_aside.set(own);
        Ok(true)
    }

    /// The text that a link took the place of.
    pub fn bring_back(self) {
        self.notice.set(None);
        if let Some(own) = self.set_aside.try_update(Option::take).flatten() {
            self.text.set(own);
        }
    }

    /// What a link to all this says.
    pub(super) fn link_to_this(self) -> Link {
        let text = self.text.get_untracked();
        let ran = self.inner.with_value(|inner| inner.ran.0.clone());
        let seen = |run: &RunModel| (run.can_be_sought() && (run.is_paused() || run.is_rewound())).then_some(run.now);
        Link {
            place: self.place.get_untracked(),
            workers: self.chosen_workers(),
            at: self.run.with_untracked(seen).filter(|_| ran == text),
            breakpoints: self.breakpoints_of_text(),
            text,
        }
    }
}

impl Lab {
    /// Gives the user the text as a file.
    fn save_experiment(self) {
        let text = self.text.get_untracked();
        self.give(&Array::of1(&text.as_str().into()), &title_of(&text), "yaml");
    }

    /// What runs the file of [`save_experiment`](Lab::save_experiment) as it would run here, as far as that is said here.
    fn command_line(self) -> String {
        let place = if self.place.get() == Place::Server { "server" } else { "simulate" };
        let workers = self.workers.get();
        let workers =
            self.chosen_workers().filter(|_| !self.text_is_bus()).map(|_| format!(" --workers {workers}")).unwrap_or_default();
        let name = file_name(&self.text.with(|text| title_of(text)), "yaml");
        format!("millrace run {name} --place {place}{workers}")
    }
}

/// What is in the page's address behind its `#` from now on. Without a link there, what is in the page counts, also when it is loaded
/// again.
pub(super) fn set_fragment(fragment: &str) {
    let location = window().location();
    let address = format!("{}{}{fragment}", location.pathname().unwrap_or_default(), location.search().unwrap_or_default());
    if let Ok(history) = window().history() {
        // Where that is forbidden the link opens again with the next load.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address));
    }
}

/// What stands before the `#`.
pub(super) fn address() -> String {
    let location = window().location();
    format!("{}{}", location.origin().unwrap_or_default(), location.pathname().unwrap_or_default())
}

/// The button, and the dialog that it opens.
#[component]
pub fn Share() -> impl IntoView {
    let dialog = Dialog::new();
    view! {
        <button
            class="quiet"
            data-testid="share-open"
            aria-label="Share"
            title="A link to this experiment, or a frame with it"
            on:click=move |_| dialog.open()
        >
            <Icon name="share-2" />
            <span class="head-word">"Share"</span>
        </button>
        <Sheet dialog=dialog name="share" title="Share this">
            <Later part=Part::Share(dialog) wanted=move || dialog.was_opened() />
        </Sheet>
    }
}

/// What is in the dialog.
#[component]
pub fn Sharing(dialog: Dialog) -> impl IntoView {
    let lab = use_lab();
    let link = RwSignal::new(None::<Link>);
    Effect::new(move |_| {
        dialog.opened.track();
        link.set(Some(untrack(|| lab.link_to_this())));
    });
    let text = Memo::new(move |_| {
        link.with(|link| link.as_ref().map(|link| format!("{}#{}", address(), link.fragment()))).unwrap_or_default()
    });
    let frame = Memo::new(move |_| {
        let title = lab.text.with(|text| title_of(text));
        link.with(|link| link.as_ref().map(|link| embed::frame(&link.fragment(), &title))).unwrap_or_default()
    });
    let moment = move || {
        let Some(at) = link.with(|link| link.as_ref().and_then(|link| link.at)) else { return " and where it runs".to_owned() };
        let clock = virtual_clock(at.0 as f64 / 1e3);
        format!(", where it runs, and the moment that you look at, {} {}", clock.value, clock.unit)
    };
    let breakpoints = move || {
        let count = link.with(|link| link.as_ref().map_or(0, |link| link.breakpoints.len()));
        if count == 0 { String::new() } else { format!(", {} at its edges", of(count as u64, "breakpoint", "breakpoints")) }
    };
    view! {
        <div class="sheet-inside">
            <p data-testid="share-told">"It carries the experiment with its seed and its faults" {breakpoints} {moment}
                ". All of that is in the link itself: nothing is stored anywhere, and no server sees it."
            </p>
            <p class="hint" class:hidden=move || lab.input.with(|input| *input == Input::AsWritten)>
                "Your own input is not in it: whoever opens it reads what the experiment names."
            </p>
            <CopyLine dialog=dialog name="share-link" copy="share-copy" label="The link" text=text bright=true />
            <h3>"In a page of yours"</h3>
            <p>
                "A frame with this experiment: it runs in the reader's browser, when the reader presses Run. "
                <span class:hidden=move || lab.place.get() != Place::Server>"A frame has no server, so there it is simulated. "</span>
                "The page that it shows is " <code>{embed::address()}</code> ": that has to be where your readers can reach it."
            </p>
            <CopyLine dialog=dialog name="frame-link" copy="frame-copy" label="The frame, as HTML" text=frame />
            <WatchLink dialog=dialog />
            <h3>"Pictures"</h3>
            <div class="pictures">
                <Pictures />
            </div>
            <h3>"The same on the command line"</h3>
            <p class="share-line">
                <code data-testid="command-line">{move || lab.command_line()}</code>
                <button class="small" data-testid="experiment-file" on:click=move |_| lab.save_experiment()>
                    <Icon name="download" />
                    "The experiment as a file"
                </button>
            </p>
        </div>
    }
}

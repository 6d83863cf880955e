//! The one screen: what is run, what it is doing, how well, and what came of it.
//!
//! Reading order: [`model`] (a run as plain data), [`names`] (what tasks are called), [`state`] (signals), `commands` and `hear` (the two
//! directions of talk with a session), then the views: [`header`], [`setup`], [`metrics`], [`pace`], [`graph`], [`bus`], [`timeline`],
//! [`charts`], [`workers`], [`inspect`], [`breaks`], [`seek`], [`change`], [`news`], [`result`], [`compare`], [`sweep`], [`lesson`], [`kept`],
//! `resume`, [`share`], [`embed`], [`mod@watch`], [`join`], [`picture`], [`keys`].
//!
//! Elements that tests reach for carry a `data-testid`; these names are kept stable:
//!
//! - places: `place-simulate` `place-browser` `place-server` (radio buttons; `data-link` is `up`, `down`, `connecting` or `unknown`)
//! - virtual time: `pace` (the bar), `pause`, `step-task`, `step-event`, `step-fault`, `speed-0.1` `speed-0.5` `speed-1` `speed-10`
//!   `speed-max` (radio buttons), `time` (the slider; `data-state` the hash of what is seen, `data-sought` whether it is on its way),
//!   `time-at`, `time-end`
//! - faults: `faults-open` and `faults-open-workers` (the buttons), `faults` (the dialog), in it `fault-kind` `fault-node` `fault-from`
//!   `fault-to` `fault-factor` `fault-by` `fault-probability` `fault-for`, `fault-now` `fault-time` `fault-share` (radio buttons) with
//!   `fault-time-at` `fault-share-at`, `fault-line`, `fault-told`, `fault-do`, `fault-simulate`, and of each fault of the text (from 0)
//!   `fault-listed-N` and `fault-unlist-N`; on the timeline `fault-flag-N` (from 0, by
//!   its place in the text; `data-state` is `planned`, `past` or `held`, `data-at` its moment in microseconds) and in its menu
//!   `remove-fault-N`; what they did: `change`, `edits`, `ran-again`
//! - breakpoints: `breaks-open` (`data-count`, those of this bus that are on), `break-here-inspected` (in the inspector), `breaks` (the
//!   dialog), in it `break-edge`, `break-when`, `break-told`, `break-here`, `breaks-real`, `break-list`, and of one `break-N` (by its number,
//!   from 1), `break-on-N`, `break-remove-N`; the message that is stopped: `held`, `held-name`, `held-way`, `held-way-told`, `held-step`, `held-continue`, `held-drop`,
//!   `held-requeue`, `held-edit` and in its form `held-key`, `held-headers`, `held-body`, `held-edit-do`
//! - beside each other: `compare-open`, `compare-with`, `compare-set`, `compare-run`, `compare-stop`, `comparison`, `verdict`; many seeds: `seeds-open`,
//!   `seeds-from`, `seeds-count`, `seeds-run`, `seeds-stop`, `seeds-told`, and of a failing one `failing-N`, `open-seed-N`, `shrink-N`,
//!   `shrunk-N`, `open-shrunk-N`
//! - lessons: `take-NAME` (in the gallery), `lesson` (`data-step` from 1), `lesson-step`, `lesson-back`, `lesson-skip`, `lesson-end`
//! - what is kept: `kept-open`, `kept`, `kept-close`, `kept-search`, `kept-name`, `kept-keep`, `kept-overwrite`, `kept-trouble`, `kept-told`,
//!   `kept-undo`, `kept-export`, `kept-import` (the picker), `kept-delete-all`; an experiment: `kept-experiment`, `open-kept-N`,
//!   `rename-kept-N`, `rename-to`, `rename-save-N`, `rename-not-N`, `delete-kept-N`; a run: `kept-run`, `open-run-N`, `again-run-N`,
//!   `stop-run-N`, `again-told-N` (`data-same`), `delete-run-N`; N counts from 0, the newest
//! - a new version: `update`, `update-load`, `update-later`
//! - a live bus: `join-open`, `join` (the dialog), `buses`, `attach-NAME`, `bus-told`, `bus-again`, `bus-detach`, `bus-has`, `bus-queue-NAME`,
//!   `publish-exchange` `publish-key` `publish-headers` `publish-body` `publish-count` `publish-rate` `publish-persistent`, `publish`,
//!   `publish-stop`, `publish-told` (`data-confirmed`), `publish-flow`, `subscribe-queue` `subscribe-prefetch` `subscribe-acks`, `subscribe`,
//!   `get-one`, `get-told`, `request-queue` `request-body` `request-timeout`, `request`, `requests`, `request-N`, `consumers`, `cancel-TAG`, `deliveries-told`, `delivery`, `redelivered`, `ack-N` `requeue-N` `reject-N`, `ack-all`
//! - other tabs, in the same dialog: `tabs`, `no-tabs`, `client-NAME`, `take-NAME`, `back-NAME`, `tabs-told`
//! - links: `share-open`, `share`, `share-told`, `share-link`, `share-copy`, `frame-link`, `frame-copy`, `bring-back` (in the notice), `watch-link`, `watch-copy`, and in a page
//!   that watches `watching` (the sentence) and `watch-again`; pictures: `picture-graph-svg` `picture-graph-png` `picture-timeline-svg`
//!   `picture-timeline-png`; keys: `shortcuts-open`, `shortcuts`
//! - choices: `input-bundled` `input-file` `input-paste` (radio buttons), `file-input` (the picker), `file-name`, `paste-input`,
//!   `times-input`, `workers-input`, `editor` (`data-editor` is `plain` or `full`), `experiment-text`, `problem` (one for each), `sound`
//!   (there is none), `outline`, `outline-step`, `widen`, `gallery-open`, `gallery-search`, `open-NAME` and `open-own` (in the gallery),
//!   `run` (`run-narrow` where there is little room), `stop`, `theme`; beside the first run: `kill-one`, and when it has ended `own-text` and `real-run`
//! - the experiment as a form: `view-text` `view-form` (radio buttons), `form`, `form-undo`, `form-redo`, `form-trouble` and `form-told`
//!   (sentences); of the field at a path (`seed`, `batch/steps/0/filter`; empty for the document) `field-PATH`, `value-PATH`, `name-PATH`
//!   (where the name is one's own), `add-PATH`, `remove-PATH`, `up-PATH`, `down-PATH`, `problem-PATH`, `to-text-PATH` (what cannot be shown);
//!   in the menu of what may be added `offer-KEY`, `offer-name`, `offer-own`
//! - the run: `status-line`, `status` (`data-stage` is `empty`, `uploading`, `starting`, `running`, `finished` or `failed`; `data-run` its number;
//!   `data-paused`),
//!   `progress`, `elapsed`, `remaining`, `throughput`, `records`, `graph`, `timeline`, `timeline-as-table`, `timeline-table`, `news`
//! - what is shown of the time: `zoom-in`, `zoom-out`, `zoom-whole`, `zoom-said` (in words, when it has settled), `overview` (the strip below
//!   the timeline; `data-from` and `data-to` in microseconds); the messages between nodes: `timeline-messages` (the button), `messages` (the
//!   picture), `messages-told` (how many there are), `messages-class-N` (what is shown of them)
//! - charts: `fold-charts`, and when they are unfolded of each chart (`throughput`, `busy`; of a bus `depth`, `messages`, `latency`)
//!   `chart-NAME`, `chart-summary-NAME`, `chart-numbers-NAME` (a fold) and in it `chart-table-NAME`; `pointed` (the line in the timeline at the
//!   moment that is pointed at, `shown` or not) and `pointed-at` (the same in words; `data-exact` in microseconds)
//! - a bus: `graph`, `kill-broker`; its clients are the workers
//! - workers: `worker-N` (`data-state` is `starting`, `idle`, `busy` or `down`; `data-incarnation`), `kill-worker-N`, `hinder-worker-N` and in its menu
//!   `slow-worker-N-FACTOR` and `pause-worker-N-MS`
//! - the inspector: `inspected`, `inspected-name`, `select-first`, `select-previous`, `select-next`, `select-none`
//! - troubles: `banner` (a session is away; `banner-action` its button), `notice`, `failure`, `bad-records`, `panicked`
//! - the result: `result-table`, `sort-COLUMN`, `result-search`, `rows-total`, `rows-matched`, `row` (with `aria-rowindex`),
//!   `download-csv`, `downloads` and in its menu `download-jsonl`, `download-arrow`, `download-csv.gz` and so on, `output-hash`, `expectation` (`data-held`), `counter-NAME`
//!
//! - in a frame of another page: `embedded` (`data-shows` is `run` or `result`), `show-run` `show-result` (radio buttons), `open-in-millrace`;
//!   `run`, `stop`, `status`, `pace`, `graph`, `timeline` and the result's as ever
//!
//! Figures carry their exact value in `data-exact`. The page opens on a simulation in slow motion; `/?run=browser` opens it on the same
//! experiment in this page's workers, as soon as it goes, and `/?autorun=no` without a run.

pub mod aside;
pub mod banners;
pub mod breaks;
pub mod bus;
pub mod change;
pub mod charts;
mod commands;
pub mod compare;
pub mod embed;
pub mod experiment;
pub mod faults;
pub mod format;
pub mod graph;
pub mod header;
mod hear;
pub mod inspect;
pub mod intro;
pub mod join;
pub mod kept;
pub mod keys;
pub mod later;
pub mod lesson;
pub mod measures;
pub mod metrics;
pub mod model;
pub mod names;
pub mod news;
pub mod pace;
pub mod picture;
pub mod preview;
pub mod rate;
pub mod result;
mod resume;
pub mod seek;
pub mod setup;
pub mod share;
pub mod state;
pub mod sweep;
pub mod timeline;
pub mod watch;
pub mod workers;

use leptos::prelude::*;
use shared::wire::Place;
use web_sys::DragEvent;

use self::later::{Later, Part};
use crate::components::splitter::{Side, Splitter};
use crate::components::theme::Colours;
use crate::components::tip::{Tip, TipView};

/// The page.
#[component]
pub fn Lab() -> impl IntoView {
    let lab = state::Lab::new();
    provide_context(lab);
    provide_context(Tip(RwSignal::new(None)));
    provide_context(Colours(Trigger::new()));
    provide_context(faults::Chooser::new());
    provide_context(breaks::Breaker::new());
    lab.open(crate::build_id());
    let inside = if crate::is_embedded() {
        view! { <Later part=Part::Embedded wanted=move || true /> }.into_any()
    } else {
        view! { <Bench /> }.into_any()
    };
    view! {
        {inside}
        <faults::FaultsDialog />
        <breaks::BreaksDialog />
        <TipView />
        <div class="unseen" role="status" aria-live="polite">{move || lab.spoken.get()}</div>
    }
}

/// The page as it is when it has a window of its own.
#[component]
fn Bench() -> impl IntoView {
    let lab = state::use_lab();
    let link = lab.open_link();
    match first_run() {
        _ if link == Ok(true) => {}
        First::Browser => lab.run(),
        first => lab.resume(matches!(first, First::Opening)),
    }
    // What opens instead has nothing to say.
    if let Err(sentence) = link {
        lab.notice.set(Some(sentence));
    }
    lab.leave_a_mark();
    crate::update::watch();
    // A link that is pasted into the address of an open page.
    let pasted = window_event_listener(leptos::ev::hashchange, move |_| {
        if let Err(sentence) = lab.open_link() {
            lab.notice.set(Some(sentence));
        }
    });
    let pasted = StoredValue::new_local(Some(pasted));
    on_cleanup(move || {
        if let Some(pasted) = pasted.try_update_value(Option::take).flatten() {
            pasted.remove();
        }
    });
    // The place of the first run was the page's choice; a text of the user's own is counted for real unless he says otherwise.
    Effect::new(move |_| {
        let own = lab.input.with(|input| *input != state::Input::AsWritten);
        if own && lab.opening.get_untracked() && lab.place.get_untracked() == Place::Simulate {
            lab.choose(Place::Browser);
        }
    });
    view! {
        <header::Header />
        <banners::Banners />
        <main class="lab">
            <div class="column left">
                <intro::Intro />
                <Later part=Part::Lesson wanted=move || lab.lesson.with(Option::is_some) || lab.lesson_left.with(Option::is_some) quiet=true />
                <setup::Setup />
                <experiment::Experiment />
            </div>
            <Splitter name="left" label="Width of the set-up" side=Side::Left min=220.0 max=720.0 initial=368.0 />
            <div class="column centre">
                <metrics::Metrics />
                <Show when=move || lab.is_bus() fallback=graph::Graph>
                    <Later part=Part::Bus wanted=move || true />
                </Show>
                <Splitter name="graph" label="Height of the graph" side=Side::Above min=120.0 max=640.0 initial=252.0 />
                <timeline::Timeline />
                <Splitter name="timeline" label="Height of the timeline" side=Side::Above min=80.0 max=640.0 initial=192.0 />
                <charts::Charts />
                <result::view::Result />
            </div>
            <Splitter name="right" label="Width of workers and news" side=Side::Right min=200.0 max=520.0 initial=280.0 />
            <div class="column right">
                <workers::Workers />
                <inspect::Inspector />
                <Later part=Part::Change wanted=move || lab.has_changed() quiet=true />
                <news::News />
            </div>
        </main>
        <DropZone />
    }
}

/// What the page opens on.
enum First {
    /// The first minute.
    Opening,
    /// The same experiment in this page's workers: what a measurement of the page wants.
    Browser,
    None,
}

fn first_run() -> First {
    let query = window().location().search().unwrap_or_default();
    match query {
        _ if query.contains("autorun=no") => First::None,
        _ if query.contains("run=browser") => First::Browser,
        _ => First::Opening,
    }
}

/// A file dropped anywhere on the page becomes the input.
#[component]
fn DropZone() -> impl IntoView {
    let lab = state::use_lab();
    let over = RwSignal::new(false);
    let carries_files = |event: &DragEvent| {
        let kinds = event.data_transfer().map(|transfer| transfer.types());
        kinds.is_some_and(|kinds| kinds.includes(&"Files".into(), 0))
    };
    let handles = [
        window_event_listener(leptos::ev::dragover, move |event| {
            if carries_files(&event) {
                event.prevent_default();
                over.set(true);
            }
        }),
        window_event_listener(leptos::ev::dragleave, move |event| {
            // Leaving the window, not passing from one element to the next.
            if event.related_target().is_none() {
                over.set(false);
            }
        }),
        window_event_listener(leptos::ev::drop, move |event| {
            if carries_files(&event) {
                event.prevent_default();
                over.set(false);
                let file = event.data_transfer().and_then(|transfer| transfer.files()).and_then(|files| files.get(0));
                match file {
                    Some(file) if is_experiment(&file.name()) => lab.open_file(file),
                    Some(file) => lab.input.set(state::Input::File(file)),
                    None => {}
                }
            }
        }),
    ];
    let handles = StoredValue::new_local(Some(handles));
    on_cleanup(move || {
        if let Some(Some(handles)) = handles.try_update_value(Option::take) {
            handles.into_iter().for_each(WindowListenerHandle::remove);
        }
    });
    view! {
        <div class="drop" class:over=over aria-hidden="true">
            <p>"Drop a file to read it as the input, or an experiment (.yaml) to open it"</p>
        </div>
    }
}

/// Whether a file of this name is an experiment, and no input of one.
fn is_experiment(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// A place in words.
pub fn place_name(place: Place) -> &'static str {
    match place {
        Place::Simulate => "Simulate",
        Place::Browser => "This browser",
        Place::Server => "Server",
    }
}

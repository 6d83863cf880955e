//! What is counted, by how many, and the buttons that start and stop it.

use leptos::html;
use leptos::prelude::*;
use shared::wire::Place;

use super::commands::TIMES_TO_WATCH;
use super::format::bytes;
use super::later::load_now;
use super::model::{RunModel, Stage};
use super::preview::FilePreview;
use super::state::{Input, WORKERS_MAX, use_lab};
use super::watch::STEERED_ELSEWHERE;
use crate::components::icon::Icon;
use crate::components::panel::Panel;

/// What an experiment calls the bundled text.
const GLOSSES: &str = "glosses";

/// How often over the bundled text can be read.
const TIMES: [u32; 4] = [1, 10, TIMES_TO_WATCH, 100];

/// Which of the three ways to an input is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Bundled,
    File,
    Paste,
}

#[component]
pub fn Setup() -> impl IntoView {
    let lab = use_lab();
    let way = RwSignal::new(Way::Bundled);
    // A file may also come by drag and drop, and a repeated text by the introduction's button.
    Effect::new(move |_| {
        way.set(match lab.input.get() {
            Input::AsWritten | Input::Repeated(_) => Way::Bundled,
            Input::File(_) => Way::File,
            Input::Pasted(_) => Way::Paste,
        });
    });
    view! {
        <Panel name="input" title="Input">
            <p class="hint" class:hidden=move || !lab.text_is_bus()>
                "An experiment with messaging makes its own messages: it reads no input."
            </p>
            <fieldset class="ways" class:hidden=move || lab.text_is_bus() aria-label="What is counted">
                <WayButton way=way this=Way::Bundled label="As written" testid="input-bundled" />
                <WayButton way=way this=Way::File label="Own file" testid="input-file" />
                <WayButton way=way this=Way::Paste label="Paste" testid="input-paste" />
            </fieldset>
            <div class="way" class:hidden=move || lab.text_is_bus()>
                {move || match way.get() {
                    Way::Bundled => view! { <Bundled /> }.into_any(),
                    Way::File => view! { <OwnFile /> }.into_any(),
                    Way::Paste => view! { <Paste /> }.into_any(),
                }}
                <FilePreview />
            </div>
            <div class:hidden=move || lab.text_is_bus()>
                <WorkersInput />
            </div>
            <RunButtons />
        </Panel>
    }
}

#[component]
fn WayButton(way: RwSignal<Way>, this: Way, label: &'static str, testid: &'static str) -> impl IntoView {
    let lab = use_lab();
    let choose = move |_| {
        way.set(this);
        match this {
            Way::Bundled => lab.input.set(Input::AsWritten),
            Way::Paste => lab.input.set(Input::Pasted(String::new())),
            // Until a file is chosen the input stays what it was.
            Way::File => {}
        }
    };
    view! {
        <label class="way-choice">
            <input type="radio" name="way" data-testid=testid prop:checked=move || way.get() == this on:change=choose />
            <span>{label}</span>
        </label>
    }
}

#[component]
fn Bundled() -> impl IntoView {
    let lab = use_lab();
    let times = move || match lab.input.get() {
        Input::Repeated(times) => times,
        _ => 1,
    };
    let choose = move |event| {
        let times = event_target_value(&event).parse().unwrap_or(1);
        lab.input.set(if times > 1 { Input::Repeated(times) } else { Input::AsWritten });
    };
    let options = TIMES
        .map(|count| {
            let text = if count == 1 { "once".to_owned() } else { format!("{count} times over") };
            view! { <option value=count.to_string() selected=move || times() == count>{text}</option> }
        })
        .collect_view();
    let read = Memo::new(move |_| lab.outline.with(|outline| outline.as_ref().map(|outline| outline.input.clone())));
    // Of what is read over and over there is one.
    let is_glosses = move || read.with(|read| read.as_deref().is_none_or(|read| read == GLOSSES));
    view! {
        <p class="hint">
            {move || match read.get() {
                Some(read) if !is_glosses() => format!("What the experiment says: {read}."),
                _ => "The glosses of WordNet, an English dictionary.".to_owned(),
            }}
        </p>
        <label class="row" class:hidden=move || !is_glosses()>
            <span>"Read it"</span>
            <select data-testid="times-input" on:change=choose>{options}</select>
        </label>
    }
}

#[component]
fn OwnFile() -> impl IntoView {
    let lab = use_lab();
    let picker = NodeRef::<html::Input>::new();
    let pick = move |_| {
        let file = picker.get_untracked().and_then(|picker| picker.files()).and_then(|files| files.get(0));
        if let Some(file) = file {
            lab.input.set(Input::File(file));
        }
    };
    let chosen = move || match lab.input.get() {
        Input::File(file) => Some((file.name(), bytes(file.size() as u64))),
        _ => None,
    };
    view! {
        <label class="picker">
            <input class="unseen" type="file" data-testid="file-input" node_ref=picker on:change=pick />
            <span class="button">
                <Icon name="folder-open" />
                "Choose a file"
            </span>
        </label>
        <p class="hint" data-testid="file-name">
            {move || match chosen() {
                Some((name, size)) => format!("{name}, {} {}", size.value, size.unit),
                None => "Or drop one anywhere on this page. It is read in pieces and, in this browser, never leaves it.".to_owned(),
            }}
        </p>
    }
}

#[component]
fn Paste() -> impl IntoView {
    let lab = use_lab();
    let text = move || match lab.input.get_untracked() {
        Input::Pasted(text) => text,
        _ => String::new(),
    };
    view! {
        <textarea
            class="paste"
            data-testid="paste-input"
            aria-label="Text to count"
            placeholder="Paste a text here; its words are counted line by line."
            prop:value=text
            on:input=move |event| lab.input.set(Input::Pasted(event_target_value(&event)))
        ></textarea>
    }
}

#[component]
fn WorkersInput() -> impl IntoView {
    let lab = use_lab();
    // Virtual workers cost nothing; more real ones than cores only wait for each other.
    let most = move || if lab.place.get() == Place::Simulate { WORKERS_MAX } else { lab.cores() };
    let set = move |count: u32| lab.choose_workers(count.clamp(1, most()));
    let fewest_reached = move || lab.workers.get() <= 1;
    let most_reached = move || lab.workers.get() >= most();
    let typed = move |event: leptos::ev::Event| {
        set(event_target_value(&event).parse().unwrap_or_else(|_| lab.workers.get_untracked()));
        // What was typed may come to the number that was there before, and then no signal corrects the field.
        event_target::<web_sys::HtmlInputElement>(&event).set_value(&lab.workers.get_untracked().to_string());
    };
    view! {
        <div class="row">
            <label for="workers">"Workers"</label>
            <div class="stepper">
                <button
                    class="quiet icon-only"
                    aria-label="One worker less"
                    disabled=fewest_reached
                    on:click=move |_| set(lab.workers.get_untracked().saturating_sub(1))
                >
                    <Icon name="minus" />
                </button>
                <input
                    id="workers"
                    class="num"
                    type="number"
                    min="1"
                    max=move || most().to_string()
                    data-testid="workers-input"
                    prop:value=move || lab.workers.get().to_string()
                    on:change=typed
                />
                <button
                    class="quiet icon-only"
                    aria-label="One worker more"
                    disabled=most_reached
                    on:click=move |_| set(lab.workers.get_untracked() + 1)
                >
                    <Icon name="plus" />
                </button>
                <span class="hint">{move || format!("of {}", most())}</span>
            </div>
        </div>
    }
}

/// Runs what is chosen.
#[component]
pub fn RunButton(testid: &'static str) -> impl IntoView {
    let lab = use_lab();
    // A run on a server that does not answer hinders no other. Nor does the one that the page opened on.
    let busy = Memo::new(move |_| {
        let is_in_the_way =
            |run: &RunModel| run.is_active() && !run.is_watched() && !run.place.is_some_and(|place| lab.is_away(place));
        !lab.opening.get() && lab.run.with(is_in_the_way)
    });
    // One bright button at a time: while the introduction is open it is the introduction's.
    let bright = move || !busy.get() && !lab.intro.get();
    let nothing_to_read = move || matches!(lab.input.get(), Input::Pasted(text) if text.is_empty());
    view! {
        <button
            data-testid=testid
            class:bright=bright
            disabled=move || busy.get() || nothing_to_read()
            title=move || match (busy.get(), nothing_to_read()) {
                (true, _) => "A run is under way: stop it first, or let it end",
                (_, true) => "Paste a text first",
                _ => "Run the experiment",
            }
            on:click=move |_| {
                lab.run();
                load_now();
            }
        >
            <Icon name="play" />
            "Run"
        </button>
    }
}

#[component]
fn RunButtons() -> impl IntoView {
    let lab = use_lab();
    let watched = Memo::new(move |_| lab.run.with(RunModel::is_watched));
    let hears = Memo::new(move |_| lab.run.with(|run| run.is_watched() && !matches!(run.stage, Stage::Failed { .. })));
    let active = Memo::new(move |_| lab.run.with(|run| run.is_active() && !run.is_watched()));
    let uploading = Memo::new(move |_| lab.run.with(|run| matches!(run.stage, Stage::Uploading { .. })));
    view! {
        <div class="row run-buttons">
            <RunButton testid="run" />
            <button
                data-testid="stop"
                disabled=move || !active.get()
                title=move || watched.get().then_some(STEERED_ELSEWHERE)
                on:click=move |_| lab.stop()
            >
                <Icon name="square" />
                {move || if uploading.get() { "Stop the upload" } else { "Stop" }}
            </button>
        </div>
        {move || hears.get().then(|| view! {
            <p class="hint" data-testid="watching">{STEERED_ELSEWHERE} ". Run begins the experiment of this page instead."</p>
        })}
    }
}

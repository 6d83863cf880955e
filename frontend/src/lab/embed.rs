//! The page in a frame of another page: an experiment to be run by whoever reads that page, with the graph, the timeline and the result.
//!
//! It is a document of its own, `embed.html`, the only one of the page's that others may frame. What it shows is behind the `#` of its
//! address, as in a link. What it does not do:
//!
//! - Nothing runs before the reader presses Run, and nothing is sent to a server, which may be the reader's own.
//! - What the reader has kept in Millrace is neither read nor changed: nothing is remembered here, and no run is kept.

use leptos::html;
use leptos::prelude::*;
use shared::link::Link;
use shared::time::Time;
use shared::wire::{Place, Speed};

use super::banners::Banners;
use super::experiment::gallery::title_of;
use super::graph::Graph;
use super::later::{Later, Part};
use super::metrics::{stage_name, status};
use super::model::{RunModel, Stage};
use super::pace::PaceBar;
use super::result::view::Result;
use super::setup::RunButton;
use super::state::{Input, Lab, WORKERS_MAX, use_lab};
use super::timeline::Timeline;
use crate::components::html::escape;
use crate::components::icon::{Icon, Logo};
use crate::components::palette::watch_colours;
use crate::components::theme::Colours;

/// The document that others may frame, in the page's folder.
const PAGE: &str = "embed.html";

/// Size of a frame, unless whoever takes it says otherwise. Pixels.
const FRAME_PX: (u32, u32) = (760, 620);

/// How fast virtual time goes at first: whoever meets the experiment in a text wants to see it happen.
const SPEED: Speed = Speed::Times(1.0);

/// Where the embedded form of this page is.
pub fn address() -> String {
    let location = window().location();
    format!("{}{}{PAGE}", location.origin().unwrap_or_default(), crate::folder())
}

/// The element that puts it into another page.
pub fn frame(fragment: &str, title: &str) -> String {
    frame_at(&address(), fragment, title)
}

fn frame_at(address: &str, fragment: &str, title: &str) -> String {
    let (width, height) = FRAME_PX;
    let (address, fragment, title) = (escape(address), escape(fragment), escape(title));
    format!(
        "<iframe src=\"{address}#{fragment}\" title=\"{title}, an experiment in Millrace\" width=\"{width}\" height=\"{height}\" \
         loading=\"lazy\" allow=\"clipboard-write\" style=\"max-width:100%;border:1px solid #8885;border-radius:6px\"></iframe>"
    )
}

impl Lab {
    /// Takes up what the frame's address says, and runs nothing. The moment that is to be seen when it is run.
    fn take_framed(self) -> Option<Time> {
        let link = match Link::read(&window().location().hash().unwrap_or_default())? {
            Ok(link) => link,
            Err(error) => {
                self.notice.set(Some(format!("The experiment of this frame cannot be opened: {error}.")));
                return None;
            }
        };
        let Link { text, place, workers, at, breakpoints } = link;
        self.input.set(Input::AsWritten);
        self.text.set(text);
        self.choose(if place == Place::Server { Place::Simulate } else { place });
        if let Some(workers) = workers {
            self.choose_workers(workers.clamp(1, WORKERS_MAX));
        }
        self.add_breakpoints(breakpoints);
        at
    }
}

#[component]
pub fn Embedded() -> impl IntoView {
    let lab = use_lab();
    watch_colours(expect_context::<Colours>());
    lab.choose(Place::Simulate);
    lab.speed.set(SPEED);
    let land_at = StoredValue::new(lab.take_framed());
    // Another address for the same frame.
    let renewed = window_event_listener(leptos::ev::hashchange, move |_| {
        lab.leave_run();
        land_at.set_value(lab.take_framed());
    });
    let renewed = StoredValue::new_local(Some(renewed));
    on_cleanup(move || {
        if let Some(renewed) = renewed.try_update_value(Option::take).flatten() {
            renewed.remove();
        }
    });
    // The text's plan is shown before there is a run.
    Effect::new(move |_| {
        lab.text.track();
        if lab.engine.with(|link| link.is_up()) && lab.run.with_untracked(|run| run.started.is_none()) {
            lab.check();
        }
    });
    let number = Memo::new(move |_| lab.run.with(|run| run.run));
    Effect::new(move |before: Option<u32>| {
        let number = number.get();
        if before.is_some_and(|before| before != number)
            && let Some(at) = land_at.try_update_value(Option::take).flatten()
        {
            lab.inner.update_value(|inner| inner.land_at = Some(at));
        }
        number
    });
    let title = Memo::new(move |_| lab.text.with(|text| title_of(text)));
    let stage = Memo::new(move |_| lab.run.with(|run| stage_name(&run.stage)));
    let said = Memo::new(move |_| lab.run.with(told));
    let active = Memo::new(move |_| lab.run.with(RunModel::is_active));
    let shows_result = RwSignal::new(false);
    // A run without a result says why where the result would be.
    let failed = Memo::new(move |_| lab.run.with(|run| matches!(run.stage, Stage::Failed { .. })));
    Effect::new(move |_| {
        if failed.get() {
            shows_result.set(true);
        }
    });
    // What is behind the `#` is reckoned when it is wanted: it is the experiment as it is by then, and the moment that is looked at.
    let link = NodeRef::<html::A>::new();
    let reckon = move || {
        if let Some(link) = link.get_untracked() {
            link.set_href(&here(lab));
        }
    };
    let views = [("Run", "show-run", false), ("Result", "show-result", true)].map(|(word, testid, this)| {
        view! {
            <label class="way-choice">
                <input
                    type="radio"
                    name="shows"
                    data-testid=testid
                    prop:checked=move || shows_result.get() == this
                    on:change=move |_| shows_result.set(this)
                />
                <span>{word}</span>
            </label>
        }
    });
    view! {
        <main class="embedded" data-testid="embedded" data-shows=move || if shows_result.get() { "result" } else { "run" }>
            <header class="embedded-head">
                <div
                    class="status"
                    data-testid="status"
                    data-stage=stage
                    data-run=move || number.get().to_string()
                    data-paused=move || lab.run.with(RunModel::is_paused).to_string()
                >
                    <h1>{title}</h1>
                    <p class="hint">{said}</p>
                </div>
                <RunButton testid="run" />
                <button data-testid="stop" class:hidden=move || !active.get() on:click=move |_| lab.stop()>
                    <Icon name="square" />
                    "Stop"
                </button>
                <a
                    class="button quiet"
                    data-testid="open-in-millrace"
                    target="_blank"
                    rel="noopener"
                    node_ref=link
                    href=here(lab)
                    on:pointerdown=move |_| reckon()
                    on:click=move |_| reckon()
                >
                    <Logo />
                    "Open in Millrace"
                </a>
            </header>
            <Banners />
            <PaceBar />
            <fieldset class="ways embedded-shows" role="radiogroup" aria-label="What is shown">{views}</fieldset>
            <div class="embedded-run" class:hidden=shows_result>
                <Show when=move || lab.is_bus() fallback=Graph>
                    <Later part=Part::Bus wanted=move || true />
                </Show>
                <Timeline />
            </div>
            <div class="embedded-result" class:hidden=move || !shows_result.get()>
                <Result />
            </div>
        </main>
    }
}

/// The page itself, with this experiment.
fn here(lab: Lab) -> String {
    format!("./#{}", lab.link_to_this().fragment())
}

/// How the run is, in a line.
fn told(run: &RunModel) -> String {
    match &run.stage {
        Stage::Empty => "Run it: it happens in your browser, and nothing leaves it.".to_owned(),
        _ => {
            let (heading, line) = status(run);
            // The title stands above.
            let heading = run.started.as_ref().and_then(|started| heading.strip_prefix(&started.title)).unwrap_or(&heading);
            let heading = heading.trim_start_matches([':', ' ']);
            if line.is_empty() { heading.to_owned() } else { format!("{heading} · {line}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_whatever_the_title_says() {
        let frame = frame_at("https://mill.example/a/embed.html", "x=1.abc", "\"A\" <b> & more");
        assert!(frame.starts_with(
            "<iframe src=\"https://mill.example/a/embed.html#x=1.abc\" title=\"&quot;A&quot; &lt;b&gt; &amp; more,"
        ));
        assert!(frame.contains(" loading=\"lazy\" ") && frame.ends_with("></iframe>"));
        assert_eq!(frame.matches('<').count(), 2);
        let sizes = format!("width=\"{}\" height=\"{}\"", FRAME_PX.0, FRAME_PX.1);
        assert!(frame.contains(&sizes));
    }

    #[test]
    fn the_title_is_not_said_twice() {
        assert!(told(&RunModel::default()).starts_with("Run it"));
        let mut run = crate::lab::model::story::run(Vec::new(), Vec::new(), &[]);
        run.started.as_mut().unwrap().title = "Word count".to_owned();
        let told = told(&run);
        assert!(!told.contains("Word count") && !told.starts_with(':') && told.contains('%'), "{told}");
    }
}

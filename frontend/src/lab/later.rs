//! What few look at in their first minute: its code lies in a file of its own, which is loaded when it is first wanted.
//!
//! With the feature `split`, which `cargo xtask page` asks for, whatever only `view_of` reaches is cut out of the page's WebAssembly
//! after it was linked. Without it everything is in one file, and all else is the same.

#[cfg(feature = "split")]
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::wasm_split::SplitLoaderError;

use super::breaks::held::Held;
use super::breaks::view::Breaking;
use super::bus::BusGraph;
use super::change::Change;
use super::charts::view::ChartsOfRun;
use super::compare::Comparing;
use super::embed::Embedded;
use super::experiment::form::FormView;
use super::experiment::gallery::Cards;
use super::faults::choose::Choosing;
use super::graph::zoom::{GraphZoom, Zoomed};
use super::inspect::view::Inspected;
use super::join::Joining;
use super::kept::Runs;
use super::kept::view::Keeping;
use super::keys;
use super::lesson::LessonView;
use super::preview::FirstRows;
use super::result::pack::Packer;
use super::share::Sharing;
use super::sweep::Sweeping;
use super::timeline::flags::Flags;
use super::timeline::messages::{Probe, SpaceTime};
use super::timeline::overview::Overview;
use super::timeline::table::AttemptsTable;
use super::timeline::zoom::Zoom;
use crate::components::icon::Icon;
use crate::components::sheet::Dialog;
use crate::update::{self, Offer};

/// What is loaded later.
#[derive(Clone, Copy)]
pub enum Part {
    Compare(Dialog),
    Seeds(Dialog),
    Gallery(Dialog),
    Inspector,
    Charts,
    Kept(Dialog),
    Faults(Dialog),
    Breaks(Dialog),
    /// The message at a breakpoint.
    Held,
    /// No view: runs that have ended are written down.
    WriteRuns(Runs),
    /// No view: a result is compressed and given.
    Pack(Packer),
    /// No view here: it floats over the page.
    Offer(Offer),
    Bus,
    Lesson,
    Change,
    Preview,
    /// The timeline as a table.
    Attempts,
    /// Of the timeline with this size, in this element.
    Flags(Signal<(f64, f64)>, NodeRef<html::Div>),
    Share(Dialog),
    /// The list of the keyboard's short ways.
    Keys,
    /// What runs elsewhere.
    Join(Dialog),
    /// The page in a frame of another.
    Embedded,
    /// The experiment as a form.
    Form,
    /// Of the timeline with this size, in this element.
    Zoom(Signal<(f64, f64)>, NodeRef<html::Div>),
    /// Of a job's graph or a bus.
    GraphZoom(Zoomed),
    /// The whole run below the timeline.
    Overview,
    /// Of the timeline with this size, where it looks for what is under the pointer.
    SpaceTime(Signal<(f64, f64)>, Probe),
}

/// The inside of a part. Everything that it alone needs is loaded with it.
#[cfg_attr(
    feature = "split",
    leptos::wasm_split::wasm_split(later, wasm_split_path = ::leptos::wasm_split, fallible, preload(ahead))
)]
fn view_of(part: Part) -> Result<AnyView, SplitLoaderError> {
    Ok(match part {
        Part::Compare(dialog) => view! { <Comparing dialog=dialog /> }.into_any(),
        Part::Seeds(dialog) => view! { <Sweeping dialog=dialog /> }.into_any(),
        Part::Gallery(dialog) => view! { <Cards dialog=dialog /> }.into_any(),
        Part::Inspector => view! { <Inspected /> }.into_any(),
        Part::Charts => view! { <ChartsOfRun /> }.into_any(),
        Part::Kept(dialog) => view! { <Keeping dialog=dialog /> }.into_any(),
        Part::Faults(dialog) => view! { <Choosing dialog=dialog /> }.into_any(),
        Part::Breaks(dialog) => view! { <Breaking dialog=dialog /> }.into_any(),
        Part::Held => view! { <Held /> }.into_any(),
        Part::WriteRuns(runs) => {
            runs.write();
            ().into_any()
        }
        Part::Pack(packer) => {
            packer.give();
            ().into_any()
        }
        Part::Bus => view! { <BusGraph /> }.into_any(),
        Part::Lesson => view! { <LessonView /> }.into_any(),
        Part::Change => view! { <Change /> }.into_any(),
        Part::Preview => view! { <FirstRows /> }.into_any(),
        Part::Attempts => view! { <AttemptsTable /> }.into_any(),
        Part::Flags(size, frame) => view! { <Flags size=size frame=frame /> }.into_any(),
        Part::Form => view! { <FormView /> }.into_any(),
        Part::Zoom(size, frame) => view! { <Zoom size=size frame=frame /> }.into_any(),
        Part::GraphZoom(of) => view! { <GraphZoom of=of /> }.into_any(),
        Part::SpaceTime(size, probe) => view! { <SpaceTime size=size probe=probe /> }.into_any(),
        Part::Overview => view! { <Overview /> }.into_any(),
        Part::Join(dialog) => view! { <Joining dialog=dialog /> }.into_any(),
        Part::Embedded => view! { <Embedded /> }.into_any(),
        Part::Keys => view! { <keys::List /> }.into_any(),
        Part::Share(dialog) => view! { <Sharing dialog=dialog /> }.into_any(),
        Part::Offer(offer) => {
            update::show(offer);
            ().into_any()
        }
    })
}

/// Does something that has no view here, with code that is loaded for it if need be. Where that does not load, nothing is done, and
/// there will be another occasion.
pub fn do_later(errand: Part) {
    leptos::task::spawn_local(async move { drop(load(errand).await) });
}

async fn load(part: Part) -> Result<AnyView, SplitLoaderError> {
    #[cfg(feature = "split")]
    return view_of(part).await;
    #[cfg(not(feature = "split"))]
    view_of(part)
}

/// How long after its start the page loads all this ahead: it has what it needs at once by then, and whoever opens a part does not wait.
#[cfg(feature = "split")]
const AHEAD: Duration = Duration::from_secs(5);

/// Has it loaded before it is wanted, so that it is there when the server is not any more.
pub fn load_ahead() {
    #[cfg(feature = "split")]
    set_timeout(load_now, AHEAD);
}

/// Has it loaded now: somebody has asked for a run, whose end is to be written down at once.
pub fn load_now() {
    #[cfg(feature = "split")]
    leptos::task::spawn_local(async {
        // What does not load now is tried again when it is wanted, and that is said.
        let _ = ahead().await;
    });
}

/// A part, as soon as it is wanted and there.
#[component]
pub fn Later(
    part: Part,
    /// Whether it is wanted.
    #[prop(into)]
    wanted: Signal<bool>,
    /// Nothing is missed before it is there.
    #[prop(optional)]
    quiet: bool,
) -> impl IntoView {
    let there = RwSignal::new_local(None::<AnyView>);
    let failed = RwSignal::new(false);
    // What is loaded lives as long as this component, and not as the effect or the press of a button that asked for it.
    let owner = StoredValue::new(Owner::current().map(|owner| owner.downgrade()));
    let fetch = move || {
        failed.set(false);
        let Some(owner) = owner.get_value().and_then(|owner| owner.upgrade()) else { return };
        owner.with(|| {
            leptos::reactive::spawn_local_scoped(async move {
                match load(part).await {
                    Ok(view) => drop(there.try_set(Some(view))),
                    Err(_) => drop(failed.try_set(true)),
                }
            });
        });
    };
    let wanted = Memo::new(move |_| wanted.get());
    // Once: what is there stays, also while it is not wanted.
    let asked = StoredValue::new(false);
    Effect::new(move |_| {
        if wanted.get() && !asked.get_value() {
            asked.set_value(true);
            fetch();
        }
    });
    let come = Memo::new(move |_| there.with(Option::is_some));
    move || match (come.get(), failed.get()) {
        (true, _) => there.try_update_untracked(Option::take).flatten().into_any(),
        (false, _) if quiet || !wanted.get() => ().into_any(),
        (false, false) => view! { <p class="hint">"This part of the page is coming."</p> }.into_any(),
        (false, true) => view! {
            <p class="broken" role="alert">
                "This part of the page did not load. Look whether the server that the page comes from is still there. "
                <button class="small" on:click=move |_| fetch()>
                    <Icon name="rotate-ccw" />
                    "Try again"
                </button>
            </p>
        }
        .into_any(),
    }
}

//! What is kept in this browser between visits: every run that has ended, and experiments under names.
//!
//! [`record`] says what that is, [`database`] where it lies, [`mod@file`] how it goes out and comes in, [`list`] how it looks, [`mod@view`] what
//! can be done with it. Only the button, and the look at runs that end, are in the page's first bundle; all else comes with
//! [`later`](super::later), at the latest when the first run that somebody asked for has ended.

pub mod database;
pub mod file;
pub mod list;
pub mod record;
pub mod view;

use leptos::prelude::*;

use self::record::PastRun;
use super::later::{Later, Part, do_later};
use super::model::{RunModel, Stage};
use super::state::{Lab, use_lab};
use crate::components::icon::Icon;
use crate::components::sheet::Dialog;

/// Runs on their way to where they are kept.
#[derive(Clone, Copy)]
pub struct Runs {
    /// Those that have ended and are not kept yet.
    ended: StoredValue<Vec<PastRun>>,
    /// How often some were kept.
    pub times: RwSignal<u32>,
    /// Why the last could not be kept.
    pub trouble: RwSignal<Option<String>>,
}

impl Runs {
    pub fn new() -> Runs {
        Runs { ended: StoredValue::new(Vec::new()), times: RwSignal::new(0), trouble: RwSignal::new(None) }
    }

    /// Writes them down.
    pub(super) fn write(self) {
        let runs = self.ended.try_update_value(std::mem::take).unwrap_or_default();
        if runs.is_empty() {
            return;
        }
        leptos::task::spawn_local(async move {
            let changes: Vec<_> = runs.iter().map(database::Change::PutRun).collect();
            let trouble = database::write(&changes).await.err();
            self.trouble.try_set(trouble);
            self.times.try_update(|times| *times += 1);
        });
    }
}

impl Default for Runs {
    fn default() -> Runs {
        Runs::new()
    }
}

/// The button, and the dialog that it opens.
#[component]
pub fn KeptButton() -> impl IntoView {
    let dialog = Dialog::new();
    keep_what_ends();
    view! {
        <button
            class="quiet small"
            data-testid="kept-open"
            aria-label="Kept"
            title="Past runs, and experiments under names"
            on:click=move |_| dialog.open()
        >
            <Icon name="archive" />
            <span class="aside-word">"Kept"</span>
        </button>
        <dialog class="gallery" node_ref=dialog.node data-testid="kept" aria-label="Kept">
            <Later part=Part::Kept(dialog) wanted=move || dialog.was_opened() />
        </dialog>
    }
}

/// The end of a run: its number, and how many faults had been wished for. A simulation that somebody changes has another end.
type End = (u32, usize);

fn end_of(run: &RunModel) -> Option<End> {
    let wished = run.pace.as_ref().map_or(0, |pace| pace.wished.len());
    matches!(run.stage, Stage::Finished(_) | Stage::Failed { .. }).then_some((run.run, wished))
}

/// Sees that every run that ends is kept.
fn keep_what_ends() {
    let lab = use_lab();
    Effect::new(move |last: Option<Option<End>>| {
        let last = last.flatten();
        let Some(end) = lab.run.with(end_of) else { return last };
        // A result that is lost with its session afterwards is no other end.
        if last != Some(end) {
            lab.keep_run(end);
        }
        Some(end)
    });
}

impl Lab {
    fn keep_run(self, (_, wished): End) {
        // The run that the page opens on is the same at every visit, and nobody asked for it.
        // Nor is one that is there again after a reload another run.
        let (text, read, is_kept) = self.inner.with_value(|inner| (inner.ran.0.clone(), inner.read.clone(), inner.is_kept));
        if wished == 0 && (is_kept || self.opening.get_untracked()) {
            return;
        }
        let kept = self.run.with_untracked(|run| PastRun::of(run, text, read, js_sys::Date::now()));
        self.kept.ended.update_value(|ended| ended.extend(kept));
        // Where the rest of the page does not load, they wait for the next end.
        do_later(Part::WriteRuns(self.kept));
    }
}

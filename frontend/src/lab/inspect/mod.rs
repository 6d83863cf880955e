//! The inspector: one task, worker, queue, exchange or group of clients, and all that is known of it at the moment that is looked at.
//!
//! What is selected is chosen in the graph, in the timeline or here, and marked in all three. [`told`] says what is known, [`mod@view`]
//! shows it; both are loaded when something is selected first.

pub mod message;
pub mod shuffle;
pub mod told;
pub mod view;

use leptos::prelude::*;
use shared::wire::Phase;

use super::later::{Later, Part};
use super::model::RunModel;
use super::state::{Lab, use_lab};
use crate::components::panel::Panel;

/// What is looked at closely. Places count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    Task(Phase, u32),
    /// A worker, or the client of a bus in its place.
    Worker(u32),
    Queue(u32),
    Exchange(u32),
    Group(u32),
    /// What a stage gathers.
    Shuffle(u32),
    /// A message between two nodes, by its number.
    Message(u32),
}

impl Selected {
    /// Whether the run has it: another run may be shorter, or be of another kind.
    pub fn is_in(self, run: &RunModel) -> bool {
        let place = |place: u32, count: usize| (place as usize) < count;
        match (self, &run.bus) {
            (Selected::Task(phase, task), None) => place(task, run.tasks(phase).len()),
            (Selected::Worker(worker), _) => place(worker, run.workers.len()),
            (Selected::Queue(queue), Some(bus)) => place(queue, bus.view.queues.len()),
            (Selected::Exchange(exchange), Some(bus)) => place(exchange, bus.view.exchanges.len()),
            (Selected::Shuffle(stage), None) => run.stages().get(stage as usize).is_some_and(|stage| !stage.of.is_empty()),
            (Selected::Message(id), _) => run.messages.iter().flat_map(|known| &known.messages).any(|message| message.id == id),
            (Selected::Group(group), Some(bus)) => place(group, bus.view.groups.len()),
            _ => false,
        }
    }

    /// What an inspector can begin with.
    fn first(run: &RunModel) -> Selected {
        if run.bus.is_some() { Selected::Queue(0) } else { Selected::Task(Phase::Map, 0) }
    }
}

impl Lab {
    /// Selects this, or nothing.
    pub fn select(self, what: Option<Selected>) {
        if self.selected.get_untracked() != what {
            self.selected.set(what);
        }
    }

    /// What is selected, if the run that is looked at has it.
    pub fn selected_now(self) -> Option<Selected> {
        self.selected.get().filter(|selected| self.run.with(|run| selected.is_in(run)))
    }
}

/// The panel. It keeps its place when nothing is selected.
#[component]
pub fn Inspector() -> impl IntoView {
    let lab = use_lab();
    let selected = Memo::new(move |_| lab.selected_now());
    let is_any = Memo::new(move |_| selected.with(Option::is_some));
    let ever = Memo::new(move |before: Option<&bool>| before.copied().unwrap_or_default() || is_any.get());
    let first = Memo::new(move |_| lab.run.with(|run| Some(Selected::first(run)).filter(|first| first.is_in(run))));
    view! {
        <Panel name="inspector" title="Inspector">
            <Later part=Part::Held wanted=move || lab.run.with(|run| run.halt().is_some()) quiet=true />
            <div class="hint" class:hidden=is_any>
                <p>"Click a task in the graph, or a bar or a message in the timeline: all that is known of it will be here."</p>
                <button
                    class="small"
                    class:hidden=move || first.with(Option::is_none)
                    data-testid="select-first"
                    on:click=move |_| lab.select(first.get_untracked())
                >
                    "Begin with the first"
                </button>
            </div>
            {move || ever.get().then(|| view! {
                <Later part=Part::Inspector wanted=move || true />
            })}
        </Panel>
    }
}

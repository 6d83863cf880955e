//! The inspector's inside: what is known, and the buttons that lead from one thing to the next.

use leptos::prelude::*;
use shared::id::NodeId;
use shared::time::Time;
use shared::wire::{BreakEdge, BusView, Phase};

use super::Selected;
use super::told::told;
use crate::components::html::wanted;
use crate::components::icon::Icon;
use crate::lab::breaks::{Breaker, edges};
use crate::lab::faults::{Chooser, Preset};
use crate::lab::model::RunModel;
use crate::lab::state::use_lab;

/// What is selected, as long as something is.
#[component]
pub fn Inspected() -> impl IntoView {
    let lab = use_lab();
    let shown = Memo::new(move |_| {
        let selected = lab.selected_now()?;
        Some(lab.run.with(|run| told(run, selected)))
    });
    let press = move |event| {
        let Some((what, of)) = wanted(&event) else { return };
        let Some(of) = of else { return lab.select(None) };
        let place = of as u32;
        match what.as_str() {
            "map" => lab.select(Some(Selected::Task(Phase::Map, place))),
            "reduce" => lab.select(Some(Selected::Task(Phase::Reduce, place))),
            "worker" => lab.select(Some(Selected::Worker(place))),
            "queue" => lab.select(Some(Selected::Queue(place))),
            "exchange" => lab.select(Some(Selected::Exchange(place))),
            "shuffle" => lab.select(Some(Selected::Shuffle(place))),
            "group" => lab.select(Some(Selected::Group(place))),
            "message" => lab.select(Some(Selected::Message(place))),
            "seek" => lab.seek(Time(of)),
            _ => {}
        }
    };
    let chooser = expect_context::<Chooser>();
    let breaker = expect_context::<Breaker>();
    let edge = Memo::new(move |_| lab.run.with(|run| edge_of(run, lab.selected_now()?)));
    let node = Memo::new(move |_| lab.run.with(|run| node_of(run, lab.selected_now()?)));
    view! {
        <div class="inspected" data-testid="inspected" inner_html=move || shown.get().unwrap_or_default() on:click=press></div>
        {move || node.get().map(|node| view! {
            <button class="small" data-testid="inspect-fault" on:click=move |_| chooser.open(Preset::node(node))>
                <Icon name="zap" />
                "Let something go wrong here"
            </button>
        })}
        {move || edge.get().map(|edge| view! {
            <button class="small" data-testid="break-here-inspected" on:click=move |_| breaker.open(Some(edge.clone()))>
                <Icon name="octagon-pause" />
                "Break here"
            </button>
        })}
    }
}

/// The edge at which messages of the selected thing can be stopped, the first if there are several.
fn edge_of(run: &RunModel, selected: Selected) -> Option<BreakEdge> {
    let view = &run.bus.as_ref()?.view;
    match selected {
        Selected::Exchange(place) => {
            let exchange = view.exchanges.get(place as usize)?.name.clone();
            Some(BreakEdge::Publish { client: None, exchange: Some(exchange) })
        }
        Selected::Queue(place) => {
            let queue = view.queues.get(place as usize)?.name.clone();
            Some(BreakEdge::Deliver { queue: Some(queue), client: None })
        }
        Selected::Group(place) => {
            edges(&BusView { groups: vec![view.groups.get(place as usize)?.clone()], ..BusView::default() }).into_iter().next()
        }
        _ => None,
    }
}

/// Whom a fault of the selected thing is for: what lies in the broker fails with it.
fn node_of(run: &RunModel, selected: Selected) -> Option<NodeId> {
    match (selected, &run.bus) {
        (Selected::Worker(place), _) => Some(NodeId::Worker(place + 1)),
        (Selected::Queue(_) | Selected::Exchange(_), _) => Some(NodeId::Coordinator),
        (Selected::Group(place), Some(bus)) => Some(NodeId::Worker(bus.members(place as usize).start as u32 + 1)),
        _ => None,
    }
}

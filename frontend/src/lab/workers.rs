//! The workers: what each is doing, and the button that kills it.
//!
//! Up to `CARDS_MAX` are cards, up to `COMPACT_MAX` lines; beyond that a heat grid, where a click opens one worker's card.

use leptos::prelude::*;
use shared::fault::Effect;
use shared::id::NodeId;
use shared::time::Span;
use shared::wire::{Phase, WorkerState};
use wasm_bindgen::JsCast;
use web_sys::{Element, MouseEvent};

use super::faults::FaultsButton;
use super::format::{Figure, bytes_per_second, grouped, of};
use super::model::{RunModel, WorkerModel};
use super::names::task_name;
use super::state::use_lab;
use super::watch::STEERED_ELSEWHERE;
use crate::components::icon::Icon;
use crate::components::panel::Panel;

/// Most workers shown as cards.
const CARDS_MAX: usize = 12;
/// Most workers shown as lines.
const COMPACT_MAX: usize = 64;

/// What a card shows of a worker; equal ones are not drawn again.
#[derive(Clone, Debug, Default, PartialEq)]
struct Face {
    state: &'static str,
    incarnation: u32,
    /// What it works on, in words.
    task: String,
    /// How much of that is done, 0 to 1.
    done: f64,
    rate: Option<Figure>,
    /// Why it cannot be killed now.
    spared: Option<&'static str>,
}

#[component]
pub fn Workers() -> impl IntoView {
    let lab = use_lab();
    let number = Memo::new(move |_| lab.run.with(|run| run.workers.len().max(expected(run))));
    let chosen = RwSignal::new(None::<usize>);
    let summary = Memo::new(move |_| lab.run.with(summary));
    let body = move || match number.get() {
        0 => view! { <p class="hint">"Each worker will be here, with what it is doing and a button that kills it."</p> }
            .into_any(),
        count if count <= CARDS_MAX => {
            view! { <ul class="workers cards">{(0..count).map(card).collect_view()}</ul> }.into_any()
        }
        count if count <= COMPACT_MAX => {
            view! { <ul class="workers compact">{(0..count).map(card).collect_view()}</ul> }.into_any()
        }
        count => {
            let tiles = (0..count).map(|index| tile(index, chosen)).collect_view();
            view! {
                <ul class="workers heat">{tiles}</ul>
                <ul class="workers cards">{move || chosen.get().map(card)}</ul>
            }
            .into_any()
        }
    };
    view! {
        <Panel name="workers" title="Workers" aside=move || view! {
            <span>{summary}</span>
            <FaultsButton id="faults-open-workers" />
        }>
            {body}
        </Panel>
    }
}

fn card(index: usize) -> impl IntoView {
    let lab = use_lab();
    let face = Memo::new(move |_| lab.run.with(|run| face(run, index)));
    let node = NodeId::Worker(index as u32 + 1);
    let name = Memo::new(move |_| lab.run.with(|run| name_of(run, index)));
    let killing = move || match face.with(|face| face.spared) {
        Some(reason) => reason.to_owned(),
        None => format!("End {} at once. Its work is done again", name.get()),
    };
    view! {
        <li
            class="worker"
            data-testid=node.to_string()
            data-state=move || face.with(|face| face.state)
            data-incarnation=move || face.with(|face| face.incarnation.to_string())
        >
            <span class="worker-sign" aria-hidden="true"></span>
            <span class="worker-name">
                {name}
                <span class="life" title="How often it has come back">
                    {move || face.with(|face| (face.incarnation > 1).then(|| format!("life {}", face.incarnation)))}
                </span>
            </span>
            <span class="worker-rate num">
                {move || face.with(|face| face.rate.as_ref().map(|rate| format!("{} {}", rate.value, rate.unit)))}
            </span>
            <span class="worker-task">{move || face.with(|face| face.task.clone())}</span>
            <button
                class="kill"
                data-testid=format!("kill-{node}")
                aria-label=move || format!("Kill {}", name.get())
                title=killing
                disabled=move || face.with(|face| face.spared.is_some())
                on:click=move |_| lab.kill(node)
            >
                <Icon name="skull" />
                <span class="kill-word">"Kill "{name}</span>
            </button>
            <Hindrances node=node name=name spared=Signal::derive(move || face.with(|face| face.spared.is_some())) />
            <span class="worker-bar" aria-hidden="true">
                <span style:transform=move || format!("scaleX({})", face.with(|face| face.done))></span>
            </span>
        </li>
    }
}

/// What can be done to a worker, by a number behind its kind: so many times slower, or paused for so many milliseconds.
const HINDRANCES: [(&str, u32, &str); 6] = [
    ("slow", 2, "2× slower from now on"),
    ("slow", 4, "4× slower from now on"),
    ("slow", 10, "10× slower from now on"),
    ("pause", 200, "Paused for 200 ms"),
    ("pause", 1_000, "Paused for 1 s"),
    ("pause", 5_000, "Paused for 5 s"),
];

/// What else can be done to a worker, behind a button.
#[component]
fn Hindrances(node: NodeId, name: Memo<String>, #[prop(into)] spared: Signal<bool>) -> impl IntoView {
    let lab = use_lab();
    let id = format!("hinder-{node}");
    let label = move || format!("Slow or pause {}", name.get());
    let choices: String = HINDRANCES
        .iter()
        .map(|(kind, number, words)| {
            format!(
                "<button class=\"quiet small\" data-testid=\"{kind}-{node}-{number}\" data-kind=\"{kind}\" data-number=\"{number}\" \
                 popovertarget=\"{id}\" popovertargetaction=\"hide\">{words}</button>"
            )
        })
        .collect();
    let choose = move |event: MouseEvent| {
        let chosen = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let Some(chosen) = chosen else { return };
        let number = chosen.get_attribute("data-number").and_then(|number| number.parse::<u32>().ok());
        match (chosen.get_attribute("data-kind").as_deref(), number) {
            (Some("slow"), Some(times)) => lab.fault(Effect::Slow { node, factor: times.into(), span: None }),
            (Some("pause"), Some(millis)) => lab.fault(Effect::Pause { node, span: Span::millis(millis.into()) }),
            _ => {}
        }
    };
    view! {
        <button
            class="quiet icon-only hinder"
            data-testid=id.clone()
            popovertarget=id.clone()
            aria-label=label
            title=label
            disabled=spared
        >
            <Icon name="ellipsis" />
        </button>
        <div id=id class="hindrances" popover="auto" role="group" aria-label=label inner_html=choices on:click=choose></div>
    }
}

fn tile(index: usize, chosen: RwSignal<Option<usize>>) -> impl IntoView {
    let lab = use_lab();
    let state = Memo::new(move |_| lab.run.with(|run| face(run, index).state));
    let name = Memo::new(move |_| lab.run.with(|run| name_of(run, index)));
    view! {
        <li>
            <button
                class="tile"
                data-state=state
                title=move || format!("{}, {}", name.get(), state.get())
                aria-pressed=move || if chosen.get() == Some(index) { "true" } else { "false" }
                on:click=move |_| chosen.update(|chosen| *chosen = (*chosen != Some(index)).then_some(index))
            ></button>
        </li>
    }
}

/// Cards are there as soon as it is known how many, so that nothing moves when the first frame comes.
fn expected(run: &RunModel) -> usize {
    run.started.as_ref().map_or(0, |started| started.workers as usize)
}

fn face(run: &RunModel, index: usize) -> Face {
    let Some(worker) = run.workers.get(index) else {
        return Face {
            state: "starting",
            incarnation: 1,
            task: "starting".into(),
            spared: Some("It has not started yet"),
            ..Face::default()
        };
    };
    let (task, done) = match run.bus.as_ref().and_then(|bus| bus.now.clients.get(index)) {
        Some(client) => (client.doing.clone(), 0.0),
        None => doing(run, worker),
    };
    let state = state_name(worker.view.state);
    let spared = match worker.view.state {
        _ if run.is_closing() => Some("Everything is done: there is nothing left to kill"),
        _ if !run.is_live() => Some("The run has ended: there is nothing left to kill"),
        _ if run.is_watched() => Some(STEERED_ELSEWHERE),
        WorkerState::Down => Some("It is down already, and comes back by itself"),
        WorkerState::Starting | WorkerState::Idle | WorkerState::Busy | WorkerState::Blocked => None,
    };
    let rate = match run.bus.as_ref().and_then(|bus| bus.now.clients.get(index)) {
        Some(client) => {
            Some(Figure { value: grouped(client.sent.0.max(client.processed.0)), unit: "msg", ..Figure::default() })
        }
        None => {
            worker.rate.per_second().filter(|_| run.is_live() && worker.view.state != WorkerState::Down).map(bytes_per_second)
        }
    };
    Face { state, incarnation: worker.view.incarnation, task, done, rate, spared }
}

fn doing(run: &RunModel, worker: &WorkerModel) -> (String, f64) {
    let attempt = worker.current.and_then(|index| run.attempts.get(index as usize));
    match (worker.view.state, attempt) {
        (WorkerState::Down, _) => ("down, coming back".into(), 0.0),
        (WorkerState::Starting, _) => ("starting".into(), 0.0),
        (_, Some(attempt)) => {
            let again =
                if attempt.number > 1 { format!(", {}", super::format::circled(attempt.number)) } else { String::new() };
            let backup = if attempt.backup { ", backup" } else { "" };
            let done = match attempt.phase {
                Phase::Map => run.task(Phase::Map, attempt.task).map_or(0.0, |task| task.read),
                Phase::Reduce => 0.0,
            };
            (format!("{}{again}{backup}", task_name(run.stages(), attempt.phase, attempt.task)), done)
        }
        _ if run.is_live() => ("waiting for a task".into(), 0.0),
        _ => ("at rest".into(), 0.0),
    }
}

/// What a worker is called, or the client of a bus in its place.
fn name_of(run: &RunModel, index: usize) -> String {
    run.bus.as_ref().map_or_else(|| format!("worker-{}", index + 1), |bus| bus.name(index))
}

/// The word for it, by which colours go, too.
pub fn state_name(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Starting => "starting",
        WorkerState::Idle => "idle",
        WorkerState::Busy => "busy",
        WorkerState::Blocked => "blocked",
        WorkerState::Down => "down",
    }
}

fn summary(run: &RunModel) -> String {
    let with = |state| run.workers.iter().filter(|worker| worker.view.state == state).count() as u64;
    if run.workers.is_empty() || !run.is_live() {
        return String::new();
    }
    let down = match with(WorkerState::Down) {
        0 => String::new(),
        down => format!(", {down} down"),
    };
    format!("{}{down}", of(with(WorkerState::Busy), "busy", "busy"))
}

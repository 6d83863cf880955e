//! The panel with the bus in it: before a run as its text describes it, then as it is.

use leptos::html;
use leptos::prelude::*;
use shared::id::NodeId;
use shared::wire::{BreakEdge, BusView, Halt, QueueView, Role};
use wasm_bindgen::JsCast;
use web_sys::{MouseEvent, PointerEvent};

use super::paint::{Mote, Sign, WAY_MS, paint, paint_stops};
use super::sketch::{Card, Edge, Flow, Of, Sketch};
use super::{BusModel, in_short};
use crate::components::html::mark;
use crate::components::icon::Icon;
use crate::components::palette::{Palette, use_palette};
use crate::components::panel::Panel;
use crate::components::pen::Pen;
use crate::components::size::use_size;
use crate::components::tip::{Note, Tip};
use crate::lab::breaks::{Breaker, Kept, covers, fits};
use crate::lab::faults::{Chooser, Preset};
use crate::lab::format::{count, of};
use crate::lab::graph::grid::Box;
use crate::lab::graph::near::{Node, Room};
use crate::lab::graph::zoom::{GraphZoom, Zoomed};
use crate::lab::inspect::Selected;
use crate::lab::model::{RunModel, Stage};
use crate::lab::state::{Lab, use_lab, wall_ms};
use crate::lab::watch::STEERED_ELSEWHERE;

/// What is drawn and what moves in it.
#[derive(Default)]
struct Picture {
    sketch: Sketch,
    bus: BusModel,
    motes: Vec<Mote>,
    /// What had gone along each edge when it was last looked at, and of which run.
    moved: (u32, Vec<u64>),
    moves: bool,
    /// How much larger or smaller it is drawn.
    scale: f64,
}

#[component]
pub fn BusGraph() -> impl IntoView {
    let lab = use_lab();
    let tip = expect_context::<Tip>();
    let frame = NodeRef::<html::Div>::new();
    let canvas = NodeRef::<html::Canvas>::new();
    let size = use_size(move || frame.get().map(|frame| frame.unchecked_into()));
    let palette = use_palette();
    let view = Memo::new(move |_| shown(lab));
    let zoom = RwSignal::new(1.0);
    let room = Memo::new(move |_| Room::of_bus(size.get(), zoom.get()));
    let picture = StoredValue::new_local(Picture::default());
    Effect::new(move |_| {
        let (room, palette) = (room.get(), palette.get());
        view.track();
        lab.run.track();
        lab.breaks.list.track();
        let moves = picture.try_update_value(|picture| {
            let view = view.get_untracked();
            picture.sketch = Sketch::new(&view, room.size);
            picture.scale = room.scale;
            lab.run.with_untracked(|run| picture.take(view, run));
            !picture.motes.is_empty() && !std::mem::replace(&mut picture.moves, true)
        });
        draw(lab, canvas, picture, &palette);
        if moves == Some(true) {
            animate(lab, canvas, picture, palette);
        }
    });
    let sheet = move || {
        let room = room.get();
        room.style(view.with(|view| Sketch::new(view, room.size).size))
    };
    // What is drawn smaller is no smaller to whoever lays out the page: bars are for what is really larger than the panel.
    let scrolls = Memo::new(move |_| {
        let room = room.get();
        room.exceeds(view.with(|view| Sketch::new(view, room.size).size), size.get())
    });
    let point = move |event: PointerEvent| {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let lines = picture.with_value(|picture| match picture.sketch.card_at(x, y) {
            Some(card) => Some(describe(&picture.bus, card.of)),
            None => {
                let edge = edge_of(&picture.sketch, &picture.bus, x, y)?;
                Some(vec![edge.to_string(), "press to break here".to_owned()])
            }
        });
        match lines {
            Some(lines) => tip.show(Note { x: f64::from(event.client_x()), y: f64::from(event.client_y()), lines }),
            None => tip.hide(),
        }
    };
    let breaker = expect_context::<Breaker>();
    let choose = move |event: MouseEvent| {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let card = picture.with_value(|picture| picture.sketch.card_at(x, y).map(|card| card.of));
        let edge = picture.with_value(|picture| edge_of(&picture.sketch, &picture.bus, x, y));
        match edge.filter(|_| card.is_none()) {
            Some(edge) => {
                tip.hide();
                breaker.open(Some(edge));
            }
            None => lab.select(card.map(selected)),
        }
    };
    let looked_at = Memo::new(move |_| lab.selected_now());
    let chosen = move || {
        let wanted = looked_at.get();
        let sketch = view.with(|view| Sketch::new(view, room.get().size));
        let cards = sketch.cards.iter().filter(|card| Some(selected(card.of)) == wanted);
        cards.map(|card| mark(card.x, card.y, card.width, card.height)).collect::<String>()
    };
    let chooser = expect_context::<Chooser>();
    let preset_at = move |x: f64, y: f64| picture.with_value(|picture| preset(&picture.sketch, &picture.bus, x, y));
    let faults = move |event: MouseEvent| {
        let on_picture = canvas.get_untracked().is_some_and(|canvas| event.target() == Some(canvas.unchecked_into()));
        let at = on_picture.then(|| preset_at(f64::from(event.offset_x()), f64::from(event.offset_y())));
        tip.hide();
        chooser.open_at(&event, at.unwrap_or_default());
    };
    let zoomed = Zoomed {
        zoom,
        frame,
        size,
        natural: Signal::derive(move || view.with(|view| Sketch::new(view, size.get()).size)),
        shape: Signal::derive(move || view.with(shape_of)),
        nodes: Callback::new(move |()| {
            let room = room.get_untracked();
            let sketch = view.with_untracked(|view| Sketch::new(view, room.size));
            let node = |card: &Card| {
                let Card { of, x, y, width, height } = *card;
                Node { what: selected(of), area: room.drawn(Box { x, y, width, height }) }
            };
            sketch.cards.iter().map(node).collect()
        }),
        tell: Callback::new(move |what| view.with_untracked(|view| name(view, what))),
        held: Callback::new(move |(x, y): (f64, f64)| {
            let scale = room.get_untracked().scale;
            chooser.open(preset_at(x / scale, y / scale));
        }),
    };
    let told = Memo::new(move |_| lab.run.with(|run| told(&view.get(), run)));
    let live = Memo::new(move |_| lab.run.with(|run| run.bus.is_some() && run.is_live()));
    let watched = Memo::new(move |_| lab.run.with(RunModel::is_watched));
    let breaks = Memo::new(move |_| {
        let view = view.get();
        lab.breaks.list.with(|list| list.iter().filter(|kept| kept.on && fits(&view, &kept.breakpoint.edge)).count())
    });
    let aside = move || {
        view! {
            <span class="bus-short">{move || in_short(&view.get())}</span>
            <button
                class="quiet small"
                data-testid="breaks-open"
                data-count=breaks
                title="Stop virtual time before messages that you wait for"
                on:click=move |_| breaker.open(None)
            >
                <Icon name="octagon-pause" />
                {move || match breaks.get() {
                    0 => "Breakpoints".to_owned(),
                    some => format!("Breakpoints: {some}"),
                }}
            </button>
            <span class="zoom"><GraphZoom of=zoomed /></span>
            {move || live.get().then(|| view! {
                <button
                    class="quiet small"
                    data-testid="kill-broker"
                    disabled=watched
                    title=move || match watched.get() {
                        true => STEERED_ELSEWHERE,
                        false => "End the broker at once: what it holds is lost, and its clients connect again when it is back",
                    }
                    on:click=move |_| lab.kill(NodeId::Coordinator)
                >
                    <Icon name="skull" />
                    "Kill broker"
                </button>
            })}
        }
    };
    view! {
        <Panel name="graph" title="Bus" aside=aside>
            <div
                class="graph"
                class:scrolls=scrolls
                node_ref=frame
                data-testid="graph"
                data-zoom=move || format!("{:.2}", zoom.get())
                role="group"
                aria-label="The bus: arrow keys go from one part to the next, plus and minus zoom, 0 shows all of it"
                tabindex="0"
                on:contextmenu=faults
            >
                <div class="graph-sheet" style=sheet>
                    <canvas
                        class="drawing"
                        node_ref=canvas
                        role="img"
                        aria-label=told
                        on:click=choose
                        on:pointermove=point
                        on:pointerleave=move |_| tip.hide()
                    ></canvas>
                    <svg class="drawing marks" aria-hidden="true" inner_html=chosen></svg>
                </div>
            </div>
        </Panel>
    }
}

fn selected(of: Of) -> Selected {
    match of {
        Of::Group(place) => Selected::Group(place as u32),
        Of::Exchange(place) => Selected::Exchange(place as u32),
        Of::Queue(place) => Selected::Queue(place as u32),
    }
}

/// What a part of the bus is, in a line.
fn name(view: &BusView, what: Selected) -> String {
    let name = match what {
        Selected::Group(place) => view.groups.get(place as usize).map(|group| of(group.count.into(), &group.name, &group.name)),
        Selected::Exchange(place) => view.exchanges.get(place as usize).map(|it| format!("Exchange {}, {}", it.name, it.kind)),
        Selected::Queue(place) => view.queues.get(place as usize).map(|queue| format!("Queue {}", queue.name)),
        _ => None,
    };
    name.unwrap_or_default()
}

/// What the bus is made of, by its names.
fn shape_of(view: &BusView) -> String {
    let exchanges = view.exchanges.iter().map(|exchange| exchange.name.as_str());
    let queues = view.queues.iter().map(|queue| queue.name.as_str());
    let groups = view.groups.iter().map(|group| group.name.as_str());
    exchanges
        .chain(["/"])
        .chain(queues)
        .chain(["/"])
        .chain(groups)
        .filter(|_| !view.queues.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The bus of the run, or of the text before there is one.
pub fn shown(lab: Lab) -> BusView {
    let of_run = lab.run.with(|run| run.bus.as_ref().map(|bus| bus.view.clone()));
    let of_text = move || lab.outline.with(|outline| outline.as_ref().and_then(|outline| outline.bus.as_deref().cloned()));
    of_run.or_else(of_text).unwrap_or_default()
}

fn draw(lab: Lab, canvas: NodeRef<html::Canvas>, picture: StoredValue<Picture, LocalStorage>, palette: &Palette) {
    let Some(canvas) = canvas.get_untracked() else { return };
    picture.with_value(|picture| {
        // As dense as the screen where it is drawn larger.
        let density = window().device_pixel_ratio() * picture.scale.max(1.0);
        let Some(mut pen) = Pen::at(&canvas, picture.sketch.size, density) else { return };
        lab.run.with_untracked(|run| {
            let run = run.bus.is_some().then_some(run);
            let signs = lab.breaks.list.with_untracked(|list| signs(picture, list, run.and_then(RunModel::halt)));
            paint(&mut pen, palette, &picture.sketch, &picture.bus, run, &picture.motes, wall_ms());
            paint_stops(&mut pen, palette, &picture.sketch, &signs);
        });
    });
}

/// What there is to be seen of breakpoints: the edges that they are at, each once.
fn signs(picture: &Picture, list: &[Kept], halt: Option<&Halt>) -> Vec<Sign> {
    let view = &picture.bus.view;
    let sign = |(edge, drawn): (usize, &Edge)| {
        let way = way_of(&picture.sketch, view, drawn)?;
        let here = || list.iter().filter(|kept| covers(&kept.breakpoint.edge, &way));
        here().next()?;
        let holds = halt.is_some_and(|halt| here().any(|kept| kept.breakpoint.id == halt.breakpoint));
        Some(Sign { edge, on: here().any(|kept| kept.on), holds })
    };
    picture.sketch.edges.iter().enumerate().filter_map(sign).collect()
}

/// The way of messages that an edge draws, if they can be stopped there: what goes on within the broker cannot.
fn way_of(sketch: &Sketch, view: &BusView, edge: &Edge) -> Option<BreakEdge> {
    let group = |group: usize| view.groups.get(group).map(|group| group.name.clone());
    match edge.flow {
        Flow::Publish(place) => {
            let exchange = match sketch.cards.get(edge.to)?.of {
                Of::Exchange(exchange) => view.exchanges.get(exchange)?.name.clone(),
                // Through the default exchange.
                Of::Queue(_) | Of::Group(_) => String::new(),
            };
            Some(BreakEdge::Publish { client: group(place), exchange: Some(exchange) })
        }
        Flow::Take(place) => {
            let queue = view.groups.get(place)?.takes_from.clone();
            Some(BreakEdge::Deliver { queue, client: group(place) })
        }
        Flow::Route(_) | Flow::Dead(_) => None,
    }
}

/// The same of the edge at a point.
fn edge_of(sketch: &Sketch, bus: &BusModel, x: f64, y: f64) -> Option<BreakEdge> {
    way_of(sketch, &bus.view, sketch.edge_at(x, y)?)
}

/// Draws again as long as something is on its way.
fn animate(lab: Lab, canvas: NodeRef<html::Canvas>, picture: StoredValue<Picture, LocalStorage>, palette: Palette) {
    request_animation_frame(move || {
        let moves = picture.try_update_value(|picture| {
            let now_ms = wall_ms();
            picture.motes.retain(|mote| now_ms - mote.left_ms < WAY_MS);
            picture.moves = !picture.motes.is_empty();
            picture.moves
        });
        // The panel may be gone.
        let Some(moves) = moves else { return };
        draw(lab, canvas, picture, &palette);
        if moves {
            animate(lab, canvas, picture, palette);
        }
    });
}

impl Picture {
    fn take(&mut self, view: BusView, run: &RunModel) {
        self.bus = run.bus.as_deref().cloned().unwrap_or_else(|| BusModel::new(view));
        let moved: Vec<u64> = self.sketch.edges.iter().map(|edge| moved(&self.bus, edge.flow)).collect();
        let known = std::mem::replace(&mut self.moved, (run.run, moved));
        let stands_still = run.is_paused() || !run.is_live() || wants_no_motion();
        // Where time stands still a message is seen where it really is.
        if stands_still || known.0 != run.run || known.1.len() != self.moved.1.len() {
            return self.motes.clear();
        }
        let now_ms = wall_ms();
        for (edge, (before, now)) in known.1.iter().zip(&self.moved.1).enumerate() {
            // One stands for all that left since the last frame: the rates tell how many those are.
            if now > before {
                self.motes.push(Mote { edge, left_ms: now_ms });
            }
        }
    }
}

/// Messages that have gone along an edge so far.
fn moved(bus: &BusModel, flow: Flow) -> u64 {
    match flow {
        Flow::Publish(group) | Flow::Take(group) => bus.moved(group),
        Flow::Route(queue) => bus.queue(queue).published.0,
        Flow::Dead(_) => 0,
    }
}

fn wants_no_motion() -> bool {
    let query = window().match_media("(prefers-reduced-motion: reduce)").ok().flatten();
    query.is_some_and(|query| query.matches())
}

/// What a fault at this point would be for: a client, the broker, or the messages between the two.
fn preset(sketch: &Sketch, bus: &BusModel, x: f64, y: f64) -> Preset {
    let first = |group: usize| NodeId::Worker(bus.members(group).start as u32 + 1);
    let broker = NodeId::Coordinator;
    match (sketch.card_at(x, y).map(|card| card.of), sketch.edge_at(x, y).map(|edge| edge.flow)) {
        (Some(Of::Group(group)), _) => Preset::node(first(group)),
        (None, Some(Flow::Publish(group))) => Preset::edge(Some(first(group)), Some(broker)),
        (None, Some(Flow::Take(group))) => Preset::edge(Some(broker), Some(first(group))),
        // Exchanges, queues and what goes from one to another are in the broker.
        _ => Preset::node(broker),
    }
}

/// What a note over a card says.
fn describe(bus: &BusModel, what: Of) -> Vec<String> {
    match what {
        Of::Exchange(place) => {
            let exchange = &bus.view.exchanges[place];
            vec![exchange.name.clone(), format!("{} exchange", exchange.kind)]
        }
        Of::Queue(place) => {
            let (queue, now) = (&bus.view.queues[place], bus.queue(place));
            let bound = queue.most.map_or("no bound".to_owned(), |most| format!("at most {most}, then {}", queue.overload));
            vec![
                format!("queue {}: {bound}", queue.name),
                format!("{} ready, {} at consumers", now.ready.0, now.unacked.0),
                format!("{} came, {} delivered, {} of them again", now.published.0, now.delivered.0, now.redelivered.0),
                format!("{} acknowledged, {} gone", now.acked.0, now.gone.0),
            ]
        }
        Of::Group(place) => {
            let group = &bus.view.groups[place];
            let (role, verb) = match group.role {
                Role::Publisher => ("publisher", "sent"),
                Role::Requester => ("requester", "asked"),
                Role::Consumer => ("consumer", "worked on"),
                Role::Responder => ("responder", "answered"),
            };
            let number = of(group.count.into(), role, &format!("{role}s"));
            vec![format!("{}: {number}", group.name), group.about.clone(), format!("{} {verb}", bus.moved(place))]
        }
    }
}

/// The picture in a sentence.
fn told(view: &BusView, run: &RunModel) -> String {
    let Some(bus) = &run.bus else { return format!("The bus as its text describes it: {}", in_short(view)) };
    let queue = |(place, queue): (usize, &QueueView)| {
        let ready = count(bus.queue(place).ready.0);
        format!("{} has {} {} ready", queue.name, ready.value, ready.unit)
    };
    let queues: Vec<_> = view.queues.iter().enumerate().map(queue).collect();
    let paused = if run.is_paused() { ", and nothing moves" } else { "" };
    let state = if matches!(run.stage, Stage::Finished(_)) { "At the end" } else { "Now" };
    format!("{state} {}{paused}", queues.join(", "))
}

//! The job as a graph: what is read, the tasks of each stage with the shuffles between them, what comes of it.
//!
//! [`columns`] orders the stages, [`tracks`] and [`layout`] measure them out, [`grid`] and [`edges`] are the parts of the picture;
//! [`cells`] paints what changes, and [`words`] says it. [`near`] is how near it is looked at and where the arrow keys lead, [`zoom`] what
//! is pressed and turned for that.

pub mod cells;
pub mod columns;
pub mod edges;
pub mod grid;
pub mod layout;
pub mod near;
pub mod picture;
mod plan;
pub mod tracks;
pub mod words;
pub mod zoom;

use std::ops::Range;

use leptos::html;
use leptos::prelude::*;
use shared::id::NodeId;
use shared::wire::{AttemptState, Phase, StageView};
use wasm_bindgen::JsCast;
use web_sys::{MouseEvent, PointerEvent};

use self::cells::Cells;
use self::edges::{Bundle, Flow};
use self::layout::{Bar, Head, Layout, Of, Role};
use self::near::{Node, Room};
pub use self::words::ending;
use self::words::{describe, number, running, summary, title, told};
use self::zoom::Zoomed;
use super::faults::{Chooser, Preset};
use super::inspect::Selected;
use super::later::{Later, Part};
use super::model::{RunModel, StageCount};
use super::state::use_lab;
use crate::components::html::mark;
use crate::components::palette::use_palette;
use crate::components::panel::Panel;
use crate::components::size::use_size;
use crate::components::tip::{Note, Tip};

#[component]
pub fn Graph() -> impl IntoView {
    let lab = use_lab();
    let tip = expect_context::<Tip>();
    let frame = NodeRef::<html::Div>::new();
    let size = use_size(move || frame.get().map(|frame| frame.unchecked_into()));
    // What is drawn: it changes with the run's stages and the panel's size, not with its progress.
    let shape = a_frame_later(Memo::new(move |_| lab.run.with(|run| (run.run, run.stages().to_vec()))));
    let zoom = RwSignal::new(1.0);
    let room = Memo::new(move |_| Room::of_job(size.get(), zoom.get()));
    let laid_out = move |Room { size: (width, height), .. }: Room| {
        let is_seen = width > 0.0 && height > 0.0;
        shape.with(|(_, stages)| (is_seen && !stages.is_empty()).then(|| Layout::new(width, height, stages)))
    };
    let layout = Memo::new(move |_| laid_out(room.get()));
    let canvas = NodeRef::<html::Canvas>::new();
    let palette = use_palette();
    let cells = StoredValue::new_local(None::<Cells>);
    Effect::new(move |_| {
        // Another run of the same shape is another drawing.
        shape.track();
        let Some(canvas) = canvas.get() else { return };
        let (palette, scale) = (palette.get(), room.get().scale);
        layout.with(|layout| {
            if let Some(layout) = layout {
                cells.set_value(lab.run.with_untracked(|run| Cells::draw(&canvas, layout, scale, palette, run)));
            }
        });
    });
    Effect::new(move |_| {
        lab.run.track();
        let changed = lab.run.try_update_untracked(RunModel::take_changed).unwrap_or_default();
        cells.update_value(|cells| {
            if let Some(cells) = cells {
                lab.run.with_untracked(|run| cells.update(run, &changed));
            }
        });
    });

    let counts = Memo::new(move |_| lab.run.with(RunModel::stage_counts));
    let scrolls = Memo::new(move |_| {
        let (room, size) = (room.get(), size.get());
        layout.with(|layout| layout.as_ref().is_some_and(|layout| room.exceeds(layout.size, size)))
    });
    let let_go = follow(frame, layout, room, Memo::new(move |_| shape.with(|(run, _)| *run)), counts);

    let point = move |event: PointerEvent| {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let under = cells.with_value(|cells| cells.as_ref()?.tasks_at(x, y));
        match under.and_then(|(phase, tasks)| lab.run.with_untracked(|run| describe(run, phase, tasks))) {
            Some(lines) => tip.show(Note { x: f64::from(event.client_x()), y: f64::from(event.client_y()), lines }),
            None => tip.hide(),
        }
    };
    let choose = move |event: MouseEvent| {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let under = cells.with_value(|cells| cells.as_ref()?.tasks_at(x, y));
        let task = under.map(|(phase, tasks)| Selected::Task(phase, tasks.start as u32));
        let bar = || layout.with_untracked(|layout| layout.as_ref()?.bar_at(x, y)).map(|stage| Selected::Shuffle(stage as u32));
        lab.select(task.or_else(bar));
    };
    // Where the selected task is drawn: in a place of its own, and for a map task also where its split is.
    let chosen = Memo::new(move |_| {
        let selected = lab.selected.get();
        let areas = layout.with(|layout| match (layout, selected) {
            (Some(layout), Some(Selected::Task(phase, task))) => layout.areas(phase, task),
            (Some(layout), Some(Selected::Shuffle(stage))) => layout.bar_of(stage as usize).into_iter().collect(),
            _ => Vec::new(),
        });
        areas.into_iter().map(|area| mark(area.x, area.y, area.width, area.height)).collect::<String>()
    });
    let chooser = expect_context::<Chooser>();
    // What a fault at a point of the picture would be for.
    let preset_at = move |x: f64, y: f64| {
        let under = cells.with_value(|cells| cells.as_ref()?.tasks_at(x, y));
        let worker = under.and_then(|(phase, tasks)| lab.run.with_untracked(|run| worker_of(run, phase, tasks)));
        tip.hide();
        // Between the tasks there are the shuffles.
        worker.map_or_else(|| Preset::edge(None, None), Preset::node)
    };
    let faults = move |event: MouseEvent| {
        let on_picture = canvas.get_untracked().is_some_and(|canvas| event.target() == Some(canvas.unchecked_into()));
        let at = on_picture.then(|| preset_at(f64::from(event.offset_x()), f64::from(event.offset_y())));
        chooser.open_at(&event, at.unwrap_or_default());
    };
    let summary = Memo::new(move |_| lab.run.with(summary));
    let told = Memo::new(move |_| lab.run.with(told));
    let active = Memo::new(move |_| lab.run.with(RunModel::is_active));
    let edges = move || {
        let layout = layout.get()?;
        let bundle = |bundle: Bundle| {
            let (flow, from, to) = (bundle.flow, bundle.from, bundle.to);
            let flowing = Memo::new(move |_| counts.with(|counts| is_flowing(counts, active.get(), flow, from, to)));
            let edge = |edge: edges::Edge| {
                let class = if edge.bundled { "edge bundled" } else { "edge" };
                view! { <path class=class d=edge.path></path> }
            };
            let edges = bundle.edges.into_iter().map(edge).collect_view();
            view! { <g class=flow.class() class:flowing=flowing>{edges}</g> }
        };
        let bar = |Bar { from, to, area }: Bar| {
            let flowing = move |counts: &Vec<StageCount>| {
                let into = from.iter().any(|from| is_flowing(counts, active.get(), Flow::Into, *from, to));
                into || is_flowing(counts, active.get(), Flow::OutOf, to, to)
            };
            let flowing = Memo::new(move |_| counts.with(&flowing));
            view! {
                <rect
                    class="shuffle-bar"
                    class:flowing=flowing
                    x=area.x
                    y=area.y
                    width=area.width
                    height=area.height
                    rx="2"
                ></rect>
            }
        };
        let bundles = layout.bundles.into_iter().map(bundle).collect_view();
        let bars = layout.bars.into_iter().map(bar).collect_view();
        Some(view! {
            {bundles}
            {bars}
        })
    };
    let heads = move || {
        let layout = layout.get()?;
        let head = |Head { of, area, in_one_line }: Head| {
            let title = shape.with_untracked(|(_, stages)| title(stages, of));
            let value = Memo::new(move |_| counts.with(|counts| lab.run.with(|run| number(run, counts, of))));
            let is_running = move |counts: &Vec<StageCount>| running(counts).any(|stage| of == Of::Stage(stage));
            let is_running = Memo::new(move |_| counts.with(is_running));
            let style = format!("left:{:.0}px;top:{:.0}px;width:{:.0}px", area.x, area.y, area.width);
            view! {
                <div class="graph-head" class:in-one-line=in_one_line class:running=is_running style=style>
                    <span class="graph-title">{title}</span>
                    <span class="graph-value num" title=move || value.get().exact>
                        {move || value.with(|value| format!("{} {}", value.value, value.unit))}
                    </span>
                </div>
            }
        };
        Some(layout.heads.into_iter().map(head).collect_view())
    };
    let sheet = move || Some(room.get().style(layout.with(|layout| layout.as_ref().map(|layout| layout.size))?));
    let zoomed = Zoomed {
        zoom,
        frame,
        size,
        natural: Signal::derive(move || laid_out(Room::of_job(size.get(), 1.0)).map_or(size.get(), |layout| layout.size)),
        shape: Signal::derive(move || {
            let stage = |stage: &StageView| format!("{}{:?};", stage.what, stage.of);
            shape.with(|(_, stages)| stages.iter().map(stage).collect())
        }),
        nodes: Callback::new(move |()| {
            let room = room.get_untracked();
            layout.with_untracked(|layout| layout.iter().flat_map(|layout| nodes(layout, room)).collect())
        }),
        tell: Callback::new(move |what| lab.run.with_untracked(|run| words::name(run, what))),
        held: Callback::new(move |(x, y): (f64, f64)| {
            let scale = room.get_untracked().scale;
            chooser.open(preset_at(x / scale, y / scale));
        }),
    };
    let summary_aside = move || {
        view! {
            <span class="num" data-testid="graph-summary">{summary}</span>
            <span class="zoom"><Later part=Part::GraphZoom(zoomed) wanted=move || layout.with(Option::is_some) quiet=true /></span>
        }
    };
    view! {
        <Panel name="graph" title="Job" aside=summary_aside>
            <div
                class="graph"
                class:scrolls=scrolls
                node_ref=frame
                data-testid="graph"
                role="group"
                data-zoom=move || format!("{:.2}", zoom.get())
                aria-label="The job's stages, from left to right: arrow keys go from task to task, plus and minus zoom, 0 shows all of it"
                tabindex=move || layout.with(Option::is_some).then_some("0")
                on:wheel=move |_| let_go()
                on:pointerdown=move |_| let_go()
                on:keydown=move |_| let_go()
                on:contextmenu=faults
            >
                <div class="graph-sheet" style=sheet>
                    <svg class="drawing" aria-hidden="true">
                        {edges}
                    </svg>
                    <canvas
                        class="drawing"
                        class:hidden=move || layout.with(Option::is_none)
                        node_ref=canvas
                        role="img"
                        aria-label=told
                        on:click=choose
                        on:pointermove=point
                        on:pointerleave=move |_| tip.hide()
                    ></canvas>
                    <svg class="drawing marks" aria-hidden="true" inner_html=chosen></svg>
                    <div aria-hidden="true">{heads}</div>
                </div>
                {move || (layout.with(Option::is_none)).then(|| view! {
                    <plan::Plan />
                })}
            </div>
        </Panel>
    }
}

/// A value a frame after it has changed: a run that begins changes every view at once, and this one's part of that is the largest, so
/// that the page would be held up if it came with the others'.
fn a_frame_later<T: Clone + PartialEq + Send + Sync + 'static>(value: Memo<T>) -> ReadSignal<T> {
    let (later, set_later) = signal(value.get_untracked());
    Effect::new(move |_| {
        value.track();
        request_animation_frame(move || {
            // The view may be gone by then.
            if let Some(value) = value.try_get_untracked() {
                let _ = set_later.try_set(value);
            }
        });
    });
    later
}

/// Keeps the stage that is worked on in view where the drawing is wider than its panel, until the user moves it; another run begins
/// anew. Gives what is to be called when the user does.
fn follow(
    frame: NodeRef<html::Div>,
    layout: Memo<Option<Layout>>,
    room: Memo<Room>,
    run: Memo<u32>,
    counts: Memo<Vec<StageCount>>,
) -> impl Fn() + Copy + 'static {
    let held_in = StoredValue::new(None::<u32>);
    let at = Memo::new(move |_| counts.with(|counts| running(counts).next()));
    Effect::new(move |_| {
        let (run, Some(stage), Some(frame)) = (run.get(), at.get(), frame.get()) else { return };
        if held_in.get_value() == Some(run) {
            return;
        }
        layout.with(|layout| {
            let heads = layout.iter().flat_map(|layout| &layout.heads);
            if let Some(head) = heads.into_iter().find(|head| head.of == Of::Stage(stage)) {
                let area = room.get_untracked().drawn(head.area);
                let middle = area.x + area.width / 2.0;
                frame.set_scroll_left((middle - f64::from(frame.client_width()) / 2.0) as i32);
            }
        });
    });
    move || held_in.set_value(Some(run.get_untracked()))
}

/// What can be selected, where it is drawn.
fn nodes(layout: &Layout, room: Room) -> Vec<Node> {
    let own = layout.cells.iter().filter(|placed| matches!(placed.role, Role::Map | Role::Reduce));
    let tasks = own.flat_map(|placed| {
        (0..placed.grid.count).map(|cell| Node {
            what: Selected::Task(placed.phase, placed.tasks(cell).start as u32),
            area: room.drawn(placed.grid.cell(cell)),
        })
    });
    let bar = |bar: &Bar| Node { what: Selected::Shuffle(bar.to as u32), area: room.drawn(bar.area) };
    tasks.chain(layout.bars.iter().map(bar)).collect()
}

/// The worker that works on a task, or had it last.
fn worker_of(run: &RunModel, phase: Phase, tasks: Range<usize>) -> Option<NodeId> {
    let attempts = tasks.flat_map(|task| run.attempts_of(phase, task as u32));
    let last = attempts.max_by_key(|attempt| (attempt.state == AttemptState::Running, attempt.start));
    last.map(|attempt| NodeId::Worker(attempt.worker))
}

/// Whether something flows along these lines now.
fn is_flowing(counts: &[StageCount], is_active: bool, flow: Flow, from: usize, to: usize) -> bool {
    let count = |stage: usize| counts.get(stage).copied().unwrap_or_default();
    match flow {
        Flow::Read => count(from).running > 0,
        Flow::Into => is_active && count(from).done > 0 && !count(to).is_done(),
        Flow::OutOf => count(to).running > 0,
        Flow::Commit => count(from).done > 0,
    }
}

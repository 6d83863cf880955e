//! The job as a graph: input splits → map tasks → shuffle → reduce tasks → output.

pub mod cells;
pub mod layout;

use std::ops::Range;

use leptos::html;
use leptos::prelude::*;
use shared::wire::{AttemptState, Phase};
use wasm_bindgen::JsCast;
use web_sys::PointerEvent;

use self::cells::{Cells, state_name};
use self::layout::Layout;
use super::format::{Figure, bytes, circled, count, duration_ms, of};
use super::model::{RunModel, TaskState};
use super::state::use_lab;
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
    // What is drawn: it changes with the run's shape and the panel's size, not with its progress.
    let shape = Memo::new(move |_| {
        lab.run.with(|run| run.started.as_ref().map(|started| (run.run, started.splits.len(), started.reduces as usize)))
    });
    let layout = Memo::new(move |_| {
        let (width, height) = size.get();
        let (_, maps, partitions) = shape.get()?;
        (width > 0.0 && height > 0.0).then(|| Layout::new(width, height, maps, partitions))
    });
    let canvas = NodeRef::<html::Canvas>::new();
    let palette = use_palette();
    let cells = StoredValue::new_local(None::<Cells>);
    Effect::new(move |_| {
        // Another run of the same shape is another drawing.
        shape.track();
        let (Some(layout), Some(canvas)) = (layout.get(), canvas.get()) else { return };
        let fresh = lab.run.with_untracked(|run| Cells::draw(&canvas, size.get_untracked(), layout, palette.get(), run));
        cells.set_value(fresh);
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

    let point = move |event: PointerEvent| {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let under = cells.with_value(|cells| cells.as_ref()?.tasks_at(x, y));
        match under.and_then(|(phase, tasks)| lab.run.with_untracked(|run| describe(run, phase, tasks))) {
            Some(lines) => tip.show(Note { x: f64::from(event.client_x()), y: f64::from(event.client_y()), lines }),
            None => tip.hide(),
        }
    };
    let flows = Memo::new(move |_| lab.run.with(flows));
    let summary = Memo::new(move |_| lab.run.with(summary));
    let edges = move || {
        layout.get().map(|layout| {
            let edge = |edge: layout::Edge| {
                let bundled = if edge.bundled { " bundled" } else { "" };
                view! { <path class=format!("{}{bundled}", edge.flow.class()) d=edge.path></path> }
            };
            let bar = layout.shuffle;
            view! {
                {layout.edges.into_iter().map(edge).collect_view()}
                <rect class="shuffle-bar" x=bar.x y=bar.y width=bar.width height=bar.height rx="2"></rect>
            }
        })
    };
    let heads = move || {
        let layout = layout.get()?;
        let heads = HEADS.iter().zip(layout.heads).enumerate().map(|(index, (title, (left, width)))| {
            let value = Memo::new(move |_| lab.run.with(|run| head(run, index)));
            view! {
                <div class="graph-head" style=format!("left:{left:.0}px;width:{width:.0}px")>
                    <span class="graph-title">{*title}</span>
                    <span class="graph-value num" title=move || value.get().exact>
                        {move || value.with(|value| format!("{} {}", value.value, value.unit))}
                    </span>
                </div>
            }
        });
        Some(heads.collect_view())
    };
    let summary_aside = move || view! { <span class="num" data-testid="graph-summary">{summary}</span> };
    view! {
        <Panel name="graph" title="Job" aside=summary_aside>
            <div class="graph" node_ref=frame data-testid="graph">
                <svg class=move || format!("drawing {}", flows.get()) aria-hidden="true">
                    {edges}
                </svg>
                <canvas
                    class="drawing"
                    class:hidden=move || layout.with(Option::is_none)
                    node_ref=canvas
                    role="img"
                    aria-label=move || format!("The job as a graph: {}", summary.get())
                    on:pointermove=point
                    on:pointerleave=move |_| tip.hide()
                ></canvas>
                <div aria-hidden="true">{heads}</div>
                <Show when=move || layout.with(Option::is_none)>
                    <p class="empty hint">"The job will be drawn here: its splits, its tasks and how far each has come."</p>
                </Show>
            </div>
        </Panel>
    }
}

const HEADS: [&str; 5] = ["Input", "Map", "Shuffle", "Reduce", "Output"];

/// The number under a column's heading.
fn head(run: &RunModel, column: usize) -> Figure {
    let Some(started) = &run.started else { return Figure::unknown() };
    let done = |phase| run.tasks(phase).iter().filter(|task| task.state == TaskState::Done).count();
    let of_all = |phase| {
        let value = format!("{} of {}", done(phase), run.tasks(phase).len());
        Figure { exact: format!("{value} tasks done"), value, unit: "" }
    };
    match column {
        0 => bytes(started.input_bytes),
        1 => of_all(Phase::Map),
        2 => count(run.counters.combine_output_records),
        3 => of_all(Phase::Reduce),
        _ => count(run.counters.output_records),
    }
}

/// Along which edges something flows now, as classes of the drawing.
fn flows(run: &RunModel) -> String {
    let any = |phase, state| run.tasks(phase).iter().any(|task| task.state == state);
    let mut classes = Vec::new();
    if any(Phase::Map, TaskState::Running) {
        classes.push("reads");
    }
    if run.is_active() && any(Phase::Map, TaskState::Done) {
        classes.push("shuffles-in");
    }
    if any(Phase::Reduce, TaskState::Running) {
        classes.push("shuffles-out");
    }
    if any(Phase::Reduce, TaskState::Done) {
        classes.push("commits");
    }
    classes.join(" ")
}

fn summary(run: &RunModel) -> String {
    if run.started.is_none() {
        return String::new();
    }
    let done = run.maps.iter().chain(&run.reduces).filter(|task| task.state == TaskState::Done).count();
    let mut parts = vec![format!("{done} of {}", of((run.maps.len() + run.reduces.len()) as u64, "task", "tasks"))];
    if run.tally.tasks_repeated > 0 {
        parts.push(format!("{} repeated", run.tally.tasks_repeated));
    }
    if run.tally.backup_tasks > 0 {
        parts.push(of(u64::from(run.tally.backup_tasks), "backup", "backups"));
    }
    if run.tally.workers_lost > 0 {
        parts.push(of(u64::from(run.tally.workers_lost), "worker lost", "workers lost"));
    }
    parts.join(" · ")
}

/// What the note over a cell says.
fn describe(run: &RunModel, phase: Phase, tasks: Range<usize>) -> Option<Vec<String>> {
    if tasks.len() == 1 { describe_one(run, phase, tasks.start as u32) } else { describe_several(run, phase, tasks) }
}

fn describe_several(run: &RunModel, phase: Phase, tasks: Range<usize>) -> Option<Vec<String>> {
    let kind = if phase == Phase::Map { "map" } else { "reduce" };
    let models = run.tasks(phase).get(tasks.clone())?;
    let states = [TaskState::Done, TaskState::Running, TaskState::Requeued, TaskState::Failed, TaskState::Waiting];
    let counts = states.into_iter().filter_map(|state| {
        let count = models.iter().filter(|task| task.state == state).count();
        (count > 0).then(|| format!("{count} {}", state_name(state)))
    });
    let heading = format!("{kind}-{} to {kind}-{}", tasks.start, tasks.end.saturating_sub(1));
    Some(std::iter::once(heading).chain(counts).collect())
}

fn describe_one(run: &RunModel, phase: Phase, task: u32) -> Option<Vec<String>> {
    let model = run.task(phase, task)?;
    let kind = if phase == Phase::Map { "map" } else { "reduce" };
    let mut lines = vec![format!("{kind}-{task}: {}", state_name(model.state))];
    if let (Phase::Map, Some(split)) = (phase, run.started.as_ref().and_then(|started| started.splits.get(task as usize))) {
        let size = bytes(split.0);
        lines.push(format!("split {task}, {} {}", size.value, size.unit));
    }
    for attempt in run.attempts_of(phase, task) {
        let end = attempt.end.unwrap_or(run.now);
        let length = duration_ms(end.since(attempt.start).0 as f64 / 1e3);
        let backup = if attempt.backup { " (backup)" } else { "" };
        lines.push(format!(
            "{} worker-{}{backup}, {} {}: {}",
            circled(attempt.number),
            attempt.worker,
            length.value,
            length.unit,
            ending(attempt.state)
        ));
    }
    if model.attempts.is_empty() {
        lines.push("Not given to a worker yet".into());
    }
    Some(lines)
}

/// How an attempt stands, in words.
pub fn ending(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Running => "running",
        AttemptState::Done => "done",
        AttemptState::Killed => "its worker was lost while it ran",
        AttemptState::Lost => "done, but its output was lost with its worker",
        AttemptState::Superseded => "another execution was accepted first",
        AttemptState::Failed => "failed",
    }
}

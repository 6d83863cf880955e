//! Who did what when: a lane for each worker, a bar for each attempt; and the same as a table.

pub mod draw;
pub mod flags;
pub mod messages;
pub mod overview;
pub mod scale;
pub mod table;
pub mod zoom;

use leptos::html;
use leptos::prelude::*;
use shared::time::{Span, Time};
use shared::wire::{AttemptView, Phase, StageView};
use wasm_bindgen::JsCast;
use web_sys::PointerEvent;

use self::draw::Settled;
use self::messages::Probe;
use self::scale::Scale;
use super::bus::{in_short, lanes};
use super::format::{bytes, circled, count, duration_ms, of};
use super::graph::ending;
use super::inspect::Selected;
use super::later::{Later, Part};
use super::model::{RunModel, Stage};
use super::names::task_name;
use super::state::{use_lab, wall_ms};
use crate::components::palette::{Palette, use_palette};
use crate::components::panel::Panel;
use crate::components::size::use_size;
use crate::components::tip::{Note, Tip};

/// How far a pressed pointer goes before it drags. Pixels.
pub const DRAG_PX_MIN: f64 = 4.0;

#[component]
pub fn Timeline() -> impl IntoView {
    let lab = use_lab();
    let tip = expect_context::<Tip>();
    let frame = NodeRef::<html::Div>::new();
    let canvases = [(); 2].map(|()| NodeRef::<html::Canvas>::new());
    let size = use_size(move || frame.get().map(|frame| frame.unchecked_into()));
    let as_table = RwSignal::new(false);
    let palette = use_palette();
    let settled = StoredValue::new_local(None::<Settled>);
    Effect::new(move |_| {
        let (size, window, palette, selected) = (size.get(), lab.window.get(), palette.get(), lab.selected.get());
        if !lab.messages_shown.get() {
            lab.run.with(|run| paint(canvases, scale_of(size, run, window), run, settled, &palette, selected));
        }
    });

    // The moment that is pointed at, here or in a chart.
    let line = NodeRef::<html::Span>::new();
    let shown = Memo::new(move |_| lab.run.with(|run| run.shown));
    Effect::new(move |_| {
        shown.track();
        let (pointed, size, window) = (lab.pointed.get(), size.get(), lab.window.get());
        let Some(line) = line.get() else { return };
        let scale = lab.run.with_untracked(|run| scale_of(size, run, window));
        let x = scale.zip(pointed).filter(|(scale, at)| scale.shows(*at)).map(|(scale, at)| scale.x(at));
        let _ = line.class_list().toggle_with_force("shown", x.is_some());
        if let Some(x) = x {
            let _ = line.set_attribute("style", &format!("transform:translateX({x}px)"));
        }
    });
    let scale = move |run: &RunModel| scale_of(size.get_untracked(), run, lab.window.get_untracked());
    let at = move |event: &PointerEvent| {
        let x = f64::from(event.offset_x());
        lab.run.with_untracked(|run| scale(run).map(|scale| scale.moment(x)))
    };

    // What is under the pointer while messages are shown.
    let probe: Probe = StoredValue::new_local(None);
    let under = move |x, y| probe.with_value(|probe| probe.as_ref().and_then(|probe| probe(x, y)));
    let point = move |event: PointerEvent| {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let lines = lab.run.with_untracked(|run| {
            let scale = scale(run)?;
            if let Some(news) = scale.flag_at(run, x, y) {
                return Some(vec![news.text.clone(), at_in_words(news.at)]);
            }
            if lab.messages_shown.get_untracked() {
                return under(x, y).map(|(lines, _)| lines);
            }
            if let Some(bus) = &run.bus {
                return lanes::describe(scale, bus, x, y);
            }
            scale.attempt_at(run, now_of(run), x, y).map(|attempt| describe(run, attempt))
        });
        match lines {
            Some(lines) => tip.show(Note { x: f64::from(event.client_x()), y: f64::from(event.client_y()), lines }),
            None => tip.hide(),
        }
    };
    // The moment under the pointer, while it is held down and has gone somewhere.
    let dragging = RwSignal::new(false);
    // Where it was pressed.
    let pressed = StoredValue::new(None::<f64>);
    let seek = move |event: &PointerEvent| {
        if let Some(at) = at(event) {
            lab.seek(at);
        }
    };
    let grab = move |event: PointerEvent| {
        let can = event.button() == 0 && lab.run.with_untracked(RunModel::can_be_sought);
        if let Some(canvas) = canvases[1].get_untracked().filter(|_| can) {
            let _ = canvas.set_pointer_capture(event.pointer_id());
            pressed.set_value(Some(f64::from(event.offset_x())));
        }
    };
    let moved = move |event: PointerEvent| {
        lab.pointed.set(at(&event));
        let from = pressed.get_value();
        if from.is_some_and(|from| (from - f64::from(event.offset_x())).abs() >= DRAG_PX_MIN) {
            dragging.set(true);
            tip.hide();
        }
        if dragging.get_untracked() { seek(&event) } else { point(event) }
    };
    // A bar that is clicked is selected; beside the bars a click goes to that moment.
    let let_go = move |event: PointerEvent| {
        let was_pressed = pressed.try_update_value(Option::take).flatten().is_some();
        if dragging.try_update(std::mem::take) == Some(true) {
            return;
        }
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let what = lab.run.with_untracked(|run| {
            if lab.messages_shown.get_untracked() {
                return under(x, y).map(|(_, what)| what);
            }
            let scale = scale(run)?;
            let task = |attempt: &AttemptView| Selected::Task(attempt.phase, attempt.task);
            match &run.bus {
                Some(bus) => lanes::selected_at(scale, bus, x, y),
                None => scale.attempt_at(run, now_of(run), x, y).map(task).or_else(|| scale.lane_at(x, y)),
            }
        });
        match what {
            Some(what) => lab.select(Some(what)),
            None if was_pressed => seek(&event),
            None => {}
        }
    };
    let abandon = move |_| {
        pressed.set_value(None);
        dragging.set(false);
    };
    let seekable = Memo::new(move |_| lab.run.with(RunModel::can_be_sought));
    let summary = Memo::new(move |_| lab.run.with(summary));
    let empty = Memo::new(move |_| lab.run.with(|run| run.started.is_none()));
    // The word for every task that is no map task.
    let gathering = Memo::new(move |_| lab.run.with(|run| gathering(run.stages())));
    let is_bus = Memo::new(move |_| lab.run.with(|run| run.bus.is_some()));
    let aside = move || {
        view! {
            <span class="legend" class:of-bus=is_bus class:hidden=lab.messages_shown aria-hidden="true">
                <span class="key map">{move || if is_bus.get() { "busy" } else { "map" }}</span>
                <span class="key reduce">{move || if is_bus.get() { "blocked".to_owned() } else { gathering.get() }}</span>
                <span class="key lost">{move || if is_bus.get() { "down" } else { "lost" }}</span>
                <span class="key again">"repeated"</span>
            </span>
            <span class="zoom"><Later part=Part::Zoom(size, frame) wanted=move || !empty.get() quiet=true /></span>
            <button
                class="quiet small"
                data-testid="timeline-messages"
                title="The messages between the nodes, from where and when they were sent to where and when they arrived"
                aria-pressed=move || if lab.messages_shown.get() { "true" } else { "false" }
                on:click=move |_| lab.messages_shown.update(|shown| *shown = !*shown)
            >
                "Messages"
            </button>
            <button
                class="quiet small"
                data-testid="timeline-as-table"
                aria-pressed=move || if as_table.get() { "true" } else { "false" }
                on:click=move |_| as_table.update(|shown| *shown = !*shown)
            >
                {move || if as_table.get() { "As a picture" } else { "As a table" }}
            </button>
        }
    };
    view! {
        <Panel name="timeline" title="Timeline" aside=aside>
            <div
                class="timeline"
                data-testid="timeline"
                node_ref=frame
                class:hidden=as_table
                class:as-messages=lab.messages_shown
                role="group"
                aria-label="Timeline: arrow keys go to another moment of a simulated run, plus and minus zoom, 0 shows the whole run"
                tabindex="0"
                on:keydown=move |event| lab.seek_by_key(&event)
            >
                <canvas node_ref=canvases[0] aria-hidden="true"></canvas>
                <canvas
                    node_ref=canvases[1]
                    role="img"
                    aria-label=move || format!("Timeline: {}", summary.get())
                    class:seekable=seekable
                    on:pointerdown=grab
                    on:pointermove=moved
                    on:pointerup=let_go
                    on:pointercancel=abandon
                    on:pointerleave=move |_| {
                        tip.hide();
                        lab.pointed.set(None);
                    }
                ></canvas>
                <Later part=Part::SpaceTime(size, probe) wanted=lab.messages_shown />
                <span class="pointed" node_ref=line data-testid="pointed" aria-hidden="true"></span>
                <Later part=Part::Flags(size, frame) wanted=move || seekable.get() quiet=true />
                <p class="empty hint" class:hidden=move || !empty.get()>
                    "Each worker will have a lane here, each task a bar in it."
                </p>
            </div>
            <div class="overview-place" class:hidden=as_table>
                <Later part=Part::Overview wanted=move || !empty.get() quiet=true />
            </div>
            {move || as_table.get().then(|| view! {
                <Later part=Part::Attempts wanted=move || true />
            })}
        </Panel>
    }
}

/// What tasks behind shuffles are called together.
pub fn gathering(stages: &[StageView]) -> String {
    let mut words = stages.iter().filter(|stage| stage.phase == Phase::Reduce).map(|stage| stage.what.as_str());
    match (words.next(), words.next()) {
        (Some(only), None) => only.to_owned(),
        (None, _) => "reduce".to_owned(),
        _ => "after a shuffle".to_owned(),
    }
}

/// The run's clock at this moment; after its end, at its last attempt's.
pub fn now_of(run: &RunModel) -> Time {
    match run.stage {
        _ if run.is_live() || run.can_be_sought() => Time((run.elapsed_ms(wall_ms()) * 1e3).round() as u64),
        Stage::Running => Time((run.elapsed_ms(wall_ms()) * 1e3) as u64),
        _ => run.attempts.iter().filter_map(|attempt| attempt.end).max().unwrap_or(run.now),
    }
}

/// The stretch of a run's time that its pictures show, if it is not all of it.
pub type Window = Option<(Time, Time)>;

/// What is shown of this much time.
pub fn range(window: Window, whole: Span) -> (Time, Time) {
    let Some((from, to)) = window else { return (Time::ZERO, Time(whole.0)) };
    // What is shown of another run may be longer than that.
    let length = to.since(from).0.min(whole.0);
    let from = from.0.min(whole.0 - length);
    (Time(from), Time(from + length))
}

pub fn scale_of((width, height): (f64, f64), run: &RunModel, window: Window) -> Option<Scale> {
    let of_batch = run.started.as_ref()?.workers.max(run.workers.len() as u32) as usize;
    let lanes = run.bus.as_deref().map_or(of_batch, lanes::count_of);
    let (from, to) = range(window, run.shown);
    (width > 0.0 && height > 0.0).then_some(Scale { width, height, lanes, from, to })
}

fn at_in_words(at: Time) -> String {
    let at = duration_ms(at.0 as f64 / 1e3);
    format!("at {} {}", at.value, at.unit)
}

fn paint(
    canvases: [NodeRef<html::Canvas>; 2],
    scale: Option<Scale>,
    run: &RunModel,
    settled: StoredValue<Option<Settled>, LocalStorage>,
    palette: &Palette,
    selected: Option<Selected>,
) {
    let [Some(below), Some(above)] = canvases.map(|canvas| canvas.get_untracked()) else { return };
    let Some(scale) = scale else {
        // No run, or no room: clean sheets.
        settled.set_value(None);
        return [below, above].iter().for_each(|canvas| canvas.set_width(canvas.width()));
    };
    if let Some(bus) = &run.bus {
        settled.set_value(None);
        return draw::bus([&below, &above], scale, bus, run, now_of(run), palette);
    }
    let known = settled.try_update_value(Option::take).flatten();
    let painted = Settled::paint(known, &below, scale, run, palette);
    if let Some(painted) = &painted {
        draw::moving(&above, painted, run, now_of(run), selected);
    }
    settled.set_value(painted);
}

fn summary(run: &RunModel) -> String {
    let Some(started) = &run.started else { return "nothing has run yet".into() };
    if let Some(bus) = &run.bus {
        return format!("{}. The button As a table shows how each of them is.", in_short(&bus.view));
    }
    let lost = run.attempts.iter().filter(|attempt| attempt.number > 1).count();
    format!(
        "{}, {}, {} of them repeated. The button As a table shows them one by one.",
        of(u64::from(started.workers), "worker", "workers"),
        of(run.attempts.len() as u64, "execution", "executions"),
        lost
    )
}

/// What the note over a bar says.
fn describe(run: &RunModel, attempt: &AttemptView) -> Vec<String> {
    let length = duration_ms(attempt.end.unwrap_or(run.now).since(attempt.start).0 as f64 / 1e3);
    let start = duration_ms(attempt.start.0 as f64 / 1e3);
    let (records, size) = (count(attempt.records.0), bytes(attempt.bytes.0));
    let life = if attempt.incarnation > 1 { format!(", life {}", attempt.incarnation) } else { String::new() };
    let backup = if attempt.backup { ", a backup" } else { "" };
    vec![
        format!("{} {}{backup}", task_name(run.stages(), attempt.phase, attempt.task), circled(attempt.number)),
        format!("worker-{}{life}", attempt.worker),
        format!("from {} {} for {} {}", start.value, start.unit, length.value, length.unit),
        format!("{} {} records, {} {}", records.value, records.unit, size.value, size.unit),
        ending(attempt.state).to_owned(),
    ]
}

//! Who did what when: a lane for each worker, a bar for each attempt; and the same as a table.

pub mod draw;
pub mod scale;
pub mod table;

use leptos::html;
use leptos::prelude::*;
use shared::time::{Span, Time};
use shared::wire::{AttemptView, Phase};
use wasm_bindgen::JsCast;
use web_sys::PointerEvent;

use self::draw::Palette;
use self::scale::Scale;
use super::format::{bytes, circled, count, duration_ms, of};
use super::graph::ending;
use super::model::{RunModel, Stage};
use super::state::{use_lab, wall_ms};
use crate::components::panel::Panel;
use crate::components::size::use_size;
use crate::components::theme::Colours;
use crate::components::tip::{Note, Tip};

#[component]
pub fn Timeline() -> impl IntoView {
    let lab = use_lab();
    let tip = expect_context::<Tip>();
    let colours = expect_context::<Colours>();
    let frame = NodeRef::<html::Div>::new();
    let canvas = NodeRef::<html::Canvas>::new();
    let size = use_size(move || frame.get().map(|frame| frame.unchecked_into()));
    let as_table = RwSignal::new(false);
    let palette = StoredValue::new(Palette::default());
    // The run and the span that it is shown in; another run starts anew.
    let shown = StoredValue::new((0, None::<Span>));
    // The system's own theme may change too, and fonts come late: both are a reason to paint again.
    let system = RwSignal::new(0u32);
    watch_system_theme(system);

    Effect::new(move |_| {
        colours.0.track();
        system.track();
        // The attribute has been set by now; the style sheet follows it at once.
        palette.set_value(Palette::read());
        lab.run.with_untracked(|run| paint(canvas, size.get_untracked(), run, shown, palette));
    });
    Effect::new(move |_| {
        let size = size.get();
        lab.run.with(|run| paint(canvas, size, run, shown, palette));
    });

    let point = move |event: PointerEvent| {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let lines = lab.run.with_untracked(|run| {
            let scale = scale_of(size.get_untracked(), run, shown.get_value().1)?;
            scale.attempt_at(&run.attempts, now_of(run), x, y).map(|attempt| describe(run, attempt))
        });
        match lines {
            Some(lines) => tip.show(Note { x: f64::from(event.client_x()), y: f64::from(event.client_y()), lines }),
            None => tip.hide(),
        }
    };
    let summary = Memo::new(move |_| lab.run.with(summary));
    let empty = Memo::new(move |_| lab.run.with(|run| run.started.is_none()));
    let aside = move || {
        view! {
            <span class="legend" aria-hidden="true">
                <span class="key map">"map"</span>
                <span class="key reduce">"reduce"</span>
                <span class="key lost">"lost"</span>
                <span class="key again">"repeated"</span>
            </span>
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
            <div class="timeline" data-testid="timeline" node_ref=frame class:hidden=as_table>
                <canvas
                    node_ref=canvas
                    role="img"
                    aria-label=move || format!("Timeline: {}", summary.get())
                    on:pointermove=point
                    on:pointerleave=move |_| tip.hide()
                ></canvas>
                <Show when=move || empty.get()>
                    <p class="empty hint">"Each worker will have a lane here, each task a bar in it."</p>
                </Show>
            </div>
            <Show when=move || as_table.get()>
                <table::AttemptsTable />
            </Show>
        </Panel>
    }
}

/// The run's clock at this moment; after its end, at its last attempt's.
fn now_of(run: &RunModel) -> Time {
    match run.stage {
        Stage::Running => Time((run.elapsed_ms(wall_ms()) * 1e3) as u64),
        _ => run.attempts.iter().filter_map(|attempt| attempt.end).max().unwrap_or(run.now),
    }
}

fn scale_of((width, height): (f64, f64), run: &RunModel, before: Option<Span>) -> Option<Scale> {
    let lanes = run.started.as_ref()?.workers.max(run.workers.len() as u32) as usize;
    (width > 0.0 && height > 0.0).then(|| Scale::new(width, height, lanes, now_of(run), !run.is_active(), before))
}

fn paint(
    canvas: NodeRef<html::Canvas>,
    size: (f64, f64),
    run: &RunModel,
    shown: StoredValue<(u32, Option<Span>)>,
    palette: StoredValue<Palette>,
) {
    let Some(canvas) = canvas.get_untracked() else { return };
    let (of_run, span) = shown.get_value();
    let before = span.filter(|_| of_run == run.run);
    match scale_of(size, run, before) {
        Some(scale) => {
            shown.set_value((run.run, Some(scale.span)));
            palette.with_value(|palette| draw::draw(&canvas, scale, run, now_of(run), palette));
        }
        // No run, or no room: a clean sheet.
        None => canvas.set_width(canvas.width()),
    }
}

/// Counts how often the system turned from light to dark or back.
fn watch_system_theme(turns: RwSignal<u32>) {
    let Some(query) = window().match_media("(prefers-color-scheme: dark)").ok().flatten() else { return };
    let changed = wasm_bindgen::closure::Closure::<dyn FnMut()>::new(move || {
        let _ = turns.try_update(|turns| *turns += 1);
    });
    query.set_onchange(Some(changed.as_ref().unchecked_ref()));
    let kept = StoredValue::new_local(Some((query, changed)));
    on_cleanup(move || {
        if let Some(Some((query, _changed))) = kept.try_update_value(Option::take) {
            query.set_onchange(None);
        }
    });
}

fn summary(run: &RunModel) -> String {
    let Some(started) = &run.started else { return "nothing has run yet".into() };
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
    let kind = if attempt.phase == Phase::Map { "map" } else { "reduce" };
    let length = duration_ms(attempt.end.unwrap_or(run.now).since(attempt.start).0 as f64 / 1e3);
    let start = duration_ms(attempt.start.0 as f64 / 1e3);
    let (records, size) = (count(attempt.records.0), bytes(attempt.bytes.0));
    let life = if attempt.incarnation > 1 { format!(", life {}", attempt.incarnation) } else { String::new() };
    let backup = if attempt.backup { ", a backup" } else { "" };
    vec![
        format!("{kind}-{} {}{backup}", attempt.task, circled(attempt.number)),
        format!("worker-{}{life}", attempt.worker),
        format!("from {} {} for {} {}", start.value, start.unit, length.value, length.unit),
        format!("{} {} records, {} {}", records.value, records.unit, size.value, size.unit),
        ending(attempt.state).to_owned(),
    ]
}

//! The whole run in a strip below the timeline: how much was being done, the moment that is looked at, and the part that is shown, which
//! is dragged to another place.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use shared::time::{Span, Time};
use shared::wire::Lane;
use wasm_bindgen::JsCast;
use web_sys::{KeyboardEvent, PointerEvent};

use super::scale::{RIGHT_PX, Scale};
use super::zoom::{centred, in_words, panned};
use super::{now_of, range, scale_of};
use crate::components::palette::{Palette, use_palette};
use crate::components::pen::{Ink, Pen};
use crate::components::size::use_size;
use crate::lab::model::RunModel;
use crate::lab::state::{use_lab, wall_ms};

/// Between two drawings of a run that goes on: a strip as low as this shows little more in less.
const DRAWN_EVERY_MS: f64 = 500.0;
/// How much of what is shown an arrow key goes, and a page key.
const ARROW_PART: f64 = 0.1;
const PAGE_PART: f64 = 1.0;
/// Width of a column. Pixels.
const COLUMN_PX: f64 = 2.0;

#[component]
pub fn Overview() -> impl IntoView {
    let lab = use_lab();
    let (strip, canvas) = (NodeRef::<html::Div>::new(), NodeRef::<html::Canvas>::new());
    let (part, present) = (NodeRef::<html::Span>::new(), NodeRef::<html::Span>::new());
    let size = use_size(move || strip.get().map(|strip| strip.unchecked_into()));
    let palette = use_palette();
    let scale = move |run: &RunModel| scale_of(size.get_untracked(), run, None);

    // Drawn anew for another size, theme or run, and else now and then; but at once when time stops, so that nothing moves from then on.
    let still = Memo::new(move |_| lab.run.with(RunModel::is_paused));
    let (last_ms, due) = (StoredValue::new(f64::NEG_INFINITY), StoredValue::new(None::<TimeoutHandle>));
    let draw = move || {
        last_ms.set_value(wall_ms());
        due.set_value(None);
        if let Some(canvas) = canvas.get_untracked() {
            lab.run.with_untracked(|run| {
                if let (Some(scale), Some(mut pen)) = (scale(run), Pen::on(&canvas, size.get_untracked())) {
                    palette.with_untracked(|palette| paint(&mut pen, scale, run, palette));
                }
            });
        }
    };
    let forget = move || due.try_update_value(Option::take).flatten().iter().for_each(TimeoutHandle::clear);
    Effect::new(move |before: Option<((f64, f64), bool)>| {
        let now = (size.get(), still.get());
        palette.track();
        lab.run.track();
        let wait_ms = last_ms.get_value() + DRAWN_EVERY_MS - wall_ms();
        if before != Some(now) {
            forget();
            draw();
        } else if due.with_value(Option::is_some) {
            return now;
        } else if wait_ms <= 0.0 {
            draw();
        } else {
            due.set_value(set_timeout_with_handle(draw, Duration::from_millis(wait_ms.ceil() as u64)).ok());
        }
        now
    });
    on_cleanup(forget);

    Effect::new(move |_| {
        let (size, window) = (size.get(), lab.window.get());
        let (Some(strip), Some(part), Some(present)) = (strip.get(), part.get(), present.get()) else { return };
        let Some((scale, now)) = lab.run.with(|run| Some((scale_of(size, run, None)?, now_of(run)))) else { return };
        let (from, to) = range(window, Span(scale.to.0));
        let _ = part.set_attribute("style", &format!("left:{:.1}px;width:{:.1}px", scale.x(from), scale.x(to) - scale.x(from)));
        let _ = present.set_attribute("style", &format!("transform:translateX({:.1}px)", scale.x(now.min(scale.to))));
        let _ = strip.class_list().toggle_with_force("whole", window.is_none());
        let _ = strip.set_attribute("aria-disabled", if window.is_none() { "true" } else { "false" });
        for (name, at) in [("aria-valuenow", from), ("aria-valuemax", Time(scale.to.0 - to.since(from).0))] {
            let _ = strip.set_attribute(name, &(at.0 as f64 / 1e3).to_string());
        }
        let _ = strip.set_attribute("aria-valuetext", &in_words(window, Span(scale.to.0)));
        for (name, at) in [("data-from", from), ("data-to", to)] {
            let _ = strip.set_attribute(name, &at.0.to_string());
        }
    });

    // Where in what is shown it is held.
    let held = StoredValue::new(None::<f64>);
    let moment = move |event: &PointerEvent| {
        let left = strip.get_untracked()?.get_bounding_client_rect().left();
        let x = f64::from(event.client_x()) - left;
        lab.run.with_untracked(|run| Some((scale(run)?.moment(x), run.shown)))
    };
    let grab = move |event: PointerEvent| {
        let (Some((at, whole)), Some(window)) = (moment(&event), lab.window.get_untracked()) else { return };
        if event.button() != 0 {
            return;
        }
        if let Some(strip) = strip.get_untracked() {
            let _ = strip.set_pointer_capture(event.pointer_id());
        }
        // Beside it, it comes to where the pointer is.
        let window = if (window.0..=window.1).contains(&at) { Some(window) } else { centred(Some(window), whole, at) };
        lab.show(window);
        held.set_value(window.map(|(from, to)| (at.0 as f64 - from.0 as f64) / to.since(from).0.max(1) as f64));
    };
    let drag = move |event: PointerEvent| {
        let Some(share) = held.get_value() else { return };
        if let Some((at, whole)) = moment(&event) {
            let window = centred(lab.window.get_untracked(), whole, at);
            lab.show(panned(window, whole, 0.5 - share));
        }
    };
    let press = move |event: KeyboardEvent| {
        if lab.zoom_by_key(&event) {
            return;
        }
        let (window, whole) = (lab.window.get_untracked(), lab.run.with_untracked(|run| run.shown));
        let share = match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => -ARROW_PART,
            "ArrowRight" | "ArrowUp" => ARROW_PART,
            "PageDown" => -PAGE_PART,
            "PageUp" => PAGE_PART,
            "Home" => f64::MIN,
            "End" => f64::MAX,
            _ => return,
        };
        event.prevent_default();
        lab.show(panned(window, whole, share));
    };
    view! {
        <div
            class="overview"
            node_ref=strip
            data-testid="overview"
            role="slider"
            tabindex="0"
            aria-label="What is shown of the run"
            aria-valuemin="0"
            aria-valuenow="0"
            on:pointerdown=grab
            on:pointermove=drag
            on:pointerup=move |_| held.set_value(None)
            on:pointercancel=move |_| held.set_value(None)
            on:keydown=press
        >
            <canvas node_ref=canvas aria-hidden="true"></canvas>
            <span class="overview-window" node_ref=part></span>
            <span class="overview-now" node_ref=present></span>
        </div>
    }
}

fn paint(pen: &mut impl Ink, scale: Scale, run: &RunModel, palette: &Palette) {
    let columns = (scale.usable() / COLUMN_PX).max(1.0) as usize;
    let width = scale.usable() / columns as f64;
    pen.stroke_with(&palette.line);
    pen.line(&[(scale.gutter(), scale.height - 0.5), (scale.width - RIGHT_PX, scale.height - 0.5)]);
    pen.fill_with(&palette.busy, 0.6);
    for (column, share) in busy(run, columns).into_iter().enumerate() {
        let high = (scale.height - 3.0) * share.min(1.0);
        if share > 0.0 {
            pen.rect(scale.gutter() + column as f64 * width, scale.height - 1.0 - high, width, high.max(1.0));
        }
    }
}

/// Which share of the workers, or clients, was busy in each of so many parts of the time.
fn busy(run: &RunModel, columns: usize) -> Vec<f64> {
    if let Some(bus) = &run.bus {
        let share =
            |lanes: &[Lane]| lanes.iter().map(|lane| f64::from(lane.0)).sum::<f64>() / 100.0 / lanes.len().max(1) as f64;
        let parts = |column: usize| bus.parts.get(column * shared::wire::BUS_PARTS / columns);
        return (0..columns).map(|column| parts(column).map_or(0.0, |part| share(&part.lanes))).collect();
    }
    let of_micros = columns as f64 / run.shown.0.max(1) as f64;
    // How much of a column each covers at its ends, and from and to which it covers all of them.
    let (mut ends, mut turns) = (vec![0.0; columns + 1], vec![0.0; columns + 2]);
    for attempt in &run.attempts {
        let place = |at: Time| (at.0 as f64 * of_micros).min(columns as f64);
        let (from, to) = (place(attempt.start), place(attempt.end.unwrap_or(run.now).max(attempt.start)));
        let (first, last) = (from as usize, to as usize);
        ends[first] -= from.fract();
        ends[last] += to.fract();
        turns[first] += 1.0;
        turns[last] -= 1.0;
    }
    let workers = run.workers.len().max(1) as f64;
    let mut covering = 0.0;
    let column = |(end, turn): (&f64, &f64)| {
        covering += turn;
        (covering + end) / workers
    };
    ends.iter().zip(&turns).take(columns).map(column).collect()
}

#[cfg(test)]
mod tests {
    use shared::wire::{AttemptState, AttemptView, Phase};

    use super::*;
    use crate::lab::model::story;

    #[test]
    fn a_column_is_as_high_as_the_share_that_was_busy() {
        let attempt = |index, start, end| AttemptView {
            start: Time(start),
            end: Some(Time(end)),
            ..story::attempt(index, Phase::Map, index, AttemptState::Done)
        };
        let mut run = story::run(Vec::new(), vec![attempt(0, 0, 2_500), attempt(1, 5_500, 6_000)], &[]);
        run.shown = Span(8_000);
        assert_eq!(busy(&run, 8), [1.0, 1.0, 0.5, 0.0, 0.0, 0.5, 0.0, 0.0]);
    }
}

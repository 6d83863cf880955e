//! The slider of virtual time: any moment of a simulated run, by the pointer or by the keys.

use leptos::html;
use leptos::prelude::*;
use shared::time::Time;
use web_sys::{KeyboardEvent, PointerEvent};

use super::format::{Figure, virtual_clock};
use super::model::RunModel;
use super::state::{Lab, use_lab, wall_ms};

/// How much of what is shown an arrow key goes, and a page key.
const ARROW_PART: f64 = 0.01;
const PAGE_PART: f64 = 0.1;

/// Where the slider stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Stand {
    at: Time,
    /// The right end: the run's end, or what the timeline shows of a run that goes on.
    most: Time,
    /// The latest moment that is known.
    reached: Time,
    has_end: bool,
}

#[component]
pub fn TimeSlider() -> impl IntoView {
    let lab = use_lab();
    let line = NodeRef::<html::Div>::new();
    let dragging = RwSignal::new(false);
    let can = Memo::new(move |_| lab.run.with(RunModel::can_be_sought));
    let stand = Memo::new(move |_| {
        let sought = lab.sought.get();
        lab.run.with(|run| stand(run, sought))
    });
    let state = Memo::new(move |_| lab.run.with(|run| run.pace.as_ref().and_then(|pace| pace.state_hash.clone())));
    let place = move |event: &PointerEvent| {
        let Some(line) = line.get_untracked() else { return };
        let area = line.get_bounding_client_rect();
        let part = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
        lab.seek(part_of(stand.get_untracked().most, part));
    };
    let grab = move |event: PointerEvent| {
        if let Some(line) = line.get_untracked().filter(|_| event.button() == 0 && can.get_untracked()) {
            let _ = line.set_pointer_capture(event.pointer_id());
            dragging.set(true);
            place(&event);
        }
    };
    let part = move |moment: fn(Stand) -> Time| {
        let stand = stand.get();
        format!("scaleX({})", moment(stand).0 as f64 / stand.most.0.max(1) as f64)
    };
    let left = move || {
        let stand = stand.get();
        format!("{}%", 100.0 * stand.at.0 as f64 / stand.most.0.max(1) as f64)
    };
    view! {
        <div class="time">
            <span class="num time-at" data-testid="time-at" data-exact=move || stand.get().at.0.to_string()>
                {move || clock(stand.get().at)}
            </span>
            <div
                class="time-line"
                class:asleep=move || !can.get()
                node_ref=line
                data-testid="time"
                data-state=move || state.get().unwrap_or_default()
                data-sought=move || lab.sought.get().is_some().to_string()
                role="slider"
                tabindex="0"
                aria-label="Moment of the run"
                aria-disabled=move || if can.get() { "false" } else { "true" }
                aria-valuemin="0"
                aria-valuemax=move || millis(stand.get().most)
                aria-valuenow=move || millis(stand.get().at)
                aria-valuetext=move || in_words(stand.get())
                title=move || match (can.get(), state.get()) {
                    (false, _) => "Any moment of a simulated run can be gone to".to_owned(),
                    (true, None) => "Go to any moment of the run, back or ahead".to_owned(),
                    (true, Some(state)) => format!("State {state}: what is seen at this moment, the same wherever this run is simulated"),
                }
                on:pointerdown=grab
                on:pointermove=move |event| if dragging.get_untracked() { place(&event) }
                on:pointerup=move |_| dragging.set(false)
                on:pointercancel=move |_| dragging.set(false)
                on:keydown=move |event| lab.seek_by_key(&event)
            >
                <span class="time-groove"></span>
                <span class="time-known" style:transform=move || part(|stand| stand.reached)></span>
                <span class="time-gone" style:transform=move || part(|stand| stand.at)></span>
                <span class="time-thumb" style:left=left></span>
            </div>
            <span class="num time-end" data-testid="time-end">
                {move || {
                    let Stand { most, has_end, .. } = stand.get();
                    match (can.get(), has_end) {
                        (false, _) => String::new(),
                        (true, true) => clock(most),
                        (true, false) => "end not known".to_owned(),
                    }
                }}
            </span>
        </div>
    }
}

impl Lab {
    /// Goes where a key says.
    pub fn seek_by_key(self, event: &KeyboardEvent) {
        let sought = self.sought.get_untracked();
        let Stand { at, most, reached, has_end } = self.run.with_untracked(|run| stand(run, sought));
        let by = |part: f64| part_of(most, at.0 as f64 / most.0.max(1) as f64 + part);
        let to = match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => by(-ARROW_PART),
            "ArrowRight" | "ArrowUp" => by(ARROW_PART),
            "PageDown" => by(-PAGE_PART),
            "PageUp" => by(PAGE_PART),
            "Home" => Time::ZERO,
            "End" if has_end => most,
            "End" => reached,
            _ => return,
        };
        event.prevent_default();
        self.seek(to);
    }
}

fn stand(run: &RunModel, sought: Option<Time>) -> Stand {
    if run.pace.is_none() {
        return Stand::default();
    }
    let (end, now) = (run.end(), Time((run.elapsed_ms(wall_ms()) * 1e3).round() as u64));
    let most = end.unwrap_or(Time(run.shown.0));
    let reached = run.pace.as_ref().map_or(now, |pace| pace.reached);
    Stand { at: sought.unwrap_or(now).min(most), most, reached: reached.min(most), has_end: end.is_some() }
}

fn part_of(most: Time, part: f64) -> Time {
    Time((most.0 as f64 * part.clamp(0.0, 1.0)).round() as u64)
}

fn millis(at: Time) -> String {
    format!("{}", at.0 as f64 / 1e3)
}

fn clock(at: Time) -> String {
    let Figure { value, unit, .. } = virtual_clock(at.0 as f64 / 1e3);
    format!("{value} {unit}")
}

fn in_words(stand: Stand) -> String {
    match stand.has_end {
        true => format!("{} of {}", clock(stand.at), clock(stand.most)),
        false => clock(stand.at),
    }
}

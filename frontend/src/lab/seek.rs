//! The slider of virtual time: any moment of a simulated run, by the pointer or by the keys.

use leptos::html;
use leptos::prelude::*;
use shared::time::Time;
use web_sys::{HtmlElement, KeyboardEvent, PointerEvent};

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
    // One effect for all that changes with every frame, and not a closure for each.
    Effect::new(move |_| {
        let (stand, can, state, sought) = (stand.get(), can.get(), state.get(), lab.sought.with(Option::is_some));
        let Some(line) = line.get() else { return };
        let title = match (can, &state) {
            (false, _) => "Any moment of a simulated run can be gone to".to_owned(),
            (true, None) => "Go to any moment of the run, back or ahead".to_owned(),
            (true, Some(state)) => format!("State {state}: what is seen now, the same wherever this run is simulated"),
        };
        for (name, value) in [
            ("title", title),
            ("aria-disabled", (!can).to_string()),
            ("aria-valuemax", millis(stand.most)),
            ("aria-valuenow", millis(stand.at)),
            ("aria-valuetext", in_words(stand)),
            ("data-state", state.unwrap_or_default()),
            ("data-sought", sought.to_string()),
        ] {
            let _ = line.set_attribute(name, &value);
        }
        let part = |at: Time| format!("{}", at.0 as f64 / stand.most.0.max(1) as f64);
        let style = HtmlElement::style(&line);
        let _ = style.set_property("--at", &part(stand.at));
        let _ = style.set_property("--known", &part(stand.reached));
    });
    let end = move || match (can.get(), stand.get()) {
        (false, _) => String::new(),
        (true, Stand { most, has_end: true, .. }) => clock(most),
        (true, _) => "end not known".to_owned(),
    };
    view! {
        <div class="time">
            <span class="num time-at" data-testid="time-at" data-exact=move || stand.get().at.0.to_string()>
                {move || clock(stand.get().at)}
            </span>
            <div
                class="time-line"
                node_ref=line
                data-testid="time"
                role="slider"
                tabindex="0"
                aria-label="Moment of the run"
                aria-valuemin="0"
                aria-valuenow="0"
                on:pointerdown=grab
                on:pointermove=move |event| if dragging.get_untracked() { place(&event) }
                on:pointerup=move |_| dragging.set(false)
                on:pointercancel=move |_| dragging.set(false)
                on:keydown=move |event| lab.seek_by_key(&event)
                inner_html="<span class=\"time-groove\"></span><span class=\"time-known\"></span><span class=\"time-gone\"></span><span class=\"time-thumb\"></span>"
            ></div>
            <span class="num time-end" data-testid="time-end">{end}</span>
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

//! Zoom and pan: which stretch of the run's time its pictures show.
//!
//! With Ctrl, or by two fingers on a pad, the wheel zooms at the pointer; sideways, or with Shift, it pans. Two fingers on a screen do both.
//! Dragging goes to a moment, as ever; what pans by dragging is the overview below. When the moment that is looked at leaves what is shown,
//! what is shown goes along.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use shared::time::{Span, Time};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, EventTarget, KeyboardEvent, PointerEvent, WheelEvent};

use super::scale::Scale;
use super::{Window, now_of, range, scale_of};
use crate::components::heard::Heard;
use crate::components::icon::Icon;
use crate::lab::state::{Lab, use_lab};

/// The shortest stretch that is shown.
const LENGTH_MIN: Span = Span::micros(200);
/// By how much a key or a button zooms.
const STEP: f64 = 2.0;
/// How much a turn of the wheel zooms: so many doublings a pixel, and at most so many at once.
const DOUBLINGS_A_PX: f64 = 0.02;
const DOUBLINGS_MAX: f64 = 0.5;
/// A line of a wheel that turns in lines. Pixels.
const LINE_PX: f64 = 20.0;
/// What is shown is said when it has not changed for so long: nobody wants to hear every step of a wheel.
const SAID_AFTER: Duration = Duration::from_millis(400);

/// The stretch of this length that begins there, or the nearest one that the run has.
fn stretch(from: f64, length: f64, whole: Span) -> Window {
    let (length, most) = (length.max(LENGTH_MIN.0 as f64), whole.0 as f64);
    let from = from.clamp(0.0, (most - length).max(0.0)).round();
    (length < most).then(|| (Time(from as u64), Time((from + length).round() as u64)))
}

/// So many times as near, where this moment stays in its place.
fn zoomed(window: Window, whole: Span, at: Time, times: f64) -> Window {
    let (from, to) = range(window, whole);
    let (at, length) = (at.0 as f64, to.since(from).0 as f64);
    stretch(at - (at - from.0 as f64) / times, length / times, whole)
}

/// Further by this share of what is shown.
pub(super) fn panned(window: Window, whole: Span, share: f64) -> Window {
    let (from, to) = range(window, whole);
    let length = to.since(from).0 as f64;
    stretch(from.0 as f64 + share * length, length, whole)
}

/// So that this moment is in the middle.
pub(super) fn centred(window: Window, whole: Span, at: Time) -> Window {
    let (from, to) = range(window, whole);
    let length = to.since(from).0 as f64;
    stretch(at.0 as f64 - length / 2.0, length, whole)
}

/// What is shown after the run's moment has changed: of what is behind it a quarter stays, or ahead of it when it went back.
fn followed(window: Window, whole: Span, before: Time, now: Time) -> Window {
    let (from, to) = range(window, whole);
    let shows = |at: Time| (from..=to).contains(&at);
    if window.is_none() || !shows(before) || shows(now) {
        return window;
    }
    let length = to.since(from).0 as f64;
    let ahead = if now > to { 0.25 } else { 0.75 };
    stretch(now.0 as f64 - ahead * length, length, whole)
}

impl Lab {
    fn whole(self) -> Span {
        self.run.with_untracked(|run| run.shown)
    }

    pub(super) fn show(self, window: Window) {
        if self.window.get_untracked() != window {
            self.window.set(window);
        }
    }

    /// Zooms at the moment that is looked at, or in the middle if that is not shown.
    fn zoom(self, times: f64) {
        let (window, whole) = (self.window.get_untracked(), self.whole());
        let (from, to) = range(window, whole);
        let now = self.run.with_untracked(now_of);
        let at = if (from..=to).contains(&now) { now } else { Time(from.0 + to.since(from).0 / 2) };
        self.show(zoomed(window, whole, at, times));
    }

    /// Does what a key says to what is shown. Whether it says anything.
    pub(super) fn zoom_by_key(self, event: &KeyboardEvent) -> bool {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return false;
        }
        match event.key().as_str() {
            "+" | "=" => self.zoom(STEP),
            "-" | "_" => self.zoom(1.0 / STEP),
            "0" => self.show(None),
            _ => return false,
        }
        event.prevent_default();
        true
    }
}

/// The buttons. Whatever else the pointer, fingers and keys do in `frame` is heard there.
#[component]
pub fn Zoom(#[prop(into)] size: Signal<(f64, f64)>, frame: NodeRef<html::Div>) -> impl IntoView {
    let lab = use_lab();
    let scale = move || lab.run.with_untracked(|run| scale_of(size.get_untracked(), run, lab.window.get_untracked()));
    let fingers = StoredValue::new_local(Fingers::default());
    let heard = StoredValue::new_local(Vec::<Heard>::new());
    Effect::new(move |_| {
        let Some(frame) = frame.get() else { return };
        let hear = |name, then: Box<dyn FnMut(Event)>| Heard::new(&frame, name, then);
        let touch = move |event: Event| {
            let (Some(scale), Ok(event)) = (scale(), event.dyn_into::<PointerEvent>()) else { return };
            fingers.update_value(|fingers| {
                if let Some(window) = fingers.hear(&event, scale, lab.whole()) {
                    lab.show(window);
                }
            });
        };
        let mut all = vec![
            hear(
                "wheel",
                Box::new(move |event| {
                    if let (Some(scale), Ok(event)) = (scale(), event.dyn_into::<WheelEvent>()) {
                        lab.turn(&event, scale);
                    }
                }),
            ),
            hear(
                "keydown",
                Box::new(move |event| {
                    if let Ok(event) = event.dyn_into::<KeyboardEvent>() {
                        lab.zoom_by_key(&event);
                    }
                }),
            ),
        ];
        all.extend(["pointerdown", "pointermove", "pointerup", "pointercancel"].map(|name| hear(name, Box::new(touch))));
        heard.set_value(all);
    });
    Effect::new(move |before: Option<Time>| {
        let (now, whole) = lab.run.with(|run| (run.now, run.shown));
        lab.show(followed(lab.window.get_untracked(), whole, before.unwrap_or(now), now));
        now
    });
    let (said, due) = (RwSignal::new(String::new()), StoredValue::new(None::<TimeoutHandle>));
    let clear = move || due.try_update_value(Option::take).flatten().iter().for_each(TimeoutHandle::clear);
    Effect::new(move |before: Option<Window>| {
        let window = lab.window.get();
        if before.is_some_and(|before| before != window) {
            clear();
            let say = move || said.set(in_words(window, lab.whole()));
            due.set_value(set_timeout_with_handle(say, SAID_AFTER).ok());
        }
        window
    });
    on_cleanup(move || {
        clear();
        drop(heard.try_update_value(std::mem::take));
    });
    let is_whole = Memo::new(move |_| lab.window.with(Option::is_none));
    let button = move |name: &'static str, label: &'static str, icon: &'static str, press: fn(Lab)| {
        view! {
            <button
                class="quiet icon-only"
                data-testid=name
                aria-label=label
                title=label
                disabled=move || name != "zoom-in" && is_whole.get()
                on:click=move |_| press(lab)
            >
                <Icon name=icon />
            </button>
        }
    };
    view! {
        {button("zoom-out", "Zoom out", "zoom-out", |lab| lab.zoom(1.0 / STEP))}
        {button("zoom-in", "Zoom in", "zoom-in", |lab| lab.zoom(STEP))}
        {button("zoom-whole", "Whole run", "maximize-2", |lab| lab.show(None))}
        <span class="unseen" role="status" data-testid="zoom-said">{said}</span>
    }
}

impl Lab {
    fn turn(self, event: &WheelEvent, scale: Scale) {
        let px = turn_px(event, scale.usable());
        let (across, down) = (event.delta_x() * px, event.delta_y() * px);
        let (window, whole) = (self.window.get_untracked(), self.whole());
        if event.ctrl_key() || event.meta_key() {
            // Else the browser zooms the page.
            event.prevent_default();
            let x = f64::from(event.client_x()) - left_of(event.current_target());
            return self.show(zoomed(window, whole, scale.moment(x), doublings(event, scale.usable()).exp2()));
        }
        let by = if event.shift_key() && across == 0.0 { down } else { across };
        let sideways = event.shift_key() || across.abs() > down.abs();
        if sideways && window.is_some() {
            event.prevent_default();
            self.show(panned(window, whole, by / scale.usable()));
        }
    }
}

/// How many pixels a turn of the wheel by 1 is, where a page is so long.
fn turn_px(event: &WheelEvent, page_px: f64) -> f64 {
    match event.delta_mode() {
        WheelEvent::DOM_DELTA_LINE => LINE_PX,
        WheelEvent::DOM_DELTA_PAGE => page_px,
        _ => 1.0,
    }
}

/// How often a turn of the wheel makes what is shown twice as near.
pub fn doublings(event: &WheelEvent, page_px: f64) -> f64 {
    (-event.delta_y() * turn_px(event, page_px) * DOUBLINGS_A_PX).clamp(-DOUBLINGS_MAX, DOUBLINGS_MAX)
}

fn left_of(target: Option<EventTarget>) -> f64 {
    let element = target.and_then(|target| target.dyn_into::<Element>().ok());
    element.map_or(0.0, |element| element.get_bounding_client_rect().left())
}

/// What is shown, in a sentence.
pub(super) fn in_words(window: Window, whole: Span) -> String {
    let Some(_) = window else { return "The whole run is shown.".to_owned() };
    let (from, to) = range(window, whole);
    let [from, to, whole] = [from.0, to.0, whole.0].map(|micros| format!("{:.4}", micros as f64 / 1e6));
    format!("Shown is from {from} s to {to} s of {whole} s.")
}

/// The fingers on the picture.
#[derive(Default)]
struct Fingers {
    /// Where they are, by their pointers.
    down: Vec<(i32, f64)>,
    /// Two were down: until none is, whatever they do is about what is shown.
    pinching: bool,
}

impl Fingers {
    /// What is to be shown, if two fingers say so. What they do is then heard by nobody else.
    fn hear(&mut self, event: &PointerEvent, scale: Scale, whole: Span) -> Option<Window> {
        if event.pointer_type() != "touch" {
            return None;
        }
        let (id, x) = (event.pointer_id(), f64::from(event.client_x()) - left_of(event.current_target()));
        let before = self.down.clone();
        match event.type_().as_str() {
            "pointerdown" => {
                self.down.push((id, x));
                if self.down.len() == 2 {
                    self.pinching = true;
                    // One finger alone may have begun to drag.
                    let cancel = PointerEvent::new("pointercancel").ok();
                    if let (Some(target), Some(cancel)) = (event.target(), cancel) {
                        // Fails only for an event that is under way.
                        let _ = target.dispatch_event(&cancel);
                    }
                }
            }
            "pointermove" => self.down.iter_mut().filter(|(finger, _)| *finger == id).for_each(|finger| finger.1 = x),
            _ => self.down.retain(|(finger, _)| *finger != id),
        }
        let was_pinching = self.pinching;
        self.pinching &= !self.down.is_empty();
        if !was_pinching {
            return None;
        }
        event.stop_propagation();
        let ([(_, a), (_, b)], [(_, to_a), (_, to_b)]) = (&before[..], &self.down[..]) else { return None };
        Some(pinched(scale, whole, (*a, *b), (*to_a, *to_b)))
    }
}

/// What is shown when what was under two fingers stays under them. Pixels.
fn pinched(scale: Scale, whole: Span, before: (f64, f64), after: (f64, f64)) -> Window {
    /// Fingers closer than this are as one.
    const APART_PX_MIN: f64 = 10.0;
    let apart = |(a, b): (f64, f64)| (a - b).abs().max(APART_PX_MIN);
    let middle = |(a, b): (f64, f64)| (a + b) / 2.0;
    let a_px = scale.micros() * apart(before) / apart(after) / scale.usable();
    let under = scale.from.0 as f64 + (middle(before) - scale.gutter()) * scale.micros() / scale.usable();
    stretch(under - (middle(after) - scale.gutter()) * a_px, a_px * scale.usable(), whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Span = Span(10_000_000);

    fn shown(from: u64, to: u64) -> Window {
        Some((Time(from), Time(to)))
    }

    #[test]
    fn what_is_pointed_at_stays_in_its_place() {
        let near = zoomed(None, WHOLE, Time(2_000_000), 2.0);
        assert_eq!(near, shown(1_000_000, 6_000_000));
        assert_eq!(zoomed(near, WHOLE, Time(2_000_000), 0.5), None, "all of it is the whole run");
        assert_eq!(zoomed(None, WHOLE, Time(10_000_000), 4.0), shown(7_500_000, 10_000_000));
        let nearest = zoomed(None, WHOLE, Time(5_000_000), 1e9);
        assert_eq!(nearest.map(|(from, to)| to.since(from)), Some(LENGTH_MIN));
    }

    #[test]
    fn panning_ends_where_the_run_does() {
        assert_eq!(panned(shown(1_000_000, 3_000_000), WHOLE, 0.5), shown(2_000_000, 4_000_000));
        assert_eq!(panned(shown(1_000_000, 3_000_000), WHOLE, -5.0), shown(0, 2_000_000));
        assert_eq!(panned(shown(1_000_000, 3_000_000), WHOLE, 50.0), shown(8_000_000, 10_000_000));
        assert_eq!(panned(None, WHOLE, 0.5), None);
        assert_eq!(centred(shown(0, 2_000_000), WHOLE, Time(5_000_000)), shown(4_000_000, 6_000_000));
    }

    #[test]
    fn what_is_shown_goes_along_with_a_moment_that_was_in_view() {
        let window = shown(1_000_000, 3_000_000);
        assert_eq!(followed(window, WHOLE, Time(2_900_000), Time(3_000_000)), window, "it is still in view");
        assert_eq!(followed(window, WHOLE, Time(2_900_000), Time(3_100_000)), shown(2_600_000, 4_600_000));
        assert_eq!(followed(window, WHOLE, Time(1_100_000), Time(900_000)), shown(0, 2_000_000));
        assert_eq!(followed(window, WHOLE, Time(5_000_000), Time(6_000_000)), window, "somebody looks elsewhere");
        assert_eq!(followed(None, WHOLE, Time(0), Time(6_000_000)), None);
    }

    #[test]
    fn what_is_under_two_fingers_stays_under_them() {
        let scale = Scale { width: 800.0, height: 100.0, lanes: 2, from: Time(2_000_000), to: Time(4_000_000) };
        let (a, b) = (300.0, 400.0);
        let (from, to) = pinched(scale, WHOLE, (a, b), (250.0, 450.0)).unwrap();
        let near = Scale { from, to, ..scale };
        for (before, after) in [(a, 250.0), (b, 450.0)] {
            let moments = [scale.time(before).unwrap().0, near.time(after).unwrap().0];
            assert!(moments[0].abs_diff(moments[1]) <= 2, "{moments:?}");
        }
    }

    #[test]
    fn what_is_shown_is_a_sentence() {
        assert_eq!(in_words(None, WHOLE), "The whole run is shown.");
        assert_eq!(in_words(shown(1_250_000, 1_500_000), WHOLE), "Shown is from 1.2500 s to 1.5000 s of 10.0000 s.");
    }
}

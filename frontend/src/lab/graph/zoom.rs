//! The graph's zoom, pan and arrow keys: the buttons, and whatever the wheel, the pointer and the keys do in its panel.
//!
//! As on the timeline, a wheel with Ctrl zooms where it points, and so do two fingers on a pad; without, it scrolls. A mouse that is pressed
//! and moved takes the sheet along; a finger scrolls, and held still it asks for a fault there, as a right click does.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Event, KeyboardEvent, PointerEvent, WheelEvent};

use super::near::{Node, Way, at_first, bounds, scrolled};
use crate::components::heard::Heard;
use crate::components::icon::Icon;
use crate::lab::inspect::Selected;
use crate::lab::state::use_lab;
use crate::lab::timeline::DRAG_PX_MIN;
use crate::lab::timeline::zoom::doublings;

/// By how much a key or a button zooms.
const STEP: f64 = 1.5;
/// How long a finger is held for a long press, and how far it may stray.
const HELD: Duration = Duration::from_millis(550);
const STRAY_PX_MAX: f64 = 10.0;

/// The graph that is zoomed.
#[derive(Clone, Copy)]
pub struct Zoomed {
    pub zoom: RwSignal<f64>,
    /// The panel, and its size.
    pub frame: NodeRef<html::Div>,
    pub size: Signal<(f64, f64)>,
    /// How large the drawing is at 1.
    pub natural: Signal<(f64, f64)>,
    /// What it is a graph of, without how far that is: where that changes, the zoom begins anew. Empty while there is none.
    pub shape: Signal<String>,
    pub nodes: Callback<(), Vec<Node>>,
    /// What a node is, in words.
    pub tell: Callback<Selected, String>,
    /// A finger was held at this point of the sheet as it is drawn, which is a right click.
    pub held: Callback<(f64, f64)>,
}

/// A mouse that is down: where it went down, and how far the panel was scrolled then.
#[derive(Clone, Copy)]
struct Pressed {
    at: (f64, f64),
    scroll: (f64, f64),
    moved: bool,
}

impl Zoomed {
    fn bounds(self) -> (f64, f64) {
        bounds(self.size.get(), self.natural.get())
    }

    /// Zooms so that what is at this point of the panel, or in its middle, stays there.
    fn to(self, zoom: f64, at: Option<(f64, f64)>) {
        let (least, most) = untrack(move || self.bounds());
        let (zoom, Some(frame)) = (zoom.clamp(least, most), self.frame.get_untracked()) else { return };
        if zoom == self.zoom.get_untracked() {
            return;
        }
        let (width, height) = self.size.get_untracked();
        let (x, y) = at.unwrap_or((width / 2.0, height / 2.0));
        let before = (f64::from(frame.scroll_width()), f64::from(frame.scroll_height()));
        let (left, top) = (f64::from(frame.scroll_left()), f64::from(frame.scroll_top()));
        self.zoom.set(zoom);
        // The sheet has its new size by then.
        request_animation_frame(move || {
            let after = (f64::from(frame.scroll_width()), f64::from(frame.scroll_height()));
            frame.set_scroll_left(((left + x) * after.0 / before.0.max(1.0) - x).round() as i32);
            frame.set_scroll_top(((top + y) * after.1 / before.1.max(1.0) - y).round() as i32);
        });
    }

    fn by(self, times: f64) {
        self.to(self.zoom.get_untracked() * times, None);
    }

    /// All of it.
    fn fit(self) {
        self.to(0.0, None);
    }

    fn turn(self, event: &WheelEvent) {
        if !(event.ctrl_key() || event.meta_key()) {
            return;
        }
        // Else the browser zooms the page.
        event.prevent_default();
        let Some(frame) = self.frame.get_untracked() else { return };
        let area = frame.get_bounding_client_rect();
        let at = (f64::from(event.client_x()) - area.left(), f64::from(event.client_y()) - area.top());
        self.to(self.zoom.get_untracked() * doublings(event, area.height()).exp2(), Some(at));
    }

    /// Whether the pointer has gone far enough to pan.
    fn drag(self, event: &PointerEvent, pressed: &mut Pressed) -> bool {
        let Some(frame) = self.frame.get_untracked() else { return false };
        let (x, y) = (f64::from(event.client_x()) - pressed.at.0, f64::from(event.client_y()) - pressed.at.1);
        if !pressed.moved && x.hypot(y) < DRAG_PX_MIN {
            return false;
        }
        if !std::mem::replace(&mut pressed.moved, true) {
            // Fails for a pointer that is gone, and then nothing moves any more.
            let _ = frame.set_pointer_capture(event.pointer_id());
            let _ = frame.class_list().add_1("dragged");
        }
        frame.set_scroll_left((pressed.scroll.0 - x).round() as i32);
        frame.set_scroll_top((pressed.scroll.1 - y).round() as i32);
        true
    }

    fn let_go(self) {
        if let Some(frame) = self.frame.get_untracked() {
            let _ = frame.class_list().remove_1("dragged");
        }
    }

    /// Scrolls to a node.
    fn show(self, node: Node) {
        let Some(frame) = self.frame.get_untracked() else { return };
        let (width, height) = self.size.get_untracked();
        let (left, top) = (f64::from(frame.scroll_left()), f64::from(frame.scroll_top()));
        let area = node.area;
        frame.set_scroll_left(scrolled(left, width, (area.x, area.right())).round() as i32);
        frame.set_scroll_top(scrolled(top, height, (area.y, area.bottom())).round() as i32);
    }
}

/// The buttons. Whatever else the pointer and the keys do in the panel is heard there.
#[component]
pub fn GraphZoom(of: Zoomed) -> impl IntoView {
    let lab = use_lab();
    let pressed = StoredValue::new(None::<Pressed>);
    // A press that has panned is no click at its end.
    let panned = StoredValue::new(false);
    // A finger that is down: where, and when it is a long press.
    let finger = StoredValue::new(None::<((f64, f64), TimeoutHandle)>);
    let lift = move || {
        if let Some((_, due)) = finger.try_update_value(Option::take).flatten() {
            due.clear();
        }
    };
    let put_down = move |at: (f64, f64)| {
        lift();
        let press = move || {
            finger.try_set_value(None);
            if let Some(frame) = of.frame.try_get_untracked().flatten() {
                let area = frame.get_bounding_client_rect();
                let (left, top) = (f64::from(frame.scroll_left()), f64::from(frame.scroll_top()));
                of.held.run((at.0 - area.left() + left, at.1 - area.top() + top));
            }
        };
        if let Ok(due) = set_timeout_with_handle(press, HELD) {
            finger.set_value(Some((at, due)));
        }
    };
    let heard = StoredValue::new_local(Vec::<Heard>::new());
    let press_key = move |event: &KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        match (event.key().as_str(), Way::of(&event.key())) {
            ("+" | "=", _) => of.by(STEP),
            ("-" | "_", _) => of.by(1.0 / STEP),
            ("0", _) => of.fit(),
            (_, Some(way)) => {
                let nodes = of.nodes.run(());
                if let Some(node) = way.from(&nodes, lab.selected.get_untracked()) {
                    lab.select(Some(node.what));
                    of.show(node);
                    lab.spoken.set(of.tell.run(node.what));
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    Effect::new(move |_| {
        let Some(frame) = of.frame.get() else { return };
        let hear = |name, then: Box<dyn FnMut(Event)>| Heard::new(&frame, name, then);
        let pointer = move |event: Event| {
            let Ok(event) = event.dyn_into::<PointerEvent>() else { return };
            if event.pointer_type() == "touch" {
                let at = (f64::from(event.client_x()), f64::from(event.client_y()));
                let strays = |from: (f64, f64)| (at.0 - from.0).hypot(at.1 - from.1) > STRAY_PX_MAX;
                return match event.type_().as_str() {
                    // A second finger is about something else.
                    "pointerdown" if event.is_primary() => put_down(at),
                    "pointermove" if !finger.with_value(|it| it.as_ref().is_some_and(|(from, _)| strays(*from))) => {}
                    _ => lift(),
                };
            }
            match event.type_().as_str() {
                "pointerdown" if event.button() == 0 => {
                    let Some(frame) = of.frame.get_untracked() else { return };
                    let at = (f64::from(event.client_x()), f64::from(event.client_y()));
                    let scroll = (f64::from(frame.scroll_left()), f64::from(frame.scroll_top()));
                    panned.set_value(false);
                    // On a scroll bar it is the bar's.
                    let area = frame.get_bounding_client_rect();
                    let (width, height) = of.size.get_untracked();
                    let on_sheet = at.0 - area.left() < width && at.1 - area.top() < height;
                    pressed.set_value(on_sheet.then_some(Pressed { at, scroll, moved: false }));
                }
                "pointermove" => {
                    let pans = pressed.try_update_value(|pressed| pressed.as_mut().is_some_and(|it| of.drag(&event, it)));
                    if pans == Some(true) {
                        panned.set_value(true);
                        event.stop_propagation();
                    }
                }
                "pointerup" | "pointercancel" => {
                    pressed.set_value(None);
                    of.let_go();
                }
                _ => {}
            }
        };
        let mut all = vec![
            hear(
                "wheel",
                Box::new(move |event| {
                    if let Ok(event) = event.dyn_into::<WheelEvent>() {
                        of.turn(&event);
                    }
                }),
            ),
            hear(
                "keydown",
                Box::new(move |event| {
                    if let Ok(event) = event.dyn_into::<KeyboardEvent>() {
                        press_key(&event);
                    }
                }),
            ),
            hear(
                "click",
                Box::new(move |event| {
                    if panned.get_value() {
                        panned.set_value(false);
                        event.stop_propagation();
                    }
                }),
            ),
        ];
        all.extend(["pointerdown", "pointermove", "pointerup", "pointercancel"].map(|name| hear(name, Box::new(pointer))));
        heard.set_value(all);
    });
    on_cleanup(move || {
        lift();
        drop(heard.try_update_value(std::mem::take));
    });
    // Its panel is not measured when it is new.
    let is_measured = Memo::new(move |_| of.size.with(|(width, height)| *width > 0.0 && *height > 0.0));
    Effect::new(move |before: Option<String>| {
        let (shape, before) = (of.shape.get(), before.unwrap_or_default());
        if shape.is_empty() || !is_measured.get() {
            return before;
        }
        if before != shape {
            of.zoom.set(untrack(move || at_first(of.bounds())));
        }
        shape
    });
    let there = Memo::new(move |_| !of.shape.with(String::is_empty));
    let bounds = Memo::new(move |_| of.bounds());
    let button = move |name: &'static str,
                       label: &'static str,
                       icon: &'static str,
                       press: fn(Zoomed),
                       asleep: fn(f64, (f64, f64)) -> bool| {
        view! {
            <button
                class="quiet icon-only"
                data-testid=name
                aria-label=label
                title=label
                disabled=move || !there.get() || asleep(of.zoom.get(), bounds.get())
                on:click=move |_| press(of)
            >
                <Icon name=icon />
            </button>
        }
    };
    view! {
        {button("graph-zoom-out", "Graph from farther away", "zoom-out", |of| of.by(1.0 / STEP), |zoom, (least, _)| zoom <= least)}
        {button("graph-zoom-in", "Graph nearer", "zoom-in", |of| of.by(STEP), |zoom, (_, most)| zoom >= most)}
        {button("graph-fit", "All of the graph", "maximize-2", Zoomed::fit, |zoom, (least, _)| zoom == least)}
    }
}

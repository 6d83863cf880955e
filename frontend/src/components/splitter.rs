//! The line between two panels, which can be moved with the pointer or the arrow keys and stays where it was left.
//!
//! It sets a custom property on the page's root; the style sheet says what that is the size of.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent, PointerEvent};

use super::store::{keep, recall};

/// How far an arrow key moves the line. Pixels.
const STEP_PX: f64 = 16.0;

/// Which way the sized panel lies from the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
    Above,
}

/// A movable line. `name` names the custom property `--size-NAME`, in pixels between `min` and `max`.
#[component]
pub fn Splitter(name: &'static str, label: &'static str, side: Side, min: f64, max: f64, initial: f64) -> impl IntoView {
    let key = format!("size.{name}");
    let kept = recall(&key).and_then(|size| size.parse::<f64>().ok());
    let size = RwSignal::new(kept.unwrap_or(initial).clamp(min, max));
    let line = NodeRef::<html::Div>::new();
    // Where a drag began: the pointer's place and the size at that moment.
    let grabbed = RwSignal::new(None::<(f64, f64)>);

    Effect::new(move |before: Option<()>| {
        let root: Option<HtmlElement> = document().document_element().and_then(|root| root.dyn_into().ok());
        if let Some(root) = root {
            let _ = root.style().set_property(&format!("--size-{name}"), &format!("{}px", size.get()));
        }
        if before.is_some() && grabbed.get().is_none() {
            keep(&key, &size.get().to_string());
        }
    });

    let place = move |event: &PointerEvent| match side {
        Side::Above => f64::from(event.client_y()),
        Side::Left | Side::Right => f64::from(event.client_x()),
    };
    let sign = if side == Side::Right { -1.0 } else { 1.0 };
    let change = move |by: f64| size.update(|size| *size = (*size + by * sign).clamp(min, max));
    let grab = move |event: PointerEvent| {
        grabbed.set(Some((place(&event), size.get_untracked())));
        if let Some(line) = line.get_untracked() {
            let _ = line.set_pointer_capture(event.pointer_id());
        }
        event.prevent_default();
    };
    let drag = move |event: PointerEvent| {
        if let Some((from, was)) = grabbed.get_untracked() {
            size.set((was + (place(&event) - from) * sign).clamp(min, max));
        }
    };
    let press = move |event: KeyboardEvent| {
        let by = match (event.key().as_str(), side) {
            ("ArrowLeft", Side::Left | Side::Right) | ("ArrowUp", Side::Above) => -STEP_PX,
            ("ArrowRight", Side::Left | Side::Right) | ("ArrowDown", Side::Above) => STEP_PX,
            _ => return,
        };
        event.prevent_default();
        change(by);
    };
    let upright = side != Side::Above;
    view! {
        <div
            class="splitter"
            class:upright=upright
            class:grabbed=move || grabbed.get().is_some()
            node_ref=line
            role="separator"
            tabindex="0"
            aria-label=label
            aria-orientation=if upright { "vertical" } else { "horizontal" }
            aria-valuemin=min.to_string()
            aria-valuemax=max.to_string()
            aria-valuenow=move || size.get().round().to_string()
            on:pointerdown=grab
            on:pointermove=drag
            on:pointerup=move |_| grabbed.set(None)
            on:pointercancel=move |_| grabbed.set(None)
            on:dblclick=move |_| size.set(initial)
            on:keydown=press
        ></div>
    }
}

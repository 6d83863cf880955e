//! The keyboard's short ways, where nobody writes or presses a button, and the list of them that `?` opens.

use leptos::prelude::*;
use shared::wire::Stride;
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

use super::later::{Later, Part};
use super::state::use_lab;
use crate::components::icon::Icon;
use crate::components::sheet::{Dialog, Sheet};

/// The keys and what they do, a line each. The reference page has the same file.
const KEYS: &str = include_str!("keys.html");

/// Where a key belongs to what has the focus.
const TYPING: &str = "input, textarea, select, [contenteditable], dialog, [popover]";
/// What the space key presses, beside those.
const PRESSED: &str = "button, a, summary, [role=slider], [role=separator]";

/// The button, the dialog that it opens, and the keys.
#[component]
pub fn Shortcuts() -> impl IntoView {
    let lab = use_lab();
    let dialog = Dialog::new();
    let open = move || dialog.open();
    let press = move |event: KeyboardEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let within = |what| target.as_ref().is_some_and(|target| target.closest(what).ok().flatten().is_some());
        if event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() || within(TYPING) {
            return;
        }
        match event.key().as_str() {
            "?" => open(),
            " " if !within(PRESSED) => lab.pause_or_resume(),
            "." => lab.step(Stride::Task),
            "," => lab.step(Stride::Event),
            "f" => lab.step(Stride::Fault),
            _ => return,
        }
        event.prevent_default();
    };
    let handle = StoredValue::new_local(Some(window_event_listener(leptos::ev::keydown, press)));
    on_cleanup(move || {
        if let Some(handle) = handle.try_update_value(Option::take).flatten() {
            handle.remove();
        }
    });
    view! {
        <button
            class="quiet icon-only"
            data-testid="shortcuts-open"
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts: ?"
            on:click=move |_| open()
        >
            <Icon name="circle-help" />
        </button>
        <Sheet dialog=dialog name="shortcuts" title="Keys">
            <Later part=Part::Keys wanted=move || dialog.was_opened() />
        </Sheet>
    }
}

/// The list.
#[component]
pub fn List() -> impl IntoView {
    view! { <dl class="keys" inner_html=KEYS></dl> }
}

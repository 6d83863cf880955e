//! Icons (lucide, from the sprite beside the page) and our own mark.

use leptos::prelude::*;

/// An icon that goes with a text or a label; it says nothing by itself.
#[component]
pub fn Icon(name: &'static str) -> impl IntoView {
    view! {
        <svg class="icon" aria-hidden="true" focusable="false">
            <use href=format!("./icons.svg#{name}")></use>
        </svg>
    }
}

/// A wheel in a channel: the water comes in high on the left, turns the wheel and leaves low on the right.
#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <path class="water" d="M1 9h8.5a6.5 6.5 0 0 1 6.5 6.5V24a4 4 0 0 0 4 4h11"></path>
            <circle class="wheel" cx="19.5" cy="14.5" r="8"></circle>
            <path class="wheel" d="M19.5 4v21M9 14.5h21M12.1 7.1l14.8 14.8M26.9 7.1L12.1 21.9"></path>
            <circle class="hub" cx="19.5" cy="14.5" r="2.4"></circle>
        </svg>
    }
}

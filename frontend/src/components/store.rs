//! What the page remembers between visits: sizes, what is folded, the theme, the experiment's text. Never a file or a text to be counted.
//!
//! A browser may refuse to remember; then every visit is the first.

use leptos::prelude::window;

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// What was kept under `key`.
pub fn recall(key: &str) -> Option<String> {
    storage()?.get_item(&format!("millrace.{key}")).ok().flatten()
}

/// Keeps `value` under `key`.
pub fn keep(key: &str, value: &str) {
    if let Some(storage) = storage() {
        // Full or forbidden: nothing is lost but a preference.
        let _ = storage.set_item(&format!("millrace.{key}"), value);
    }
}

//! A text to be taken along: a field that shows it, and a button that copies it.

use leptos::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::icon::Icon;
use super::sheet::Dialog;

/// The line in `dialog`. `name` is what tests call the field, `copy` the button.
#[component]
pub fn CopyLine(
    dialog: Dialog,
    name: &'static str,
    copy: &'static str,
    label: &'static str,
    #[prop(into)] text: Signal<String>,
    /// It is what the dialog is for.
    #[prop(optional)]
    bright: bool,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    // What was copied is not what is there now.
    Effect::new(move |_| {
        dialog.opened.track();
        text.track();
        copied.set(false);
    });
    let press = move |_| {
        let text = text.get_untracked();
        leptos::task::spawn_local(async move {
            let clipboard = window().navigator().clipboard();
            let done = JsFuture::from(clipboard.write_text(&text)).await.is_ok();
            copied.try_set(done);
        });
    };
    view! {
        <div class="share-line">
            <input class="num" readonly data-testid=name aria-label=label prop:value=text on:focus=move |event| {
                event_target::<web_sys::HtmlInputElement>(&event).select();
            } />
            <button class:bright=bright data-testid=copy disabled=move || text.with(String::is_empty) on:click=press>
                <Icon name="copy" />
                {move || if copied.get() { "Copied" } else { "Copy" }}
            </button>
        </div>
    }
}

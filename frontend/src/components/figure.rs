//! A number in human scale; the exact one on hover, and into the clipboard on a click.

use leptos::prelude::*;

use crate::lab::format;

/// One number with its name.
#[component]
pub fn Figure(
    /// Its name, in small type above it.
    #[prop(into)]
    label: Signal<&'static str>,
    #[prop(into)] value: Signal<format::Figure>,
    #[prop(optional)] testid: &'static str,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        let exact = value.get_untracked().exact;
        leptos::task::spawn_local(async move {
            let clipboard = window().navigator().clipboard();
            // A page without the right to the clipboard leaves it as it is, and then does not say otherwise.
            if wasm_bindgen_futures::JsFuture::from(clipboard.write_text(&exact)).await.is_ok() {
                copied.set(true);
                set_timeout(
                    move || {
                        // The view may be gone by then.
                        let _ = copied.try_set(false);
                    },
                    std::time::Duration::from_millis(1200),
                );
            }
        });
    };
    view! {
        <div class="figure">
            <div class="figure-label">{label}</div>
            <button
                class="figure-value"
                data-testid=testid
                title=move || format!("{} (click to copy)", value.get().exact)
                data-exact=move || value.get().exact
                on:click=copy
            >
                <span class="num">{move || value.get().value}</span>
                <span class="unit">{move || if copied.get() { "copied" } else { value.get().unit }}</span>
            </button>
        </div>
    }
}

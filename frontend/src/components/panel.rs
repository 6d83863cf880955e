//! A part of the screen with a heading that folds it away, and stays as it was left.

use leptos::prelude::*;

use super::icon::Icon;
use super::store::{keep, recall};

/// Whether the panel of this name was left folded, or is `at_first`.
pub fn remembered(name: &str, at_first: bool) -> RwSignal<bool> {
    RwSignal::new(recall(&key(name)).map_or(at_first, |kept| kept == "yes"))
}

fn key(name: &str) -> String {
    format!("folded.{name}")
}

/// A panel. `name` is its key in what the page remembers; `title` its heading.
#[component]
pub fn Panel(
    name: &'static str,
    title: &'static str,
    /// Beside the heading, at its end: controls or a summary.
    #[prop(optional, into)]
    aside: ViewFn,
    /// Whether it is folded, by [`remembered`], where others want to know that.
    #[prop(optional)]
    folded: Option<RwSignal<bool>>,
    children: Children,
) -> impl IntoView {
    let folded = folded.unwrap_or_else(|| remembered(name, false));
    let fold = move |_| {
        folded.update(|folded| *folded = !*folded);
        keep(&key(name), if folded.get_untracked() { "yes" } else { "no" });
    };
    let body = format!("panel-{name}");
    view! {
        <section class=format!("panel panel-{name}") class:folded=folded aria-labelledby=format!("heading-{name}")>
            <header class="panel-head">
                <h2 id=format!("heading-{name}")>
                    <button
                        class="fold"
                        aria-expanded=move || if folded.get() { "false" } else { "true" }
                        aria-controls=body.clone()
                        data-testid=format!("fold-{name}")
                        on:click=fold
                    >
                        <Icon name="chevron-down" />
                        {title}
                    </button>
                </h2>
                <div class="panel-aside">{aside.run()}</div>
            </header>
            <div class="panel-body" id=body.clone()>
                {children()}
            </div>
        </section>
    }
}

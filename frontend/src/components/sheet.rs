//! A dialog over the page, with a heading and a button that closes it.

use leptos::html;
use leptos::prelude::*;

use super::icon::Icon;

/// Opens it. Whatever had the focus gets it back when it closes.
pub fn show(dialog: NodeRef<html::Dialog>) {
    if let Some(dialog) = dialog.get_untracked() {
        // Refused only where it is open already.
        let _ = dialog.show_modal();
    }
}

/// Closes it.
pub fn close(dialog: NodeRef<html::Dialog>) {
    if let Some(dialog) = dialog.get_untracked() {
        dialog.close();
    }
}

/// A dialog. `name` is what tests call it.
#[component]
pub fn Sheet(
    dialog: NodeRef<html::Dialog>,
    name: &'static str,
    title: &'static str,
    /// For tables: as wide as they need.
    #[prop(optional)]
    wide: bool,
    children: Children,
) -> impl IntoView {
    let heading = format!("{name}-title");
    let labelled_by = heading.clone();
    view! {
        <dialog class="sheet" class:wide=wide node_ref=dialog data-testid=name aria-labelledby=labelled_by>
            <div class="sheet-head">
                <h2 id=heading>{title}</h2>
                <button
                    class="quiet icon-only"
                    data-testid=format!("{name}-close")
                    aria-label="Close"
                    on:click=move |_| close(dialog)
                >
                    <Icon name="x" />
                </button>
            </div>
            {children()}
        </dialog>
    }
}

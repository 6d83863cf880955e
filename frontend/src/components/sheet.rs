//! A dialog over the page, with a heading and a button that closes it.

use leptos::html;
use leptos::prelude::*;

use super::icon::Icon;

/// A dialog's handle.
#[derive(Clone, Copy)]
pub struct Dialog {
    pub node: NodeRef<html::Dialog>,
    /// How often it was opened.
    pub opened: RwSignal<u32>,
}

impl Dialog {
    pub fn new() -> Dialog {
        Dialog { node: NodeRef::new(), opened: RwSignal::new(0) }
    }

    /// Opens it. Whatever had the focus gets it back when it closes.
    pub fn open(self) {
        self.opened.update(|times| *times += 1);
        if let Some(dialog) = self.node.get_untracked() {
            // Refused only where it is open already.
            let _ = dialog.show_modal();
        }
    }

    /// Whether it was ever opened.
    pub fn was_opened(self) -> bool {
        self.opened.get() != 0
    }

    pub fn close(self) {
        if let Some(dialog) = self.node.get_untracked() {
            dialog.close();
        }
    }
}

impl Default for Dialog {
    fn default() -> Dialog {
        Dialog::new()
    }
}

/// The dialog. `name` is what tests call it.
#[component]
pub fn Sheet(
    dialog: Dialog,
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
        <dialog class="sheet" class:wide=wide node_ref=dialog.node data-testid=name aria-labelledby=labelled_by>
            <div class="sheet-head">
                <h2 id=heading>{title}</h2>
                <button
                    class="quiet icon-only"
                    data-testid=format!("{name}-close")
                    aria-label="Close"
                    on:click=move |_| dialog.close()
                >
                    <Icon name="x" />
                </button>
            </div>
            {children()}
        </dialog>
    }
}

/// The head of a dialog with a list: its title, a field to search it, and a button that closes it. `name` is what tests call them by.
#[component]
pub fn SearchHead(
    dialog: Dialog,
    name: &'static str,
    title: &'static str,
    search: &'static str,
    #[prop(into)] on_search: Callback<String>,
) -> impl IntoView {
    view! {
        <header class="gallery-head">
            <h2>{title}</h2>
            <input
                type="search"
                data-testid=format!("{name}-search")
                aria-label=search
                placeholder="Search"
                on:input=move |event| on_search.run(event_target_value(&event))
            />
            <button class="quiet icon-only" data-testid=format!("{name}-close") aria-label="Close" on:click=move |_| dialog.close()>
                <Icon name="x" />
            </button>
        </header>
    }
}

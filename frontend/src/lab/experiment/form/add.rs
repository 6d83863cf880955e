//! The menu of what may be added: keys that the format has and the text has not yet, kinds of items, or an entry with a name of one's own.
//! There is one for the whole form; the button that opens it says to what.

use leptos::html;
use leptos::prelude::*;
use web_sys::SubmitEvent;

use super::fields::{Action, Added, Kind, Placed, Step, Word, id};
use super::{FIRST, Form};
use crate::components::icon::Icon;

/// The menu's id.
pub const MENU: &str = "form-add";

/// Adds something to a field, and goes there.
pub fn add(form: Form, to: &Placed, kind: Added, name: Option<String>) {
    let path = to.field.path.clone();
    let step = name.clone().filter(|_| kind != Added::Item).map_or(Step::At(to.field.parts), Step::Name);
    if form.act(to.field.line, &Action::Add { path: path.clone(), kind, name }) {
        form.focus(&id(&[path, vec![step]].concat()), FIRST);
    }
}

#[component]
pub fn AddMenu(form: Form) -> impl IntoView {
    let menu = NodeRef::<html::Div>::new();
    let own = NodeRef::<html::Input>::new();
    let to = Memo::new(move |_| form.fields.with(|fields| fields.placed.get(&form.adding.get()).cloned()));
    let close = move || {
        if let Some(menu) = menu.get_untracked() {
            let _ = menu.hide_popover();
        }
    };
    let offer = move |Word { name, about }: Word| {
        let chosen = name.clone();
        let choose = move |_| {
            close();
            let Some(to) = to.get_untracked() else { return };
            let kind = if to.field.kind == Kind::List { Added::Item } else { Added::Key };
            add(form, &to, kind, Some(chosen.clone()));
        };
        view! {
            <button class="quiet" data-testid=format!("offer-{name}") on:click=choose>
                <code>{name.clone()}</code>
                <span class="hint">{about}</span>
            </button>
        }
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let name = own.get_untracked().map(|own| own.value()).filter(|name| !name.trim().is_empty());
        if let (Some(name), Some(to)) = (name, to.get_untracked()) {
            close();
            add(form, &to, Added::Entry, Some(name.trim().to_owned()));
        }
    };
    let named = move || {
        let about = to.with(|to| to.as_ref().map(|to| to.field.named.clone())).filter(|named| !named.is_empty())?;
        Some(view! {
            <form on:submit=submit>
                <label for="form-add-name" class="hint">{about}</label>
                <div class="form-name">
                    <input id="form-add-name" data-testid="offer-name" node_ref=own placeholder="Its name" autocomplete="off" />
                    <button class="small" data-testid="offer-own">
                        <Icon name="plus" />
                        "Add"
                    </button>
                </div>
            </form>
        })
    };
    view! {
        <div id=MENU class="hindrances form-menu" popover="auto" role="group" aria-label="What to add" node_ref=menu>
            {named}
            {move || to.get().map(|to| to.field.offers.into_iter().map(offer).collect_view())}
        </div>
    }
}

//! The experiment as a form: the same text, field by field, in its order.
//!
//! Which fields there are, what they may be and what each change does to the text is the editor's script's to say (`frontend/editor`), by
//! the schema of the format: nothing here knows a key. A change goes into the editor, where it is one step that can be undone.
//!
//! - [`fields`]: what the script tells. - `field`: one field. - `add`: the menu of what may be added.

mod add;
mod field;
pub mod fields;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, KeyboardEvent};

use self::add::AddMenu;
use self::field::part;
use self::fields::{Action, Fields, Placed, Step, id};
use super::script::Editor;
use super::{GoTo, Shown, Writing};
use crate::components::icon::Icon;
use crate::components::script::plain;

/// What the fields speak to.
#[derive(Clone, Copy)]
pub struct Form {
    writing: Writing,
    fields: Memo<Fields>,
    /// Why the last change was not made, and the line that it is about.
    refused: RwSignal<Option<(String, u32)>>,
    /// What is added to.
    adding: RwSignal<String>,
}

impl Form {
    fn placed(self, id: &str) -> Option<Placed> {
        self.fields.with_untracked(|fields| fields.placed.get(id).cloned())
    }

    fn with_editor(self, then: impl FnOnce(&Editor)) {
        self.writing.shown.with_untracked(|shown| {
            if let Shown::Editor(editor) = shown {
                then(editor);
            }
        });
    }

    /// Changes the text. What cannot be changed for sure stays, and that is said.
    fn act(self, line: u32, action: &Action) -> bool {
        let mut done = false;
        let json = serde_json::to_string(action).unwrap_or_default();
        self.with_editor(|editor| done = editor.act(&json));
        let taken = action.makes().filter(|(_, id)| self.placed(id).is_some());
        let why = || match taken {
            Some((name, _)) => format!("There is a `{name}` already, so nothing was changed."),
            None => format!("What stands in line {line} is written in a way that only the text can change. It is as it was."),
        };
        self.refused.set((!done).then(|| (why(), line)));
        done
    }

    /// Goes to a place of the text, in the text.
    fn to_text(self, line: u32) {
        let GoTo(go_to) = expect_context::<GoTo>();
        self.writing.show(false);
        // It must be there to be gone to.
        request_animation_frame(move || go_to.run((line, 1)));
    }

    /// Gives the focus to what fits the first of these selectors that fits anything in a field, once it is there.
    fn focus(self, id: &str, selectors: &'static [&'static str]) {
        let id = element_id(id);
        request_animation_frame(move || {
            let field = document().get_element_by_id(&id);
            let find = |selector: &&str| field.as_ref()?.query_selector(selector).ok().flatten();
            let found = selectors.iter().find_map(find);
            if let Some(element) = found.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
                let _ = element.focus();
                if let Some(input) = element.dyn_ref::<HtmlInputElement>() {
                    input.select();
                }
            }
        });
    }
}

/// What is written into, or pressed, first.
const FIRST: &[&str] = &[".form-value", ".form-own", ".form-adds", "button"];

/// The id of a field's element.
fn element_id(id: &str) -> String {
    format!("field-{id}")
}

#[component]
pub fn FormView() -> impl IntoView {
    let writing = expect_context::<Writing>();
    let fields = Memo::new(move |before: Option<&Fields>| {
        let told = || {
            // While the text is looked at nobody looks at the fields.
            if !writing.as_form.get() {
                return None;
            }
            writing.turned.track();
            match writing.shown.get() {
                Shown::Editor(editor) => writing.problems.with(|problems| Fields::read(&editor.fields(&plain(problems)))),
                _ => None,
            }
        };
        told().or_else(|| before.cloned()).unwrap_or_default()
    });
    let form = Form { writing, fields, refused: RwSignal::new(None), adding: RwSignal::new(String::new()) };
    // What was told of one text says nothing of the next.
    Effect::new(move |_| {
        writing.turned.track();
        form.refused.set(None);
    });
    // Where a problem or a step leads to.
    Effect::new(move |_| {
        let Some((line, column)) = writing.sought.get() else { return };
        let mut path = None;
        form.with_editor(|editor| path = serde_json::from_str::<Vec<Step>>(&editor.field_at(line, column)).ok());
        if let Some(path) = path {
            form.focus(&id(&path), FIRST);
        }
    });
    // While something is typed that is not in the text yet, undoing is the field's own affair.
    let typing = StoredValue::new(false);
    let press = move |event: KeyboardEvent| {
        if !(event.ctrl_key() || event.meta_key()) || typing.get_value() {
            return;
        }
        match (event.key().to_lowercase().as_str(), event.shift_key()) {
            ("z", false) => form.with_editor(Editor::undo),
            ("z", true) | ("y", _) => form.with_editor(Editor::redo),
            _ => return,
        }
        event.prevent_default();
    };
    let trouble = move || {
        let line = fields.with(|fields| fields.trouble);
        (line > 0).then(|| {
            view! {
                <p class="form-told" data-testid="form-trouble">
                    <Icon name="triangle-alert" />
                    <span>{format!("From line {line} on the text cannot be read, so it is not shown here.")}</span>
                    <ToText form=form line=Signal::derive(move || line) name="form-trouble".to_owned() />
                </p>
            }
        })
    };
    let refused = move || {
        form.refused.get().map(|(why, line)| {
            view! {
                <Icon name="triangle-alert" />
                <span>{why}</span>
                <ToText form=form line=Signal::derive(move || line) name="form-refused".to_owned() />
            }
        })
    };
    let is_failed = move || matches!(writing.shown.get(), Shown::Failed);
    view! {
        <div class="form-tools">
            <button
                class="quiet small"
                data-testid="form-undo"
                title="Undo the last change: Ctrl+Z"
                disabled=move || fields.with(|fields| !fields.undo)
                on:click=move |_| form.with_editor(Editor::undo)
            >
                <Icon name="undo-2" />
                "Undo"
            </button>
            <button
                class="quiet small"
                data-testid="form-redo"
                title="Do it again: Ctrl+Shift+Z"
                disabled=move || fields.with(|fields| !fields.redo)
                on:click=move |_| form.with_editor(Editor::redo)
            >
                <Icon name="redo-2" />
                "Redo"
            </button>
        </div>
        <div
            class="form"
            data-testid="form"
            role="group"
            aria-label="The experiment, as a form"
            on:keydown=press
            on:input=move |_| typing.set_value(true)
            on:change=move |_| typing.set_value(false)
            on:focusout=move |_| typing.set_value(false)
        >
            {trouble}
            <p class="form-told" data-testid="form-told" role="status" class:hidden=move || form.refused.with(Option::is_none)>{refused}</p>
            {move || is_failed().then(|| view! {
                <p class="form-told">
                    "The editor did not load, and the form needs it. The text can be written without it: reload the page to try again."
                </p>
            })}
            {part(form, String::new())}
        </div>
        <AddMenu form=form />
    }
}

/// Leads to the text.
#[component]
fn ToText(form: Form, line: Signal<u32>, name: String) -> impl IntoView {
    view! {
        <button class="small" data-testid=format!("to-text-{name}") on:click=move |_| form.to_text(line.get_untracked())>
            <Icon name="code" />
            "Show it in the text"
        </button>
    }
}

/// The element that an event is about, if it is one of these.
fn target<T: JsCast>(event: &web_sys::Event) -> Option<T> {
    event.target()?.dyn_into::<Element>().ok()?.dyn_into::<T>().ok()
}

//! The experiment's text, what is wrong with it, and what it would do.
//!
//! - `script`: CodeMirror, loaded when an editor is first seen. Until then, and where it does not load, a plain text area has the text.
//! - `problems`: what the engine's checker found. - [`outline`]: the steps and the columns after each. - [`gallery`]: the examples, each
//!   with its picture ([`thumb`]).
//! - [`form`]: the same text as fields.

pub mod form;
pub mod gallery;
pub mod outline;
mod problems;
mod script;
mod seen;
pub mod thumb;

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use shared::experiment::Problem;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

use self::script::Editor;
use super::kept::KeptButton;
use super::later::{Later, Part};
use super::model::Stage;
use super::state::{TEXT_BYTES_MAX, WORD_COUNT, use_lab};
use crate::components::icon::Icon;
use crate::components::panel::Panel;
use crate::components::script::{load as load_script, plain};
use crate::components::store::{keep, recall};

/// How long typing must pause before the text is checked: shorter than between two keys. A check takes some milliseconds, so that its
/// answer is there within 150 even where the workers of a run want every core.
const PAUSE: Duration = Duration::from_millis(25);

/// What stands in the panel.
#[derive(Clone)]
enum Shown {
    /// The plain text area, while the editor has not been needed or loads.
    Plain,
    Editor(Editor),
    /// The plain text area, because the editor did not load.
    Failed,
}

/// What the form and the text have in common.
#[derive(Clone, Copy)]
pub struct Writing {
    shown: RwSignal<Shown, LocalStorage>,
    problems: Memo<Vec<Problem>>,
    /// Whether the form is shown, and not the text.
    as_form: RwSignal<bool>,
    /// The editor has another text.
    turned: Trigger,
    /// Where the form is to go to: a line and a column.
    sought: RwSignal<Option<(u32, u32)>>,
}

impl Writing {
    /// Shows the form or the text, and does so on the next visit.
    fn show(self, as_form: bool) {
        self.as_form.set(as_form);
        keep(VIEW_KEY, if as_form { "form" } else { "text" });
    }
}

/// Under which key it is kept which of the two is shown.
const VIEW_KEY: &str = "experiment-view";

#[component]
pub fn Experiment() -> impl IntoView {
    let lab = use_lab();
    let shown = RwSignal::new_local(Shown::Plain);
    let area = NodeRef::<html::Textarea>::new();
    let host = NodeRef::<html::Div>::new();
    check_while_typing();
    let problems = Memo::new(move |_| {
        // A check finds them while the text is written, a run when it starts.
        let found = lab.problems.get();
        lab.run.with(|run| match &run.stage {
            Stage::Failed { problems, .. } if found.is_empty() => problems.clone(),
            _ => found,
        })
    });

    // The closure lives as long as the view; the editor calls it with every change.
    let changed = StoredValue::new_local(Closure::<dyn FnMut(String)>::new(move |text| {
        lab.text.try_set(text);
    }));
    let load = move || {
        load_script("editor", move |loaded| {
            let Some(host) = host.try_get_untracked().flatten().filter(|_| loaded) else {
                shown.try_set(Shown::Failed);
                return;
            };
            let text = lab.text.get_untracked();
            let made = changed.with_value(|changed| script::create(&host, &text, changed));
            let had_focus = area.get_untracked().is_some_and(|area| document().active_element() == Some(area.unchecked_into()));
            if let (Ok(editor), true) = (&made, had_focus) {
                editor.focus();
            }
            shown.try_set(made.map_or(Shown::Failed, Shown::Editor));
        });
    };
    let as_form = RwSignal::new(recall(VIEW_KEY).as_deref() == Some("form"));
    let writing = Writing { shown, problems, as_form, turned: Trigger::new(), sought: RwSignal::new(None) };
    provide_context(writing);
    // The form needs the editor as well, and is there without its place having been seen.
    let asked = StoredValue::new(false);
    let load_once = move || {
        if !asked.get_value() {
            asked.set_value(true);
            load();
        }
    };
    seen::once_seen(move || host.get().map(|host| host.unchecked_into()), load_once);
    Effect::new(move |_| {
        if as_form.get() && host.get().is_some() {
            load_once();
        }
    });

    Effect::new(move |_| {
        if let Shown::Editor(editor) = shown.get() {
            lab.text.with(|text| editor.set_text(text));
            writing.turned.notify();
        }
    });
    Effect::new(move |_| {
        if let Shown::Editor(editor) = shown.get() {
            problems.with(|problems| editor.set_problems(&plain(problems)));
        }
    });
    Effect::new(move |_| {
        if let Shown::Editor(editor) = shown.get() {
            lab.outline.with(|outline| editor.set_outline(&plain(outline)));
        }
    });
    on_cleanup(move || {
        if let Some(Shown::Editor(editor)) = shown.try_get_untracked() {
            editor.destroy();
        }
    });

    let go_to = move |line: u32, column: u32| match shown.get_untracked() {
        _ if as_form.get_untracked() => writing.sought.set(Some((line, column))),
        Shown::Editor(editor) => editor.go_to(line, column),
        _ => {
            if let Some(area) = area.get_untracked() {
                let at = lab.text.with_untracked(|text| offset(text, line, column));
                let _ = area.focus();
                let _ = area.set_selection_range(at, at);
            }
        }
    };
    provide_context(GoTo(Callback::new(move |(line, column)| go_to(line, column))));

    let restore = move |_| {
        lab.keep_own_text();
        lab.text.set(WORD_COUNT.to_owned());
    };
    let differs = move || lab.text.with(|text| text != WORD_COUNT);
    let wide = RwSignal::new(recall("wide").as_deref() == Some("yes"));
    Effect::new(move |_| {
        let root = document().document_element();
        if let Some(root) = root {
            let _ = root.class_list().toggle_with_force("wide", wide.get());
        }
    });
    let widen = move |_| {
        wide.update(|wide| *wide = !*wide);
        keep("wide", if wide.get_untracked() { "yes" } else { "no" });
    };
    let aside = move || {
        view! {
            {move || differs().then(|| view! {
                <button
                    class="quiet icon-only"
                    on:click=restore
                    aria-label="Restore the experiment that the page opens with"
                    title="Back to the experiment that the page opens with"
                >
                    <Icon name="rotate-ccw" />
                </button>
            })}
            <gallery::Gallery />
            <KeptButton />
            <button
                class="quiet icon-only widen"
                data-testid="widen"
                aria-label="Wide editor"
                title="More room for the text"
                aria-pressed=move || if wide.get() { "true" } else { "false" }
                on:click=widen
            >
                <Icon name="move-horizontal" />
            </button>
        }
    };
    let is_plain = move || !matches!(shown.get(), Shown::Editor(_));
    view! {
        <Panel name="experiment" title="Experiment" aside=aside>
            <fieldset class="ways views">
                <legend class="unseen">"The experiment as"</legend>
                {[("Text", "view-text", false), ("Form", "view-form", true)].map(|(word, testid, this)| view! {
                    <label class="way-choice">
                        <input
                            type="radio"
                            name="view"
                            data-testid=testid
                            prop:checked=move || as_form.get() == this
                            on:change=move |_| writing.show(this)
                        />
                        <span>{word}</span>
                    </label>
                })}
            </fieldset>
            <div
                class="code"
                class:hidden=move || as_form.get()
                class:wrong=move || !problems.with(Vec::is_empty)
                data-testid="editor"
                data-editor=move || if is_plain() { "plain" } else { "full" }
            >
                <div class="code-host" node_ref=host></div>
                {move || is_plain().then(|| view! {
                    <textarea
                        node_ref=area
                        data-testid="experiment-text"
                        aria-label=script::LABEL
                        aria-invalid=move || if problems.with(Vec::is_empty) { "false" } else { "true" }
                        aria-describedby="problems"
                        spellcheck="false"
                        autocapitalize="off"
                        autocomplete="off"
                        wrap="off"
                        maxlength=TEXT_BYTES_MAX.to_string()
                        prop:value=move || lab.text.get()
                        on:input=move |event| lab.text.set(event_target_value(&event))
                    ></textarea>
                })}
            </div>
            <div class="as-form" class:hidden=move || !as_form.get()>
                <Later part=Part::Form wanted=as_form />
            </div>
            {move || (matches!(shown.get(), Shown::Failed)).then(|| view! {
                <p class="hint" data-testid="editor-failed">
                    "The editor did not load, so this is plain text; all else works. Reload the page to try again."
                </p>
            })}
            <problems::Problems problems=problems />
        </Panel>
        <outline::OutlinePanel />
    }
}

/// Goes to a line and column of the text, wherever it is written.
#[derive(Clone, Copy)]
pub struct GoTo(pub Callback<(u32, u32)>);

/// Has the text checked, and kept for the next visit, as soon as typing pauses.
fn check_while_typing() {
    let lab = use_lab();
    let pending = StoredValue::new(None::<TimeoutHandle>);
    Effect::new(move |_| {
        lab.text.track();
        // An engine that was started anew knows of no check.
        lab.engine.with(|link| link.is_up());
        if let Some(handle) = pending.try_update_value(Option::take).flatten() {
            handle.clear();
        }
        let check = move || {
            lab.text.with_untracked(|text| keep(TEXT_KEY, text));
            lab.check();
        };
        pending.set_value(set_timeout_with_handle(check, PAUSE).ok());
    });
    on_cleanup(move || {
        if let Some(handle) = pending.try_update_value(Option::take).flatten() {
            handle.clear();
        }
    });
}

/// Under which key the text is kept.
pub(super) const TEXT_KEY: &str = "experiment";

/// Where a line and a column (both from 1, in characters) lie in a text, in the UTF-16 units that a text area counts.
fn offset(text: &str, line: u32, column: u32) -> u32 {
    let lines = line.saturating_sub(1) as usize;
    let before: usize = text.split_inclusive('\n').take(lines).map(|line| line.encode_utf16().count()).sum();
    let within = text.split('\n').nth(lines).unwrap_or_default();
    let across: usize = within.chars().take(column.saturating_sub(1) as usize).map(char::len_utf16).sum();
    (before + across) as u32
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn a_place_in_the_text_is_found_past_wide_characters() {
        let text = "a: 1\n🦀x: ü\nlast";
        assert_eq!(offset(text, 1, 1), 0);
        assert_eq!(offset(text, 2, 2), 5 + 2);
        assert_eq!(offset(text, 3, 3), 5 + 2 + 5 + 2);
        assert_eq!(offset(text, 9, 9), text.encode_utf16().count() as u32);
    }
}

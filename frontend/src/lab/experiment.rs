//! The experiment's text, and what is wrong with it.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use shared::experiment::Problem;

use super::model::Stage;
use super::state::{TEXT_BYTES_MAX, WORD_COUNT, use_lab};
use crate::components::icon::Icon;
use crate::components::panel::Panel;

/// How long typing must pause before the text is checked.
const PAUSE: Duration = Duration::from_millis(250);

#[component]
pub fn Experiment() -> impl IntoView {
    let lab = use_lab();
    let area = NodeRef::<html::Textarea>::new();
    let pending = StoredValue::new(None::<TimeoutHandle>);
    let edit = move |event| {
        lab.text.set(event_target_value(&event));
        if let Some(handle) = pending.try_update_value(Option::take).flatten() {
            handle.clear();
        }
        pending.set_value(set_timeout_with_handle(move || lab.check(), PAUSE).ok());
    };
    let restore = move |_| {
        lab.text.set(WORD_COUNT.to_owned());
        lab.check();
    };
    // A check finds them while the text is written, a run when it starts.
    let problems = Memo::new(move |_| {
        let found = lab.problems.get();
        lab.run.with(|run| match &run.stage {
            Stage::Failed { problems, .. } if found.is_empty() => problems.clone(),
            _ => found,
        })
    });
    let go_to = move |problem: &Problem| {
        if let Some(area) = area.get_untracked() {
            let at = lab.text.with_untracked(|text| offset(text, problem.line, problem.column));
            let _ = area.focus();
            let _ = area.set_selection_range(at, at);
        }
    };
    let changed = move || lab.text.with(|text| text != WORD_COUNT);
    let aside = move || {
        view! {
            <Show when=changed>
                <button class="quiet small" on:click=restore title="Back to the experiment that the page opens with">
                    <Icon name="rotate-ccw" />
                    "Restore"
                </button>
            </Show>
        }
    };
    view! {
        <Panel name="experiment" title="Experiment" aside=aside>
            <textarea
                class="code"
                node_ref=area
                data-testid="experiment-text"
                aria-label="The experiment, in YAML"
                aria-invalid=move || if problems.with(Vec::is_empty) { "false" } else { "true" }
                aria-describedby="problems"
                spellcheck="false"
                autocapitalize="off"
                autocomplete="off"
                wrap="off"
                maxlength=TEXT_BYTES_MAX.to_string()
                prop:value=move || lab.text.get()
                on:input=edit
            ></textarea>
            <ul class="problems" id="problems" aria-live="polite">
                {move || {
                    problems
                        .get()
                        .into_iter()
                        .map(|problem| {
                            let hint = problem.hint.as_ref().map(|hint| view! { <span class="hint">" " {hint.clone()}</span> });
                            let place = format!("{}:{}", problem.line, problem.column);
                            let message = problem.message.clone();
                            view! {
                                <li data-testid="problem">
                                    <button class="problem" title="Go there" on:click=move |_| go_to(&problem)>
                                        <span class="num">{place}</span>
                                        <span>{message} {hint}</span>
                                    </button>
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
        </Panel>
    }
}

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

//! What is wrong with the text: a line for each, which goes to its place when pressed.

use leptos::prelude::*;
use shared::experiment::Problem;

use super::GoTo;
use crate::components::icon::Icon;

#[component]
pub fn Problems(problems: Memo<Vec<Problem>>) -> impl IntoView {
    let GoTo(go_to) = expect_context::<GoTo>();
    let line = move |problem: Problem| {
        let Problem { line, column, message, hint, .. } = problem;
        let hint = hint.map(|hint| view! { <span class="hint">" " {hint}</span> });
        view! {
            <li data-testid="problem">
                <button class="problem" title="Go there" on:click=move |_| go_to.run((line, column))>
                    <span class="num">{format!("{line}:{column}")}</span>
                    <span>{message} {hint}</span>
                </button>
            </li>
        }
    };
    view! {
        <ul class="problems" id="problems" aria-live="polite">
            {move || problems.get().into_iter().map(line).collect_view()}
            {move || (problems.with(Vec::is_empty)).then(|| view! {
                <li class="sound hint" data-testid="sound">
                    <Icon name="check" />
                    "No problems"
                </li>
            })}
        </ul>
    }
}

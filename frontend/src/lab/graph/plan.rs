//! Before the first run: the job as it is planned, from the text as it stands.

use leptos::prelude::*;

use crate::lab::experiment::outline::{Stretch, stretches};
use crate::lab::state::use_lab;

/// The planned job, from its input to its output; a sentence while nothing is known of it.
#[component]
pub fn Plan() -> impl IntoView {
    let lab = use_lab();
    let plan = Memo::new(move |_| lab.outline.with(|outline| outline.as_ref().map(stretches)));
    let stretch = |Stretch { title, about, steps }: Stretch| {
        let steps = steps.into_iter().map(|(step, _)| view! { <li>{step.name}</li> }).collect_view();
        view! {
            <li class="planned">
                <span class="graph-title">{title}</span>
                <span class="planned-about">{about}</span>
                <ul>{steps}</ul>
            </li>
        }
    };
    move || {
        match plan.get() {
        Some(plan) => view! {
            <ol class="plan" class:stale=move || lab.outline_is_old.get() data-testid="plan" aria-label="The job as it is planned">
                {plan.into_iter().map(stretch).collect_view()}
            </ol>
        }
        .into_any(),
        None => view! {
            <p class="empty hint">"The job will be drawn here: its splits, its tasks and how far each has come."</p>
        }
        .into_any(),
    }
    }
}

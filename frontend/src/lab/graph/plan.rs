//! Before the first run: the job as it is planned, from the text as it stands.

use leptos::prelude::*;
use shared::experiment::OutlineColumn;

use crate::lab::experiment::outline::{Stretch, stretches};
use crate::lab::state::use_lab;

/// The planned job, from its input to its output; a sentence while nothing is known of it.
#[component]
pub fn Plan() -> impl IntoView {
    let lab = use_lab();
    let plan = Memo::new(move |_| {
        lab.outline.with(|outline| outline.as_ref().map(|outline| (stretches(outline), outline.columns.clone())))
    });
    let stretch = |title: &'static str, about: String, lines: Vec<String>| {
        let lines = lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
        view! {
            <li class="planned">
                <span class="graph-title">{title}</span>
                <span class="planned-about">{about}</span>
                <ul>{lines}</ul>
            </li>
        }
    };
    // The columns that are read, and the steps wherever they run.
    let lines = move |(plan, columns): (Vec<Stretch>, Vec<OutlineColumn>)| {
        let mut columns = Some(columns.into_iter().map(|column| column.name).collect::<Vec<_>>());
        let of = move |Stretch { title, about, steps }| {
            let names = steps.into_iter().map(|(step, _)| step.name);
            stretch(title, about, columns.take().into_iter().flatten().chain(names).collect())
        };
        plan.into_iter().map(of).collect_view()
    };
    move || {
        match plan.get() {
        Some(plan) => view! {
            <ol class="plan" class:stale=move || lab.outline_is_old.get() data-testid="plan" aria-label="The job as it is planned">
                {lines(plan)}
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

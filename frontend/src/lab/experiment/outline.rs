//! What the text would do: its phases, its steps and the columns after each, as it is typed.

use leptos::prelude::*;
use shared::experiment::{Outline, OutlineColumn, OutlinePhase, OutlineStep, SHUFFLES};
use shared::wire::{BusView, QueueView};

use super::GoTo;
use crate::components::panel::Panel;
use crate::lab::state::use_lab;

/// Steps that run in one place, or what lies between two such.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    pub title: &'static str,
    /// What is read, or how many tasks there are.
    pub about: String,
    pub steps: Vec<(OutlineStep, Schema)>,
}

/// The columns after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    pub columns: Vec<OutlineColumn>,
    /// Whether they are those before it.
    pub same: bool,
}

/// The outline from its input to its result, in the order in which rows go through it.
pub fn stretches(outline: &Outline) -> Vec<Stretch> {
    if let Some(bus) = &outline.bus {
        return of_bus(bus);
    }
    let mut found = vec![Stretch { title: "Input", about: outline.input.clone(), steps: Vec::new() }];
    let mut columns = &outline.columns;
    let mut phase = None;
    let tasks = |count: u32| if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") };
    // Rows are at least read and passed on.
    if outline.steps.first().is_none_or(|step| step.phase != OutlinePhase::Map) {
        found.push(Stretch { title: "Map", about: "1 task a split".to_owned(), steps: Vec::new() });
    }
    for step in &outline.steps {
        let shuffles = step.phase == OutlinePhase::Reduce && SHUFFLES.contains(&step.name.as_str());
        if shuffles || phase != Some(step.phase) {
            phase = Some(step.phase);
            match step.phase {
                OutlinePhase::Map => {
                    found.push(Stretch { title: "Map", about: "1 task a split".to_owned(), steps: Vec::new() });
                }
                OutlinePhase::Reduce => {
                    let about = format!("{} partitions", outline.partitions);
                    found.push(Stretch { title: "Shuffle", about, steps: Vec::new() });
                    let (title, count) = match step.name.as_str() {
                        "join" => ("Join", outline.partitions),
                        "sort" => ("Sort", outline.partitions),
                        "limit" => ("Limit", 1),
                        _ => ("Reduce", outline.partitions),
                    };
                    found.push(Stretch { title, about: tasks(count), steps: Vec::new() });
                }
                OutlinePhase::Output => found.push(Stretch { title: "Output", about: String::new(), steps: Vec::new() }),
            }
        }
        let schema = Schema { columns: step.columns.clone(), same: step.columns == *columns };
        columns = &step.columns;
        if let Some(last) = found.last_mut() {
            last.steps.push((step.clone(), schema));
        }
    }
    if phase != Some(OutlinePhase::Output) {
        found.push(Stretch { title: "Output", about: String::new(), steps: Vec::new() });
    }
    found
}

/// Who sends, what lies between, and who takes, in the order in which messages go.
fn of_bus(bus: &BusView) -> Vec<Stretch> {
    let groups = |makes: bool| {
        let named = bus.groups.iter().filter(|group| group.takes_from.is_none() == makes);
        named.map(|group| format!("{} ×{}, {}", group.name, group.count, group.about)).collect::<Vec<_>>()
    };
    let exchanges = bus.exchanges.iter().map(|exchange| format!("{}, {}", exchange.name, exchange.kind)).collect();
    let queue = |queue: &QueueView| match queue.most {
        Some(most) => format!("{}, at most {most}, then {}", queue.name, queue.overload),
        None => queue.name.clone(),
    };
    let queues = bus.queues.iter().map(queue).collect();
    let all = [("Senders", groups(true)), ("Exchanges", exchanges), ("Queues", queues), ("Receivers", groups(false))];
    let stretch = |(title, lines): (&'static str, Vec<String>)| Stretch { title, about: lines.join("; "), steps: Vec::new() };
    all.into_iter().filter(|(_, lines)| !lines.is_empty()).map(stretch).collect()
}

/// The panel below the text.
#[component]
pub fn OutlinePanel() -> impl IntoView {
    let lab = use_lab();
    let input = move |outline: &Outline| view! { <Columns schema=Schema { columns: outline.columns.clone(), same: false } /> };
    let body = move || {
        lab.outline.with(|outline| {
            let outline = outline.as_ref()?;
            let outline_reads = outline.bus.is_none();
            let stretch = |(index, stretch): (usize, Stretch)| {
                let columns = (index == 0 && outline.bus.is_none()).then(|| input(outline));
                let steps = stretch.steps.into_iter().map(|(step, schema)| view! { <Step step=step schema=schema /> });
                let own = move || lab.input.with(|input| (index == 0 && outline_reads).then(|| input.instead()).flatten());
                let about = move || match own() {
                    Some(own) => format!("{own}, instead of {}", stretch.about),
                    None => stretch.about.clone(),
                };
                view! {
                    <li class="stretch">
                        <p class="stretch-head">
                            <span class="stretch-title">{stretch.title}</span>
                            <span class="hint">{about}</span>
                        </p>
                        {columns}
                        <ol>{steps.collect_view()}</ol>
                    </li>
                }
            };
            Some(stretches(outline).into_iter().enumerate().map(stretch).collect_view())
        })
    };
    view! {
        <Panel name="outline" title="What it does">
            <ol class="outline" data-testid="outline" class:stale=move || lab.outline_is_old.get()>
                {body}
            </ol>
            <p class="hint" class:hidden=move || lab.outline.with(Option::is_some)>
                "The experiment's steps, and the columns after each, as soon as its text can be read."
            </p>
        </Panel>
    }
}

#[component]
fn Step(step: OutlineStep, schema: Schema) -> impl IntoView {
    let GoTo(go_to) = expect_context::<GoTo>();
    let OutlineStep { line, name, words, sound, .. } = step;
    // A step that makes no sense yet has no words but its name.
    let rest = words.strip_prefix(name.as_str()).map(|rest| rest.trim().to_owned()).unwrap_or(words);
    view! {
        <li class="step" class:unsound=!sound data-testid="outline-step">
            <button class="step-words" title="Go to its line" on:click=move |_| go_to.run((line, 1))>
                <strong>{name}</strong>
                " "
                <code>{rest}</code>
            </button>
            <Columns schema=schema />
        </li>
    }
}

#[component]
fn Columns(schema: Schema) -> impl IntoView {
    if schema.columns.is_empty() {
        return view! { <p class="columns hint">"columns that are not known yet"</p> }.into_any();
    }
    if schema.same {
        return view! { <p class="columns hint">"the same columns"</p> }.into_any();
    }
    let columns = schema.columns.into_iter().map(|OutlineColumn { name, data_type }| {
        view! {
            <li>
                <code>{name}</code>
                " "
                <span class="hint">{data_type}</span>
            </li>
        }
    });
    view! { <ul class="columns" aria-label="Columns here">{columns.collect_view()}</ul> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> OutlineColumn {
        OutlineColumn { name: name.to_owned(), data_type: "Utf8".to_owned() }
    }

    fn step(name: &str, phase: OutlinePhase, columns: &[&str]) -> OutlineStep {
        let columns = columns.iter().map(|name| column(name)).collect();
        OutlineStep { line: 1, name: name.to_owned(), words: name.to_owned(), phase, sound: true, columns }
    }

    fn shape(steps: Vec<OutlineStep>) -> Vec<(&'static str, Vec<(String, bool)>)> {
        let outline = Outline { columns: vec![column("line")], partitions: 4, steps, ..Outline::default() };
        let of = |(step, schema): (OutlineStep, Schema)| (step.name, schema.same);
        stretches(&outline).into_iter().map(|stretch| (stretch.title, stretch.steps.into_iter().map(of).collect())).collect()
    }

    #[test]
    fn steps_stand_where_they_run_and_the_shuffle_between_them() {
        use OutlinePhase::{Map, Output, Reduce};
        let steps = vec![
            step("flat_map", Map, &["line", "word"]),
            step("filter", Map, &["line", "word"]),
            step("reduce", Reduce, &["word", "n"]),
            step("sort", Output, &["word", "n"]),
        ];
        let named = |name: &str, same| (name.to_owned(), same);
        let wanted = [
            ("Input", vec![]),
            ("Map", vec![named("flat_map", false), named("filter", true)]),
            ("Shuffle", vec![]),
            ("Reduce", vec![named("reduce", false)]),
            ("Output", vec![named("sort", true)]),
        ];
        assert_eq!(shape(steps), wanted);
    }

    #[test]
    fn each_step_that_shuffles_begins_tasks_of_its_own() {
        use OutlinePhase::{Map, Output, Reduce};
        let names = [("map", Map), ("reduce", Reduce), ("filter", Reduce), ("join", Reduce), ("sort", Reduce), ("map", Reduce)];
        let steps = names.into_iter().chain([("limit", Output)]).map(|(name, phase)| step(name, phase, &["n"])).collect();
        let titles: Vec<_> = shape(steps).into_iter().map(|(title, _)| title).collect();
        let wanted = ["Input", "Map", "Shuffle", "Reduce", "Shuffle", "Join", "Shuffle", "Sort", "Output"];
        assert_eq!(titles, wanted);
    }

    #[test]
    fn without_steps_of_its_own_a_phase_is_still_there() {
        let titles: Vec<_> =
            shape(vec![step("reduce", OutlinePhase::Reduce, &["n"])]).into_iter().map(|(title, _)| title).collect();
        assert_eq!(titles, ["Input", "Map", "Shuffle", "Reduce", "Output"]);
        let titles: Vec<_> = shape(Vec::new()).into_iter().map(|(title, _)| title).collect();
        assert_eq!(titles, ["Input", "Map", "Output"]);
    }
}

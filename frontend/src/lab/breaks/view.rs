//! The dialog: the breakpoints that there are, and one more.

use leptos::html;
use leptos::prelude::*;
use shared::wire::{BreakEdge, Breakpoint, Command, Place};

use super::{Breaker, Kept, edges, fits, next_id};
use crate::components::html::{escape, value_of};
use crate::components::icon::Icon;
use crate::components::sheet::Dialog;
use crate::lab::bus::shown;
use crate::lab::state::{Lab, Which, use_lab};

/// What is in the dialog.
#[component]
pub fn Breaking(dialog: Dialog) -> impl IntoView {
    let lab = use_lab();
    let breaker = expect_context::<Breaker>();
    let condition = NodeRef::<html::Input>::new();
    let view = Memo::new(move |_| shown(lab));
    // Each time that it opens, the edge that was asked for is chosen.
    let options = Memo::new(move |_| {
        dialog.opened.track();
        let preset = breaker.preset.get_untracked();
        let mut edges = edges(&view.get());
        edges.extend(preset.clone().filter(|preset| !edges.contains(preset)));
        let chosen = preset.and_then(|preset| edges.iter().position(|edge| *edge == preset)).unwrap_or_default();
        (chosen, edges)
    });
    let options_html = move || {
        options.with(|(chosen, edges)| {
            let option = |(place, edge): (usize, &BreakEdge)| {
                let selected = if place == *chosen { " selected" } else { "" };
                format!("<option value=\"{place}\"{selected}>{}</option>", escape(&edge.to_string()))
            };
            edges.iter().enumerate().map(option).collect::<String>()
        })
    };
    // The question about the condition that stands there; `None`: nothing does.
    let asked = RwSignal::new(None::<u32>);
    let ask = move || {
        let text = value_of("break-when");
        if text.trim().is_empty() {
            return asked.set(None);
        }
        let id = lab.next_id();
        asked.set(Some(id));
        lab.send(Which::Engine, &Command::Condition { id, text });
    };
    let answer = Memo::new(move |_| {
        let Some(id) = asked.get() else { return Some(None) };
        lab.breaks.heard.get().filter(|(of, _)| *of == id).map(|(_, problem)| problem)
    });
    let is_sound = Memo::new(move |_| answer.get() == Some(None) && options.with(|(_, edges)| !edges.is_empty()));
    let told = move || match answer.get() {
        Some(Some(problem)) => problem.to_string(),
        _ if options.with(|(_, edges)| edges.is_empty()) => "An experiment with `messaging` has edges to break at.".to_owned(),
        _ => "Only messages for which this is true. It may name key, exchange, queue, publisher, n, size, body, headers, \
              priority, redelivered, returns and deaths, as in key = 'paid' or json_value(headers, '$.kind') = 'vip'. \
              Nothing: every message."
            .to_owned(),
    };
    let add = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let chosen = value_of("break-edge").parse::<usize>().ok();
        let edge = chosen.and_then(|place| options.with_untracked(|(_, edges)| edges.get(place).cloned()));
        let Some(edge) = edge.filter(|_| is_sound.get_untracked()) else { return };
        let when = Some(value_of("break-when").trim().to_owned()).filter(|when| !when.is_empty());
        lab.change_breakpoints(|list| {
            let id = next_id(list);
            list.push(Kept { breakpoint: Breakpoint { id, edge, when }, on: true });
        });
        if let Some(field) = condition.get_untracked() {
            field.set_value("");
        }
        asked.set(None);
    };
    let is_virtual = Memo::new(move |_| lab.place.get() == Place::Simulate);
    view! {
        <div class="sheet-inside breaks">
            <p class="hint" class:hidden=is_virtual data-testid="breaks-real">
                "Breakpoints need virtual time: they stop what is simulated. Real clients and a real broker do not stand still before a \
                 message arrives. Choose Simulate to use them."
            </p>
            <form on:submit=add>
                <label>
                    "Before a message arrives over"
                    <select data-testid="break-edge" inner_html=options_html></select>
                </label>
                <label>
                    "Condition"
                    <input
                        class="num"
                        data-testid="break-when"
                        node_ref=condition
                        placeholder="every message"
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby="break-told"
                        aria-invalid=move || if matches!(answer.get(), Some(Some(_))) { "true" } else { "false" }
                        on:input=move |_| ask()
                    />
                </label>
                <p
                    class="hint"
                    id="break-told"
                    class:broken=move || matches!(answer.get(), Some(Some(_)))
                    data-testid="break-told"
                    role="status"
                >
                    {told}
                </p>
                <button class="bright" type="submit" data-testid="break-here" disabled=move || !is_sound.get()>
                    <Icon name="octagon-pause" />
                    "Break here"
                </button>
            </form>
            <ul class="break-list" data-testid="break-list">
                {move || {
                    let view = view.get();
                    let item = |kept: Kept| item(lab, fits(&view, &kept.breakpoint.edge), kept);
                    lab.breaks.list.get().into_iter().map(item).collect_view()
                }}
            </ul>
            <p class="hint" class:hidden=move || lab.breaks.list.with(|list| !list.is_empty())>
                "There are no breakpoints. They stay in this browser until you remove them."
            </p>
        </div>
    }
}

fn item(lab: Lab, fits: bool, kept: Kept) -> impl IntoView {
    let Kept { breakpoint: Breakpoint { id, edge, when }, on } = kept;
    let turn = move |_| {
        lab.change_breakpoints(|list| {
            list.iter_mut().filter(|kept| kept.breakpoint.id == id).for_each(|kept| kept.on = !kept.on);
        });
    };
    let remove = move |_| lab.change_breakpoints(|list| list.retain(|kept| kept.breakpoint.id != id));
    let name = edge.to_string();
    view! {
        <li data-testid=format!("break-{id}")>
            <label>
                <input type="checkbox" data-testid=format!("break-on-{id}") prop:checked=on on:change=turn />
                <span>{name.clone()}</span>
            </label>
            <code class="num">{when.unwrap_or_else(|| "every message".to_owned())}</code>
            {(!fits).then_some(view! { <span class="hint">"not in this experiment"</span> })}
            <button
                class="quiet icon-only"
                data-testid=format!("break-remove-{id}")
                aria-label=format!("Remove the breakpoint at {name}")
                on:click=remove
            >
                <Icon name="x" />
            </button>
        </li>
    }
}

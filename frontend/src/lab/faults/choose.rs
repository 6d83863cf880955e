//! The dialog: what goes wrong, where and when.

use leptos::html;
use leptos::prelude::*;
use shared::fault::text::{Item, item, items, span, when};
use shared::fault::{self, Fault, Moment};
use shared::id::NodeId;
use shared::time::{Span, Time};
use shared::wire::Place;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement};

use super::Chooser;
use super::form::{Form, KINDS, Kind, Nodes, Situation, Way, When, way};
use crate::components::html::{escape, icon, value_of, wanted};
use crate::components::icon::Icon;
use crate::components::sheet::Dialog;
use crate::lab::bus;
use crate::lab::state::{Lab, use_lab};
use crate::lab::timeline::flags::WITH_ITS_MESSAGE;

/// What is in the dialog.
#[component]
pub fn Choosing(dialog: Dialog) -> impl IntoView {
    let lab = use_lab();
    let chooser = expect_context::<Chooser>();
    let fields = NodeRef::<html::Form>::new();
    let nodes = Memo::new(move |_| lab.nodes());
    let form = RwSignal::new(Form::default());
    // Each time that it opens, the fields begin with what was asked for.
    let first = Memo::new(move |_| {
        dialog.opened.track();
        let nodes = nodes.get();
        let (is_live, now) = lab.run.with_untracked(|run| (run.started.is_some() && run.is_live(), run.now));
        let form = begun(chooser.preset.get_untracked(), &nodes, is_live, now);
        (dialog.opened.get_untracked(), fields_of(&form, &nodes), form)
    });
    Effect::new(move |_| form.set(first.with(|(.., form)| form.clone())));
    let read = move |event: Event| {
        let Some(fields) = fields.get_untracked() else { return };
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if let Some(name) = target.and_then(|target| target.get_attribute("data-chooses")) {
            check(&fields, &name);
        }
        form.set(form_of(&fields, &nodes.get_untracked()));
    };
    let fault = Memo::new(move |_| {
        let now = lab.run.with(|run| run.now);
        form.with(|form| nodes.with(|nodes| form.fault(nodes, now)))
    });
    let way = Memo::new(move |_| {
        let situation = lab.situation();
        fault.with(|fault| match fault {
            Ok(fault) => way(&fault.effect, form.with(|form| form.when), situation),
            Err(sentence) => Way::Refused(sentence.clone(), false),
        })
    });
    let line = move || fault.with(|fault| fault.as_ref().ok().map(|fault| nodes.with(|nodes| item_of(fault, nodes))));
    let is_real = Memo::new(move |_| lab.run.with(|run| run.place != Some(Place::Simulate)));
    let act = move || {
        let Ok(fault) = fault.get_untracked() else { return };
        let item = nodes.with_untracked(|nodes| item_of(&fault, nodes));
        match way.get_untracked() {
            Way::Wish => lab.wish(fault.effect, &item),
            Way::Again => lab.add_fault(&item, true),
            Way::Write => {
                lab.add_fault(&item, false);
                lab.spoken.set(format!("{item} stands in the text, for the next run."));
            }
            Way::Refused(..) => return,
        }
        dialog.close();
    };
    let simulate = move |_| {
        let Ok(fault) = fault.get_untracked() else { return };
        lab.simulate_with(fault, form.with_untracked(|form| form.when), &nodes.get_untracked());
        dialog.close();
    };
    let listed = move || lab.text.with(|text| list(&items(text)));
    let remove = move |event| {
        if let Some((_, Some(index))) = wanted(&event) {
            lab.remove_fault(index as usize);
        }
    };
    view! {
        <div class="sheet-inside">
            <form
                class="faults"
                node_ref=fields
                data-kind=move || form.with(|form| form.kind.name())
                data-when=move || form.with(|form| when_name(form.when))
                on:input=read
                on:submit=move |event| {
                    event.prevent_default();
                    act();
                }
            >
                <div class="fault-fields" inner_html=move || first.with(|(_, fields, _)| fields.clone())></div>
                <code class="fault-line num" data-testid="fault-line">{move || line().unwrap_or_else(|| "…".to_owned())}</code>
                <p
                    class="hint"
                    class:broken=move || way.with(|way| matches!(way, Way::Refused(..)))
                    data-testid="fault-told"
                    role="status"
                >
                    {move || way.with(|way| way.told(is_real.get()))}
                </p>
                <div class="sheet-row">
                    <button
                        class="bright"
                        type="submit"
                        data-testid="fault-do"
                        disabled=move || way.with(|way| matches!(way, Way::Refused(..)))
                    >
                        <Icon name="zap" />
                        {move || way.with(Way::verb)}
                    </button>
                    <button
                        type="button"
                        class:hidden=move || !way.with(|way| matches!(way, Way::Refused(_, true)))
                        data-testid="fault-simulate"
                        on:click=simulate
                    >
                        <Icon name="play" />
                        "Simulate it"
                    </button>
                </div>
            </form>
            <div class="fault-list" data-testid="fault-list" inner_html=listed on:click=remove></div>
        </div>
    }
}

/// The faults that the text has, as HTML: what each is, and when it comes.
fn list(items: &[Item]) -> String {
    let line = |(index, item): (usize, &Item)| {
        let comes = match item.at {
            _ if item.is_of_message => WITH_ITS_MESSAGE.to_owned(),
            Some(at) => format!("at {}", when(at)),
            None => "when the seed says".to_owned(),
        };
        let what = escape(&item.what);
        format!(
            "<li data-testid=\"fault-listed-{index}\"><span>{what}</span> <span class=\"hint\">{comes}</span>\
             <button class=\"quiet icon-only\" data-do=\"remove\" data-of=\"{index}\" data-testid=\"fault-unlist-{index}\" \
             aria-label=\"Take {what} out of the text\">{}</button></li>",
            icon("x")
        )
    };
    match items {
        [] => String::new(),
        _ => {
            let lines: String = items.iter().enumerate().map(line).collect();
            format!("<h3>The faults of the text</h3><ul class=\"break-list\">{lines}</ul>")
        }
    }
}

impl Lab {
    /// The nodes of the run, or of what the text describes before there is one.
    fn nodes(self) -> Nodes {
        let workers = |count: u32| (1..=count).map(NodeId::Worker);
        if self.is_bus() {
            let of_run = self.run.with(|run| run.bus.as_ref().map(|bus| bus.view.clone()));
            let of_text = || self.outline.with(|outline| outline.as_ref().and_then(|outline| outline.bus.as_deref().cloned()));
            let view = of_run.or_else(of_text).unwrap_or_default();
            let count = view.groups.iter().map(|group| u32::from(group.count)).sum();
            let clients = workers(count).enumerate().map(|(client, node)| (node, bus::name(&view, client)));
            let names = [(NodeId::Coordinator, "broker".to_owned())].into_iter().chain(clients).collect();
            return Nodes { names, is_bus: true };
        }
        let of_run = self.run.with(|run| run.started.as_ref().map(|started| started.workers));
        let of_text = || self.outline.with(|outline| outline.as_ref().and_then(|outline| outline.workers));
        let count = of_run.or_else(|| self.chosen_workers()).or_else(of_text).unwrap_or_else(|| self.workers.get());
        let nodes = [NodeId::Coordinator].into_iter().chain(workers(count));
        Nodes { names: nodes.map(|node| (node, node.to_string())).collect(), is_bus: false }
    }

    fn situation(self) -> Situation {
        let same_text = self.text_runs();
        self.run.with(|run| Situation {
            run: run.place.filter(|_| run.started.is_some()),
            is_live: run.started.is_some() && run.is_live(),
            can_be_sought: run.can_be_sought(),
            same_text,
            place: self.place.get(),
        })
    }

    /// Lets it happen now. What happens to a simulated run becomes a line by itself; to a real one, at the moment of its clock.
    fn wish(self, effect: fault::Effect, item: &str) {
        let is_real = self.run.with_untracked(|run| run.place != Some(Place::Simulate));
        self.fault(effect);
        if is_real && self.text_runs() {
            self.add_fault(item, false);
            self.inner.update_value(|inner| inner.ran.0 = self.text.get_untracked());
        }
    }

    /// Simulates the text with this fault in it; what was to happen now, at the same share of the progress.
    fn simulate_with(self, fault: Fault, when: When, nodes: &Nodes) {
        let progress = self.run.with_untracked(|run| run.progress);
        let at = if when == When::Now { Moment::Progress((progress * 1e3).round() / 1e3) } else { fault.at };
        self.add_fault(&item_of(&Fault { at, ..fault }, nodes), false);
        self.choose(Place::Simulate);
        self.run();
    }
}

/// The fault as an item of the text.
fn item_of(fault: &Fault, nodes: &Nodes) -> String {
    item(&Fault { at: fault.at, effect: fault.effect.clone().map(|node| nodes.name(node)) })
}

/// The fields as they are when the dialog opens.
fn begun(preset: super::Preset, nodes: &Nodes, is_live: bool, now: Time) -> Form {
    let super::Preset { kind, node, from, to } = preset;
    let first = || nodes.killable().next().map(|(node, _)| *node);
    let text = str::to_owned;
    Form {
        kind,
        node: node.or_else(first),
        from,
        to,
        apart: from.or(node).into_iter().collect(),
        factor: text("4"),
        probability: text("20%"),
        by: text("50 ms"),
        lasting: String::new(),
        when: if is_live { When::Now } else { When::Share },
        // Rounded to milliseconds: nobody means more.
        time: span(Span(now.0 / 1_000 * 1_000)),
        share: text("40%"),
    }
}

fn when_name(when: When) -> &'static str {
    match when {
        When::Now => "now",
        When::Time => "time",
        When::Share => "share",
    }
}

/// The fields as HTML. Which of them belong to a kind says `data-for`, to the style.
fn fields_of(form: &Form, nodes: &Nodes) -> String {
    let kinds = KINDS.iter().filter(|(kind, ..)| !nodes.is_bus || *kind != Kind::Restart);
    let kinds: String = kinds.map(|(kind, name, words)| option(name, words, *kind == form.kind)).collect();
    let picked = |chosen: Option<NodeId>| -> String {
        nodes.names.iter().map(|(node, name)| option(&node.to_string(), name, chosen == Some(*node))).collect()
    };
    let end = |chosen: Option<NodeId>| option("", "any node", chosen.is_none()) + &picked(chosen);
    let apart: String = nodes
        .names
        .iter()
        .map(|(node, name)| {
            let checked = if form.apart.contains(node) { " checked" } else { "" };
            format!("<label><input type=\"checkbox\" name=\"fault-apart\" value=\"{node}\"{checked}>{}</label>", escape(name))
        })
        .collect();
    let select = |kinds: &str, label: &str, id: &str, options: &str| {
        format!("<label data-for=\"{kinds}\">{label}<select data-testid=\"{id}\">{options}</select></label>")
    };
    let text = |kinds: &str, label: &str, id: &str, value: &str, placeholder: &str| {
        format!(
            "<label data-for=\"{kinds}\">{label}<input class=\"num\" data-testid=\"{id}\" value=\"{}\" \
             placeholder=\"{placeholder}\" autocomplete=\"off\" spellcheck=\"false\"></label>",
            escape(value)
        )
    };
    let moment = |when: When, label: &str, field: &str| {
        let (name, checked) = (when_name(when), if when == form.when { " checked" } else { "" });
        format!(
            "<label><input type=\"radio\" name=\"fault-when\" value=\"{name}\" data-testid=\"fault-{name}\"{checked}>{label}</label>{field}"
        )
    };
    let at = |when: When, label: &str, value: &str| {
        let name = when_name(when);
        format!(
            "<input class=\"num\" data-testid=\"fault-{name}-at\" data-chooses=\"{name}\" aria-label=\"{label}\" value=\"{}\" \
             autocomplete=\"off\" spellcheck=\"false\">",
            escape(value)
        )
    };
    let edges = "drop delay duplicate";
    [
        "<div class=\"fault-row\">".to_owned(),
        select("all", "What", "fault-kind", &kinds),
        select("kill slow pause", "Node", "fault-node", &picked(form.node)),
        select(edges, "From", "fault-from", &end(form.from)),
        select(edges, "To", "fault-to", &end(form.to)),
        text("slow", "Times slower", "fault-factor", &form.factor, "4"),
        text("delay", "Later by", "fault-by", &form.by, "50 ms"),
        text(edges, "Probability", "fault-probability", &form.probability, "20%"),
        text("slow pause drop delay duplicate partition", "Lasts", "fault-for", &form.lasting, "for good, or 2 s"),
        "</div>".to_owned(),
        format!(
            "<fieldset class=\"fault-apart\" data-for=\"partition\"><legend>Cut off from all others</legend><div>{apart}</div></fieldset>"
        ),
        "<fieldset class=\"fault-when\"><legend>When</legend>".to_owned(),
        format!("<span>{}</span>", moment(When::Now, "Now", "")),
        format!("<span>{}</span>", moment(When::Time, "At a time", &at(When::Time, "The time, like 3 s", &form.time))),
        format!(
            "<span>{}</span>",
            moment(When::Share, "At a progress", &at(When::Share, "The share of the progress, like 40%", &form.share))
        ),
        "</fieldset>".to_owned(),
    ]
    .concat()
}

fn option(value: &str, words: &str, chosen: bool) -> String {
    let selected = if chosen { " selected" } else { "" };
    format!("<option value=\"{value}\"{selected}>{}</option>", escape(words))
}

/// Who writes a moment means it.
fn check(fields: &Element, when: &str) {
    let radio = fields.query_selector(&format!("input[name=fault-when][value={when}]")).ok().flatten();
    if let Some(radio) = radio.and_then(|radio| radio.dyn_into::<HtmlInputElement>().ok()) {
        radio.set_checked(true);
    }
}

/// What stands in the fields.
fn form_of(fields: &Element, nodes: &Nodes) -> Form {
    let checked = |name: &str| {
        let inputs = fields.query_selector_all(&format!("input[name={name}]:checked")).ok();
        let count = inputs.as_ref().map_or(0, |inputs| inputs.length());
        let value = |index| inputs.as_ref()?.item(index)?.dyn_into::<HtmlInputElement>().ok().map(|input| input.value());
        (0..count).filter_map(value).collect::<Vec<_>>()
    };
    let node = |name: &str| nodes.names.iter().map(|(node, _)| *node).find(|node| node.to_string() == name);
    Form {
        kind: Kind::of(&value_of("fault-kind")),
        node: node(&value_of("fault-node")),
        from: node(&value_of("fault-from")),
        to: node(&value_of("fault-to")),
        apart: checked("fault-apart").iter().filter_map(|name| node(name)).collect(),
        factor: value_of("fault-factor"),
        probability: value_of("fault-probability"),
        by: value_of("fault-by"),
        lasting: value_of("fault-for"),
        when: match checked("fault-when").first().map(String::as_str) {
            Some("time") => When::Time,
            Some("share") => When::Share,
            _ => When::Now,
        },
        time: value_of("fault-time-at"),
        share: value_of("fault-share-at"),
    }
}

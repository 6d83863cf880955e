//! The message that a run stands before, and what can be done with it.

use std::collections::BTreeMap;

use leptos::prelude::*;
use shared::fault::{Act, Edit, Effect as Fault, MessageFault};
use shared::id::NodeId;
use shared::time::Time;
use shared::wire::{About, Command, Halt, MessageView, Messages, Stride};

use crate::components::html::{escape, value_of, wanted};
use crate::components::icon::Icon;
use crate::lab::format::{bytes, of, virtual_clock};
use crate::lab::inspect::message::way;
use crate::lab::inspect::told::facts_of;
use crate::lab::model::RunModel;
use crate::lab::state::{Lab, Which, use_lab};
use crate::lab::timeline::messages::node_name;

/// See the module. Nothing is shown while nothing is held.
#[component]
pub fn Held() -> impl IntoView {
    let lab = use_lab();
    let halt = Memo::new(move |_| lab.run.with(|run| run.halt().cloned()));
    let is_none = Memo::new(move |_| halt.with(Option::is_none));
    let edits = RwSignal::new(false);
    let trouble = RwSignal::new(String::new());
    // Another message, other fields.
    Effect::new(move |_| {
        halt.track();
        edits.set(false);
        trouble.set(String::new());
    });
    let facts =
        move || halt.with(|halt| halt.as_ref().map(|halt| lab.run.with_untracked(|run| facts(run, halt)))).unwrap_or_default();
    let hops = way_of(lab, halt);
    let hops_html = move || match hops.get() {
        Some(hops) => lab.run.with_untracked(|run| way(run, &hops)),
        None => "<p class=\"hint\">Its way is looked up.</p>".to_owned(),
    };
    let press = move |event| {
        if let Some((_, Some(at))) = wanted(&event) {
            lab.seek(Time(at));
        }
    };
    let fields = move || halt.with(|halt| halt.as_ref().map(fields)).unwrap_or_default();
    let can_be_requeued = Memo::new(move |_| halt.with(|halt| halt.as_ref().is_some_and(|halt| halt.can_be_requeued)));
    let act = move |act| {
        if let Some(halt) = halt.get_untracked() {
            lab.treat(&halt, act);
        }
    };
    let edit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let written = halt.with_untracked(|halt| halt.as_ref().map(written));
        match written {
            Some(Ok(edit)) => act(Act::Edit(edit)),
            Some(Err(sentence)) => trouble.set(sentence),
            None => {}
        }
    };
    view! {
        <section class="halted" class:hidden=is_none data-testid="held" aria-label="The message at the breakpoint">
            <div class="inspected" inner_html=facts></div>
            <div class="inspected" data-testid="held-way" aria-live="polite" inner_html=hops_html on:click=press></div>
            <div class="sheet-row">
                <button class="small" data-testid="held-step" title="Let it arrive, and stop before the next event" on:click=move |_| lab.step(Stride::Event)>
                    <Icon name="step-forward" />
                    "Step"
                </button>
                <button class="small bright" data-testid="held-continue" title="Let it arrive and virtual time go on" on:click=move |_| lab.pause_or_resume()>
                    <Icon name="play" />
                    "Continue"
                </button>
                <button
                    class="small"
                    data-testid="held-edit"
                    aria-expanded=move || if edits.get() { "true" } else { "false" }
                    title="Let something else arrive in its place"
                    on:click=move |_| edits.update(|edits| *edits = !*edits)
                >
                    <Icon name="pencil" />
                    "Edit…"
                </button>
                <button class="small" data-testid="held-drop" title="It never arrives" on:click=move |_| act(Act::Drop)>
                    <Icon name="trash-2" />
                    "Drop"
                </button>
                <button
                    class="small"
                    data-testid="held-requeue"
                    disabled=move || !can_be_requeued.get()
                    title=move || match can_be_requeued.get() {
                        true => "The consumer does not take it: it goes back to its queue",
                        false => "Only a delivery that waits for its acknowledgement can go back to its queue",
                    }
                    on:click=move |_| act(Act::Requeue)
                >
                    <Icon name="undo-2" />
                    "Requeue"
                </button>
            </div>
            <form class="held-form" class:hidden=move || !edits.get() on:submit=edit>
                <div class="held-fields" inner_html=fields></div>
                <p class="broken" role="alert" class:hidden=move || trouble.with(String::is_empty)>{trouble}</p>
                <button class="small bright" type="submit" data-testid="held-edit-do">"Let this arrive"</button>
            </form>
            <p class="hint">"What is done to it becomes a line of the experiment's faults, so it happens again in every run of it."</p>
        </section>
    }
}

/// The way of the held message so far. It is asked of the simulation, which goes through all of the run once more for it.
fn way_of(lab: Lab, halt: Memo<Option<Halt>>) -> RwSignal<Option<Vec<MessageView>>> {
    let (way, asked) = (RwSignal::new(None), StoredValue::new(None::<u32>));
    Effect::new(move |_| {
        way.set(None);
        asked.set_value(None);
        let (Some(halt), (run, Some(place))) = (halt.get(), lab.run.with_untracked(|run| (run.run, run.place))) else { return };
        let NodeId::Worker(publisher) = halt.publisher else { return };
        let id = lab.next_id();
        asked.set_value(Some(id));
        let about = Some(About::Message { publisher, number: halt.number });
        lab.send(Which::of(place), &Command::Messages { run, id, from: Time::ZERO, to: halt.at, about });
    });
    Effect::new(move |_| {
        let Some((_, bytes)) = lab.answer.get().filter(|(of, _)| asked.get_value() == Some(*of)) else { return };
        lab.answer.set(None);
        // What is no answer is none: the engine and the page are of one build.
        if let Ok(answer) = serde_json::from_slice::<Messages>(&bytes.to_vec()) {
            way.set(Some(answer.messages));
        }
    });
    way
}

impl Lab {
    /// Does something to the message that the run stands before.
    fn treat(self, halt: &Halt, act: Act) {
        let Halt { publisher, number, to, .. } = *halt;
        self.fault(Fault::Message(MessageFault { publisher, number, to: Some(to), act }));
    }
}

fn facts(run: &RunModel, halt: &Halt) -> String {
    let clock = virtual_clock(halt.at.0 as f64 / 1e3);
    let size = bytes(halt.size.0);
    let from = halt.queue.clone().unwrap_or_else(|| node_name(run, halt.from));
    let mut facts = vec![
        ("Way", format!("{} → {}", escape(&from), escape(&node_name(run, halt.to)))),
        ("Would arrive", format!("{} {}", clock.value, clock.unit)),
        ("Exchange", if halt.exchange.is_empty() { "the default one".to_owned() } else { escape(&halt.exchange) }),
        ("Key", format!("<code>{}</code>", escape(&halt.key))),
    ];
    if !halt.headers.is_empty() {
        facts.push(("Headers", format!("<code>{}</code>", escape(&header_lines(halt)).replace('\n', "<br>"))));
    }
    facts.push((
        "Body",
        match &halt.body {
            Some(body) => format!("{} {}: <code>{}</code>", size.value, size.unit, escape(body)),
            None => format!("{} {}", size.value, size.unit),
        },
    ));
    if halt.queue.is_some() {
        let again = match halt.redelivered {
            true => format!("yes, came back {}", of(halt.returns.into(), "time", "times")),
            false => "no".to_owned(),
        };
        facts.push(("Delivered before", again));
    }
    if !halt.deaths.is_empty() {
        let deaths: Vec<String> = halt.deaths.iter().map(|death| escape(&died(death))).collect();
        facts.push(("Dead-lettered", deaths.join("<br>")));
    }
    let trouble = halt.trouble.as_ref();
    let trouble = trouble
        .map(|it| format!("<p class=\"broken\">The condition cannot be computed for it: {}.</p>", escape(it)))
        .unwrap_or_default();
    format!(
        "<div class=\"inspect-head\"><h3 data-testid=\"held-name\">{}</h3><span class=\"inspect-state\" data-state=\"blocked\">\
         held at a breakpoint</span></div>{}{trouble}",
        escape(&halt.name),
        facts_of(&facts)
    )
}

/// Where a message died, and why it did: of `tasks: rejected` a sentence's part.
fn died(death: &str) -> String {
    let Some((queue, reason)) = death.rsplit_once(": ") else { return death.to_owned() };
    let why = match reason {
        "rejected" => "a consumer rejected it",
        "expired" => "its time to live was over",
        "maxlen" => "the queue was full",
        "delivery_limit" => "it came back more often than the delivery limit",
        other => other,
    };
    format!("from {queue}, because {why}")
}

fn header_lines(halt: &Halt) -> String {
    halt.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
}

/// The fields with what stands in the message.
fn fields(halt: &Halt) -> String {
    let (key, headers, body) =
        (escape(&halt.key), escape(&header_lines(halt)), escape(halt.body.as_deref().unwrap_or_default()));
    let body_note = if halt.body.is_some() { "" } else { " placeholder=\"as it is\"" };
    format!(
        "<label>Routing key<input class=\"num\" data-testid=\"held-key\" value=\"{key}\" autocomplete=\"off\" spellcheck=\"false\"></label>\
         <label>Headers, a line each<textarea class=\"num\" data-testid=\"held-headers\" rows=\"2\" placeholder=\"name: value\" \
         spellcheck=\"false\">{headers}</textarea></label>\
         <label>Body<textarea class=\"num\" data-testid=\"held-body\" rows=\"2\"{body_note} spellcheck=\"false\">{body}</textarea></label>"
    )
}

/// What is written in the fields that is not in the message. An error is a sentence.
fn written(halt: &Halt) -> Result<Edit, String> {
    edit_of(halt, &value_of("held-key"), &value_of("held-headers"), &value_of("held-body"))
}

fn edit_of(halt: &Halt, key: &str, headers: &str, body: &str) -> Result<Edit, String> {
    let line = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("Write a header as `name: value`, not `{line}`."))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    let headers: BTreeMap<_, _> =
        headers.lines().filter(|line| !line.trim().is_empty()).map(line).collect::<Result<_, String>>()?;
    let edit = Edit {
        key: (key != halt.key).then(|| key.to_owned()),
        headers: (headers != halt.headers).then_some(headers),
        body: (body != halt.body.as_deref().unwrap_or_default()).then(|| body.to_owned()),
    };
    if edit.is_nothing() {
        return Err("Nothing is changed: write another key, other headers or another body.".to_owned());
    }
    Ok(edit)
}

#[cfg(test)]
mod tests {
    use shared::wire::Bytes;

    use super::*;

    fn halt() -> Halt {
        Halt {
            breakpoint: 1,
            at: Time(5),
            from: NodeId::Worker(1),
            to: NodeId::Coordinator,
            publisher: NodeId::Worker(1),
            number: 17,
            name: "web-1/17".to_owned(),
            queue: None,
            exchange: "jobs".to_owned(),
            key: "paid".to_owned(),
            headers: [("kind".to_owned(), "vip".to_owned())].into(),
            body: None,
            size: Bytes(64),
            redelivered: false,
            returns: 0,
            deaths: Vec::new(),
            can_be_requeued: false,
            trouble: None,
        }
    }

    #[test]
    fn only_what_was_changed_is_an_edit() {
        assert!(edit_of(&halt(), "paid", "kind: vip\n", "").is_err());
        let edit = edit_of(&halt(), "late", "kind: vip", "hello").unwrap();
        assert_eq!(edit, Edit { key: Some("late".to_owned()), headers: None, body: Some("hello".to_owned()) });
        let edit = edit_of(&halt(), "paid", "", "").unwrap();
        assert_eq!(edit.headers, Some(BTreeMap::new()));
        let sentence = edit_of(&halt(), "paid", "kind vip", "").unwrap_err();
        assert_eq!(sentence, "Write a header as `name: value`, not `kind vip`.");
    }

    #[test]
    fn why_it_was_dead_lettered_is_said_in_words() {
        assert_eq!(died("tasks: rejected"), "from tasks, because a consumer rejected it");
        assert_eq!(died("a: b: maxlen"), "from a: b, because the queue was full");
        let halt = Halt { deaths: vec!["<b>: expired".to_owned(), "tasks: rejected".to_owned()], ..halt() };
        let told = facts(&RunModel::default(), &halt);
        assert!(told.contains("from &lt;b&gt;, because its time to live was over<br>from tasks, because"), "{told}");
    }

    #[test]
    fn what_a_user_wrote_is_no_html() {
        let halt = Halt { key: "<b>".to_owned(), body: Some("</textarea>".to_owned()), ..halt() };
        assert!(fields(&halt).contains("value=\"&lt;b&gt;\"") && !fields(&halt).contains("</textarea></textarea>"));
    }
}

//! What is known of a message between two nodes, and of what else was said of the same.

use shared::id::NodeId;
use shared::wire::{About, Fate, MessageView};

use super::told::{button, facts_of, head, kind_of, listed, seek, sized};
use crate::components::html::escape;
use crate::lab::format::{duration_ms, virtual_clock};
use crate::lab::model::RunModel;
use crate::lab::names::and;
use crate::lab::timeline::messages::{about, fate, kin, node_name, said};

/// All that is known of the message of this number.
pub(super) fn told(run: &RunModel, id: u32) -> String {
    let Some(known) = &run.messages else { return String::new() };
    let Some(message) = known.messages.iter().find(|message| message.id == id) else { return String::new() };
    let state = match message.fate {
        Fate::Arrived | Fate::Edited => "done",
        Fate::Underway => "busy",
        Fate::Lost | Fate::Nobody | Fate::Dropped | Fate::Requeued => "down",
    };
    let mut facts = vec![("From", node(run, message.from)), ("To", node(run, message.to))];
    facts.push(("Sent", seek(message.sent, &message.sent.to_string())));
    if message.fate != Fate::Lost {
        let word = if message.fate == Fate::Underway { "Will arrive" } else { "Arrived" };
        facts.push((word, seek(message.arrives, &message.arrives.to_string())));
        facts.push(("On its way", length(message)));
    }
    facts.push(("Bytes", sized(message.bytes.0)));
    if let Some(words) = about(run, message) {
        let what = match message.about {
            Some(About::Task { phase, task, .. }) => button(kind_of(phase), task.into(), &words),
            _ => escape(&words),
        };
        facts.push(("About", what));
    }
    let mut others: Vec<&MessageView> = kin(run, message).collect();
    others.sort_by_key(|other| (other.sent, other.arrives));
    let item = |other: &&MessageView| {
        let route = route(run, other);
        let name = if other.id == id {
            format!("<b>{}</b>", escape(&said(other)))
        } else {
            button("message", other.id.into(), &said(other))
        };
        format!("<li>{name} {route}<br>at {}, {}</li>", seek(other.sent, &other.sent.to_string()), fate(other))
    };
    let title = match message.about {
        Some(About::Message { .. }) => "The way of this message, in what is shown",
        _ => "What was said of this task, in what is shown",
    };
    let list = if message.about.is_some() { listed(title, others.iter().map(item)) } else { String::new() };
    format!("{}{}{list}", head(&said(message), state, fate(message)), facts_of(&facts))
}

/// The way of one message of a bus so far: how often it was published, delivered and sent back, and each of that, by when it was sent.
pub fn way(run: &RunModel, way: &[MessageView]) -> String {
    let of_kind = |kinds: &[&str]| way.iter().filter(|message| kinds.contains(&message.kind.as_str())).count() as u64;
    let counted = [
        (of_kind(&["publish"]), "published"),
        (of_kind(&["deliver", "redeliver"]), "delivered"),
        (of_kind(&["ack"]), "acknowledged"),
        (of_kind(&["requeue"]), "requeued"),
        (of_kind(&["reject"]), "rejected"),
        (of_kind(&["return"]), "returned"),
    ];
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let counted: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{word} {}", times(*count))).collect();
    let item = |message: &MessageView| {
        let at = virtual_clock(message.sent.0 as f64 / 1e3);
        let at = seek(message.sent, &format!("{} {}", at.value, at.unit));
        format!("<li><b>{}</b> {}<br>at {at}, {}</li>", escape(&said(message)), route(run, message), fate(message))
    };
    let told = if counted.is_empty() { "Nothing yet.".to_owned() } else { format!("So far {}.", and(&counted)) };
    format!("<p data-testid=\"held-way-told\">{told}</p>{}", listed("Its way, hop by hop", way.iter().map(item)))
}

fn route(run: &RunModel, message: &MessageView) -> String {
    format!("{} to {}", escape(&node_name(run, message.from)), escape(&node_name(run, message.to)))
}

fn node(run: &RunModel, node: NodeId) -> String {
    let name = node_name(run, node);
    match node {
        NodeId::Coordinator => escape(&name),
        NodeId::Worker(number) => button("worker", u64::from(number.saturating_sub(1)), &name),
    }
}

fn length(message: &MessageView) -> String {
    let length = duration_ms(message.arrives.since(message.sent).0 as f64 / 1e3);
    format!("<span title=\"{}\">{} {}</span>", length.exact, length.value, length.unit)
}

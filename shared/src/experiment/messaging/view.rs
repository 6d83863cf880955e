//! A bus as it is told to who draws it.

use crate::messaging::client::{ClientKind, ClientSettings, Key, Rate, Receive, Service};
use crate::messaging::{Bus, ExchangeKind, ExchangeSettings, Overload, QueueSettings};
use crate::wire::{BindingView, BusView, ExchangeView, GroupView, QueueView, Role};

impl BusView {
    pub fn of(bus: &Bus) -> BusView {
        let exchange = |exchange: &ExchangeSettings| {
            let kind = match exchange.kind {
                ExchangeKind::Direct => "direct",
                ExchangeKind::Topic => "topic",
                ExchangeKind::Fanout => "fanout",
                ExchangeKind::Headers => "headers",
            };
            ExchangeView { name: exchange.name.to_string(), kind: kind.to_owned() }
        };
        BusView {
            span: bus.span,
            exchanges: bus.broker.exchanges.iter().map(exchange).collect(),
            queues: bus.broker.queues.iter().map(queue_view).collect(),
            groups: bus.clients.iter().map(group_view).collect(),
        }
    }
}

fn queue_view(queue: &QueueSettings) -> QueueView {
    let overload = match queue.overload {
        Overload::DropOldest => "drop_oldest".to_owned(),
        Overload::DropNewest => "drop_newest".to_owned(),
        Overload::Reject => "reject".to_owned(),
        Overload::Buffer => "buffer".to_owned(),
        Overload::Block => "block".to_owned(),
        Overload::Sample(share) => format!("sample {share}"),
    };
    let dead_letter = queue
        .dead_letter
        .as_ref()
        .map(|to| BindingView { exchange: to.exchange.to_string(), key: to.key.as_deref().unwrap_or_default().to_owned() });
    let bindings = queue.bindings.iter();
    QueueView {
        name: queue.name.to_string(),
        bindings: bindings.map(|it| BindingView { exchange: it.exchange.to_string(), key: it.key.to_string() }).collect(),
        most: queue.max_messages,
        overload,
        dead_letter,
    }
}

fn group_view(group: &ClientSettings) -> GroupView {
    let (role, publishes_to, takes_from, about) = match &group.kind {
        ClientKind::Publisher(settings) => {
            let to = published_to(&settings.exchange, Some(&settings.key));
            let about = match settings.batch {
                None => rate(&settings.rate),
                Some(batch) => format!("{} in batches of {}", rate(&settings.rate), batch.count),
            };
            (Role::Publisher, Some(to), None, about)
        }
        ClientKind::Requester(settings) => {
            let to = BindingView { exchange: String::new(), key: settings.queue.to_string() };
            (Role::Requester, Some(to), None, rate(&settings.rate))
        }
        ClientKind::Consumer(settings) => {
            let role = if settings.answers { Role::Responder } else { Role::Consumer };
            let work = match settings.service {
                Service::Constant(span) => format!("{span} each"),
                Service::Exponential(span) | Service::HeavyTailed(span) => format!("about {span} each"),
            };
            let about = match settings.receive {
                Receive::Push => work,
                Receive::Poll(every) => format!("{work}, polls every {every}"),
                Receive::LongPoll(wait) => format!("{work}, long polls of {wait}"),
            };
            let to = settings.forward.as_ref().map(|forward| published_to(&forward.exchange, forward.key.as_ref()));
            let about = match &to {
                None => about,
                Some(BindingView { exchange, key }) if exchange.is_empty() && key.is_empty() => format!("{about}, forwards it"),
                Some(BindingView { exchange, key }) if exchange.is_empty() => format!("{about}, forwards it to {key}"),
                Some(BindingView { exchange, .. }) => format!("{about}, forwards it to {exchange}"),
            };
            (role, to, Some(settings.queue.to_string()), about)
        }
    };
    GroupView { name: group.name.to_string(), count: group.count, role, publishes_to, takes_from, about }
}

/// With the routing key, if that is always the same.
fn published_to(exchange: &str, key: Option<&Key>) -> BindingView {
    let key = match key {
        Some(Key::Fixed(key)) => key.to_string(),
        Some(Key::Made(_)) | None => String::new(),
    };
    BindingView { exchange: exchange.to_owned(), key }
}

fn rate(rate: &Rate) -> String {
    match rate {
        Rate::Constant(rate) => format!("{rate}/s"),
        Rate::Poisson(rate) => format!("about {rate}/s"),
        Rate::Burst { messages, every } => format!("{messages} every {every}"),
        Rate::Times(times) => format!("{} at given times", times.len()),
    }
}

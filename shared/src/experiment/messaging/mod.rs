//! The middle of a messaging experiment: `messaging` as a [`Bus`]. Exchanges and queues are in `queues`, clients in `clients`.

mod clients;
mod queues;
mod view;

pub(super) use self::queues::headers;

use std::sync::Arc;

use super::faults::Nodes;
use super::problem::Place;
use super::reader::{Fields, Reader};
use super::yaml::{Key, Node as Yaml};
use crate::fault::Effect;
use crate::limits::{BUS_CLIENTS_MAX, BUS_EXCHANGES_MAX, BUS_QUEUES_MAX, NAME_CHARS_MAX};
use crate::messaging::client::{ClientKind, ClientSettings};
use crate::messaging::{BrokerSettings, Bus, LinkSettings, Node, Overload, QueueSettings};
use crate::nearest::{list, nearest};
use crate::time::Span;

/// Messages that a publisher may send before it hears of more, unless a queue that blocks makes it less (RabbitMQ's is 400 as well).
const CREDIT_DEFAULT: u64 = 400;

/// By what part of its bound a queue that blocks may be passed by what its publishers still have credit for.
const CREDIT_SHARE: u64 = 10;

/// How many names an error lists.
const NAMES_SHOWN: usize = 8;

/// What an experiment with `messaging` may name, beside what its parts name: in faults and expectations.
#[derive(Debug, Default)]
pub(super) struct BusNames {
    pub(super) queues: Vec<Arc<str>>,
    pub(super) groups: Vec<Arc<str>>,
    nodes: Vec<Arc<str>>,
    /// Of each node, whether it publishes, and whether deliveries to it wait for their acknowledgement.
    does: Vec<(bool, bool)>,
}

pub(super) fn messaging(reader: &mut Reader<'_>, node: &Yaml) -> Option<Bus> {
    let mut fields = reader.fields("`messaging`", node)?;
    let span = fields.need(reader, "for").and_then(|node| reader.span("for", node));
    let exchanges = fields.take("exchanges").map(|node| each(reader, "exchanges", node, queues::exchange));
    let exchanges = exchanges.map_or(Some(Vec::new()), |found| found);
    let exchanges = exchanges.and_then(|found| at_most(reader, &fields, "exchanges", BUS_EXCHANGES_MAX, found));
    let names: Vec<_> = exchanges.iter().flatten().map(|exchange| exchange.name.clone()).collect();
    if exchanges.is_some() {
        queues::alternates(reader, &fields, &names);
    }
    let known = exchanges.is_some().then_some(names.as_slice());
    let queues = fields
        .need(reader, "queues")
        .and_then(|node| each(reader, "queues", node, |reader, key, node| queues::queue(reader, key, node, known)));
    let queues = queues.and_then(|found| at_most(reader, &fields, "queues", BUS_QUEUES_MAX, found));
    let queue_names = queues.as_ref().map(|queues| queues.iter().map(|queue| queue.name.clone()).collect::<Vec<_>>());
    let known = clients::Known { exchanges: known, queues: queue_names.as_deref() };
    let mut clients = Some(Vec::new());
    for (kind, read) in clients::KINDS {
        let Some(node) = fields.take(kind) else { continue };
        let found = each(reader, kind, node, |reader, key, node| {
            group_name(reader, key)?;
            read(reader, key, node, &known)
        });
        match (found, &mut clients) {
            (Some(found), Some(clients)) => clients.extend(found),
            _ => clients = None,
        }
    }
    let clients = clients.and_then(|clients| distinct(reader, &fields, clients));
    let links = fields.take("links");
    let mut bus = Bus { clients: clients.clone().unwrap_or_default(), ..Bus::default() };
    let links = links.map(|node| self::links(reader, node, clients.is_some().then_some(&bus)));
    reader.finish(fields);
    let (queues, exchanges) = (queues?, exchanges?);
    bus.links = links.map_or(Some(Vec::new()), |links| links)?;
    clients?;
    bus.span = span?;
    let credit = credit(&queues, &bus.clients);
    bus.broker = BrokerSettings { exchanges, queues, credit, heartbeats: true, seed: 0 };
    Some(bus)
}

/// So little that all publishers together pass a queue that blocks by no more than a tenth of its bound, but at least 1 each.
fn credit(queues: &[QueueSettings], clients: &[ClientSettings]) -> u32 {
    let publishes = |kind: &ClientKind| !matches!(kind, ClientKind::Consumer(settings) if settings.forward.is_none());
    let publishers = clients.iter().filter(|group| publishes(&group.kind));
    let publishers: u64 = publishers.map(|group| u64::from(group.count)).sum();
    let blocking = queues.iter().filter(|queue| queue.overload == Overload::Block);
    let least = blocking.filter_map(|queue| queue.max_messages).min().unwrap_or(u64::MAX);
    (least / CREDIT_SHARE / publishers.max(1)).clamp(1, CREDIT_DEFAULT) as u32
}

impl BusNames {
    pub(super) fn of(bus: &Bus) -> BusNames {
        let members = bus.members();
        let publishes = |group: usize| match &bus.clients[group].kind {
            ClientKind::Consumer(settings) => settings.forward.is_some() || settings.answers,
            ClientKind::Publisher(_) | ClientKind::Requester(_) => true,
        };
        let client = |(node, group, _): &(Node, usize, Arc<str>)| (publishes(*group), bus.acknowledges(*node));
        BusNames {
            does: [(false, false)].into_iter().chain(members.iter().map(client)).collect(),
            queues: bus.broker.queues.iter().map(|queue| queue.name.clone()).collect(),
            groups: bus.clients.iter().map(|group| group.name.clone()).collect(),
            nodes: ["broker".into()].into_iter().chain(members.into_iter().map(|(_, _, name)| name)).collect(),
        }
    }
}

/// The nodes of a bus, for its faults; `None`: nobody knows them, since the middle does not make sense.
impl Nodes for Option<&BusNames> {
    type Node = Node;

    fn node(&self, reader: &mut Reader<'_>, name: &str, node: &Yaml) -> Option<Node> {
        let text = reader.text(name, node)?;
        let Some(names) = self else { return Some(Node(u16::MAX)) };
        let found = names.nodes.iter().position(|name| **name == *text);
        if found.is_none() {
            missing(reader, node.at, "node", text, &names.nodes);
        }
        found.map(|place| Node(place as u16))
    }

    fn kill(&self, _reader: &mut Reader<'_>, _at: Place, node: Node) -> Option<Effect<Node>> {
        Some(Effect::Kill(node))
    }

    fn restart(&self, reader: &mut Reader<'_>, at: Place) -> Option<Effect<Node>> {
        reader.problem_with(at, "a messaging experiment has no coordinator to restart", "write `kill: broker`");
        None
    }

    fn message(&self, reader: &mut Reader<'_>, node: &Yaml) -> Option<(Node, u64)> {
        let text = reader.text("message", node)?;
        let parts =
            text.rsplit_once('/').and_then(|(name, number)| Some((name, number.parse::<u64>().ok().filter(|it| *it > 0)?)));
        let Some((name, number)) = parts else {
            let hint = "its publisher and its number there, from 1: `web-1/17`";
            reader.problem_with(node.at, format!("`{text}` names no message"), hint);
            return None;
        };
        let Some(names) = self else { return Some((Node(u16::MAX), number)) };
        match names.nodes.iter().position(|known| **known == *name) {
            Some(place) if names.does[place].0 => Some((Node(place as u16), number)),
            Some(_) => {
                reader.problem(node.at, format!("`{name}` publishes no messages"));
                None
            }
            None => {
                let publishers = names.nodes.iter().zip(&names.does).filter(|(_, does)| does.0).map(|(name, _)| name.clone());
                missing(reader, node.at, "publisher", name, &publishers.collect::<Vec<_>>());
                None
            }
        }
    }

    fn requeues(&self, reader: &mut Reader<'_>, at: Place, node: Node) -> bool {
        let Some(names) = self else { return true };
        let can = names.does.get(usize::from(node.0)).is_some_and(|does| does.1);
        if !can {
            let hint = "`to` is a consumer or a responder whose `ack` is not `auto`";
            reader.problem_with(at, "only a delivery that waits for its acknowledgement can be requeued", hint);
        }
        can
    }
}

/// The entries of a mapping whose keys are names, each read; `None` if one makes no sense.
fn each<T>(
    reader: &mut Reader<'_>,
    what: &'static str,
    node: &Yaml,
    mut read: impl FnMut(&mut Reader<'_>, &Key, &Yaml) -> Option<T>,
) -> Option<Vec<T>> {
    let fields = reader.fields(&format!("`{what}`"), node)?;
    let mut found = Vec::new();
    for (key, node) in fields.entries() {
        found.push(read(reader, key, node));
    }
    found.into_iter().collect()
}

/// A name of a group of clients: it stands before a number in the names of nodes.
fn group_name(reader: &mut Reader<'_>, key: &Key) -> Option<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let sound = !key.name.is_empty() && key.name.chars().all(plain) && key.name != "broker";
    if !sound || key.name.len() > NAME_CHARS_MAX {
        let hint = format!("it has letters, digits, `_` and `-`, at most {NAME_CHARS_MAX}, and is not `broker`");
        reader.problem_with(key.at, format!("`{}` is no name for clients", key.name), hint);
        return None;
    }
    Some(())
}

/// What is there, if it is not too many.
fn at_most<T>(reader: &mut Reader<'_>, fields: &Fields<'_>, what: &str, most: usize, found: Vec<T>) -> Option<Vec<T>> {
    if found.len() > most {
        reader.problem(fields.key_at(what), format!("{} {what} are too many: the limit is {most}", found.len()));
        return None;
    }
    Some(found)
}

/// The groups, if they are not too many, and if no two have one name.
fn distinct(reader: &mut Reader<'_>, fields: &Fields<'_>, clients: Vec<ClientSettings>) -> Option<Vec<ClientSettings>> {
    let count: usize = clients.iter().map(|group| usize::from(group.count)).sum();
    if count > BUS_CLIENTS_MAX {
        reader.problem(fields.at, format!("{count} clients are too many: the limit is {BUS_CLIENTS_MAX}"));
        return None;
    }
    for (place, group) in clients.iter().enumerate() {
        if clients[..place].iter().any(|other| other.name == group.name) {
            reader.problem(fields.at, format!("two groups of clients are called `{}`", group.name));
            return None;
        }
    }
    Some(clients)
}

fn links(reader: &mut Reader<'_>, node: &Yaml, bus: Option<&Bus>) -> Option<Vec<LinkSettings>> {
    let members = bus.map(Bus::members);
    each(reader, "links", node, |reader, key, node| {
        let mut fields = reader.fields("a link", node)?;
        let latency = fields.take("latency").map_or(Some(None), |node| reader.span("latency", node).map(Some));
        let loss = fields.take("loss").map_or(Some(0.0), |node| share(reader, "loss", node));
        reader.finish(fields);
        let (bus, members) = (bus?, members.as_ref()?);
        let is_meant = |group: usize, name: &str| *bus.clients[group].name == *key.name || name == key.name;
        let meant = members.iter().filter(|(_, group, name)| is_meant(*group, name));
        let nodes: Vec<_> = meant.map(|(node, _, _)| *node).collect();
        if nodes.is_empty() {
            let groups: Vec<_> = bus.clients.iter().map(|group| group.name.clone()).collect();
            missing(reader, key.at, "client", &key.name, &groups);
            return None;
        }
        Some(LinkSettings { nodes, latency: latency?, loss: loss? })
    })
}

/// A share between 0 and 1, below 1: `0.1` or `10%`.
fn share(reader: &mut Reader<'_>, name: &str, node: &Yaml) -> Option<f64> {
    let value = super::faults::probability(reader, name, node)?;
    if value >= 1.0 {
        reader.problem(node.at, format!("`{name}` is below 1, or nothing would ever get through"));
        return None;
    }
    Some(value)
}

/// Says that there is nothing of that name.
pub(super) fn missing(reader: &mut Reader<'_>, at: Place, what: &str, name: &str, names: &[Arc<str>]) {
    if reader.is_full() {
        // Looking for the nearest of many names takes a while.
        return;
    }
    let hint = match nearest(name, names.iter().map(AsRef::as_ref)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.len() <= NAMES_SHOWN => format!("there are {}", list(names.iter().map(AsRef::as_ref))),
        None => format!("there are {} and others", list(names.iter().take(NAMES_SHOWN).map(AsRef::as_ref))),
    };
    reader.problem_with(at, format!("there is no {what} `{name}`"), hint);
}

/// The name of something that is there; of nobody knows what, any name.
fn named(reader: &mut Reader<'_>, key: &str, what: &str, node: &Yaml, names: Option<&[Arc<str>]>) -> Option<Arc<str>> {
    let text = reader.text(key, node)?;
    if let Some(names) = names
        && !names.iter().any(|name| **name == *text)
    {
        missing(reader, node.at, what, text, names);
        return None;
    }
    Some(text.into())
}

/// A span that is not nothing.
fn some_span(reader: &mut Reader<'_>, name: &str, node: &Yaml) -> Option<Span> {
    let span = reader.span(name, node)?;
    if span == Span::ZERO {
        reader.problem(node.at, format!("`{name}` is longer than nothing"));
        return None;
    }
    Some(span)
}

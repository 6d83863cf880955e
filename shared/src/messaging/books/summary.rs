//! What a bus came to: its counters, by their names, and how long things took.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};

use super::super::{BrokerCounters, Counts, QueueCounters};
use super::Books;
use super::histogram::Histogram;
use crate::batch::{Column, Table};
use crate::expr::Type;
use crate::time::Span;

/// What the clients of a group saw.
#[derive(Clone, Debug, Default)]
pub struct ClientTally {
    pub sent: u64,
    pub confirmed: u64,
    pub nacked: u64,
    pub returned: u64,
    pub processed: u64,
    pub skipped: u64,
    pub failed: u64,
    pub answered: u64,
    pub timed_out: u64,
    pub gave_up: u64,
    pub late: u64,
    pub polls: u64,
    pub empty_polls: u64,
    pub disconnected: u64,
    /// Messages that the broker was done with and that a killed client had not worked on, or that were dropped on their way to one.
    pub lost: u64,
    /// How long requests took to be answered.
    pub response: Histogram,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Every counter by its name: `total/published`, `queue/tasks/ready`, `client/web/sent`.
    pub counters: BTreeMap<String, u64>,
    /// Spans by their names: `latency`, `queue/tasks/latency`, `response`, `client/shop/response`.
    pub spans: BTreeMap<String, Histogram>,
    /// The most that was ever ready, by queue.
    pub depths: BTreeMap<String, u64>,
    /// Messages that are owed to somebody and are nowhere.
    pub missing: u64,
    /// Messages that a queue or a client had and has lost: dropped, expired, or gone with a process.
    pub lost: u64,
    /// Deliveries that were worked on though their message had been before.
    pub duplicates: u64,
    /// Messages that were worked on after a later one of the same publisher, or of the same publisher and key.
    pub disorder: u64,
    pub disorder_of_key: u64,
    pub conserved: bool,
}

/// The counters of queues that DESIGN §4 names, beside those of publishers.
const BROKER_COUNTERS: [&str; 6] = ["published", "confirmed", "returned", "nacked", "unroutable", "cycled"];

impl Books {
    /// What it comes to, with what the broker that is alive has counted.
    pub fn summary(&self, alive: Option<&Counts>) -> Summary {
        let (broker, queues) = self.counted(alive);
        let mut counters = BTreeMap::new();
        let (mut total, mut conserved) = (QueueCounters::default(), true);
        let (mut duplicates, mut disorder, mut disorder_of_key, mut processed) = (0, 0, 0, 0);
        let mut spans = BTreeMap::new();
        let mut depths = BTreeMap::new();
        for (place, (name, queue)) in queues.iter().enumerate() {
            for (counter, value) in queue.named() {
                counters.insert(format!("queue/{name}/{counter}"), value);
            }
            depths.insert(name.clone(), queue.depth);
            total.add(queue);
            conserved &= queue.conserves();
            if let Some(tally) = self.ledger.tally(place) {
                counters.insert(format!("queue/{name}/processed"), tally.processed);
                counters.insert(format!("queue/{name}/duplicates"), tally.duplicates);
                processed += tally.processed;
                duplicates += tally.duplicates;
                disorder += tally.disorder;
                disorder_of_key += tally.disorder_of_key;
                spans.insert(format!("queue/{name}/latency"), tally.latency.clone());
            }
        }
        counters.extend(total.named().map(|(name, value)| (format!("total/{name}"), value)));
        let BrokerCounters { published, confirmed, nacked, returned, unroutable, cycled, .. } = broker;
        for (name, value) in BROKER_COUNTERS.into_iter().zip([published, confirmed, returned, nacked, unroutable, cycled]) {
            counters.insert(format!("total/{name}"), value);
        }
        counters.insert("total/processed".to_owned(), processed);
        counters.insert("total/duplicates".to_owned(), duplicates);
        let missing = self.ledger.missing();
        counters.insert("total/missing".to_owned(), missing);
        let mut response = Histogram::default();
        for (settings, tally) in self.bus.clients.iter().zip(&self.tallies) {
            for (name, value) in tally.named().into_iter().filter(|(_, value)| *value > 0) {
                counters.insert(format!("client/{}/{name}", settings.name), value);
            }
            if tally.response.count() > 0 {
                response.merge(&tally.response);
                spans.insert(format!("client/{}/response", settings.name), tally.response.clone());
            }
        }
        spans.insert("latency".to_owned(), self.ledger.latency.clone());
        spans.insert("response".to_owned(), response);
        let lost = total.dropped + total.expired + total.lost + self.tallies.iter().map(|tally| tally.lost).sum::<u64>();
        Summary { counters, spans, depths, missing, lost, duplicates, disorder, disorder_of_key, conserved }
    }

    /// What the broker's lives have counted, together; the queues of the experiment first, in its order.
    pub fn counted(&self, alive: Option<&Counts>) -> (BrokerCounters, Vec<(String, QueueCounters)>) {
        let (mut broker, mut queues) = self.past.clone();
        let mut names: Vec<Arc<str>> = self.bus.broker.queues.iter().map(|queue| queue.name.clone()).collect();
        if let Some(alive) = alive {
            broker.add(&alive.broker);
            for (name, counters) in &alive.queues {
                queues.entry(name.clone()).or_default().add(counters);
            }
        }
        names.extend(queues.keys().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
        let named = |name: Arc<str>| (name.to_string(), queues.get(&name).copied().unwrap_or_default());
        (broker, names.into_iter().map(named).collect())
    }
}

impl ClientTally {
    /// Each counter with its name.
    pub fn named(&self) -> [(&'static str, u64); 15] {
        [
            ("sent", self.sent),
            ("confirmed", self.confirmed),
            ("nacked", self.nacked),
            ("returned", self.returned),
            ("processed", self.processed),
            ("skipped", self.skipped),
            ("failed", self.failed),
            ("answered", self.answered),
            ("timed_out", self.timed_out),
            ("gave_up", self.gave_up),
            ("late", self.late),
            ("polls", self.polls),
            ("empty_polls", self.empty_polls),
            ("disconnected", self.disconnected),
            ("lost", self.lost),
        ]
    }
}

impl Summary {
    /// The counters as rows.
    pub fn table(&self) -> Table {
        counters_table(&self.counters)
    }

    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    pub fn p99(&self, name: &str) -> Span {
        self.spans.get(name).map_or(Span::ZERO, |spans| spans.quantile(0.99))
    }
}

/// Counters as rows: `counter`, `value`.
pub fn counters_table(counters: &BTreeMap<String, u64>) -> Table {
    let column = |name: &str, data_type| Column { name: name.to_owned(), data_type };
    let names: ArrayRef = Arc::new(counters.keys().map(|name| Some(name.as_str())).collect::<StringArray>());
    let values: ArrayRef = Arc::new(counters.values().map(|value| *value as i64).collect::<Int64Array>());
    Table::of_columns(vec![column("counter", Type::Utf8), column("value", Type::Int64)], vec![names, values])
}

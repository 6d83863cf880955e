//! An exchange: from a message to the queues that are bound for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::message::{Headers, Message};
use super::settings::{Binding, ExchangeKind, ExchangeSettings, Match};
use super::topic::Topics;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) alternate: Option<Arc<str>>,
    routes: Routes,
}

#[derive(Clone, Debug)]
enum Routes {
    Direct(BTreeMap<Arc<str>, Vec<u32>>),
    Topic(Topics),
    Fanout(Vec<u32>),
    Headers(Vec<(Headers, Match, u32)>),
}

impl Exchange {
    pub(super) fn new(settings: &ExchangeSettings) -> Exchange {
        let routes = match settings.kind {
            ExchangeKind::Direct => Routes::Direct(BTreeMap::new()),
            ExchangeKind::Topic => Routes::Topic(Topics::new()),
            ExchangeKind::Fanout => Routes::Fanout(Vec::new()),
            ExchangeKind::Headers => Routes::Headers(Vec::new()),
        };
        Exchange { alternate: settings.alternate.clone(), routes }
    }

    pub(super) fn bind(&mut self, binding: &Binding, queue: u32) {
        match &mut self.routes {
            Routes::Direct(keys) => keys.entry(binding.key.clone()).or_default().push(queue),
            Routes::Topic(topics) => topics.bind(&binding.key, queue),
            Routes::Fanout(queues) => queues.push(queue),
            Routes::Headers(bindings) => bindings.push((binding.headers.clone(), binding.headers_match, queue)),
        }
    }

    /// Hands over the queues that a message goes to; one with several bindings comes several times.
    pub(super) fn route(&mut self, message: &Message, take: &mut dyn FnMut(u32)) {
        match &mut self.routes {
            Routes::Direct(keys) => keys.get(&message.key).into_iter().flatten().for_each(|queue| take(*queue)),
            Routes::Topic(topics) => topics.route(&message.key, take),
            Routes::Fanout(queues) => queues.iter().for_each(|queue| take(*queue)),
            Routes::Headers(bindings) => {
                let none = Headers::new();
                let given = message.headers().unwrap_or(&none);
                let fitting = bindings.iter().filter(|(wanted, how, _)| fits(wanted, *how, given));
                fitting.for_each(|(_, _, queue)| take(*queue));
            }
        }
    }
}

/// Whether a message with these headers fits a binding that wants those. One that wants none takes all messages when it wants all of
/// its headers, and none when it wants any of them.
fn fits(wanted: &Headers, how: Match, given: &Headers) -> bool {
    let mut same = wanted.iter().map(|(name, value)| given.get(name) == Some(value));
    match how {
        Match::All => same.all(|same| same),
        Match::Any => same.any(|same| same),
    }
}

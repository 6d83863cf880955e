//! Where tabs of one page meet: a channel that each of them hears. What is said there is a [`TabWord`].

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::messaging::Node;
use shared::wire::{TabWord, lobby};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

use super::with_host;

/// See the module.
pub struct Lobby {
    channel: BroadcastChannel,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Lobby {
    /// The one of this build: tabs of another do not understand it. `None` where there are no channels.
    pub fn open(build: &str) -> Option<Lobby> {
        let channel = BroadcastChannel::new(&lobby(build)).ok()?;
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| {
            let word = event.data().as_string().and_then(|text| serde_json::from_str(&text).ok());
            if let Some(word) = word {
                with_host(|host| host.tab_said(word));
            }
        });
        channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Some(Lobby { channel, _on_message: on_message })
    }

    pub fn say(&self, word: &TabWord) {
        let text = serde_json::to_string(word).expect("a word has string keys and no failing serializers");
        // A text can always be posted.
        let _ = self.channel.post_message(&text.into());
    }
}

/// In which other tabs clients of a run live, and what these tabs are called in it.
#[derive(Default)]
pub struct Homes {
    /// In the order in which they came; the first is tab 2.
    tabs: Vec<(String, Arc<str>)>,
    homes: BTreeMap<Node, String>,
}

impl Homes {
    /// The tab in which a node is to live; `None`: this one.
    pub fn of(&self, node: Node) -> Option<&str> {
        self.homes.get(&node).map(String::as_str)
    }

    /// What a tab is called.
    pub fn name(&self, tab: &str) -> Arc<str> {
        let named = self.tabs.iter().find(|(known, _)| known == tab);
        named.map_or_else(|| "another tab".into(), |(_, name)| name.clone())
    }

    /// The node lives there from now on.
    pub fn settle(&mut self, node: Node, tab: &str) -> Arc<str> {
        if !self.tabs.iter().any(|(known, _)| known == tab) {
            let name = format!("tab {}", self.tabs.len() + 2);
            self.tabs.push((tab.to_owned(), name.into()));
        }
        self.homes.insert(node, tab.to_owned());
        self.name(tab)
    }

    /// The node lives in this tab from now on.
    pub fn come_back(&mut self, node: Node) {
        self.homes.remove(&node);
    }

    /// Those who live in a tab.
    pub fn in_tab(&self, tab: &str) -> Vec<Node> {
        self.homes.iter().filter(|(_, home)| *home == tab).map(|(node, _)| *node).collect()
    }
}

/// A name that no other channel has.
pub fn name_of_a_channel() -> String {
    let part = || (js_sys::Math::random() * f64::from(u32::MAX)) as u32;
    format!("millrace-way-{:08x}{:08x}{:08x}", part(), part(), part())
}

//! What tabs of one browser say to one another when they share a run of messaging: one of them conducts it, and its clients may live in
//! others. Every tab of a page hears every word, and takes what is for it.

use serde::{Deserialize, Serialize};

use crate::id::Incarnation;

/// The channel on which tabs of this build of the page meet.
pub fn lobby(build: &str) -> String {
    format!("millrace-tabs-{build}")
}

/// A word to all tabs, as JSON text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TabWord {
    /// Who conducts a run is to offer its clients.
    Ask,
    /// Said when somebody asks, and whenever something of it has changed.
    Offer(TabOffer),
    /// The run has ended.
    Over { host: String, run: u32 },
    /// A client of the run is to live in the tab `to`, which may be the one that conducts.
    Move { host: String, run: u32, node: u16, to: String },
    /// The tab begins a life of a client.
    Bear(Box<Bearing>),
    /// The tab ends that life, really.
    End(LifeId),
    /// That life has ended by itself.
    Down(LifeId),
    /// The tab is closed.
    Leave { tab: String },
}

/// A run of which clients can be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabOffer {
    /// The tab that conducts it.
    pub host: String,
    pub run: u32,
    pub title: String,
    pub clients: Vec<TabClient>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabClient {
    pub node: u16,
    pub name: String,
    /// The tab that it lives in, and what that is called in this run; `None`: the one that conducts.
    pub home: Option<(String, String)>,
}

/// A life of a client in another tab than the one that conducts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeId {
    pub host: String,
    pub run: u32,
    pub node: u16,
    pub incarnation: Incarnation,
    pub tab: String,
}

/// What such a life begins with. The tab passes it on to a worker, unread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bearing {
    pub life: LifeId,
    /// The experiment, and the [`Birth`](crate::session::real::Birth), as JSON texts.
    pub bus: String,
    pub birth: String,
    /// When the run's time began, microseconds since 1970.
    pub began: f64,
    /// Names of the channels to the tab that conducts, and to each peer.
    pub reports: String,
    pub peers: Vec<String>,
}

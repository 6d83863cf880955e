//! What went from node to node in a stretch of a simulated run's time.

use serde::{Deserialize, Serialize};

use super::{Bytes, Phase, text64};
use crate::id::NodeId;
use crate::time::Time;

/// The answer to [`Command::Messages`](super::Command::Messages), as JSON in one binary frame. Of many messages it holds a fair sample:
/// whoever belongs together, such as the way of one message through a broker, is all in it or all not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// What was asked for.
    pub from: Time,
    pub to: Time,
    /// Up to when it is known: the moment that the run was at, if that is earlier.
    pub until: Time,
    /// How many messages there were; those below are a sample if they are fewer.
    #[serde(with = "text64")]
    pub total: u64,
    /// By when they were sent.
    pub messages: Vec<MessageView>,
}

/// A message between two nodes. The broker of an experiment with `messaging` is its `coordinator`, and its clients are the workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// The same however often it is asked for.
    pub id: u32,
    /// What it says, as the trace calls it: `map_done`.
    pub kind: String,
    pub from: NodeId,
    pub to: NodeId,
    pub sent: Time,
    /// When it arrived; of one that is under way or was lost, when it would.
    pub arrives: Time,
    pub fate: Fate,
    pub bytes: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// What became of a message between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Arrived,
    Underway,
    /// The network lost it.
    Lost,
    /// It came to a node that was not there.
    Nobody,
    /// A fault of the experiment took this one message away, sent it back to its queue, or changed what stands in it.
    Dropped,
    Requeued,
    Edited,
}

/// What a message is about: those that are about the same belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// An execution of a task.
    Task { phase: Phase, task: u32, attempt: u32 },
    /// A message of a bus, by the client that made it and its number among that client's.
    Message {
        publisher: u32,
        #[serde(with = "text64")]
        number: u64,
    },
}

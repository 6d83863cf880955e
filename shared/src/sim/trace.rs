//! What happened, in rows: the trace whose hash says that two runs were one and the same, natively and in wasm.

use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::recorder::{Recorder, name};
use crate::batch::message::Message;
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::time::Time;
use crate::wire::{About, Bytes, Fate, MessageView, Phase};

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub at: Time,
    pub kind: Kind,
    /// Where it happened; for a message, who sent it.
    pub node: NodeId,
    /// Which life of the node.
    pub incarnation: Incarnation,
    /// For a message, for whom it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<NodeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// On the wire, in the store, or worked through.
    pub bytes: u64,
}

/// What kind of event. A message appears when it arrives, or as `lost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    Spawned = 1,
    Killed,
    /// A kernel starts; `computed`: it ends; `abandoned`: it is stopped.
    Computing,
    Computed,
    Abandoned,
    /// A worker's timer.
    Woke,
    /// A checkpoint is stored.
    Stored,
    /// The rows of a partition are in the store, for the first time or (`again`) not; `vanished`: they died on their way.
    Landed,
    LandedAgain,
    Vanished,
    /// The coordinator hears of it.
    Committed,
    /// A fault of a node or of the network begins; `over`: one of a node ends.
    Fault,
    Over,
    /// A message that did not arrive, because of a fault or because nobody was there.
    Lost,
    Register = 32,
    Heartbeat,
    MapDone,
    ReduceDone,
    Failed,
    Unfetchable,
    Welcome,
    Assign,
    MapAt,
    Accepted,
    Cancel,
    Finished,
    Fetch,
    Fetched,
}

impl Row {
    pub(super) const BYTES: usize = 40;

    fn to_bytes(self) -> [u8; Row::BYTES] {
        let node = |node: Option<NodeId>| match node {
            None => u32::MAX,
            Some(NodeId::Coordinator) => 0,
            Some(NodeId::Worker(number)) => number,
        };
        let (task_kind, task) = task_bytes(self.task);
        let (epoch, number) = self.attempt.map_or((0, 0), |attempt| (attempt.epoch, attempt.number));
        let mut bytes = [0; Row::BYTES];
        bytes[0..8].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[16..20].copy_from_slice(&node(Some(self.node)).to_le_bytes());
        bytes[20..24].copy_from_slice(&node(self.to).to_le_bytes());
        bytes[24..28].copy_from_slice(&task.to_le_bytes());
        bytes[28..32].copy_from_slice(&epoch.to_le_bytes());
        bytes[32..36].copy_from_slice(&number.to_le_bytes());
        bytes[36..38].copy_from_slice(&(self.incarnation as u16).to_le_bytes());
        bytes[38] = self.kind as u8;
        bytes[39] = task_kind;
        bytes
    }
}

impl Recorder {
    /// A message as the trace names it, sent then. Those about one task belong together.
    pub(super) fn note_row(&mut self, row: Row, sent: Time, arrives: Time, fate: Fate) {
        let Some(to) = row.to else { return };
        let id = xxh3_64(&[&Row { at: sent, ..row }.to_bytes()[..], &arrives.0.to_le_bytes()].concat());
        let kin = row.task.map_or(id, kin_of);
        self.note((sent, arrives), kin, || MessageView {
            id: id as u32,
            kind: name(row.kind),
            from: row.node,
            to,
            sent,
            arrives,
            fate,
            bytes: Bytes(row.bytes),
            about: row.task.zip(row.attempt).map(|(task, attempt)| {
                let (phase, task) = match task {
                    TaskId::Map(map) => (Phase::Map, map),
                    TaskId::Reduce(partition) => (Phase::Reduce, partition),
                };
                About::Task { phase, task, attempt: attempt.number }
            }),
        });
    }
}

/// What tells those that are about this task.
pub(super) fn kin_of(task: TaskId) -> u64 {
    let (kind, number) = task_bytes(Some(task));
    xxh3_64(&[&[kind][..], &number.to_le_bytes()].concat())
}

fn task_bytes(task: Option<TaskId>) -> (u8, u32) {
    match task {
        None => (0, 0),
        Some(TaskId::Map(map)) => (1, map),
        Some(TaskId::Reduce(partition)) => (2, partition),
    }
}

/// A message as the trace names it: its kind, and the task and the attempt that it is about.
pub(super) fn subject(message: &Message) -> (Kind, Option<TaskId>, Option<Attempt>) {
    let of = |kind, task: &TaskId, attempt: &Attempt| (kind, Some(*task), Some(*attempt));
    match message {
        Message::Register => (Kind::Register, None, None),
        Message::Heartbeat { .. } => (Kind::Heartbeat, None, None),
        Message::MapDone { task, attempt, .. } => of(Kind::MapDone, task, attempt),
        Message::ReduceDone { task, attempt, .. } => of(Kind::ReduceDone, task, attempt),
        Message::Failed { task, attempt, .. } => of(Kind::Failed, task, attempt),
        Message::Unfetchable { place } => of(Kind::Unfetchable, &place.task, &place.attempt),
        Message::Welcome { .. } => (Kind::Welcome, None, None),
        Message::Assign { task, attempt, .. } => of(Kind::Assign, task, attempt),
        Message::MapAt { place } => of(Kind::MapAt, &place.task, &place.attempt),
        Message::Accepted { task, attempt } => of(Kind::Accepted, task, attempt),
        Message::Cancel { task, attempt } => of(Kind::Cancel, task, attempt),
        Message::Finished => (Kind::Finished, None, None),
        Message::Fetch { task, attempt, .. } => of(Kind::Fetch, task, attempt),
        Message::Fetched { task, attempt, .. } => of(Kind::Fetched, task, attempt),
    }
}

/// A row as the hash takes it up.
pub(super) trait Hashed: Copy {
    fn hash_into(self, hash: &mut Xxh3);
}

impl Hashed for Row {
    fn hash_into(self, hash: &mut Xxh3) {
        hash.update(&self.to_bytes());
    }
}

/// The hash of all rows so far, and the rows themselves if somebody wants them.
#[derive(Clone)]
pub(super) struct Trace<R> {
    hash: Xxh3,
    rows: Option<Vec<R>>,
}

impl<R: Hashed> Trace<R> {
    pub(super) fn new(keeps_rows: bool) -> Trace<R> {
        Trace { hash: Xxh3::new(), rows: keeps_rows.then(Vec::new) }
    }

    /// Rows are kept from now on.
    pub(super) fn keep(&mut self) {
        self.rows.get_or_insert_default();
    }

    pub(super) fn push(&mut self, row: R) {
        row.hash_into(&mut self.hash);
        if let Some(rows) = &mut self.rows {
            rows.push(row);
        }
    }

    /// The result is part of what happened.
    pub(super) fn push_result(&mut self, rows: &[u8]) {
        self.hash.update(rows);
    }

    pub(super) fn take_rows(&mut self) -> Vec<R> {
        self.rows.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// 16 hexadecimal digits.
    pub(super) fn hash(&self) -> String {
        format!("{:016x}", self.hash.digest())
    }
}

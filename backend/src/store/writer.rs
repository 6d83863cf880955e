//! The thread that commits what a bus wants kept: one commit after the other, each with everything that came during the one before.
//!
//! Nobody who hands something in waits: what waits is a batch in memory with one entry for each message at most, so it is bounded by what
//! the bus holds, and publishers get no credit for more until it is committed. A message that is gone again before its commit begins is not
//! written at all.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use shared::messaging::durable::{Change, Record};
use tokio::sync::watch;

use super::StoreError;

/// See the module.
#[derive(Debug)]
pub struct Writer {
    state: Mutex<State>,
    changed: Condvar,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    is_ending: bool,
}

/// How far the thread has come.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Every change up to this number is on the disk.
    pub kept: u64,
    /// Nothing more will be, and why.
    pub failed: Option<String>,
}

/// Changes that are made together: for each message, by its queue's place and its position, what is to become of it.
#[derive(Debug, Default)]
pub struct Batch {
    changes: BTreeMap<(u32, u64), Pending>,
    /// The number of the last change in it.
    last: u64,
}

#[derive(Debug)]
pub enum Pending {
    /// The store does not have it.
    New(Record),
    /// The store has an earlier record of it.
    Again(Record),
    /// The store has it, and is not to have it any longer.
    Gone,
}

impl Writer {
    /// A thread that commits; what it is given ends with it.
    pub fn start(
        commit: impl FnMut(&Batch) -> Result<(), StoreError> + Send + 'static,
    ) -> io::Result<(Arc<Writer>, JoinHandle<()>)> {
        let writer = Arc::new(Writer { state: Mutex::default(), changed: Condvar::new(), progress: watch::Sender::default() });
        let own = writer.clone();
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| own.run(commit))).is_err() {
                own.fail("its store has failed, as is told above".to_owned());
            }
        })?;
        Ok((writer, thread))
    }

    /// Hands in changes that belong together, and the number of the last of them.
    pub fn add(&self, changes: Vec<Change>, last: u64) {
        let mut state = self.state();
        changes.into_iter().for_each(|change| state.batch.add(change));
        state.batch.last = last;
        drop(state);
        self.changed.notify_one();
    }

    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The thread commits what it has, and ends.
    pub fn end(&self) {
        self.state().is_ending = true;
        self.changed.notify_one();
    }

    fn run(&self, mut commit: impl FnMut(&Batch) -> Result<(), StoreError>) {
        while let Some(batch) = self.next() {
            let committed = if batch.changes.is_empty() { Ok(()) } else { commit(&batch) };
            match committed {
                Ok(()) => self.progress.send_modify(|progress| progress.kept = batch.last),
                Err(error) => return self.fail(error.to_string()),
            }
        }
    }

    fn fail(&self, sentence: String) {
        self.progress.send_modify(|progress| progress.failed = Some(sentence));
    }

    /// What has come, once something has.
    fn next(&self) -> Option<Batch> {
        let mut state = self.state();
        while state.batch.last == 0 && !state.is_ending {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let batch = std::mem::take(&mut state.batch);
        (batch.last > 0).then_some(batch)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// Each message's change, by queue and position.
    pub fn changes(&self) -> impl Iterator<Item = (&(u32, u64), &Pending)> {
        self.changes.iter()
    }

    pub(super) fn add(&mut self, change: Change) {
        match change {
            Change::Keep(record) => {
                let entry = self.changes.entry((record.queue, record.position));
                let is_new =
                    record.returns == 0 || matches!(&entry, Entry::Occupied(entry) if matches!(entry.get(), Pending::New(_)));
                let pending = if is_new { Pending::New(record) } else { Pending::Again(record) };
                entry.insert_entry(pending);
            }
            Change::Forget { queue, position } => match self.changes.entry((queue, position)) {
                Entry::Occupied(entry) if matches!(entry.get(), Pending::New(_)) => drop(entry.remove()),
                entry => drop(entry.insert_entry(Pending::Gone)),
            },
        }
    }
}

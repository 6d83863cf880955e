//! What durable queues of a live bus keep: a file for each bus, which a SIGKILL does not harm and in which damage is found.
//!
//! The file is a database of redb behind a head of our own (`file`). Each message in each queue is one record (`record`) under the queue's
//! name and the message's position, with a checksum of all of that. One more record says how many there are and what their checksums add
//! up to, so that none is missing, and counts the commits. The head of the file has the number of the last commit as well: redb goes back
//! to the commit before when the last one's pages are damaged, and that must not pass for the truth. When a store is opened, every page and
//! every record is checked before the bus is given anything.
//!
//! A commit has all changes that came while the last one was written (`writer`), and is on the disk when it is reported. It is one of
//! redb's with one phase: half a commit is found by its checksums, and nobody has been told of it.
//!
//! Absent on purpose: queues themselves, which the experiment declares at every start; repair of a damaged file; one body for several
//! queues; deliveries (see [`durable`](shared::messaging::durable)).

mod file;
mod record;
#[cfg(test)]
mod tests;
mod writer;

use std::fs;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use shared::messaging::QueueSettings;
use shared::messaging::durable::Record;

use self::file::{StoreFile, Witness};
use self::record::Totals;
use crate::limits::STORE_CACHE_BYTES;

pub use self::writer::{Batch, Pending, Progress, Writer};

/// Records by the queue's name and the message's position in it.
const MESSAGES: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("messages");

/// What is known of all of them together, under the only key.
const TOTALS: TableDefinition<&str, &[u8]> = TableDefinition::new("totals");
const ONLY: &str = "totals";

/// See the module.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    database: Database,
    file: Arc<StoreFile>,
    queues: Vec<Arc<str>>,
    totals: Totals,
}

/// A store and what was in it.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// The records of each queue in the order of their positions.
    pub records: Vec<Record>,
    /// How often the store has been opened, this time included.
    pub life: u64,
}

/// Why a store cannot be had, or not be written. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the folder `{0}` of `--bus-store` cannot be made: {1}")]
    Folder(String, io::Error),
    #[error("the store `{0}` is in use by another process: end that one, or give this one a `--bus-store` of its own")]
    Busy(String),
    #[error(
        "the store `{path}` has version {found} of its format, and this program knows version {known}: start the program that wrote \
         it, or move the file away to begin without its messages"
    )]
    Version { path: String, found: u32, known: u32 },
    #[error(
        "the store `{path}` is damaged: {what}. None of it was taken: put a backup in its place, or move it away to begin without its \
         messages"
    )]
    Damaged { path: String, what: String },
    #[error(
        "the store `{path}` has {count} messages of `{queue}`, which is no durable queue of the experiment: give it `durable: true` \
         again, or move the file away to begin without them"
    )]
    NoQueue { path: String, queue: String, count: u64 },
    #[error("the store `{path}` cannot be read: {error}")]
    Unreadable { path: String, error: String },
    #[error("the store `{path}` cannot be written: {error}. What was confirmed is kept; nothing else was confirmed")]
    Unwritable { path: String, error: String },
}

impl Store {
    /// The store of a bus in a folder, with everything in it checked. `None`: it has no durable queue and there is no file. `queues`: those
    /// of the experiment.
    pub fn open(folder: &Path, bus: &str, queues: &[QueueSettings]) -> Result<Option<Opened>, StoreError> {
        let path = folder.join(format!("{bus}.redb"));
        if !path.exists() && !queues.iter().any(|queue| queue.durable) {
            return Ok(None);
        }
        fs::create_dir_all(folder).map_err(|error| StoreError::Folder(folder.display().to_string(), error))?;
        if !path.exists() {
            Store::create(&path)?;
        }
        let (file, witness) = StoreFile::open(&path)?;
        let file = Arc::new(file);
        let database = Store::database(&path, &file)?;
        let names = queues.iter().map(|queue| queue.name.clone()).collect();
        let mut store = Store { path, database, file, queues: names, totals: Totals::default() };
        let records = store.read(witness, queues)?;
        store.totals.life += 1;
        store.commit(&Batch::default())?;
        let life = store.totals.life;
        Ok(Some(Opened { store, records, life }))
    }

    /// Makes an empty store under another name, so that a file of its own name is always whole.
    fn create(path: &Path) -> Result<(), StoreError> {
        let unfinished = path.with_extension("redb.new");
        let file = Arc::new(StoreFile::create(&unfinished)?);
        let database = Store::database(&unfinished, &file)?;
        let mut store = Store { path: unfinished.clone(), database, file, queues: Vec::new(), totals: Totals::default() };
        store.commit(&Batch::default())?;
        drop(store);
        fs::rename(&unfinished, path).map_err(|error| unwritable(path, &error))
    }

    fn database(path: &Path, file: &Arc<StoreFile>) -> Result<Database, StoreError> {
        let mut builder = Builder::new();
        builder.set_cache_size(STORE_CACHE_BYTES).set_check_integrity_on_open(true);
        builder.create_with_backend(file::Body(file.clone())).map_err(|error| unopened(path, error))
    }

    /// Everything that is in it, if it is whole.
    fn read(&mut self, witness: Witness, queues: &[QueueSettings]) -> Result<Vec<Record>, StoreError> {
        let damaged = |what: String| StoreError::Damaged { path: self.path.display().to_string(), what };
        let broken = |error: redb::Error| unread(&self.path, error);
        let transaction = self.database.begin_read().map_err(|error| broken(error.into()))?;
        let totals = transaction.open_table(TOTALS).map_err(|error| broken(error.into()))?;
        let totals = totals.get(ONLY).map_err(|error| broken(error.into()))?;
        let totals = totals.and_then(|totals| Totals::decode(totals.value()));
        let totals = totals.ok_or_else(|| damaged("the record of what is in it is unreadable".to_owned()))?;
        if totals.commit < witness.commit {
            let (last, found) = (witness.commit, totals.commit);
            return Err(damaged(format!("its commit {last} is unreadable, only {found} is there")));
        }
        let mut found = Totals { life: totals.life, commit: totals.commit, ..Totals::default() };
        let mut records = Vec::new();
        let mut orphans: Option<(String, u64)> = None;
        let messages = transaction.open_table(MESSAGES).map_err(|error| broken(error.into()))?;
        for entry in messages.iter().map_err(|error| broken(error.into()))? {
            let (key, value) = entry.map_err(|error| broken(error.into()))?;
            let (name, position) = key.value();
            let (checksum, record) = record::decode(name, position, value.value())
                .ok_or_else(|| damaged(format!("message {position} of the queue `{name}` is not what was written")))?;
            found.count_in(checksum);
            match queues.iter().position(|queue| queue.durable && *queue.name == *name) {
                Some(place) => records.push(Record { queue: place as u32, ..record }),
                None => orphans.get_or_insert_with(|| (name.to_owned(), 0)).1 += 1,
            }
        }
        if found != totals {
            return Err(damaged(format!(
                "of {} messages {} are there, and not all are the right ones",
                totals.count, found.count
            )));
        }
        if let Some((queue, count)) = orphans {
            return Err(StoreError::NoQueue { path: self.path.display().to_string(), queue, count });
        }
        self.totals = totals;
        Ok(records)
    }

    /// Makes changes, all or none of them; they are on the disk when this returns.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let totals = self.write(batch).map_err(|error| unwritable(&self.path, &error))?;
        self.file.bear_witness(Witness { commit: totals.commit }).map_err(|error| unwritable(&self.path, &error))?;
        self.totals = totals;
        Ok(())
    }

    fn write(&self, batch: &Batch) -> Result<Totals, redb::Error> {
        let mut totals = Totals { commit: self.totals.commit + 1, ..self.totals };
        let transaction = self.database.begin_write()?;
        let mut messages = transaction.open_table(MESSAGES)?;
        for ((queue, position), pending) in batch.changes() {
            let Some(name) = self.queues.get(*queue as usize) else { continue };
            let key = (name.deref(), *position);
            let before = match pending {
                Pending::New(message) | Pending::Again(message) => {
                    let (checksum, bytes) = record::encode(name, message);
                    totals.count_in(checksum);
                    messages.insert(key, bytes.as_slice())?
                }
                Pending::Gone => messages.remove(key)?,
            };
            if let Some(checksum) = before.and_then(|before| record::checksum(before.value())) {
                totals.count_out(checksum);
            }
        }
        drop(messages);
        transaction.open_table(TOTALS)?.insert(ONLY, totals.encode().as_slice())?;
        transaction.commit()?;
        Ok(totals)
    }
}

/// Why redb does not open a file.
fn unopened(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Busy(path.display().to_string()),
        error => unread(path, error.into()),
    }
}

/// Why redb does not read something: the system does not let it, or what it reads is not what it has written.
fn unread(path: &Path, error: redb::Error) -> StoreError {
    let path = path.display().to_string();
    let what = match error {
        redb::Error::Io(error) if error.raw_os_error().is_some() => {
            return StoreError::Unreadable { path, error: error.to_string() };
        }
        redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        redb::Error::Corrupted(what) => what,
        error => error.to_string(),
    };
    StoreError::Damaged { path, what }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unwritable { path: path.display().to_string(), error: error.to_string() }
}

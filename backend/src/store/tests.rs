//! Stores whose file was torn or altered: each is told, or has exactly what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use shared::messaging::durable::Change;
use shared::messaging::{Message, MessageId, Node};
use shared::time::Time;
use tempfile::TempDir;

use super::*;

/// A step from one altered byte to the next, beyond the heads, where each is altered. No page has the same places altered as the last.
const STRIDE: usize = 257;

/// What redb and we write before anything else: our head, and redb's with both of its commits.
const HEADS: [std::ops::Range<usize>; 2] = [0..64, 4096..4096 + 512];

fn queues() -> Vec<QueueSettings> {
    ["tasks", "dead"].map(|name| QueueSettings { name: name.into(), durable: true, ..QueueSettings::default() }).to_vec()
}

fn record(queue: u32, position: u64, bytes: usize) -> Record {
    let body: Vec<u8> = (0..bytes).map(|byte| (byte as u64 * 31 + position) as u8).collect();
    let message = Message {
        id: MessageId { publisher: Node(3), number: position },
        exchange: "".into(),
        key: "tasks".into(),
        body: body.into(),
        published: Time(position),
        priority: 0,
        resent: false,
        persistent: true,
        extra: None,
    };
    Record { queue, position, message: Arc::new(message), expires: None, returns: 0 }
}

fn batch(changes: impl IntoIterator<Item = Change>) -> Batch {
    let mut batch = Batch::default();
    changes.into_iter().for_each(|change| batch.add(change));
    batch
}

fn open(folder: &Path) -> Result<(Store, Vec<Record>), StoreError> {
    Store::open(folder, "b", &queues()).map(|opened| opened.map(|opened| (opened.store, opened.records)).unwrap())
}

/// A store after some commits, in which messages came and went, as it is while it is open.
fn written() -> (TempDir, Store, Vec<Record>) {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, records) = open(folder.path()).unwrap();
    assert_eq!(records, []);
    for round in 0..6 {
        let came = (1..=20).map(|number| record((number % 2) as u32, round * 20 + number, 10 + 97 * number as usize));
        let gone = (1..=10)
            .filter(|_| round > 0)
            .map(|number| Change::Forget { queue: (number % 2) as u32, position: (round - 1) * 20 + number });
        store.commit(&batch(came.map(Change::Keep).chain(gone))).unwrap();
    }
    let left = |queue: u32, position: u64| {
        let number = (position - 1) % 20 + 1;
        (u64::from(queue) == number % 2 && (number > 10 || position > 100))
            .then(|| record(queue, position, 10 + 97 * number as usize))
    };
    // As the store orders them, by the queues' names.
    let left = [1, 0].into_iter().flat_map(|queue| (1..=120).filter_map(move |position| left(queue, position))).collect();
    (folder, store, left)
}

fn file(folder: &Path) -> PathBuf {
    folder.join("b.redb")
}

/// The bytes of such a store, left as a killed process leaves it and as an orderly end does, with what is in it.
fn files() -> [(Vec<u8>, Vec<Record>); 2] {
    let (folder, store, records) = written();
    let killed = fs::read(file(folder.path())).unwrap();
    drop(store);
    let closed = fs::read(file(folder.path())).unwrap();
    assert_ne!(killed, closed);
    [(killed, records.clone()), (closed, records)]
}

/// Opens these bytes as a store: `true` if it is told that they are damaged. What is not told has everything, and can be gone on with.
fn is_told(folder: &Path, bytes: &[u8], records: &[Record], what: &str) -> bool {
    fs::write(file(folder), bytes).unwrap();
    match open(folder) {
        Err(StoreError::Damaged { .. }) => true,
        Err(other) => panic!("{what}: {other}"),
        Ok((mut store, found)) => {
            assert!(found == records, "{what}: something else was read");
            store.commit(&batch([Change::Keep(record(0, 1_000, 10))])).unwrap_or_else(|error| panic!("{what}: {error}"));
            drop(store);
            let (_, again) = open(folder).unwrap_or_else(|error| panic!("{what}, the next time: {error}"));
            assert_eq!(again.len(), records.len() + 1, "{what}, the next time");
            false
        }
    }
}

#[test]
fn a_wrong_bit_anywhere_is_told_or_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut told, mut harmless) = (0, 0);
    for (bytes, records) in files() {
        assert!(!is_told(folder.path(), &bytes, &records, "nothing is altered"));
        let rest = (0..bytes.len()).step_by(STRIDE).filter(|place| !HEADS.iter().any(|head| head.contains(place)));
        // Places where nothing was ever written are no place for a message to be.
        let rest = rest.filter(|place| bytes[place / 4096 * 4096..].iter().take(4096).any(|byte| *byte != 0));
        for place in HEADS.into_iter().flatten().chain(rest) {
            let bit = (place * 5 + place / 8) % 8;
            let mut altered = bytes.clone();
            altered[place] ^= 1 << bit;
            let what = format!("bit {bit} of byte {place} of {}", bytes.len());
            match is_told(folder.path(), &altered, &records, &what) {
                true => told += 1,
                false => harmless += 1,
            }
        }
    }
    println!("of {} wrong bits {told} were told, {harmless} were where nothing is", told + harmless);
    assert!(told > 100 && harmless > 0, "{told} told, {harmless} harmless");
}

#[test]
fn a_file_that_is_cut_off_anywhere_or_has_a_hole_is_told_or_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut told, mut harmless) = (0, 0);
    for (bytes, records) in files() {
        let lengths = [0, 1, 35, 36, 4095, 4096, 4097, 4096 + 511, bytes.len() - 1].into_iter();
        for length in lengths.chain((8192..bytes.len()).step_by(bytes.len() / 64)) {
            match is_told(folder.path(), &bytes[..length], &records, &format!("{length} of {} bytes", bytes.len())) {
                true => told += 1,
                false => harmless += 1,
            }
        }
        // A sector that never reached the disk.
        for sector in (0..bytes.len() / 512).filter(|sector| bytes[sector * 512..][..512].iter().any(|byte| *byte != 0)) {
            let mut torn = bytes.clone();
            torn[sector * 512..][..512].fill(0);
            match is_told(folder.path(), &torn, &records, &format!("sector {sector} of {}", bytes.len() / 512)) {
                true => told += 1,
                false => harmless += 1,
            }
        }
    }
    println!("of {} torn files {told} were told, {harmless} lack nothing", told + harmless);
    assert!(told > 100, "{told} told, {harmless} harmless");
}

#[test]
fn an_earlier_state_of_the_database_is_told() {
    let (folder, mut store, records) = written();
    let before = fs::read(file(folder.path())).unwrap();
    store.commit(&batch([Change::Keep(record(0, 500, 10))])).unwrap();
    drop(store);
    let after = fs::read(file(folder.path())).unwrap();
    let mixed = [&after[..4096], &before[4096..]].concat();
    assert!(is_told(folder.path(), &mixed, &records, "an earlier database behind a later head"));
    // The other way round is what a process leaves that is killed between the two.
    let mixed = [&before[..4096], &after[4096..]].concat();
    let all = [&records[..], &[record(0, 500, 10)]].concat();
    assert!(!is_told(folder.path(), &mixed, &all, "a later database behind an earlier head"));
}

#[test]
fn a_store_of_another_program_version_or_bus_is_told() {
    let (folder, store, _) = written();
    let told = open(folder.path()).unwrap_err().to_string();
    assert!(told.contains("in use by another process"), "{told}");
    drop(store);
    let bytes = fs::read(file(folder.path())).unwrap();
    let mut later = bytes.clone();
    later[16] += 1;
    let checksum = xxhash_rust::xxh3::xxh3_64(&later[..28]).to_le_bytes();
    later[28..36].copy_from_slice(&checksum);
    fs::write(file(folder.path()), later).unwrap();
    let told = open(folder.path()).unwrap_err().to_string();
    assert!(told.contains("has version 2 of its format, and this program knows version 1"), "{told}");
    fs::write(file(folder.path()), "id,text\n".repeat(1_000)).unwrap();
    let told = open(folder.path()).unwrap_err().to_string();
    assert!(told.contains("does not begin as the store of a live bus does"), "{told}");
    fs::write(file(folder.path()), &bytes).unwrap();
    let told = Store::open(folder.path(), "b", &queues()[..1]).unwrap_err().to_string();
    assert!(told.contains("has 35 messages of `dead`, which is no durable queue"), "{told}");
    // Nothing durable, and no file: nothing is made.
    let plain = QueueSettings { name: "q".into(), ..QueueSettings::default() };
    assert!(Store::open(folder.path(), "c", &[plain]).unwrap().is_none() && !folder.path().join("c.redb").exists());
    // A file that was begun and never finished is begun anew.
    fs::write(folder.path().join("d.redb.new"), &bytes[..9_000]).unwrap();
    assert_eq!(Store::open(folder.path(), "d", &queues()).unwrap().unwrap().records, []);
}

#[test]
fn a_commit_has_all_that_came_during_the_one_before_and_is_told_when_it_is_over() {
    const PATIENCE: Duration = Duration::from_secs(60);
    let (begun, begins) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel::<Result<(), StoreError>>();
    let (writer, thread) = Writer::start(move |batch| {
        begun.send(batch.changes().map(|(key, _)| *key).collect::<Vec<_>>()).unwrap();
        goes_on.recv().unwrap()
    })
    .unwrap();
    let progress = writer.progress();
    let keep = |position| vec![Change::Keep(record(0, position, 1))];
    writer.add(keep(1), 1);
    assert_eq!(begins.recv_timeout(PATIENCE).unwrap(), [(0, 1)]);
    // While the first is on its way: one that stays, one that goes again at once, and the end of the first.
    writer.add(keep(2), 2);
    writer.add([keep(3), vec![Change::Forget { queue: 0, position: 3 }]].concat(), 4);
    writer.add(vec![Change::Forget { queue: 0, position: 1 }], 5);
    assert_eq!(progress.borrow().kept, 0);
    go_on.send(Ok(())).unwrap();
    assert_eq!(begins.recv_timeout(PATIENCE).unwrap(), [(0, 1), (0, 2)]);
    assert_eq!(progress.borrow().kept, 1);
    // It cannot be written: nothing more is told as kept, and why is.
    writer.add(keep(6), 6);
    let path = "b.redb".to_owned();
    go_on.send(Err(StoreError::Unwritable { path, error: "No space left on device".to_owned() })).unwrap();
    thread.join().unwrap();
    let progress = progress.borrow();
    assert_eq!(progress.kept, 1);
    assert!(progress.failed.as_ref().is_some_and(|sentence| sentence.contains("No space left on device")), "{progress:?}");
}

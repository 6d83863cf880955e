//! A store's file: a head, then redb's database.
//!
//! The head is one write to one sector: what the file is, its format, and the number of the last commit that was reported, with a
//! checksum. It is written after each commit and reaches the disk with the next one at the latest, so it is never ahead of the database,
//! unless that is damaged.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use redb::StorageBackend;
use xxhash_rust::xxh3::xxh3_64;

use super::StoreError;

const MAGIC: &[u8; 16] = b"millrace store\r\n";

/// The format of the head and of the records.
pub(super) const FORMAT: u32 = 1;

/// What the head takes; the database begins behind it, at a page of its own.
const HEAD_BYTES: u64 = 4096;

/// Bytes of it that say something: the magic, the format, the commit, and the checksum of these.
const SAID_BYTES: usize = 16 + 4 + 8;

/// See the module. It is locked as long as it is open.
#[derive(Debug)]
pub(super) struct StoreFile {
    file: File,
}

/// What the head says of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    /// The number of a commit that is in it.
    pub(super) commit: u64,
}

/// The part behind the head, as redb sees it.
#[derive(Debug)]
pub(super) struct Body(pub(super) Arc<StoreFile>);

impl StoreFile {
    /// A new file in place of one that was never finished.
    pub(super) fn create(path: &Path) -> Result<StoreFile, StoreError> {
        let file = StoreFile::locked(path, OpenOptions::new().create(true).truncate(false))?;
        let made = file.file.set_len(0).and_then(|()| file.bear_witness(Witness { commit: 0 }));
        made.map_err(|error| super::unwritable(path, &error))?;
        Ok(file)
    }

    /// A file that is there, and its head.
    pub(super) fn open(path: &Path) -> Result<(StoreFile, Witness), StoreError> {
        let file = StoreFile::locked(path, &mut OpenOptions::new())?;
        let witness = file.witness(path)?;
        Ok((file, witness))
    }

    fn locked(path: &Path, options: &mut OpenOptions) -> Result<StoreFile, StoreError> {
        let unreadable =
            |error: io::Error| StoreError::Unreadable { path: path.display().to_string(), error: error.to_string() };
        let file = options.read(true).write(true).open(path).map_err(unreadable)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Busy(path.display().to_string()),
            TryLockError::Error(error) => unreadable(error),
        })?;
        Ok(StoreFile { file })
    }

    fn witness(&self, path: &Path) -> Result<Witness, StoreError> {
        let damaged = |what: &str| StoreError::Damaged { path: path.display().to_string(), what: what.to_owned() };
        let mut head = [0; SAID_BYTES + 8];
        self.file.read_exact_at(&mut head, 0).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
            _ => StoreError::Unreadable { path: path.display().to_string(), error: error.to_string() },
        })?;
        let (said, checksum) = head.split_at(SAID_BYTES);
        if said[..16] != *MAGIC {
            return Err(damaged("it does not begin as the store of a live bus does"));
        }
        if checksum != xxh3_64(said).to_le_bytes() {
            return Err(damaged("its head is not what was written"));
        }
        let mut format = [0; 4];
        let mut commit = [0; 8];
        format.copy_from_slice(&said[16..20]);
        commit.copy_from_slice(&said[20..]);
        match u32::from_le_bytes(format) {
            FORMAT => Ok(Witness { commit: u64::from_le_bytes(commit) }),
            found => Err(StoreError::Version { path: path.display().to_string(), found, known: FORMAT }),
        }
    }

    /// Writes the head.
    pub(super) fn bear_witness(&self, witness: Witness) -> io::Result<()> {
        let mut head = Vec::with_capacity(SAID_BYTES + 8);
        head.extend(MAGIC);
        head.extend(FORMAT.to_le_bytes());
        head.extend(witness.commit.to_le_bytes());
        head.extend(xxh3_64(&head).to_le_bytes());
        self.file.write_all_at(&head, 0)
    }
}

impl StorageBackend for Body {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.file.metadata()?.len().saturating_sub(HEAD_BYTES))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.file.read_exact_at(out, HEAD_BYTES + offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.file.set_len(HEAD_BYTES + len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.file.write_all_at(data, HEAD_BYTES + offset)
    }
}

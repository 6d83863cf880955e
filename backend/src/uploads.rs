//! Files that clients have sent: streamed to disk, found by an id that nobody guesses, deleted when unused for an hour and when
//! the server ends.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tempfile::{NamedTempFile, TempDir};

use crate::data::{DataError, FileInput, Input};
use crate::limits::{UPLOAD_BYTES_MAX, UPLOAD_KEEP, UPLOAD_NAME_CHARS_MAX, UPLOADS_BYTES_MAX};
use crate::secret;

/// Why an upload was not taken. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the file is larger than {} GiB, the most that one upload may have", UPLOAD_BYTES_MAX >> 30)]
    TooLong,
    #[error("the uploads kept here have {} GiB already, which is their bound: try again in an hour", UPLOADS_BYTES_MAX >> 30)]
    Full,
    #[error("the file could not be stored: {0}")]
    Disk(#[from] io::Error),
    #[error("the file could not be stored: {0}")]
    Lost(#[from] DataError),
}

/// See the module.
#[derive(Debug)]
pub struct Uploads {
    folder: TempDir,
    kept: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Debug)]
struct Kept {
    input: FileInput,
    used: Instant,
}

/// An upload that is still coming.
#[derive(Debug)]
pub struct Incoming {
    name: String,
    file: NamedTempFile,
    bytes: u64,
    room: u64,
}

impl Uploads {
    /// A folder that only this user can look into.
    pub fn new() -> io::Result<Uploads> {
        Ok(Uploads { folder: TempDir::with_prefix("millrace-uploads-")?, kept: Mutex::default() })
    }

    /// Begins an upload. `announced` is its length, if the client has said it.
    pub fn begin(&self, name: &str, announced: Option<u64>) -> Result<Incoming, UploadError> {
        let stored: u64 = self.kept().values().map(|kept| Input::from(kept.input.clone()).bytes()).sum();
        let room = UPLOADS_BYTES_MAX.saturating_sub(stored);
        let file = NamedTempFile::new_in(self.folder.path())?;
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let name: String = name.chars().filter(|c| !c.is_control()).take(UPLOAD_NAME_CHARS_MAX).collect();
        let name = if name.is_empty() { "upload".to_owned() } else { name };
        let incoming = Incoming { name, file, bytes: 0, room };
        incoming.fits(announced.unwrap_or(0))?;
        Ok(incoming)
    }

    /// Keeps what has come, and gives its id.
    pub fn keep(&self, incoming: Incoming) -> Result<String, UploadError> {
        let input = FileInput::kept(&incoming.name, incoming.file.into_temp_path())?;
        let id = secret::name();
        self.kept().insert(id.clone(), Kept { input, used: Instant::now() });
        Ok(id)
    }

    /// An upload by its id.
    pub fn find(&self, id: &str) -> Option<Input> {
        let mut kept = self.kept();
        let found = kept.get_mut(id)?;
        found.used = Instant::now();
        Some(found.input.clone().into())
    }

    /// Deletes what was not used for long. A run that still reads one keeps the file until it ends.
    pub fn sweep(&self) {
        self.kept().retain(|_, kept| kept.used.elapsed() < UPLOAD_KEEP);
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Incoming {
    /// Appends a piece.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), UploadError> {
        self.fits(piece.len() as u64)?;
        self.file.write_all(piece)?;
        self.bytes += piece.len() as u64;
        Ok(())
    }

    fn fits(&self, more: u64) -> Result<(), UploadError> {
        match self.bytes.saturating_add(more) {
            bytes if bytes > UPLOAD_BYTES_MAX => Err(UploadError::TooLong),
            bytes if bytes > self.room => Err(UploadError::Full),
            _ => Ok(()),
        }
    }
}

//! Where the rows wait that are too many for memory: a file without a name in the folder for temporary files (`TMPDIR`), which is
//! gone with the last who reads it, however this process ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use shared::batch::{Payload, Scratch, SourceError, Space};

/// See the module. The file is made with the first bytes.
#[derive(Debug, Default)]
pub struct FileScratch {
    file: Mutex<Option<Arc<File>>>,
    end: AtomicU64,
}

impl FileScratch {
    fn file(&self) -> io::Result<Arc<File>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match &*file {
            Some(file) => Ok(file.clone()),
            None => Ok(file.insert(Arc::new(tempfile::tempfile()?)).clone()),
        }
    }
}

impl Scratch for FileScratch {
    fn append(&self, bytes: &[u8]) -> Result<u64, SourceError> {
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let written = self.file().and_then(|file| file.write_all_at(bytes, at));
        written.map(|()| at).map_err(|error| failed("written to", &error))
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), SourceError> {
        let read = self.file().and_then(|file| file.read_exact_at(into, at));
        read.map_err(|error| failed("read from", &error))
    }
}

fn failed(what: &str, error: &io::Error) -> SourceError {
    let folder = std::env::temp_dir();
    SourceError(format!(
        "rows that do not fit into memory could not be {what} a temporary file in {}: {error}; raise `--memory`, or name a folder with more room by TMPDIR",
        folder.display()
    ))
}

/// Keeps bytes in memory up to a bound, and those that come after it in a scratch.
#[derive(Debug)]
pub struct Keeper {
    most: u64,
    kept: u64,
    scratch: Arc<dyn Scratch>,
}

/// What is smaller than this stays in memory: a read of it would cost more than it takes.
const SMALL_BYTES: usize = 4 << 10;

impl Keeper {
    pub fn new(most: u64) -> Keeper {
        Keeper { most, kept: 0, scratch: Arc::new(FileScratch::default()) }
    }

    pub fn keep(&mut self, payload: Payload) -> Result<Payload, SourceError> {
        if payload.is_stored() || payload.len() < SMALL_BYTES {
            return Ok(payload);
        }
        self.kept += payload.len() as u64;
        if self.kept > self.most { payload.moved_to(&self.scratch) } else { Ok(payload) }
    }
}

/// The space of one task, with a scratch of its own.
pub fn space(bytes: u64) -> Space {
    Space::spilling(bytes, Arc::new(FileScratch::default()))
}

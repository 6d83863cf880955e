//! The memory of a task: how much it may take, and where what is more goes.
//!
//! A kernel that is given more than fits cuts its work into pieces that do (`kernel::divide`) and puts what waits into a
//! [`Scratch`], which a driver with a disk has. Where there is none it refuses. Either way the rows are the same: only where
//! bytes wait depends on the space.

use std::fmt::Debug;
use std::io::{self, Write};
use std::sync::Arc;

use super::{KernelError, Payload, SourceError};

/// A place for bytes that are not in memory. What was written stays as long as anybody holds the scratch.
pub trait Scratch: Debug + Send + Sync {
    /// Writes bytes and tells where they begin.
    fn append(&self, bytes: &[u8]) -> Result<u64, SourceError>;

    /// Fills `into` with what was written there.
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), SourceError>;
}

/// How much memory a task may take.
#[derive(Clone, Debug, Default)]
pub struct Space {
    bound: Option<(u64, Option<Arc<dyn Scratch>>)>,
}

/// Of the memory of a task, the parts that what it gathers may take as bytes: as arrays, hashed or sorted it takes several times that.
const GATHERED_PARTS: u64 = 4;

/// And the parts for what it leaves, as long as it is in memory.
const LEFT_PARTS: u64 = 8;

/// The fewest bytes that are worth a write to a scratch.
const WRITE_BYTES_MIN: usize = 64 << 10;

/// The most that wait for one.
const WRITE_BYTES_MAX: usize = 1 << 20;

/// Pieces into which the work of a task is cut at most.
const PIECES_MAX: u64 = 256;

impl Space {
    /// As much as there is.
    pub fn unbounded() -> Space {
        Space::default()
    }

    /// So many bytes; a task that needs more fails with a sentence.
    pub fn refusing(bytes: u64) -> Space {
        Space { bound: Some((bytes, None)) }
    }

    /// So many bytes; what is more waits in a scratch.
    pub fn spilling(bytes: u64, scratch: Arc<dyn Scratch>) -> Space {
        Space { bound: Some((bytes, Some(scratch))) }
    }

    /// In how many pieces a task gathers so many bytes: one if they fit.
    pub(super) fn pieces(&self, gathered: u64) -> Result<u32, KernelError> {
        match &self.bound {
            Some((bytes, scratch)) if gathered > bytes / GATHERED_PARTS => match scratch {
                Some(_) => Ok(gathered.div_ceil((bytes / GATHERED_PARTS / 2).max(1)).clamp(2, PIECES_MAX) as u32),
                None => Err(KernelError::TooLarge { gathered, most: bytes / GATHERED_PARTS }),
            },
            _ => Ok(1),
        }
    }

    /// Where one of so many outputs of a task is written to.
    pub(super) fn sink(&self, outputs: usize) -> Sink {
        match &self.bound {
            Some((bytes, Some(scratch))) => {
                let most = usize::try_from(bytes / LEFT_PARTS / outputs.max(1) as u64).unwrap_or(usize::MAX);
                Sink { most, bytes: Vec::new(), spilled: None, scratch: Some(scratch.clone()) }
            }
            _ => Sink { most: usize::MAX, bytes: Vec::new(), spilled: None, scratch: None },
        }
    }
}

/// What was written to a scratch, in its order.
#[derive(Debug)]
pub struct Stretches {
    scratch: Arc<dyn Scratch>,
    /// Where each begins in the whole, and where in the scratch.
    begins: Vec<(u64, u64)>,
    len: u64,
}

impl Stretches {
    pub fn new(scratch: Arc<dyn Scratch>) -> Stretches {
        Stretches { scratch, begins: Vec::new(), len: 0 }
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        if !bytes.is_empty() {
            self.begins.push((self.len, self.scratch.append(bytes)?));
            self.len += bytes.len() as u64;
        }
        Ok(())
    }

    /// Fills `into` from a place of the whole on; there are enough bytes behind it.
    pub fn read_at(&self, mut at: u64, mut into: &mut [u8]) -> Result<(), SourceError> {
        let mut stretch = self.begins.partition_point(|(begin, _)| *begin <= at).saturating_sub(1);
        while !into.is_empty() {
            let cut = || SourceError("what was put on disk for later is shorter than it was".to_owned());
            let (begin, place) = *self.begins.get(stretch).filter(|_| at < self.len).ok_or_else(cut)?;
            let end = self.begins.get(stretch + 1).map_or(self.len, |(begin, _)| *begin);
            let count = usize::try_from(end - at).unwrap_or(usize::MAX).min(into.len());
            let (now, later) = into.split_at_mut(count);
            self.scratch.read_at(place + (at - begin), now)?;
            (at, into, stretch) = (at + count as u64, later, stretch + 1);
        }
        Ok(())
    }
}

/// Bytes as they are written: in memory until they are too many, then in a scratch.
#[derive(Debug)]
pub(super) struct Sink {
    /// As many stay in memory.
    most: usize,
    bytes: Vec<u8>,
    spilled: Option<Stretches>,
    scratch: Option<Arc<dyn Scratch>>,
}

impl Sink {
    pub fn finish(mut self) -> Result<Payload, KernelError> {
        match self.spilled.take() {
            Some(mut stretches) => {
                stretches.append(&self.bytes)?;
                Ok(Payload::stored(stretches))
            }
            None => Ok(Payload::new(self.bytes)),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if let Some(scratch) = &self.scratch
            && self.bytes.len()
                >= self.most.clamp(WRITE_BYTES_MIN, if self.spilled.is_some() { WRITE_BYTES_MAX } else { usize::MAX })
        {
            let stretches = self.spilled.get_or_insert_with(|| Stretches::new(scratch.clone()));
            stretches.append(&self.bytes).map_err(io::Error::other)?;
            self.bytes.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

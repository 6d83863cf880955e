//! Bulk bytes between nodes: cheap to clone, never inside the JSON of a message.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::Arc;

use super::SourceError;
use super::space::{Scratch, Stretches};

/// Shared, immutable bytes: a partition of a map task's output, or the rows of a reduce task. A driver carries them beside
/// the message (a transferred buffer, a binary frame, a pointer). They are in memory, or in a driver's [`Scratch`].
#[derive(Clone)]
pub struct Payload(Place);

#[derive(Clone)]
enum Place {
    Memory(Arc<Vec<u8>>),
    Scratch(Arc<Stretches>),
}

impl Payload {
    pub fn new(bytes: Vec<u8>) -> Payload {
        Payload(Place::Memory(Arc::new(bytes)))
    }

    /// Of what was written to a scratch.
    pub fn stored(stretches: Stretches) -> Payload {
        Payload(Place::Scratch(Arc::new(stretches)))
    }

    pub fn len(&self) -> usize {
        match &self.0 {
            Place::Memory(bytes) => bytes.len(),
            Place::Scratch(stretches) => usize::try_from(stretches.len()).unwrap_or(usize::MAX),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes no memory.
    pub fn is_stored(&self) -> bool {
        matches!(self.0, Place::Scratch(_))
    }

    /// The same bytes out of memory.
    pub fn moved_to(self, scratch: &Arc<dyn Scratch>) -> Result<Payload, SourceError> {
        match &self.0 {
            Place::Memory(bytes) => {
                let mut stretches = Stretches::new(scratch.clone());
                stretches.append(bytes)?;
                Ok(Payload::stored(stretches))
            }
            Place::Scratch(_) => Ok(self),
        }
    }

    /// All of them in memory.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>, SourceError> {
        match &self.0 {
            Place::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Place::Scratch(stretches) => {
                let mut bytes = vec![0; self.len()];
                stretches.read_at(0, &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// From their begin on, some at a time.
    pub fn reader(&self) -> PayloadReader {
        PayloadReader { payload: self.clone(), at: 0, ahead: Vec::new(), taken: 0 }
    }
}

impl Default for Payload {
    fn default() -> Payload {
        Payload::new(Vec::new())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        match (&self.0, &other.0) {
            (Place::Memory(here), Place::Memory(there)) => Arc::ptr_eq(here, there) || here == there,
            (Place::Scratch(here), Place::Scratch(there)) if Arc::ptr_eq(here, there) => true,
            _ => self.len() == other.len() && self.bytes().is_ok_and(|here| other.bytes().is_ok_and(|there| here == there)),
        }
    }
}

impl Eq for Payload {}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

/// Reads a payload that may be longer than the memory.
#[derive(Debug)]
pub struct PayloadReader {
    payload: Payload,
    /// How much of a stored one has been read ahead.
    at: u64,
    ahead: Vec<u8>,
    /// How much of `ahead`, or of one in memory, is taken.
    taken: usize,
}

/// Bytes of a stored payload that are read at a time.
const AHEAD_BYTES: usize = 256 << 10;

impl Read for PayloadReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = match &self.payload.0 {
            Place::Memory(bytes) => &bytes[self.taken..],
            Place::Scratch(stretches) => {
                if self.taken == self.ahead.len() {
                    let wanted = (stretches.len() - self.at).min(AHEAD_BYTES as u64) as usize;
                    self.ahead.resize(wanted, 0);
                    stretches.read_at(self.at, &mut self.ahead).map_err(io::Error::other)?;
                    (self.at, self.taken) = (self.at + wanted as u64, 0);
                }
                &self.ahead[self.taken..]
            }
        };
        let count = left.len().min(into.len());
        into[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        Ok(count)
    }
}

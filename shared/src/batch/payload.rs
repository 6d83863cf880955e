//! Bulk bytes between nodes: cheap to clone, never inside the JSON of a message.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_buffer::Buffer;

use super::SourceError;
use super::space::{Scratch, Stretches};

/// Shared, immutable bytes: a partition of a map task's output, or the rows of a reduce task. A driver carries them beside
/// the message (a transferred buffer, a binary frame, a pointer). They are in memory, or in a driver's [`Scratch`].
#[derive(Clone)]
pub struct Payload(Place);

#[derive(Clone)]
enum Place {
    Memory(Buffer),
    Scratch(Arc<Stretches>),
}

impl Payload {
    pub fn new(bytes: Vec<u8>) -> Payload {
        Payload(Place::Memory(Buffer::from_vec(bytes)))
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

    /// From their begin on: all at once, and not copied, if they are in memory; else some at a time.
    pub fn pieces(&self) -> PayloadPieces {
        PayloadPieces { payload: self.clone(), at: 0 }
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
            (Place::Memory(here), Place::Memory(there)) => here.ptr_eq(there) || here == there,
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

/// A payload that may be longer than the memory, a piece after the other.
#[derive(Debug)]
pub struct PayloadPieces {
    payload: Payload,
    at: u64,
}

/// Bytes of a stored payload that are read at a time.
const PIECE_BYTES: u64 = 256 << 10;

impl Iterator for PayloadPieces {
    type Item = Result<Buffer, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = (self.payload.len() as u64).checked_sub(self.at).filter(|left| *left > 0)?;
        let at = self.at;
        match &self.payload.0 {
            Place::Memory(bytes) => {
                self.at += left;
                Some(Ok(bytes.clone()))
            }
            Place::Scratch(stretches) => {
                let mut piece = vec![0; left.min(PIECE_BYTES) as usize];
                self.at += piece.len() as u64;
                Some(stretches.read_at(at, &mut piece).map(|()| Buffer::from_vec(piece)))
            }
        }
    }
}

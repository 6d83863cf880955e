//! Bulk bytes between nodes: cheap to clone, never inside the JSON of a message.

use std::sync::Arc;

/// Shared, immutable bytes: a partition of a map task's output, or the rows of a reduce task. A driver carries them beside
/// the message (a transferred buffer, a binary frame, a pointer).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(pub Arc<Vec<u8>>);

impl Payload {
    pub fn new(bytes: Vec<u8>) -> Payload {
        Payload(Arc::new(bytes))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::ops::Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

//! A long list whose copies share what none of them changes.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// Items of a chunk. A copy of a list copies a pointer for each chunk, and the first change of an item copies its chunk.
const CHUNK: usize = 256;

/// See the module.
#[derive(Clone, Debug)]
pub struct Chunks<T> {
    chunks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Chunks<T> {
        Chunks { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Chunks<T> {
    /// So many times the same.
    pub fn filled(item: T, len: usize) -> Chunks<T> {
        let chunks = (0..len).step_by(CHUNK).map(|start| Arc::new(vec![item.clone(); CHUNK.min(len - start)])).collect();
        Chunks { chunks, len }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, item: T) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        if let Some(last) = self.chunks.last_mut() {
            Arc::make_mut(last).push(item);
            self.len += 1;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flat_map(|chunk| Arc::make_mut(chunk).iter_mut())
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        Arc::make_mut(self.chunks.get_mut(index / CHUNK)?).get_mut(index % CHUNK)
    }

    pub fn to_vec(&self) -> Vec<T> {
        let mut all = Vec::with_capacity(self.len);
        self.chunks.iter().for_each(|chunk| all.extend_from_slice(chunk));
        all
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

impl<T: Clone> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut Arc::make_mut(&mut self.chunks[index / CHUNK])[index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_until_one_changes() {
        let mut first = Chunks::filled(0, CHUNK + 1);
        (0..2 * CHUNK).for_each(|item| first.push(item));
        let mut second = first.clone();
        second[CHUNK] = 7;
        second.push(8);
        assert_eq!((first[CHUNK], second[CHUNK], first.len(), second.len()), (0, 7, 3 * CHUNK + 1, 3 * CHUNK + 2));
        assert!(Arc::ptr_eq(&first.chunks[0], &second.chunks[0]) && !Arc::ptr_eq(&first.chunks[1], &second.chunks[1]));
        assert_eq!(second.iter().copied().collect::<Vec<_>>(), second.to_vec());
        assert_eq!(second.to_vec()[3 * CHUNK + 1], 8);
        assert_eq!(second.get_mut(5_000), None);
    }

    #[test]
    fn an_empty_list_has_nothing() {
        assert!(Chunks::filled(1, 0).to_vec().is_empty() && Chunks::<u8>::default().get(0).is_none());
    }
}

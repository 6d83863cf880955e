//! A table from keys to counts, made for words.
//!
//! Keys of up to 16 bytes lie in the slots themselves, as two zero-padded words, so that comparing is two instructions; longer
//! ones (and those ending in a zero byte, which padding would confuse) lie in an arena. Open addressing with linear probing, at
//! most half full. The order of the slots depends only on the keys, their order and the calls made, never on the platform.

use hashbrown::HashTable;

use super::hash::{INLINE_BYTES, hash_pair, key_hash, load, split_words};

/// Slots of a new table.
const SLOTS_MIN: usize = 1 << 12;

/// Which bits of the hash choose the slot: not the lowest, which chose the partition, so a partition's keys still spread.
const SLOT_SHIFT: u32 = 20;

/// `low == 0 && high == 0` is an empty slot: an inline key ends in a byte that is not zero.
#[derive(Clone, Copy, Default)]
struct Slot {
    low: u64,
    high: u64,
    count: u64,
}

/// Words that are loaded and hashed before their slots are looked at.
const LOOKS: usize = 64;

/// A word of at most 16 bytes and its slot; a longer one has `low == 0`.
#[derive(Clone, Copy, Default)]
struct Look {
    low: u64,
    high: u64,
    slot: usize,
}

struct LongKey {
    start: usize,
    len: usize,
    count: u64,
}

/// Counts by key.
pub(super) struct CountTable {
    slots: Vec<Slot>,
    used: usize,
    long: Vec<LongKey>,
    long_index: HashTable<usize>,
    arena: Vec<u8>,
}

impl CountTable {
    pub fn new() -> CountTable {
        let slots = vec![Slot::default(); SLOTS_MIN];
        CountTable { slots, used: 0, long: Vec::new(), long_index: HashTable::new(), arena: Vec::new() }
    }

    /// The number of distinct keys.
    pub fn len(&self) -> usize {
        self.used + self.long.len()
    }

    /// The count of a key, which starts at 0.
    pub fn count_mut(&mut self, key: &[u8]) -> &mut u64 {
        if is_inline(key) {
            let (low, high) = load(key);
            self.inline_count_mut(low, high)
        } else {
            self.long_count_mut(key)
        }
    }

    /// Adds 1 for each word of `bounds` (pairs of start and end in `padded`), every byte changed by `| fold` first.
    ///
    /// Most words are found in the first slot they look at. That case has no branch to mispredict, and nothing stands between one
    /// look and the next, so that the processor has many under way at once; what it does not find is noted in `missed` and looked
    /// up properly afterwards.
    pub fn tally(&mut self, padded: &[u8], bounds: &[u32], fold: u8, missed: &mut Vec<[u32; 2]>) {
        let folds = u64::from_le_bytes([fold; 8]);
        let mask = self.slots.len() - 1;
        let slots = self.slots.as_mut_slice();
        missed.resize(bounds.len().max(missed.len()), [0; 2]);
        let mut misses = 0;
        let mut looks = [Look::default(); LOOKS];
        for pairs in bounds.as_chunks::<2>().0.chunks(LOOKS) {
            for (pair, look) in pairs.iter().zip(&mut looks) {
                let (low, high, fits) = load_word(padded, pair, folds);
                // A word never begins with zeros, so a zero is not found in any slot that is taken.
                *look =
                    Look { low: if fits { low } else { 0 }, high, slot: (hash_pair(low, high) >> SLOT_SHIFT) as usize & mask };
            }
            for (pair, look) in pairs.iter().zip(&looks) {
                let slot = &mut slots[look.slot];
                let found = (slot.low == look.low) & (slot.high == look.high) & (look.low != 0);
                slot.count += u64::from(found);
                missed[misses] = *pair;
                misses += usize::from(!found);
            }
        }
        for pair in &missed[..misses] {
            let (low, high, fits) = load_word(padded, pair, folds);
            if fits {
                *self.inline_count_mut(low, high) += 1;
            } else {
                let word: Vec<u8> = padded[pair[0] as usize..pair[1] as usize].iter().map(|byte| byte | fold).collect();
                *self.long_count_mut(&word) += 1;
            }
        }
    }

    /// The number of places that [`CountTable::entry`] knows, empty ones included.
    pub fn places(&self) -> usize {
        self.slots.len() + self.long.len()
    }

    /// The key and count at a place, if there is one. Inline keys come in slot order, then long ones in order of insertion.
    #[inline]
    pub fn entry<'a>(&'a self, place: usize, scratch: &'a mut [u8; INLINE_BYTES]) -> Option<(&'a [u8], u64)> {
        if let Some(slot) = self.slots.get(place) {
            if slot.low | slot.high == 0 {
                return None;
            }
            let both = u128::from(slot.high) << 64 | u128::from(slot.low);
            *scratch = both.to_le_bytes();
            return Some((&scratch[..INLINE_BYTES - both.leading_zeros() as usize / 8], slot.count));
        }
        let long = &self.long[place - self.slots.len()];
        Some((&self.arena[long.start..long.start + long.len], long.count))
    }

    #[inline]
    fn inline_count_mut(&mut self, low: u64, high: u64) -> &mut u64 {
        let mut index = self.find(low, high);
        if self.slots[index].low | self.slots[index].high == 0 {
            if (self.used + 1) * 2 > self.slots.len() {
                self.grow();
                index = self.find(low, high);
            }
            self.used += 1;
            self.slots[index] = Slot { low, high, count: 0 };
        }
        &mut self.slots[index].count
    }

    /// The slot of a key, or the empty one where it belongs.
    #[inline]
    fn find(&self, low: u64, high: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut index = (hash_pair(low, high) >> SLOT_SHIFT) as usize & mask;
        loop {
            let slot = &self.slots[index];
            if ((slot.low == low) & (slot.high == high)) | (slot.low | slot.high == 0) {
                return index;
            }
            index = (index + 1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![Slot::default(); self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.low | slot.high != 0 {
                let index = self.find(slot.low, slot.high);
                self.slots[index] = slot;
            }
        }
    }

    #[cold]
    fn long_count_mut(&mut self, key: &[u8]) -> &mut u64 {
        let CountTable { long, long_index, arena, .. } = self;
        let at = |index: &usize| &arena[long[*index].start..long[*index].start + long[*index].len];
        let hash = key_hash(key);
        let index = match long_index.find(hash, |index| at(index) == key) {
            Some(index) => *index,
            None => {
                let index = long.len();
                long_index.insert_unique(hash, index, |index| key_hash(at(index)));
                long.push(LongKey { start: arena.len(), len: key.len(), count: 0 });
                arena.extend_from_slice(key);
                index
            }
        };
        &mut long[index].count
    }
}

/// Whether a key fits a slot: its padded form must tell its length.
fn is_inline(key: &[u8]) -> bool {
    key.len() <= INLINE_BYTES && key.last().is_some_and(|last| *last != 0)
}

/// A word of at most 16 bytes, folded and cut to its length; of a longer one its first 16 bytes and `false`.
#[inline(always)]
fn load_word(padded: &[u8], &[start, end]: &[u32; 2], fold: u64) -> (u64, u64, bool) {
    let len = (end - start) as usize;
    let bytes = padded[start as usize..].first_chunk().expect("a block is padded");
    let (low, high) = split_words(bytes);
    let (keep_low, keep_high) = KEEP[len.min(INLINE_BYTES)];
    ((low | fold) & keep_low, (high | fold) & keep_high, len <= INLINE_BYTES)
}

/// Masks that keep the first `n` bytes of a pair of words.
static KEEP: [(u64, u64); INLINE_BYTES + 1] = {
    let mut table = [(0, 0); INLINE_BYTES + 1];
    let mut len = 1;
    while len <= INLINE_BYTES {
        let both = u128::MAX >> (8 * (INLINE_BYTES - len));
        table[len] = (both as u64, (both >> 64) as u64);
        len += 1;
    }
    table
};

//! The distinct keys of some rows, numbered as they first come.
//!
//! A key is the byte row that Arrow's row format makes of its columns: equal keys have equal bytes, and the bytes order as the
//! values do, null first. So any columns are one key, and nothing is allocated for a row whose key is known.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, StringArray};
use arrow_row::{RowConverter, Rows, SortField};
use xxhash_rust::xxh3::xxh3_64;

use super::by_bytes::by_bytes;
use super::hash::key_hash;
use crate::expr::Type;

/// Keys as the bytes of the module, in the order in which they came.
pub(super) struct Keys {
    converter: RowConverter,
    rows: Rows,
}

impl Keys {
    pub fn new(types: &[Type]) -> Keys {
        let fields = types.iter().map(|of| SortField::new(of.arrow())).collect();
        let converter = RowConverter::new(fields).expect("every type of an expression has an order");
        let rows = converter.empty_rows(0, 0);
        Keys { converter, rows }
    }

    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Adds a key for each row of some columns.
    pub fn append(&mut self, keys: &[ArrayRef]) {
        let keys: Vec<ArrayRef> = keys.iter().map(canonical).collect();
        self.converter.append(&mut self.rows, &keys).expect("the columns have the types of the keys");
    }

    /// The keys ascending, each by its number and whether it is another than the one before.
    pub fn ascending(&self) -> impl Iterator<Item = (u32, bool)> {
        by_bytes(self.len(), |key| self.rows.row(key as usize).data())
    }

    /// Some of the keys, in that order, as columns.
    pub fn columns(&self, keys: &[u32]) -> Vec<ArrayRef> {
        let rows = keys.iter().map(|key| self.rows.row(*key as usize));
        self.converter.convert_rows(rows).expect("the rows are the converter's own")
    }
}

/// See the module.
pub(super) struct Groups {
    /// The keys of the rows at hand, made in the same place each time, and their hashes.
    scratch: Rows,
    scratch_hashes: Vec<u64>,
    keys: Keys,
    hashes: Vec<u64>,
    index: Index,
}

/// Rows that are looked up together, as many as the nearest cache has room for.
const TOGETHER: usize = 1 << 9;

impl Groups {
    pub fn new(types: &[Type]) -> Groups {
        let keys = Keys::new(types);
        let scratch = keys.converter.empty_rows(0, 0);
        Groups { scratch, scratch_hashes: Vec::new(), keys, hashes: Vec::new(), index: Index::new(FEWEST_PLACES) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The group of each row; `groups` is overwritten.
    pub fn assign(&mut self, keys: &[ArrayRef], groups: &mut Vec<u32>) {
        groups.clear();
        for rows in self.prepare(keys) {
            let first = groups.len();
            self.guess(rows, groups);
            for (row, group) in groups.iter_mut().enumerate().skip(first) {
                if *group == NONE {
                    *group = self.look_up(row).unwrap_or_else(|| self.insert(row));
                }
            }
        }
    }

    /// The group of each row whose key is known; a null is in no key that is looked for.
    pub fn find(&mut self, keys: &[ArrayRef], groups: &mut Vec<Option<u32>>) {
        groups.clear();
        let mut guessed = Vec::new();
        for rows in self.prepare(keys) {
            guessed.clear();
            self.guess(rows.clone(), &mut guessed);
            let found = |(row, group)| if group == NONE { self.look_up(row) } else { Some(group) };
            let whole = |row: usize| keys.iter().all(|key| key.is_valid(row));
            groups.extend(rows.zip(guessed.iter().copied()).map(|(row, group)| found((row, group)).filter(|_| whole(row))));
        }
    }

    /// Makes the keys of the rows at hand, and cuts these into those that are looked up together.
    fn prepare(&mut self, keys: &[ArrayRef]) -> impl Iterator<Item = Range<usize>> + use<> {
        let keys: Vec<ArrayRef> = keys.iter().map(canonical).collect();
        self.scratch.clear();
        self.keys.converter.append(&mut self.scratch, &keys).expect("the columns have the types of the keys");
        let hasher = Hasher::of(&keys);
        self.scratch_hashes.clear();
        self.scratch_hashes.extend(self.scratch.iter().enumerate().map(|(row, key)| hasher.hash(row, key.data())));
        let rows = self.scratch.num_rows();
        (0..rows).step_by(TOGETHER).map(move |first| first..rows.min(first + TOGETHER))
    }

    /// The groups of those rows that are found where they are looked for first, or beside it, [`NONE`] for the others. A table of many keys is in no
    /// near cache: no load here waits for one of another row, so that many are under way at once.
    fn guess(&self, rows: Range<usize>, groups: &mut Vec<u32>) {
        let mut places = [0; TOGETHER];
        let hashes = &self.scratch_hashes[rows.clone()];
        for (place, hash) in places.iter_mut().zip(hashes) {
            let first = self.index.first(*hash);
            let (own, next) = (self.index.places[first], self.index.places[self.index.next(first)]);
            *place = if (own ^ hash) >> 32 == 0 { own } else { next };
        }
        groups.extend(rows.zip(hashes).zip(places).map(|((row, hash), place)| match group_at(place, *hash) {
            Some(group) if self.is_key(group, row) => group,
            _ => NONE,
        }));
    }

    fn look_up(&self, row: usize) -> Option<u32> {
        let hash = self.scratch_hashes[row];
        let mut at = self.index.first(hash);
        while self.index.places[at] != 0 {
            match group_at(self.index.places[at], hash) {
                Some(group) if self.is_key(group, row) => return Some(group),
                _ => at = self.index.next(at),
            }
        }
        None
    }

    fn insert(&mut self, row: usize) -> u32 {
        let (group, hash) = (self.hashes.len() as u32, self.scratch_hashes[row]);
        self.keys.rows.push(self.scratch.row(row));
        self.hashes.push(hash);
        // At most half of the places are taken.
        if self.hashes.len() * 2 > self.index.places.len() {
            self.index = Index::new(self.index.places.len() * 2);
            self.hashes.iter().zip(0..).for_each(|(hash, group)| self.index.insert(*hash, group));
        } else {
            self.index.insert(hash, group);
        }
        group
    }

    #[inline]
    fn is_key(&self, group: u32, row: usize) -> bool {
        let (known, own) = (self.keys.rows.row(group as usize), self.scratch.row(row));
        let (known, own) = (known.data(), own.data());
        // To call what compares bytes takes longer than to compare two words, which may overlap.
        match own.len() {
            length if length != known.len() => false,
            8..=16 => own.first_chunk::<8>() == known.first_chunk() && own.last_chunk::<8>() == known.last_chunk(),
            17..=32 => own.first_chunk::<16>() == known.first_chunk() && own.last_chunk::<16>() == known.last_chunk(),
            _ => own == known,
        }
    }

    /// The hash of a group's key, which chooses its partition.
    pub fn hash(&self, group: usize) -> u64 {
        self.hashes[group]
    }

    /// The groups by their keys ascending.
    pub fn ascending(&self) -> Vec<u32> {
        self.keys.ascending().map(|(group, _)| group).collect()
    }

    /// The keys of all groups, each by the number of its group.
    pub fn into_keys(self) -> Keys {
        self.keys
    }

    /// The keys of some groups, in that order, as columns.
    pub fn columns(&self, groups: &[u32]) -> Vec<ArrayRef> {
        self.keys.columns(groups)
    }
}

/// Where the groups are found: a table of places that are probed one after the other.
struct Index {
    /// The upper half of the hash of a group's key and, in the lower one, its number and one; 0: there is none.
    places: Vec<u64>,
    shift: u32,
}

/// No group.
const NONE: u32 = u32::MAX;

/// Places of a table to begin with: as many as fit into the nearest cache.
const FEWEST_PLACES: usize = 1 << 12;

impl Index {
    /// With so many places, a power of two.
    fn new(places: usize) -> Index {
        Index { places: vec![0; places], shift: u64::BITS - places.ilog2() }
    }

    /// Where a hash is looked for first. All hashes of a task may have the same remainder, which says nothing then.
    #[inline]
    fn first(&self, hash: u64) -> usize {
        (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    fn insert(&mut self, hash: u64, group: u32) {
        let mut at = self.first(hash);
        while self.places[at] != 0 {
            at = self.next(at);
        }
        self.places[at] = (hash >> 32 << 32) | (u64::from(group) + 1);
    }
}

/// The group at a place, if its hash may be this one.
#[inline]
fn group_at(place: u64, hash: u64) -> Option<u32> {
    ((place ^ hash) >> 32 == 0).then(|| (place as u32).checked_sub(1))?
}

/// The hash of each row's key, as [`Groups::hash`] has it.
pub(super) struct KeyHasher(Keys);

impl KeyHasher {
    pub fn new(types: &[Type]) -> KeyHasher {
        KeyHasher(Keys::new(types))
    }

    pub fn hashes(&mut self, keys: &[ArrayRef]) -> Vec<u64> {
        // Made in the same place each time.
        self.0.rows.clear();
        self.0.append(keys);
        let hasher = Hasher::of(keys);
        self.0.rows.iter().enumerate().map(|(index, row)| hasher.hash(index, row.data())).collect()
    }
}

/// Hashes keys. A single text has the hash of its own bytes, by which words are placed in their partitions too.
struct Hasher<'k> {
    texts: Option<&'k StringArray>,
}

impl Hasher<'_> {
    fn of(keys: &[ArrayRef]) -> Hasher<'_> {
        let texts = match keys {
            [key] => key.as_string_opt::<i32>(),
            _ => None,
        };
        Hasher { texts }
    }

    #[inline]
    fn hash(&self, row: usize, bytes: &[u8]) -> u64 {
        match self.texts {
            Some(texts) if texts.is_valid(row) => key_hash(texts.value(row).as_bytes()),
            _ => xxh3_64(bytes),
        }
    }
}

/// Floats that are equal as SQL has it have one key: there is one zero, and one NaN.
pub(super) fn canonical(column: &ArrayRef) -> ArrayRef {
    let Some(floats) = column.as_primitive_opt::<Float64Type>() else { return column.clone() };
    let one = |value: f64| {
        if value == 0.0 {
            0.0
        } else if value.is_nan() {
            f64::NAN
        } else {
            value
        }
    };
    let floats: Float64Array = floats.unary(one);
    Arc::new(floats) as Arc<dyn Array>
}

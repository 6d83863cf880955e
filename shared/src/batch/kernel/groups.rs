//! The distinct keys of some rows, numbered as they first come.
//!
//! A key is the byte row that Arrow's row format makes of its columns: equal keys have equal bytes, and the bytes order as the
//! values do, null first. So any columns are one key, and nothing is allocated for a row whose key is known.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, StringArray};
use arrow_row::{RowConverter, Rows, SortField};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::by_bytes::by_bytes;
use super::hash::key_hash;
use crate::expr::Type;

/// See the module.
pub(super) struct Groups {
    converter: RowConverter,
    /// The keys of the rows at hand, made in the same place each time.
    scratch: Rows,
    keys: Rows,
    hashes: Vec<u64>,
    index: HashTable<u32>,
}

impl Groups {
    pub fn new(types: &[Type]) -> Groups {
        let fields = types.iter().map(|of| SortField::new(of.arrow())).collect();
        let converter = RowConverter::new(fields).expect("every type of an expression has an order");
        let (scratch, keys) = (converter.empty_rows(0, 0), converter.empty_rows(0, 0));
        Groups { converter, scratch, keys, hashes: Vec::new(), index: HashTable::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The group of each row; `groups` is overwritten.
    pub fn assign(&mut self, keys: &[ArrayRef], groups: &mut Vec<u32>) {
        groups.clear();
        let keys: Vec<ArrayRef> = keys.iter().map(canonical).collect();
        self.scratch.clear();
        self.converter.append(&mut self.scratch, &keys).expect("the columns have the types of the keys");
        let hasher = Hasher::of(&keys);
        for (index, row) in self.scratch.iter().enumerate() {
            let bytes = row.data();
            let hash = hasher.hash(index, bytes);
            let (keys, hashes) = (&self.keys, &self.hashes);
            let found = self.index.find(hash, |group| keys.row(*group as usize).data() == bytes).copied();
            groups.push(found.unwrap_or_else(|| {
                let group = hashes.len() as u32;
                self.index.insert_unique(hash, group, |group| hashes.get(*group as usize).copied().unwrap_or(hash));
                group
            }));
            if found.is_none() {
                self.keys.push(row);
                self.hashes.push(hash);
            }
        }
    }

    /// The group of each row whose key is known; a null is in no key that is looked for.
    pub fn find(&mut self, keys: &[ArrayRef], groups: &mut Vec<Option<u32>>) {
        groups.clear();
        let keys: Vec<ArrayRef> = keys.iter().map(canonical).collect();
        self.scratch.clear();
        self.converter.append(&mut self.scratch, &keys).expect("the columns have the types of the keys");
        let (known, hasher) = (&self.keys, Hasher::of(&keys));
        for (index, row) in self.scratch.iter().enumerate() {
            let bytes = row.data();
            let whole = keys.iter().all(|key| key.is_valid(index));
            let found = self.index.find(hasher.hash(index, bytes), |group| known.row(*group as usize).data() == bytes);
            groups.push(found.copied().filter(|_| whole));
        }
    }

    /// The hash of a group's key, which chooses its partition.
    pub fn hash(&self, group: usize) -> u64 {
        self.hashes[group]
    }

    /// The groups by their keys ascending.
    pub fn ascending(&self) -> Vec<u32> {
        by_bytes(self.len(), |group| self.keys.row(group as usize).data())
    }

    /// The keys of some groups, in that order, as columns.
    pub fn columns(&self, groups: &[u32]) -> Vec<ArrayRef> {
        let rows = groups.iter().map(|group| self.keys.row(*group as usize));
        self.converter.convert_rows(rows).expect("the rows are the converter's own")
    }
}

/// The hash of each row's key, as [`Groups::hash`] has it.
pub(super) struct KeyHasher(RowConverter);

impl KeyHasher {
    pub fn new(types: &[Type]) -> KeyHasher {
        let fields = types.iter().map(|of| SortField::new(of.arrow())).collect();
        KeyHasher(RowConverter::new(fields).expect("every type of an expression has an order"))
    }

    pub fn hashes(&self, keys: &[ArrayRef]) -> Vec<u64> {
        let keys: Vec<ArrayRef> = keys.iter().map(canonical).collect();
        let rows = self.0.convert_columns(&keys).expect("the columns have the types of the keys");
        let hasher = Hasher::of(&keys);
        rows.iter().enumerate().map(|(index, row)| hasher.hash(index, row.data())).collect()
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

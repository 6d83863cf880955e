//! The distinct keys of some rows, numbered as they first come.
//!
//! A key is the byte row that Arrow's row format makes of its columns: equal keys have equal bytes, and the bytes order as the
//! values do, null first. So any columns are one key, and nothing is allocated for a row whose key is known.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array};
use arrow_row::{RowConverter, Rows, SortField};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

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
        for (index, row) in self.scratch.iter().enumerate() {
            let bytes = row.data();
            let hash = hash_of(&keys, index, bytes);
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
        let known = &self.keys;
        for (index, row) in self.scratch.iter().enumerate() {
            let bytes = row.data();
            let whole = keys.iter().all(|key| key.is_valid(index));
            let found = self.index.find(hash_of(&keys, index, bytes), |group| known.row(*group as usize).data() == bytes);
            groups.push(found.copied().filter(|_| whole));
        }
    }

    /// The hash of a group's key, which chooses its partition.
    pub fn hash(&self, group: usize) -> u64 {
        self.hashes[group]
    }

    /// The groups by their keys ascending.
    pub fn ascending(&self) -> Vec<u32> {
        let mut order: Vec<(u64, u32)> =
            (0..self.len()).map(|group| (prefix(self.keys.row(group).data()), group as u32)).collect();
        let key = |group: u32| self.keys.row(group as usize);
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(&key(b.1))));
        order.into_iter().map(|(_, group)| group).collect()
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
        rows.iter().enumerate().map(|(index, row)| hash_of(&keys, index, row.data())).collect()
    }
}

/// The hash of a key. A single text has that of its own bytes, by which words are placed in their partitions too.
fn hash_of(keys: &[ArrayRef], row: usize, bytes: &[u8]) -> u64 {
    match keys {
        [key] => match key.as_string_opt::<i32>().filter(|key| key.is_valid(row)) {
            Some(texts) => key_hash(texts.value(row).as_bytes()),
            None => xxh3_64(bytes),
        },
        _ => xxh3_64(bytes),
    }
}

/// The first eight bytes as a number that orders like them.
pub(super) fn prefix(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = bytes.len().min(8);
    first[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(first)
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

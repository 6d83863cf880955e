//! The different values of each group, exactly: `count(distinct x)` and `list_distinct`.
//!
//! A value is kept as bytes, in one arena for all groups, and found by the hash of its group and its bytes.

use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMicrosecondType, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::gather::{lists, unpack};
use super::{GroupedAccumulator, bounded, check};
use crate::expr::{RowError, Type, Value};

pub(super) struct Distinct {
    of: Type,
    /// Whether their number is wanted, or they themselves.
    count: bool,
    table: HashTable<u32>,
    /// In the order in which they came: the group and where the bytes end.
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    counts: Vec<i64>,
}

#[derive(Clone, Copy)]
struct Entry {
    group: u32,
    hash: u64,
    start: usize,
    end: usize,
}

impl Distinct {
    pub fn new(of: Type, count: bool) -> Distinct {
        let (table, entries, bytes, counts) = (HashTable::new(), Vec::new(), Vec::new(), Vec::new());
        Distinct { of, count, table, entries, bytes, counts }
    }

    fn add(&mut self, groups: &[u32], group_count: usize, array: &ArrayRef) {
        self.counts.resize(self.counts.len().max(group_count), 0);
        each_key(&self.of, array, |row, key| {
            let group = groups[row];
            let hash = xxh3_64_with_seed(key, u64::from(group));
            let (entries, bytes) = (&self.entries, &self.bytes);
            let same = |index: &u32| {
                let entry = entries[*index as usize];
                entry.group == group && &bytes[entry.start..entry.end] == key
            };
            if self.table.find(hash, same).is_some() {
                return;
            }
            let index = self.entries.len() as u32;
            let start = self.bytes.len();
            self.bytes.extend_from_slice(key);
            self.entries.push(Entry { group, hash, start, end: self.bytes.len() });
            let entries = &self.entries;
            self.table.insert_unique(hash, index, |index| entries[*index as usize].hash);
            self.counts[group as usize] += 1;
        });
    }

    fn lists(&self) -> Result<ArrayRef, RowError> {
        bounded(self.bytes.len().max(self.entries.len()))?;
        let mut offsets = vec![0];
        offsets.extend(self.counts.iter().scan(0, |end, count| {
            *end += *count as usize;
            Some(*end)
        }));
        let mut next = offsets.clone();
        let mut values = vec![Value::Null; self.entries.len()];
        for entry in &self.entries {
            let place = &mut next[entry.group as usize];
            values[*place] = value_of_key(&self.of, &self.bytes[entry.start..entry.end]);
            *place += 1;
        }
        Ok(lists(&self.of, self.of.array(&values), &offsets))
    }
}

impl GroupedAccumulator for Distinct {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        let array = &check(arguments, std::slice::from_ref(&self.of), groups.len())?[0];
        self.add(groups, group_count, array);
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        let states = check(states, &[self.of.clone().list()], groups.len())?;
        let (values, groups) = unpack(states[0].as_list(), groups);
        self.add(&groups, group_count, &values);
        Ok(())
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        Ok(vec![self.lists()?])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        if self.count { Ok(Type::Int64.whole(self.counts.clone(), None)) } else { self.lists() }
    }

    fn size(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<Entry>() + self.table.capacity() * size_of::<u32>();
        entries + self.bytes.capacity() + self.counts.capacity() * size_of::<i64>()
    }
}

/// Hands over the rows that are not null and the bytes of their values, equal for equal values. `of` is no list.
pub(super) fn each_key(of: &Type, array: &ArrayRef, mut take: impl FnMut(usize, &[u8])) {
    let rows = (0..array.len()).filter(|row| array.is_valid(*row));
    let values = match of {
        Type::Utf8 => {
            let texts = array.as_string::<i32>();
            return rows.for_each(|row| take(row, texts.value(row).as_bytes()));
        }
        Type::Boolean => {
            let values = array.as_boolean();
            return rows.for_each(|row| take(row, &[u8::from(values.value(row))]));
        }
        Type::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            // One zero and one NaN, as the comparisons have it.
            let bits = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 }.to_bits();
            return rows.for_each(|row| take(row, &bits(values.value(row)).to_le_bytes()));
        }
        Type::Timestamp => array.as_primitive::<TimestampMicrosecondType>().values(),
        Type::Interval => array.as_primitive::<DurationMicrosecondType>().values(),
        _ => array.as_primitive::<Int64Type>().values(),
    };
    rows.for_each(|row| take(row, &values[row].to_le_bytes()));
}

/// The value that these bytes are the key of.
fn value_of_key(of: &Type, key: &[u8]) -> Value {
    let bits = || key.try_into().map_or(0, u64::from_le_bytes);
    match of {
        Type::Boolean => Value::Boolean(key == [1]),
        Type::Float64 => Value::Float64(f64::from_bits(bits())),
        Type::Utf8 => Value::Utf8(String::from_utf8_lossy(key).into()),
        Type::Timestamp => Value::Timestamp(bits() as i64),
        Type::Interval => Value::Interval(bits() as i64),
        Type::Int64 | Type::List(_) => Value::Int64(bits() as i64),
    }
}

//! The reference: one plain pass over the whole input, without splits, combiner, shuffle or the fast paths of a map task.
//!
//! A distributed run has to give the same rows byte for byte (DESIGN §6.6). So this shares with it only what defines the answer:
//! the expressions, the rule for lines, the hash, and the table of the result.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::StringArray;
use hashbrown::HashTable;

use super::KernelError;
use super::hash::{key_hash, partition_of};
use super::rows::RowWriter;
use super::steps::{Shape, Steps, all_true, lines};
use crate::batch::{Counters, Payload, Plan, Source, Table};
use crate::expr::Value;
use crate::expr::text::each_word;
use crate::limits::{LINE_BYTES_MAX, SLICE_BYTES};

/// Runs a plan over a source in one pass.
pub fn sequential(plan: &Arc<Plan>, source: &mut dyn Source) -> Result<Table, KernelError> {
    let mut groups = Groups::default();
    let mut mapper = LineMapper::new(plan);
    let (len, mut offset) = (source.len(), 0);
    let mut buffer: Vec<u8> = Vec::new();
    while offset < len {
        let left = buffer.len();
        let wanted = (len - offset).min(SLICE_BYTES as u64) as usize;
        buffer.resize(left + wanted, 0);
        let got = source.read_at(offset, &mut buffer[left..])?;
        if got < wanted {
            return Err(KernelError::Shrunk { expected: len, found: offset + got as u64 });
        }
        offset += wanted as u64;
        let whole = match memchr::memrchr(b'\n', &buffer[left..]) {
            _ if offset == len => buffer.len(),
            Some(newline) => left + newline + 1,
            None => 0,
        };
        mapper.map(&buffer[..whole], &mut groups)?;
        buffer.drain(..whole);
        if buffer.len() > LINE_BYTES_MAX {
            return Err(KernelError::LineTooLong { at: offset - buffer.len() as u64 });
        }
    }
    mapper.finish(plan, groups)
}

/// Counts by key, in a map whose order nobody sees.
#[derive(Default)]
struct Groups(HashTable<(Box<str>, u64)>);

impl Groups {
    fn add(&mut self, key: &str) {
        let hash = key_hash(key.as_bytes());
        let entry = self.0.entry(hash, |(known, _)| **known == *key, |(known, _)| key_hash(known.as_bytes()));
        entry.or_insert_with(|| (key.into(), 0)).get_mut().1 += 1;
    }
}

/// Words need no row of values each; any other plan goes through its steps.
enum LineMapper {
    Words { lower: bool, filters: super::steps::KeyFilters },
    Rows(Steps),
}

impl LineMapper {
    fn new(plan: &Arc<Plan>) -> LineMapper {
        match Shape::of(plan) {
            Shape::Words { lower, filters } => LineMapper::Words { lower, filters },
            Shape::Other => LineMapper::Rows(Steps::new(plan.clone())),
        }
    }

    fn map(&mut self, bytes: &[u8], groups: &mut Groups) -> Result<(), KernelError> {
        match self {
            LineMapper::Words { lower, .. } => {
                for line in lines(bytes) {
                    let text = String::from_utf8_lossy(line);
                    let text = if *lower { text.to_lowercase().into() } else { text };
                    each_word(&text).for_each(|word| groups.add(word));
                }
                Ok(())
            }
            LineMapper::Rows(steps) => steps.map_lines(bytes, &mut Counters::default(), |key| {
                groups.add(std::str::from_utf8(key).expect("a key is a text"));
            }),
        }
    }

    fn finish(self, plan: &Arc<Plan>, groups: Groups) -> Result<Table, KernelError> {
        let filters = match self {
            LineMapper::Words { filters, .. } => Some(filters),
            LineMapper::Rows(_) => None,
        };
        let mut partitions = vec![BTreeMap::new(); plan.partitions.max(1) as usize];
        for (key, count) in groups.0 {
            partitions[partition_of(key_hash(key.as_bytes()), plan.partitions)].insert(key, count);
        }
        let mut payloads = Vec::new();
        for partition in partitions {
            let mut rows = RowWriter::default();
            let words = StringArray::from_iter_values(partition.keys());
            let kept = filters.as_ref().map(|filters| filters.keep(&words)).transpose()?;
            for (index, (key, count)) in partition.into_iter().enumerate() {
                if kept.as_ref().is_some_and(|kept| !kept.value(index)) {
                    continue;
                }
                let mut row = vec![Value::Utf8(Arc::from(&*key))];
                row.resize(1 + plan.reduce.values.len(), Value::Int64(i64::try_from(count).unwrap_or(i64::MAX)));
                if all_true(&plan.having, &row, "a filter after the reduce", &key)? {
                    rows.push(key.as_bytes(), count);
                }
            }
            payloads.push(Payload::new(rows.into_bytes()));
        }
        Table::new(plan, payloads)
    }
}

//! The reference: one plain pass over the whole input, without combiner, shuffle or the fast paths of a map task.
//!
//! A distributed run has to give the same rows byte for byte (DESIGN §6.6). So this shares with it only what defines the answer:
//! the expressions, the rule for lines, the hash, and the table of the result.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use hashbrown::HashTable;

use super::KernelError;
use super::aggregation::Aggregation;
use super::batch::{Batch, StepError};
use super::columns::{RecordMapper, after, column_types, finished, together, unfinished};
use super::hash::{key_hash, partition_of};
use super::reader::{Cut, SplitReader};
use super::steps::{KeyFilters, Shape, lines};
use crate::batch::{Counters, Plan, Source, Split, Table};
use crate::expr::text::each_word;
use crate::limits::{LINE_BYTES_MAX, SLICE_BYTES};

/// Runs a plan over a source in one pass. The splits matter to sums of floats only, whose roundings follow the order of additions:
/// what each split comes to is added up in their order, as a distributed run does.
pub fn sequential(plan: &Arc<Plan>, splits: &[Split], source: &mut dyn Source) -> Result<Table, KernelError> {
    match Shape::of(plan) {
        Shape::Words { lower, filters, having } => words(plan, lower, &filters, &having, source),
        Shape::Other => columns(plan, splits, source),
    }
}

fn columns(plan: &Arc<Plan>, splits: &[Split], source: &mut dyn Source) -> Result<Table, KernelError> {
    let Some(reduce) = &plan.reduce else { return rows(plan, splits, source) };
    let mut whole = Aggregation::new(reduce);
    for split in splits {
        let mut part = Aggregation::new(reduce);
        each_batch(plan, *split, source, |batch| part.update(&batch))?;
        let groups: Vec<u32> = (0..part.len() as u32).collect();
        let states = part.states(&groups, &part.all_states().map_err(|error| unfinished(error, None))?);
        whole.merge(&states).map_err(|(what, error)| KernelError::Record {
            place: "the rows of a key".to_owned(),
            message: format!("`{what}` failed: {}", error.message),
        })?;
    }
    let mut partitions = vec![Vec::new(); plan.partitions.max(1) as usize];
    for group in whole.ascending() {
        partitions[whole.partition(group, plan.partitions)].push(group);
    }
    let all = finished(&whole)?;
    let batches: Vec<Batch> = partitions.iter().map(|groups| after(plan, &all, groups)).collect::<Result<_, _>>()?;
    let rows = batches.iter().map(|batch| batch.rows).sum();
    Ok(Table::of(plan, together(&column_types(plan), batches.into_iter().map(|batch| batch.columns)), rows))
}

/// Without a reduction: the rows in the input's order.
fn rows(plan: &Arc<Plan>, splits: &[Split], source: &mut dyn Source) -> Result<Table, KernelError> {
    let mut batches = Vec::new();
    for split in splits {
        each_batch(plan, *split, source, |batch| {
            batches.push(batch);
            Ok(())
        })?;
    }
    let rows = batches.iter().map(|batch| batch.rows).sum();
    Ok(Table::of(plan, together(&column_types(plan), batches.into_iter().map(|batch| batch.columns)), rows))
}

fn each_batch(
    plan: &Plan,
    split: Split,
    source: &mut dyn Source,
    mut take: impl FnMut(Batch) -> Result<(), StepError>,
) -> Result<(), KernelError> {
    let mut reader = SplitReader::new(split, source.len(), Cut::Line);
    let mut mapper = RecordMapper::new(plan);
    while let Some(block) = reader.next(source)? {
        mapper.map(&block, source, &mut Counters::default(), &mut take)?;
    }
    Ok(())
}

/// Words need no columns.
fn words(
    plan: &Arc<Plan>,
    lower: bool,
    filters: &KeyFilters,
    having: &KeyFilters,
    source: &mut dyn Source,
) -> Result<Table, KernelError> {
    let mut groups = Groups::default();
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
        for line in lines(&buffer[..whole]) {
            let text = String::from_utf8_lossy(line);
            let text = if lower { text.to_lowercase().into() } else { text };
            each_word(&text).for_each(|word| groups.add(word));
        }
        buffer.drain(..whole);
        if buffer.len() > LINE_BYTES_MAX {
            return Err(KernelError::LineTooLong { at: offset - buffer.len() as u64 });
        }
    }
    groups.finish(plan, filters, having)
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

    fn finish(self, plan: &Arc<Plan>, filters: &KeyFilters, having: &KeyFilters) -> Result<Table, KernelError> {
        let mut partitions = vec![BTreeMap::new(); plan.partitions.max(1) as usize];
        for (key, count) in self.0 {
            partitions[partition_of(key_hash(key.as_bytes()), plan.partitions)].insert(key, count);
        }
        let values = plan.columns.len() - 1;
        let (mut keys, mut counts) = (Vec::new(), Vec::new());
        for partition in partitions {
            let words = || StringArray::from_iter_values(partition.keys());
            let kept = filters.words(words)?;
            let mut index = 0;
            let partition: Vec<_> = partition
                .iter()
                .filter(|_| {
                    index += 1;
                    kept.as_ref().is_none_or(|kept| kept.value(index - 1))
                })
                .collect();
            let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let kept = having.rows(values, || {
                let keys = StringArray::from_iter_values(partition.iter().map(|(key, _)| key));
                (keys, Int64Array::from_iter_values(partition.iter().map(|(_, of)| count(**of))))
            })?;
            for (index, (key, of)) in partition.into_iter().enumerate() {
                if kept.as_ref().is_none_or(|kept| kept.value(index)) {
                    keys.push(key.clone());
                    counts.push(count(*of));
                }
            }
        }
        let rows = keys.len();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(keys))];
        columns.resize(1 + values, Arc::new(Int64Array::from(counts)));
        Ok(Table::of(plan, columns, rows))
    }
}

//! The reference: one plain pass over the whole input, without combiner, shuffle or the fast paths of a map task.
//!
//! A distributed run has to give the same rows byte for byte (DESIGN §6.6). So this shares with it only what defines the answer:
//! the expressions, the rule for lines, the hash, and the table of the result.

use std::collections::BTreeMap;
use std::mem::replace;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use hashbrown::HashTable;

use super::KernelError;
use super::aggregation::{Aggregation, mapped, single_states};
use super::batch::{Batch, Pipeline, StepError};
use super::columns::RecordMapper;
use super::combiner::{PROBE_ROWS, gives_up};
use super::emit::first;
use super::gather::{unfinished, unmerged, whole};
use super::groups::KeyHasher;
use super::hash::{key_hash, partition_of};
use super::join::Pairs;
use super::order::sorted;
use super::ranges::{Ranges, Sampler, boundaries, sample_types};
use super::steps::{KeyFilters, Shape, Words, lines};
use crate::batch::timing::SKIPPED_RECORDS_MAX;
use crate::batch::{Counters, Emit, Gather, Job, Plan, Reduce, Source, Stage, Table};
use crate::expr::Type;
use crate::expr::text::each_word;
use crate::id::TaskId;
use crate::limits::{LINE_BYTES_MAX, SLICE_BYTES};

/// Runs a job's plan over a source in one pass. Its splits matter to sums of floats only, whose roundings follow the order of
/// additions: what each task comes to is added up in their order, as a distributed run does.
pub fn sequential(job: &Job, source: &mut dyn Source) -> Result<Table, KernelError> {
    match Shape::of(&job.plan) {
        Shape::Words { words: Words { lower, filters }, having, .. } => words(job, lower, &filters, &having, source),
        Shape::Other => columns(job, source),
    }
}

/// What the tasks of a stage come to, in order.
enum Left {
    Rows(Vec<Batch>),
    /// What travels to a reduction: partial states, or what its aggregates are of.
    Reduced(Vec<Vec<ArrayRef>>),
}

fn columns(job: &Job, source: &mut dyn Source) -> Result<Table, KernelError> {
    let plan = &job.plan;
    let mut left: Vec<Left> = Vec::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        left.push(match stage.gather {
            Gather::Read(input) => read(job, index, input, source)?,
            _ => {
                let steps = Pipeline::new(&stage.steps, stage.width, 0..stage.types.len());
                let rows = gathered(job, stage, &left)?.into_iter();
                let rows = rows.map(|batch| {
                    let key = batch.columns.first().cloned();
                    steps.run(batch).map_err(|error| unfinished(error, key.as_ref()))
                });
                let rows = rows.collect::<Result<Vec<_>, _>>()?;
                match &stage.emit {
                    Emit::Reduced(reduce) => {
                        let mut left = Vec::new();
                        for rows in rows {
                            let mut task = Reduced::new(reduce);
                            task.take(&rows).map_err(|error| unfinished(error, None))?;
                            left.extend(task.finish()?);
                        }
                        Left::Reduced(left)
                    }
                    _ => Left::Rows(rows),
                }
            }
        });
    }
    let results = left.into_iter().enumerate().filter(|(stage, _)| plan.is_last(*stage));
    let rows = results.flat_map(|(_, left)| match left {
        Left::Rows(rows) => rows,
        Left::Reduced(_) => Vec::new(),
    });
    let types: Vec<Type> = plan.columns.iter().map(|column| column.data_type.clone()).collect();
    let all = whole(&types, rows.collect())?;
    Ok(Table::of(plan, all.columns, all.rows))
}

/// The records of an input, a task for each split.
fn read(job: &Job, index: usize, input: usize, source: &mut dyn Source) -> Result<Left, KernelError> {
    let (plan, stage) = (&job.plan, &job.plan.stages[index]);
    let (mut states, mut rows) = (Vec::new(), Vec::new());
    for task in job.tasks(index) {
        let TaskId::Map(number) = task else { continue };
        let mut skip = Vec::new();
        let (kept, batches) = loop {
            match split_rows(job, stage, input, number, source, &skip) {
                Ok(rows) => break rows,
                // Everybody who runs the task stops at the same records, one after the other.
                Err(KernelError::Record { at: Some(at), .. }) if plan.skip_bad_records && skip.len() < SKIPPED_RECORDS_MAX => {
                    skip.push(at);
                }
                Err(error) => return Err(error),
            }
        };
        match &stage.emit {
            Emit::Reduced(_) => states.extend(kept.map(Reduced::finish).transpose()?.into_iter().flatten()),
            _ => rows.push(whole(&stage.types, batches)?),
        }
    }
    Ok(match stage.emit {
        Emit::Reduced(_) => Left::Reduced(states),
        _ => Left::Rows(rows),
    })
}

/// What a split comes to: what it gives to a reduction, or its rows.
fn split_rows<'j>(
    job: &'j Job,
    stage: &'j Stage,
    input: usize,
    number: u32,
    source: &mut dyn Source,
    skip: &[u64],
) -> Result<(Option<Reduced<'j>>, Vec<Batch>), KernelError> {
    let mut mapper = RecordMapper::new(job, stage, input, job.splits[number as usize], skip);
    let (mut kept, mut batches) = (None, Vec::new());
    let mut take = |batch: Batch| {
        match &stage.emit {
            Emit::Reduced(reduce) => kept.get_or_insert_with(|| Reduced::new(reduce)).take(&batch)?,
            _ => batches.push(batch),
        }
        Ok(())
    };
    while !mapper.map(source, &mut Counters::default(), &mut take)? {}
    Ok((kept, batches))
}

/// The rows that a stage's tasks gather, a batch for each.
fn gathered(job: &Job, stage: &Stage, left: &[Left]) -> Result<Vec<Batch>, KernelError> {
    let plan = &job.plan;
    let partitions = plan.partitions.max(1) as usize;
    let rows = |of: usize| match &left[of] {
        Left::Rows(rows) => &rows[..],
        Left::Reduced(_) => &[],
    };
    let all = |of: usize| whole(&plan.stages[of].types, rows(of).to_vec());
    match &stage.gather {
        Gather::Read(_) => Ok(Vec::new()),
        Gather::Reduce { of, reduce } => {
            let mut kept = Aggregation::new(reduce);
            let Left::Reduced(left) = &left[*of] else { return Ok(Vec::new()) };
            for left in left {
                let added = if reduce.combine { kept.merge(left) } else { kept.add(left) };
                added.map_err(|(what, error)| unmerged(what, &error))?;
            }
            let mut place = vec![0; kept.len()];
            for (partition, groups) in
                kept.partitions(plan.partitions).map_err(|error| unfinished(error, None))?.iter().enumerate()
            {
                groups.iter().for_each(|group| place[*group as usize] = partition);
            }
            let mut partitions = vec![Vec::new(); partitions];
            kept.ascending().into_iter().for_each(|group| partitions[place[group as usize]].push(group));
            partitions.into_iter().map(|groups| kept.finish(&groups).map_err(|error| unfinished(error, None))).collect()
        }
        Gather::Join { left: of_left, right: of_right, join } => {
            let side = |of: usize, keys: &[usize]| {
                let rows = all(of)?;
                let keys: Vec<_> = keys.iter().map(|key| rows.columns[*key].clone()).collect();
                let mut partitions = vec![Vec::new(); partitions];
                for (row, hash) in KeyHasher::new(&join.key_types).hashes(&keys).into_iter().enumerate() {
                    partitions[partition_of(hash, plan.partitions)].push(row as u32);
                }
                Ok::<_, KernelError>(partitions.into_iter().map(move |partition| rows.taken(&partition.into())))
            };
            let sides = side(*of_left, &join.left_keys)?.zip(side(*of_right, &join.right_keys)?);
            let joined = sides.map(|(left, right)| {
                whole(&gathered_types(plan, stage), Pairs::new(join, left, right).pieces(usize::MAX).collect())
            });
            joined.collect()
        }
        Gather::Rows { of, sort, limit } => match &plan.stages[*of].emit {
            Emit::InOrder => {
                let mut partitions = vec![Vec::new(); partitions];
                for (task, rows) in job.tasks(*of).zip(rows(*of)) {
                    let TaskId::Map(number) = task else { continue };
                    partitions[job.partition_of_split(job.splits[number as usize])].push(rows.clone());
                }
                partitions.into_iter().map(|rows| whole(&plan.stages[*of].types, rows)).collect()
            }
            Emit::Ranged { sort } => {
                let types = &plan.stages[*of].types;
                let all = all(*of)?;
                let samples = rows(*of).iter().map(|rows| {
                    let mut sampler = Sampler::new(types.clone());
                    sampler.see(rows)?;
                    sampler.finish()
                });
                let samples = whole(&sample_types(types), samples.collect::<Result<Vec<_>, _>>()?)?;
                let boundaries = boundaries(&samples, sort, plan.partitions);
                let all = all.taken(&sorted(&all.columns, all.rows, sort, None).into());
                // How many rows are in each range; which ones, the order of all rows says alone.
                let ranges = Ranges::new(&boundaries.columns, types, sort).divide(&all, plan.partitions);
                let mut from = 0;
                let next = |rows: Vec<u32>| {
                    let range = all.part(from, rows.len());
                    from += rows.len();
                    range
                };
                Ok(ranges.into_iter().map(next).collect())
            }
            _ => Ok(vec![first(&plan.stages[*of].types, rows(*of).to_vec(), sort, *limit)?]),
        },
        // Where a range begins is worked out where the rows are sorted.
        Gather::Samples { .. } => Ok(vec![Batch::new(stage.types.iter().map(Type::empty).collect(), 0)]),
        Gather::Sampled { of, .. } => Ok(rows(*of).to_vec()),
    }
}

/// The types of the rows that a join gives.
fn gathered_types(plan: &Plan, stage: &Stage) -> Vec<Type> {
    let Gather::Join { left, right, join } = &stage.gather else { return Vec::new() };
    let right = join.right_columns.iter().map(|column| plan.stages[*right].types[*column].clone());
    plan.stages[*left].types.iter().cloned().chain(right).collect()
}

/// What one task gives to a reduction. Its roundings are those of the combiner, which may have given up.
struct Reduced<'r> {
    reduce: &'r Reduce,
    rows: usize,
    kept: Aggregation,
    gone: Vec<Vec<ArrayRef>>,
    /// Rows are states by themselves.
    loose: bool,
}

impl Reduced<'_> {
    fn new(reduce: &Reduce) -> Reduced<'_> {
        Reduced { reduce, rows: 0, kept: Aggregation::new(reduce), gone: Vec::new(), loose: false }
    }

    fn take(&mut self, batch: &Batch) -> Result<(), StepError> {
        if !self.reduce.combine {
            self.gone.push(mapped(self.reduce, batch)?);
            return Ok(());
        }
        let first = PROBE_ROWS.saturating_sub(self.rows).min(batch.rows);
        self.kept.update(&batch.part(0, first))?;
        self.rows += batch.rows;
        if first > 0 && self.rows >= PROBE_ROWS && gives_up(self.kept.len()) {
            let kept = replace(&mut self.kept, Aggregation::new(self.reduce));
            self.gone.push(partial(&kept)?);
            self.loose = true;
        }
        let rest = batch.part(first, batch.rows - first);
        if !self.loose {
            return self.kept.update(&rest);
        }
        let rows = Batch::new(mapped(self.reduce, &rest)?, rest.rows);
        let states = single_states(self.reduce, &rows).map_err(|(what, error)| rest.error(format!("`{what}`"), error))?;
        self.gone.push(states);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Vec<ArrayRef>>, KernelError> {
        if self.reduce.combine && !self.loose {
            self.gone.push(partial(&self.kept).map_err(|error| unfinished(error, None))?);
        }
        Ok(self.gone)
    }
}

fn partial(kept: &Aggregation) -> Result<Vec<ArrayRef>, StepError> {
    let groups: Vec<u32> = (0..kept.len() as u32).collect();
    Ok(kept.states(&groups, &kept.all_states()?))
}

/// Words need no columns.
fn words(
    job: &Job,
    lower: bool,
    filters: &KeyFilters,
    having: &KeyFilters,
    source: &mut dyn Source,
) -> Result<Table, KernelError> {
    let mut groups = Groups::default();
    for part in &job.parts {
        let (mut offset, mut buffer): (u64, Vec<u8>) = (part.start, Vec::new());
        while offset < part.end {
            let left = buffer.len();
            let wanted = (part.end - offset).min(SLICE_BYTES as u64) as usize;
            buffer.resize(left + wanted, 0);
            let got = source.read_at(offset, &mut buffer[left..])?;
            if got < wanted {
                return Err(KernelError::Shrunk { expected: part.end, found: offset + got as u64 });
            }
            offset += wanted as u64;
            let whole = match memchr::memrchr(b'\n', &buffer[left..]) {
                _ if offset == part.end => buffer.len(),
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
    }
    groups.finish(&job.plan, filters, having)
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

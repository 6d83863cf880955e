//! What a task leaves of the rows that its steps give: see [`Emit`].

use arrow_array::UInt32Array;

use super::KernelError;
use super::aggregation::{Partitioner, mapped, mapped_types, wanted};
use super::batch::{Batch, StepError, together};
use super::combiner::Combiner;
use super::groups::KeyHasher;
use super::hash::partition_of;
use super::order::sorted_batches;
use super::ranges::{Ranges, Sampler, sample_types};
use super::transfer::ColumnWriter;
use crate::batch::{Emit, Payload, Plan, Reduce, SortKey, Space, Stage};
use crate::expr::Type;
use crate::expr::pick::gather;

/// See the module. Rows go in by [`Emitter::take`]; once there are no more, [`Emitter::drain`] until it says `true`.
pub(super) enum Emitter {
    /// Equal keys are combined here (MapReduce, OSDI'04 §4.3). Once the rows have ended, their states are written.
    Combined(Box<Combiner>),
    /// Every row leaves by itself.
    Loose {
        reduce: Box<Reduce>,
        partitioner: Box<Partitioner>,
        writers: Vec<ColumnWriter>,
    },
    Keyed {
        keys: Vec<usize>,
        hasher: Box<KeyHasher>,
        writers: Vec<ColumnWriter>,
    },
    /// All rows go to one of the payloads.
    Kept {
        partition: usize,
        writers: Vec<ColumnWriter>,
    },
    /// The first rows of an order, which is known once all rows are.
    First(Box<First>),
    Sampled {
        sampler: Sampler,
        samples: Box<ColumnWriter>,
        writer: Box<ColumnWriter>,
    },
    Ranged {
        ranges: Box<Ranges>,
        writers: Vec<ColumnWriter>,
    },
}

/// The first rows of an order, while others still come.
pub(super) struct First {
    types: Vec<Type>,
    sort: Vec<SortKey>,
    limit: Option<u64>,
    rows: Vec<Batch>,
    count: usize,
    writer: ColumnWriter,
}

/// Rows beyond the limit that may lie there before they are thrown away.
const SURPLUS_ROWS: usize = 1 << 16;

impl Emitter {
    /// For a stage of the plan; `partition` is where rows in the input's order go, `ranges` what a task of [`Emit::Ranged`] is given.
    pub fn new(plan: &Plan, stage: usize, partition: usize, ranges: Option<&Batch>, space: &Space) -> Emitter {
        let (types, emit) = (&plan.stages[stage].types, &plan.stages[stage].emit);
        let count = plan.partitions.max(1) as usize;
        let writers = |types: &[Type]| (0..count).map(|_| ColumnWriter::new(types, space, count)).collect::<Vec<_>>();
        let first = |sort: &[SortKey], limit: Option<u64>| {
            let (types, sort, writer) = (types.clone(), sort.to_vec(), ColumnWriter::new(types, space, 1));
            Emitter::First(Box::new(First { types, sort, limit, rows: Vec::new(), count: 0, writer }))
        };
        match emit {
            Emit::Result if plan.sort.is_empty() && plan.limit.is_none() => {
                Emitter::Kept { partition: 0, writers: vec![ColumnWriter::new(types, space, 1)] }
            }
            // Each partition's best rows are enough for the whole job's: none that is left out could be among them.
            Emit::Result => first(&plan.sort, plan.limit),
            Emit::Whole { sort, limit } => first(sort, *limit),
            Emit::Reduced(reduce) if reduce.combine => {
                Emitter::Combined(Box::new(Combiner::new(reduce, plan.partitions, space)))
            }
            Emit::Reduced(reduce) => Emitter::Loose {
                reduce: Box::new(reduce.clone()),
                partitioner: Box::new(Partitioner::new(reduce)),
                writers: writers(&mapped_types(reduce)),
            },
            Emit::Keyed(keys) => {
                let key_types: Vec<Type> = keys.iter().map(|key| types[*key].clone()).collect();
                Emitter::Keyed { keys: keys.clone(), hasher: Box::new(KeyHasher::new(&key_types)), writers: writers(types) }
            }
            Emit::InOrder => Emitter::Kept { partition, writers: writers(types) },
            Emit::Sampled { .. } => Emitter::Sampled {
                sampler: Sampler::new(types.clone()),
                samples: Box::new(ColumnWriter::new(&sample_types(types), space, 2)),
                writer: Box::new(ColumnWriter::new(types, space, 2)),
            },
            Emit::Ranged { sort } => {
                let boundaries = ranges.map(|ranges| ranges.columns.clone()).unwrap_or_default();
                Emitter::Ranged { ranges: Box::new(Ranges::new(&boundaries, types, sort)), writers: writers(types) }
            }
        }
    }

    /// Takes rows up.
    pub fn take(&mut self, batch: Batch) -> Result<(), EmitError> {
        match self {
            Emitter::Combined(combiner) => combiner.take(&batch)?,
            Emitter::Loose { reduce, partitioner, writers } => {
                let rows = Batch::new(mapped(reduce, &batch)?, batch.rows);
                let hashes = partitioner.hashes(&rows).map_err(|error| {
                    let record = batch.record(error.record);
                    StepError { record, ..error }
                })?;
                by_hash(&rows, &hashes, writers)?;
            }
            Emitter::Keyed { keys, hasher, writers } => {
                let keys: Vec<_> = keys.iter().map(|key| batch.columns[*key].clone()).collect();
                by_hash(&batch, &hasher.hashes(&keys), writers)?;
            }
            Emitter::Kept { partition, writers } => writers[*partition].write(batch.columns, batch.rows)?,
            Emitter::First(first) => first.take(batch)?,
            Emitter::Sampled { sampler, writer, .. } => {
                sampler.see(&batch)?;
                writer.write(batch.columns, batch.rows)?;
            }
            Emitter::Ranged { ranges, writers } => {
                for (rows, writer) in ranges.divide(&batch, writers.len() as u32).into_iter().zip(writers) {
                    let rows = batch.taken(&UInt32Array::from(rows));
                    writer.write(rows.columns, rows.rows)?;
                }
            }
        }
        Ok(())
    }

    /// Writes some of what is left once the rows have ended; `true` when all is written.
    pub fn drain(&mut self) -> Result<bool, EmitError> {
        match self {
            Emitter::Combined(combiner) => combiner.drain(),
            Emitter::First(last) => {
                let First { types, sort, limit, rows, writer, .. } = &mut **last;
                let rows = first(types, std::mem::take(rows), sort, *limit)?;
                writer.write(rows.columns, rows.rows)?;
                Ok(true)
            }
            Emitter::Sampled { sampler, samples, .. } => {
                let rows = sampler.finish()?;
                samples.write(rows.columns, rows.rows)?;
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    /// The payloads, and how many rows they have.
    pub fn finish(self) -> Result<(Vec<Payload>, u64), KernelError> {
        let writers = match self {
            Emitter::Combined(combiner) => combiner.finish(),
            Emitter::Loose { writers, .. }
            | Emitter::Keyed { writers, .. }
            | Emitter::Kept { writers, .. }
            | Emitter::Ranged { writers, .. } => writers,
            Emitter::First(first) => vec![first.writer],
            Emitter::Sampled { samples, writer, .. } => {
                let rows = writer.rows();
                return Ok((vec![samples.finish()?, writer.finish()?], rows));
            }
        };
        let rows = writers.iter().map(ColumnWriter::rows).sum();
        Ok((writers.into_iter().map(ColumnWriter::finish).collect::<Result<_, _>>()?, rows))
    }
}

impl First {
    fn take(&mut self, batch: Batch) -> Result<(), KernelError> {
        self.count += batch.rows;
        self.rows.push(batch);
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        if self.count > limit.saturating_add(SURPLUS_ROWS) {
            let rows = first(&self.types, std::mem::take(&mut self.rows), &self.sort, self.limit)?;
            self.count = rows.rows;
            self.rows.push(rows);
        }
        Ok(())
    }
}

/// Why rows could not be taken: one of them, or all.
#[derive(Debug, thiserror::Error)]
pub(super) enum EmitError {
    #[error(transparent)]
    Row(#[from] StepError),
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

/// The columns that the rows of a stage need to have when its steps are done.
pub(super) fn wanted_by(stage: &Stage) -> Vec<usize> {
    match &stage.emit {
        Emit::Reduced(reduce) => wanted(reduce),
        _ => (0..stage.types.len()).collect(),
    }
}

/// Writes each row to the writer that the hash of its key chooses.
pub(super) fn by_hash(batch: &Batch, hashes: &[u64], writers: &mut [ColumnWriter]) -> Result<(), KernelError> {
    let mut rows = vec![Vec::new(); writers.len()];
    for (row, hash) in hashes.iter().enumerate() {
        rows[partition_of(*hash, writers.len() as u32)].push(row as u32);
    }
    for (rows, writer) in rows.into_iter().zip(writers) {
        let rows = batch.taken(&UInt32Array::from(rows));
        writer.write(rows.columns, rows.rows)?;
    }
    Ok(())
}

/// The rows of some batches in an order, and only so many of them.
pub(super) fn first(types: &[Type], batches: Vec<Batch>, sort: &[SortKey], limit: Option<u64>) -> Result<Batch, KernelError> {
    if sort.is_empty() {
        let (mut left, mut kept) = (limit.unwrap_or(u64::MAX), Vec::new());
        for batch in &batches {
            let rows = (batch.rows as u64).min(left);
            left -= rows;
            kept.push(batch.first(rows as usize));
        }
        let rows = kept.iter().map(|batch| batch.rows).sum();
        return Ok(Batch::new(together(types, kept.into_iter().map(|batch| batch.columns))?, rows));
    }
    let order = sorted_batches(types, &batches, sort, limit);
    let begins: Vec<usize> = batches
        .iter()
        .scan(0, |rows, batch| {
            *rows += batch.rows;
            Some(*rows - batch.rows)
        })
        .collect();
    let place = |row: u32| {
        let batch = begins.partition_point(|begin| *begin <= row as usize) - 1;
        (batch, row as usize - begins[batch])
    };
    let places: Vec<(usize, usize)> = order.into_iter().map(place).collect();
    let column = |(index, of): (usize, &Type)| {
        let parts: Vec<_> = batches.iter().map(|batch| &*batch.columns[index]).collect();
        match parts.is_empty() {
            true => Ok(of.empty()),
            false => gather(&parts, &places).map_err(|_| KernelError::TooMuchText),
        }
    };
    let columns = types.iter().enumerate().map(column).collect::<Result<_, _>>()?;
    Ok(Batch::new(columns, places.len()))
}

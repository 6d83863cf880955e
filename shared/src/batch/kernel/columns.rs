//! What the tasks of any plan do, by columns: see [`super::MapKernel`] and [`super::ReduceKernel`].

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_select::concat::concat;

use super::aggregation::{Aggregation, mapped, mapped_types, state_types, wanted};
use super::batch::{Batch, Pipeline, StepError, taken};
use super::groups::KeyHasher;
use super::hash::partition_of;
use super::order::sorted;
use super::reader::Block;
use super::records::{Decoder, excerpt, place};
use super::transfer::{self, ColumnWriter};
use super::{KernelError, partition_of_split};
use crate::batch::{Counters, Payload, Plan, Reduce, Source, Split};
use crate::expr::{RowError, Type, show};

/// Takes blocks of records through the steps.
pub(super) struct RecordMapper {
    decoder: Decoder,
    steps: Pipeline,
}

impl RecordMapper {
    pub fn new(plan: &Plan) -> RecordMapper {
        let wanted = match &plan.reduce {
            Some(reduce) => wanted(reduce),
            None => (0..plan.columns.len()).collect(),
        };
        RecordMapper { decoder: Decoder::new(plan), steps: Pipeline::new(&plan.steps, plan.input.len(), wanted) }
    }

    /// What the steps leave of a block, handed to `take`.
    pub fn map(
        &mut self,
        block: &Block<'_>,
        source: &mut dyn Source,
        counters: &mut Counters,
        take: impl FnOnce(Batch) -> Result<(), StepError>,
    ) -> Result<(), KernelError> {
        if block.len == 0 {
            return Ok(());
        }
        let batch = self.decoder.read(block.bytes(), block.at, source, counters)?;
        let taken = self.steps.run(batch).and_then(|batch| {
            counters.map_output_records += batch.rows as u64;
            take(batch)
        });
        taken.map_err(|error| KernelError::Record {
            place: place(block.bytes(), block.at, self.decoder.line(block.at, error.record)),
            message: error.to_string(),
        })
    }
}

/// A map task of any plan.
pub(super) struct ColumnMapper {
    plan: Arc<Plan>,
    records: RecordMapper,
    output: Output,
}

enum Output {
    /// Equal keys are combined here (MapReduce, OSDI'04 §4.3). Once the input has ended, their states are written.
    Combined { kept: Box<Aggregation>, ending: Option<Ending> },
    /// Every row leaves by itself.
    Loose { reduce: Reduce, hasher: KeyHasher, writers: Vec<ColumnWriter> },
    /// Rows stay in the input's order, so all of a split's are in one partition.
    Kept { partition: usize, writer: Box<ColumnWriter> },
}

struct Ending {
    states: Vec<ArrayRef>,
    groups: Vec<Vec<u32>>,
    written: Vec<ColumnWriter>,
}

impl ColumnMapper {
    pub fn new(plan: Arc<Plan>, split: Split, input_len: u64) -> ColumnMapper {
        let output = match &plan.reduce {
            Some(reduce) if plan.combine => Output::Combined { kept: Box::new(Aggregation::new(reduce)), ending: None },
            Some(reduce) => {
                let types = mapped_types(reduce);
                let writers = (0..plan.partitions.max(1)).map(|_| ColumnWriter::new(&types)).collect();
                Output::Loose { reduce: reduce.clone(), hasher: KeyHasher::new(&reduce.key_types), writers }
            }
            None => Output::Kept {
                partition: partition_of_split(split, input_len, plan.partitions),
                writer: Box::new(ColumnWriter::new(&column_types(&plan))),
            },
        };
        ColumnMapper { records: RecordMapper::new(&plan), plan, output }
    }

    pub fn map(&mut self, block: &Block<'_>, source: &mut dyn Source, counters: &mut Counters) -> Result<(), KernelError> {
        let output = &mut self.output;
        self.records.map(block, source, counters, |batch| match output {
            Output::Combined { kept, .. } => kept.update(&batch),
            Output::Kept { writer, .. } => {
                writer.write(batch.columns, batch.rows);
                Ok(())
            }
            Output::Loose { reduce, hasher, writers } => {
                let columns = mapped(reduce, &batch)?;
                let mut rows = vec![Vec::new(); writers.len()];
                for (row, hash) in hasher.hashes(&columns[..reduce.keys.len()]).into_iter().enumerate() {
                    rows[partition_of(hash, writers.len() as u32)].push(row as u32);
                }
                for (rows, writer) in rows.into_iter().zip(writers) {
                    let rows = UInt32Array::from(rows);
                    writer.write(columns.iter().map(|column| taken(column, &rows)).collect(), rows.len());
                }
                Ok(())
            }
        })
    }

    /// Writes some of what is left at the end of the input; `true` when all is written.
    pub fn drain(&mut self) -> Result<bool, KernelError> {
        let Output::Combined { kept, ending } = &mut self.output else { return Ok(true) };
        let ending = match ending {
            Some(ending) => ending,
            None => {
                let states = kept.all_states().map_err(|error| unfinished(error, None))?;
                ending.insert(Ending { states, groups: kept.partitions(self.plan.partitions), written: Vec::new() })
            }
        };
        let Some(groups) = ending.groups.get(ending.written.len()) else { return Ok(true) };
        let types = self.plan.reduce.as_ref().map(state_types).unwrap_or_default();
        let mut writer = ColumnWriter::new(&types);
        writer.write(kept.states(groups, &ending.states), groups.len());
        ending.written.push(writer);
        Ok(ending.written.len() == ending.groups.len())
    }

    /// The payloads of the partitions, and how many rows they have.
    pub fn finish(self) -> (Vec<Payload>, u64) {
        let writers = match self.output {
            Output::Combined { ending, .. } => ending.map(|ending| ending.written).unwrap_or_default(),
            Output::Loose { writers, .. } => writers,
            Output::Kept { partition, writer } => {
                let types = column_types(&self.plan);
                let mut writers: Vec<_> = (0..self.plan.partitions.max(1)).map(|_| ColumnWriter::new(&types)).collect();
                writers[partition] = *writer;
                writers
            }
        };
        let rows = writers.iter().map(ColumnWriter::rows).sum();
        (writers.into_iter().map(ColumnWriter::finish).collect(), rows)
    }
}

/// A reduce task of any plan.
pub(super) struct ColumnReducer {
    plan: Arc<Plan>,
    inputs: VecDeque<Payload>,
    gathered: Gathered,
    rows: Option<ColumnWriter>,
}

enum Gathered {
    Keys(Box<Aggregation>),
    Rows(Vec<RecordBatch>),
}

impl ColumnReducer {
    pub fn new(plan: Arc<Plan>, inputs: Vec<Payload>) -> ColumnReducer {
        let gathered = match &plan.reduce {
            Some(reduce) => Gathered::Keys(Box::new(Aggregation::new(reduce))),
            None => Gathered::Rows(Vec::new()),
        };
        ColumnReducer { plan, inputs: inputs.into(), gathered, rows: None }
    }

    /// Takes up one input, or makes the rows of all; `true` when they are made.
    pub fn step(&mut self, counters: &mut Counters) -> Result<bool, KernelError> {
        let Some(input) = self.inputs.pop_front() else {
            self.end(counters)?;
            return Ok(true);
        };
        match (&mut self.gathered, &self.plan.reduce) {
            (Gathered::Keys(kept), Some(reduce)) => {
                let types = if self.plan.combine { state_types(reduce) } else { mapped_types(reduce) };
                for batch in transfer::read(&input, &types)? {
                    let added = if self.plan.combine { kept.merge(batch.columns()) } else { kept.add(batch.columns()) };
                    added.map_err(|(what, error)| unmerged(what, &error))?;
                }
            }
            (Gathered::Rows(batches), _) => batches.extend(transfer::read(&input, &column_types(&self.plan))?),
            (Gathered::Keys(_), None) => {}
        }
        Ok(false)
    }

    fn end(&mut self, counters: &mut Counters) -> Result<(), KernelError> {
        let batch = match &self.gathered {
            Gathered::Keys(kept) => {
                counters.reduce_input_groups = kept.len() as u64;
                after(&self.plan, &finished(kept)?, &kept.ascending())?
            }
            Gathered::Rows(batches) => {
                let columns = together(&column_types(&self.plan), batches.iter().map(|batch| batch.columns().to_vec()));
                let rows = batches.iter().map(RecordBatch::num_rows).sum();
                Batch::new(columns, rows)
            }
        };
        // Each partition's best rows are enough for the whole job's: none that is left out could be among them.
        let order = sorted(&batch.columns, batch.rows, &self.plan.sort, self.plan.limit);
        let order = UInt32Array::from(order);
        let mut writer = ColumnWriter::new(&column_types(&self.plan));
        writer.write(batch.columns.iter().map(|column| taken(column, &order)).collect(), order.len());
        self.rows = Some(writer);
        Ok(())
    }

    /// The rows, and how many there are.
    pub fn finish(self) -> (Payload, u64) {
        let writer = self.rows.unwrap_or_else(|| ColumnWriter::new(&column_types(&self.plan)));
        let rows = writer.rows();
        (writer.finish(), rows)
    }
}

/// The rows of a reduction, for all groups in the order in which their keys came.
pub(super) fn finished(kept: &Aggregation) -> Result<Batch, KernelError> {
    kept.finish().map_err(|error| unfinished(error, None))
}

/// Some of the rows that [`finished`] gave, in this order, after the steps that follow the reduction.
pub(super) fn after(plan: &Plan, all: &Batch, groups: &[u32]) -> Result<Batch, KernelError> {
    let order = UInt32Array::from(groups.to_vec());
    let columns: Vec<ArrayRef> = all.columns.iter().map(|column| taken(column, &order)).collect();
    let key = columns.first().cloned();
    let steps = Pipeline::new(&plan.after, columns.len(), 0..plan.columns.len());
    steps.run(Batch::new(columns, groups.len())).map_err(|error| unfinished(error, key.as_ref()))
}

pub(super) fn unfinished(error: StepError, key: Option<&ArrayRef>) -> KernelError {
    let mut text = String::new();
    let shown = key.filter(|key| error.record < key.len()).map(|key| show(key, error.record, &mut text));
    let place = match shown {
        Some(Ok(())) => format!("the row of `{}`", excerpt(&text)),
        _ => "a row of the reduction".to_owned(),
    };
    KernelError::Record { place, message: error.to_string() }
}

fn unmerged(what: &str, error: &RowError) -> KernelError {
    KernelError::Record { place: "the rows of a key".to_owned(), message: format!("`{what}` failed: {}", error.message) }
}

/// The types of the result's columns, which are those of a reduce task's rows.
pub(in crate::batch) fn column_types(plan: &Plan) -> Vec<Type> {
    plan.columns.iter().map(|column| column.data_type.clone()).collect()
}

/// Batches one after the other, as one.
pub(in crate::batch) fn together(types: &[Type], batches: impl Iterator<Item = Vec<ArrayRef>>) -> Vec<ArrayRef> {
    let batches: Vec<_> = batches.collect();
    let column = |(index, of): (usize, &Type)| {
        let parts: Vec<_> = batches.iter().map(|batch| &*batch[index]).collect();
        match parts.is_empty() {
            true => of.empty(),
            false => concat(&parts).expect("the parts of a column have its type"),
        }
    };
    types.iter().enumerate().map(column).collect()
}

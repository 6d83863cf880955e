//! A map task of any plan: blocks of records, by columns, through the steps of a stage that reads the input.

use super::KernelError;
use super::batch::{Batch, Pipeline};
use super::emit::{EmitError, Emitter, wanted_by};
use super::gather::unfinished;
use super::reader::Block;
use super::records::Decoder;
use crate::batch::{Counters, Job, Part, Payload, Plan, Source, Split, Stage};

/// Takes blocks of records through the steps.
pub(super) struct RecordMapper {
    decoder: Decoder,
    steps: Pipeline,
}

impl RecordMapper {
    /// For a stage that reads an input, a part of that, the columns that are wanted of its rows, and where records begin that
    /// are passed over.
    pub fn new(plan: &Plan, stage: &Stage, input: usize, part: Part, wanted: Vec<usize>, skip: &[u64]) -> RecordMapper {
        let decoder = Decoder::new(&plan.inputs[input], part, skip);
        RecordMapper { decoder, steps: Pipeline::new(&stage.steps, stage.width, wanted) }
    }

    /// What the steps leave of a block, handed to `take`.
    pub fn map(
        &mut self,
        block: &Block<'_>,
        source: &mut dyn Source,
        counters: &mut Counters,
        take: impl FnOnce(Batch) -> Result<(), EmitError>,
    ) -> Result<(), KernelError> {
        if block.len == 0 {
            return Ok(());
        }
        let batch = self.decoder.read(block.bytes(), block.at, source, counters)?;
        let taken = self.steps.run(batch).map_err(EmitError::from).and_then(|batch| {
            counters.map_output_records += batch.rows as u64;
            take(batch)
        });
        taken.map_err(|error| match error {
            EmitError::Kernel(error) => error,
            EmitError::Row(error) => self.decoder.refused(block.bytes(), block.at, error.record, error.to_string()),
        })
    }
}

/// A map task of any plan.
pub(super) struct ColumnMapper {
    records: RecordMapper,
    emitter: Emitter,
}

impl ColumnMapper {
    pub fn new(job: &Job, stage: usize, input: usize, split: Split, skip: &[u64]) -> ColumnMapper {
        let of = &job.plan.stages[stage];
        ColumnMapper {
            records: RecordMapper::new(&job.plan, of, input, job.part(split), wanted_by(of), skip),
            emitter: Emitter::new(&job.plan, stage, job.partition_of_split(split), None),
        }
    }

    pub fn map(&mut self, block: &Block<'_>, source: &mut dyn Source, counters: &mut Counters) -> Result<(), KernelError> {
        self.records.map(block, source, counters, |batch| self.emitter.take(batch))
    }

    /// Writes some of what is left at the end of the input; `true` when all is written.
    pub fn drain(&mut self) -> Result<bool, KernelError> {
        self.emitter.drain().map_err(|error| match error {
            EmitError::Row(error) => unfinished(error, None),
            EmitError::Kernel(error) => error,
        })
    }

    /// The payloads of the partitions, and how many rows they have.
    pub fn finish(self) -> (Vec<Payload>, u64) {
        self.emitter.finish()
    }
}

//! A map task of any plan: records, some at a time and by columns, through the steps of a stage that reads the input.

use super::KernelError;
use super::batch::{Batch, Pipeline};
use super::emit::{EmitError, Emitter, wanted_by};
use super::gather::unfinished;
use super::input::{RecordReader, Records};
use crate::batch::{Counters, Job, Payload, Source, Space, Split, Stage};

/// Takes the records of a split through the steps.
pub(super) struct RecordMapper {
    records: RecordReader,
    steps: Pipeline,
}

impl RecordMapper {
    /// For a split that a stage reads of its input, but for the records that begin where `skip` says.
    pub fn new(job: &Job, stage: &Stage, input: usize, split: Split, skip: &[u64]) -> RecordMapper {
        let steps = Pipeline::new(&stage.steps, stage.width, wanted_by(stage));
        let records = RecordReader::new(&job.plan.inputs[input], split, job.part(split), steps.needed(), skip);
        RecordMapper { records, steps }
    }

    /// Reads some records and hands to `take` what the steps leave of them; `true` when the split's records have all been read.
    pub fn map(
        &mut self,
        source: &mut dyn Source,
        counters: &mut Counters,
        take: impl FnOnce(Batch) -> Result<(), EmitError>,
    ) -> Result<bool, KernelError> {
        let batch = match self.records.next(source, counters)? {
            Records::End => return Ok(true),
            Records::NotYet => return Ok(false),
            Records::Some(batch) => batch,
        };
        let taken = self.steps.run(batch).map_err(EmitError::from).and_then(|batch| {
            counters.map_output_records += batch.rows as u64;
            take(batch)
        });
        taken.map(|()| false).map_err(|error| match error {
            EmitError::Kernel(error) => error,
            EmitError::Row(error) => self.records.refused(error.record, error.to_string()),
        })
    }
}

/// A map task of any plan.
pub(super) struct ColumnMapper {
    records: RecordMapper,
    emitter: Emitter,
}

impl ColumnMapper {
    pub fn new(job: &Job, stage: usize, input: usize, split: Split, skip: &[u64], space: &Space) -> ColumnMapper {
        let of = &job.plan.stages[stage];
        ColumnMapper {
            records: RecordMapper::new(job, of, input, split, skip),
            emitter: Emitter::new(&job.plan, stage, job.partition_of_split(split), None, space),
        }
    }

    /// Maps some records; `true` when there are no more.
    pub fn map(&mut self, source: &mut dyn Source, counters: &mut Counters) -> Result<bool, KernelError> {
        self.records.map(source, counters, |batch| self.emitter.take(batch))
    }

    /// Bytes of the split's records that have been read so far.
    pub fn bytes(&self) -> u64 {
        self.records.records.delivered()
    }

    /// Writes some of what is left at the end of the input; `true` when all is written.
    pub fn drain(&mut self) -> Result<bool, KernelError> {
        self.emitter.drain().map_err(|error| match error {
            EmitError::Row(error) => unfinished(error, None),
            EmitError::Kernel(error) => error,
        })
    }

    /// The payloads of the partitions, and how many rows they have.
    pub fn finish(self) -> Result<(Vec<Payload>, u64), KernelError> {
        self.emitter.finish()
    }
}

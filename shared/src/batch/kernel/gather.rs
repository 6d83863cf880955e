//! A task behind a shuffle: gathers what earlier tasks left for it, takes the rows through its stage's steps, and leaves them for
//! whoever comes next. (Words that are only counted go through [`super::reduce`].)

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};

use super::KernelError;
use super::aggregation::Aggregation;
use super::batch::{Batch, Pipeline, StepError, together};
use super::emit::{EmitError, Emitter, first, wanted_by};
use super::join::Pairs;
use super::ranges::{boundaries, sample_types};
use super::records::excerpt;
use super::reduce::WordMerger;
use super::steps::Words;
use super::transfer;
use crate::batch::{Counters, Gather, Job, Payload, Plan, Stage};
use crate::expr::{RowError, Type, show};
use crate::id::TaskId;

/// Rows that one step takes through the stage's steps.
pub(super) const PIECE_ROWS: usize = 1 << 16;

/// A task of any stage that does not read the input.
pub(super) struct GatherKernel {
    plan: Arc<Plan>,
    stage: usize,
    inputs: VecDeque<Payload>,
    gathered: Gathered,
    /// Rows that have been gathered and not yet been through the steps.
    rows: Pieces,
    steps: Pipeline,
    emitter: Emitter,
}

/// What the inputs have come to so far.
enum Gathered {
    Keys(Box<Aggregation>),
    /// Words and their counts.
    Words(Box<WordMerger>),
    /// The left side's rows, how many inputs have more of them, and the right side's rows.
    Sides {
        left: Vec<Batch>,
        left_inputs: usize,
        right: Vec<Batch>,
    },
    /// Rows that are taken further when all are there.
    Rows(Vec<Batch>),
    /// Rows that are taken further as they come.
    Passing {
        left: Option<u64>,
    },
    /// The samples of a sort.
    Samples(Vec<Batch>),
    /// Everything has been gathered.
    Whole,
}

/// Rows, a piece at a time.
type Pieces = VecDeque<Batch>;

impl GatherKernel {
    /// Begins the task; the job has it. `inputs` are the payloads that [`Job::needs`] names.
    pub fn new(job: &Job, task: TaskId, inputs: Vec<Payload>) -> Result<GatherKernel, KernelError> {
        let plan = job.plan.clone();
        let (stage, _) = job.stage(task).ok_or_else(|| KernelError::Unreadable(format!("the job has no {task}")))?;
        let mut inputs: VecDeque<Payload> = inputs.into();
        let mut ranges = None;
        let gathered = match &plan.stages[stage].gather {
            Gather::Reduce { of, .. } if Words::combined(&plan, *of).is_some() => Gathered::Words(Box::new(WordMerger::new())),
            Gather::Reduce { reduce, .. } => Gathered::Keys(Box::new(Aggregation::new(reduce))),
            Gather::Join { left, .. } => {
                Gathered::Sides { left: Vec::new(), left_inputs: job.tasks(*left).len(), right: Vec::new() }
            }
            Gather::Rows { sort, limit, .. } if sort.is_empty() => Gathered::Passing { left: *limit },
            Gather::Rows { .. } => Gathered::Rows(Vec::new()),
            Gather::Samples { .. } => Gathered::Samples(Vec::new()),
            Gather::Sampled { ranges: of, .. } => {
                let payload = inputs.pop_front().unwrap_or_default();
                ranges = Some(whole(&plan.payload_types(*of), batches(&payload, &plan.payload_types(*of))?)?);
                Gathered::Passing { left: None }
            }
            Gather::Read(_) => return Err(KernelError::Unreadable(format!("{task} reads the input"))),
        };
        let Stage { width, steps, .. } = &plan.stages[stage];
        let steps = Pipeline::new(steps, *width, wanted_by(&plan.stages[stage]));
        let emitter = Emitter::new(&plan, stage, 0, ranges.as_ref());
        Ok(GatherKernel { plan, stage, inputs, gathered, rows: Pieces::new(), steps, emitter })
    }

    /// Does some of the work; `true` when the task is finished.
    pub fn step(&mut self, counters: &mut Counters) -> Result<bool, KernelError> {
        if let Some(piece) = self.rows.pop_front() {
            self.pass(piece)?;
            return Ok(false);
        }
        if let Some(input) = self.inputs.pop_front() {
            self.gather(input)?;
            return Ok(false);
        }
        if !matches!(self.gathered, Gathered::Whole) {
            self.end(counters)?;
            return Ok(false);
        }
        self.emitter.drain().map_err(|error| unemitted(error, None))
    }

    /// The payloads, and how many rows they have.
    pub fn finish(self) -> (Vec<Payload>, u64) {
        self.emitter.finish()
    }

    fn pass(&mut self, piece: Batch) -> Result<(), KernelError> {
        let key = piece.columns.first().cloned();
        let rows = self.steps.run(piece).map_err(|error| unfinished(error, key.as_ref()))?;
        self.emitter.take(rows).map_err(|error| unemitted(error, key.as_ref()))
    }

    /// Takes up one input.
    fn gather(&mut self, input: Payload) -> Result<(), KernelError> {
        let gather = &self.plan.stages[self.stage].gather;
        if let Gathered::Words(words) = &mut self.gathered {
            return words.merge(&input);
        }
        let from = match (gather, &self.gathered) {
            (Gather::Join { right, .. }, Gathered::Sides { left_inputs: 0, .. }) => *right,
            (Gather::Join { left, .. }, _) => *left,
            (Gather::Sampled { of, .. }, _) => *of,
            (gather, _) => gather.sources().first().copied().unwrap_or_default(),
        };
        let types = self.plan.payload_types(from);
        let types = if matches!(self.gathered, Gathered::Samples(_)) { sample_types(&types) } else { types };
        let batches = batches(&input, &types)?;
        match &mut self.gathered {
            Gathered::Keys(kept) => {
                let combined = kept.reduce().combine;
                for batch in batches {
                    let added = if combined { kept.merge(&batch.columns) } else { kept.add(&batch.columns) };
                    added.map_err(|(what, error)| unmerged(what, &error))?;
                }
            }
            Gathered::Sides { left, left_inputs, right } => match left_inputs {
                0 => right.extend(batches),
                _ => {
                    *left_inputs -= 1;
                    left.extend(batches);
                }
            },
            Gathered::Rows(rows) | Gathered::Samples(rows) => rows.extend(batches),
            Gathered::Passing { left } => {
                for batch in batches {
                    let rows = left.map_or(batch.rows, |left| (batch.rows as u64).min(left) as usize);
                    *left = left.map(|left| left - rows as u64);
                    self.rows.extend(batch.first(rows).pieces(PIECE_ROWS));
                }
            }
            Gathered::Words(_) | Gathered::Whole => {}
        }
        Ok(())
    }

    /// All inputs are there: what they come to are rows.
    fn end(&mut self, counters: &mut Counters) -> Result<(), KernelError> {
        let gather = &self.plan.stages[self.stage].gather;
        match (std::mem::replace(&mut self.gathered, Gathered::Whole), gather) {
            (Gathered::Keys(kept), _) => {
                counters.reduce_input_groups = kept.len() as u64;
                let rows = finished(&kept)?.taken(&UInt32Array::from(kept.ascending()));
                self.rows = rows.pieces(PIECE_ROWS).collect();
            }
            (Gathered::Words(words), Gather::Reduce { reduce, .. }) => {
                let rows = words.finish(reduce.values.len());
                counters.reduce_input_groups = rows.rows as u64;
                self.rows = rows.pieces(PIECE_ROWS).collect();
            }
            (Gathered::Sides { left, right, .. }, Gather::Join { left: of_left, right: of_right, join }) => {
                let left = whole(&self.plan.payload_types(*of_left), left)?;
                let right = whole(&self.plan.payload_types(*of_right), right)?;
                self.rows = Pairs::new(join, left, right).pieces(PIECE_ROWS).collect();
            }
            (Gathered::Rows(rows), Gather::Rows { of, sort, limit }) => {
                let rows = first(&self.plan.payload_types(*of), rows, sort, *limit)?;
                self.rows = rows.pieces(PIECE_ROWS).collect();
            }
            (Gathered::Samples(samples), Gather::Samples { of, sort }) => {
                let samples = whole(&sample_types(&self.plan.payload_types(*of)), samples)?;
                self.rows.push_back(boundaries(&samples, sort, self.plan.partitions));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The batches of a payload.
fn batches(payload: &Payload, types: &[Type]) -> Result<Vec<Batch>, KernelError> {
    let batch = |batch: RecordBatch| Batch::new(batch.columns().to_vec(), batch.num_rows());
    Ok(transfer::read(payload, types)?.into_iter().map(batch).collect())
}

/// Batches as one.
pub(super) fn whole(types: &[Type], batches: Vec<Batch>) -> Result<Batch, KernelError> {
    let rows = batches.iter().map(|batch| batch.rows).sum();
    Ok(Batch::new(together(types, batches.into_iter().map(|batch| batch.columns))?, rows))
}

/// The rows of a reduction, for all groups in the order in which their keys came.
pub(super) fn finished(kept: &Aggregation) -> Result<Batch, KernelError> {
    kept.finish().map_err(|error| unfinished(error, None))
}

pub(super) fn unfinished(error: StepError, key: Option<&ArrayRef>) -> KernelError {
    let mut text = String::new();
    let shown = key.filter(|key| error.record < key.len()).map(|key| show(key, error.record, &mut text));
    let place = match shown {
        Some(Ok(())) => format!("the row of `{}`", excerpt(&text)),
        _ => "a row of the reduction".to_owned(),
    };
    KernelError::Record { place, message: error.to_string(), at: None }
}

fn unemitted(error: EmitError, key: Option<&ArrayRef>) -> KernelError {
    match error {
        EmitError::Row(error) => unfinished(error, key),
        EmitError::Kernel(error) => error,
    }
}

pub(super) fn unmerged(what: &str, error: &RowError) -> KernelError {
    let message = format!("`{what}` failed: {}", error.message);
    KernelError::Record { place: "the rows of a key".to_owned(), message, at: None }
}

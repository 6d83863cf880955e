//! A task behind a shuffle: gathers what earlier tasks left for it, takes the rows through its stage's steps, and leaves them for
//! whoever comes next. (Words that are only counted go through [`super::reduce`].)

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::ArrayRef;

use super::KernelError;
use super::batch::{Batch, Pipeline, StepError, together};
use super::divide::{HashDivider, Merge, Order, RangeDivider, WordDivider};
use super::emit::{EmitError, Emitter, first, wanted_by};
use super::join::Pairs;
use super::keyed::{Keyed, Reduced};
use super::ranges::{boundaries, sample_types};
use super::records::excerpt;
use super::reduce::WordMerger;
use super::steps::Words;
use super::transfer::{Batches, ColumnWriter};
use crate::batch::{Counters, Gather, Job, Join, Payload, Plan, SortKey, Space, Stage};
use crate::expr::{RowError, Type, show};
use crate::id::TaskId;

/// Rows that one step takes through the stage's steps.
pub(super) const PIECE_ROWS: usize = 1 << 16;

/// A task of any stage that does not read the input.
///
/// It goes through its inputs once, or, if they are more than fits, through one piece of them after the other; see `divide`.
pub(super) struct GatherKernel {
    plan: Arc<Plan>,
    stage: usize,
    space: Space,
    /// While the inputs are cut into pieces.
    divider: Option<Divider>,
    /// The pieces that are still to come, each the payloads of one.
    pieces: VecDeque<Vec<Payload>>,
    inputs: VecDeque<Payload>,
    /// The input that is being read.
    reading: Option<Batches>,
    gathered: Gathered,
    /// The rows of a join that is done in pieces: they wait until all pieces are done.
    joined: Option<Joined>,
    /// Rows that have been gathered and not yet been through the steps.
    rows: Pieces,
    steps: Pipeline,
    emitter: Emitter,
}

/// What the inputs have come to so far.
enum Gathered {
    Keys(Box<Keyed>),
    /// Of keys all were gathered, and their rows are taken further.
    Reduced(Box<Reduced>),
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

enum Divider {
    Ranges(Box<RangeDivider>),
    Words(Box<WordDivider>),
    Sides { left: Box<HashDivider>, left_inputs: usize, right: Box<HashDivider> },
}

enum Joined {
    /// The pieces that are done, and the one under way.
    Pieces {
        done: Vec<Payload>,
        writer: Option<Box<ColumnWriter>>,
    },
    Merging(Box<Merge>),
}

/// Rows, a piece at a time.
type Pieces = VecDeque<Batch>;

impl GatherKernel {
    /// Begins the task; the job has it. `inputs` are the payloads that [`Job::needs`] names.
    pub fn new(job: &Job, task: TaskId, inputs: Vec<Payload>, space: Space) -> Result<GatherKernel, KernelError> {
        let plan = job.plan.clone();
        let (stage, _) = job.stage(task).ok_or_else(|| KernelError::Unreadable(format!("the job has no {task}")))?;
        let mut inputs: VecDeque<Payload> = inputs.into();
        let mut ranges = None;
        let mut left_inputs = 0;
        match &plan.stages[stage].gather {
            Gather::Join { left, .. } => left_inputs = job.tasks(*left).len(),
            Gather::Sampled { ranges: of, .. } => {
                let types = plan.payload_types(*of);
                let payload = inputs.pop_front().unwrap_or_default();
                ranges = Some(whole(&types, Batches::new(&payload, &types)?.collect::<Result<_, _>>()?)?);
            }
            Gather::Read(_) => return Err(KernelError::Unreadable(format!("{task} reads the input"))),
            _ => {}
        }
        let Stage { width, steps, .. } = &plan.stages[stage];
        let steps = Pipeline::new(steps, *width, wanted_by(&plan.stages[stage]));
        let emitter = Emitter::new(&plan, stage, 0, ranges.as_ref(), &space);
        let pieces = match gathers(&plan, stage) {
            true => space.pieces(inputs.iter().map(|input| input.len() as u64).sum())?,
            false => 1,
        };
        let gathered = Gathered::Whole;
        let (divider, reading, joined, rows) = (None, None, None, Pieces::new());
        let mut kernel = GatherKernel {
            plan,
            stage,
            space,
            divider,
            pieces: VecDeque::new(),
            inputs,
            reading,
            gathered,
            joined,
            rows,
            steps,
            emitter,
        };
        match pieces {
            1 => kernel.gathered = kernel.nothing_yet(left_inputs),
            pieces => kernel.divide(pieces, left_inputs),
        }
        Ok(kernel)
    }

    /// Does some of the work; `true` when the task is finished.
    pub fn step(&mut self, counters: &mut Counters) -> Result<bool, KernelError> {
        if let Some(rows) = self.rows.pop_front() {
            self.pass(rows)?;
            return Ok(false);
        }
        if let Some(divider) = &mut self.divider {
            let divided = match divider {
                Divider::Ranges(divider) => divider.step()?,
                Divider::Words(divider) => divider.step()?,
                Divider::Sides { .. } => return self.divide_sides().map(|()| false),
            };
            if let Some(pieces) = divided {
                self.divider = None;
                self.pieces = pieces.into_iter().map(|piece| vec![piece]).collect();
            }
            return Ok(false);
        }
        if let Some(batch) = self.reading.as_mut().and_then(Iterator::next) {
            self.gather(batch?)?;
            return Ok(false);
        }
        if let Some(input) = self.inputs.pop_front() {
            self.open(&input)?;
            return Ok(false);
        }
        if !matches!(self.gathered, Gathered::Whole) {
            self.end(counters)?;
            return Ok(false);
        }
        if let Some(piece) = self.pieces.pop_front() {
            self.turn_piece()?;
            self.inputs = piece.into();
            self.gathered = self.nothing_yet(1);
            return Ok(false);
        }
        if self.joined.is_some() {
            return self.merge().map(|()| false);
        }
        self.emitter.drain().map_err(|error| unemitted(error, None))
    }

    /// The payloads, and how many rows they have.
    pub fn finish(self) -> Result<(Vec<Payload>, u64), KernelError> {
        self.emitter.finish()
    }

    fn of(&self) -> &Gather {
        &self.plan.stages[self.stage].gather
    }

    /// Before anything has been gathered; so many inputs are of a join's left side.
    fn nothing_yet(&self, left_inputs: usize) -> Gathered {
        match self.of() {
            Gather::Reduce { of, .. } if Words::combined(&self.plan, *of).is_some() => {
                Gathered::Words(Box::new(WordMerger::new()))
            }
            Gather::Reduce { reduce, .. } => Gathered::Keys(Box::new(Keyed::new(reduce))),
            Gather::Join { .. } => Gathered::Sides { left: Vec::new(), left_inputs, right: Vec::new() },
            Gather::Rows { sort, limit, .. } if sort.is_empty() => Gathered::Passing { left: *limit },
            Gather::Rows { .. } => Gathered::Rows(Vec::new()),
            Gather::Samples { .. } => Gathered::Samples(Vec::new()),
            Gather::Sampled { .. } | Gather::Read(_) => Gathered::Passing { left: None },
        }
    }

    /// Begins to cut the inputs into so many pieces.
    fn divide(&mut self, pieces: u32, left_inputs: usize) {
        let (plan, space) = (self.plan.clone(), self.space.clone());
        let inputs = |kernel: &mut GatherKernel| Vec::from(std::mem::take(&mut kernel.inputs));
        let divider = match &plan.stages[self.stage].gather {
            Gather::Reduce { of, .. } if Words::combined(&plan, *of).is_some() => {
                Divider::Words(Box::new(WordDivider::new(inputs(self), pieces, space)))
            }
            Gather::Reduce { of, reduce } => {
                let by = (0..reduce.keys.len()).collect();
                let order = Order { by, sort: vec![SortKey { column: 0, descending: false }], keys: true };
                Divider::Ranges(Box::new(RangeDivider::new(plan.payload_types(*of), order, inputs(self), pieces, space)))
            }
            Gather::Rows { of, sort, .. } => {
                let types = plan.payload_types(*of);
                let order = Order { by: (0..types.len()).collect(), sort: sort.clone(), keys: false };
                Divider::Ranges(Box::new(RangeDivider::new(types, order, inputs(self), pieces, space)))
            }
            Gather::Join { left, right, join } => {
                let side = |of: usize, keys: &[usize], numbered: bool| {
                    HashDivider::new(&plan.payload_types(of), keys, &join.key_types, numbered, pieces, &space)
                };
                self.joined = Some(Joined::Pieces { done: Vec::new(), writer: None });
                let (left, right) = (side(*left, &join.left_keys, true), side(*right, &join.right_keys, false));
                Divider::Sides { left: Box::new(left), left_inputs, right: Box::new(right) }
            }
            Gather::Read(_) | Gather::Samples { .. } | Gather::Sampled { .. } => return,
        };
        self.divider = Some(divider);
    }

    /// Cuts some more of the sides of a join.
    fn divide_sides(&mut self) -> Result<(), KernelError> {
        let Some(Divider::Sides { left, left_inputs, right }) = &mut self.divider else { return Ok(()) };
        if let Some((batch, of_left)) = self.reading.as_mut().and_then(Iterator::next).zip(Some(*left_inputs > 0)) {
            return if of_left { left.divide(batch?) } else { right.divide(batch?) };
        }
        if self.reading.take().is_some() {
            *left_inputs = left_inputs.saturating_sub(1);
        }
        if let Some(input) = self.inputs.pop_front() {
            let side = if *left_inputs > 0 { left } else { right };
            self.reading = Some(Batches::new(&input, side.types())?);
            return Ok(());
        }
        if let Some(Divider::Sides { left, right, .. }) = self.divider.take() {
            self.pieces = left.finish()?.into_iter().zip(right.finish()?).map(|(left, right)| vec![left, right]).collect();
        }
        Ok(())
    }

    /// Takes rows through the steps, or, if they are of a piece of a join, to the others.
    fn pass(&mut self, rows: Batch) -> Result<(), KernelError> {
        if let Some(Joined::Pieces { writer: Some(writer), .. }) = &mut self.joined {
            return writer.write(rows.columns, rows.rows);
        }
        let key = rows.columns.first().cloned();
        let rows = self.steps.run(rows).map_err(|error| unfinished(error, key.as_ref()))?;
        self.emitter.take(rows).map_err(|error| unemitted(error, key.as_ref()))
    }

    /// Begins to read an input.
    fn open(&mut self, input: &Payload) -> Result<(), KernelError> {
        match &mut self.gathered {
            Gathered::Words(words) => return words.merge(input),
            Gathered::Keys(keys) => keys.turn(),
            _ => {}
        }
        let from = match (&self.plan.stages[self.stage].gather, &mut self.gathered) {
            (Gather::Join { right, .. }, Gathered::Sides { left_inputs: 0, .. }) => *right,
            (Gather::Join { left, .. }, _) => *left,
            (Gather::Sampled { of, .. }, _) => *of,
            (gather, _) => gather.sources().first().copied().unwrap_or_default(),
        };
        let mut types = self.plan.payload_types(from);
        match &self.gathered {
            Gathered::Samples(_) => types = sample_types(&types),
            // The left rows of a piece of a join are numbered.
            Gathered::Sides { left_inputs: 1.., .. } if self.joined.is_some() => types.push(Type::Int64),
            _ => {}
        }
        let batches = Batches::new(input, &types)?;
        if let Gathered::Sides { left, left_inputs: left_inputs @ 1.., .. } = &mut self.gathered {
            // Rows of both sides never come through one reader.
            *left_inputs -= 1;
            for batch in batches {
                left.push(batch?);
            }
            return Ok(());
        }
        self.reading = Some(batches);
        Ok(())
    }

    /// Takes up some rows of an input.
    fn gather(&mut self, batch: Batch) -> Result<(), KernelError> {
        match &mut self.gathered {
            Gathered::Keys(kept) => kept.take(batch)?,
            Gathered::Sides { right, .. } => right.push(batch),
            Gathered::Rows(rows) | Gathered::Samples(rows) => rows.push(batch),
            Gathered::Passing { left } => {
                let rows = left.map_or(batch.rows, |left| (batch.rows as u64).min(left) as usize);
                *left = left.map(|left| left - rows as u64);
                self.rows.extend(batch.first(rows).pieces(PIECE_ROWS));
            }
            Gathered::Words(_) | Gathered::Reduced(_) | Gathered::Whole => {}
        }
        Ok(())
    }

    /// All inputs are there: what they come to are rows.
    fn end(&mut self, counters: &mut Counters) -> Result<(), KernelError> {
        let gather = &self.plan.stages[self.stage].gather;
        match (std::mem::replace(&mut self.gathered, Gathered::Whole), gather) {
            (Gathered::Keys(kept), _) => {
                let rows = kept.finish()?;
                counters.reduce_input_groups += rows.len() as u64;
                self.gathered = Gathered::Reduced(Box::new(rows));
            }
            (Gathered::Reduced(mut rows), _) => {
                if let Some(some) = rows.next() {
                    self.rows.push_back(some?);
                    self.gathered = Gathered::Reduced(rows);
                }
            }
            (Gathered::Words(words), Gather::Reduce { reduce, .. }) => {
                let rows = words.finish(reduce.values.len());
                counters.reduce_input_groups += rows.rows as u64;
                self.rows = rows.pieces(PIECE_ROWS).collect();
            }
            (Gathered::Sides { left, right, .. }, Gather::Join { left: of_left, right: of_right, join }) => {
                let (mut left_types, mut rows) = (self.plan.payload_types(*of_left), PIECE_ROWS);
                if let Some(Joined::Pieces { .. }) = self.joined {
                    left_types.push(Type::Int64);
                    // As many pieces as there are hold some of their rows in memory when they are merged.
                    rows = (PIECE_ROWS / (self.pieces.len() + 1)).max(PIECE_ROWS_MIN);
                }
                let left = whole(&left_types, left)?;
                let right = whole(&self.plan.payload_types(*of_right), right)?;
                self.rows = Pairs::new(join, left, right).pieces(rows).collect();
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

    /// A piece comes next: the rows of the piece of a join before it are put away.
    fn turn_piece(&mut self) -> Result<(), KernelError> {
        let types = self.joined_types();
        if let Some(Joined::Pieces { done, writer }) = &mut self.joined {
            if let Some(writer) = writer.take() {
                done.push(writer.finish()?);
            }
            *writer = Some(Box::new(ColumnWriter::new(&types, &self.space, 1)));
        }
        Ok(())
    }

    /// Brings the rows of a join that was done in pieces into their order.
    fn merge(&mut self) -> Result<(), KernelError> {
        let (types, number) = (self.joined_types(), self.joined_number());
        match &mut self.joined {
            Some(Joined::Pieces { done, writer }) => {
                if let Some(writer) = writer.take() {
                    done.push(writer.finish()?);
                }
                self.joined = Some(Joined::Merging(Box::new(Merge::new(&std::mem::take(done), &types, number)?)));
            }
            Some(Joined::Merging(merge)) => match merge.next(PIECE_ROWS)? {
                Some(rows) => self.rows.push_back(rows),
                None => self.joined = None,
            },
            None => {}
        }
        Ok(())
    }

    /// The types of the rows of a piece of a join: as they are later, but with the number of the left row behind the left side's.
    fn joined_types(&self) -> Vec<Type> {
        let Gather::Join { left, right, join: Join { right_columns, .. } } = self.of() else { return Vec::new() };
        let of_right = self.plan.payload_types(*right);
        let of_right = right_columns.iter().map(|column| of_right[*column].clone());
        self.plan.payload_types(*left).into_iter().chain([Type::Int64]).chain(of_right).collect()
    }

    fn joined_number(&self) -> usize {
        match self.of() {
            Gather::Join { left, .. } => self.plan.stages[*left].types.len(),
            _ => 0,
        }
    }
}

/// Whether a stage's tasks hold what they gather until all of it is there.
fn gathers(plan: &Plan, stage: usize) -> bool {
    match &plan.stages[stage].gather {
        Gather::Reduce { reduce, .. } => !reduce.keys.is_empty(),
        Gather::Rows { sort, limit, .. } => !sort.is_empty() && limit.is_none(),
        Gather::Join { .. } => true,
        Gather::Read(_) | Gather::Samples { .. } | Gather::Sampled { .. } => false,
    }
}

/// Rows of a piece of a join that are written, and so are read again, together: at least so many.
const PIECE_ROWS_MIN: usize = 256;

/// Batches as one.
pub(super) fn whole(types: &[Type], batches: Vec<Batch>) -> Result<Batch, KernelError> {
    let rows = batches.iter().map(|batch| batch.rows).sum();
    Ok(Batch::new(together(types, batches.into_iter().map(|batch| batch.columns))?, rows))
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

//! The shape of a plan: what a kernel can do faster than its steps say.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, NullArray, StringArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

use super::KernelError;
use super::batch::{Batch, Pipeline};
use super::records::excerpt;
use crate::batch::{Emit, Format, Gather, Plan, Stage, Step};
use crate::expr::{AggregateExpr, Expr};

/// What a kernel sees in a plan.
pub(in crate::batch) enum Shape {
    /// One MapReduce that counts words ([`Words`]), and whose rows only filters follow.
    Words {
        words: Words,
        /// Filters over the reduction's rows.
        having: KeyFilters,
        combine: bool,
    },
    Other,
}

/// A stage that reads and does `flat_map: words(lower(line))` or `words(line)`, then only filters over the word, which is the key of
/// nothing but `count(*)`: everything that follows from a line follows from its words.
pub(in crate::batch) struct Words {
    pub lower: bool,
    pub filters: KeyFilters,
}

impl Shape {
    pub fn of(plan: &Plan) -> Shape {
        Shape::words(plan).unwrap_or(Shape::Other)
    }

    fn words(plan: &Plan) -> Option<Shape> {
        let [_, Stage { gather: Gather::Reduce { of: 0, reduce }, .. }] = &plan.stages[..] else { return None };
        let words = Words::of(plan, 0)?;
        let having = having(plan, 1)?;
        Some(Shape::Words { words, having, combine: reduce.combine })
    }
}

impl Words {
    /// Whether a stage is one.
    pub fn of(plan: &Plan, stage: usize) -> Option<Words> {
        let Stage { gather: Gather::Read(input), steps, emit: Emit::Reduced(reduce), .. } = plan.stages.get(stage)? else {
            return None;
        };
        let (Step::FlatMap(list), rest) = steps.split_first()? else { return None };
        let text = argument_of(list, "words")?;
        let (lower, line) = match argument_of(text, "lower") {
            Some(line) => (true, line),
            None => (false, text),
        };
        let sound = plan.inputs[*input].format == Format::Lines && line.column() == Some(LINE) && reduce.keys == [WORD];
        let sound = sound && reduce.values.iter().all(AggregateExpr::is_count_all) && reduce.partition_by.is_none();
        // Records that are passed over are records, not words.
        let sound = sound && (rest.is_empty() || !plan.skip_bad_records);
        let sound = sound && rest.iter().all(|step| is_filter_over(step, |column| column == WORD));
        sound.then(|| Words { lower, filters: KeyFilters::new(rest.to_vec(), WORD + 1) })
    }

    /// The same, for a stage that hands on one count for each word.
    pub fn combined(plan: &Plan, stage: usize) -> Option<Words> {
        match &plan.stages.get(stage)?.emit {
            Emit::Reduced(reduce) if reduce.combine => Words::of(plan, stage),
            _ => None,
        }
    }
}

/// The filters of a stage that gives the result and does nothing but filter the rows of its reduction.
pub(super) fn having(plan: &Plan, stage: usize) -> Option<KeyFilters> {
    let Stage { gather: Gather::Reduce { .. }, width, steps, emit: Emit::Result, .. } = &plan.stages[stage] else {
        return None;
    };
    steps.iter().all(|step| is_filter_over(step, |_| true)).then(|| KeyFilters::new(steps.clone(), *width))
}

/// Whether it is a filter that looks at nothing but such columns.
fn is_filter_over(step: &Step, may: impl Fn(usize) -> bool) -> bool {
    let Step::Filter(filter) = step else { return false };
    let mut sound = true;
    filter.each_column(&mut |column, _| sound &= may(column));
    sound
}

/// The columns of a plan of [`Shape::Words`].
const LINE: usize = 0;
const WORD: usize = 1;

fn argument_of<'a>(expr: &'a Expr, function: &str) -> Option<&'a Expr> {
    match expr.call() {
        Some((name, [argument])) if name == function => Some(argument),
        _ => None,
    }
}

/// Filters that say of a key, or of a row of the reduction, whether it stays.
pub(in crate::batch) struct KeyFilters(Option<Pipeline>);

impl KeyFilters {
    fn new(filters: Vec<Step>, columns: usize) -> KeyFilters {
        KeyFilters((!filters.is_empty()).then(|| Pipeline::new(&filters, columns, [])))
    }

    /// Which of these words stay, for filters over the word; `None`: all.
    pub fn words(&self, words: impl FnOnce() -> StringArray) -> Result<Option<BooleanBuffer>, KernelError> {
        let Some(filters) = &self.0 else { return Ok(None) };
        let words = Arc::new(words());
        // Nothing looks at the line.
        let columns: Vec<ArrayRef> = vec![Arc::new(NullArray::new(0)), words.clone()];
        kept(filters, columns, &words).map(Some)
    }

    /// Which of these rows stay, for filters over the reduction's rows: keys, and the count that every value has; `None`: all.
    pub fn rows(
        &self,
        values: usize,
        rows: impl FnOnce() -> (StringArray, Int64Array),
    ) -> Result<Option<BooleanBuffer>, KernelError> {
        let Some(filters) = &self.0 else { return Ok(None) };
        let (keys, counts) = rows();
        let keys = Arc::new(keys);
        let mut columns: Vec<ArrayRef> = vec![keys.clone()];
        columns.resize(1 + values, Arc::new(counts));
        kept(filters, columns, &keys).map(Some)
    }
}

fn kept(filters: &Pipeline, columns: Vec<ArrayRef>, keys: &StringArray) -> Result<BooleanBuffer, KernelError> {
    let rows = keys.len();
    let batch = filters.run(Batch::new(columns, rows)).map_err(|error| KernelError::Record {
        place: format!("the row of `{}`", excerpt(keys.value(error.record))),
        message: error.to_string(),
        at: None,
    })?;
    let mut kept = BooleanBufferBuilder::new(rows);
    kept.append_n(rows, false);
    batch.records().for_each(|row| kept.set_bit(row, true));
    Ok(kept.finish())
}

/// The lines of some text without their endings: `\n`, or `\r\n`. What follows the last `\n` is a line if it is not empty.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(newline) = memchr::memchr(b'\n', rest) else {
            return Some(std::mem::take(&mut rest));
        };
        let line = &rest[..newline];
        rest = &rest[newline + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

//! The steps of a plan: which shape they have, and how a row goes through them one by one.

use std::sync::Arc;

use arrow_array::{Array, StringArray, UInt64Array};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

use super::KernelError;
use crate::batch::{Counters, Plan, Step};
use crate::expr::{Context, EvalError, Expr, Type, Value};

/// What a kernel sees in a plan.
pub(super) enum Shape {
    /// `flat_map: words(lower(line))` or `words(line)`, then only filters over the word, which is the key: everything that
    /// follows from a line follows from its words.
    Words {
        lower: bool,
        filters: KeyFilters,
    },
    Other,
}

impl Shape {
    pub fn of(plan: &Plan) -> Shape {
        let Some((Step::FlatMap { list, .. }, rest)) = plan.steps.split_first() else { return Shape::Other };
        let Some(text) = argument_of(list, "words") else { return Shape::Other };
        let (lower, line) = match argument_of(text, "lower") {
            Some(line) => (true, line),
            None => (false, text),
        };
        if line.column() != Some(LINE) || plan.reduce.key_column != WORD {
            return Shape::Other;
        }
        let mut filters = Vec::new();
        for step in rest {
            match step {
                Step::Filter(filter) if uses_only(filter, WORD) => filters.push(filter.clone()),
                _ => return Shape::Other,
            }
        }
        Shape::Words { lower, filters: KeyFilters(filters) }
    }
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

fn uses_only(expr: &Expr, column: usize) -> bool {
    match (expr.column(), expr.call()) {
        (Some(used), _) => used == column,
        (None, Some((_, arguments))) => arguments.iter().all(|argument| uses_only(argument, column)),
        (None, None) => true,
    }
}

/// Filters that look at nothing but the word.
pub(super) struct KeyFilters(Vec<Expr>);

impl KeyFilters {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every filter is true, for each of these words.
    pub fn keep(&self, words: &StringArray) -> Result<BooleanBuffer, KernelError> {
        let lines = Type::Utf8.nulls(words.len());
        let mut kept = BooleanBuffer::new_set(words.len());
        for filter in &self.0 {
            // A filter sees the words that the filters before it have kept.
            let rows: UInt64Array = kept.set_indices().map(|row| row as u64).collect::<Vec<_>>().into();
            let take = |column: &dyn Array| arrow_select::take::take(column, &rows, None).expect("the rows are the column's");
            let columns = [take(&lines), take(words)];
            let holds = filter.select(&columns, rows.len(), Context::default()).map_err(|error| {
                let record = excerpt(words.value(rows.value(error.row) as usize));
                KernelError::Eval { what: "a filter".to_owned(), record, error: EvalError(error.message) }
            })?;
            let mut still = BooleanBufferBuilder::new(words.len());
            still.append_n(words.len(), false);
            holds.set_indices().for_each(|row| still.set_bit(rows.value(row) as usize, true));
            kept = still.finish();
        }
        Ok(kept)
    }
}

/// Whether each expression is true of the row. `record` names the row in an error.
pub(super) fn all_true(filters: &[Expr], row: &[Value], what: &str, record: &str) -> Result<bool, KernelError> {
    for filter in filters {
        if !is_true(filter, row, what, record)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_true(filter: &Expr, row: &[Value], what: &str, record: &str) -> Result<bool, KernelError> {
    match filter.eval(row) {
        Ok(Value::Boolean(kept)) => Ok(kept),
        Ok(Value::Null) => Ok(false),
        Ok(other) => Err(wrong(what, record, &other, "true or false")),
        Err(error) => Err(KernelError::Eval { what: what.to_owned(), record: excerpt(record), error }),
    }
}

/// Takes lines through any steps, row by row.
pub(super) struct Steps {
    plan: Arc<Plan>,
    row: Vec<Value>,
}

impl Steps {
    pub fn new(plan: Arc<Plan>) -> Steps {
        Steps { plan, row: Vec::new() }
    }

    /// Maps whole lines (the last one perhaps without its `\n`), giving each resulting row's key.
    ///
    /// A null key is an error: a group of its own could not be told from the text `null` in the result.
    pub fn map_lines(&mut self, bytes: &[u8], counters: &mut Counters, mut emit: impl FnMut(&[u8])) -> Result<(), KernelError> {
        for line in lines(bytes) {
            counters.map_input_records += 1;
            let text = String::from_utf8_lossy(line);
            counters.bad_records += u64::from(std::str::from_utf8(line).is_err());
            self.row.clear();
            self.row.push(Value::Utf8(Arc::from(&*text)));
            let mut leave = |row: &[Value]| {
                let key = match &row[self.plan.reduce.key_column] {
                    Value::Utf8(key) => key,
                    other => return Err(wrong(&format!("the key `{}`", self.plan.reduce.key), &text, other, "a text")),
                };
                counters.map_output_records += 1;
                emit(key.as_bytes());
                Ok(())
            };
            apply(&self.plan.steps, &mut self.row, &text, &mut leave)?;
        }
        Ok(())
    }
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

/// Gives `leave` each row that the steps make of `row`, which is left as it was.
fn apply(
    steps: &[Step],
    row: &mut Vec<Value>,
    line: &str,
    leave: &mut dyn FnMut(&[Value]) -> Result<(), KernelError>,
) -> Result<(), KernelError> {
    let Some((step, rest)) = steps.split_first() else { return leave(row) };
    match step {
        Step::Filter(filter) => {
            if is_true(filter, row, "a filter", line)? {
                apply(rest, row, line, leave)?;
            }
        }
        Step::FlatMap { column, list } => {
            let what = || format!("flat_map `{column}`");
            let elements = match list.eval(row) {
                Ok(Value::List(elements)) => elements,
                Ok(Value::Null) => Vec::new(),
                Ok(other) => return Err(wrong(&what(), line, &other, "a list")),
                Err(error) => return Err(KernelError::Eval { what: what(), record: excerpt(line), error }),
            };
            for element in elements {
                row.push(element);
                let applied = apply(rest, row, line, leave);
                row.pop();
                applied?;
            }
        }
    }
    Ok(())
}

fn wrong(what: &str, record: &str, found: &Value, wanted: &'static str) -> KernelError {
    let found = match found {
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Int64(_) | Value::Float64(_) => "a number",
        Value::Timestamp(_) => "a moment",
        Value::Interval(_) => "an interval",
        Value::Utf8(_) => "a text",
        Value::List(_) => "a list",
    };
    KernelError::WrongValue { what: what.to_owned(), record: excerpt(record), found, wanted }
}

/// Enough of a record to recognise it.
fn excerpt(record: &str) -> String {
    const CHARS: usize = 60;
    match record.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &record[..end]),
        None => record.to_owned(),
    }
}

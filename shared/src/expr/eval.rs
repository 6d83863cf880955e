//! Evaluation of a typed tree, a batch at a time: each node makes a [`Column`] for all rows before its parent runs.
//!
//! - Rows that do not count. `and`, `or`, `case`, `coalesce`, `in` and `between` evaluate an argument only for the rows that still
//!   need it. They pass down a mask of those rows, the *active* ones; what a function gives for other rows is never looked at,
//!   and a failure there is none. So a kernel may compute all rows at full speed and look for the culprit afterwards.
//! - Constants. A column of one row can stand for all of them; a call whose arguments are constant runs once.
//! - Failures. The first one ends the evaluation, except within `try(…)`, which collects the rows that failed.

use std::cell::RefCell;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::functions::{Call, Failure, Run};
use super::pick::{Pick, pick};
use super::{Expr, Node, Type, Value};

/// What an evaluation may know of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The run's clock, which `now()` gives: microseconds since 1970-01-01 00:00:00 UTC.
    pub now_micros: i64,
}

/// Why an evaluation failed: the first row that does, the place of the innermost call in the expression's text (byte offsets), and
/// a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RowError {
    /// The row's index in the batch.
    pub row: usize,
    pub start: usize,
    pub end: usize,
    pub message: String,
}

/// The values of an expression for each row: an array, or one row that stands for all of them.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub array: ArrayRef,
    pub constant: bool,
}

/// The rows of an evaluation.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    columns: &'a [ArrayRef],
    pub count: usize,
    context: Context,
    /// The rows that count; all of them if there is no mask.
    pub active: Option<&'a BooleanBuffer>,
    /// Within a `try`: where failing rows are noted.
    failures: Option<&'a RefCell<Vec<usize>>>,
}

impl Expr {
    /// Its value for each of `count` rows, whose columns have the types and the order of the schema it was parsed with.
    ///
    /// # Errors
    /// The first row for which a function has no result, as evaluating row after row would find it. A column that is missing, of
    /// another type or of another length is an error of row 0.
    ///
    /// ```
    /// use arrow_array::{ArrayRef, Int64Array, cast::AsArray, types::Int64Type};
    /// use shared::expr::{Context, Expr, Schema, Type};
    /// let schema = Schema(vec![("x".into(), Type::Int64)]);
    /// let quotient = Expr::parse("100 / x", &schema)?;
    /// let evaluate = |x: Int64Array| quotient.evaluate(&[std::sync::Arc::new(x.clone()) as ArrayRef], x.len(), Context::default());
    /// let good = evaluate(Int64Array::from(vec![Some(7), None])).expect("no zero");
    /// assert_eq!(good.as_primitive::<Int64Type>(), &Int64Array::from(vec![Some(14), None]));
    /// let bad = evaluate(Int64Array::from(vec![7, 0])).expect_err("a zero");
    /// assert_eq!((bad.row, bad.message.as_str()), (1, "100 / 0: a division by zero"));
    /// # Ok::<(), shared::expr::ExprError>(())
    /// ```
    pub fn evaluate(&self, columns: &[ArrayRef], count: usize, context: Context) -> Result<ArrayRef, RowError> {
        let rows = Rows { columns, count, context, active: None, failures: None };
        let first = match self.run(&rows) {
            Ok(column) => return column.expand(&self.data_type, count).map_err(|failure| failure.at((0, 0))),
            Err(error) => error,
        };
        // A node runs for all rows before the next one does: a row further up may fail in a later node. Each round but the last
        // finds such a row, so there are at most as many as there are nodes.
        let mut earliest = first;
        while earliest.row > 0 {
            let before = BooleanBuffer::collect_bool(count, |row| row < earliest.row);
            match self.run(&Rows { active: Some(&before), ..rows }) {
                Ok(_) => break,
                Err(error) if error.row >= earliest.row => break,
                Err(error) => earliest = error,
            }
        }
        Err(earliest)
    }

    /// The rows for which it is true: not false, not null. It must be a Boolean.
    pub fn select(&self, columns: &[ArrayRef], count: usize, context: Context) -> Result<BooleanBuffer, RowError> {
        let array = self.evaluate(columns, count, context)?;
        match array.as_boolean_opt() {
            Some(array) => Ok(truth(array.values(), array.nulls())),
            None => {
                Err(RowError { row: 0, start: 0, end: 0, message: format!("a filter is a Boolean, not {}", self.data_type) })
            }
        }
    }

    /// Its value for one row, whose values have the types of the schema it was parsed with, or are null. For a check or a test:
    /// a batch is a hundred times faster.
    pub fn eval(&self, row: &[Value]) -> Result<Value, EvalError> {
        let mut types = vec![Type::Utf8; row.len()];
        self.each_column(&mut |index, of| {
            if let Some(known) = types.get_mut(index) {
                *known = of.clone();
            }
        });
        for (index, (value, of)) in row.iter().zip(&types).enumerate() {
            if self.uses(index) && !fits(value, of) {
                return Err(EvalError(format!("column {index} is {of}, and its value is {value}")));
            }
        }
        let columns: Vec<ArrayRef> = row.iter().zip(&types).map(|(value, of)| of.array(std::slice::from_ref(value))).collect();
        let array = self.evaluate(&columns, 1, Context::default()).map_err(|error| EvalError(error.message))?;
        Ok(Value::at(&array, 0))
    }

    pub(super) fn run(&self, rows: &Rows<'_>) -> Result<Column, RowError> {
        match &self.node {
            Node::Column(index) => rows.column(*index, &self.data_type),
            Node::Literal(value) => Ok(Column::constant(self.data_type.array(std::slice::from_ref(value)))),
            Node::Call { function, arguments, start, end, prepared } => {
                let strict = match function.run {
                    Run::Lazy(run) => return run(arguments, rows, &self.data_type),
                    Run::Strict(_) => true,
                    Run::Nullable(_) => false,
                };
                let columns = arguments.iter().map(|argument| argument.run(rows)).collect::<Result<Vec<_>, _>>()?;
                if strict && columns.iter().any(|column| column.constant && column.array.is_null(0)) {
                    return Ok(Column::constant(self.data_type.nulls(1)));
                }
                let at = (*start as usize, *end as usize);
                let constant = columns.iter().all(|column| column.constant);
                let (Run::Strict(kernel) | Run::Nullable(kernel)) = function.run else {
                    unreachable!("a lazy function ran above")
                };
                if !constant {
                    let nulls = if strict { union_nulls(&columns) } else { None };
                    let call = Call::new(&columns, rows.count, &self.data_type, prepared, rows.context, nulls);
                    let array = kernel(&call.within(rows.active, rows.failures)).map_err(|failure| failure.at(at))?;
                    return Ok(Column { array, constant: false });
                }
                // A constant call runs once; where no row counts, its failure is none.
                match kernel(&Call::new(&columns, 1, &self.data_type, prepared, rows.context, None)) {
                    Ok(array) => return Ok(Column::constant(array)),
                    Err(failure) => rows.all_fail(failure, at)?,
                }
                Ok(Column::constant(self.data_type.nulls(1)))
            }
        }
    }
}

/// Why the evaluation of one row failed: a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

impl<'a> Rows<'a> {
    /// The same rows, of which only these count.
    pub fn only<'b>(&self, active: &'b BooleanBuffer) -> Rows<'b>
    where
        'a: 'b,
    {
        Rows { active: Some(active), ..*self }
    }

    /// The same rows; those that fail are noted.
    pub fn noting<'b>(&self, failures: &'b RefCell<Vec<usize>>) -> Rows<'b>
    where
        'a: 'b,
    {
        Rows { failures: Some(failures), ..*self }
    }

    /// The rows that count, as a mask.
    pub fn mask(&self) -> BooleanBuffer {
        self.active.cloned().unwrap_or_else(|| BooleanBuffer::new_set(self.count))
    }

    fn column(&self, index: usize, of: &Type) -> Result<Column, RowError> {
        let wrong = |message: String| RowError { row: 0, start: 0, end: 0, message };
        let Some(array) = self.columns.get(index) else {
            return Err(wrong(format!("column {index} is missing: the batch has {} columns", self.columns.len())));
        };
        if Type::of(array.data_type()).as_ref() != Some(of) {
            return Err(wrong(format!("column {index} is of Arrow's type {} and should be {of}", array.data_type())));
        }
        if array.len() != self.count {
            return Err(wrong(format!("column {index} has {} rows and should have {}", array.len(), self.count)));
        }
        Ok(Column { array: array.clone(), constant: false })
    }

    /// A constant call failed, so every row that counts does.
    fn all_fail(&self, failure: Failure, at: (usize, usize)) -> Result<(), RowError> {
        let mask = self.mask();
        let Some(first) = mask.set_indices().next() else { return Ok(()) };
        match self.failures {
            None => Err(Failure { row: first, ..failure }.at(at)),
            Some(failures) => {
                failures.borrow_mut().extend(mask.set_indices());
                Ok(())
            }
        }
    }
}

impl Column {
    pub fn constant(array: ArrayRef) -> Column {
        Column { array, constant: true }
    }

    /// As an array of so many rows.
    pub fn expand(self, of: &Type, count: usize) -> Result<ArrayRef, Failure> {
        if !self.constant || count == 1 {
            return Ok(self.array);
        }
        pick(of, &[&self.array], &vec![(0, 0); count]).map_err(Failure::of_batch)
    }

    /// The rows that are true, of a column of Booleans.
    pub fn truth(&self, count: usize) -> BooleanBuffer {
        let array = self.array.as_boolean();
        spread(truth(array.values(), array.nulls()), self.constant, count)
    }

    /// The rows that are not null.
    pub fn known(&self, count: usize) -> BooleanBuffer {
        match self.array.logical_nulls() {
            None => BooleanBuffer::new_set(count),
            Some(nulls) => spread(nulls.into_inner(), self.constant, count),
        }
    }
}

/// A constant's bit for every row.
fn spread(bits: BooleanBuffer, constant: bool, count: usize) -> BooleanBuffer {
    match (constant, constant && bits.value(0)) {
        (false, _) => bits,
        (true, true) => BooleanBuffer::new_set(count),
        (true, false) => BooleanBuffer::new_unset(count),
    }
}

fn truth(values: &BooleanBuffer, nulls: Option<&NullBuffer>) -> BooleanBuffer {
    match nulls {
        None => values.clone(),
        Some(nulls) => values & nulls.inner(),
    }
}

/// Where one of the columns is null. Constants among them are not.
fn union_nulls(columns: &[Column]) -> Option<NullBuffer> {
    let arrays = columns.iter().filter(|column| !column.constant);
    arrays.fold(None, |nulls, column| NullBuffer::union(nulls.as_ref(), column.array.nulls()))
}

fn fits(value: &Value, of: &Type) -> bool {
    match (value, of) {
        (Value::Null, _) => true,
        (Value::List(parts), Type::List(of)) => parts.iter().all(|part| fits(part, of)),
        _ => value.data_type().as_ref() == Some(of),
    }
}

impl Failure {
    /// Of a batch as a whole, which is told of its first row.
    pub fn of_batch(message: String) -> Failure {
        Failure { row: 0, message }
    }

    /// With the place of the call that failed.
    pub fn at(self, (start, end): (usize, usize)) -> RowError {
        RowError { row: self.row, start, end, message: self.message }
    }
}

/// A column of this type whose rows are chosen from others: `choice` names for each row which.
pub(super) fn choose(of: &Type, columns: &[Column], choice: &[u32]) -> Result<Column, Failure> {
    let arrays: Vec<&ArrayRef> = columns.iter().map(|column| &column.array).collect();
    let row = |(row, chosen): (u32, &u32)| (*chosen, if columns[*chosen as usize].constant { 0 } else { row });
    let picks: Vec<Pick> = (0u32..).zip(choice).map(row).collect();
    Ok(Column { array: pick(of, &arrays, &picks).map_err(Failure::of_batch)?, constant: false })
}

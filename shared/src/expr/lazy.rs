//! What decides itself which rows need an argument: `and or in between case coalesce try`.

use std::cell::RefCell;

use arrow_array::BooleanArray;
use arrow_array::cast::AsArray;
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::eval::{Column, RowError, Rows, choose};
use super::functions::compare;
use super::{Expr, Type};

type Done = Result<Column, RowError>;

pub(super) fn and(arguments: &[Expr], rows: &Rows<'_>, _: &Type) -> Done {
    decide(arguments.iter().map(|argument| move |rows: &Rows<'_>| argument.run(rows)), rows, false)
}

pub(super) fn or(arguments: &[Expr], rows: &Rows<'_>, _: &Type) -> Done {
    decide(arguments.iter().map(|argument| move |rows: &Rows<'_>| argument.run(rows)), rows, true)
}

/// `x in (a, b, …)`: `x = a or x = b or …`, with `x` evaluated once.
pub(super) fn is_in(arguments: &[Expr], rows: &Rows<'_>, _: &Type) -> Done {
    let x = arguments[0].run(rows)?;
    let equal = |one: &Expr, rows: &Rows<'_>| Ok(compare::columns(&x, &one.run(rows)?, rows.count, compare::Test::Equal));
    let equal = &equal;
    decide(arguments[1..].iter().map(|one| move |rows: &Rows<'_>| equal(one, rows)), rows, true)
}

/// `x between a and b`: `x >= a and x <= b`, with `x` evaluated once.
pub(super) fn between(arguments: &[Expr], rows: &Rows<'_>, _: &Type) -> Done {
    let x = arguments[0].run(rows)?;
    let tests = [(compare::Test::GreaterOrEqual, &arguments[1]), (compare::Test::LessOrEqual, &arguments[2])];
    let holds =
        |(test, bound): (compare::Test, &Expr), rows: &Rows<'_>| Ok(compare::columns(&x, &bound.run(rows)?, rows.count, test));
    let holds = &holds;
    decide(tests.into_iter().map(|test| move |rows: &Rows<'_>| holds(test, rows)), rows, false)
}

/// `deciding` where one of the conditions is that, else null where one is null, else the opposite. A condition is evaluated for
/// the rows that no condition before has decided.
fn decide<C: Fn(&Rows<'_>) -> Done>(conditions: impl Iterator<Item = C>, rows: &Rows<'_>, deciding: bool) -> Done {
    let count = rows.count;
    let mut open = rows.active.cloned();
    let mut decided = BooleanBuffer::new_unset(count);
    let mut unknown: Option<BooleanBuffer> = None;
    for condition in conditions {
        let column = match &open {
            Some(open) if open.count_set_bits() == 0 => break,
            Some(open) => condition(&rows.only(open))?,
            None => condition(rows)?,
        };
        let known = column.known(count);
        let values = match deciding {
            true => column.truth(count),
            false => &known & &!&spread_values(&column, count),
        };
        if known.count_set_bits() < count {
            let nulls = !&known;
            unknown = Some(unknown.map_or(nulls.clone(), |before| &before | &nulls));
        }
        // What is decided once stays so: later conditions are not looked at there.
        decided = match &open {
            Some(open) => &decided | &(&values & open),
            None => &decided | &values,
        };
        open = Some(match open {
            Some(open) => &open & &!&values,
            None => !&values,
        });
    }
    let nulls = unknown.map(|unknown| NullBuffer::new(&decided | &!&unknown));
    let values = if deciding { decided } else { !&decided };
    Ok(Column { array: std::sync::Arc::new(BooleanArray::new(values, nulls)), constant: false })
}

fn spread_values(column: &Column, count: usize) -> BooleanBuffer {
    let values = column.array.as_boolean().values();
    match (column.constant, column.constant && values.value(0)) {
        (false, _) => values.clone(),
        (true, true) => BooleanBuffer::new_set(count),
        (true, false) => BooleanBuffer::new_unset(count),
    }
}

/// Conditions and values in turn, and the value of none.
pub(super) fn case(arguments: &[Expr], rows: &Rows<'_>, result: &Type) -> Done {
    let (last, pairs) = arguments.split_last().expect("a case has a value");
    let conditions = pairs.chunks_exact(2).map(|pair| (move |rows: &Rows<'_>| pair[0].run(rows), &pair[1]));
    cases(conditions, last, rows, result)
}

/// `case x when a then … end`: as conditions `x = a`, with `x` evaluated once.
pub(super) fn switch(arguments: &[Expr], rows: &Rows<'_>, result: &Type) -> Done {
    let (x, rest) = arguments.split_first().expect("a case has what it is of");
    let (last, pairs) = rest.split_last().expect("a case has a value");
    let x = x.run(rows)?;
    let equal = |one: &Expr, rows: &Rows<'_>| Ok(compare::columns(&x, &one.run(rows)?, rows.count, compare::Test::Equal));
    let equal = &equal;
    let conditions = pairs.chunks_exact(2).map(|pair| (move |rows: &Rows<'_>| equal(&pair[0], rows), &pair[1]));
    cases(conditions, last, rows, result)
}

fn cases<'e, C: Fn(&Rows<'_>) -> Done>(
    cases: impl Iterator<Item = (C, &'e Expr)>,
    last: &Expr,
    rows: &Rows<'_>,
    result: &Type,
) -> Done {
    let mut choices = Choices::new(rows, result);
    for (condition, value) in cases {
        if choices.open.count_set_bits() == 0 {
            break;
        }
        let holds = &condition(&rows.only(&choices.open))?.truth(rows.count) & &choices.open;
        if holds.count_set_bits() > 0 {
            let value = value.run(&rows.only(&holds))?;
            choices.take(value, &holds);
        }
    }
    if choices.open.count_set_bits() > 0 {
        let open = choices.open.clone();
        let value = last.run(&rows.only(&open))?;
        choices.take(value, &open);
    }
    choices.finish()
}

pub(super) fn coalesce(arguments: &[Expr], rows: &Rows<'_>, result: &Type) -> Done {
    let mut choices = Choices::new(rows, result);
    for argument in arguments {
        if choices.open.count_set_bits() == 0 {
            break;
        }
        let value = argument.run(&rows.only(&choices.open))?;
        let known = &value.known(rows.count) & &choices.open;
        choices.take(value, &known);
    }
    choices.finish()
}

/// From which column each row takes its value; a null from none.
struct Choices {
    columns: Vec<Column>,
    choice: Vec<u32>,
    result: Type,
    /// The rows that count and have no value yet.
    open: BooleanBuffer,
}

impl Choices {
    fn new(rows: &Rows<'_>, result: &Type) -> Choices {
        let none = Column::constant(result.nulls(1));
        Choices { columns: vec![none], choice: vec![0; rows.count], result: result.clone(), open: rows.mask() }
    }

    fn take(&mut self, column: Column, rows: &BooleanBuffer) {
        let place = self.columns.len() as u32;
        rows.set_indices().for_each(|row| self.choice[row] = place);
        self.columns.push(column);
        self.open = &self.open & &!rows;
    }

    fn finish(self) -> Done {
        // One column for every row needs no copy.
        match self.choice.first() {
            Some(first) if !self.columns[*first as usize].constant && self.choice.iter().all(|choice| choice == first) => {
                Ok(self.columns[*first as usize].clone())
            }
            _ => choose(&self.result, &self.columns, &self.choice).map_err(|failure| failure.at((0, 0))),
        }
    }
}

/// The argument's value, or null for the rows in which anything within it fails.
pub(super) fn attempt(arguments: &[Expr], rows: &Rows<'_>, result: &Type) -> Done {
    let failures = RefCell::new(Vec::new());
    let column = arguments[0].run(&rows.noting(&failures))?;
    let failures = failures.into_inner();
    if failures.is_empty() {
        return Ok(column);
    }
    let mut choice = vec![1u32; rows.count];
    failures.into_iter().for_each(|row| choice[row] = 0);
    choose(result, &[Column::constant(result.nulls(1)), column], &choice).map_err(|failure| failure.at((0, 0)))
}

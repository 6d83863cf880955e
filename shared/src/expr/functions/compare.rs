//! Comparisons. False comes before true, texts compare by their bytes, and NaN, which only data can bring in, equals itself and is
//! greater than any other number, as DuckDB has it.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};

use super::Kind::{Boolean, Ordered};
use super::call::{Call, Failure, Values};
use super::{Fixed, Function, Preparation, Run, line};
use crate::expr::eval::{Column, Context};
use crate::expr::{Type, lazy};

pub(super) static COMPARISONS: &[Function] = &[
    line("=", Fixed(&[Ordered, Ordered]), Boolean, Run::Strict(|call| test(call, Test::Equal)), "Equal.", ("1 = 1.0", "true")),
    line(
        "<>",
        Fixed(&[Ordered, Ordered]),
        Boolean,
        Run::Strict(|call| test(call, Test::NotEqual)),
        "Not equal; also `!=`.",
        ("1 <> 2", "true"),
    ),
    line(
        "<",
        Fixed(&[Ordered, Ordered]),
        Boolean,
        Run::Strict(|call| test(call, Test::Less)),
        "Less; texts compare by their bytes.",
        ("'Z' < 'a'", "true"),
    ),
    line(
        "<=",
        Fixed(&[Ordered, Ordered]),
        Boolean,
        Run::Strict(|call| test(call, Test::LessOrEqual)),
        "Less or equal.",
        ("2 <= 1", "false"),
    ),
    line(
        ">",
        Fixed(&[Ordered, Ordered]),
        Boolean,
        Run::Strict(|call| test(call, Test::Greater)),
        "Greater.",
        ("true > false", "true"),
    ),
    line(
        ">=",
        Fixed(&[Ordered, Ordered]),
        Boolean,
        Run::Strict(|call| test(call, Test::GreaterOrEqual)),
        "Greater or equal.",
        ("timestamp '2024-01-02' >= timestamp '2024-01-01'", "true"),
    ),
    line(
        "is distinct from",
        Fixed(&[Ordered, Ordered]),
        Boolean,
        Run::Nullable(is_distinct),
        "Not equal, where null is a value like any other. `is not distinct from` is the opposite.",
        ("null is distinct from 1", "true"),
    ),
    line(
        "in",
        super::Many(Ordered),
        Boolean,
        Run::Lazy(lazy::is_in),
        "Whether it equals one of the values; null if it does not and one of them is null.",
        ("3 in (1, 2, 3)", "true"),
    )
    .form("value [not] in (value, …)"),
    line(
        "between",
        Fixed(&[Ordered, Ordered, Ordered]),
        Boolean,
        Run::Lazy(lazy::between),
        "Whether it lies between the two, both included.",
        ("2 between 1 and 3", "true"),
    )
    .form("value [not] between value and value"),
];

/// What two values are tested for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Tests each row's two values; null where one is null.
pub fn columns(a: &Column, b: &Column, count: usize, test: Test) -> Column {
    if [a, b].iter().any(|column| column.constant && column.array.is_null(0)) {
        return Column::constant(Type::Boolean.nulls(1));
    }
    let constant = a.constant && b.constant;
    let nulls = |column: &Column| if column.constant { None } else { column.array.nulls().cloned() };
    let nulls = NullBuffer::union(nulls(a).as_ref(), nulls(b).as_ref());
    let arguments = [a.clone(), b.clone()];
    let count = if constant { 1 } else { count };
    let call = Call::new(&arguments, count, &Type::Boolean, &Preparation::Nothing, Context::default(), None);
    Column { array: Arc::new(BooleanArray::new(bits(&call, test), nulls)), constant }
}

fn test(call: &Call<'_>, test: Test) -> Result<ArrayRef, Failure> {
    Ok(Arc::new(BooleanArray::new(bits(call, test), call.nulls.clone())))
}

fn is_distinct(call: &Call<'_>) -> Result<ArrayRef, Failure> {
    let different = bits(call, Test::NotEqual);
    let distinct = BooleanBuffer::collect_bool(call.count, |row| match (call.is_null(0, row), call.is_null(1, row)) {
        (false, false) => different.value(row),
        (a, b) => a != b,
    });
    Ok(Arc::new(BooleanArray::new(distinct, None)))
}

/// The tests of the first argument against the second, nulls left aside.
fn bits(call: &Call<'_>, test: Test) -> BooleanBuffer {
    match Type::of(call.arguments()[0].array.data_type()) {
        Some(Type::Float64) => {
            let (a, b) = (call.floats(0), call.floats(1));
            match test {
                Test::Equal => pack(call.count, a, b, equal),
                Test::NotEqual => pack(call.count, a, b, |a, b| !equal(a, b)),
                Test::Less => pack(call.count, a, b, less),
                Test::LessOrEqual => pack(call.count, a, b, |a, b| !less(b, a)),
                Test::Greater => pack(call.count, a, b, |a, b| less(b, a)),
                Test::GreaterOrEqual => pack(call.count, a, b, |a, b| !less(a, b)),
            }
        }
        Some(Type::Utf8) => {
            let (a, b) = (call.texts(0), call.texts(1));
            match test {
                Test::Equal => BooleanBuffer::collect_bool(call.count, |row| a.at(row) == b.at(row)),
                Test::NotEqual => BooleanBuffer::collect_bool(call.count, |row| a.at(row) != b.at(row)),
                _ => BooleanBuffer::collect_bool(call.count, |row| test.holds(a.at(row).cmp(b.at(row)))),
            }
        }
        Some(Type::Boolean) => {
            let (a, b) = (call.booleans(0), call.booleans(1));
            BooleanBuffer::collect_bool(call.count, |row| test.holds(a.at(row).cmp(&b.at(row))))
        }
        _ => {
            let (a, b) = (call.whole(0), call.whole(1));
            match test {
                Test::Equal => pack(call.count, a, b, |a, b| a == b),
                Test::NotEqual => pack(call.count, a, b, |a, b| a != b),
                Test::Less => pack(call.count, a, b, |a, b| a < b),
                Test::LessOrEqual => pack(call.count, a, b, |a, b| a <= b),
                Test::Greater => pack(call.count, a, b, |a, b| a > b),
                Test::GreaterOrEqual => pack(call.count, a, b, |a, b| a >= b),
            }
        }
    }
}

impl Test {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Test::Equal => order.is_eq(),
            Test::NotEqual => order.is_ne(),
            Test::Less => order.is_lt(),
            Test::LessOrEqual => order.is_le(),
            Test::Greater => order.is_gt(),
            Test::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn less(a: f64, b: f64) -> bool {
    (a < b) | (b.is_nan() & !a.is_nan())
}

fn equal(a: f64, b: f64) -> bool {
    (a == b) | (a.is_nan() & b.is_nan())
}

/// The order of two numbers by the same rule.
pub fn order_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// A bit for each row, 64 rows to a word.
fn pack<T: Copy>(count: usize, a: Values<'_, T>, b: Values<'_, T>, test: impl Fn(T, T) -> bool + Copy) -> BooleanBuffer {
    let words: Vec<u64> = match (a.constant(), b.constant()) {
        (None, None) => {
            let chunks = a.values.chunks(64).zip(b.values.chunks(64));
            chunks.map(|(a, b)| word(a.iter().zip(b).map(|(a, b)| test(*a, *b)))).collect()
        }
        (None, Some(b)) => a.values.chunks(64).map(|a| word(a.iter().map(|a| test(*a, b)))).collect(),
        (Some(a), None) => b.values.chunks(64).map(|b| word(b.iter().map(|b| test(a, *b)))).collect(),
        (Some(a), Some(b)) => vec![if test(a, b) { u64::MAX } else { 0 }; count.div_ceil(64)],
    };
    BooleanBuffer::new(Buffer::from_vec(words), 0, count)
}

fn word(bits: impl Iterator<Item = bool>) -> u64 {
    bits.enumerate().fold(0, |word, (index, bit)| word | u64::from(bit) << index)
}

/// The order of two rows' values, of arrays of one type; null comes first, and a list compares element by element.
pub fn order(a: &dyn Array, at: usize, b: &dyn Array, bt: usize) -> Ordering {
    match (a.is_null(at), b.is_null(bt)) {
        (false, false) => {}
        (a, b) => return b.cmp(&a),
    }
    match Type::of(a.data_type()) {
        Some(Type::Boolean) => a.as_boolean().value(at).cmp(&b.as_boolean().value(bt)),
        Some(Type::Float64) => order_floats(float(a, at), float(b, bt)),
        Some(Type::Utf8) => a.as_string::<i32>().value(at).cmp(b.as_string::<i32>().value(bt)),
        Some(Type::List(_)) => {
            let (a, b) = (a.as_list::<i32>().value(at), b.as_list::<i32>().value(bt));
            let both = (0..a.len().min(b.len())).map(|row| order(&a, row, &b, row));
            both.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
        }
        Some(of) => whole(a, &of, at).cmp(&whole(b, &of, bt)),
        None => Ordering::Equal,
    }
}

fn float(array: &dyn Array, row: usize) -> f64 {
    array.as_primitive::<arrow_array::types::Float64Type>().value(row)
}

fn whole(array: &dyn Array, of: &Type, row: usize) -> i64 {
    match of {
        Type::Timestamp => array.as_primitive::<arrow_array::types::TimestampMicrosecondType>().value(row),
        Type::Interval => array.as_primitive::<arrow_array::types::DurationMicrosecondType>().value(row),
        _ => array.as_primitive::<arrow_array::types::Int64Type>().value(row),
    }
}

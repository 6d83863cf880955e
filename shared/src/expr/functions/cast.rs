//! Changes of type: `cast(x as type)` and `try_cast`, and the widening of an Int64 to a Float64 that happens by itself.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, ListArray};
use arrow_buffer::BooleanBufferBuilder;

use super::Kind::{Any, Named};
use super::call::{Call, Failure, bounded, excerpt};
use super::{Fixed, Function, Preparation, Run, line};
use crate::expr::eval::Column;
use crate::expr::time::{self, Shown};
use crate::expr::{Type, Value};

pub(super) static CASTS: &[Function] = &[
    line(
        "cast",
        Fixed(&[Any]),
        Named,
        Run::Strict(cast),
        "The value as another type: boolean, bigint (int64), double (float64), text (string, utf8), timestamp, interval, or a list \
         as `bigint[]`. A number loses its fraction, as in Flink; what does not fit is an error.",
        ("cast('42' as bigint)", "42"),
    )
    .form("cast(value as type)"),
    line(
        "try_cast",
        Fixed(&[Any]),
        Named,
        Run::Strict(try_cast),
        "The same, but null where the value does not fit.",
        ("try_cast('4z' as bigint)", "null"),
    )
    .form("try_cast(value as type)"),
];

type Done = Result<ArrayRef, Failure>;

/// Whether values of one type can be cast to another.
pub fn castable(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (from, to) if from == to => true,
        (_, Type::Utf8) => true,
        (Type::List(from), Type::List(to)) => castable(from, to),
        (Type::Utf8, to) => !to.is_list(),
        (Type::Boolean | Type::Int64 | Type::Float64, Type::Boolean | Type::Int64 | Type::Float64) => true,
        _ => false,
    }
}

fn try_cast(call: &Call<'_>) -> Done {
    let failures = RefCell::new(Vec::new());
    let array = cast(&call.noting(&failures))?;
    let mut failed = BooleanBufferBuilder::new(call.count);
    failed.append_n(call.count, false);
    failures.into_inner().into_iter().for_each(|row| failed.set_bit(row, true));
    let failed = BooleanArray::new(failed.finish(), None);
    Ok(arrow_select::nullif::nullif(&array, &failed).expect("both have the rows of the batch"))
}

fn cast(call: &Call<'_>) -> Done {
    let column = &call.arguments()[0];
    let Some(from) = Type::of(column.array.data_type()) else { return Ok(call.result.nulls(call.count)) };
    if from == *call.result {
        return Ok(column.array.clone());
    }
    match (&from, call.result) {
        (Type::Int64, Type::Float64) => {
            let values: Vec<f64> = call.whole(0).values.iter().map(|value| *value as f64).collect();
            Ok(Arc::new(Float64Array::new(values.into(), call.nulls.clone())))
        }
        (Type::Float64, Type::Int64) => {
            let values = call.floats(0);
            call.write_whole(|row| whole(values.at(row)).map(Some))
        }
        (Type::Boolean, Type::Int64) => {
            let values = call.booleans(0);
            call.write_whole(|row| Ok(Some(values.at(row).into())))
        }
        (Type::Boolean, Type::Float64) => {
            let values = call.booleans(0);
            call.write_floats(|row| Ok(Some(f64::from(u8::from(values.at(row))))))
        }
        (Type::Int64, Type::Boolean) => {
            let values = call.whole(0);
            call.write_booleans(|row| Ok(Some(values.at(row) != 0)))
        }
        (Type::Float64, Type::Boolean) => {
            let values = call.floats(0);
            call.write_booleans(|row| Ok(Some(values.at(row) != 0.0)))
        }
        (Type::Utf8, Type::Boolean) => of_text(call, boolean, |call, give| call.write_booleans(give)),
        (Type::Utf8, Type::Int64) => of_text(call, |text| text.parse().ok(), |call, give| call.write_whole(give)),
        (Type::Utf8, Type::Float64) => of_text(call, float, |call, give| call.write_floats(give)),
        (Type::Utf8, Type::Timestamp) => of_text(call, time::timestamp, |call, give| call.write_whole(give)),
        (Type::Utf8, Type::Interval) => of_text(call, time::interval_of_text, |call, give| call.write_whole(give)),
        (Type::List(_), Type::List(to)) => list(call, to),
        _ => call.write_texts(|row, out| {
            show(&column.array, if column.constant { 0 } else { row }, out)?;
            Ok(true)
        }),
    }
}

fn of_text<T>(
    call: &Call<'_>,
    read: impl Fn(&str) -> Option<T>,
    write: impl Fn(&Call<'_>, &dyn Fn(usize) -> Result<Option<T>, String>) -> Done,
) -> Done {
    let texts = call.texts(0);
    write(call, &|row| {
        let text = texts.at(row);
        read(text.trim()).map(Some).ok_or_else(|| format!("'{}' is no {}", excerpt(text), call.result))
    })
}

fn whole(value: f64) -> Result<i64, String> {
    // The first Float64 past the greatest Int64.
    const END: f64 = 9_223_372_036_854_775_808.0;
    let cut = value.trunc();
    if (-END..END).contains(&cut) { Ok(cut as i64) } else { Err(format!("{value:?} does not fit an Int64")) }
}

/// The words that Flink knows.
fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match is(["true", "t", "yes", "y", "1"]) {
        true => Some(true),
        false => is(["false", "f", "no", "n", "0"]).then_some(false),
    }
}

fn float(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Appends a value as text: `1.0`, `true`, `2024-01-02 03:04:05`, `1 02:03:04`, `[a, null]`.
pub fn show(array: &dyn Array, row: usize, out: &mut String) -> Result<(), String> {
    let written = match Value::at(array, row) {
        Value::Null => write!(out, "null"),
        Value::Boolean(it) => write!(out, "{it}"),
        Value::Int64(it) => write!(out, "{it}"),
        Value::Float64(it) => write!(out, "{it:?}"),
        Value::Utf8(it) => write!(out, "{it}"),
        Value::Timestamp(it) => write!(out, "{}", Shown::Timestamp(it)),
        Value::Interval(it) => write!(out, "{}", Shown::Interval(it)),
        Value::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            out.push('[');
            for index in 0..elements.len() {
                out.push_str(if index == 0 { "" } else { ", " });
                show(&elements, index, out)?;
                bounded(out.len())?;
            }
            out.push(']');
            Ok(())
        }
    };
    written.map_err(|_| "a value that cannot be written".to_owned())
}

/// Casts the elements of all rows at once; a row fails if one of its elements does.
fn list(call: &Call<'_>, to: &Type) -> Done {
    let column = &call.arguments()[0];
    let lists = column.array.as_list::<i32>();
    let first = lists.value_offsets()[0] as usize;
    let elements = Column { array: lists.values().clone(), constant: false };
    let count = elements.array.len();
    let nulls = elements.array.nulls().cloned();
    let arguments = [elements];
    let failures = RefCell::new(Vec::new());
    let all = Call::new(&arguments, count, to, &Preparation::Nothing, call.context, nulls);
    let cast = cast(&all.noting(&failures))?;
    let mut failed = failures.into_inner();
    failed.retain(|element| *element >= first);
    failed.sort_unstable();
    for row in (0..lists.len()).filter(|_| !failed.is_empty()) {
        let range = lists.value_offsets()[row] as usize..lists.value_offsets()[row + 1] as usize;
        let at = failed.partition_point(|element| *element < range.start);
        if let Some(element) = failed.get(at).filter(|element| range.contains(element))
            && call.live(row)
        {
            let mut text = String::new();
            show(lists.values(), *element, &mut text).ok();
            call.fail(row, || format!("'{}' is no {to}", excerpt(&text)))?;
        }
    }
    let nulls = lists.nulls().cloned();
    Ok(Arc::new(ListArray::new(to.element(), lists.offsets().clone(), cast, nulls)))
}

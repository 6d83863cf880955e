//! An expression that may be anything: parsed, and, if it is one, computed over a few odd rows. For the test of random texts and for
//! the fuzzer (`fuzz/`), which includes this file.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.

use arrow_array::ArrayRef;
use shared::expr::{AggregateExpr, Context, Expr, Schema, Type, Value};

/// Columns of every type.
pub fn schema() -> Schema {
    let columns = [
        ("s", Type::Utf8),
        ("t", Type::Utf8),
        ("i", Type::Int64),
        ("x", Type::Float64),
        ("yes", Type::Boolean),
        ("l", Type::Utf8.list()),
        ("at", Type::Timestamp),
        ("span", Type::Interval),
    ];
    Schema(columns.into_iter().map(|(name, of)| (name.to_owned(), of)).collect())
}

/// Three rows of them, with the values that are hardest to compute with.
pub fn columns() -> Vec<ArrayRef> {
    let values = [
        vec![Value::Utf8("Hello, Wörld".into()), Value::Null, Value::Utf8("7".into())],
        vec![Value::Null, Value::Utf8("%".into()), Value::Utf8("l+".into())],
        vec![Value::Int64(7), Value::Int64(i64::MIN), Value::Int64(0)],
        vec![Value::Float64(2.5), Value::Float64(f64::NAN), Value::Float64(-1e300)],
        vec![Value::Boolean(true), Value::Null, Value::Boolean(false)],
        vec![Value::List(vec![Value::Utf8("a".into()), Value::Null]), Value::Null, Value::List(vec![])],
        vec![Value::Timestamp(0), Value::Timestamp(i64::MAX), Value::Timestamp(i64::MIN)],
        vec![Value::Interval(90_000_000), Value::Interval(i64::MIN), Value::Null],
    ];
    schema().0.iter().zip(values).map(|((_, of), values)| of.array(&values)).collect()
}

/// Parses and runs a text; what it says has a place in the text.
pub fn run(text: &str, schema: &Schema, columns: &[ArrayRef]) {
    let place = |start: usize, end: usize| {
        assert!(start <= end && text.get(start..end).is_some(), "{text:?}: {start}..{end}");
    };
    match Expr::parse(text, schema) {
        Err(error) => place(error.start, error.end),
        Ok(expr) => match expr.evaluate(columns, 3, Context { now_micros: 1 }) {
            Ok(array) => {
                assert_eq!((array.len(), Type::of(array.data_type()).as_ref()), (3, Some(expr.data_type())), "{text:?}")
            }
            Err(error) => {
                assert!(error.row < 3, "{text:?}: {error:?}");
                place(error.start, error.end);
            }
        },
    }
    if let Err(error) = AggregateExpr::parse(text, schema) {
        place(error.start, error.end);
    }
}

//! Aggregates: any split of the rows into tasks, merged, gives what one pass and a plain count of the rows give.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

use std::cmp::Ordering;

use arrow_array::{Array, ArrayRef, UInt32Array};
use proptest::prelude::*;
use shared::expr::aggregate::Kind;
use shared::expr::{Aggregate, AggregateExpr, Context, GroupedAccumulator, Schema, Type, Value};
use shared::rng::Rng;

fn schema() -> Schema {
    let columns = [
        ("i", Type::Int64),
        ("x", Type::Float64),
        ("s", Type::Utf8),
        ("b", Type::Boolean),
        ("d", Type::Timestamp),
        ("v", Type::Interval),
        ("l", Type::Int64.list()),
    ];
    Schema(columns.into_iter().map(|(name, of)| (name.to_owned(), of)).collect())
}

/// Numbers that add up without a rounding, so that no order shows.
fn draw(rng: &mut Rng, of: &Type) -> Value {
    if rng.below(5) == 0 {
        return Value::Null;
    }
    match of {
        Type::Boolean => Value::Boolean(rng.below(2) == 0),
        Type::Int64 => Value::Int64(match rng.below(8) {
            0 => i64::MAX - rng.below(3) as i64,
            1 => i64::MIN + rng.below(3) as i64,
            _ => rng.below(9) as i64 - 4,
        }),
        Type::Float64 => Value::Float64((rng.below(33) as f64 - 16.0) / 4.0),
        Type::Utf8 => Value::Utf8(["", "a", "b", "ab", "ä", "zz", "Z"][rng.below(7) as usize].into()),
        Type::Timestamp => Value::Timestamp(rng.below(12) as i64 - 6),
        Type::Interval => Value::Interval(rng.below(12) as i64 - 6),
        Type::List(of) => Value::List((0..rng.below(3)).map(|_| draw(rng, of)).collect()),
    }
}

/// Every aggregate over every column that it takes.
fn aggregates() -> Vec<Aggregate> {
    let mut texts = vec!["count(*)".to_owned()];
    for (name, of) in &schema().0 {
        for form in ["count(#)", "first(#)", "last(#)", "list(#)"] {
            texts.push(form.replace('#', name));
        }
        if matches!(of, Type::List(_)) {
            continue;
        }
        for form in [
            "count(distinct #)",
            "min(#)",
            "max(#)",
            "list_distinct(#)",
            "list(distinct #)",
            "top_k(#, 1)",
            "top_k(#, 3)",
            "approx_distinct(#)",
            "quantile(#, 0)",
            "quantile(#, 0.5)",
            "quantile(#, 0.9)",
            "quantile(#, 1.0)",
        ] {
            texts.push(form.replace('#', name));
        }
    }
    texts.extend(["sum(i)", "avg(i)", "stddev(x)", "sum(x)", "avg(x)", "sum(v)", "avg(v)", "stddev(i)"].map(str::to_owned));
    texts.iter().map(|text| Aggregate::parse(text, &schema()).unwrap_or_else(|error| panic!("{text}: {error:?}"))).collect()
}

struct Rows {
    groups: Vec<u32>,
    group_count: usize,
    columns: Vec<ArrayRef>,
    values: Vec<Vec<Value>>,
}

impl Rows {
    fn draw(rng: &mut Rng) -> Rows {
        let count = rng.below(60) as usize;
        let group_count = 1 + rng.below(5) as usize;
        let groups = (0..count).map(|_| rng.below(group_count as u64) as u32).collect();
        let values: Vec<Vec<Value>> = schema().0.iter().map(|(_, of)| (0..count).map(|_| draw(rng, of)).collect()).collect();
        let columns = schema().0.iter().zip(&values).map(|((_, of), values)| of.array(values)).collect();
        Rows { groups, group_count, columns, values }
    }

    fn argument(&self, aggregate: &Aggregate, range: std::ops::Range<usize>) -> Vec<ArrayRef> {
        let columns: Vec<_> = self.columns.iter().map(|column| column.slice(range.start, range.len())).collect();
        let argument = aggregate.argument().map(|of| of.evaluate(&columns, range.len(), Context::default()).unwrap());
        argument.into_iter().collect()
    }

    /// The values of a group, in order; of `count(*)` something for each row.
    fn of_group(&self, aggregate: &Aggregate, group: usize) -> Vec<Value> {
        let rows = (0..self.groups.len()).filter(|row| self.groups[*row] as usize == group);
        match aggregate.argument() {
            None => rows.map(|_| Value::Boolean(true)).collect(),
            Some(argument) => {
                let mut column = None;
                argument.each_column(&mut |index, _| column = Some(index));
                let float = argument.data_type() == &Type::Float64;
                let brought = |value: &Value| match value {
                    Value::Int64(value) if float => Value::Float64(*value as f64),
                    value => value.clone(),
                };
                rows.map(|row| brought(&self.values[column.unwrap()][row])).collect()
            }
        }
    }
}

/// Adds rows in batches of any size.
fn update(
    rng: &mut Rng,
    accumulator: &mut dyn GroupedAccumulator,
    rows: &Rows,
    aggregate: &Aggregate,
    range: std::ops::Range<usize>,
) {
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at + 1 + rng.below(20) as usize);
        accumulator.update(&rows.groups[at..end], rows.group_count, &rows.argument(aggregate, at..end)).unwrap();
        at = end;
    }
    accumulator.update(&[], rows.group_count, &rows.argument(aggregate, 0..0)).unwrap();
}

/// Cuts the rows into tasks, has each leave its states, and merges them, in order or in any.
fn split(rng: &mut Rng, rows: &Rows, aggregate: &Aggregate, in_order: bool) -> Result<ArrayRef, String> {
    let mut cuts: Vec<usize> = (0..rng.below(5)).map(|_| rng.below(rows.groups.len() as u64 + 1) as usize).collect();
    cuts.extend([0, rows.groups.len()]);
    cuts.sort_unstable();
    let mut parts: Vec<_> = cuts.windows(2).map(|ends| ends[0]..ends[1]).collect();
    if !in_order {
        for index in (1..parts.len()).rev() {
            parts.swap(index, rng.below(index as u64 + 1) as usize);
        }
    }
    let mut merged = aggregate.accumulator();
    for part in parts {
        let mut task = aggregate.accumulator();
        update(rng, &mut *task, rows, aggregate, part);
        let states = task.state().unwrap();
        let types: Vec<Type> = states.iter().map(|state| Type::of(state.data_type()).unwrap()).collect();
        assert_eq!(types, aggregate.state_types(), "{aggregate:?}");
        // The states travel in pieces, and not in the order of their groups.
        let mut order: Vec<u32> = (0..rows.group_count as u32).collect();
        order.rotate_left(rng.below(rows.group_count as u64) as usize);
        for groups in order.chunks(1 + rng.below(3) as usize) {
            let indices = UInt32Array::from(groups.to_vec());
            let states: Vec<_> = states.iter().map(|state| arrow_select::take::take(state, &indices, None).unwrap()).collect();
            merged.merge(groups, rows.group_count, &states).map_err(|error| error.message)?;
        }
    }
    merged.finish().map_err(|error| error.message)
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::Int64(a), Value::Int64(b))
        | (Value::Timestamp(a), Value::Timestamp(b))
        | (Value::Interval(a), Value::Interval(b)) => a.cmp(b),
        (Value::Float64(a), Value::Float64(b)) => a.partial_cmp(b).unwrap(),
        (Value::Utf8(a), Value::Utf8(b)) => a.cmp(b),
        _ => panic!("{a:?} and {b:?}"),
    }
}

/// What an aggregate of these values is, or that it has none.
fn plain(aggregate: &Aggregate, values: &[Value]) -> Result<Value, ()> {
    let known: Vec<Value> = values.iter().filter(|value| **value != Value::Null).cloned().collect();
    let mut distinct: Vec<Value> = Vec::new();
    known.iter().for_each(|value| {
        if !distinct.contains(value) {
            distinct.push(value.clone());
        }
    });
    let mut sorted = known.clone();
    if !matches!(aggregate.argument().map(|of| of.data_type()), Some(Type::List(_))) {
        sorted.sort_by(order);
    }
    let list = |values: Vec<Value>| if values.is_empty() { Value::Null } else { Value::List(values) };
    let parameter = || -> f64 {
        // The parameter is no part of the interface but for how the aggregate travels.
        let json = serde_json::to_value(aggregate).unwrap();
        json["parameter"].as_str().unwrap().parse().unwrap()
    };
    let wholes = || {
        known.iter().map(|value| match value {
            Value::Int64(it) | Value::Interval(it) => i128::from(*it),
            other => panic!("{other:?}"),
        })
    };
    let whole = |sum: i128| {
        let sum = i64::try_from(sum).map_err(|_| ())?;
        Ok(if *aggregate.data_type() == Type::Interval { Value::Interval(sum) } else { Value::Int64(sum) })
    };
    let floats = || known.iter().map(|value| if let Value::Float64(it) = value { *it } else { panic!("{value:?}") });
    let is_float = *aggregate.data_type() == Type::Float64;
    Ok(match aggregate.kind() {
        Kind::CountAll => Value::Int64(values.len() as i64),
        Kind::Count => Value::Int64(known.len() as i64),
        // So few values are counted without an error.
        Kind::CountDistinct | Kind::ApproxDistinct => Value::Int64(distinct.len() as i64),
        Kind::First => values.first().cloned().unwrap_or(Value::Null),
        Kind::Last => values.last().cloned().unwrap_or(Value::Null),
        Kind::List => list(values.to_vec()),
        Kind::ListDistinct => list(distinct),
        _ if known.is_empty() => Value::Null,
        Kind::Min => sorted[0].clone(),
        Kind::Max => sorted[sorted.len() - 1].clone(),
        Kind::TopK => list(sorted.into_iter().rev().take(parameter() as usize).collect()),
        Kind::Quantile => {
            // The least value that is not exceeded by the share: counted, not computed.
            let q = parameter();
            let place = (0..sorted.len()).find(|place| (place + 1) as f64 >= q * sorted.len() as f64);
            sorted[place.unwrap()].clone()
        }
        Kind::Sum if is_float => Value::Float64(floats().sum()),
        Kind::Avg if is_float => Value::Float64(floats().sum::<f64>() / known.len() as f64),
        Kind::Sum => whole(wholes().sum())?,
        Kind::Avg => whole(wholes().sum::<i128>() / known.len() as i128)?,
        Kind::StdDev if known.len() < 2 => Value::Null,
        Kind::StdDev => {
            let mean = floats().sum::<f64>() / known.len() as f64;
            let squares: f64 = floats().map(|it| (it - mean) * (it - mean)).sum();
            Value::Float64((squares / (known.len() - 1) as f64).sqrt())
        }
    })
}

/// Whether two values are the same, or, of a deviation, differ in the last places only.
fn same(aggregate: &Aggregate, a: &Value, b: &Value) -> bool {
    match (aggregate.kind(), a, b) {
        (Kind::StdDev, Value::Float64(a), Value::Float64(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
        _ => a == b,
    }
}

fn check(seed: u64) -> Result<(), TestCaseError> {
    let rng = &mut Rng::new(seed);
    let rows = Rows::draw(rng);
    for aggregate in aggregates() {
        let travelled: Aggregate = serde_json::from_str(&serde_json::to_string(&aggregate).unwrap()).unwrap();
        prop_assert_eq!(&travelled, &aggregate);
        let wanted: Vec<_> = (0..rows.group_count).map(|group| plain(&aggregate, &rows.of_group(&aggregate, group))).collect();
        let fails = wanted.iter().any(Result::is_err);
        let mut one_pass = aggregate.accumulator();
        update(rng, &mut *one_pass, &rows, &aggregate, 0..rows.groups.len());
        let any_order = !matches!(aggregate.kind(), Kind::First | Kind::Last | Kind::List | Kind::ListDistinct);
        let results = [
            one_pass.finish().map_err(|error| error.message),
            split(rng, &rows, &aggregate, true),
            split(rng, &rows, &travelled, !any_order),
        ];
        for (way, result) in results.into_iter().enumerate() {
            match result {
                Err(message) => prop_assert!(fails, "{:?} way {}: {}", aggregate, way, message),
                Ok(array) => {
                    prop_assert!(!fails, "{:?} way {}", aggregate, way);
                    prop_assert_eq!(array.len(), rows.group_count);
                    prop_assert_eq!(Type::of(array.data_type()), Some(aggregate.data_type().clone()));
                    for (group, wanted) in wanted.iter().enumerate() {
                        let (found, wanted) = (Value::at(&array, group), wanted.as_ref().unwrap());
                        prop_assert!(
                            same(&aggregate, &found, wanted),
                            "{:?} way {}: {} and not {}",
                            aggregate,
                            way,
                            found,
                            wanted
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_split_gives_what_one_pass_gives(seed in any::<u64>()) {
        check(seed)?;
    }
}

/// `top_k` throws values away as it goes, and HyperLogLog leaves its exact beginnings: both need many values.
#[test]
fn many_values() {
    let schema = Schema(vec![("i".to_owned(), Type::Int64)]);
    let top = Aggregate::parse("top_k(i, 5)", &schema).unwrap();
    let approx = Aggregate::parse("approx_distinct(i)", &schema).unwrap();
    let rng = &mut Rng::new(7);
    for count in [1_000u64, 50_000, 400_000] {
        let values: Vec<Value> =
            (0..count).map(|i| Value::Int64((i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16) as i64)).collect();
        let (mut best, mut about) = (top.accumulator(), approx.accumulator());
        let (mut parts, mut kept) = (approx.accumulator(), top.accumulator());
        for chunk in values.chunks(8192) {
            let array = Type::Int64.array(chunk);
            let groups = vec![0; chunk.len()];
            best.update(&groups, 1, std::slice::from_ref(&array)).unwrap();
            about.update(&groups, 1, std::slice::from_ref(&array)).unwrap();
            let (mut task, mut other) = (approx.accumulator(), top.accumulator());
            task.update(&groups, 1, std::slice::from_ref(&array)).unwrap();
            other.update(&groups, 1, std::slice::from_ref(&array)).unwrap();
            parts.merge(&[0], 1, &task.state().unwrap()).unwrap();
            kept.merge(&[0], 1, &other.state().unwrap()).unwrap();
            assert!(best.size() < 2_000_000, "{} bytes", best.size());
        }
        let mut sorted: Vec<i64> = values.iter().map(|value| if let Value::Int64(it) = value { *it } else { 0 }).collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let wanted = Value::List(sorted[..5].iter().map(|it| Value::Int64(*it)).collect());
        assert_eq!(Value::at(&best.finish().unwrap(), 0), wanted);
        assert_eq!(Value::at(&kept.finish().unwrap(), 0), wanted);
        let Value::Int64(estimate) = Value::at(&about.finish().unwrap(), 0) else { panic!("no count") };
        let error = (estimate - count as i64).abs() as f64 / count as f64;
        assert!(error < 0.05, "{estimate} of {count}");
        assert_eq!(Value::at(&parts.finish().unwrap(), 0), Value::Int64(estimate), "the same from parts");
        let _ = rng.bits();
    }
}

/// A sum that overflows on the way and comes back is no error; one that stays too big is, and names its group.
#[test]
fn sums_overflow_only_in_the_end() {
    let schema = Schema(vec![("i".to_owned(), Type::Int64)]);
    let sum = Aggregate::parse("sum(i)", &schema).unwrap();
    let add = |values: &[i64]| {
        let mut accumulator = sum.accumulator();
        let array = Type::Int64.array(&values.iter().map(|it| Value::Int64(*it)).collect::<Vec<_>>());
        accumulator.update(&vec![1; values.len()], 2, &[array]).unwrap();
        accumulator.finish()
    };
    assert_eq!(Value::at(&add(&[i64::MAX, 1, -1]).unwrap(), 1), Value::Int64(i64::MAX));
    let error = add(&[i64::MAX, 1]).unwrap_err();
    assert_eq!((error.row, error.message.as_str()), (1, "the sum 9223372036854775808 does not fit an Int64"));
}

#[test]
fn what_is_refused() {
    let refused = |text: &str| match AggregateExpr::parse(text, &schema()) {
        Ok(expr) => panic!("{text}: {expr:?}"),
        Err(error) => {
            let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}..{} {}{hint}", error.start, error.end, error.message)
        }
    };
    for (text, wanted) in [
        (
            "i",
            "0..1 `i` is a column of many rows here: an aggregate makes one value of them (for example `max(i)` or `first(i)`)",
        ),
        (
            "1 + 1",
            "0..5 `1 + 1` has no aggregate (the aggregates are `count`, `sum`, `min`, `max`, `avg`, `stddev`, `first`, `last`, `list`, `list_distinct`, `top_k`, `approx_distinct` and `quantile`)",
        ),
        ("summ(i)", "0..4 there is no function `summ` (did you mean `sum`?)"),
        ("sum(s)", "0..6 `sum` does not take Utf8 (it is `sum(value)`, of Int64, Float64 or Interval)"),
        ("sum(sum(i))", "4..7 `sum` is an aggregate within an aggregate"),
        ("sum(*)", "0..3 there is no `sum(*)` (there is `sum(value)`)"),
        ("sum(distinct i)", "0..3 there is no `sum(distinct …)` (there is `sum(value)`)"),
        ("sum()", "0..5 `sum` takes 1 argument, not 0 (it is `sum(value)`)"),
        ("sum(i, x)", "0..9 `sum` takes 1 argument, not 2 (it is `sum(value)`)"),
        ("top_k(i)", "0..8 `top_k` takes 2 arguments, not 1 (it is `top_k(value, k)`)"),
        ("top_k(i, 0)", "9..10 the k of `top_k` is a whole number from 1 to 10000, not 0 (it is `top_k(value, k)`)"),
        ("top_k(i, i)", "9..10 what `top_k` takes after its value is a literal number (it is `top_k(value, k)`)"),
        ("quantile(i, 2)", "12..13 the q of `quantile` is a number from 0 to 1, not 2 (it is `quantile(value, q)`)"),
        ("min(l)", "0..6 `min` does not take List of Int64 (it is `min(value)`, of any value but a list)"),
        (
            "sum(j)",
            "4..5 there is no column `j`: the columns here are `i`, `x`, `s`, `b`, `d`, `v` and `l` (did you mean `i`?)",
        ),
        ("count(*", "7..7 the expression ends too early (`)` would fit)"),
    ] {
        assert_eq!(refused(text), wanted, "{text}");
    }
    let two = Aggregate::parse("sum(i) + 1", &schema()).unwrap_err();
    assert_eq!(two.message, "`sum(i) + 1` is more than one aggregate");
}

/// States of another aggregate, or of none, are an error and no panic.
#[test]
fn states_of_another_are_refused() {
    let wrong: Vec<Vec<ArrayRef>> = vec![
        vec![],
        vec![Type::Utf8.array(&[Value::Utf8("a".into())])],
        vec![Type::Int64.array(&[Value::Int64(1), Value::Int64(2)])],
        vec![Type::Int64.list().array(&[Value::List(vec![Value::Int64(-1)])])],
        vec![Type::Boolean.array(&[Value::Null]); 4],
    ];
    for aggregate in aggregates() {
        for states in &wrong {
            let types: Vec<_> = states.iter().map(|state| Type::of(state.data_type()).unwrap()).collect();
            let mut accumulator = aggregate.accumulator();
            let merged = accumulator.merge(&[0], 1, states);
            let fits = types == aggregate.state_types() && states.iter().all(|state| state.len() == 1);
            assert!(merged.is_err() || fits, "{aggregate:?} took {states:?}");
        }
    }
}

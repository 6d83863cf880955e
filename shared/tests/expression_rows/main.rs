//! Random typed expressions over random rows, nulls and extremes included: a batch at a time gives what a slow reader that looks at one
//! row after another gives (`reference`), the same values, and the same first row that fails.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

mod draw;
mod reference;

use arrow_array::{Array, ArrayRef};
use proptest::prelude::*;
use shared::expr::{Context, Expr, Schema, Type, Value};
use shared::rng::Rng;

use draw::{Tree, columns, rows, tree};
use reference::value;

/// One case: an expression and rows, from a seed.
fn check(seed: u64) -> Result<(), TestCaseError> {
    let rng = &mut Rng::new(seed);
    let count = match rng.below(4) {
        0 => rng.below(3),
        1 => 60 + rng.below(80),
        _ => 1 + rng.below(20),
    };
    let rows = rows(rng, count as usize);
    let wanted = match rng.below(6) {
        0 => Type::Int64,
        1 => Type::Float64,
        2 => Type::Utf8,
        3 => Type::Timestamp,
        4 => Type::Utf8.list(),
        _ => Type::Boolean,
    };
    let depth = 1 + rng.below(5) as u32;
    let drawn = tree(rng, &wanted, depth);
    let text = drawn.to_string();
    let schema = Schema(columns().into_iter().map(|(name, of)| (name.to_owned(), of)).collect());
    if text.len() > 4000 {
        return Ok(());
    }
    let expr = Expr::parse(&text, &schema).unwrap_or_else(|error| panic!("{text}\n{error:?}"));
    prop_assert_eq!(expr.data_type(), &wanted, "{}", &text);
    let slow: Vec<Result<Value, String>> = rows.iter().map(|row| value(&drawn, row)).collect();
    let failing = slow.iter().position(Result::is_err);

    // Over all rows: the values, or the first row that fails.
    let arrays = arrays(&rows);
    match (expr.evaluate(&arrays, rows.len(), Context::default()), failing) {
        (Ok(array), None) => same(&text, &array, &slow)?,
        (Err(error), Some(row)) => prop_assert_eq!(error.row, row, "{}: {:?}", &text, error),
        (Ok(_), Some(row)) => prop_assert!(false, "{text}: row {row} fails: {:?}", slow[row]),
        (Err(error), None) => prop_assert!(false, "{text}: {error:?}"),
    }

    // Up to that row: the values.
    let before = failing.unwrap_or(rows.len());
    let sound: Vec<ArrayRef> = arrays.iter().map(|array| array.slice(0, before)).collect();
    let array = expr.evaluate(&sound, before, Context::default());
    match array {
        Ok(array) => same(&text, &array, &slow[..before])?,
        Err(error) => prop_assert!(false, "{text} before row {before}: {error:?}"),
    }

    // Within a `try` a row that fails is null.
    let tried = Expr::parse(&format!("try({text})"), &schema).unwrap();
    let array = tried.evaluate(&arrays, rows.len(), Context::default());
    let nulls: Vec<_> = slow.iter().map(|value| Ok(value.clone().unwrap_or(Value::Null))).collect();
    match array {
        Ok(array) => same(&format!("try({text})"), &array, &nulls)?,
        Err(error) => prop_assert!(false, "try({text}): {error:?}"),
    }

    // What has travelled is the same.
    let back: Expr = serde_json::from_str(&serde_json::to_string(&expr).unwrap()).unwrap();
    prop_assert_eq!(back, expr);
    Ok(())
}

fn arrays(rows: &[Vec<Value>]) -> Vec<ArrayRef> {
    let column =
        |(index, (_, of)): (usize, (&str, Type))| of.array(&rows.iter().map(|row| row[index].clone()).collect::<Vec<_>>());
    columns().into_iter().enumerate().map(column).collect()
}

fn same(text: &str, array: &ArrayRef, slow: &[Result<Value, String>]) -> Result<(), TestCaseError> {
    prop_assert_eq!(array.len(), slow.len(), "{}", text);
    for (row, wanted) in slow.iter().enumerate() {
        // As text, since NaN does not equal itself and 0.0 equals -0.0.
        let (found, wanted) = (format!("{:?}", Value::at(array, row)), format!("{:?}", wanted.as_ref().unwrap()));
        prop_assert_eq!(found, wanted, "row {} of {}", row, text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_batch_gives_what_its_rows_give(seed in any::<u64>()) {
        check(seed)?;
    }
}

/// That the reader has seen every function that the draws know, and that enough of them fail and enough do not.
#[test]
fn the_draws_are_worth_something() {
    let (mut failing, mut nulls, mut values) = (0, 0, 0);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..1500 {
        let rng = &mut Rng::new(seed);
        let drawn = tree(rng, &Type::Boolean, 4);
        names(&drawn, &mut seen);
        for row in rows(rng, 3) {
            match value(&drawn, &row) {
                Err(_) => failing += 1,
                Ok(Value::Null) => nulls += 1,
                Ok(_) => values += 1,
            }
        }
    }
    assert!(failing > 200 && nulls > 400 && values > 1500, "{failing} {nulls} {values}");
    let missing: Vec<_> = draw::names().filter(|name| !seen.contains(name)).collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
}

fn names(tree: &Tree, seen: &mut std::collections::BTreeSet<&'static str>) {
    if let Tree::Call(name, arguments) = tree {
        seen.insert(name);
        arguments.iter().for_each(|argument| names(argument, seen));
    }
}

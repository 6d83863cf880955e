//! The reference of functions and aggregates: every example in it has the value that it says, and `docs/functions.md` and
//! `docs/functions.json` are its texts.
//! `MILLRACE_REWRITE=1 cargo test -p shared --test reference` writes the files anew.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

use std::path::{Path, PathBuf};

use arrow_array::ArrayRef;
use shared::expr::reference::{aggregates, functions, json, markdown, sample};
use shared::expr::{AggregateExpr, Context, Expr, Schema, Type, Value};

#[test]
fn every_example_of_a_function_has_its_value() {
    let mut count = 0;
    for (family, entry) in functions() {
        let (text, wanted) = entry.example;
        let expr = Expr::parse(text, &Schema::default()).unwrap_or_else(|error| panic!("{family}: {text}: {error:?}"));
        let value = expr.eval(&[]).unwrap_or_else(|error| panic!("{family}: {text}: {error}"));
        assert_eq!(value.to_string(), wanted, "{family}: {text}");
        count += 1;
    }
    assert!(count > 100, "{count} functions");
}

/// An example of a function is an example of that function, so that none is forgotten when lines are copied.
#[test]
fn every_example_calls_its_function() {
    for (family, entry) in functions() {
        let expr = Expr::parse(entry.example.0, &Schema::default()).unwrap();
        assert!(calls(&expr, entry.name), "{family}: `{}` is no example of `{}`", entry.example.0, entry.name);
    }
    for entry in aggregates() {
        assert!(entry.example.0.starts_with(entry.name), "`{}` is no example of `{}`", entry.example.0, entry.name);
    }
}

fn calls(expr: &Expr, name: &str) -> bool {
    match expr.call() {
        Some((called, arguments)) => called == name || arguments.iter().any(|argument| calls(argument, name)),
        None => false,
    }
}

#[test]
fn every_example_of_an_aggregate_has_its_value() {
    let (schema, rows) = sample();
    let columns: Vec<ArrayRef> = schema
        .0
        .iter()
        .enumerate()
        .map(|(index, (_, of))| of.array(&rows.iter().map(|row| row[index].clone()).collect::<Vec<_>>()))
        .collect();
    for entry in aggregates() {
        let (text, wanted) = entry.example;
        let expr = AggregateExpr::parse(text, &schema).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let results: Vec<ArrayRef> = expr
            .aggregates
            .iter()
            .map(|aggregate| {
                let argument = aggregate.argument().map(|of| of.evaluate(&columns, rows.len(), Context::default()).unwrap());
                let mut accumulator = aggregate.accumulator();
                accumulator.update(&vec![0; rows.len()], 1, argument.as_slice()).unwrap();
                accumulator.finish().unwrap()
            })
            .collect();
        let result = expr.finish(&results, 1, Context::default()).unwrap();
        assert_eq!(Value::at(&result, 0).to_string(), wanted, "{text}");
        assert_eq!(Type::of(result.data_type()).as_ref(), Some(expr.data_type()), "{text}");
    }
}

#[test]
fn the_documents_are_the_reference() {
    for (name, text) in [("functions.md", markdown()), ("functions.json", json())] {
        let written = document(name, &text);
        assert!(written == text, "docs/{name} is old: MILLRACE_REWRITE=1 cargo test -p shared --test reference writes it anew");
    }
}

#[allow(clippy::disallowed_methods)] // The test reads and writes the documents; the core still opens nothing.
fn document(name: &str, text: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var("MILLRACE_REWRITE").is_ok() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    std::fs::read_to_string(&path).unwrap()
}

//! Any text is parsed, and what is an expression is computed over a few odd rows.

#![no_main]

#[path = "../../shared/tests/common/any_expression.rs"]
mod any_expression;

use std::cell::OnceCell;

use any_expression::{columns, run, schema};
use arrow_array::ArrayRef;
use libfuzzer_sys::fuzz_target;
use shared::expr::Schema;

thread_local! {
    static ROWS: OnceCell<(Schema, Vec<ArrayRef>)> = const { OnceCell::new() };
}

fuzz_target!(|text: &str| {
    ROWS.with(|rows| {
        let (schema, columns) = rows.get_or_init(|| (schema(), columns()));
        run(text, schema, columns);
    });
});

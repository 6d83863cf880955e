//! An experiment with a hundred mistakes, over all of its parts: each is told, at its place, by its own sentence.
//! `REWRITE=1 cargo test -p shared --test hundred_errors` writes what is said now into `golden/hundred_errors.txt`; then read the diff.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![allow(clippy::disallowed_methods)] // It reads its experiment; the core opens nothing.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::path::Path;

use shared::experiment::check;

const EXPERIMENT: &str = include_str!("hundred_errors.yaml");

#[test]
fn each_of_the_hundred_is_told_by_its_own_sentence() {
    let problems = check(EXPERIMENT).unwrap_err();
    assert_eq!(problems.len(), 100);
    let places: BTreeSet<_> = problems.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places.len(), 100, "each has a place of its own");
    let sentences: BTreeSet<_> = problems.iter().map(|problem| (&problem.message, &problem.hint)).collect();
    assert_eq!(sentences.len(), 100, "each has a sentence of its own");

    let said: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/hundred_errors.txt");
    if std::env::var("REWRITE").is_ok_and(|value| value == "1") {
        std::fs::write(&golden, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(&golden).unwrap());
}

/// Lines are marked with the numbers of their mistakes, in order from 1 to 100.
#[test]
fn each_is_told_on_the_line_that_is_marked_with_its_number() {
    let told = check(EXPERIMENT).unwrap_err().into_iter().map(|problem| problem.line).collect::<Vec<_>>();
    let mut marked = Vec::new();
    for (line, text) in (1..).zip(EXPERIMENT.lines()) {
        for number in text.rsplit_once("  # ").map_or("", |(_, mark)| mark).split(", ").filter(|mark| !mark.is_empty()) {
            marked.push(line);
            assert_eq!(number, marked.len().to_string(), "line {line}");
        }
    }
    assert_eq!(marked, told);
}

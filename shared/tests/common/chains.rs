//! Jobs of several stages, drawn from a seed.

use shared::batch::Plan;
use shared::rng::Rng;

use super::{plan, plan_with_tables};

const WORDS: &str = "flat_map: { word: words(lower(line)) }";

fn partitions(rng: &mut Rng) -> u32 {
    1 + rng.below(5) as u32
}

/// With the combiner or without, where the values are whole numbers and texts: they are the same either way.
fn combine(rng: &mut Rng) -> &'static str {
    if rng.below(3) == 0 { ", combine: false" } else { "" }
}

/// An order or a limit in the middle, sometimes.
fn between(rng: &mut Rng, column: &str, steps: &mut Vec<String>) {
    if rng.below(4) == 0 {
        steps.push(format!("sort: {column} desc"));
    }
    if rng.below(4) == 0 {
        steps.push(format!("limit: {}", 1 + rng.below(30)));
    }
}

pub fn chain(rng: &mut Rng) -> Plan {
    let mut steps = vec![WORDS.to_owned()];
    if rng.below(3) == 0 {
        steps.push("filter: length(word) > 1".into());
    }
    steps.push(format!("reduce: {{ key: word, values: {{ count: count(*) }}{} }}", combine(rng)));
    between(rng, "count", &mut steps);
    steps.push("map: { n: length(word), x: \"1.0 / count\" }".into());
    // Sums of floats keep their last place with the combiner only (DESIGN §6.6).
    steps.push(match rng.below(3) {
        0 => "reduce: { key: n, values: { kinds: count(*), rows: sum(count), mean: avg(x), spread: stddev(x) } }".into(),
        1 => format!("reduce: {{ key: n, values: {{ kinds: count(*), rows: sum(count), least: min(word) }}{} }}", combine(rng)),
        _ => "reduce: { key: n, values: { kinds: count(*), rows: sum(count), words: list(word) }, partition_by: n % 3 }".into(),
    });
    between(rng, "rows", &mut steps);
    if rng.below(2) == 0 {
        steps.push("filter: kinds > 0".into());
        steps.push("select: kinds, rows".into());
        steps.push(format!("reduce: {{ key: kinds, values: {{ lengths: count(*), all_rows: sum(rows) }}{} }}", combine(rng)));
        between(rng, "lengths", &mut steps);
    }
    plan(partitions(rng), &steps.iter().map(String::as_str).collect::<Vec<_>>())
}

pub fn join(rng: &mut Rng) -> Plan {
    let kind = |rng: &mut Rng| if rng.below(2) == 0 { "inner" } else { "left" };
    let table_steps = match rng.below(3) {
        0 => "[ { flat_map: { name: words(lower(line)) } }, { select: name } ]",
        1 => "[ { flat_map: { name: words(lower(line)) } }, { reduce: { key: name, values: { n: count(*) } } } ]",
        _ => {
            "[ { flat_map: { name: words(line) } }, { select: name }, { map: { n: \"nullif(length(name), 3)\" } }, { limit: 40 } ]"
        }
    };
    let tables = format!("{{ other: {{ input: {{ text: y }}, steps: {table_steps} }} }}");
    let mut steps = vec![WORDS.to_owned()];
    if rng.below(2) == 0 {
        steps.push(format!("reduce: {{ key: word, values: {{ count: count(*) }}{} }}", combine(rng)));
    }
    if rng.below(4) == 0 {
        steps.push("map: { maybe: \"nullif(word, 'the')\" }".into());
        steps.push(format!("join: {{ with: other, key: {{ left: maybe, right: name }}, kind: {} }}", kind(rng)));
    } else {
        steps.push(format!("join: {{ with: other, key: {{ left: word, right: name }}, kind: {} }}", kind(rng)));
    }
    if rng.below(3) == 0 {
        steps.push("select: word".into());
        steps.push(format!("join: {{ with: other, key: {{ left: word, right: name }}, kind: {} }}", kind(rng)));
    }
    match rng.below(3) {
        0 => steps.push(format!("reduce: {{ key: word, values: {{ rows: count(*) }}{} }}", combine(rng))),
        1 => between(rng, "word", &mut steps),
        _ => {}
    }
    plan_with_tables(partitions(rng), &tables, &steps.iter().map(String::as_str).collect::<Vec<_>>())
}

pub fn sort(rng: &mut Rng) -> Plan {
    let mut steps = Vec::new();
    if rng.below(4) > 0 {
        steps.push(WORDS.to_owned());
        steps.push("map: { n: length(word), maybe: \"nullif(word, 'the')\" }".into());
    } else {
        steps.push("map: { n: length(line), word: lower(line), maybe: \"left(line, 1)\" }".into());
    }
    let order = ["n", "n desc, word", "word desc", "maybe desc", "maybe, n desc"][rng.below(5) as usize];
    steps.push(format!("sort: {order}"));
    match rng.below(5) {
        0 => steps.push("map: { twice: n * 2 }".into()),
        1 => {
            steps.push(format!("limit: {}", rng.below(50) + 1));
            steps.push("reduce: { key: n, values: { first: first(word), rows: count(*) } }".into());
        }
        2 => steps.push("reduce: { key: n, values: { all_words: list(word) } }".into()),
        3 => steps.push(format!("limit: {}", rng.below(20) + 1)),
        _ => {}
    }
    plan(partitions(rng), &steps.iter().map(String::as_str).collect::<Vec<_>>())
}

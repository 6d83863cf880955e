//! Random and mutated texts through the parser, and what parses through a batch: no panic, every place lies in the text, and none takes
//! over 50 ms. 200,000 texts, or as many as `MILLRACE_FUZZ_TEXTS` says.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // It measures, and reads its examples; the core does neither.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/any_expression.rs"]
mod any_expression;

use std::time::{Duration, Instant};

use any_expression::{columns, run, schema};
use arrow_array::ArrayRef;
use shared::expr::reference::{aggregates, functions};
use shared::expr::{Expr, Schema};
use shared::limits::EXPRESSION_BYTES_MAX;
use shared::rng::Rng;

const LIMIT: Duration = Duration::from_millis(50);

/// Texts that mean something, to begin with.
fn examples() -> Vec<String> {
    let golden = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/expressions.txt")).unwrap();
    let lines = golden.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" =>"));
    let tables = functions().map(|(_, entry)| entry.example.0).chain(aggregates().map(|entry| entry.example.0));
    lines.map(|(text, _)| text.to_owned()).chain(tables.map(str::to_owned)).collect()
}

const PIECES: &str = "( ) [ ] , + - * / % || = <> < <= > >= . :: ; and or not is null in like between case when then else end true false \
    distinct from escape as interval timestamp array extract( cast( try_cast( position( trim( both leading try( s t i x yes l at span \
    'a' '%_' '' '(?i)x{9}' '$.a[0]' '2024-01-02' 0 1 -1 2.5 1e3 1e308 9223372036854775807 bigint text double[] minute day year \"s\" \
    -- /* */ \\ ' \" ` $1 @ ? { } é 🙂 count( sum( top_k( quantile( coalesce( regexp_replace( lpad( array_join(";

fn mutate(rng: &mut Rng, text: &str, examples: &[String], pieces: &[&str]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(chars.len() as u64 + 1) as usize;
        let end = (at + rng.below(6) as usize).min(chars.len());
        let new: Vec<char> = match rng.below(6) {
            0 => vec![],
            1 => char::from_u32(rng.below(0x300) as u32).into_iter().collect(),
            2 => chars[at..end].repeat(2 + rng.below(200) as usize),
            3 => examples[rng.below(examples.len() as u64) as usize].chars().collect(),
            _ => format!(" {} ", pieces[rng.below(pieces.len() as u64) as usize]).chars().collect(),
        };
        let replaced = if rng.below(2) == 0 { at } else { end };
        chars.splice(at..replaced, new);
        chars.truncate(EXPRESSION_BYTES_MAX + 10);
    }
    chars.into_iter().collect()
}

#[test]
fn no_text_panics_or_takes_long() {
    let count = std::env::var("MILLRACE_FUZZ_TEXTS").map_or(200_000, |count| count.parse().unwrap());
    let (schema, columns, examples) = (schema(), columns(), examples());
    let pieces: Vec<&str> = PIECES.split_whitespace().collect();
    let rng = &mut Rng::new(42);
    let mut sound = 0;
    for index in 0..count {
        let text = match rng.below(10) {
            0 => String::from_utf8_lossy(&(0..rng.below(80)).map(|_| rng.bits() as u8).collect::<Vec<_>>()).into_owned(),
            1 | 2 => {
                let parts: Vec<&str> = (0..rng.below(40)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
                parts.join(" ")
            }
            _ => {
                let start = rng.below(examples.len() as u64) as usize;
                mutate(rng, &examples[start], &examples, &pieces)
            }
        };
        sound += u64::from(Expr::parse(&text, &schema).is_ok());
        quick(&format!("text {index}"), &text, &schema, &columns);
    }
    assert!(sound > count / 50, "{sound} of {count} texts are expressions");
}

/// The least time of a few, since the machine may do something else in between.
fn quick(what: &str, text: &str, schema: &Schema, columns: &[ArrayRef]) {
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        run(text, schema, columns);
        least = least.min(start.elapsed());
        if least < LIMIT {
            return;
        }
    }
    panic!("{what} takes {least:?}: {text:?}");
}

/// Texts of the greatest length whose parts repeat.
#[test]
fn no_long_text_takes_long() {
    let (schema, columns) = (schema(), columns());
    for (start, repeated, end) in [
        ("i in (", "i,", "1)"),
        ("i in (", "x,", "1)"),
        ("case i ", "when 1 then 1 ", "end"),
        ("case ", "when yes then i ", "end"),
        ("[", "i,", "0.5]"),
        ("", "i+", "i"),
        ("", "yes and ", "yes"),
        ("", "yes or ", "yes"),
        ("", "s||", "s"),
        ("", "(", ""),
        ("", "[", ""),
        ("", "not ", "yes"),
        ("", "- ", "i"),
        ("coalesce(", "i,", "0.5)"),
        ("greatest(", "i,", "0.5)"),
        ("concat(", "s,", "s)"),
        ("s", " between s and s and s", ""),
        ("s", " like s", ""),
        ("s", "[1]", ""),
        ("", "i=", "i"),
        ("s like '", "%a", "'"),
        ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' like '", "%a_", "b'"),
        ("regexp_like(s, '", "(a*)*", "')"),
        ("regexp_like(s, '", "\\w{9}", "')"),
        ("regexp_like(s, '", "(", "')"),
        ("regexp_like(s, '", "[^a]{50}", "')"),
        ("replace(", "replace(", "s"),
        ("", "lpad(", "s"),
        ("/*", "/*", "*/"),
        ("'", "''", "'"),
        ("\"", "a", "\""),
        ("", "1", ""),
        ("1e", "9", ""),
        ("json_value(s, '$", ".a[0]", "')"),
        ("to_timestamp(s, '", "yyyy", "')"),
        ("interval '", "9", "' day"),
        ("cast(s as bigint", "[]", ")"),
        ("sum(i)", "+sum(i)", ""),
        ("count(*)", "+top_k(i, 9)[1]", ""),
    ] {
        let times = (EXPRESSION_BYTES_MAX - start.len() - end.len()) / repeated.len();
        let text = format!("{start}{}{end}", repeated.repeat(times));
        quick(start, &text, &schema, &columns);
    }
}

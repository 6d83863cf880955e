//! A million texts that nobody would write through the parser and the checker: none panics, each problem has a place, and none takes
//! over 50 ms of its thread's time. A third is bytes drawn at random, a third the gallery's experiments with bytes changed, a third the
//! same with their structure changed.
//!
//! The texts are the same in every run: each is drawn from its own number. `MILLRACE_FUZZ_TEXTS` says how many. `fuzz/` looks for more
//! by coverage.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // It measures, reads its examples and has threads; the core does not.
#![cfg(not(target_arch = "wasm32"))]

mod bytes;
mod tree;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use shared::experiment::{Problem, check};
use shared::limits::{EXPERIMENT_BYTES_MAX, PROBLEMS_MAX};
use shared::rng::Rng;
use tree::Tree;

const TEXTS: u64 = 1_000_000;

/// What the longest check of one of these may take of its thread.
const LIMIT: Duration = Duration::from_millis(50);

/// What a check may take of a text of the greatest length, in a build whose dependencies are not optimised: a part that is read
/// again and again, as often as the text is long, takes far more.
const LONG_LIMIT: Duration = Duration::from_secs(1);

/// Half of what a wasm engine gives.
const STACK_BYTES: usize = 512 * 1024;

/// What the texts are made of.
struct Material {
    texts: Vec<String>,
    trees: Vec<Tree>,
}

impl Material {
    fn read() -> Material {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
        paths.sort();
        let texts: Vec<_> = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let trees = texts.iter().map(|text| Tree::read(text)).collect();
        Material { texts, trees }
    }

    /// The text of a number.
    fn text(&self, number: u64) -> String {
        let rng = &mut Rng::new(number);
        match number % 3 {
            0 => bytes::random(rng),
            1 => bytes::changed(rng, &self.texts),
            _ => tree::changed(rng, &self.trees),
        }
    }
}

/// Checks a text, and says what is wrong with the answer.
fn wrong(text: &str) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| check(text))) {
        Err(_) => Some("it panics".to_owned()),
        Ok(Ok(_)) => None,
        Ok(Err(problems)) => misplaced(text, &problems),
    }
}

fn misplaced(text: &str, problems: &[Problem]) -> Option<String> {
    if problems.is_empty() || problems.len() > PROBLEMS_MAX {
        return Some(format!("it has {} problems", problems.len()));
    }
    // YAML's lines end with either.
    let lines = text.split(['\n', '\r']).count() as u32;
    let outside = |problem: &&Problem| !(1..=lines + 1).contains(&problem.line) || problem.column == 0;
    problems.iter().find(outside).map(|problem| format!("its problem lies outside: {problem:?}"))
}

/// The time that this thread has run, whatever else the machine did.
fn ran() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The least time of three, or of one if that is within the limit.
fn least_time(text: &str, limit: Duration) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let start = ran();
        let _ = check(text);
        least = least.min(ran() - start);
        if least <= limit {
            break;
        }
    }
    least
}

/// Some of the texts, as one thread has them: how many were experiments, and what was wrong.
fn some(material: &Material, numbers: impl Iterator<Item = u64>) -> (u64, Vec<String>) {
    let (mut sound, mut failures) = (0, Vec::new());
    for number in numbers {
        let text = material.text(number);
        let start = ran();
        let found = wrong(&text);
        let took = ran() - start;
        sound += u64::from(found.is_none() && number % 64 < 3 && check(&text).is_ok());
        if let Some(found) = found {
            failures.push(format!("text {number}: {found}: {text:?}"));
        } else if took > LIMIT {
            let least = least_time(&text, LIMIT);
            if least > LIMIT {
                failures.push(format!("text {number} takes {least:?}: {text:?}"));
            }
        }
    }
    (sound, failures)
}

#[test]
fn a_million_texts_are_checked_without_a_panic_and_soon() {
    let count = std::env::var("MILLRACE_FUZZ_TEXTS").map_or(TEXTS, |count| count.parse().unwrap());
    let material = &Material::read();
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let results: Vec<(u64, Vec<String>)> = std::thread::scope(|scope| {
        let thread = |first: usize| {
            let numbers = (first as u64..count).step_by(threads);
            let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
            builder.spawn_scoped(scope, move || some(material, numbers)).unwrap()
        };
        let running: Vec<_> = (0..threads).map(thread).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let failures: Vec<_> = results.iter().flat_map(|(_, failures)| failures.iter().take(5)).cloned().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Were all of them refused at their first byte, they would show little.
    let sound: u64 = results.iter().map(|(sound, _)| sound).sum();
    assert!(sound > count / 2_000, "only {sound} of about {} texts are experiments", count / 20);
}

/// Texts of the greatest length whose parts repeat.
#[test]
fn no_long_text_takes_long() {
    let head = "millrace: 1\nbatch:\n  input: { text: a }\n  steps:\n";
    let reduce = "    - reduce: { key: line, values: { n: count(*) } }\n";
    let mut slow = Vec::new();
    for (what, start, repeated, end) in [
        ("unknown keys", "millrace: 1\n", "k#: 1\n", ""),
        ("one key again and again", "millrace: 1\n", "key: 1\n", ""),
        ("unknown keys of a batch", "millrace: 1\nbatch: {", "k#: 1, ", "}"),
        (
            "columns",
            "millrace: 1\nbatch: { input: { text: a }, format: csv, steps: [ limit: 1 ], columns: {",
            "c#: text, ",
            "} }",
        ),
        ("columns without a type", "millrace: 1\nbatch: { input: { text: a }, format: csv, columns: {", "c#: txet, ", "} }"),
        ("columns of a map", &*format!("{head}    - map: {{"), "c#: length(line), ", "}\n"),
        ("maps", head, "    - map: { c#: length(line) }\n", ""),
        ("wrong maps", head, "    - map: { c#: length(lien) }\n", ""),
        ("columns of a select", &*format!("{head}    - select: \""), "c#, ", "line\"\n"),
        ("a column selected twice", &*format!("{head}    - select: \""), "line, ", "line\"\n"),
        ("values", &*format!("{head}    - reduce: {{ key: line, values: {{"), "c#: count(*), ", "} }\n"),
        ("wrong values", &*format!("{head}    - reduce: {{ key: line, values: {{"), "c#: cuont(*), ", "} }\n"),
        ("terms of a sort", &*format!("{head}{reduce}    - sort: \""), "n desc, ", "line\"\n"),
        ("wrong terms of a sort", &*format!("{head}{reduce}    - sort: \""), "c# desk, ", "line\"\n"),
        ("terms of nothing", &*format!("{head}{reduce}    - sort: \""), ",", "\"\n"),
        ("steps", head, "    - limit: 1\n", ""),
        ("steps without a name", head, "    - x\n", ""),
        ("faults", &*format!("{head}{reduce}faults:\n"), "  - { at: 1%, kill: worker-1 }\n", ""),
        ("wrong faults", &*format!("{head}{reduce}faults:\n"), "  - { at: 1%, kil: worker-1 }\n", ""),
        (
            "groups of a partition",
            &*format!("{head}{reduce}faults:\n  - {{ at: 1%, for: 1 s, partition: ["),
            "[worker-#], ",
            "] }\n",
        ),
        ("expectations", &*format!("{head}{reduce}expect:\n"), "  - always: n > 1\n", ""),
        ("wrong expectations", &*format!("{head}{reduce}expect:\n"), "  - always: m > 1\n", ""),
        ("a long key", "millrace: 1\n", "k", ": 1\n"),
        ("a long key in quotes", "millrace: 1\n\"", "\\x6b", "\": 1\n"),
        ("a long title", "millrace: 1\ntitle: ", "ab ", "\n"),
        ("a title of many lines", "millrace: 1\ntitle: >\n", "  ab\n\n", "\n"),
        ("a long name of a dataset", "millrace: 1\nbatch: { input: { dataset: \"", "\\u00e4", "\" } }\n"),
        ("a long number", "millrace: 1\nseed: ", "1", "\n"),
        ("a grouped number", "millrace: 1\nseed: ", "1_", "1\n"),
        ("a long span", "millrace: 1\nrespawn: 1.", "0", "1 s\n"),
        ("a long percentage", "millrace: 1\nfaults: [ { kill: worker-1, at: 1.", "0", "% } ]\n"),
        ("a long expression", &*format!("{head}    - filter: \""), "line = 'a' or ", "true\"\n"),
        ("anchors", "millrace: 1\nabout: [", "&a# x, ", "]\n"),
        ("aliases", "millrace: 1\ntitle: &a x\nabout: [", "*a, ", "]\n"),
        ("aliases of an alias", "a0: &a0 [x, x]\n", "b#: &b# [*a0, *a0]\n", ""),
        ("comments", "", "# comment\n", "millrace: 1\n"),
        ("line ends", "millrace: 1\n", "\r\n", ""),
        ("line ends alone", "millrace: 1\n", "\r", ""),
        ("spaces", "millrace: 1", " ", "\n"),
        ("tabs", "millrace: 1\n", "\t", "\n"),
        ("open brackets", "millrace: ", "[", ""),
        ("open braces", "millrace: ", "{", ""),
        ("dashes", "", "- ", ""),
        ("question marks", "", "? ", ""),
        ("colons", "", ": ", ""),
        ("documents", "millrace: 1\n", "---\n", ""),
        ("directives", "", "%YAML 1.2\n", "---\n"),
        ("exclamation marks", "millrace: ", "!", " 1\n"),
        ("ampersands", "millrace: ", "&", " 1\n"),
        ("quotes", "millrace: '", "''", "'\n"),
        ("escaped line ends", "millrace: \"", "\\\n", "\"\n"),
        ("block scalars", "", "a#: |\n  b\n", ""),
        ("characters of four bytes", "title: ", "🙂", "\n"),
        ("line separators", "title: \"", "\u{2028}", "\"\n"),
    ] {
        let text = repeat(start, repeated, end);
        assert_eq!(wrong(&text), None, "{what}");
        let least = least_time(&text, LONG_LIMIT);
        if std::env::var("MILLRACE_FUZZ_SHOW").is_ok() {
            println!("{least:>12.3?} {what}");
        }
        if least > LONG_LIMIT {
            slow.push(format!("{what}: {least:?}"));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// As much of a part as fits between a start and an end; `#` in it is its number.
fn repeat(start: &str, repeated: &str, end: &str) -> String {
    let mut text = start.to_owned();
    for number in 0u32.. {
        let part = repeated.replace('#', &number.to_string());
        if text.len() + part.len() + end.len() > EXPERIMENT_BYTES_MAX {
            break;
        }
        text.push_str(&part);
    }
    text + end
}

//! The gallery's experiments, simulated with and without their faults: the rows are those of a sequential run, every expectation
//! holds, and they equal what a few plain lines compute from the same text. Those over the bundled text run in the browser's tests.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use common::Scenario;
use shared::batch::{Counters, Table};
use shared::experiment::{Expectation, Experiment, Input, Respawn, check};
use shared::session::expectations::Found;
use shared::wire::Tally;

/// The tests are outside the core: they may read files.
#[allow(clippy::disallowed_methods)]
fn example(name: &str) -> Experiment {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    check(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// Runs it with and without its faults, under several seeds, and gives its rows as CSV without the header, and its text.
fn run(name: &str) -> (Vec<String>, String) {
    let experiment = example(name);
    let text = |input: &Input| match input {
        Input::Text(text) => text.clone(),
        _ => panic!("{name} brings no text of its own"),
    };
    let texts: Vec<String> = experiment.batch.inputs.iter().map(text).collect();
    let respawn = match experiment.respawn {
        Respawn::After(span) => Some(span),
        Respawn::Never => None,
    };
    let calm = Scenario {
        plan: experiment.batch.plan.clone(),
        text: Arc::new(texts.concat().into_bytes()),
        cuts: Vec::new(),
        tables: texts[1..].iter().map(String::len).collect(),
        split_bytes: experiment.batch.split.unwrap(),
        workers: experiment.workers.unwrap(),
        faults: Vec::new(),
        respawn,
    };
    let sequential = calm.sequential();
    for (faults, seeds) in [(Vec::new(), 1), (experiment.faults.clone(), 20)] {
        for seed in 0..seeds {
            let (_, finished) = calm.clone().with_faults(faults.clone()).finish(seed);
            let table = Table::new(&calm.job().plan, finished.rows).unwrap();
            assert_eq!(table.output_hash().unwrap(), sequential.output_hash().unwrap(), "{name}, seed {seed}");
            judge(&experiment, &table, &finished.counters, &finished.tally);
        }
    }
    let csv = String::from_utf8(sequential.to_csv().unwrap()).unwrap();
    (csv.lines().skip(1).map(str::to_owned).collect(), texts.concat())
}

fn judge(experiment: &Experiment, table: &Table, counters: &Counters, tally: &Tally) {
    let output_hash = table.output_hash().unwrap();
    let sequential = Some(output_hash);
    let found = Found { table, output_hash, counters, tally, sequential };
    for expectation in experiment.expect.iter().filter(|it| **it != Expectation::EqualsSequential) {
        let judged = found.judge(expectation);
        assert!(judged.held, "{}: {}", judged.expectation, judged.found);
    }
}

/// Words of ASCII text in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().into_iter()
}

#[test]
fn url_access_frequency() {
    let (rows, _) = run("url-count.yaml");
    let expected = [
        "/index.html,4,0.0,15360,2024-03-01 08:03:55",
        "/about.html,2,0.5,2138,2024-03-01 08:01:40",
        "/missing,2,1.0,620,2024-03-01 08:02:08",
        "\"/search?q=mill, race\",1,0.0,7300,2024-03-01 08:02:03",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn reverse_web_link_graph() {
    let (rows, text) = run("link-graph.yaml");
    let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let (page, links) = (record["page"].as_str().unwrap(), record["links"].as_str().unwrap());
        for link in links.split_whitespace().filter(|link| *link != page) {
            sources.entry(link.to_owned()).or_default().insert(page.to_owned());
        }
    }
    let mut expected: Vec<_> = sources.into_iter().collect();
    expected.sort_by_key(|(target, pages)| (std::cmp::Reverse(pages.len()), target.clone()));
    let row = |(target, pages): (String, BTreeSet<String>)| {
        format!("{target},{},{}", pages.iter().cloned().collect::<Vec<_>>().join(" "), pages.len())
    };
    assert_eq!(rows, expected.into_iter().map(row).collect::<Vec<_>>());
}

#[test]
fn term_vector_per_host() {
    let (rows, text) = run("term-vectors.yaml");
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let host = record["url"].as_str().unwrap().split('/').nth(2).unwrap();
        for word in words(record["text"].as_str().unwrap()) {
            if word.len() > 2 && !["the", "and", "all"].contains(&word.as_str()) {
                *counts.entry((host.to_owned(), word)).or_default() += 1;
            }
        }
    }
    let mut expected: Vec<_> = counts.into_iter().filter(|(_, n)| *n > 1).collect();
    expected.sort_by_key(|((host, word), n)| (host.clone(), std::cmp::Reverse(*n), word.clone()));
    assert_eq!(rows, expected.into_iter().map(|((host, word), n)| format!("{host},{word},{n}")).collect::<Vec<_>>());
}

#[test]
fn inverted_index() {
    let (rows, text) = run("inverted-index.yaml");
    let mut index: BTreeMap<String, (BTreeSet<u32>, u32)> = BTreeMap::new();
    for line in text.lines() {
        let (document, text) = line.split_once(';').unwrap();
        for word in words(text).filter(|word| word.len() > 3) {
            let entry = index.entry(word).or_default();
            entry.0.insert(document.parse().unwrap());
            entry.1 += 1;
        }
    }
    let row = |(word, (documents, times)): (String, (BTreeSet<u32>, u32))| {
        let documents: Vec<_> = documents.iter().map(u32::to_string).collect();
        let list = format!("[{}]", documents.join(", "));
        let list = if documents.len() > 1 { format!("\"{list}\"") } else { list };
        format!("{word},{list},{times}")
    };
    assert_eq!(rows, index.into_iter().map(row).collect::<Vec<_>>());
}

#[test]
fn words_of_a_few_lines() {
    let (rows, text) = run("word-count-text.yaml");
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    text.to_lowercase().split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).for_each(|word| {
        *counts.entry(word.to_owned()).or_default() += 1;
    });
    let mut expected: Vec<_> = counts.into_iter().collect();
    expected.sort_by_key(|(word, n)| (std::cmp::Reverse(*n), word.clone()));
    assert_eq!(rows, expected.into_iter().map(|(word, n)| format!("{word},{n}")).collect::<Vec<_>>());
}

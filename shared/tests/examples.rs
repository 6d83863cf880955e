//! Every experiment of the gallery is valid, and the word count is the plan that the kernel knows.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

use std::path::Path;

use shared::batch::{SortKey, Step};
use shared::experiment::{Expectation, Experiment, Input, check, check_any, check_with};
use shared::expr::Type;
use shared::fault::{Effect, Fault, Moment};
use shared::id::NodeId;

/// The tests are outside the core: they may read files.
#[allow(clippy::disallowed_methods)]
fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn checked(name: &str) -> Experiment {
    check(&read(name))
        .unwrap_or_else(|problems| panic!("{name}: {}", problems.iter().map(|p| format!("\n  {p}")).collect::<String>()))
}

#[test]
fn every_example_checks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut count = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().unwrap().to_str().unwrap();
            check_any(&read(name), &[]).unwrap_or_else(|problems| {
                panic!("{name}: {}", problems.iter().map(|p| format!("\n  {p}")).collect::<String>())
            });
            count += 1;
        }
    }
    assert!(count >= 2, "{count} examples");
}

#[test]
fn word_count_is_the_plan_of_the_paper() {
    let experiment = checked("word-count.yaml");
    assert_eq!((experiment.title.as_str(), experiment.seed, experiment.workers), ("Word count", 42, Some(4)));
    assert_eq!(experiment.batch.inputs, [Input::Dataset("glosses".to_owned())]);
    assert_eq!(experiment.batch.split, Some(256 * 1024));
    assert_eq!(experiment.faults, [Fault { at: Moment::Progress(0.4), effect: Effect::Kill(NodeId::Worker(2)) }]);
    assert_eq!(experiment.expect, [Expectation::EqualsSequential]);
    let plan = &experiment.batch.plan;
    let [Step::FlatMap(list), Step::Filter(filter)] = plan.stages[0].steps.as_slice() else { panic!("{plan:?}") };
    // The shape by which a kernel recognises what it can do faster.
    let Some(("words", [lower])) = list.call() else { panic!("{list:?}") };
    let Some(("lower", [line])) = lower.call() else { panic!("{lower:?}") };
    assert_eq!(line.column(), Some(0));
    let Some((">", [_, _])) = filter.call() else { panic!("{filter:?}") };
    let reduce = plan.only_reduce().unwrap();
    assert_eq!((reduce.keys.as_slice(), reduce.key_types.as_slice(), reduce.values.len()), (&[1][..], &[Type::Utf8][..], 1));
    assert!(reduce.values[0].aggregates[0].is_count_all() && plan.counts_words());
    let columns: Vec<_> = plan.columns.iter().map(|column| (column.name.as_str(), &column.data_type)).collect();
    assert_eq!(columns, [("word", &Type::Utf8), ("count", &Type::Int64)]);
    assert_eq!(plan.sort, [SortKey { column: 1, descending: true }, SortKey { column: 0, descending: false }]);
    assert_eq!((plan.limit, plan.partitions, reduce.combine, plan.stages[1].steps.is_empty()), (Some(100), 4, true, true));
    assert_eq!(
        experiment.batch.steps,
        [
            "flat_map word = words(lower(line))",
            "filter length(word) > 1",
            "reduce by word: count = count(*)",
            "sort count desc, word",
            "limit 100"
        ]
    );
}

#[test]
fn a_plan_travels_as_json() {
    let plan = checked("word-count.yaml").batch.plan;
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<shared::batch::Plan>(&json).unwrap(), plan);
}

#[test]
fn overrides_set_values_by_path() {
    let text = read("word-count.yaml");
    let set = |sets: &[(&str, &str)]| {
        let sets: Vec<_> = sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
        check_with(&text, &sets)
    };
    let experiment =
        set(&[("batch.split", "64KiB"), ("workers", "2"), ("batch.steps.4.limit", "5"), ("batch.input", "{ file: a.txt }")])
            .unwrap();
    assert_eq!((experiment.batch.split, experiment.workers, experiment.batch.plan.limit), (Some(65536), Some(2), Some(5)));
    assert_eq!(experiment.batch.inputs, [Input::File("a.txt".to_owned())]);
    for (path, value, sentence) in [
        ("workers", "0", "in `workers=0`: `workers` is at least 1, not 0"),
        ("batch.splt", "1", "in `batch.splt=1`: `batch` has no key `splt` (did you mean `split`?)"),
        ("batch.steps.9.limit", "5", "in `batch.steps.9.limit=5`: `9` is no position in a list of 5, counted from 0"),
        ("title.x", "5", "in `title.x=5`: `x` has no place in a single value"),
        ("batch..split", "5", "in `batch..split=5`: a path is keys separated by points, like `batch.split`"),
        ("workers", "", "in `workers=`: `workers` is a value, not nothing (write a whole number like `4` or `10_000`)"),
        (
            "batch.steps.1.filter",
            "lenth(word) > 1",
            "in `batch.steps.1.filter=lenth(word) > 1`: there is no function `lenth` (did you mean `length`?)",
        ),
    ] {
        let problems = set(&[("seed", "1"), (path, value)]).unwrap_err();
        assert_eq!(problems[0].to_string(), sentence);
    }
}

//! What an experiment can be put beside: itself, with something else in it.

use shared::experiment::Outline;
use shared::wire::{Place, QueueView};

use crate::lab::aside::Sets;

/// One run of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// As it goes on a sentence: "with 8 workers".
    pub name: String,
    pub place: Place,
    pub sets: Sets,
}

/// What may be chosen at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub label: String,
    /// What it is put beside, where the others say what they have instead.
    pub written: String,
    pub variants: Vec<Variant>,
}

impl Choice {
    fn new(label: impl Into<String>, variants: Vec<Variant>) -> Choice {
        Choice { label: label.into(), written: String::new(), variants }
    }
}

/// What is known of the experiment and where it can run.
pub struct Known<'a> {
    pub text: &'a str,
    pub outline: Option<&'a Outline>,
    pub seed: u64,
    pub workers: u32,
    pub server: bool,
}

/// What a full queue can do, as an experiment says it.
const OVERLOADS: [&str; 6] = ["drop_oldest", "drop_newest", "reject", "{ sample: 30% }", "block", "buffer"];
/// The bound of a queue that has none, where only one that is full can show a difference.
const BOUND: u64 = 100;

/// The experiment as it is, in virtual time.
pub fn as_written(with: &str) -> Variant {
    let name = if with.is_empty() { "as written".to_owned() } else { format!("as written: {with}") };
    simulated(name, Vec::new())
}

/// `PATH=VALUE` and more of them, separated by semicolons. Errors are sentences.
pub fn own(text: &str) -> Result<Variant, String> {
    let set = |set: &str| {
        let (path, value) = set.split_once('=').filter(|(path, _)| !path.trim().is_empty())?;
        Some((path.trim().to_owned(), value.trim().to_owned()))
    };
    let sets: Option<Sets> = text.split(';').filter(|set| !set.trim().is_empty()).map(set).collect();
    match sets {
        Some(sets) if !sets.is_empty() => Ok(simulated(format!("with {}", text.trim()), sets)),
        _ => Err("Write PATH=VALUE, like batch.partitions=8; several with semicolons between them.".to_owned()),
    }
}

/// All that fits the experiment.
pub fn choices(known: &Known<'_>) -> Vec<Choice> {
    let mut choices = Vec::new();
    let has_faults = known.text.lines().any(|line| line.starts_with("faults:"));
    if has_faults {
        choices.push(one("without its faults", vec![set("faults", "[]")]));
    }
    if let Some(bus) = known.outline.and_then(|outline| outline.bus.as_deref()) {
        choices.extend(bus.queues.iter().map(overloads));
    } else {
        let named = named(known.text);
        let counts = [1, 2, 4, 8, 16].into_iter().filter(|count| *count != known.workers && *count >= named);
        let workers = |count: u32| {
            let name = if count == 1 { "with 1 worker".to_owned() } else { format!("with {count} workers") };
            simulated(name, vec![set("workers", count)])
        };
        choices.push(Choice::new("other numbers of workers", counts.map(workers).collect()));
        let reduce = known.outline.and_then(|outline| outline.steps.iter().position(|step| step.name == "reduce"));
        if let Some(step) = reduce {
            choices.push(one("without a combiner", vec![set(&format!("batch.steps.{step}.reduce.combine"), false)]));
        }
    }
    let real = |place, name: &str| Variant { name: name.to_owned(), place, sets: Vec::new() };
    let browser = real(Place::Browser, "in this browser");
    let server = known.server.then(|| real(Place::Server, "on the server"));
    let variants: Vec<Variant> = [browser].into_iter().chain(server).collect();
    let label = if known.server { "in this browser and on the server" } else { "in this browser" };
    choices.push(Choice::new(label, variants));
    let seeds = (1..=3).map(|more| known.seed.wrapping_add(more));
    let seeds = seeds.map(|seed| simulated(format!("with seed {seed}"), vec![set("seed", seed)]));
    choices.push(Choice::new("three other seeds", seeds.collect()));
    choices
}

/// The highest number of a worker that the text names: so many there must be.
fn named(text: &str) -> u32 {
    let number = |rest: &str| rest.split(|it: char| !it.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
    text.split("worker-").skip(1).filter_map(number).max().unwrap_or(0)
}

/// Every other policy of a queue, under the same bound.
fn overloads(queue: &QueueView) -> Choice {
    let path = |key: &str| format!("messaging.queues.{}.{key}", queue.name);
    let variants = OVERLOADS.into_iter().filter(|policy| queue.most.is_none() || !same_policy(policy, &queue.overload));
    let variants = variants.map(|policy| {
        let bound = match (policy, queue.most) {
            ("buffer", _) => vec![(path("max_messages"), "null".to_owned()), (path("max_bytes"), "null".to_owned())],
            (_, None) => vec![(path("max_messages"), BOUND.to_string())],
            _ => Vec::new(),
        };
        let sets = [vec![(path("overload"), policy.to_owned())], bound].concat();
        simulated(format!("with {}", policy.trim_matches(['{', '}', ' '])), sets)
    });
    let label = format!("every policy of the queue {}", queue.name);
    Choice { written: queue.overload.clone(), ..Choice::new(label, variants.collect()) }
}

/// Whether an experiment's `{ sample: 30% }` is what a view calls `sample`, and so on.
fn same_policy(written: &str, shown: &str) -> bool {
    let word = |text: &str| text.trim_matches(['{', '}', ' ']).split([':', ' ', '(']).next().unwrap_or_default().to_owned();
    word(written) == word(shown)
}

fn one(name: &str, sets: Sets) -> Choice {
    Choice::new(name, vec![simulated(name, sets)])
}

fn simulated(name: impl Into<String>, sets: Sets) -> Variant {
    Variant { name: name.into(), place: Place::Simulate, sets }
}

fn set(path: &str, value: impl ToString) -> (String, String) {
    (path.to_owned(), value.to_string())
}

#[cfg(test)]
mod tests {
    use shared::experiment::{check_any, outline};

    use super::*;

    /// Everything that is offered of an experiment can be run.
    fn all_are_sound(text: &str) -> Vec<String> {
        let (problems, outline) = outline(text);
        assert!(problems.is_empty(), "{}", problems[0]);
        let known = Known { text, outline: outline.as_ref(), seed: 42, workers: 4, server: true };
        let choices = choices(&known);
        for variant in choices.iter().flat_map(|choice| &choice.variants) {
            if let Err(problems) = check_any(text, &variant.sets) {
                panic!("{}: {}", variant.name, problems[0]);
            }
        }
        choices.into_iter().map(|choice| format!("{} ({})", choice.label, choice.variants.len())).collect()
    }

    #[test]
    fn a_batch_is_offered_workers_a_combiner_places_and_seeds() {
        let labels = all_are_sound(crate::lab::state::WORD_COUNT);
        assert_eq!(
            labels,
            [
                "without its faults (1)",
                "other numbers of workers (3)",
                "without a combiner (1)",
                "in this browser and on the server (2)",
                "three other seeds (3)"
            ]
        );
    }

    #[test]
    fn a_bus_is_offered_every_policy_of_each_queue() {
        let overload = include_str!("../../../../examples/overload.yaml");
        let labels = all_are_sound(overload);
        assert_eq!(labels[0], "every policy of the queue drop-oldest (5)");
        assert_eq!(labels[4], "every policy of the queue buffer (6)");
        assert!(labels.contains(&"in this browser and on the server (2)".to_owned()), "{labels:?}");
        assert_eq!(labels.len(), 8);
    }

    #[test]
    fn what_the_user_writes_is_a_path_and_a_value() {
        let own = |text| own(text).map(|variant| variant.sets);
        assert_eq!(own("batch.partitions = 8"), Ok(vec![set("batch.partitions", 8)]));
        assert_eq!(own("seed=7; faults=[]"), Ok(vec![set("seed", 7), set("faults", "[]")]));
        assert!(own("partitions").is_err());
        assert!(own(" ;").is_err());
        assert!(own("=8").is_err());
    }
}

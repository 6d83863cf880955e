//! The JSON Schema of the format, `docs/schema.json`, and the checker know the same keys and words, and every example fits the schema.
//!
//! The checker is asked at every mapping of the schema: given a key that cannot be, it names those that can.
//! `MILLRACE_REWRITE=1 cargo test -p shared --test schema` writes the file anew.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use shared::experiment::{Problem, check, schema};

/// A key that is near to none.
const NO_KEY: &str = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[allow(clippy::disallowed_methods)] // The test reads and writes the document; the core still opens nothing.
#[test]
fn the_document_is_the_schema() {
    let path = folder("docs/schema.json");
    if std::env::var("MILLRACE_REWRITE").is_ok() {
        std::fs::write(&path, schema::text()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == schema::text(),
        "docs/schema.json is old: MILLRACE_REWRITE=1 cargo test -p shared --test schema writes it anew"
    );
}

#[allow(clippy::disallowed_methods)] // As above.
#[test]
fn every_example_fits_the_schema() {
    let mut count = 0;
    for entry in std::fs::read_dir(folder("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let example: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(misfits(&schema::json(), &example), Vec::<String>::new(), "{}", path.display());
        count += 1;
    }
    assert!(count >= 9, "{count} examples");
}

#[test]
fn what_the_checker_refuses_for_its_shape_does_not_fit_the_schema() {
    let sound = "millrace: 1\nbatch: { input: { text: a }, steps: [ { limit: 1 } ] }\n";
    check(sound).unwrap();
    for (old, new) in [
        ("millrace: 1", "millrace: 2"),
        ("millrace: 1\n", ""),
        ("input: { text: a }, ", ""),
        ("text: a", "txt: a"),
        ("text: a", "text: a, file: b"),
        ("text: a", "dataset: [a]"),
        ("limit: 1", "limit: 0"),
        ("limit: 1", "limit: 1, filter: line = ''"),
        ("limit: 1", "limit: many"),
        ("[ { limit: 1 } ]", "[]"),
        ("millrace: 1", "millrace: 1\nrespawn: soon"),
        ("millrace: 1", "millrace: 1\nisolation: fibre"),
        ("millrace: 1", "millrace: 1\nworkers: 65"),
        ("millrace: 1", "millrace: 1\nfaults: [ { at: 140 %, kill: worker-0 } ]"),
        ("millrace: 1", "millrace: 1\nexpect: [ { counter: { name: workers, equals: 1 } } ]"),
        ("text: a }", "text: a }, split: 1 kib"),
        ("text: a }", "text: a }, format: xml"),
        ("text: a }", "text: a }, columns: { a: number }"),
    ] {
        let text = sound.replace(old, new);
        assert!(check(&text).is_err(), "{text} is sound to the checker");
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        assert!(!misfits(&schema::json(), &value).is_empty(), "{text} fits the schema");
    }
}

#[test]
fn the_schema_and_the_checker_know_the_same_keys() {
    let mut mappings = 0;
    each_mapping(&schema::json(), &mut |place, schema| {
        let known: BTreeSet<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        // Which keys there are may depend on which of a choice is there.
        let ask_as = |chosen: Option<&str>, kind: Option<&str>| {
            let text = place.experiment_with(chosen, Some((NO_KEY, json!("q"))));
            // Each generator has keys of its own.
            let text =
                kind.map_or(text.clone(), |kind| text.replace("\"generate\":\"zipf\"", &format!("\"generate\":\"{kind}\"")));
            named_keys(&check(&text).unwrap_err()).unwrap_or_else(|| panic!("{text} has a key that nobody knows"))
        };
        let ask = |chosen: Option<&str>| -> BTreeSet<String> {
            let kinds = chosen.map(|chosen| words(&schema["properties"][chosen])).unwrap_or_default();
            let of_kinds = kinds.iter().flat_map(|kind| ask_as(chosen, Some(kind)));
            ask_as(chosen, None).into_iter().chain(of_kinds).collect()
        };
        let choices = choices(schema);
        let mut asked: BTreeSet<String> = match choices.as_slice() {
            [] => ask(None),
            choices => choices.iter().flat_map(|chosen| ask(Some(chosen.as_str()))).collect(),
        };
        // What the checker knows only in order to say that it is not there yet.
        asked.retain(|key| {
            // A middle that is to come excludes the one that is there, as does an expectation.
            let alone = place.steps.is_empty();
            let text = if alone { format!("{key}: q") } else { place.experiment_with(Some(key), Some((key, json!("q")))) };
            !check(&text).is_err_and(|problems| problems.iter().any(|p| p.message.contains(&format!("`{key}` comes later"))))
        });
        assert_eq!(known, asked, "{}", place.path.join("."));
        mappings += 1;
    });
    assert!(mappings >= 15, "{mappings} mappings");
}

/// Keys whose value may be one of a few words or something else, so that the checker names an example of that instead.
const MORE_THAN_WORDS: [&str; 2] = ["respawn", "restart"];

#[test]
fn the_schema_and_the_checker_know_the_same_words() {
    let mut choices = 0;
    each_mapping(&schema::json(), &mut |place, schema| {
        for (key, shape) in schema["properties"].as_object().unwrap() {
            let words: BTreeSet<String> = words(shape).into_iter().collect();
            if words.is_empty() || MORE_THAN_WORDS.contains(&key.as_str()) {
                continue;
            }
            let problems = check(&place.experiment(Some((key, json!(NO_KEY))))).unwrap_err();
            assert_eq!(named_keys(&problems), Some(words), "{key}");
            choices += 1;
        }
    });
    assert!(choices >= 4, "{choices} choices of words");
}

#[test]
fn every_key_is_explained_and_its_example_fits() {
    let whole = schema::json();
    each_mapping(&whole, &mut |place, schema| {
        for (key, shape) in schema["properties"].as_object().unwrap() {
            let at = format!("{} {key}", place.path.join("."));
            assert!(shape["description"].as_str().is_some_and(|about| about.ends_with(['.', '`'])), "{at} is not explained");
            let example: Value = serde_saphyr::from_str(shape["examples"][0].as_str().unwrap()).unwrap();
            assert_eq!(misfits(shape, &example), Vec::<String>::new(), "{at}");
        }
    });
}

/// A mapping of the schema, and how an experiment comes to have it.
struct Mapping<'s> {
    path: Vec<String>,
    /// The schemas from the experiment's to the mapping's, and how each leads to the next.
    steps: Vec<(&'s Value, Step)>,
    last: &'s Value,
}

#[derive(Clone)]
enum Step {
    Key(String),
    Item,
}

impl Mapping<'_> {
    /// An experiment with this mapping, and in it one entry besides what is needed.
    fn experiment(&self, extra: Option<(&str, Value)>) -> String {
        self.experiment_with(None, extra)
    }

    /// As `experiment`, with one of the mapping's choice of keys, the first unless said; none of them if that is none of them.
    fn experiment_with(&self, chosen: Option<&str>, extra: Option<(&str, Value)>) -> String {
        let extra = extra.map(|(key, value)| (key.to_owned(), value));
        let mut value = needed(self.last, chosen, extra);
        for (schema, step) in self.steps.iter().rev() {
            value = match step {
                Step::Key(key) => needed(schema, None, Some((key.clone(), value))),
                Step::Item => json!([value]),
            };
        }
        // JSON is YAML.
        value.to_string()
    }
}

/// The keys of which the mapping has exactly one.
fn choices(schema: &Value) -> Vec<String> {
    schema["oneOf"].as_array().into_iter().flatten().flat_map(|one| strings(&one["required"])).collect()
}

fn strings(names: &Value) -> Vec<String> {
    names.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// A mapping with the keys that it needs, one of its choice and one more, which may be that one.
fn needed(schema: &Value, chosen: Option<&str>, extra: Option<(String, Value)>) -> Value {
    let example = |key: &str| -> Value {
        let text = schema["properties"][key]["examples"][0].as_str().unwrap_or_else(|| panic!("{key} has no example"));
        serde_saphyr::from_str(text).unwrap()
    };
    let mut keys = strings(&schema["required"]);
    let choice = choices(schema);
    let is_chosen = extra.as_ref().is_some_and(|(key, _)| choice.contains(key));
    // A step is its name, and a key beside it would be a second one.
    let is_named = extra.is_some() && choice.iter().any(|key| key == "reduce");
    if !choice.is_empty() && !is_chosen && !is_named {
        let chosen = chosen.unwrap_or(&choice[0]);
        keys.extend(choice.iter().filter(|key| *key == chosen).cloned());
    }
    let mut map: Map<String, Value> = keys.iter().map(|key| (key.clone(), example(key))).collect();
    // A fault needs a time.
    if schema["properties"].get("kill").is_some() {
        map.insert("at".to_owned(), json!("40%"));
    }
    map.extend(extra);
    Value::Object(map)
}

/// Every mapping of fixed keys.
fn each_mapping<'s>(schema: &'s Value, look: &mut dyn FnMut(&Mapping<'s>, &'s Value)) {
    descend(Mapping { path: vec!["experiment".to_owned()], steps: Vec::new(), last: schema }, look);
}

fn descend<'s>(mapping: Mapping<'s>, look: &mut dyn FnMut(&Mapping<'s>, &'s Value)) {
    let Mapping { path, steps, last } = mapping;
    if last["additionalProperties"] == json!(false) {
        let mapping = Mapping { path, steps, last };
        look(&mapping, last);
        for (key, shape) in last["properties"].as_object().unwrap() {
            descend(mapping.below(key, Step::Key(key.clone()), shape), look);
        }
    } else if last["additionalProperties"].is_object() && path.iter().any(|key| key == "messaging") {
        // A mapping of names that the user chooses. Those of a batch are read when a step names them.
        let mapping = Mapping { path, steps, last };
        descend(mapping.below("NAME", Step::Key("some".to_owned()), &last["additionalProperties"]), look);
    } else if let Some(items) = last.get("items") {
        let mapping = Mapping { path, steps, last };
        descend(mapping.below("[]", Step::Item, items), look);
    } else if let Some(shapes) = last["anyOf"].as_array() {
        for shape in shapes {
            descend(Mapping { path: path.clone(), steps: steps.clone(), last: shape }, look);
        }
    }
}

impl<'s> Mapping<'s> {
    fn below(&self, name: &str, step: Step, shape: &'s Value) -> Mapping<'s> {
        let path = self.path.iter().cloned().chain([name.to_owned()]).collect();
        let steps = self.steps.iter().cloned().chain([(self.last, step)]).collect();
        Mapping { path, steps, last: shape }
    }
}

/// The keys or words that the checker names when it refuses [`NO_KEY`].
fn named_keys(problems: &[Problem]) -> Option<BTreeSet<String>> {
    let refused = problems.iter().find(|problem| problem.message.contains(NO_KEY))?;
    Some(quoted(refused.hint.as_deref()?).into_iter().collect())
}

/// What stands in back quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The words that a value may be.
fn words(shape: &Value) -> Vec<String> {
    let alternatives = shape["anyOf"].as_array().or(shape["oneOf"].as_array());
    match alternatives {
        Some(shapes) if shape.get("properties").is_none() => shapes.iter().flat_map(words).collect(),
        _ => match (&shape["const"], shape["enum"].as_array()) {
            (Value::String(word), _) => vec![word.clone()],
            (_, Some(names)) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        },
    }
}

/// Where a value does not fit a schema: the part of JSON Schema that ours is written in.
fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return misfits(&schema::json()["$defs"][name.rsplit('/').next().unwrap()], value);
    }
    let mut found = Vec::new();
    let mut wrong = |what: &str| found.push(format!("{value} {what}"));
    if let Some(wanted) = schema.get("const")
        && wanted != value
    {
        wrong(&format!("is not {wanted}"));
    }
    if let Some(names) = schema.get("enum").and_then(Value::as_array)
        && !names.contains(value)
    {
        wrong("is none of the words");
    }
    if let Some(types) = schema.get("type") {
        let types: Vec<&Value> = types.as_array().map_or(vec![types], |types| types.iter().collect());
        if !types.iter().any(|name| is_of_type(value, name.as_str().unwrap())) {
            wrong(&format!("is not of type {types:?}"));
        }
    }
    if let (Some(pattern), Value::String(text)) = (schema["pattern"].as_str(), value)
        && !regex::Regex::new(pattern).unwrap().is_match(text)
    {
        wrong(&format!("does not match {pattern}"));
    }
    if let Some(number) = value.as_f64() {
        if schema["minimum"].as_f64().is_some_and(|least| number < least) {
            wrong("is too small");
        }
        if schema["maximum"].as_f64().is_some_and(|most| number > most) {
            wrong("is too large");
        }
    }
    if let Value::Array(items) = value {
        if (items.len() as u64) < schema["minItems"].as_u64().unwrap_or(0) {
            wrong("has too few items");
        }
        if let Some(of) = schema.get("items") {
            found.extend(items.iter().flat_map(|item| misfits(of, item)));
        }
    }
    if let Value::Object(map) = value {
        found.extend(misfit_keys(schema, map));
    }
    for (name, most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
        if let Some(shapes) = schema.get(name).and_then(Value::as_array) {
            let fitting = shapes.iter().filter(|shape| misfits(shape, value).is_empty()).count();
            if fitting == 0 || fitting > most {
                found.push(format!("{value} fits {fitting} of {name}"));
            }
        }
    }
    found
}

fn misfit_keys(schema: &Value, map: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    found.extend(required.filter(|key| !map.contains_key(*key)).map(|key| format!("`{key}` is missing")));
    if (map.len() as u64) < schema["minProperties"].as_u64().unwrap_or(0) {
        found.push("too few keys".to_owned());
    }
    for (key, value) in map {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(shape), _) => found.extend(misfits(shape, value)),
            (None, Value::Bool(false)) => found.push(format!("`{key}` is no key")),
            (None, Value::Object(_)) => found.extend(misfits(&schema["additionalProperties"], value)),
            (None, _) => {}
        }
    }
    found
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        _ => value.is_number(),
    }
}

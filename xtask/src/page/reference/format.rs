//! The experiment's format, from its JSON Schema: a group for each mapping, an entry for each key.
//!
//! A mapping whose keys are those of one that was before, as the input of a batch and of a table, is not told again.

use serde_json::Value;
use std::collections::BTreeMap;

use super::html::{anchor, code, prose};
use super::kinds::{choices, kind};
use super::{Entry, Example, Group};

/// What a user calls as they like, in a path.
const NAME: &str = "NAME";

/// Where in the schema one is.
#[derive(Clone, Default)]
struct Place(Vec<String>);

impl Place {
    fn below(&self, key: &str) -> Place {
        Place(self.0.iter().cloned().chain([key.to_owned()]).collect())
    }

    fn id(&self) -> String {
        if self.0.is_empty() { "key-experiment".to_owned() } else { format!("key-{}", anchor(&self.0.join("-"))) }
    }

    /// As a reader sees it.
    fn title(&self) -> String {
        let part = |part: &String| if part == NAME { format!("<var>{NAME}</var>") } else { code(part) };
        match self.0.as_slice() {
            [] => "The whole experiment".to_owned(),
            parts => parts.iter().map(part).collect::<Vec<_>>().join(" › "),
        }
    }

    fn path(&self) -> String {
        self.0.join(".")
    }
}

/// The groups of the whole schema: the format's, those of the faults, those of what is expected.
pub struct Format {
    pub keys: Vec<Group>,
    pub faults: Vec<Group>,
    pub expectations: Vec<Group>,
}

/// Every key of the schema. `used` gives an experiment of the gallery that has a path.
pub fn format(schema: &Value, used: &dyn Fn(&str) -> Option<Example>) -> Format {
    let mut told = Told { groups: Vec::new(), known: BTreeMap::new(), used };
    told.mapping(&Place::default(), schema);
    let (faults, others): (Vec<_>, Vec<_>) = told.groups.into_iter().partition(|group| of(group, "key-faults"));
    let (expectations, keys) = others.into_iter().partition(|group| of(group, "key-expect"));
    Format { keys, faults, expectations }
}

fn of(group: &Group, id: &str) -> bool {
    group.id == id || group.id.strip_prefix(id).is_some_and(|rest| rest.starts_with('-'))
}

/// What has been told so far.
struct Told<'a> {
    groups: Vec<Group>,
    /// The group of a mapping by its keys.
    known: BTreeMap<String, (String, String)>,
    used: &'a dyn Fn(&str) -> Option<Example>,
}

impl Told<'_> {
    /// Tells a mapping and all that is in it, and gives the place where it is told and its title.
    fn mapping(&mut self, place: &Place, schema: &Value) -> (String, String) {
        let Some(keys) = schema["properties"].as_object() else { return Default::default() };
        let fingerprint = format!("{} {}", schema["properties"], schema["required"]);
        if let Some(known) = self.known.get(&fingerprint) {
            return known.clone();
        }
        let known = (place.id(), place.title());
        self.known.insert(fingerprint, known.clone());
        let at = self.groups.len();
        let intro = schema["description"].as_str().map(prose).unwrap_or_default();
        self.groups.push(Group { id: place.id(), title: place.title(), intro, entries: Vec::new() });
        let needed: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let entries = keys.iter().map(|(key, shape)| self.key(&place.below(key), key, shape, needed.contains(&key.as_str())));
        let entries = entries.collect();
        self.groups[at].entries = entries;
        known
    }

    fn key(&mut self, place: &Place, key: &str, schema: &Value, needed: bool) -> Entry {
        let (about, default) = without_default(schema["description"].as_str().unwrap_or_default());
        let mut kinds = vec![kind(schema)];
        kinds.extend(default.map(|default| format!("{} unless said", prose(default))));
        kinds.extend(needed.then(|| "needed".to_owned()));
        let mut body = if about.is_empty() { String::new() } else { format!("<p>{}</p>", prose(about)) };
        body.push_str(&choices(schema));
        for (below, mapping) in mappings(place, schema) {
            let (id, title) = self.mapping(&below, mapping);
            body.push_str(&format!("<p class=\"more\">Its keys: <a href=\"#{id}\">{title}</a></p>"));
        }
        if contains_reference(schema) {
            body.push_str(
                "<p class=\"more\">Its steps: <a href=\"#key-batch-steps\"><code>batch</code> › <code>steps</code></a></p>",
            );
        }
        let example =
            schema["examples"][0].as_str().map(|text| Example { text: format!("{key}: {text}"), ..Example::default() });
        let examples = example.into_iter().chain((self.used)(&place.path())).collect();
        Entry {
            name: key.to_owned(),
            id: format!("entry-{}", anchor(&place.0.join("-"))),
            term: code(key),
            kinds,
            body,
            examples,
        }
    }
}

/// The mappings with fixed keys that a value may be, or hold.
fn mappings<'s>(place: &Place, schema: &'s Value) -> Vec<(Place, &'s Value)> {
    if schema["properties"].is_object() {
        return vec![(place.clone(), schema)];
    }
    let mut found = Vec::new();
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        found.extend(mappings(place, choice));
    }
    if schema["additionalProperties"].is_object() {
        found.extend(mappings(&place.below(NAME), &schema["additionalProperties"]));
    }
    if schema["items"].is_object() {
        found.extend(mappings(place, &schema["items"]));
    }
    found
}

fn contains_reference(schema: &Value) -> bool {
    schema["items"]["$ref"].is_string()
}

/// What a description says of a value that is not there, in a sentence of its own at the end, and the rest.
fn without_default(about: &str) -> (&str, Option<&str>) {
    let Some(sentences) = about.strip_suffix(" unless said.") else { return (about, None) };
    let (rest, default) = sentences.rsplit_once(". ").unwrap_or(("", sentences));
    (&about[..rest.len() + usize::from(!rest.is_empty())], Some(default))
}

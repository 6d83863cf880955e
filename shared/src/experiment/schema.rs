//! The experiment's format as data: every key with what it means and what its value may be, and the JSON Schema made of that.
//!
//! The page's editor completes and explains by it (`docs/schema.json`, served as `/schema.json`). A test asks the checker at every place
//! which keys and words it knows and compares, so that neither knows one more than the other.
//!
//! Absent on purpose: what a schema cannot say (which columns there are, whether an expression makes sense). The checker says it.

mod keys;
mod messaging;

use serde_json::{Map, Value, json};

use super::units::{SIZES, SPANS};
use keys::{EXPERIMENT, STEP};

/// A mapping and its keys.
struct Object {
    about: &'static str,
    keys: &'static [Key],
    /// Keys of which it has exactly one; empty if there is no such choice.
    one_of: &'static [&'static str],
}

/// A key of a mapping.
struct Key {
    name: &'static str,
    /// What it means, in a line.
    about: &'static str,
    /// A value as an experiment has it.
    example: &'static str,
    needed: bool,
    shape: Shape,
}

/// What a value may be.
enum Shape {
    Text,
    /// A whole number; no upper bound is written where it is all of 64 bits.
    Whole {
        least: u64,
        most: u64,
    },
    /// A number, perhaps with a fraction.
    Real,
    /// Bytes: `64 KiB`.
    Size,
    /// `10_000 rows`, or a plain number.
    Rows,
    /// Bytes a second: `400 KB/s`.
    Rate,
    /// `250 ms`.
    Span,
    /// How often in a second: `200/s`.
    Frequency,
    /// A counter of a messaging run: `total/acked`, `queue/QUEUE/ready`.
    BusCounter,
    /// Names of the user's choosing, with texts.
    Texts,
    /// Progress like `40%` or a time like `3 s`.
    Moment,
    /// `0.1` or `10%`.
    Probability,
    Boolean,
    /// `true` alone: its opposite is leaving it out.
    True,
    /// One of these, each with its meaning.
    Words(&'static [(&'static str, &'static str)]),
    /// One of these, which need no explanation.
    Names(&'static [&'static str]),
    /// The name of a type of the expression language.
    Type,
    /// An expression over the columns here.
    Expression,
    /// An expression of aggregates.
    Aggregate,
    /// A column's name, several with commas between them, or a list of names.
    Columns,
    /// Columns to sort by, with `desc` behind those whose largest comes first.
    Order,
    /// A node's name: `coordinator`, `worker-1`, `broker`.
    Node,
    /// As `Node`, or `any`.
    NodeOrAny,
    Object(&'static Object),
    /// A mapping whose keys are names of the user's choosing.
    Named {
        about: &'static str,
        value: &'static Shape,
    },
    List {
        of: &'static Shape,
        least: usize,
    },
    /// A list of steps within a step or a table.
    Steps,
    Any(&'static [Shape]),
}

/// The schema of an experiment as JSON Schema (draft 2020-12).
pub fn json() -> Value {
    let mut schema = EXPERIMENT.json();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("$defs".to_owned(), json!({ "step": Value::Object(STEP.json()) }));
    schema.insert("title".to_owned(), json!("A Millrace experiment"));
    Value::Object(schema)
}

/// The schema as the text of its file.
pub fn text() -> String {
    format!("{:#}\n", json())
}

impl Object {
    fn json(&self) -> Map<String, Value> {
        let mut schema = object(json!({ "type": "object", "description": self.about, "additionalProperties": false }));
        let properties = self.keys.iter().map(|key| (key.name.to_owned(), Value::Object(key.json()))).collect();
        schema.insert("properties".to_owned(), Value::Object(properties));
        let needed: Vec<_> = self.keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
        if !needed.is_empty() {
            schema.insert("required".to_owned(), json!(needed));
        }
        if !self.one_of.is_empty() {
            let choices: Vec<_> = self.one_of.iter().map(|name| json!({ "required": [name] })).collect();
            schema.insert("oneOf".to_owned(), json!(choices));
        }
        schema
    }
}

impl Key {
    fn json(&self) -> Map<String, Value> {
        let mut schema = self.shape.json();
        schema.insert("description".to_owned(), json!(self.about));
        schema.insert("examples".to_owned(), json!([self.example]));
        schema
    }
}

impl Shape {
    fn json(&self) -> Map<String, Value> {
        let text = |format: &str| json!({ "type": ["string", "number", "boolean"], "format": format });
        let pattern = |pattern: String, format: &str| json!({ "type": "string", "pattern": pattern, "format": format });
        object(match self {
            Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
            Shape::Whole { least, most } => {
                let mut schema = json!({ "type": ["integer", "string"], "pattern": "^[0-9]+(_[0-9]+)*$", "minimum": least });
                if *most < u64::MAX {
                    schema["maximum"] = json!(most);
                }
                schema
            }
            Shape::Real => json!({ "type": ["number", "string"], "pattern": format!("^-?{NUMBER}$") }),
            Shape::Size => {
                let mut schema = pattern(format!("^{NUMBER} *({})?$", units(&SIZES)), "size");
                schema["type"] = json!(["string", "integer"]);
                schema["minimum"] = json!(0);
                schema
            }
            Shape::Rows => {
                let mut schema = pattern("^[0-9]+(_[0-9]+)* *(rows)?$".to_owned(), "rows");
                schema["type"] = json!(["string", "integer"]);
                schema["minimum"] = json!(1);
                schema
            }
            Shape::Rate => pattern(format!("^{NUMBER} *({})/s$", units(&SIZES)), "rate"),
            Shape::Span => pattern(span(), "span"),
            Shape::Frequency => pattern(format!("^{NUMBER} */ *({})$", units(&SPANS)), "frequency"),
            Shape::BusCounter => pattern(messaging::counter_pattern(), "counter"),
            Shape::Texts => json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } }),
            Shape::Moment => pattern(format!("{}|{}", span(), percentage()), "moment"),
            Shape::Probability => {
                let bare = json!({ "type": ["number", "string"], "pattern": format!("^{NUMBER}$|{}", percentage()) });
                let mut schema = object(bare);
                schema.extend([("minimum".to_owned(), json!(0)), ("maximum".to_owned(), json!(1))]);
                Value::Object(schema)
            }
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::True => json!({ "const": true }),
            Shape::Words(words) => {
                let words: Vec<_> = words.iter().map(|(word, about)| json!({ "const": word, "description": about })).collect();
                json!({ "oneOf": words })
            }
            Shape::Names(names) => json!({ "enum": names }),
            Shape::Type => json!({ "enum": crate::expr::TYPE_NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>() }),
            Shape::Expression => text("expression"),
            Shape::Aggregate => text("aggregate"),
            Shape::Columns => json!({
                "type": ["string", "array"], "format": "columns", "minItems": 1, "items": { "type": "string", "format": "columns" }
            }),
            Shape::Order => json!({ "type": "string", "format": "order" }),
            Shape::Node => pattern(format!("^({NODE})$"), "node"),
            Shape::NodeOrAny => pattern(format!("^({NODE}|any)$"), "node"),
            Shape::Object(object) => Value::Object(object.json()),
            Shape::Named { about, value } => {
                let mut named = value.json();
                named.insert("description".to_owned(), json!(about));
                json!({ "type": "object", "minProperties": 1, "additionalProperties": named })
            }
            Shape::Steps => json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/step" } }),
            Shape::List { of, least } => json!({ "type": "array", "minItems": least, "items": of.json() }),
            Shape::Any(shapes) => {
                json!({ "anyOf": shapes.iter().map(|shape| Value::Object(shape.json())).collect::<Vec<_>>() })
            }
        })
    }
}

/// A number as the format has it: digits, grouped by `_` as one likes, perhaps a fraction.
const NUMBER: &str = r"[0-9]+(_[0-9]+)*(\.[0-9]+(_[0-9]+)*)?";

const NODE: &str = "coordinator|broker|[A-Za-z0-9_-]+-0*[1-9][0-9]*";

fn units(units: &[(&str, u64)]) -> String {
    units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("|")
}

fn span() -> String {
    format!("^{NUMBER} *({})$", units(&SPANS))
}

fn percentage() -> String {
    format!("^{NUMBER} *%$")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

//! The columns of JSON lines: the keys of their objects, in the order in which they come; those of objects within them by paths.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Found, all_timestamps};
use crate::batch::kernel::KernelError;
use crate::batch::kernel::records::excerpt;
use crate::batch::kernel::steps::lines;
use crate::expr::Type;
use crate::limits::{INFERRED_DEPTH_MAX, SAMPLE_RECORDS};

/// A value, as far as its column's type depends on it.
enum Value {
    Null,
    Boolean,
    Whole,
    Float,
    Text(String),
    List,
    Object(Vec<(String, Value)>),
}

/// What the values of one key have been so far.
#[derive(Default)]
struct Seen {
    booleans: usize,
    whole: usize,
    floats: usize,
    texts: Vec<String>,
    /// Lists, and objects that lie too deep.
    others: usize,
}

/// Adds what is found in a sample of lines.
pub(super) fn columns(sample: &[u8], found: &mut Found) -> Result<(), KernelError> {
    let (mut order, mut seen): (Vec<String>, BTreeMap<String, Seen>) = (Vec::new(), BTreeMap::new());
    for line in lines(sample).take(SAMPLE_RECORDS) {
        let text = String::from_utf8_lossy(line);
        let unfit =
            |what: String| KernelError::Record { place: format!("the record `{}`", excerpt(&text)), message: what, at: None };
        match serde_json::from_str(&text) {
            Ok(Value::Object(entries)) => take("", entries, 1, &mut order, &mut seen),
            Ok(_) => return Err(unfit("it is not a JSON object".to_owned())),
            Err(error) => return Err(unfit(format!("it is not JSON: {error}"))),
        }
    }
    for key in order {
        if let Some(seen) = seen.remove(&key) {
            found.add(&key, seen.data_type());
        }
    }
    Ok(())
}

fn take(before: &str, entries: Vec<(String, Value)>, depth: usize, order: &mut Vec<String>, seen: &mut BTreeMap<String, Seen>) {
    for (key, value) in entries {
        let path = if before.is_empty() { key } else { format!("{before}.{key}") };
        let value = match value {
            Value::Object(entries) if depth < INFERRED_DEPTH_MAX => {
                take(&path, entries, depth + 1, order, seen);
                continue;
            }
            value => value,
        };
        if !seen.contains_key(&path) {
            order.push(path.clone());
        }
        let seen = seen.entry(path).or_default();
        match value {
            Value::Null => {}
            Value::Boolean => seen.booleans += 1,
            Value::Whole => seen.whole += 1,
            Value::Float => seen.floats += 1,
            Value::Text(text) => seen.texts.push(text),
            Value::List | Value::Object(_) => seen.others += 1,
        }
    }
}

impl Seen {
    fn data_type(self) -> Type {
        let Seen { booleans, whole, floats, texts, others } = self;
        match (booleans, whole, floats, texts.len(), others) {
            (1.., 0, 0, 0, 0) => Type::Boolean,
            (0, 1.., 0, 0, 0) => Type::Int64,
            (0, _, 1.., 0, 0) => Type::Float64,
            (0, 0, 0, 1.., 0) if all_timestamps(texts) => Type::Timestamp,
            _ => Type::Utf8,
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Boolean)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Whole)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(if i64::try_from(value).is_ok() { Value::Whole } else { Value::Float })
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = object.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Object(entries))
    }
}

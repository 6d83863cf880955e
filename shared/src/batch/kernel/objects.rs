//! Lines of JSON: what is under the keys that the columns have, found in one pass that keeps nothing else.
//!
//! A line is JSON here exactly if `serde_json` makes a value of it: what nobody looks at is read all the same.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::builder::Builder;
use crate::batch::Column;

/// The keys that are looked at.
pub(super) struct Objects {
    /// Those of a line's object: where in a [`Record`] what is under them lies.
    names: BTreeMap<String, usize>,
    /// For each column where its value lies, unless nothing looks at it.
    places: Vec<Option<Place>>,
}

struct Place {
    /// Under the whole key, which may have points.
    at: usize,
    /// Else in the object under what is before the first point: where that lies, and the path from there.
    within: Option<(usize, String)>,
}

/// What lies under the keys in one line.
pub(super) type Record<'l> = Vec<Option<Found<'l>>>;

/// A value.
pub(super) enum Found<'l> {
    Text(Cow<'l, str>),
    Other(Json),
}

impl Objects {
    pub fn new(keys: &[String], needed: &[bool]) -> Objects {
        let mut names = BTreeMap::new();
        let mut name = |name: &str| {
            let next = names.len();
            *names.entry(name.to_owned()).or_insert(next)
        };
        let mut place = |key: &String| {
            let within = key.split_once('.').map(|(first, rest)| (name(first), rest.to_owned()));
            Place { at: name(key), within }
        };
        let places = keys.iter().zip(needed).map(|(key, needed)| needed.then(|| place(key))).collect();
        Objects { names, places }
    }

    /// Reads a line; `record` is overwritten. An error is a sentence about the line.
    pub fn read<'l>(&self, line: &'l str, record: &mut Record<'l>) -> Result<(), String> {
        record.clear();
        record.resize_with(self.names.len(), || None);
        let mut reader = serde_json::Deserializer::from_str(line);
        let read = reader.deserialize_any(Fields { names: &self.names, record }).and_then(|()| reader.end());
        read.map_err(|_| match serde_json::from_str::<Json>(line) {
            Ok(_) => "it is not a JSON object".to_owned(),
            Err(error) => format!("it is not JSON: {error}"),
        })
    }

    /// Adds the values of a record to the columns.
    pub fn push(&self, record: &Record<'_>, columns: &[Column], builders: &mut [Builder]) -> Result<(), String> {
        let places = self.places.iter().zip(columns).zip(builders);
        for ((place, column), builder) in places {
            let Some(Place { at, within }) = place else { continue };
            let nested = || {
                let (first, path) = within.as_ref()?;
                let Some(Found::Other(Json::Object(object))) = &record[*first] else { return None };
                at_path(object, path)
            };
            match &record[*at] {
                Some(Found::Text(text)) => builder.push(column, Some(text))?,
                Some(Found::Other(value)) => push(value, column, builder)?,
                None => push(nested().unwrap_or(&Json::Null), column, builder)?,
            }
        }
        Ok(())
    }
}

fn push(value: &Json, column: &Column, builder: &mut Builder) -> Result<(), String> {
    match value {
        Json::Null => builder.push(column, None),
        Json::String(text) => builder.push(column, Some(text)),
        Json::Number(number) if builder.push_number(number) => Ok(()),
        other => builder.push(column, Some(&other.to_string())),
    }
}

/// The value of a key, or at a path of keys with points between them.
fn at_path<'r>(record: &'r Map<String, Json>, key: &str) -> Option<&'r Json> {
    record.get(key).or_else(|| {
        let (first, rest) = key.split_once('.')?;
        at_path(record.get(first)?.as_object()?, rest)
    })
}

/// Reads an object into a record. Of two values under one key the last one is meant.
struct Fields<'f, 'l> {
    names: &'f BTreeMap<String, usize>,
    record: &'f mut Record<'l>,
}

impl<'l> Visitor<'l> for Fields<'_, 'l> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'l>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(place) = object.next_key_seed(Key(self.names))? {
            match place {
                Some(place) => self.record[place] = Some(object.next_value_seed(Under)?),
                None => object.next_value_seed(Passed)?,
            }
        }
        Ok(())
    }
}

/// Finds a key among those that are looked at.
struct Key<'f>(&'f BTreeMap<String, usize>);

impl<'l> DeserializeSeed<'l> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'l>>(self, key: D) -> Result<Option<usize>, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.0.get(key).copied())
    }
}

/// Reads the value under a key.
struct Under;

impl<'l> DeserializeSeed<'l> for Under {
    type Value = Found<'l>;

    fn deserialize<D: Deserializer<'l>>(self, value: D) -> Result<Found<'l>, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'l> Visitor<'l> for Under {
    type Value = Found<'l>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Found<'l>, E> {
        Ok(Found::Other(Json::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Found<'l>, E> {
        Ok(Found::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Found<'l>, E> {
        Ok(Found::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Found<'l>, E> {
        Ok(Found::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Found<'l>, E> {
        Ok(Found::Other(value.into()))
    }

    fn visit_borrowed_str<E>(self, text: &'l str) -> Result<Found<'l>, E> {
        Ok(Found::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Found<'l>, E> {
        Ok(Found::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'l>>(self, list: A) -> Result<Found<'l>, A::Error> {
        Json::deserialize(SeqAccessDeserializer::new(list)).map(Found::Other)
    }

    fn visit_map<A: MapAccess<'l>>(self, object: A) -> Result<Found<'l>, A::Error> {
        Json::deserialize(MapAccessDeserializer::new(object)).map(Found::Other)
    }
}

/// Reads a value that nobody looks at.
#[derive(Clone, Copy)]
struct Passed;

impl<'l> DeserializeSeed<'l> for Passed {
    type Value = ();

    fn deserialize<D: Deserializer<'l>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'l> Visitor<'l> for Passed {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'l>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'l>>(self, mut object: A) -> Result<(), A::Error> {
        while object.next_key_seed(self)?.is_some() {
            object.next_value_seed(self)?;
        }
        Ok(())
    }
}

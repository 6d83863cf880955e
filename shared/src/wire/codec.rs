//! Control messages as text: `{"v":1,"type":"pause","run":1}`.
//!
//! Serde's own way to such a shape (an enum with a tag) keeps every value in between, to look for the tag; that takes time for each
//! frame, and space in a page for every type twice. Here the name is read first, and then the fields, straight from the text.

use std::borrow::Cow;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use serde_json::Error;

use super::{Command, Event, VERSION, text64_option};

/// A control message that could not be read: a sentence for its sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("this is not a control message in JSON: {0}")]
    NotJson(String),
    #[error("the message has version {found}, this side speaks version {VERSION}: reload the page")]
    Version { found: String },
    #[error("the message is not understood: {0}")]
    Unknown(String),
}

/// Writes a command with its version.
pub fn encode_command(command: &Command) -> String {
    with_head(format!("{{\"v\":{VERSION}"), command)
}

/// Reads a command.
pub fn decode_command(text: &str) -> Result<Command, WireError> {
    decode(text).map(|(_, command)| command)
}

/// Writes an event with its version and sequence number.
pub fn encode_event(seq: u64, event: &Event) -> String {
    with_head(format!("{{\"v\":{VERSION},\"seq\":\"{seq}\""), event)
}

/// Reads an event and its sequence number.
pub fn decode_event(text: &str) -> Result<(u64, Event), WireError> {
    decode(text)
}

#[derive(Deserialize)]
struct Head<'t> {
    #[serde(default)]
    v: serde_json::Value,
    #[serde(default, with = "text64_option")]
    seq: Option<u64>,
    #[serde(default, borrow, rename = "type")]
    name: Option<Cow<'t, str>>,
}

fn decode<'de, T: Deserialize<'de>>(text: &'de str) -> Result<(u64, T), WireError> {
    let head: Head = serde_json::from_str(text).map_err(|error| WireError::NotJson(error.to_string()))?;
    if head.v != VERSION {
        return Err(WireError::Version { found: head.v.to_string() });
    }
    let name = head.name.as_deref().ok_or_else(|| WireError::Unknown("missing field `type`".to_owned()))?;
    let message = T::deserialize(Named { name, text }).map_err(|error| WireError::Unknown(error.to_string()))?;
    Ok((head.seq.unwrap_or_default(), message))
}

/// Serde writes `{"pause":{"run":1}}`, or only `"ping"` for what has no fields; the name becomes one more field.
fn with_head<T: Serialize>(head: String, message: &T) -> String {
    let named = serde_json::to_string(message).expect("wire types have string keys and no failing serializers");
    match named.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')?.split_once(':')) {
        Some((name, "{}")) => format!("{head},\"type\":{name}}}"),
        Some((name, fields)) => format!("{head},\"type\":{name},{}", &fields[1..]),
        None => format!("{head},\"type\":{named}}}"),
    }
}

/// A message whose name is known; its fields are those of the text.
struct Named<'n, 'de> {
    name: &'n str,
    text: &'de str,
}

impl<'de> Deserializer<'de> for Named<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Named<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Named<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(&mut serde_json::Deserializer::from_str(self.text))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.text).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.text).deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Frame, Place, Resume};

    #[test]
    fn a_message_of_any_shape_comes_back_as_it_was() {
        let resume = Some(Resume { session: "a \"b\"".to_owned(), seen: u64::MAX });
        for command in [
            Command::Ping,
            Command::Pause { run: 7 },
            Command::Hello { build: "{\"ping\":1}".to_owned(), resume },
            Command::Check { id: 1, text: "type: 1\n".to_owned() },
        ] {
            assert_eq!(decode_command(&encode_command(&command)), Ok(command));
        }
        for event in [
            Event::Pong,
            Event::Error { message: String::new() },
            Event::Frame(Box::new(Frame { run: 3, progress: 0.5, ..Frame::default() })),
            Event::Welcome {
                session: "s".to_owned(),
                build: "b".to_owned(),
                places: vec![Place::Simulate],
                cores: 2,
                resumed: false,
            },
        ] {
            assert_eq!(decode_event(&encode_event(u64::MAX, &event)), Ok((u64::MAX, event)));
        }
    }

    #[test]
    fn the_name_is_one_of_the_fields_wherever_it_stands() {
        assert_eq!(encode_command(&Command::Ping), r#"{"v":1,"type":"ping"}"#);
        assert_eq!(encode_command(&Command::Pause { run: 7 }), r#"{"v":1,"type":"pause","run":7}"#);
        assert_eq!(encode_event(2, &Event::Pong), r#"{"v":1,"seq":"2","type":"pong"}"#);
        for text in [r#"{"run":7,"type":"pause","v":1}"#, r#" { "v": 1, "other": [{}], "type": "pa\u0075se", "run": 7 } "#] {
            assert_eq!(decode_command(text), Ok(Command::Pause { run: 7 }), "{text}");
        }
    }

    #[test]
    fn what_is_no_message_is_a_sentence() {
        for (text, sentence) in [
            ("", "this is not a control message in JSON: EOF while parsing a value at line 1 column 0"),
            ("[1]", "the message is not understood: missing field `type`"),
            (r#"{"v":1,"type":"ping"} {}"#, "this is not a control message in JSON: trailing characters"),
            (r#"{"type":"ping"}"#, "the message has version null, this side speaks version 1: reload the page"),
            (r#"{"v":2,"type":"ping"}"#, "the message has version 2"),
            (r#"{"v":1}"#, "the message is not understood: missing field `type`"),
            (r#"{"v":1,"type":"pong"}"#, "the message is not understood: unknown variant `pong`, expected one of `hello`"),
            (r#"{"v":1,"type":"pause"}"#, "the message is not understood: missing field `run`"),
            (r#"{"v":1,"type":"pause","run":-1}"#, "the message is not understood: invalid value: integer `-1`, expected u32"),
        ] {
            let found = decode_command(text).unwrap_err().to_string();
            assert!(found.starts_with(sentence), "{text}: {found}");
        }
    }
}

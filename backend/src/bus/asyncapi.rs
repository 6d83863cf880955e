//! What a client and a live bus say to one another, as AsyncAPI 3.0 has it: generated from the types of
//! [`protocol`](shared::messaging::protocol), so that it says what the code does. Served as `/api/asyncapi.json`; a copy stands in
//! `docs/asyncapi.json`.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use shared::messaging::protocol::{BusCommand, BusEvent, VERSION};

/// The document.
pub fn document() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let mut messages = Map::new();
    let said = words::<BusCommand>(&mut generator, "command", &mut messages);
    let heard = words::<BusEvent>(&mut generator, "event", &mut messages);
    let schemas = generator.take_definitions(true);
    let refer = |to: &str, name: &String| json!({ "$ref": format!("#/{to}/{}", name.replace('/', "~1")) });
    let of_channel = |names: &[String]| names.iter().map(|name| refer("channels/bus/messages", name)).collect::<Vec<_>>();
    let in_channel: Map<String, Value> =
        messages.keys().map(|name| (name.clone(), refer("components/messages", name))).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Millrace live bus",
            "version": VERSION.to_string(),
            "description": ABOUT,
            "license": { "name": "MIT" },
        },
        "defaultContentType": "application/json",
        "channels": {
            "bus": {
                "address": "/api/bus/{name}",
                "title": "A live bus",
                "description": "A WebSocket to the broker of the bus; `millrace serve --bus NAME=FILE` starts it.",
                "parameters": { "name": { "description": "The bus's name." } },
                "messages": in_channel,
                "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } },
            },
        },
        "operations": {
            "hear": {
                "action": "receive",
                "summary": "What the bus takes from a client.",
                "channel": { "$ref": "#/channels/bus" },
                "messages": of_channel(&said),
            },
            "say": {
                "action": "send",
                "summary": "What the bus says to a client.",
                "channel": { "$ref": "#/channels/bus" },
                "messages": of_channel(&heard),
            },
        },
        "components": { "messages": messages, "schemas": schemas },
    })
}

const ABOUT: &str = "JSON text frames. A client says `hello` first and hears `opened`. It publishes as credit allows, consumes as far \
                     ahead as its prefetch goes, and settles each delivery once. Who breaks a rule hears `closed` with a code and a \
                     sentence, and the socket closes with that code: 4000 and AMQP 0-9-1's reply code, besides WebSocket's own 1000, \
                     1001 (the bus ends), 1002, 1008 (no hello, or no answer to pings), 1009 (too long), 1013 (too slow, or the bus is \
                     full).";

/// A message for each word of a type, whose names it gives.
fn words<T: JsonSchema>(generator: &mut SchemaGenerator, side: &str, messages: &mut Map<String, Value>) -> Vec<String> {
    let schema = T::json_schema(generator).to_value();
    let words = schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut names = Vec::new();
    for mut word in words {
        let Some(name) = word.pointer("/properties/type/const").and_then(Value::as_str).map(str::to_owned) else { continue };
        let about = word.as_object_mut().and_then(|word| word.remove("description")).unwrap_or_default();
        // Beside a reference nothing else would count.
        if let Some(reference) = word.as_object_mut().and_then(|word| word.remove("$ref")) {
            word["allOf"] = json!([{ "$ref": reference }]);
        }
        word["properties"]["v"] = json!({ "const": VERSION });
        if let Some(needed) = word["required"].as_array_mut() {
            needed.insert(0, json!("v"));
        }
        let full = format!("{side}.{name}");
        messages.insert(full.clone(), json!({ "name": name, "summary": about, "payload": word }));
        names.push(full);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MILLRACE_REWRITE=1 cargo test -p backend asyncapi` writes the file anew; read its diff.
    #[test]
    fn the_document_in_docs_is_that_of_the_types() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/asyncapi.json");
        if std::env::var("MILLRACE_REWRITE").is_ok() {
            return std::fs::write(file, format!("{:#}\n", document())).unwrap();
        }
        let written: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(document(), written);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_word_is_there() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    map.values().for_each(|value| references(value, found));
                }
                Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in &found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        let messages = document["components"]["messages"].as_object().unwrap();
        for word in ["hello", "publish", "consume", "cancel", "get", "replies", "ack", "requeue", "reject", "ping", "close"] {
            assert!(messages.contains_key(&format!("command.{word}")), "{word}");
        }
        for word in ["opened", "credit", "confirm", "returned", "deliver", "empty", "replies", "pong", "closed"] {
            assert!(messages.contains_key(&format!("event.{word}")), "{word}");
        }
        assert!(messages.values().all(|message| message["payload"]["required"][0] == "v"));
    }
}

//! What a value may be, in words, from its schema.

use serde_json::Value;

use super::html::{code, prose};

/// The formats that our schema names, and how they are written.
const FORMATS: [(&str, &str); 12] = [
    ("aggregate", "an expression of aggregates"),
    ("columns", "columns: names with commas between them, or a list"),
    ("counter", "a counter, like `total/acked`"),
    ("expression", "an expression"),
    ("frequency", "a frequency, like `200/s`"),
    ("moment", "progress like `40%`, or a time like `3 s`"),
    ("node", "a node, like `worker-1`"),
    ("order", "columns with commas between them, each perhaps with `desc`"),
    ("rate", "a speed, like `400 KB/s`"),
    ("rows", "a number of rows, like `10_000 rows`"),
    ("size", "a size, like `64 KiB`"),
    ("span", "a span, like `250 ms`"),
];

/// A value, in a few words of HTML.
pub fn kind(schema: &Value) -> String {
    if let Some(format) = schema["format"].as_str() {
        let known = FORMATS.iter().find(|(name, _)| *name == format);
        return prose(known.map_or(format, |(_, words)| words));
    }
    if schema["$ref"].is_string() {
        return "a step".to_owned();
    }
    if schema["const"] == true {
        return code("true");
    }
    if schema["enum"].is_array() || schema["oneOf"][0].get("const").is_some() {
        return "one of these words".to_owned();
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let mut kinds: Vec<String> = choices.iter().map(kind).collect();
        kinds.dedup();
        return kinds.join(", or ");
    }
    of_type(schema)
}

fn of_type(schema: &Value) -> String {
    let types = |name: &str| match &schema["type"] {
        Value::Array(types) => types.iter().any(|of| of == name),
        of => of == name,
    };
    if types("object") {
        return match &schema["additionalProperties"] {
            Value::Object(_) => format!("names of your own, each with {}", kind(&schema["additionalProperties"])),
            _ => "keys".to_owned(),
        };
    }
    if types("array") {
        return match schema["items"]["$ref"].is_string() || schema["items"]["properties"].is_object() {
            true => "a list".to_owned(),
            false => format!("a list, each {}", kind(&schema["items"])),
        };
    }
    if types("integer") {
        return format!("a whole number{}", range(schema));
    }
    if types("number") && !types("boolean") {
        return match schema["maximum"].as_f64() {
            Some(1.0) => prose("a share, like `0.2` or `20%`"),
            _ => "a number".to_owned(),
        };
    }
    if schema["type"] == "boolean" {
        return prose("`true` or `false`");
    }
    "a text".to_owned()
}

fn range(schema: &Value) -> String {
    // All of 32 bits is no bound that a reader meets.
    let most = schema["maximum"].as_u64().filter(|most| *most < u64::from(u32::MAX));
    match (schema["minimum"].as_u64(), most) {
        (Some(least), Some(most)) if least == most => format!(": {least}"),
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) if least > 0 => format!(", at least {least}"),
        _ => String::new(),
    }
}

/// The words that a value may be, each with its meaning; nothing if it is not one of a few words.
pub fn choices(schema: &Value) -> String {
    let (mut explained, mut named) = (String::new(), Vec::new());
    gather(schema, &mut explained, &mut named);
    if !explained.is_empty() {
        explained = format!("<dl class=\"choices\">{explained}</dl>");
    }
    if !named.is_empty() {
        explained.push_str(&format!("<p>{}</p>", named.join(" · ")));
    }
    explained
}

fn gather(schema: &Value, explained: &mut String, named: &mut Vec<String>) {
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        if let (Some(word), Some(about)) = (choice["const"].as_str(), choice["description"].as_str()) {
            explained.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>", code(word), prose(about)));
        }
    }
    named.extend(schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(code));
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        gather(choice, explained, named);
    }
    if schema["additionalProperties"].is_object() {
        gather(&schema["additionalProperties"], explained, named);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_told_in_words() {
        for (schema, words) in [
            (json!({ "type": ["integer", "string"], "minimum": 1, "maximum": 64 }), "a whole number from 1 to 64"),
            (json!({ "type": ["integer", "string"], "minimum": 0, "maximum": 4_294_967_295_u64 }), "a whole number"),
            (json!({ "type": ["integer", "string"], "minimum": 1 }), "a whole number, at least 1"),
            (json!({ "type": ["number", "string"], "maximum": 1 }), "a share, like <code>0.2</code> or <code>20%</code>"),
            (json!({ "type": "boolean" }), "<code>true</code> or <code>false</code>"),
            (json!({ "type": ["string", "number", "boolean"] }), "a text"),
            (json!({ "type": "array", "items": { "$ref": "#/$defs/step" } }), "a list"),
            (json!({ "anyOf": [{ "format": "span" }, { "type": "object" }] }), "a span, like <code>250 ms</code>, or keys"),
        ] {
            assert_eq!(kind(&schema), words);
        }
    }

    #[test]
    fn words_stand_with_their_meaning() {
        let schema = json!({ "oneOf": [{ "const": "a<b", "description": "It is `x`." }] });
        assert_eq!(
            choices(&schema),
            "<dl class=\"choices\"><div><dt><code>a&lt;b</code></dt><dd>It is <code>x</code>.</dd></div></dl>"
        );
        assert_eq!(choices(&json!({ "enum": ["a", "b"] })), "<p><code>a</code> · <code>b</code></p>");
        assert_eq!(choices(&json!({ "type": "object" })), "");
    }
}

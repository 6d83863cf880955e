//! Values within JSON texts.

use arrow_array::ArrayRef;
use serde_json::Value as Json;

use super::Kind::Utf8;
use super::call::{Call, Failure};
use super::{Fixed, Function, Preparation, Problem, Run, line, literal_text, refused};
use crate::expr::Expr;

pub(super) static JSON: &[Function] = &[
    line(
        "json_value",
        Fixed(&[Utf8, Utf8]),
        Utf8,
        Run::Strict(value),
        "The text, number or truth value at a path like `$.a.b[0]` or `$['a b']`; null if there is none, if it is a list or an object, or if the text is no JSON (Flink's `NULL ON EMPTY NULL ON ERROR`).",
        ("json_value('{\"a\": {\"b\": [7, 8]}}', '$.a.b[1]')", "'8'"),
    )
    .prepared(check),
];

/// One step of a path.
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

fn check(arguments: &[Expr]) -> Result<Preparation, Problem> {
    if let Some(path) = literal_text(arguments, 1) {
        let hint = || Some("for example `$.user.name` or `$.items[0]`".to_owned());
        steps(path).map_err(|message| refused(1, message, hint()))?;
    }
    Ok(Preparation::Nothing)
}

fn steps(path: &str) -> Result<Vec<Step<'_>>, String> {
    let wrong = || format!("'{path}' is no path: it begins with `$`, then `.name`, `['name']` or `[index]`");
    let plain = path.trim();
    let mut rest = plain.strip_prefix("lax ").unwrap_or(plain).strip_prefix('$').ok_or_else(wrong)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                return Err(wrong());
            }
            steps.push(Step::Name(&after[..end]));
            rest = &after[end..];
        } else if let Some((name, after)) = rest.strip_prefix("['").and_then(|after| after.split_once("']")) {
            steps.push(Step::Name(name));
            rest = after;
        } else {
            let (index, after) = rest.strip_prefix('[').and_then(|after| after.split_once(']')).ok_or_else(wrong)?;
            steps.push(Step::Index(index.parse().map_err(|_| wrong())?));
            rest = after;
        }
    }
    Ok(steps)
}

fn value(call: &Call<'_>) -> Result<ArrayRef, Failure> {
    let (texts, paths) = (call.texts(0), call.texts(1));
    let constant = paths.constant().map(steps);
    call.write_texts(|row, out| {
        let own;
        let steps = match &constant {
            Some(Ok(steps)) => steps,
            Some(Err(message)) => return Err(message.clone()),
            None => {
                own = steps(paths.at(row))?;
                &own
            }
        };
        // The reader's own limit on nesting keeps a hostile text from a deep stack.
        let Ok(json) = serde_json::from_str::<Json>(texts.at(row)) else { return Ok(false) };
        let found = steps.iter().try_fold(&json, |json, step| match step {
            Step::Name(name) => json.get(name),
            Step::Index(index) => json.get(index),
        });
        match found {
            Some(Json::String(text)) => out.push_str(text),
            Some(Json::Bool(truth)) => out.push_str(if *truth { "true" } else { "false" }),
            Some(Json::Number(number)) => out.push_str(&number.to_string()),
            _ => return Ok(false),
        }
        Ok(true)
    })
}

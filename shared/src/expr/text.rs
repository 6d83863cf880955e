//! Functions over text. A character is a Unicode scalar value; nothing here depends on a locale.

use std::str::Chars;
use std::sync::Arc;

use super::functions::mistyped;
use super::{EvalError, Value};
use crate::limits::TEXT_BYTES_MAX;

/// The apostrophe (U+0027) that joins two runs to one word: `don't`.
pub const APOSTROPHE: char = '\'';

/// The words of a text, in order: maximal runs of letters and digits (Unicode's Alphabetic, Nd, Nl and No), and single ASCII
/// apostrophes where both neighbours are such. `[alnum]+('[alnum]+)*`, longest match, from left to right.
///
/// ```
/// let words: Vec<_> = shared::expr::text::each_word("'Tis the rock'n'roll of 1984, isn''t it?").collect();
/// assert_eq!(words, ["Tis", "the", "rock'n'roll", "of", "1984", "isn", "t", "it"]);
/// ```
pub fn each_word(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(char::is_alphanumeric)?..];
        let mut end = 0;
        loop {
            end += rest[end..].find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len() - end);
            let joined = rest[end..].strip_prefix(APOSTROPHE).is_some_and(|after| after.starts_with(char::is_alphanumeric));
            if !joined {
                break;
            }
            end += APOSTROPHE.len_utf8();
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

pub(super) fn words(values: &[Value]) -> Result<Value, EvalError> {
    match values {
        [Value::Utf8(a)] => Ok(Value::List(each_word(a).map(|word| Value::Utf8(word.into())).collect())),
        _ => Err(mistyped("words", values)),
    }
}

pub(super) fn lower(values: &[Value]) -> Result<Value, EvalError> {
    one("lower", values, |a| a.to_lowercase())
}

pub(super) fn upper(values: &[Value]) -> Result<Value, EvalError> {
    one("upper", values, |a| a.to_uppercase())
}

pub(super) fn trim(values: &[Value]) -> Result<Value, EvalError> {
    one("trim", values, |a| a.trim_matches(' ').to_owned())
}

pub(super) fn reverse(values: &[Value]) -> Result<Value, EvalError> {
    one("reverse", values, |a| a.chars().rev().collect())
}

pub(super) fn length(values: &[Value]) -> Result<Value, EvalError> {
    match values {
        [Value::Utf8(a)] => Ok(Value::Int64(a.chars().count() as i64)),
        _ => Err(mistyped("length", values)),
    }
}

pub(super) fn starts_with(values: &[Value]) -> Result<Value, EvalError> {
    two("starts_with", values, |a, b| a.starts_with(b))
}

pub(super) fn ends_with(values: &[Value]) -> Result<Value, EvalError> {
    two("ends_with", values, |a, b| a.ends_with(b))
}

pub(super) fn like(values: &[Value]) -> Result<Value, EvalError> {
    two("like", values, fits)
}

pub(super) fn concat(values: &[Value]) -> Result<Value, EvalError> {
    let mut parts: Vec<&str> = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::Utf8(part) => parts.push(part),
            _ => return Err(mistyped("concat", values)),
        }
    }
    bounded("concat", parts.iter().map(|part| part.len()).sum())?;
    Ok(utf8(parts.concat()))
}

pub(super) fn replace(values: &[Value]) -> Result<Value, EvalError> {
    let [Value::Utf8(text), Value::Utf8(from), Value::Utf8(to)] = values else { return Err(mistyped("replace", values)) };
    let count = text.matches(&**from).count();
    bounded("replace", (text.len() - count * from.len()).saturating_add(count.saturating_mul(to.len())))?;
    Ok(utf8(text.replace(&**from, to)))
}

pub(super) fn left(values: &[Value]) -> Result<Value, EvalError> {
    match values {
        [Value::Utf8(text), Value::Int64(count)] => Ok(utf8(slice(text, 0, (*count).max(0) as u64))),
        _ => Err(mistyped("left", values)),
    }
}

pub(super) fn right(values: &[Value]) -> Result<Value, EvalError> {
    let [Value::Utf8(text), Value::Int64(count)] = values else { return Err(mistyped("right", values)) };
    let length = text.chars().count() as u64;
    Ok(utf8(slice(text, length.saturating_sub((*count).max(0) as u64), u64::MAX)))
}

/// Positions and the cases of zero and negative ones are Flink's `SUBSTR`: 0 is 1, a position before the start gives nothing.
pub(super) fn substr(values: &[Value]) -> Result<Value, EvalError> {
    let (text, position, count) = match values {
        [Value::Utf8(text), Value::Int64(position)] => (text, *position, i64::MAX),
        [Value::Utf8(text), Value::Int64(position), Value::Int64(count)] => (text, *position, *count),
        _ => return Err(mistyped("substr", values)),
    };
    if count < 0 {
        return Ok(Value::Null);
    }
    let start = if position >= 0 {
        Some(position.saturating_sub(1).max(0) as u64)
    } else {
        (text.chars().count() as u64).checked_sub(position.unsigned_abs())
    };
    Ok(utf8(start.map_or("", |start| slice(text, start, count as u64))))
}

/// At most `count` characters from the character with index `start` on.
fn slice(text: &str, start: u64, count: u64) -> &str {
    let skip = |text: &str, count: u64| {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        text.char_indices().nth(count).map_or(text.len(), |(at, _)| at)
    };
    let from = &text[skip(text, start)..];
    &from[..skip(from, count)]
}

/// SQL's LIKE: goes back only to the last `%`, so it takes at most the product of the two lengths.
fn fits(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    let mut back: Option<(Chars, Chars)> = None;
    loop {
        let here = text.clone();
        match (pattern.next(), text.next()) {
            (Some('%'), _) => {
                text = here;
                back = Some((text.clone(), pattern.clone()));
            }
            (Some('_'), Some(_)) => {}
            (Some(p), Some(t)) if p == t => {}
            (None, None) => return true,
            // A misfit: the last `%` takes one character more.
            _ => {
                let Some((from, after)) = &mut back else { return false };
                if from.next().is_none() {
                    return false;
                }
                (text, pattern) = (from.clone(), after.clone());
            }
        }
    }
}

fn one(name: &str, values: &[Value], run: fn(&str) -> String) -> Result<Value, EvalError> {
    match values {
        [Value::Utf8(a)] => Ok(utf8(run(a))),
        _ => Err(mistyped(name, values)),
    }
}

fn two(name: &str, values: &[Value], run: fn(&str, &str) -> bool) -> Result<Value, EvalError> {
    match values {
        [Value::Utf8(a), Value::Utf8(b)] => Ok(Value::Boolean(run(a, b))),
        _ => Err(mistyped(name, values)),
    }
}

fn bounded(name: &str, bytes: usize) -> Result<(), EvalError> {
    match bytes <= TEXT_BYTES_MAX {
        true => Ok(()),
        false => Err(EvalError(format!("`{name}` would give a text of {bytes} bytes; the limit is {TEXT_BYTES_MAX}"))),
    }
}

fn utf8(text: impl Into<Arc<str>>) -> Value {
    Value::Utf8(text.into())
}

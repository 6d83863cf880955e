//! Parts of texts, counted in characters (Unicode scalar values) from 1.

use arrow_array::ArrayRef;

use super::Kind::{Int64, Utf8};
use super::call::{Call, Failure, bounded};
use super::{Fixed, Function, Run, line};

pub(super) static PIECES: &[Function] = &[
    line(
        "substr",
        Fixed(&[Utf8, Int64]),
        Utf8,
        Run::Strict(substr),
        "The characters from a position on, counted from 1, or from the end if it is negative.",
        ("substr('mill race', 6)", "'race'"),
    ),
    line(
        "substr",
        Fixed(&[Utf8, Int64, Int64]),
        Utf8,
        Run::Strict(substr),
        "As many characters from a position on; null if that many is negative.",
        ("substr('mill race', -4, 2)", "'ra'"),
    ),
    line(
        "left",
        Fixed(&[Utf8, Int64]),
        Utf8,
        Run::Strict(left),
        "The first n characters; empty if n is not positive.",
        ("left('mill', 2)", "'mi'"),
    ),
    line(
        "right",
        Fixed(&[Utf8, Int64]),
        Utf8,
        Run::Strict(right),
        "The last n characters; empty if n is not positive.",
        ("right('mill', 3)", "'ill'"),
    ),
    line(
        "trim",
        Fixed(&[Utf8]),
        Utf8,
        Run::Strict(trim),
        "The text without the spaces (U+0020) at both ends.",
        ("trim('  a b ')", "'a b'"),
    ),
    line(
        "trim",
        Fixed(&[Utf8, Utf8]),
        Utf8,
        Run::Strict(trim),
        "Without any of these characters at both ends; also `trim([both | leading | trailing] characters from text)`.",
        ("trim(both '/' from '//a/')", "'a'"),
    ),
    line(
        "ltrim",
        Fixed(&[Utf8]),
        Utf8,
        Run::Strict(ltrim),
        "The text without the spaces at its start.",
        ("ltrim('  a ')", "'a '"),
    ),
    line(
        "ltrim",
        Fixed(&[Utf8, Utf8]),
        Utf8,
        Run::Strict(ltrim),
        "Without any of these characters at its start.",
        ("ltrim('007', '0')", "'7'"),
    ),
    line(
        "rtrim",
        Fixed(&[Utf8]),
        Utf8,
        Run::Strict(rtrim),
        "The text without the spaces at its end.",
        ("rtrim(' a  ')", "' a'"),
    ),
    line(
        "rtrim",
        Fixed(&[Utf8, Utf8]),
        Utf8,
        Run::Strict(rtrim),
        "Without any of these characters at its end.",
        ("rtrim('a.,', ',.')", "'a'"),
    ),
    line(
        "position",
        Fixed(&[Utf8, Utf8]),
        Int64,
        Run::Strict(position),
        "Where the first text begins in the second, counted from 1; 0 if nowhere.",
        ("position('race' in 'mill race')", "6"),
    )
    .form("position(Utf8 in Utf8)"),
    line(
        "lpad",
        Fixed(&[Utf8, Int64, Utf8]),
        Utf8,
        Run::Strict(|call| pad(call, true)),
        "The text brought to n characters: filled up on its left with the third text, or cut; null if n is negative or there is nothing to fill with (Flink).",
        ("lpad('7', 3, '0')", "'007'"),
    ),
    line(
        "rpad",
        Fixed(&[Utf8, Int64, Utf8]),
        Utf8,
        Run::Strict(|call| pad(call, false)),
        "The same on its right.",
        ("rpad('7', 3, '.')", "'7..'"),
    ),
];

type Done = Result<ArrayRef, Failure>;

/// Positions and the cases of zero and negative ones are Flink's `SUBSTR`: 0 is 1, a position before the start gives nothing.
fn substr(call: &Call<'_>) -> Done {
    let (texts, positions) = (call.texts(0), call.whole(1));
    let counts = (call.arguments().len() == 3).then(|| call.whole(2));
    call.write_parts(|row| {
        let (text, position) = (texts.at(row), positions.at(row));
        let count = counts.map_or(i64::MAX, |counts| counts.at(row));
        if count < 0 {
            return None;
        }
        let start = match position {
            0.. => Some((position.max(1) - 1) as u64),
            _ => (text.chars().count() as u64).checked_sub(position.unsigned_abs()),
        };
        Some(start.map_or("", |start| slice(text, start, count as u64)))
    })
}

fn left(call: &Call<'_>) -> Done {
    let (texts, counts) = (call.texts(0), call.whole(1));
    call.write_parts(|row| Some(slice(texts.at(row), 0, counts.at(row).max(0) as u64)))
}

fn right(call: &Call<'_>) -> Done {
    let (texts, counts) = (call.texts(0), call.whole(1));
    call.write_parts(|row| {
        let text = texts.at(row);
        let length = text.chars().count() as u64;
        Some(slice(text, length.saturating_sub(counts.at(row).max(0) as u64), u64::MAX))
    })
}

/// At most `count` characters from the character with index `start` on.
fn slice(text: &str, start: u64, count: u64) -> &str {
    let from = &text[offset(text, start)..];
    &from[..offset(from, count)]
}

/// The byte at which a character begins.
fn offset(text: &str, characters: u64) -> usize {
    let characters = usize::try_from(characters).unwrap_or(usize::MAX);
    if text.is_ascii() {
        return characters.min(text.len());
    }
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}

fn trim(call: &Call<'_>) -> Done {
    trimmed(call, true, true)
}

fn ltrim(call: &Call<'_>) -> Done {
    trimmed(call, true, false)
}

fn rtrim(call: &Call<'_>) -> Done {
    trimmed(call, false, true)
}

fn trimmed(call: &Call<'_>, start: bool, end: bool) -> Done {
    let texts = call.texts(0);
    let characters = (call.arguments().len() == 2).then(|| call.texts(1));
    call.write_parts(|row| {
        let characters = characters.map_or(" ", |characters| characters.at(row));
        let mut text = texts.at(row);
        if start {
            text = text.trim_start_matches(|c| characters.contains(c));
        }
        if end {
            text = text.trim_end_matches(|c| characters.contains(c));
        }
        Some(text)
    })
}

fn position(call: &Call<'_>) -> Done {
    let (wanted, texts) = (call.texts(0), call.texts(1));
    call.write_whole(|row| {
        let text = texts.at(row);
        Ok(Some(text.find(wanted.at(row)).map_or(0, |at| text[..at].chars().count() as i64 + 1)))
    })
}

fn pad(call: &Call<'_>, on_left: bool) -> Done {
    let (texts, counts, fills) = (call.texts(0), call.whole(1), call.texts(2));
    call.write_texts(|row, out| {
        let (text, count, fill) = (texts.at(row), counts.at(row), fills.at(row));
        if count < 0 || fill.is_empty() {
            return Ok(false);
        }
        let length = text.chars().count();
        let missing = (count as u64).saturating_sub(length as u64);
        if missing == 0 {
            out.push_str(slice(text, 0, count as u64));
            return Ok(true);
        }
        // Each character has a byte at least and four at most.
        bounded(usize::try_from(missing).unwrap_or(usize::MAX).saturating_add(text.len()))?;
        let filling = fill.chars().cycle().take(missing as usize);
        if on_left {
            out.extend(filling);
            out.push_str(text);
        } else {
            out.push_str(text);
            out.extend(filling);
        }
        Ok(true)
    })
}

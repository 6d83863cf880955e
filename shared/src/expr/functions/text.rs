//! Whole texts: case, length, joining, splitting, hashing. A character is a Unicode scalar value; nothing here depends on a locale.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use xxhash_rust::xxh3::Xxh3;

use super::Kind::{Any, Boolean, Int64, Texts, Utf8};
use super::call::{Call, Failure, bounded};
use super::{Fixed, Function, Many, Run, line};
use crate::expr::text::each_word;
use crate::expr::{Type, Value};

pub(super) static TEXT: &[Function] = &[
    line(
        "lower",
        Fixed(&[Utf8]),
        Utf8,
        Run::Strict(lower),
        "The text in lower case, by Unicode's rules.",
        ("lower('ÄB')", "'äb'"),
    ),
    line(
        "upper",
        Fixed(&[Utf8]),
        Utf8,
        Run::Strict(upper),
        "The text in upper case, by Unicode's rules.",
        ("upper('äb')", "'ÄB'"),
    ),
    line(
        "length",
        Fixed(&[Utf8]),
        Int64,
        Run::Strict(length),
        "The number of characters (Unicode scalar values).",
        ("length('größe')", "5"),
    ),
    line(
        "concat",
        Many(Utf8),
        Utf8,
        Run::Strict(concat),
        "The texts one after another; null if one is null, as in Flink.",
        ("concat('a', 'b', 'c')", "'abc'"),
    ),
    line(
        "||",
        Many(Utf8),
        Utf8,
        Run::Strict(concat),
        "The texts one after another; null if one is null.",
        ("'a' || 'b'", "'ab'"),
    ),
    line(
        "reverse",
        Fixed(&[Utf8]),
        Utf8,
        Run::Strict(reverse),
        "The characters in reverse order.",
        ("reverse('abc')", "'cba'"),
    ),
    line(
        "replace",
        Fixed(&[Utf8, Utf8, Utf8]),
        Utf8,
        Run::Strict(replace),
        "The first text with each occurrence of the second replaced by the third.",
        ("replace('a-b-c', '-', '+')", "'a+b+c'"),
    ),
    line(
        "split",
        Fixed(&[Utf8, Utf8]),
        Texts,
        Run::Strict(split),
        "The parts between occurrences of the second text; its characters one by one if that is empty (Flink).",
        ("split('a,b,,c', ',')", "['a', 'b', '', 'c']"),
    ),
    line(
        "words",
        Fixed(&[Utf8]),
        Texts,
        Run::Strict(words),
        "The words, in order: runs of letters and digits, which single apostrophes may join.",
        ("words('Don''t stop, 42!')", "['Don''t', 'stop', '42']"),
    ),
    line(
        "starts_with",
        Fixed(&[Utf8, Utf8]),
        Boolean,
        Run::Strict(starts_with),
        "Whether the first text starts with the second.",
        ("starts_with('/index', '/')", "true"),
    ),
    line(
        "ends_with",
        Fixed(&[Utf8, Utf8]),
        Boolean,
        Run::Strict(ends_with),
        "Whether the first text ends with the second.",
        ("ends_with('a.gz', '.gz')", "true"),
    ),
    line(
        "hash",
        Fixed(&[Any]),
        Int64,
        Run::Strict(hash),
        "64 bits (XXH3) of the value, the same on every platform and in every run; -0.0 has the hash of 0.0.",
        ("hash('a') = hash('b')", "false"),
    ),
];

type Done = Result<ArrayRef, Failure>;

fn lower(call: &Call<'_>) -> Done {
    let texts = call.texts(0);
    call.write_texts(|row, out| {
        let text = texts.at(row);
        if text.is_ascii() {
            out.push_str(text);
            out.make_ascii_lowercase();
        } else {
            // Not character by character: a sigma at the end of a word has a form of its own.
            out.push_str(&text.to_lowercase());
        }
        Ok(true)
    })
}

fn upper(call: &Call<'_>) -> Done {
    let texts = call.texts(0);
    call.write_texts(|row, out| {
        let text = texts.at(row);
        if text.is_ascii() {
            out.push_str(text);
            out.make_ascii_uppercase();
        } else {
            out.extend(text.chars().flat_map(char::to_uppercase));
        }
        Ok(true)
    })
}

fn length(call: &Call<'_>) -> Done {
    let texts = call.texts(0);
    call.write_whole(|row| Ok(Some(texts.at(row).chars().count() as i64)))
}

fn concat(call: &Call<'_>) -> Done {
    let parts: Vec<_> = (0..call.arguments().len()).map(|index| call.texts(index)).collect();
    call.write_texts(|row, out| {
        bounded(parts.iter().map(|part| part.at(row).len()).sum())?;
        parts.iter().for_each(|part| out.push_str(part.at(row)));
        Ok(true)
    })
}

fn reverse(call: &Call<'_>) -> Done {
    let texts = call.texts(0);
    call.write_texts(|row, out| {
        out.extend(texts.at(row).chars().rev());
        Ok(true)
    })
}

fn replace(call: &Call<'_>) -> Done {
    let (texts, from, to) = (call.texts(0), call.texts(1), call.texts(2));
    call.write_texts(|row, out| {
        let (text, from, to) = (texts.at(row), from.at(row), to.at(row));
        if to.len() > from.len() {
            let count = text.matches(from).count();
            bounded((text.len() - count * from.len()).saturating_add(count.saturating_mul(to.len())))?;
        }
        let mut done = 0;
        for (at, found) in text.match_indices(from) {
            out.push_str(&text[done..at]);
            out.push_str(to);
            done = at + found.len();
        }
        out.push_str(&text[done..]);
        Ok(true)
    })
}

fn split(call: &Call<'_>) -> Done {
    let (texts, by) = (call.texts(0), call.texts(1));
    call.write_text_lists(|row, push| {
        let (text, by) = (texts.at(row), by.at(row));
        match by.is_empty() {
            true => text.char_indices().for_each(|(at, c)| push(Some(&text[at..at + c.len_utf8()]))),
            false => text.split(by).for_each(|part| push(Some(part))),
        }
        Ok(true)
    })
}

fn words(call: &Call<'_>) -> Done {
    let texts = call.texts(0);
    call.write_text_lists(|row, push| {
        each_word(texts.at(row)).for_each(|word| push(Some(word)));
        Ok(true)
    })
}

fn starts_with(call: &Call<'_>) -> Done {
    let (texts, prefixes) = (call.texts(0), call.texts(1));
    call.write_booleans(|row| Ok(Some(texts.at(row).starts_with(prefixes.at(row)))))
}

fn ends_with(call: &Call<'_>) -> Done {
    let (texts, suffixes) = (call.texts(0), call.texts(1));
    call.write_booleans(|row| Ok(Some(texts.at(row).ends_with(suffixes.at(row)))))
}

fn hash(call: &Call<'_>) -> Done {
    let column = &call.arguments()[0];
    match Type::of(column.array.data_type()) {
        Some(Type::Utf8) => {
            let texts = call.texts(0);
            call.write_whole(|row| Ok(Some(xxhash_rust::xxh3::xxh3_64(texts.at(row).as_bytes()) as i64)))
        }
        _ => call.write_whole(|row| {
            let mut hasher = Xxh3::new();
            digest(&column.array, if column.constant { 0 } else { row }, &mut hasher);
            Ok(Some(hasher.digest() as i64))
        }),
    }
}

/// Hands a value's bytes to a hasher: of a number its 8 bytes, of a list its length and its elements, each after a byte that says
/// whether it is null.
fn digest(array: &dyn Array, row: usize, hasher: &mut Xxh3) {
    match Value::at(array, row) {
        Value::Null => {}
        Value::Boolean(it) => hasher.update(&[u8::from(it)]),
        Value::Int64(it) | Value::Timestamp(it) | Value::Interval(it) => hasher.update(&it.to_le_bytes()),
        Value::Float64(it) => hasher.update(&(it + 0.0).to_bits().to_le_bytes()),
        Value::Utf8(it) => hasher.update(it.as_bytes()),
        Value::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            hasher.update(&(elements.len() as u64).to_le_bytes());
            for index in 0..elements.len() {
                hasher.update(&[u8::from(elements.is_valid(index))]);
                if let Some(text) = elements.as_string_opt::<i32>().filter(|texts| texts.is_valid(index)) {
                    // Two lists whose texts are cut elsewhere are not the same.
                    hasher.update(&(text.value_length(index) as u64).to_le_bytes());
                }
                digest(&elements, index, hasher);
            }
        }
    }
}

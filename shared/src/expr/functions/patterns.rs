//! SQL's LIKE.

use std::str::Chars;

use arrow_array::ArrayRef;
use memchr::memmem::Finder;

use super::Kind::{Boolean, Utf8};
use super::call::{Call, Failure};
use super::{Fixed, Function, Preparation, Problem, Run, line, literal_text, refused};
use crate::expr::Expr;

pub(super) static PATTERNS: &[Function] = &[
    line(
        "like",
        Fixed(&[Utf8, Utf8]),
        Boolean,
        Run::Strict(like),
        "Whether the whole text fits a pattern in which % is any text and _ any character.",
        ("'mill race' like 'mill%'", "true"),
    )
    .form("Utf8 [not] like Utf8"),
    line(
        "like",
        Fixed(&[Utf8, Utf8, Utf8]),
        Boolean,
        Run::Strict(like),
        "The same, where the escape character before %, _ or itself makes it an ordinary one.",
        ("'100%' like '%!%' escape '!'", "true"),
    )
    .form("Utf8 [not] like Utf8 escape Utf8")
    .prepared(check),
];

/// A pattern, taken apart.
enum Pattern {
    /// `%word%`, the most usual one.
    Contains(Box<Finder<'static>>),
    Parts(Vec<Part>),
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    AnyText,
    AnyCharacter,
    Character(char),
}

fn check(arguments: &[Expr]) -> Result<Preparation, Problem> {
    match (literal_text(arguments, 1), literal_text(arguments, 2)) {
        (_, Some(escape)) if escape.chars().count() != 1 => Err(refused(2, one_character(escape), None)),
        (Some(pattern), Some(escape)) => {
            parts(pattern, escape.chars().next()).map_err(|message| refused(1, message, None))?;
            Ok(Preparation::Nothing)
        }
        _ => Ok(Preparation::Nothing),
    }
}

fn one_character(escape: &str) -> String {
    format!("an escape is one character, not '{escape}'")
}

fn parts(pattern: &str, escape: Option<char>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        parts.push(match c {
            c if Some(c) == escape => match chars.next() {
                Some(next) if next == '%' || next == '_' || Some(next) == escape => Part::Character(next),
                _ => return Err(format!("in the pattern '{pattern}' the escape `{c}` stands before neither %, _ nor itself")),
            },
            '%' if parts.last() == Some(&Part::AnyText) => continue,
            '%' => Part::AnyText,
            '_' => Part::AnyCharacter,
            c => Part::Character(c),
        });
    }
    Ok(parts)
}

impl Pattern {
    fn new(pattern: &str, escape: Option<&str>) -> Result<Pattern, String> {
        let escape = match escape.map(|escape| (escape, escape.chars().count())) {
            None => None,
            Some((escape, 1)) => escape.chars().next(),
            Some((escape, _)) => return Err(one_character(escape)),
        };
        let parts = parts(pattern, escape)?;
        if let [Part::AnyText, middle @ .., Part::AnyText] = parts.as_slice() {
            let word: Option<String> =
                middle.iter().map(|part| if let Part::Character(c) = part { Some(*c) } else { None }).collect();
            if let Some(word) = word {
                return Ok(Pattern::Contains(Box::new(Finder::new(word.as_bytes()).into_owned())));
            }
        }
        Ok(Pattern::Parts(parts))
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Pattern::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Pattern::Parts(parts) => fits(text, parts),
        }
    }
}

fn like(call: &Call<'_>) -> Result<ArrayRef, Failure> {
    let (texts, patterns) = (call.texts(0), call.texts(1));
    let escapes = (call.arguments().len() == 3).then(|| call.texts(2));
    let compile = |row| Pattern::new(patterns.at(row), escapes.map(|escapes| escapes.at(row)));
    let constant = patterns.constant().is_some() && escapes.is_none_or(|escapes| escapes.constant().is_some());
    if constant {
        let pattern = compile(0);
        return call.write_booleans(|row| match &pattern {
            Ok(pattern) => Ok(Some(pattern.fits(texts.at(row)))),
            Err(message) => Err(message.clone()),
        });
    }
    call.write_booleans(|row| Ok(Some(compile(row)?.fits(texts.at(row)))))
}

/// Goes back only to the last `%`, so it takes at most the product of the two lengths.
fn fits(text: &str, parts: &[Part]) -> bool {
    let mut text = text.chars();
    let mut at = 0;
    let mut back: Option<(Chars<'_>, usize)> = None;
    loop {
        let here = text.clone();
        match (parts.get(at), text.next()) {
            (Some(Part::AnyText), _) => {
                text = here;
                at += 1;
                back = Some((text.clone(), at));
            }
            (Some(Part::AnyCharacter), Some(_)) => at += 1,
            (Some(Part::Character(wanted)), Some(c)) if *wanted == c => at += 1,
            (None, None) => return true,
            // A misfit: the last `%` takes one character more.
            _ => {
                let Some((from, after)) = &mut back else { return false };
                if from.next().is_none() {
                    return false;
                }
                (text, at) = (from.clone(), *after);
            }
        }
    }
}

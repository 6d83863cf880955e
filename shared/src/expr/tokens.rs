//! `sqlparser`'s tokens, each with its place in bytes.

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::ExprError;

/// A token that means something: not white space, not a comment.
pub(super) struct Piece<'a> {
    pub(super) token: Token,
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Standard SQL's lexical rules, with any letters in names.
#[derive(Debug)]
struct Sql;

impl Dialect for Sql {
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_'
    }
}

pub(super) fn tokens(text: &str) -> Result<Vec<Piece<'_>>, ExprError> {
    let mut found: Vec<TokenWithSpan> = Vec::new();
    let outcome = Tokenizer::new(&Sql, text).tokenize_with_location_into_buf(&mut found);
    let places = Places::new(text);
    if let Err(error) = outcome {
        // The tokenizer names where it noticed; what it could not read begins where the last token ended.
        let start = found.last().map_or(0, |last| places.offset(last.span.end));
        let message = format!("this cannot be read: {}", error.message.to_lowercase().trim_end_matches('.'));
        return Err(ExprError { start, end: text.len(), message, hint: None });
    }
    let piece = |found: TokenWithSpan| {
        let (start, end) = (places.offset(found.span.start), places.offset(found.span.end));
        Piece { token: found.token, text: &text[start..end.max(start)], start, end }
    };
    Ok(found.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).map(piece).collect())
}

/// Where each line and column of a text lies, in order.
struct Places {
    known: Vec<(Location, usize)>,
    length: usize,
}

impl Places {
    fn new(text: &str) -> Places {
        let mut location = Location { line: 1, column: 1 };
        let mut known = Vec::with_capacity(text.len());
        for (offset, c) in text.char_indices() {
            known.push((location, offset));
            location = match c {
                '\n' => Location { line: location.line + 1, column: 1 },
                _ => Location { line: location.line, column: location.column + 1 },
            };
        }
        Places { known, length: text.len() }
    }

    fn offset(&self, location: Location) -> usize {
        let index = self.known.partition_point(|(known, _)| (known.line, known.column) < (location.line, location.column));
        self.known.get(index).map_or(self.length, |(_, offset)| *offset)
    }
}

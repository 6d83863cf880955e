//! Calls and literals that have a form of their own: `cast(x as type)`, `extract(part from x)`, `position(a in b)`,
//! `trim(both a from b)`, `interval '5' minute`, `timestamp '…'`, `[a, b]`, `array[a, b]`.

use sqlparser::tokenizer::Token;

use super::build::{Built, call, cast, leaf};
use super::{COMPARISON, OR, Parser};
use crate::expr::{ExprError, Node, TYPE_NAMES, Type, Value, time};
use crate::nearest::{list, nearest};

impl Parser<'_> {
    /// The rest of a call of this name, if it is one with a form of its own. The name is taken, the parenthesis is not.
    pub(super) fn form(&mut self, name: &str, start: usize) -> Option<Result<Built, ExprError>> {
        match name {
            "cast" | "try_cast" => Some(self.cast(name, start)),
            "extract" => Some(self.extract(start)),
            "position" => Some(self.position(start)),
            "trim" if self.trims() => Some(self.trim(start)),
            _ => None,
        }
    }

    /// `interval '5' minute` and `timestamp '…'`; `None` if the word is only a name.
    pub(super) fn typed_literal(&mut self, name: &str, start: usize) -> Option<Result<Built, ExprError>> {
        let piece = self.pieces.get(self.at)?;
        let Token::SingleQuotedString(text) = &piece.token else { return None };
        let (text, at) = (text.clone(), (piece.start, piece.end));
        match name {
            "interval" => {
                self.at += 1;
                Some(self.interval(&text, start, at))
            }
            "timestamp" => {
                self.at += 1;
                let moment = time::timestamp(&text)
                    .map(|moment| leaf(Type::Timestamp, Node::Literal(Value::Timestamp(moment)), start, at.1));
                Some(moment.ok_or_else(|| {
                    let message = format!("'{text}' is no moment");
                    ExprError { start: at.0, end: at.1, message, hint: Some("for example '2024-01-02 03:04:05'".to_owned()) }
                }))
            }
            _ => None,
        }
    }

    /// `'5' minute`, and `'1 02:03:04' day to second`. The text is taken.
    fn interval(&mut self, text: &str, start: usize, at: (usize, usize)) -> Result<Built, ExprError> {
        let example = || Some("for example `interval '5' minute`".to_owned());
        let (unit_start, unit_end) = self.here();
        let Some(Token::Word(word)) = self.peek() else { return Err(self.unexpected("a unit, like `minute`,")) };
        let name = word.value.to_ascii_lowercase();
        let singular = name.strip_suffix('s').unwrap_or(&name);
        if matches!(singular, "month" | "quarter" | "year") {
            let message = format!("a {singular} has no length of its own, so there is no interval of {singular}s");
            let hint = Some("count in days, or look at `date_trunc` and `extract`".to_owned());
            return Err(ExprError { start: unit_start, end: unit_end, message, hint });
        }
        let units = || time::UNITS.iter().map(|(unit, _)| *unit);
        let Some(mut unit) = time::unit(&name) else {
            let hint = nearest(singular, units()).map(|near| format!("did you mean `{near}`?"));
            let hint = hint.or_else(|| Some(format!("the units are {}", list(units()))));
            return Err(ExprError { start: unit_start, end: unit_end, message: format!("there is no unit `{name}`"), hint });
        };
        self.at += 1;
        let mut end = unit_end;
        if self.take_word("to") {
            let (least_start, least_end) = self.here();
            let least = match self.peek() {
                Some(Token::Word(word)) => time::unit(&word.value),
                _ => None,
            };
            match least {
                Some(least) if least < unit => unit = least,
                _ => {
                    let message = "`to` needs a shorter unit after it".to_owned();
                    return Err(ExprError { start: least_start, end: least_end, message, hint: example() });
                }
            }
            self.at += 1;
            end = least_end;
        }
        match time::interval(text, unit) {
            Some(span) => Ok(leaf(Type::Interval, Node::Literal(Value::Interval(span)), start, end)),
            None => {
                let message = format!("'{text}' is no number of {singular}s");
                Err(ExprError { start: at.0, end: at.1, message, hint: example() })
            }
        }
    }

    fn cast(&mut self, name: &str, start: usize) -> Result<Built, ExprError> {
        self.expect(&Token::LParen, "`(`")?;
        let value = self.expression(OR)?;
        self.expect_word("as")?;
        let to = self.type_name()?;
        let end = self.expect(&Token::RParen, "`)`")?;
        cast(name, value, to, start, end)
    }

    fn type_name(&mut self) -> Result<Type, ExprError> {
        let (start, end) = self.here();
        let Some(Token::Word(word)) = self.peek() else { return Err(self.unexpected("a type")) };
        let name = word.value.to_ascii_lowercase();
        let Some((_, found)) = TYPE_NAMES.iter().find(|(known, _)| *known == name) else {
            let names = || TYPE_NAMES.iter().map(|(name, _)| *name);
            let hint = nearest(&name, names()).map(|near| format!("did you mean `{near}`?"));
            let hint = hint.or_else(|| Some(format!("the types are {}", list(names()))));
            return Err(ExprError { start, end, message: format!("there is no type `{name}`"), hint });
        };
        let mut found = found.clone();
        self.at += 1;
        // SQL's standard has two words for one type.
        if name == "double" {
            self.take_word("precision");
        }
        let mut nesting = 0;
        while self.peek() == Some(&Token::LBracket) {
            self.at += 1;
            self.expect(&Token::RBracket, "`]`")?;
            nesting += 1;
            if nesting > LIST_NESTING_MAX {
                let message = format!("a type has at most {LIST_NESTING_MAX} pairs of brackets");
                return Err(ExprError { start, end: self.here().0, message, hint: None });
            }
            found = found.list();
        }
        Ok(found)
    }

    fn extract(&mut self, start: usize) -> Result<Built, ExprError> {
        self.expect(&Token::LParen, "`(`")?;
        let (part_start, part_end) = self.here();
        let part = match self.peek() {
            Some(Token::Word(word)) => word.value.to_ascii_lowercase(),
            Some(Token::SingleQuotedString(text)) => text.to_ascii_lowercase(),
            _ => return Err(self.unexpected("a part, like `year`,")),
        };
        self.at += 1;
        self.expect_word("from")?;
        let value = self.expression(OR)?;
        let end = self.expect(&Token::RParen, "`)`")?;
        let part = leaf(Type::Utf8, Node::Literal(Value::Utf8(part.into())), part_start, part_end);
        call("extract", vec![part, value], start, end)
    }

    fn position(&mut self, start: usize) -> Result<Built, ExprError> {
        self.expect(&Token::LParen, "`(`")?;
        // The word `in` would be taken for the comparison.
        let wanted = self.expression(COMPARISON + 1)?;
        self.expect_word("in")?;
        let text = self.expression(OR)?;
        let end = self.expect(&Token::RParen, "`)`")?;
        call("position", vec![wanted, text], start, end)
    }

    /// Whether a `trim` says which ends.
    fn trims(&self) -> bool {
        match self.pieces.get(self.at + 1).map(|piece| &piece.token) {
            Some(Token::Word(word)) => {
                word.quote_style.is_none()
                    && ["both", "leading", "trailing"].contains(&word.value.to_ascii_lowercase().as_str())
                    && !matches!(self.pieces.get(self.at + 2).map(|piece| &piece.token), Some(Token::RParen | Token::Comma))
            }
            _ => false,
        }
    }

    fn trim(&mut self, start: usize) -> Result<Built, ExprError> {
        self.expect(&Token::LParen, "`(`")?;
        let name = match (self.take_word("leading"), self.take_word("trailing")) {
            (true, _) => "ltrim",
            (_, true) => "rtrim",
            _ => {
                self.expect_word("both")?;
                "trim"
            }
        };
        let characters = if self.is_word("from") { None } else { Some(self.expression(OR)?) };
        self.expect_word("from")?;
        let text = self.expression(OR)?;
        let end = self.expect(&Token::RParen, "`)`")?;
        call(name, std::iter::once(text).chain(characters).collect(), start, end)
    }

    /// `[a, b]`; the bracket is ahead.
    pub(super) fn array(&mut self, start: usize) -> Result<Built, ExprError> {
        self.expect(&Token::LBracket, "`[`")?;
        if self.peek() == Some(&Token::RBracket) {
            let (_, end) = self.here();
            self.at += 1;
            return Ok(leaf(Type::Utf8.list(), Node::Literal(Value::List(Vec::new())), start, end));
        }
        let elements = self.arguments()?;
        let end = self.expect(&Token::RBracket, "`,` or `]`")?;
        call("array", elements, start, end)
    }
}

/// Lists within lists in the name of a type.
const LIST_NESTING_MAX: usize = 8;

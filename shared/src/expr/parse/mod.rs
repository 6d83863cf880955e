//! Text to a typed tree: a precedence parser over `sqlparser`'s tokens that types each node as it builds it.
//!
//! Binding, from loose to tight, as standard SQL has it: `or`; `and`; `not`; `is`; comparisons, `in`, `like`, `between`;
//! `+ -`; `* / % ||`; the sign; `x[i]`. The tokens are `sqlparser`'s and the grammar is not: its tree has no places for most
//! nodes, and its parser is a megabyte of wasm for statements that an expression never is.

use sqlparser::tokenizer::Token;

use super::aggregate::{self, Aggregate};
use super::functions;
use super::tokens::{Piece, tokens};
use super::{Expr, ExprError, Node, Schema, Type, Value};
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX};
use crate::nearest::{list, nearest, nearest_few};

mod aggregates;
mod build;
mod forms;
mod operators;

use build::{Built, call, comparable, leaf, misfit, null, number, too_deep, unify};

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARISON: u8 = 5;
const SUM: u8 = 6;
const PRODUCT: u8 = 7;
const SIGN: u8 = 8;
const INDEX: u8 = 9;

/// Words that never name a column unless quoted.
const RESERVED: [&str; 15] =
    ["and", "or", "not", "between", "in", "like", "is", "null", "true", "false", "case", "when", "then", "else", "end"];

/// Functions that are named where there is none of some name, and none that can have been meant.
const NEAREST_MAX: usize = 4;

/// How the sentence for a missing column begins.
pub(super) const NO_COLUMN: &str = "there is no column";

/// Whether a name would be read as a word of the language and not as a column.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

/// See [`Expr::parse`].
pub(super) fn parse(text: &str, schema: &Schema) -> Result<Expr, ExprError> {
    Parser::new(text, schema, Scope::Row)?.whole()
}

/// See [`super::AggregateExpr::parse`].
pub(super) fn parse_aggregates(text: &str, schema: &Schema) -> Result<(Vec<Aggregate>, Expr), ExprError> {
    let mut parser = Parser::new(text, schema, Scope::Group)?;
    let expr = parser.whole()?;
    Ok((parser.aggregates, expr))
}

/// What names mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// A row: its columns, no aggregates.
    Row,
    /// A group of rows: aggregates, no columns.
    Group,
    /// A row of a group, within an aggregate.
    RowOfGroup,
}

struct Parser<'a> {
    schema: &'a Schema,
    pieces: Vec<Piece<'a>>,
    at: usize,
    nesting: usize,
    /// The length of the text: where what is missing at the end is missing.
    end: usize,
    scope: Scope,
    aggregates: Vec<Aggregate>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, schema: &'a Schema, scope: Scope) -> Result<Parser<'a>, ExprError> {
        if text.len() > EXPRESSION_BYTES_MAX {
            let message = format!("the expression has {} bytes; the limit is {EXPRESSION_BYTES_MAX}", text.len());
            return Err(ExprError { start: 0, end: text.len(), message, hint: None });
        }
        let pieces = tokens(text)?;
        if pieces.is_empty() {
            return Err(ExprError { start: 0, end: text.len(), message: "the expression is empty".to_owned(), hint: None });
        }
        Ok(Parser { schema, pieces, at: 0, nesting: 0, end: text.len(), scope, aggregates: Vec::new() })
    }

    fn whole(&mut self) -> Result<Expr, ExprError> {
        let built = self.expression(OR)?;
        match self.peek() {
            None => Ok(built.expr),
            Some(_) => Err(self.unexpected("the end or an operator")),
        }
    }

    fn expression(&mut self, loosest: u8) -> Result<Built, ExprError> {
        self.nesting += 1;
        if self.nesting > EXPRESSION_DEPTH_MAX {
            let (start, end) = self.here();
            return Err(too_deep(start, end));
        }
        let mut left = self.prefix()?;
        while let Some((binding, operator)) = self.infix().filter(|(binding, _)| *binding >= loosest) {
            left = self.infix_with(left, binding, operator)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Built, ExprError> {
        let Some(piece) = self.pieces.get(self.at) else { return Err(self.unexpected("a value")) };
        let (start, end) = (piece.start, piece.end);
        match &piece.token {
            Token::Number(digits, false) => {
                let digits = digits.clone();
                self.at += 1;
                number(&digits, start, end)
            }
            Token::SingleQuotedString(value) => {
                let value = Value::Utf8(value.as_str().into());
                self.at += 1;
                Ok(leaf(Type::Utf8, Node::Literal(value), start, end))
            }
            Token::Minus => self.negative(start),
            Token::Plus => {
                self.at += 1;
                let operand = self.expression(SIGN)?;
                match operand.expr.data_type {
                    Type::Int64 | Type::Float64 => Ok(Built { start, ..operand }),
                    _ => Err(misfit("+", &[operand], start, end)),
                }
            }
            Token::LParen => {
                self.at += 1;
                let inner = self.expression(OR)?;
                let end = self.expect(&Token::RParen, "`)`")?;
                Ok(Built { start, end, ..inner })
            }
            Token::LBracket => self.array(start),
            Token::Word(word) if word.quote_style.is_some() => {
                let name = word.value.clone();
                self.at += 1;
                // Who writes texts in double quotes elsewhere does so here.
                let hint = format!("a text is written in single quotes: '{name}'");
                self.column(&name, start, end).map_err(|error| ExprError { hint: Some(hint), ..error })
            }
            Token::Word(word) => {
                let name = word.value.clone();
                self.at += 1;
                self.word(&name, start, end)
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    /// A sign belongs to the digits after it, so that the least Int64 can be written.
    fn negative(&mut self, start: usize) -> Result<Built, ExprError> {
        self.at += 1;
        if let Some(Piece { token: Token::Number(digits, false), end, .. }) = self.pieces.get(self.at) {
            let (digits, end) = (format!("-{digits}"), *end);
            self.at += 1;
            return number(&digits, start, end);
        }
        let operand = self.expression(SIGN)?;
        let end = operand.end;
        call("-", vec![operand], start, end)
    }

    fn word(&mut self, name: &str, start: usize, end: usize) -> Result<Built, ExprError> {
        let literal = |data_type, value| Ok(leaf(data_type, Node::Literal(value), start, end));
        let lower = name.to_ascii_lowercase();
        if let Some(literal) = self.typed_literal(&lower, start) {
            return literal;
        }
        match lower.as_str() {
            "true" => literal(Type::Boolean, Value::Boolean(true)),
            "false" => literal(Type::Boolean, Value::Boolean(false)),
            "null" => Ok(null(start, end)),
            "not" => {
                let operand = self.expression(NOT)?;
                let end = operand.end;
                call("not", vec![operand], start, end)
            }
            "case" => self.case(start),
            "array" if self.peek() == Some(&Token::LBracket) && self.schema.index(name).is_none() => self.array(start),
            lower if self.peek() == Some(&Token::LParen) => self.function(lower, start, end),
            lower if is_reserved(lower) => {
                self.at -= 1;
                Err(self.unexpected("a value"))
            }
            _ => self.column(name, start, end),
        }
    }

    fn column(&mut self, name: &str, start: usize, end: usize) -> Result<Built, ExprError> {
        let found = self.schema.index(name);
        if let (Some(_), Scope::Group) = (found, self.scope) {
            let message = format!("`{name}` is a column of many rows here: an aggregate makes one value of them");
            return Err(ExprError { start, end, message, hint: Some(format!("for example `max({name})` or `first({name})`")) });
        }
        if let Some(index) = found {
            return Ok(leaf(self.schema.0[index].1.clone(), Node::Column(index), start, end));
        }
        let message = match self.schema.0.len() {
            0 => format!("{NO_COLUMN} `{name}`: there are no columns here"),
            1 => format!("{NO_COLUMN} `{name}`: the only column here is {}", list(self.schema.names())),
            _ => format!("{NO_COLUMN} `{name}`: the columns here are {}", list(self.schema.names())),
        };
        let lower = name.to_ascii_lowercase();
        let hint = if self.callable().contains(&lower.as_str()) {
            Some(format!("a function is called with parentheses: `{name}(…)`"))
        } else {
            nearest(name, self.schema.names()).map(|near| format!("did you mean `{near}`?"))
        };
        Err(ExprError { start, end, message, hint })
    }

    /// The names that can be called here.
    fn callable(&self) -> Vec<&'static str> {
        let mut names = functions::names();
        if self.scope == Scope::Group {
            names.extend(aggregate::names());
        }
        names.sort_unstable();
        names
    }

    fn function(&mut self, name: &str, start: usize, end: usize) -> Result<Built, ExprError> {
        let is_aggregate = aggregate::names().any(|known| known == name);
        if is_aggregate && self.scope == Scope::Group {
            return self.aggregate(name, start, end);
        }
        if is_aggregate {
            let message = match self.scope {
                Scope::Row => format!("`{name}` is an aggregate: it belongs to the `values` of a `reduce`"),
                _ => format!("`{name}` is an aggregate within an aggregate"),
            };
            return Err(ExprError { start, end, message, hint: None });
        }
        if let Some(form) = self.form(name, start) {
            return form;
        }
        let names = self.callable();
        if !names.contains(&name) {
            let message = format!("there is no function `{name}`");
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the nearest are {}", list(nearest_few(name, names, NEAREST_MAX))),
            };
            return Err(ExprError { start, end, message, hint: Some(hint) });
        }
        self.expect(&Token::LParen, "`(`")?;
        let arguments = if self.peek() == Some(&Token::RParen) { Vec::new() } else { self.arguments()? };
        let end = self.expect(&Token::RParen, "`,` or `)`")?;
        call(name, arguments, start, end)
    }

    fn arguments(&mut self) -> Result<Vec<Built>, ExprError> {
        let mut arguments = vec![self.expression(OR)?];
        while self.peek() == Some(&Token::Comma) {
            self.at += 1;
            arguments.push(self.expression(OR)?);
        }
        Ok(arguments)
    }

    /// `case when c then v … [else v] end`, and `case x when w then v … end`.
    fn case(&mut self, start: usize) -> Result<Built, ExprError> {
        let operand = if self.is_word("when") { None } else { Some(self.expression(OR)?) };
        let (mut whens, mut thens) = (Vec::new(), Vec::new());
        while self.take_word("when") {
            whens.push(self.expression(OR)?);
            self.expect_word("then")?;
            thens.push(self.expression(OR)?);
        }
        if whens.is_empty() {
            return Err(self.unexpected("`when`"));
        }
        let (here, _) = self.here();
        let last = if self.take_word("else") { self.expression(OR)? } else { null(here, here) };
        let end = self.expect_word("end")?;
        let (name, first, whens) = match operand {
            None => ("case", None, whens),
            Some(operand) => {
                // Each is compared with the operand, so they are of one type.
                for when in &whens {
                    comparable("=", &operand, when)?;
                }
                let mut one_type = unify("=", std::iter::once(operand).chain(whens).collect(), start, end)?.into_iter();
                ("case of", one_type.next(), one_type.collect())
            }
        };
        let pairs = whens.into_iter().zip(thens).flat_map(|(when, then)| [when, then]);
        call(name, first.into_iter().chain(pairs).chain([last]).collect(), start, end)
    }

    fn peek(&self) -> Option<&Token> {
        self.pieces.get(self.at).map(|piece| &piece.token)
    }

    /// Where the piece ahead is, or the end of the text.
    fn here(&self) -> (usize, usize) {
        self.pieces.get(self.at).map_or((self.end, self.end), |piece| (piece.start, piece.end))
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let found = self.is_word(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, wanted: &str) -> Result<usize, ExprError> {
        let (_, end) = self.here();
        if self.take_word(wanted) { Ok(end) } else { Err(self.unexpected(&format!("`{wanted}`"))) }
    }

    /// Takes this token and gives where it ends.
    fn expect(&mut self, wanted: &Token, what: &str) -> Result<usize, ExprError> {
        let (_, end) = self.here();
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(end);
        }
        Err(self.unexpected(what))
    }

    fn unexpected(&self, wanted: &str) -> ExprError {
        let (start, end) = self.here();
        let message = match self.pieces.get(self.at) {
            Some(piece) => format!("`{}` is unexpected here", piece.text),
            None => "the expression ends too early".to_owned(),
        };
        ExprError { start, end, message, hint: Some(format!("{wanted} would fit")) }
    }
}

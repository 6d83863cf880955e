//! Operators between and after values: which binds how tightly, and what each takes.

use sqlparser::tokenizer::Token;

use super::build::{Built, call, comparable, extend};
use super::{AND, COMPARISON, INDEX, IS, OR, PRODUCT, Parser, SUM};
use crate::expr::{ExprError, Node};

impl Parser<'_> {
    /// The operator ahead and how tightly it binds.
    pub(super) fn infix(&self) -> Option<(u8, &'static str)> {
        Some(match self.peek()? {
            Token::Eq | Token::DoubleEq => (COMPARISON, "="),
            Token::Neq => (COMPARISON, "<>"),
            Token::Lt => (COMPARISON, "<"),
            Token::LtEq => (COMPARISON, "<="),
            Token::Gt => (COMPARISON, ">"),
            Token::GtEq => (COMPARISON, ">="),
            Token::Plus => (SUM, "+"),
            Token::Minus => (SUM, "-"),
            Token::Mul => (PRODUCT, "*"),
            Token::Div => (PRODUCT, "/"),
            Token::Mod => (PRODUCT, "%"),
            Token::StringConcat => (PRODUCT, "||"),
            Token::LBracket => (INDEX, "["),
            Token::Word(word) if word.quote_style.is_none() => match word.value.to_ascii_lowercase().as_str() {
                "or" => (OR, "or"),
                "and" => (AND, "and"),
                "is" => (IS, "is"),
                "in" => (COMPARISON, "in"),
                "like" => (COMPARISON, "like"),
                "between" => (COMPARISON, "between"),
                "not" => (COMPARISON, "not"),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// The operator ahead and what follows it, after `left`.
    pub(super) fn infix_with(&mut self, left: Built, binding: u8, operator: &'static str) -> Result<Built, ExprError> {
        let start = left.start;
        self.at += 1;
        match operator {
            "is" => {
                let negated = self.take_word("not");
                let (tested, end) = if self.take_word("distinct") {
                    self.expect_word("from")?;
                    let right = self.expression(binding + 1)?;
                    let end = right.end;
                    (call("is distinct from", vec![left, right], start, end)?, end)
                } else {
                    let (_, end) = self.here();
                    if !self.take_word("null") {
                        return Err(self.unexpected("`null` or `distinct from`"));
                    }
                    (call("is null", vec![left], start, end)?, end)
                };
                if negated { call("not", vec![tested], start, end) } else { Ok(tested) }
            }
            "not" => {
                let tested = match self.infix() {
                    Some((binding, operator @ ("in" | "like" | "between"))) => self.infix_with(left, binding, operator)?,
                    _ => return Err(self.unexpected("`in`, `like` or `between` after `not`")),
                };
                let end = tested.end;
                call("not", vec![tested], start, end)
            }
            "in" => {
                self.expect(&Token::LParen, "`(` and a list")?;
                let values = self.arguments()?;
                let end = self.expect(&Token::RParen, "`,` or `)`")?;
                // A value of the wrong type is told at its own place.
                for value in &values {
                    comparable("=", &left, value)?;
                }
                call("in", std::iter::once(left).chain(values).collect(), start, end)
            }
            "between" => {
                let low = self.expression(binding + 1)?;
                self.expect_word("and")?;
                let high = self.expression(binding + 1)?;
                let end = high.end;
                call("between", vec![left, low, high], start, end)
            }
            "like" => {
                let pattern = self.expression(binding + 1)?;
                let mut arguments = vec![left, pattern];
                if self.take_word("escape") {
                    arguments.push(self.expression(binding + 1)?);
                }
                let end = arguments.last().map_or(start, |last| last.end);
                call("like", arguments, start, end)
            }
            "[" => {
                let place = self.expression(OR)?;
                let end = self.expect(&Token::RBracket, "`]`")?;
                call("element", vec![left, place], start, end)
            }
            _ => {
                let right = self.expression(binding + 1)?;
                let end = right.end;
                // A long chain of one of these stays flat, so that it is no deep tree.
                if let ("and" | "or" | "||", Node::Call { function, .. }) = (operator, &left.expr.node)
                    && function.name == operator
                {
                    return extend(left, right);
                }
                call(operator, vec![left, right], start, end)
            }
        }
    }
}

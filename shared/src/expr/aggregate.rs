//! What a reduction computes over the rows of one key.

use serde::{Deserialize, Serialize};

use super::ExprError;
use super::tokens::tokens;
use crate::nearest::list;
use sqlparser::tokenizer::Token;

/// The names of the aggregates, so that a call of one elsewhere gets a sentence of its own.
pub const NAMES: [&str; 6] = ["count", "sum", "min", "max", "avg", "list"];

/// An aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregate {
    /// `count(*)`: the number of rows, Int64.
    Count,
}

/// Reads an aggregate; letters' case and white space do not matter.
///
/// ```
/// use shared::expr::aggregate::{Aggregate, parse};
/// assert_eq!(parse("COUNT( * )"), Ok(Aggregate::Count));
/// assert!(parse("sum(length)").unwrap_err().message.contains("count(*)"));
/// ```
pub fn parse(text: &str) -> Result<Aggregate, ExprError> {
    let pieces = tokens(text)?;
    let shape: Vec<_> = pieces.iter().map(|piece| (&piece.token, piece.text.to_ascii_lowercase())).collect();
    match shape.as_slice() {
        [(Token::Word(_), name), (Token::LParen, _), (Token::Mul, _), (Token::RParen, _)] if name == "count" => {
            Ok(Aggregate::Count)
        }
        _ => {
            let message = format!("`{}` is not an aggregate: there is {} so far", text.trim(), list(["count(*)"]));
            Err(ExprError { start: 0, end: text.len(), message, hint: None })
        }
    }
}

//! How an expression travels: its terms in postfix order, a list and not a tree, so that reading one needs no deep stack and
//! no JSON reader's nesting limit. What arrives is typed again by the function table, so that a message cannot make a tree that
//! [`super::parse`] would not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Expr, Node, Type, Value, functions};
use crate::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};

#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Flat(Vec<Term>);

/// Numbers travel as text: a JSON number keeps neither every Int64 nor, always, the last place of a Float64.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Term {
    Column(usize, Type),
    Null(Type),
    Boolean(bool),
    Int64(String),
    Float64(String),
    Utf8(Arc<str>),
    /// The name and how many of the terms before are its arguments.
    Call(String, usize),
}

/// A message that is no expression.
#[derive(Debug, thiserror::Error)]
pub(super) enum FlatError {
    #[error("an expression's terms do not add up")]
    Shape,
    #[error("an expression of {0} terms: the limit is {EXPRESSION_NODES_MAX}")]
    Long(usize),
    #[error("an expression nests more than {EXPRESSION_DEPTH_MAX} deep")]
    Deep,
    #[error("`{0}` is not a number of its type")]
    Number(String),
    #[error("no function `{0}` takes these arguments")]
    Call(String),
}

impl From<Expr> for Flat {
    fn from(expr: Expr) -> Flat {
        let mut terms = Vec::new();
        push(expr, &mut terms);
        Flat(terms)
    }
}

fn push(expr: Expr, terms: &mut Vec<Term>) {
    let term = match expr.node {
        Node::Column(index) => Term::Column(index, expr.data_type),
        Node::Literal(Value::Boolean(value)) => Term::Boolean(value),
        Node::Literal(Value::Int64(value)) => Term::Int64(value.to_string()),
        Node::Literal(Value::Float64(value)) => Term::Float64(format!("{value:?}")),
        Node::Literal(Value::Utf8(value)) => Term::Utf8(value),
        // The grammar has no literal lists.
        Node::Literal(Value::Null | Value::List(_)) => Term::Null(expr.data_type),
        Node::Call(function, arguments) => {
            let count = arguments.len();
            arguments.into_iter().for_each(|argument| push(argument, terms));
            Term::Call(function.name.to_owned(), count)
        }
    };
    terms.push(term);
}

impl TryFrom<Flat> for Expr {
    type Error = FlatError;

    fn try_from(Flat(terms): Flat) -> Result<Expr, FlatError> {
        if terms.len() > EXPRESSION_NODES_MAX {
            return Err(FlatError::Long(terms.len()));
        }
        let mut stack: Vec<(Expr, usize)> = Vec::new();
        for term in terms {
            let leaf = |data_type, node| (Expr { data_type, node }, 1);
            let entry = match term {
                Term::Column(index, data_type) => leaf(data_type, Node::Column(index)),
                Term::Null(data_type) => leaf(data_type, Node::Literal(Value::Null)),
                Term::Boolean(value) => leaf(Type::Boolean, Node::Literal(Value::Boolean(value))),
                Term::Utf8(value) => leaf(Type::Utf8, Node::Literal(Value::Utf8(value))),
                Term::Int64(text) => match text.parse() {
                    Ok(value) => leaf(Type::Int64, Node::Literal(Value::Int64(value))),
                    Err(_) => return Err(FlatError::Number(text)),
                },
                Term::Float64(text) => match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => leaf(Type::Float64, Node::Literal(Value::Float64(value))),
                    _ => return Err(FlatError::Number(text)),
                },
                Term::Call(name, count) => {
                    let from = stack.len().checked_sub(count).ok_or(FlatError::Shape)?;
                    let (arguments, heights): (Vec<_>, Vec<_>) = stack.drain(from..).unzip();
                    let types: Vec<_> = arguments.iter().map(|a: &Expr| Some(a.data_type.clone())).collect();
                    let Ok(resolved) = functions::resolve(&name, &types) else { return Err(FlatError::Call(name)) };
                    if !arguments.iter().zip(&resolved.arguments).all(|(a, wanted)| a.data_type == *wanted) {
                        return Err(FlatError::Call(name));
                    }
                    let height = 1 + heights.into_iter().max().unwrap_or(0);
                    if height > EXPRESSION_DEPTH_MAX {
                        return Err(FlatError::Deep);
                    }
                    (Expr { data_type: resolved.result, node: Node::Call(resolved.function, arguments) }, height)
                }
            };
            stack.push(entry);
        }
        match (stack.pop(), stack.is_empty()) {
            (Some((expr, _)), true) => Ok(expr),
            _ => Err(FlatError::Shape),
        }
    }
}

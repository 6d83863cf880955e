//! How an expression travels: its terms in postfix order, a list and not a tree, so that reading one needs no deep stack and
//! no JSON reader's nesting limit. What arrives is typed again by the function table, so that a message cannot make a tree that
//! [`super::parse`] would not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::functions::{self, Kind, cast::castable};
use super::{Expr, Node, Type, Value};
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
    Timestamp(String),
    Interval(String),
    /// A list without elements.
    Empty(Type),
    /// The name, how many of the terms before are its arguments, and the place in the text.
    Call(String, usize, u32, u32),
    /// `cast` or `try_cast` of the term before, the type that it makes, and the place in the text.
    Cast(String, Type, u32, u32),
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
    #[error("{0}")]
    Literal(String),
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
        Node::Literal(Value::Timestamp(value)) => Term::Timestamp(value.to_string()),
        Node::Literal(Value::Interval(value)) => Term::Interval(value.to_string()),
        Node::Literal(Value::Null) => Term::Null(expr.data_type),
        // The grammar has no other literal lists: one with elements is a call.
        Node::Literal(Value::List(_)) => Term::Empty(expr.data_type),
        Node::Call { function, arguments, start, end, .. } => {
            let count = arguments.len();
            arguments.into_iter().for_each(|argument| push(argument, terms));
            match function.result {
                Kind::Named => Term::Cast(function.name.to_owned(), expr.data_type, start, end),
                _ => Term::Call(function.name.to_owned(), count, start, end),
            }
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
            let literal = |of, value| leaf(of, Node::Literal(value));
            let whole = |text: String| text.parse::<i64>().map_err(|_| FlatError::Number(text));
            let entry = match term {
                Term::Column(index, data_type) => leaf(data_type, Node::Column(index)),
                Term::Null(data_type) => literal(data_type, Value::Null),
                Term::Boolean(value) => literal(Type::Boolean, Value::Boolean(value)),
                Term::Utf8(value) => literal(Type::Utf8, Value::Utf8(value)),
                Term::Int64(text) => literal(Type::Int64, Value::Int64(whole(text)?)),
                Term::Timestamp(text) => literal(Type::Timestamp, Value::Timestamp(whole(text)?)),
                Term::Interval(text) => literal(Type::Interval, Value::Interval(whole(text)?)),
                Term::Empty(data_type @ Type::List(_)) => literal(data_type, Value::List(Vec::new())),
                Term::Empty(_) => return Err(FlatError::Shape),
                Term::Float64(text) => match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => literal(Type::Float64, Value::Float64(value)),
                    _ => return Err(FlatError::Number(text)),
                },
                Term::Cast(name, to, start, end) => call(&mut stack, name, 1, Some(to), (start, end))?,
                Term::Call(name, count, start, end) => call(&mut stack, name, count, None, (start, end))?,
            };
            stack.push(entry);
        }
        match (stack.pop(), stack.is_empty()) {
            (Some((expr, _)), true) => Ok(expr),
            _ => Err(FlatError::Shape),
        }
    }
}

/// A call of the last terms, and its height. `to` is the type that a cast makes.
fn call(
    stack: &mut Vec<(Expr, usize)>,
    name: String,
    count: usize,
    to: Option<Type>,
    place: (u32, u32),
) -> Result<(Expr, usize), FlatError> {
    let from = stack.len().checked_sub(count).ok_or(FlatError::Shape)?;
    let (arguments, heights): (Vec<_>, Vec<_>) = stack.drain(from..).unzip();
    let types: Vec<_> = arguments.iter().map(|a: &Expr| Some(a.data_type.clone())).collect();
    let Ok(resolved) = functions::resolve(&name, &types) else { return Err(FlatError::Call(name)) };
    let fits = arguments.iter().zip(&resolved.arguments).all(|(a, wanted)| a.data_type == *wanted);
    let is_cast = resolved.function.result == Kind::Named;
    let casts = to.as_ref().is_none_or(|to| arguments.iter().all(|argument| castable(&argument.data_type, to)));
    if !fits || !casts || is_cast != to.is_some() {
        return Err(FlatError::Call(name));
    }
    let height = 1 + heights.into_iter().max().unwrap_or(0);
    if height > EXPRESSION_DEPTH_MAX {
        return Err(FlatError::Deep);
    }
    let expr = Expr::call_of(resolved.function, to.unwrap_or(resolved.result), arguments, place);
    expr.map(|expr| (expr, height)).map_err(|problem| FlatError::Literal(problem.message))
}

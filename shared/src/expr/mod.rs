//! Expressions: SQL's syntax, typed before anything runs.
//!
//! This is the one small interface that the rest of the core knows: [`Expr::parse`], [`Expr::data_type`], [`Expr::eval`], and two
//! questions about a tree's shape by which a kernel recognises what it can do faster.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A column's or an expression's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    Boolean,
    Int64,
    Float64,
    Utf8,
    List(Box<Type>),
}

/// A value, null included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Null,
    Boolean(bool),
    Int64(i64),
    Float64(f64),
    Utf8(Arc<str>),
    List(Vec<Value>),
}

/// The columns that an expression may name, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema(pub Vec<(String, Type)>);

/// A typed expression over a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    data_type: Type,
    node: Node,
}

/// The shapes of an expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Node {
    Column(usize),
    Literal(Value),
    Call(Arc<str>, Vec<Expr>),
}

/// Why an expression was refused: where in its text (byte offsets), what, and what would fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    pub start: usize,
    pub end: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// Why an evaluation failed: a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

impl Expr {
    /// What evaluating it gives.
    pub fn data_type(&self) -> &Type {
        &self.data_type
    }

    /// The index of the column it names, if it is nothing but a column.
    pub fn column(&self) -> Option<usize> {
        match self.node {
            Node::Column(index) => Some(index),
            _ => None,
        }
    }

    /// The function's name in lower case and its arguments, if it is a call.
    pub fn call(&self) -> Option<(&str, &[Expr])> {
        match &self.node {
            Node::Call(name, arguments) => Some((name, arguments)),
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Boolean => f.write_str("Boolean"),
            Type::Int64 => f.write_str("Int64"),
            Type::Float64 => f.write_str("Float64"),
            Type::Utf8 => f.write_str("Utf8"),
            Type::List(of) => write!(f, "List of {of}"),
        }
    }
}

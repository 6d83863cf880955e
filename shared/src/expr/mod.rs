//! Expressions: SQL's syntax, typed before anything runs.
//!
//! This is the one small interface that the rest of the core knows: [`Expr::parse`], [`Expr::data_type`], [`Expr::eval`], and two
//! questions about a tree's shape by which a kernel recognises what it can do faster.
//!
//! - `parse`: text to a typed tree. The tokens are `sqlparser`'s; the grammar is ours, because its parser loses the places
//!   of most nodes and weighs a megabyte of wasm.
//! - [`functions`]: every function and operator there is, in one table.
//! - [`aggregate`]: what a reduction may compute.
//! - `flat`: how a tree travels.
//!
//! Evaluation has SQL's three-valued nulls, always ends, and never panics: overflow and division by zero are errors.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub mod aggregate;
mod flat;
pub mod functions;
mod numbers;
mod parse;
pub mod text;
mod tokens;

use functions::{Function, Run};
pub use parse::is_reserved;

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
#[serde(into = "flat::Flat", try_from = "flat::Flat")]
pub struct Expr {
    data_type: Type,
    node: Node,
}

/// The shapes of an expression. Operators are calls too: `a + b` calls `+`.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Column(usize),
    Literal(Value),
    Call(&'static Function, Vec<Expr>),
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
    /// Reads and types an expression over the columns of `schema`.
    ///
    /// ```
    /// use shared::expr::{Expr, Schema, Type, Value};
    /// let schema = Schema(vec![("line".into(), Type::Utf8)]);
    /// let long = Expr::parse("length(line) > 3", &schema)?;
    /// assert_eq!(long.data_type(), &Type::Boolean);
    /// assert_eq!(long.eval(&[Value::Utf8("word".into())]), Ok(Value::Boolean(true)));
    /// assert_eq!(long.eval(&[Value::Null]), Ok(Value::Null));
    /// # Ok::<(), shared::expr::ExprError>(())
    /// ```
    pub fn parse(text: &str, schema: &Schema) -> Result<Expr, ExprError> {
        parse::parse(text, schema)
    }

    /// What evaluating it gives.
    pub fn data_type(&self) -> &Type {
        &self.data_type
    }

    /// Its value for one row, whose values have the types of the schema it was parsed with, or are null.
    pub fn eval(&self, row: &[Value]) -> Result<Value, EvalError> {
        match &self.node {
            Node::Column(index) => match row.get(*index) {
                Some(value) => Ok(value.clone()),
                None => Err(EvalError(format!("column {index} is missing: the row has {} columns", row.len()))),
            },
            Node::Literal(value) => Ok(value.clone()),
            Node::Call(function, arguments) => match function.run {
                Run::Lazy(run) => run(arguments, row),
                Run::Strict(run) => {
                    let mut values = Vec::with_capacity(arguments.len());
                    for argument in arguments {
                        match argument.eval(row)? {
                            Value::Null => return Ok(Value::Null),
                            value => values.push(value),
                        }
                    }
                    run(&values)
                }
            },
        }
    }

    /// The index of the column it names, if it is nothing but a column.
    pub fn column(&self) -> Option<usize> {
        match self.node {
            Node::Column(index) => Some(index),
            _ => None,
        }
    }

    /// The function's name in lower case and its arguments, if it is a call.
    pub fn call(&self) -> Option<(&'static str, &[Expr])> {
        match &self.node {
            Node::Call(function, arguments) => Some((function.name, arguments)),
            _ => None,
        }
    }

    /// Its value, if it is nothing but a literal.
    pub fn literal(&self) -> Option<&Value> {
        match &self.node {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }
}

impl ExprError {
    /// Whether it names a column that is not in the schema.
    pub fn is_missing_column(&self) -> bool {
        self.message.starts_with(parse::NO_COLUMN)
    }
}

impl Schema {
    /// The index of the column with this name. Names are told apart by case, as Flink does.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(column, _)| column == name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl Type {
    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Type::List(_))
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

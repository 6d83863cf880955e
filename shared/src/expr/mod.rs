//! Expressions: SQL's syntax, typed before anything runs, evaluated a batch at a time over Arrow arrays.
//!
//! [`Expr::parse`] reads and types, [`Expr::evaluate`] gives an array for a batch of rows, [`Expr::select`] the rows for which a
//! filter is true. Reading order:
//!
//! - `types`: the types and values, and their place in Arrow.
//! - `parse`: text to a typed tree. The tokens are `sqlparser`'s; the grammar is ours, because its parser loses the places
//!   of most nodes and weighs a megabyte of wasm. Each construct of the language has exact places in the text.
//! - [`functions`]: every function and operator there is, in one table, a family a file.
//! - `eval`, `lazy` and `pick`: how a tree runs.
//! - [`aggregate`]: what a reduction may compute, with partial state that travels as Arrow arrays.
//! - `flat`: how a tree travels.
//! - [`mod@reference`]: the documentation, made from the tables.
//!
//! Evaluation has SQL's three-valued nulls, always ends, and never panics: overflow, division by zero and bad casts are errors
//! that name their row, or null within `try(…)`. It has no clock, environment or chance, and gives the same bits on every platform.
//! There are no subqueries, no user-defined functions and no loops.

use serde::{Deserialize, Serialize};

pub mod aggregate;
mod eval;
mod flat;
pub mod functions;
mod lazy;
mod parse;
pub(crate) mod pick;
pub mod reference;
pub mod text;
mod time;
mod tokens;
mod types;

pub use aggregate::{Aggregate, AggregateExpr, GroupedAccumulator};
pub use eval::{Context, EvalError, RowError};
pub use functions::show;
use functions::{Function, Preparation};
pub use parse::is_reserved;
pub(crate) use time::{Shown as ShownTime, moment_parts};
pub use types::{TYPE_NAMES, Type, Value};

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
    Call {
        function: &'static Function,
        arguments: Vec<Expr>,
        /// The place in the text, in bytes.
        start: u32,
        end: u32,
        prepared: Preparation,
    },
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
            Node::Call { function, arguments, .. } => Some((function.name, arguments)),
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

    /// Hands over the index and the type of each column that it names, as often as it does.
    pub fn each_column(&self, take: &mut dyn FnMut(usize, &Type)) {
        match &self.node {
            Node::Column(index) => take(*index, &self.data_type),
            Node::Literal(_) => {}
            Node::Call { arguments, .. } => arguments.iter().for_each(|argument| argument.each_column(take)),
        }
    }

    /// Whether it names the column.
    pub fn uses(&self, column: usize) -> bool {
        let mut found = false;
        self.each_column(&mut |index, _| found |= index == column);
        found
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

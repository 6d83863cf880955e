//! What a reduction computes over the rows of one key.
//!
//! An [`Aggregate`] is checked when it is parsed, and makes a [`GroupedAccumulator`], which keeps one partial state for each group of
//! rows. States leave as Arrow arrays and are merged elsewhere, so that a combiner is possible (MapReduce, OSDI'04 §4.3).
//! Partial states merge in task order: then `first`, `last`, `list` and `list_distinct` are in the order of the input. The other
//! results do not depend on how the rows were split or in which order the states came, but for the last places of `sum`, `avg`
//! and `stddev` over Float64, whose roundings follow the order of additions.
//!
//! - `count`, `sum`, `deviation`, `extreme`, `ends`: a few numbers for each group.
//! - `gather`: all values of each group: `list`, `top_k`, `quantile`.
//! - `distinct`, `sketch`: the different values, exactly and about.

use std::fmt;

use arrow_array::ArrayRef;
use serde::{Deserialize, Serialize};

use super::{Context, Expr, ExprError, RowError, Schema, Type, Value, parse};

mod count;
mod deviation;
mod distinct;
mod ends;
mod extreme;
mod gather;
mod kinds;
mod sketch;
mod sum;

pub use kinds::{Kind, LINES, Line};

/// An aggregate over an expression, checked and typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Flat", try_from = "Flat")]
pub struct Aggregate {
    kind: Kind,
    argument: Option<Expr>,
    /// The k of `top_k`, the q of `quantile`.
    parameter: Option<f64>,
    data_type: Type,
}

/// An expression over aggregates: `sum(x) / count(*)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AggregateExpr {
    /// The aggregates that it needs, each once.
    pub aggregates: Vec<Aggregate>,
    /// What is made of them: its columns are their results, in order.
    pub result: Expr,
}

/// Partial states, one for each group of rows. Groups are numbered from 0; a group that no row has come to yet is as good as any.
///
/// An accumulator that has given an error is not used again.
pub trait GroupedAccumulator {
    /// Adds rows: `groups` names the group of each, all below `group_count`, which never shrinks. `arguments` is the array of
    /// the aggregate's argument over the same rows, or nothing if it has none.
    ///
    /// # Errors
    /// The row that cannot be added, by its index in the batch.
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError>;

    /// Adds partial states, each to a group: `states` is what [`GroupedAccumulator::state`] gave elsewhere, or rows of it.
    ///
    /// # Errors
    /// States that are none of this aggregate, as an error of their first row.
    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError>;

    /// The partial states as arrays of [`Aggregate::state_types`], a row for each group.
    ///
    /// # Errors
    /// Texts of more than 2 GiB in all, for which Arrow's offsets are too narrow.
    fn state(&self) -> Result<Vec<ArrayRef>, RowError>;

    /// The results, a row for each group.
    ///
    /// # Errors
    /// A result that does not fit its type; the row is the group.
    fn finish(&self) -> Result<ArrayRef, RowError>;

    /// About how many bytes the states hold.
    fn size(&self) -> usize;
}

impl Aggregate {
    /// Reads a single aggregate over the columns of `schema`; letters' case and white space do not matter.
    ///
    /// ```
    /// use shared::expr::{Aggregate, Schema, Type};
    /// let schema = Schema(vec![("price".into(), Type::Float64), ("qty".into(), Type::Int64)]);
    /// assert_eq!(Aggregate::parse("sum(price * qty)", &schema)?.data_type(), &Type::Float64);
    /// assert!(Aggregate::parse("COUNT( * )", &schema)?.is_count_all());
    /// assert!(Aggregate::parse("summ(qty)", &schema).is_err());
    /// # Ok::<(), shared::expr::ExprError>(())
    /// ```
    pub fn parse(text: &str, schema: &Schema) -> Result<Aggregate, ExprError> {
        let AggregateExpr { mut aggregates, result } = AggregateExpr::parse(text, schema)?;
        match (result.column(), aggregates.pop()) {
            (Some(_), Some(aggregate)) => Ok(aggregate),
            _ => {
                let message = format!("`{}` is more than one aggregate", text.trim());
                Err(ExprError { start: 0, end: text.len(), message, hint: None })
            }
        }
    }

    /// An aggregate of these parts, or a sentence why there is none.
    pub fn new(kind: Kind, argument: Option<Expr>, parameter: Option<&Value>) -> Result<Aggregate, String> {
        let parameter = match (kind.parameter(), parameter) {
            (None, None) => None,
            (Some(check), Some(value)) => Some(check(value)?),
            _ => return Err(format!("`{}` does not take these arguments", kind.line().name)),
        };
        let of = match &argument {
            None if kind == Kind::CountAll => None,
            Some(argument)
                if kind != Kind::CountAll && kind.takes(argument.data_type()).as_ref() == Some(argument.data_type()) =>
            {
                Some(argument.data_type())
            }
            _ => return Err(format!("`{}` does not take this argument", kind.line().name)),
        };
        let data_type = kind.result(of);
        Ok(Aggregate { kind, argument, parameter, data_type })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is `count(*)`.
    pub fn is_count_all(&self) -> bool {
        self.kind == Kind::CountAll
    }

    /// What it is over: evaluate it for a batch and hand its array to [`GroupedAccumulator::update`].
    pub fn argument(&self) -> Option<&Expr> {
        self.argument.as_ref()
    }

    /// The type of its results.
    pub fn data_type(&self) -> &Type {
        &self.data_type
    }

    /// The types of its states' arrays.
    pub fn state_types(&self) -> Vec<Type> {
        self.kind.states(self.argument_type())
    }

    /// No rows yet, no groups.
    pub fn accumulator(&self) -> Box<dyn GroupedAccumulator> {
        let of = self.argument_type().clone();
        match (self.kind, &of) {
            (Kind::CountAll, _) => Box::new(count::Count::new(false)),
            (Kind::Count, _) => Box::new(count::Count::new(true)),
            (Kind::Sum | Kind::Avg, Type::Float64) => Box::new(sum::Floats::new(self.kind == Kind::Avg)),
            (Kind::Sum | Kind::Avg, _) => Box::new(sum::Whole::new(of, self.kind == Kind::Avg)),
            (Kind::StdDev, _) => Box::new(deviation::Deviation::default()),
            (Kind::Min | Kind::Max, Type::Utf8) => Box::new(extreme::Texts::new(self.kind == Kind::Max)),
            (Kind::Min | Kind::Max, Type::Float64) => Box::new(extreme::Floats::new(self.kind == Kind::Max)),
            (Kind::Min | Kind::Max, _) => Box::new(extreme::Whole::new(of, self.kind == Kind::Max)),
            (Kind::First, _) => Box::new(ends::Ends::new(of, false)),
            (Kind::Last, _) => Box::new(ends::Ends::new(of, true)),
            (Kind::List, _) => Box::new(gather::Gather::new(of, gather::Purpose::List)),
            (Kind::TopK, _) => Box::new(gather::Gather::new(of, gather::Purpose::TopK(self.parameter.unwrap_or(1.0) as usize))),
            (Kind::Quantile, _) => Box::new(gather::Gather::new(of, gather::Purpose::Quantile(self.parameter.unwrap_or(0.5)))),
            (Kind::CountDistinct, _) => Box::new(distinct::Distinct::new(of, true)),
            (Kind::ListDistinct, _) => Box::new(distinct::Distinct::new(of, false)),
            (Kind::ApproxDistinct, _) => Box::new(sketch::Sketch::new(of)),
        }
    }

    fn argument_type(&self) -> &Type {
        self.argument.as_ref().map_or(&Type::Int64, Expr::data_type)
    }
}

impl AggregateExpr {
    /// Reads an expression over aggregates over the columns of `schema`.
    ///
    /// ```
    /// use arrow_array::{ArrayRef, Int64Array, cast::AsArray, types::Int64Type};
    /// use shared::expr::{AggregateExpr, Context, Schema, Type};
    /// let schema = Schema(vec![("x".into(), Type::Int64)]);
    /// let spread = AggregateExpr::parse("max(x) - min(x)", &schema)?;
    /// let x: ArrayRef = std::sync::Arc::new(Int64Array::from(vec![5, 1, 9, 2]));
    /// let results = spread.aggregates.iter().map(|aggregate| {
    ///     let mut accumulator = aggregate.accumulator();
    ///     let argument = aggregate.argument().expect("max and min have one");
    ///     let values = argument.evaluate(&[x.clone()], 4, Context::default()).expect("a column");
    ///     accumulator.update(&[0, 0, 1, 1], 2, &[values]).expect("Int64s");
    ///     accumulator.finish().expect("Int64s")
    /// });
    /// let spread = spread.finish(&results.collect::<Vec<_>>(), 2, Context::default()).expect("no overflow");
    /// assert_eq!(spread.as_primitive::<Int64Type>(), &Int64Array::from(vec![4, 7]));
    /// # Ok::<(), shared::expr::ExprError>(())
    /// ```
    pub fn parse(text: &str, schema: &Schema) -> Result<AggregateExpr, ExprError> {
        let (aggregates, result) = parse::parse_aggregates(text, schema)?;
        if aggregates.is_empty() {
            let message = format!("`{}` has no aggregate", text.trim());
            let hint = Some(format!("the aggregates are {}", crate::nearest::list(names())));
            return Err(ExprError { start: 0, end: text.len(), message, hint });
        }
        Ok(AggregateExpr { aggregates, result })
    }

    /// Whether it is nothing but `count(*)`.
    pub fn is_count_all(&self) -> bool {
        self.result.column().is_some() && self.aggregates.iter().all(Aggregate::is_count_all)
    }

    /// What evaluating it gives.
    pub fn data_type(&self) -> &Type {
        self.result.data_type()
    }

    /// Its value for each of `groups` groups from the results of its aggregates, in their order. An error's row is the group.
    pub fn finish(&self, results: &[ArrayRef], groups: usize, context: Context) -> Result<ArrayRef, RowError> {
        self.result.evaluate(results, groups, context)
    }
}

/// The names of the aggregates, each once.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<_> = LINES.iter().map(|line| line.name).collect();
    names.dedup();
    names.into_iter()
}

/// As it travels: a number as text, as in [`super::flat`].
#[derive(Clone, Serialize, Deserialize)]
struct Flat {
    kind: Kind,
    argument: Option<Expr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
}

impl From<Aggregate> for Flat {
    fn from(aggregate: Aggregate) -> Flat {
        let Aggregate { kind, argument, parameter, .. } = aggregate;
        Flat { kind, argument, parameter: parameter.map(|number| format!("{number:?}")) }
    }
}

/// A message that is no aggregate.
#[derive(Debug)]
struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<Flat> for Aggregate {
    type Error = Misfit;

    fn try_from(flat: Flat) -> Result<Aggregate, Misfit> {
        let parameter = match flat.parameter {
            None => None,
            Some(text) => {
                let number: f64 = text.parse().map_err(|_| Misfit(format!("`{text}` is no number")))?;
                Some(if flat.kind == Kind::TopK { Value::Int64(number as i64) } else { Value::Float64(number) })
            }
        };
        Aggregate::new(flat.kind, flat.argument, parameter.as_ref()).map_err(Misfit)
    }
}

/// Refuses states whose texts or elements are more than Arrow's offsets can count.
fn bounded(count: usize) -> Result<(), RowError> {
    match count <= i32::MAX as usize {
        true => Ok(()),
        false => Err(unfit(&format!("the states of an aggregate have {count} bytes or elements; the limit is {}", i32::MAX))),
    }
}

/// An error of states or arguments that are none.
fn unfit(message: &str) -> RowError {
    RowError { row: 0, start: 0, end: 0, message: message.to_owned() }
}

/// The arrays of a message, each of the type it must have.
fn check<'a>(arrays: &'a [ArrayRef], types: &[Type], rows: usize) -> Result<&'a [ArrayRef], RowError> {
    let same = |array: &ArrayRef, of: &Type| Type::of(array.data_type()).as_ref() == Some(of) && array.len() == rows;
    match arrays.len() == types.len() && arrays.iter().zip(types).all(|(array, of)| same(array, of)) {
        true => Ok(arrays),
        false => Err(unfit("the arrays are none of this aggregate: another number, type or length")),
    }
}

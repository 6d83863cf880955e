//! The table of aggregates: names, what they take and give, and what they mean.

use serde::{Deserialize, Serialize};

use crate::expr::{Type, Value};
use crate::limits::TOP_K_MAX;

/// Which aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    CountAll,
    Count,
    CountDistinct,
    Sum,
    Min,
    Max,
    Avg,
    StdDev,
    First,
    Last,
    List,
    ListDistinct,
    TopK,
    ApproxDistinct,
    Quantile,
}

/// Reads what an aggregate takes after its value, or says what is wrong with it.
type Check = fn(&Value) -> Result<f64, String>;

/// A line of the table.
pub struct Line {
    pub kind: Kind,
    pub name: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// The types that it takes, in words.
    pub takes: &'static str,
    /// The type that it gives, in words.
    pub gives: &'static str,
    /// What it gives, in a sentence or two.
    pub doc: &'static str,
    /// An expression over the rows of [`super::super::reference::sample`], and its value.
    pub example: (&'static str, &'static str),
}

const fn line(
    kind: Kind,
    name: &'static str,
    form: &'static str,
    [takes, gives]: [&'static str; 2],
    doc: &'static str,
    example: (&'static str, &'static str),
) -> Line {
    Line { kind, name, form, takes, gives, doc, example }
}

/// The table, in the order of [`Kind`].
pub static LINES: [Line; 15] = [
    line(Kind::CountAll, "count", "count(*)", ["rows", "Int64"], "The number of rows.", ("count(*)", "5")),
    line(
        Kind::Count,
        "count",
        "count(value)",
        ["any value", "Int64"],
        "The number of values that are not null.",
        ("count(x)", "4"),
    ),
    line(
        Kind::CountDistinct,
        "count",
        "count(distinct value)",
        ["any value but a list", "Int64"],
        "The number of different values that are not null, exactly: each is kept.",
        ("count(distinct x)", "3"),
    ),
    line(
        Kind::Sum,
        "sum",
        "sum(value)",
        ["Int64, Float64 or Interval", "the same type"],
        "The sum. An Int64 sum that does not fit is an error, however its parts were split; a Float64 sum adds in the order of the \
         rows within a task and of the tasks.",
        ("sum(x)", "12"),
    ),
    line(
        Kind::Min,
        "min",
        "min(value)",
        ["any value but a list", "the same type"],
        "The least value.",
        ("min(word)", "'mill'"),
    ),
    line(Kind::Max, "max", "max(value)", ["any value but a list", "the same type"], "The greatest value.", ("max(x)", "5")),
    line(
        Kind::Avg,
        "avg",
        "avg(value)",
        ["Int64, Float64 or Interval", "the same type"],
        "The mean. Of Int64s it is an Int64, rounded towards zero, as in Flink; `avg(x * 1.0)` has a fraction.",
        ("avg(x * 1.0)", "3.0"),
    ),
    line(
        Kind::StdDev,
        "stddev",
        "stddev(value)",
        ["Int64 or Float64", "Float64"],
        "The sample standard deviation; null for fewer than two values (Flink's STDDEV_SAMP).",
        ("stddev(x)", "1.632993161855452"),
    ),
    line(
        Kind::First,
        "first",
        "first(value)",
        ["any value", "the same type"],
        "The value of the first row, null or not (DuckDB).",
        ("first(word)", "'mill'"),
    ),
    line(
        Kind::Last,
        "last",
        "last(value)",
        ["any value", "the same type"],
        "The value of the last row, null or not (DuckDB).",
        ("last(word)", "'wheel'"),
    ),
    line(
        Kind::List,
        "list",
        "list(value)",
        ["any value", "List"],
        "The values in the order of the rows, nulls among them (DuckDB).",
        ("list(x)", "[1, 3, null, 3, 5]"),
    ),
    line(
        Kind::ListDistinct,
        "list_distinct",
        "list_distinct(value)",
        ["any value but a list", "List"],
        "The different values that are not null, in the order in which they first came; null if there are none.",
        ("list_distinct(x)", "[1, 3, 5]"),
    ),
    line(
        Kind::TopK,
        "top_k",
        "top_k(value, k)",
        ["any value but a list, and a literal k from 1 to 10,000", "List"],
        "The k greatest values, the greatest first; null if there are none.",
        ("top_k(x, 2)", "[5, 3]"),
    ),
    line(
        Kind::ApproxDistinct,
        "approx_distinct",
        "approx_distinct(value)",
        ["any value but a list", "Int64"],
        "About the number of different values that are not null: HyperLogLog with 4,096 registers, so the standard error is 1.6 %.",
        ("approx_distinct(x)", "3"),
    ),
    line(
        Kind::Quantile,
        "quantile",
        "quantile(value, q)",
        ["any value but a list, and a literal q from 0 to 1", "the same type"],
        "The least value that at least the share q of the values does not exceed (DuckDB's `quantile_disc`). It is exact, so all values are kept.",
        ("quantile(x, 0.5)", "3"),
    ),
];

impl Kind {
    pub const ALL: [Kind; 15] = [
        Kind::CountAll,
        Kind::Count,
        Kind::CountDistinct,
        Kind::Sum,
        Kind::Min,
        Kind::Max,
        Kind::Avg,
        Kind::StdDev,
        Kind::First,
        Kind::Last,
        Kind::List,
        Kind::ListDistinct,
        Kind::TopK,
        Kind::ApproxDistinct,
        Kind::Quantile,
    ];

    /// Its line of the table.
    pub fn line(self) -> &'static Line {
        &LINES[self as usize]
    }

    /// Which aggregate a call means: of `*`, or of distinct values.
    pub(in crate::expr) fn of_call(name: &str, all: bool, distinct: bool) -> Option<Kind> {
        match (name, all, distinct) {
            ("count", true, false) => Some(Kind::CountAll),
            ("count", false, true) => Some(Kind::CountDistinct),
            ("list", false, true) => Some(Kind::ListDistinct),
            (_, false, false) => Kind::ALL.into_iter().skip(1).find(|kind| kind.line().name == name),
            _ => None,
        }
    }

    /// The type to which an argument of this type is brought, if it takes one.
    pub(in crate::expr) fn takes(self, of: &Type) -> Option<Type> {
        let fits = match self {
            Kind::CountAll => false,
            Kind::Count | Kind::First | Kind::Last | Kind::List => true,
            Kind::Sum | Kind::Avg => matches!(of, Type::Int64 | Type::Float64 | Type::Interval),
            Kind::StdDev => return matches!(of, Type::Int64 | Type::Float64).then_some(Type::Float64),
            _ => !of.is_list(),
        };
        fits.then(|| of.clone())
    }

    /// The check of what it takes after its value, if it takes something there.
    pub(in crate::expr) fn parameter(self) -> Option<Check> {
        match self {
            Kind::TopK => Some(|value| match value {
                Value::Int64(k) if (1..=TOP_K_MAX as i64).contains(k) => Ok(*k as f64),
                other => Err(format!("the k of `top_k` is a whole number from 1 to {TOP_K_MAX}, not {other}")),
            }),
            Kind::Quantile => Some(|value| match value {
                Value::Float64(q) if (0.0..=1.0).contains(q) => Ok(*q),
                Value::Int64(q @ (0 | 1)) => Ok(*q as f64),
                other => Err(format!("the q of `quantile` is a number from 0 to 1, not {other}")),
            }),
            _ => None,
        }
    }

    pub(super) fn result(self, of: Option<&Type>) -> Type {
        let of = of.unwrap_or(&Type::Int64);
        match self {
            Kind::CountAll | Kind::Count | Kind::CountDistinct | Kind::ApproxDistinct => Type::Int64,
            Kind::StdDev => Type::Float64,
            Kind::List | Kind::ListDistinct | Kind::TopK => of.clone().list(),
            _ => of.clone(),
        }
    }

    pub(super) fn states(self, of: &Type) -> Vec<Type> {
        match self {
            Kind::CountAll | Kind::Count => vec![Type::Int64],
            Kind::Sum | Kind::Avg if *of == Type::Float64 => vec![Type::Float64, Type::Int64],
            Kind::Sum | Kind::Avg => vec![Type::Int64, Type::Int64, Type::Int64],
            Kind::StdDev => vec![Type::Int64, Type::Float64, Type::Float64],
            Kind::Min | Kind::Max => vec![of.clone()],
            Kind::First | Kind::Last => vec![of.clone(), Type::Boolean],
            Kind::CountDistinct | Kind::List | Kind::ListDistinct | Kind::TopK | Kind::Quantile => vec![of.clone().list()],
            Kind::ApproxDistinct => vec![Type::Int64.list()],
        }
    }
}

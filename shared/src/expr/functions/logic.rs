//! Three-valued logic and what chooses between values.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BooleanArray};

use super::Kind::{Boolean, Ordered, Same};
use super::call::{Call, Failure};
use super::compare::{Test, columns};
use super::{Case, Fixed, Function, Many, Run, Switch, line};
use crate::expr::lazy;

pub(super) static LOGIC: &[Function] = &[
    line(
        "and",
        Many(Boolean),
        Boolean,
        Run::Lazy(lazy::and),
        "False if one is false, else null if one is null, else true. What follows a false is not evaluated.",
        ("null and false", "false"),
    ),
    line(
        "or",
        Many(Boolean),
        Boolean,
        Run::Lazy(lazy::or),
        "True if one is true, else null if one is null, else false. What follows a true is not evaluated.",
        ("null or true", "true"),
    ),
    line("not", Fixed(&[Boolean]), Boolean, Run::Strict(not), "True for false, false for true.", ("not false", "true")),
    line(
        "is null",
        Fixed(&[Same]),
        Boolean,
        Run::Nullable(is_null),
        "Whether it is null; never null itself.",
        ("nullif(1, 1) is null", "true"),
    )
    .form("value is [not] null"),
    line(
        "case",
        Case,
        Same,
        Run::Lazy(lazy::case),
        "The value of the first condition that is true, else the last value, else null. Only that value is evaluated.",
        ("case when 2 > 1 then 'more' else 'less' end", "'more'"),
    )
    .form("case when Boolean then value … [else value] end"),
    line(
        "case of",
        Switch,
        Same,
        Run::Lazy(lazy::switch),
        "The value of the first that equals what follows `case`.",
        ("case 7 when 1 then 'one' when 7 then 'seven' end", "'seven'"),
    )
    .form("case value when value then value … [else value] end"),
    line(
        "coalesce",
        Many(Same),
        Same,
        Run::Lazy(lazy::coalesce),
        "The first argument that is not null, else null. What follows it is not evaluated.",
        ("coalesce(null, 7, 8)", "7"),
    ),
    line(
        "nullif",
        Fixed(&[Ordered, Ordered]),
        Ordered,
        Run::Nullable(nullif),
        "The first value, or null if it equals the second.",
        ("nullif('n/a', 'n/a')", "null"),
    ),
    line(
        "try",
        Fixed(&[Same]),
        Same,
        Run::Lazy(lazy::attempt),
        "The value, or null where evaluating it, or anything within it, fails.",
        ("try(1 / 0)", "null"),
    ),
];

fn not(call: &Call<'_>) -> Result<ArrayRef, Failure> {
    let values = call.arguments()[0].array.as_boolean();
    Ok(Arc::new(BooleanArray::new(!values.values(), call.nulls.clone())))
}

fn is_null(call: &Call<'_>) -> Result<ArrayRef, Failure> {
    Ok(Arc::new(BooleanArray::new(!&call.arguments()[0].known(call.count), None)))
}

fn nullif(call: &Call<'_>) -> Result<ArrayRef, Failure> {
    let [value, other] = call.arguments() else { unreachable!("nullif has two arguments") };
    let equal = columns(value, other, call.count, Test::Equal);
    let equal = BooleanArray::new(equal.truth(call.count), None);
    let value = value.clone().expand(call.result, call.count)?;
    Ok(arrow_select::nullif::nullif(&value, &equal).expect("both have the rows of the batch"))
}

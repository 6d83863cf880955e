//! `+ - * / %` and the sign. What does not fit its type is an error, so a result is always a number.
//!
//! The loops compute every row without a branch and note whether any went wrong; only then is it looked for, among the rows that count.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};

use super::Kind::{Float64, Int64, Interval, Timestamp};
use super::call::{Call, Failure, Values};
use super::{Fixed, Function, Run, line};
use crate::expr::{Type, Value};

pub(super) static ARITHMETIC: &[Function] = &[
    line("+", Fixed(&[Int64, Int64]), Int64, Run::Strict(add), "The sum; an error if it does not fit.", ("7 + 2", "9")),
    line("+", Fixed(&[Float64, Float64]), Float64, Run::Strict(add_floats), "The sum.", ("7 + 0.5", "7.5")),
    line(
        "+",
        Fixed(&[Timestamp, Interval]),
        Timestamp,
        Run::Strict(add),
        "The moment so much later.",
        ("timestamp '2024-02-28 23:00:00' + interval '90' minute", "timestamp '2024-02-29 00:30:00'"),
    ),
    line(
        "+",
        Fixed(&[Interval, Timestamp]),
        Timestamp,
        Run::Strict(add),
        "The moment so much later.",
        ("interval '1' day + timestamp '2024-01-01'", "timestamp '2024-01-02 00:00:00'"),
    ),
    line(
        "+",
        Fixed(&[Interval, Interval]),
        Interval,
        Run::Strict(add),
        "The sum of two spans.",
        ("interval '1' minute + interval '5' second", "interval '65' second"),
    ),
    line("-", Fixed(&[Int64, Int64]), Int64, Run::Strict(subtract), "The difference.", ("7 - 9", "-2")),
    line("-", Fixed(&[Float64, Float64]), Float64, Run::Strict(subtract_floats), "The difference.", ("7.5 - 1", "6.5")),
    line(
        "-",
        Fixed(&[Timestamp, Interval]),
        Timestamp,
        Run::Strict(subtract),
        "The moment so much earlier.",
        ("timestamp '2024-03-01' - interval '1' day", "timestamp '2024-02-29 00:00:00'"),
    ),
    line(
        "-",
        Fixed(&[Timestamp, Timestamp]),
        Interval,
        Run::Strict(subtract),
        "The span from the second moment to the first.",
        ("timestamp '2024-01-01 00:01:00' - timestamp '2024-01-01'", "interval '60' second"),
    ),
    line(
        "-",
        Fixed(&[Interval, Interval]),
        Interval,
        Run::Strict(subtract),
        "The difference of two spans.",
        ("interval '1' minute - interval '5' second", "interval '55' second"),
    ),
    line("-", Fixed(&[Int64]), Int64, Run::Strict(negate), "The number with its sign changed.", ("- (3 + 4)", "-7")),
    line("-", Fixed(&[Float64]), Float64, Run::Strict(negate_floats), "The number with its sign changed.", ("- (0.5)", "-0.5")),
    line(
        "-",
        Fixed(&[Interval]),
        Interval,
        Run::Strict(negate),
        "The span backwards.",
        ("- interval '1' second", "interval '-1' second"),
    ),
    line("*", Fixed(&[Int64, Int64]), Int64, Run::Strict(multiply), "The product.", ("7 * 6", "42")),
    line("*", Fixed(&[Float64, Float64]), Float64, Run::Strict(multiply_floats), "The product.", ("0.5 * 3", "1.5")),
    line(
        "*",
        Fixed(&[Interval, Int64]),
        Interval,
        Run::Strict(multiply),
        "So many times the span.",
        ("interval '20' second * 3", "interval '60' second"),
    ),
    line(
        "/",
        Fixed(&[Int64, Int64]),
        Int64,
        Run::Strict(divide),
        "The quotient, rounded towards zero; by zero it is an error.",
        ("-7 / 2", "-3"),
    ),
    line(
        "/",
        Fixed(&[Interval, Int64]),
        Interval,
        Run::Strict(divide),
        "That part of the span, rounded towards zero.",
        ("interval '1' minute / 4", "interval '15' second"),
    ),
    line(
        "/",
        Fixed(&[Float64, Float64]),
        Float64,
        Run::Strict(divide_floats),
        "The quotient; by zero an error.",
        ("7.0 / 2", "3.5"),
    ),
    line(
        "%",
        Fixed(&[Int64, Int64]),
        Int64,
        Run::Strict(remainder),
        "What a division leaves, with the dividend's sign.",
        ("-7 % 4", "-3"),
    ),
    line(
        "%",
        Fixed(&[Float64, Float64]),
        Float64,
        Run::Strict(remainder_floats),
        "What a division leaves, with the dividend's sign.",
        ("7.5 % 2", "1.5"),
    ),
];

type Done = Result<ArrayRef, Failure>;

// In the three below a negative second value says that the first has overflowed.

fn add(call: &Call<'_>) -> Done {
    let sum = |a: i64, b: i64| {
        let sum = a.wrapping_add(b);
        (sum, (a ^ sum) & (b ^ sum))
    };
    whole(call, sum, |a, b| misfit(call, '+', a, b))
}

fn subtract(call: &Call<'_>) -> Done {
    let difference = |a: i64, b: i64| {
        let difference = a.wrapping_sub(b);
        (difference, (a ^ b) & (a ^ difference))
    };
    whole(call, difference, |a, b| misfit(call, '-', a, b))
}

fn multiply(call: &Call<'_>) -> Done {
    let product = |a: i64, b: i64| {
        let (product, over) = a.overflowing_mul(b);
        (product, -i64::from(over))
    };
    whole(call, product, |a, b| misfit(call, '*', a, b))
}

fn divide(call: &Call<'_>) -> Done {
    let quotient = |a: i64, b: i64| a.checked_div(b).map_or((0, -1), |quotient| (quotient, 0));
    whole(call, quotient, |a, b| if b == 0 { by_zero(call, '/', a, b) } else { misfit(call, '/', a, b) })
}

fn remainder(call: &Call<'_>) -> Done {
    // The remainder of the least integer by -1 is 0; only the quotient overflows.
    let remainder = |a: i64, b: i64| if b == 0 { (0, -1) } else { (a.wrapping_rem(b), 0) };
    whole(call, remainder, |a, b| by_zero(call, '%', a, b))
}

fn negate(call: &Call<'_>) -> Done {
    let values = call.whole(0);
    let mut bad = 0i64;
    let negated = values.values.iter().map(|value| {
        bad |= value & value.wrapping_neg();
        value.wrapping_neg()
    });
    let negated: Vec<i64> = negated.collect();
    if bad < 0 {
        for row in (0..call.count).filter(|row| call.live(*row) && values.at(*row) == i64::MIN) {
            call.fail(row, || format!("- {} does not fit an {}", i64::MIN, call.result))?;
        }
    }
    Ok(call.result.whole(negated, call.nulls.clone()))
}

fn add_floats(call: &Call<'_>) -> Done {
    floats(call, '+', |a, b| a + b)
}

fn subtract_floats(call: &Call<'_>) -> Done {
    floats(call, '-', |a, b| a - b)
}

fn multiply_floats(call: &Call<'_>) -> Done {
    floats(call, '*', |a, b| a * b)
}

/// A division by zero is not finite, so it is found with what does not fit.
fn divide_floats(call: &Call<'_>) -> Done {
    floats(call, '/', |a, b| a / b)
}

fn remainder_floats(call: &Call<'_>) -> Done {
    floats(call, '%', |a, b| a % b)
}

fn negate_floats(call: &Call<'_>) -> Done {
    let negated: Vec<f64> = call.floats(0).values.iter().map(|value| -value).collect();
    Ok(Arc::new(Float64Array::new(negated.into(), call.nulls.clone())))
}

fn whole(call: &Call<'_>, run: impl Fn(i64, i64) -> (i64, i64) + Copy, sentence: impl Fn(i64, i64) -> String + Copy) -> Done {
    let (a, b) = (call.whole(0), call.whole(1));
    let mut bad = 0i64;
    let one = |a: i64, b: i64| {
        let (result, over) = run(a, b);
        bad |= over;
        result
    };
    let values = zip(call.count, a, b, one);
    if bad < 0 {
        for row in (0..call.count).filter(|row| call.live(*row)) {
            let (a, b) = (a.at(row), b.at(row));
            if run(a, b).1 < 0 {
                call.fail(row, || sentence(a, b))?;
            }
        }
    }
    Ok(call.result.whole(values, call.nulls.clone()))
}

fn floats(call: &Call<'_>, name: char, run: impl Fn(f64, f64) -> f64 + Copy) -> Done {
    let (a, b) = (call.floats(0), call.floats(1));
    // What is infinite or no number has all bits of its exponent set.
    const EXPONENT: u64 = 0x7FF << 52;
    let mut bad = 0;
    let one = |a: f64, b: f64| {
        let result = run(a, b);
        bad |= u64::from(result.to_bits() & EXPONENT == EXPONENT);
        result
    };
    let values = zip(call.count, a, b, one);
    if bad != 0 {
        for row in (0..call.count).filter(|row| call.live(*row)) {
            let (a, b) = (a.at(row), b.at(row));
            if !run(a, b).is_finite() {
                call.fail(row, || match (name, b) {
                    ('/' | '%', 0.0) => format!("{a:?} {name} {b:?}: a division by zero"),
                    _ => format!("{a:?} {name} {b:?} does not fit a Float64"),
                })?;
            }
        }
    }
    Ok(Arc::new(Float64Array::new(values.into(), call.nulls.clone())))
}

/// Each of the three has a loop of its own, so that a constant stays in a register.
fn zip<T: Copy>(count: usize, a: Values<'_, T>, b: Values<'_, T>, mut run: impl FnMut(T, T) -> T) -> Vec<T> {
    match (a.constant(), b.constant()) {
        (None, None) => a.values.iter().zip(b.values).map(|(a, b)| run(*a, *b)).collect(),
        (None, Some(b)) => a.values.iter().map(|a| run(*a, b)).collect(),
        (Some(a), None) => b.values.iter().map(|b| run(a, *b)).collect(),
        (Some(a), Some(b)) => vec![run(a, b); count],
    }
}

/// A number as its type writes it.
fn shown(of: &Type, number: i64) -> String {
    match of {
        Type::Timestamp => Value::Timestamp(number).to_string(),
        Type::Interval => Value::Interval(number).to_string(),
        _ => number.to_string(),
    }
}

fn operands(call: &Call<'_>, a: i64, b: i64) -> (String, String) {
    let of = |index: usize| Type::of(call.arguments()[index].array.data_type()).unwrap_or(Type::Int64);
    (shown(&of(0), a), shown(&of(1), b))
}

fn misfit(call: &Call<'_>, name: char, a: i64, b: i64) -> String {
    let (a, b) = operands(call, a, b);
    let article = if *call.result == Type::Timestamp { "a" } else { "an" };
    format!("{a} {name} {b} does not fit {article} {}", call.result)
}

fn by_zero(call: &Call<'_>, name: char, a: i64, b: i64) -> String {
    let (a, b) = operands(call, a, b);
    format!("{a} {name} {b}: a division by zero")
}

//! Arithmetic and comparison. What does not fit its type is an error, so a result is always a number.

pub(super) use std::cmp::Ordering as Order;

use super::functions::mistyped;
use super::{EvalError, Value};

pub(super) fn to_float64(values: &[Value]) -> Result<Value, EvalError> {
    match values {
        [Value::Int64(a)] => Ok(Value::Float64(*a as f64)),
        _ => Err(mistyped("to_float64", values)),
    }
}

pub(super) fn add(values: &[Value]) -> Result<Value, EvalError> {
    binary("+", values, i64::checked_add, |a, b| a + b)
}

pub(super) fn subtract(values: &[Value]) -> Result<Value, EvalError> {
    binary("-", values, i64::checked_sub, |a, b| a - b)
}

pub(super) fn multiply(values: &[Value]) -> Result<Value, EvalError> {
    binary("*", values, i64::checked_mul, |a, b| a * b)
}

pub(super) fn divide(values: &[Value]) -> Result<Value, EvalError> {
    not_by_zero("/", values)?;
    binary("/", values, i64::checked_div, |a, b| a / b)
}

pub(super) fn remainder(values: &[Value]) -> Result<Value, EvalError> {
    not_by_zero("%", values)?;
    // The remainder of the least integer by -1 is 0; only the quotient overflows.
    binary("%", values, |a, b| Some(a.wrapping_rem(b)), |a, b| a % b)
}

pub(super) fn negate(values: &[Value]) -> Result<Value, EvalError> {
    match values {
        [Value::Int64(a)] => a.checked_neg().map(Value::Int64).ok_or_else(|| EvalError(format!("- {a} does not fit an Int64"))),
        [Value::Float64(a)] => Ok(Value::Float64(-a)),
        _ => Err(mistyped("-", values)),
    }
}

fn binary(
    name: &str,
    values: &[Value],
    whole: fn(i64, i64) -> Option<i64>,
    real: fn(f64, f64) -> f64,
) -> Result<Value, EvalError> {
    match values {
        [Value::Int64(a), Value::Int64(b)] => {
            whole(*a, *b).map(Value::Int64).ok_or_else(|| EvalError(format!("{a} {name} {b} does not fit an Int64")))
        }
        [Value::Float64(a), Value::Float64(b)] => match real(*a, *b) {
            result if result.is_finite() => Ok(Value::Float64(result)),
            _ => Err(EvalError(format!("{a:?} {name} {b:?} does not fit a Float64"))),
        },
        _ => Err(mistyped(name, values)),
    }
}

fn not_by_zero(name: &str, values: &[Value]) -> Result<(), EvalError> {
    match values {
        [a, Value::Int64(0)] => Err(EvalError(format!("{} {name} 0: a division by zero", Shown(a)))),
        [a, Value::Float64(0.0)] => Err(EvalError(format!("{} {name} 0.0: a division by zero", Shown(a)))),
        _ => Ok(()),
    }
}

/// Compares two values of one type: false before true, numbers by size, texts by their bytes.
pub(super) fn compare(values: &[Value], holds: fn(Order) -> bool) -> Result<Value, EvalError> {
    let order = match values {
        [Value::Boolean(a), Value::Boolean(b)] => a.cmp(b),
        [Value::Int64(a), Value::Int64(b)] => a.cmp(b),
        // Arithmetic gives no NaN; one that a row brings in compares by IEEE 754's total order.
        [Value::Float64(a), Value::Float64(b)] => a.partial_cmp(b).unwrap_or_else(|| a.total_cmp(b)),
        [Value::Utf8(a), Value::Utf8(b)] => a.cmp(b),
        _ => return Err(mistyped("comparison", values)),
    };
    Ok(Value::Boolean(holds(order)))
}

struct Shown<'a>(&'a Value);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Value::Int64(a) => write!(f, "{a}"),
            Value::Float64(a) => write!(f, "{a:?}"),
            other => write!(f, "{other:?}"),
        }
    }
}

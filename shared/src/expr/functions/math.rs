//! Functions over numbers. The transcendental ones are `libm`'s on every platform, so that the last place is the same natively and
//! in wasm; `sqrt` is exact by IEEE 754.

use arrow_array::ArrayRef;

use super::Kind::{Float64, Int64, Ordered};
use super::call::{Call, Failure};
use super::compare::order;
use super::{Fixed, Function, Many, Run, line};
use crate::expr::eval::{Column, choose};

pub(super) static MATH: &[Function] = &[
    line("abs", Fixed(&[Int64]), Int64, Run::Strict(abs), "The number without its sign.", ("abs(-7)", "7")),
    line(
        "abs",
        Fixed(&[Float64]),
        Float64,
        Run::Strict(|call| float(call, |x| Some(x.abs()), "abs")),
        "The number without its sign.",
        ("abs(-0.5)", "0.5"),
    ),
    line("round", Fixed(&[Int64]), Int64, Run::Strict(same), "The number itself.", ("round(7)", "7")),
    line(
        "round",
        Fixed(&[Float64]),
        Float64,
        Run::Strict(|call| float(call, |x| Some(x.round()), "round")),
        "The nearest whole number; halves away from zero.",
        ("round(-2.5)", "-3.0"),
    ),
    line(
        "round",
        Fixed(&[Int64, Int64]),
        Int64,
        Run::Strict(round_whole),
        "With n negative, the nearest multiple of ten to the power of -n; else the number itself.",
        ("round(1250, -2)", "1300"),
    ),
    line(
        "round",
        Fixed(&[Float64, Int64]),
        Float64,
        Run::Strict(round_to),
        "Rounded to n digits after the point, or before it if n is negative; halves of the number's shortest decimal form away from zero.",
        ("round(1.005, 2)", "1.01"),
    ),
    line("floor", Fixed(&[Int64]), Int64, Run::Strict(same), "The number itself.", ("floor(7)", "7")),
    line(
        "floor",
        Fixed(&[Float64]),
        Float64,
        Run::Strict(|call| float(call, |x| Some(x.floor()), "floor")),
        "The greatest whole number that is not greater.",
        ("floor(-2.5)", "-3.0"),
    ),
    line("ceil", Fixed(&[Int64]), Int64, Run::Strict(same), "The number itself.", ("ceil(7)", "7")),
    line(
        "ceil",
        Fixed(&[Float64]),
        Float64,
        Run::Strict(|call| float(call, |x| Some(x.ceil()), "ceil")),
        "The least whole number that is not less.",
        ("ceil(2.1)", "3.0"),
    ),
    line(
        "sqrt",
        Fixed(&[Float64]),
        Float64,
        Run::Strict(|call| float(call, |x| (x >= 0.0).then(|| x.sqrt()), "sqrt")),
        "The square root; an error for a negative number.",
        ("sqrt(16)", "4.0"),
    ),
    line(
        "ln",
        Fixed(&[Float64]),
        Float64,
        Run::Strict(|call| float(call, |x| (x > 0.0).then(|| libm::log(x)), "ln")),
        "The natural logarithm; an error unless the number is positive.",
        ("ln(1)", "0.0"),
    ),
    line(
        "log10",
        Fixed(&[Float64]),
        Float64,
        Run::Strict(|call| float(call, |x| (x > 0.0).then(|| libm::log10(x)), "log10")),
        "The logarithm to base 10; an error unless the number is positive.",
        ("log10(1000)", "3.0"),
    ),
    line(
        "exp",
        Fixed(&[Float64]),
        Float64,
        Run::Strict(|call| float(call, |x| Some(libm::exp(x)), "exp")),
        "e to the power of the number.",
        ("exp(0)", "1.0"),
    ),
    line(
        "power",
        Fixed(&[Float64, Float64]),
        Float64,
        Run::Strict(power),
        "The first number to the power of the second; an error where that is no number.",
        ("power(2, 10)", "1024.0"),
    ),
    line(
        "greatest",
        Many(Ordered),
        Ordered,
        Run::Strict(|call| best(call, true)),
        "The greatest of the values; null if one is null, as in Flink.",
        ("greatest(1, 7, 3)", "7"),
    ),
    line(
        "least",
        Many(Ordered),
        Ordered,
        Run::Strict(|call| best(call, false)),
        "The least of the values; null if one is null, as in Flink.",
        ("least('b', 'a')", "'a'"),
    ),
];

type Done = Result<ArrayRef, Failure>;

fn same(call: &Call<'_>) -> Done {
    Ok(call.arguments()[0].array.clone())
}

fn abs(call: &Call<'_>) -> Done {
    let values = call.whole(0);
    call.write_whole(|row| {
        let value = values.at(row);
        value.checked_abs().map(Some).ok_or_else(|| format!("abs({value}) does not fit an Int64"))
    })
}

/// One number to one number; `None` and what is not finite is an error.
fn float(call: &Call<'_>, run: impl Fn(f64) -> Option<f64>, name: &str) -> Done {
    let values = call.floats(0);
    call.write_floats(|row| {
        let value = values.at(row);
        match run(value) {
            Some(result) if result.is_finite() => Ok(Some(result)),
            Some(_) => Err(format!("{name}({value:?}) does not fit a Float64")),
            None => Err(format!("{name}({value:?}) is no number")),
        }
    })
}

fn power(call: &Call<'_>) -> Done {
    let (bases, exponents) = (call.floats(0), call.floats(1));
    call.write_floats(|row| {
        let (base, exponent) = (bases.at(row), exponents.at(row));
        match libm::pow(base, exponent) {
            result if result.is_finite() => Ok(Some(result)),
            result if result.is_nan() => Err(format!("power({base:?}, {exponent:?}) is no number")),
            _ => Err(format!("power({base:?}, {exponent:?}) does not fit a Float64")),
        }
    })
}

fn round_whole(call: &Call<'_>) -> Done {
    let (values, digits) = (call.whole(0), call.whole(1));
    call.write_whole(|row| {
        let (value, digits) = (values.at(row), digits.at(row));
        if digits >= 0 {
            return Ok(Some(value));
        }
        // Ten to the power of 20 is more than twice any Int64.
        let unit = 10i128.pow(digits.unsigned_abs().min(20) as u32);
        let size = (i128::from(value).abs() + unit / 2) / unit * unit;
        let rounded = if value < 0 { -size } else { size };
        i64::try_from(rounded).map(Some).map_err(|_| format!("round({value}, {digits}) does not fit an Int64"))
    })
}

fn round_to(call: &Call<'_>) -> Done {
    let (values, digits) = (call.floats(0), call.whole(1));
    call.write_floats(|row| {
        let (value, digits) = (values.at(row), digits.at(row));
        match round_decimal(value, digits) {
            rounded if rounded.is_finite() => Ok(Some(rounded)),
            _ => Err(format!("round({value:?}, {digits}) does not fit a Float64")),
        }
    })
}

/// Powers of ten, all exact.
const UNITS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Below this a product is wrong by less than a tenth of [`TIE`].
const SCALED_MAX: f64 = 1e11;
const TIE: f64 = 1e-3;

/// Rounds the shortest decimal form of a number, which is what a reader sees of it: 1.005 becomes 1.01.
fn round_decimal(value: f64, digits: i64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    // Away from a tie the product tells which way to go, and the quotient of two numbers that are exact is the nearest there is.
    if let Some(unit) = usize::try_from(digits).ok().and_then(|digits| UNITS.get(digits)) {
        let scaled = value.abs() * unit;
        if scaled < SCALED_MAX && (scaled.fract() - 0.5).abs() > TIE {
            return (scaled.round() / unit).copysign(value);
        }
    }
    let shortest = format!("{:e}", value.abs());
    let Some((mantissa, exponent)) = shortest.split_once('e') else { return value };
    let Ok(exponent) = exponent.parse::<i64>() else { return value };
    let figures: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
    // The first figure stands for ten to the power of `exponent`; so many are kept.
    let kept = exponent.saturating_add(1).saturating_add(digits);
    if kept >= figures.len() as i64 {
        return value;
    }
    if kept < 0 {
        return 0.0_f64.copysign(value);
    }
    // At most 17 figures.
    let kept = kept as usize;
    let number = figures[..kept].iter().fold(0u64, |number, figure| number * 10 + u64::from(*figure));
    let number = number + u64::from(figures[kept] >= 5);
    let rounded: f64 = format!("{number}e{}", -digits).parse().unwrap_or(value.abs());
    rounded.copysign(value)
}

fn best(call: &Call<'_>, greatest: bool) -> Done {
    let columns = call.arguments();
    let place = |column: &Column, row: usize| if column.constant { 0 } else { row };
    let choice: Vec<u32> = (0..call.count)
        .map(|row| {
            (1..columns.len() as u32).fold(0, |best, next| {
                let (a, b) = (&columns[next as usize], &columns[best as usize]);
                let order = order(&a.array, place(a, row), &b.array, place(b, row));
                if if greatest { order.is_gt() } else { order.is_lt() } { next } else { best }
            })
        })
        .collect();
    let chosen = choose(call.result, columns, &choice)?.array;
    match &call.nulls {
        None => Ok(chosen),
        Some(nulls) => {
            let nulls = arrow_array::BooleanArray::new(!nulls.inner(), None);
            Ok(arrow_select::nullif::nullif(&chosen, &nulls).expect("both have the rows of the batch"))
        }
    }
}

//! Texts on their way to a column: as numbers if its type is one, else as they are.
//!
//! A number is read as `str::parse` has it. Most are short and plain, and of these the digits say the value without more ado.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use serde_json::Number;

use super::records::excerpt;
use crate::batch::Column;
use crate::expr::Type;

/// See the module.
pub(super) enum Builder {
    Int64(Int64Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
}

impl Builder {
    /// For a column whose values come as texts; a type that is no number has texts here.
    pub fn of(data_type: &Type) -> Builder {
        match data_type {
            Type::Int64 => Builder::Int64(Int64Builder::new()),
            Type::Float64 => Builder::Float64(Float64Builder::new()),
            _ => Builder::Text(StringBuilder::new()),
        }
    }

    /// One more value; `None` is null. An error is a sentence about the column.
    #[inline]
    pub fn push(&mut self, column: &Column, text: Option<&str>) -> Result<(), String> {
        let fits = match (&mut *self, text) {
            (Builder::Int64(array), Some(text)) => whole(text).map(|value| array.append_value(value)).is_some(),
            (Builder::Float64(array), Some(text)) => float(text).map(|value| array.append_value(value)).is_some(),
            (Builder::Text(array), Some(text)) => {
                array.append_value(text);
                true
            }
            (_, None) => {
                self.push_null();
                true
            }
        };
        if fits { Ok(()) } else { Err(unfit(column, text.unwrap_or_default())) }
    }

    /// One more value that is a number already, if its column is of such numbers; `false`: it has to come as text.
    pub fn push_number(&mut self, number: &Number) -> bool {
        let taken = match self {
            Builder::Int64(array) => number.as_i64().map(|value| array.append_value(value)),
            Builder::Float64(array) => number.as_f64().map(|value| array.append_value(value)),
            Builder::Text(_) => None,
        };
        taken.is_some()
    }

    fn push_null(&mut self) {
        match self {
            Builder::Int64(array) => array.append_null(),
            Builder::Float64(array) => array.append_null(),
            Builder::Text(array) => array.append_null(),
        }
    }

    pub fn finish(self) -> ArrayRef {
        match self {
            Builder::Int64(mut array) => Arc::new(array.finish()),
            Builder::Float64(mut array) => Arc::new(array.finish()),
            Builder::Text(mut array) => Arc::new(array.finish()),
        }
    }
}

/// Says that a value is none of its column.
fn unfit(column: &Column, text: &str) -> String {
    format!("`{}` is `{}`, which is no {}", column.name, excerpt(text), column.data_type)
}

/// A text as a whole number.
#[inline]
fn whole(text: &str) -> Option<i64> {
    /// So many digits fit whatever they are.
    const DIGITS: usize = 18;
    let (is_negative, digits) = signed(text);
    if !(1..=DIGITS).contains(&digits.len()) {
        return text.trim().parse().ok();
    }
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return text.trim().parse().ok();
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if is_negative { -value } else { value })
}

/// A text as a float.
///
/// Digits that make a whole number below 2^53, divided by a power of ten that a float holds exactly, are rounded once, by the
/// division: to the float that is nearest to what is written, as `str::parse` has it (Clinger 1990).
#[inline]
fn float(text: &str) -> Option<f64> {
    /// So many digits make a number below 2^53.
    const DIGITS: usize = 15;
    const TENS: [f64; DIGITS + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let slowly = || text.trim().parse().ok();
    let (is_negative, rest) = signed(text);
    let (mut value, mut digits, mut point) = (0_u64, 0, None);
    if rest.len() > DIGITS + 1 {
        return slowly();
    }
    for (index, byte) in rest.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
            digits += 1;
        } else if *byte == b'.' && point.is_none() && index > 0 {
            point = Some(index);
        } else {
            return slowly();
        }
    }
    let behind_point = point.map_or(0, |point| rest.len() - 1 - point);
    if digits == 0 || digits > DIGITS {
        return slowly();
    }
    let value = value as f64 / TENS[behind_point];
    Some(if is_negative { -value } else { value })
}

/// Whether a number is below zero, and its other characters.
#[inline]
fn signed(text: &str) -> (bool, &[u8]) {
    match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        bytes => (false, bytes),
    }
}

//! The slow reader: what an expression means, one row and one node at a time, written without a look at the kernels.

use std::cmp::Ordering;

use shared::expr::Value;

use super::draw::Tree;

type Done = Result<Value, String>;

/// The value of a row, or why there is none.
pub fn value(tree: &Tree, row: &[Value]) -> Done {
    let (name, arguments) = match tree {
        Tree::Column(index) => return Ok(row[*index].clone()),
        Tree::Literal(value) => return Ok(value.clone()),
        Tree::Call(name, arguments) => (*name, arguments),
    };
    let of = |index: usize| value(&arguments[index], row);
    match name {
        "and" | "or" => {
            let deciding = Value::Boolean(name == "or");
            let mut result = Value::Boolean(name == "and");
            for index in 0..arguments.len() {
                match of(index)? {
                    decided if decided == deciding => return Ok(decided),
                    Value::Null => result = Value::Null,
                    _ => {}
                }
            }
            Ok(result)
        }
        "in" => {
            let x = of(0)?;
            let mut result = Value::Boolean(false);
            for index in 1..arguments.len() {
                match equal(&x, &of(index)?) {
                    Some(true) => return Ok(Value::Boolean(true)),
                    None => result = Value::Null,
                    Some(false) => {}
                }
            }
            Ok(result)
        }
        "between" => {
            let x = of(0)?;
            let above = order(&x, &of(1)?).map(Ordering::is_ge);
            if above == Some(false) {
                return Ok(Value::Boolean(false));
            }
            let below = order(&x, &of(2)?).map(Ordering::is_le);
            Ok(match (above, below) {
                (_, Some(false)) => Value::Boolean(false),
                (Some(true), Some(true)) => Value::Boolean(true),
                _ => Value::Null,
            })
        }
        "case" => {
            if of(0)? == Value::Boolean(true) {
                of(1)
            } else {
                of(2)
            }
        }
        "switch" => {
            if equal(&of(0)?, &of(2)?) == Some(true) {
                of(1)
            } else {
                of(3)
            }
        }
        "coalesce" => match of(0)? {
            Value::Null => of(1),
            known => Ok(known),
        },
        "try" => Ok(of(0).unwrap_or(Value::Null)),
        "is null" => Ok(Value::Boolean(matches!(of(0)?, Value::Null))),
        "is distinct from" => {
            let (a, b) = (of(0)?, of(1)?);
            Ok(Value::Boolean(match (&a, &b) {
                (Value::Null, Value::Null) => false,
                (Value::Null, _) | (_, Value::Null) => true,
                _ => equal(&a, &b) == Some(false),
            }))
        }
        "nullif" => {
            let (a, b) = (of(0)?, of(1)?);
            Ok(if equal(&a, &b) == Some(true) { Value::Null } else { a })
        }
        "array" => (0..arguments.len()).map(of).collect::<Result<Vec<_>, _>>().map(Value::List),
        "array_contains" => {
            let (list, wanted) = (of(0)?, of(1)?);
            Ok(match list {
                Value::List(parts) => Value::Boolean(parts.contains(&wanted)),
                _ => Value::Null,
            })
        }
        _ => {
            let values = (0..arguments.len()).map(of).collect::<Result<Vec<_>, _>>()?;
            if values.iter().any(|value| matches!(value, Value::Null)) {
                return Ok(Value::Null);
            }
            strict(name, &values)
        }
    }
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    Some(match (a, b) {
        (Value::Null, _) | (_, Value::Null) => return None,
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::Int64(a), Value::Int64(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::Float64(a), Value::Float64(b)) => match (a.is_nan(), b.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => a.partial_cmp(b).unwrap(),
        },
        (Value::Utf8(a), Value::Utf8(b)) => a.as_bytes().cmp(b.as_bytes()),
        _ => panic!("{a:?} and {b:?} have no order"),
    })
}

fn equal(a: &Value, b: &Value) -> Option<bool> {
    order(a, b).map(Ordering::is_eq)
}

fn strict(name: &str, values: &[Value]) -> Done {
    let test = |holds: fn(Ordering) -> bool| Ok(Value::Boolean(holds(order(&values[0], &values[1]).unwrap())));
    match name {
        "=" => return test(Ordering::is_eq),
        "<>" => return test(Ordering::is_ne),
        "<" => return test(Ordering::is_lt),
        "<=" => return test(Ordering::is_le),
        ">" => return test(Ordering::is_gt),
        ">=" => return test(Ordering::is_ge),
        "greatest" => {
            let second = order(&values[1], &values[0]).unwrap().is_gt();
            return Ok(values[usize::from(second)].clone());
        }
        _ => {}
    }
    match values {
        [Value::Boolean(a)] => boolean(name, *a),
        [Value::Int64(a)] => whole(name, i128::from(*a), 0),
        [Value::Int64(a), Value::Int64(b)] => whole(name, i128::from(*a), i128::from(*b)),
        [Value::Float64(a)] => float(name, *a, 0.0),
        [Value::Float64(a), Value::Float64(b)] => float(name, *a, *b),
        [Value::Timestamp(a)] => moment(name, *a),
        [Value::Timestamp(a), Value::Interval(b)] => a.checked_add(*b).map(Value::Timestamp).ok_or("over".to_owned()),
        [Value::Utf8(text), rest @ ..] => text_of(name, &text.chars().collect::<Vec<_>>(), rest),
        [Value::List(parts), rest @ ..] => list(name, parts, rest),
        _ => panic!("{name} {values:?}"),
    }
}

fn boolean(name: &str, a: bool) -> Done {
    Ok(match name {
        "not" => Value::Boolean(!a),
        "show" => Value::Utf8(if a { "true" } else { "false" }.into()),
        _ => panic!("{name}"),
    })
}

fn whole(name: &str, a: i128, b: i128) -> Done {
    let result = match name {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" | "%" if b == 0 => return Err("by zero".to_owned()),
        "/" => a / b,
        "%" => a % b,
        "neg" => -a,
        "abs" => a.abs(),
        "float" => return Ok(Value::Float64(a as f64)),
        "show" => return Ok(Value::Utf8(a.to_string().into())),
        _ => panic!("{name}"),
    };
    i64::try_from(result).map(Value::Int64).map_err(|_| "over".to_owned())
}

fn float(name: &str, a: f64, b: f64) -> Done {
    let result = match name {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" if b == 0.0 => return Err("by zero".to_owned()),
        "/" => a / b,
        // Changing the sign cannot go wrong, so it does not look whether there is a number.
        "neg" => return Ok(Value::Float64(-a)),
        "abs" => a.abs(),
        "floor" => a.floor(),
        "ceil" => a.ceil(),
        "round" => (a.abs() + 0.5).floor().copysign(a),
        "round to" => return Ok(Value::Float64(round_to_hundredths(a)?)),
        "sqrt" if a < 0.0 => return Err("negative".to_owned()),
        "sqrt" => a.sqrt(),
        "trunc int" => {
            let cut = a - a % 1.0;
            return if cut >= -(2f64.powi(63)) && cut < 2f64.powi(63) {
                Ok(Value::Int64(cut as i64))
            } else {
                Err("over".to_owned())
            };
        }
        "show" => return Ok(Value::Utf8(format!("{a:?}").into())),
        _ => panic!("{name}"),
    };
    if result.is_finite() { Ok(Value::Float64(result)) } else { Err("no number".to_owned()) }
}

/// By the digits that a reader sees, as one does on paper.
fn round_to_hundredths(a: f64) -> Result<f64, String> {
    if !a.is_finite() {
        return Err("no number".to_owned());
    }
    let written = format!("{}", a.abs());
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    if fraction.len() <= 2 {
        return Ok(a);
    }
    let mut digits: Vec<u8> = format!("{whole}{}", &fraction[..2]).into_bytes();
    if fraction.as_bytes()[2] >= b'5' {
        let mut at = digits.len();
        loop {
            if at == 0 {
                digits.insert(0, b'1');
                break;
            }
            at -= 1;
            if digits[at] < b'9' {
                digits[at] += 1;
                break;
            }
            digits[at] = b'0';
        }
    }
    let digits = String::from_utf8(digits).unwrap();
    Ok(format!("{digits}e-2").parse::<f64>().unwrap().copysign(a))
}

/// Rounding of many numbers, ties and near ties among them.
#[test]
fn rounding_is_that_of_paper() {
    use shared::expr::{Expr, Schema, Type};
    let round = Expr::parse("round(x, 2)", &Schema(vec![("x".to_owned(), Type::Float64)])).unwrap();
    let rng = &mut shared::rng::Rng::new(3);
    let numbers: Vec<f64> = (0..100_000)
        .map(|index| match index % 5 {
            0 => rng.below(1_000_000) as f64 / 1000.0,
            1 => (rng.below(100_000) as f64 + 0.5) / 100.0,
            2 => -(rng.unit() * 1e13),
            3 => f64::from_bits(rng.bits() >> 2),
            _ => rng.unit() / 50.0,
        })
        .filter(|number| number.is_finite())
        .collect();
    let column = Type::Float64.array(&numbers.iter().map(|number| Value::Float64(*number)).collect::<Vec<_>>());
    let rounded = round.evaluate(&[column], numbers.len(), shared::expr::Context::default()).unwrap();
    for (row, number) in numbers.iter().enumerate() {
        let wanted = Value::Float64(round_to_hundredths(*number).unwrap());
        assert_eq!(format!("{:?}", Value::at(&rounded, row)), format!("{wanted:?}"), "round({number:?}, 2)");
    }
}

const DAY: i64 = 86_400_000_000;

/// The date by counting whole years and months from 1970, forwards or backwards.
fn date(moment: i64) -> (i64, i64, i64) {
    let mut days = moment.div_euclid(DAY);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += if leap(year) { 366 } else { 365 };
    }
    while days >= if leap(year) { 366 } else { 365 } {
        days -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month as i64 + 1, days + 1)
}

fn moment(name: &str, a: i64) -> Done {
    let (year, month, day) = date(a);
    let time = a.rem_euclid(DAY);
    Ok(match name {
        "year" => Value::Int64(year),
        "isodow" => Value::Int64((a.div_euclid(DAY) + 3).rem_euclid(7) + 1),
        "day" => Value::Timestamp(a - time),
        "month" => Value::Timestamp(a - time - (day - 1) * DAY),
        "show" => {
            let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
            let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}").trim_end_matches('0').to_owned() };
            Value::Utf8(format!("{year:04}-{month:02}-{day:02} {clock}{fraction}").into())
        }
        _ => panic!("{name}"),
    })
}

fn of_chars(chars: impl IntoIterator<Item = char>) -> Value {
    Value::Utf8(chars.into_iter().collect::<String>().into())
}

fn text_of(name: &str, chars: &[char], rest: &[Value]) -> Done {
    let text: String = chars.iter().collect();
    Ok(match (name, rest) {
        ("lower", []) => Value::Utf8(text.to_lowercase().into()),
        ("upper", []) => Value::Utf8(text.to_uppercase().into()),
        ("length", []) => Value::Int64(chars.len() as i64),
        ("reverse", []) => of_chars(chars.iter().rev().copied()),
        ("trim", []) => {
            let mut rest = chars;
            while let [' ', after @ ..] = rest {
                rest = after;
            }
            while let [before @ .., ' '] = rest {
                rest = before;
            }
            of_chars(rest.iter().copied())
        }
        ("read int" | "try read int", []) => match text.trim().parse() {
            Ok(number) => Value::Int64(number),
            Err(_) if name == "try read int" => Value::Null,
            Err(_) => return Err("no number".to_owned()),
        },
        ("||", [Value::Utf8(other)]) => of_chars(chars.iter().copied().chain(other.chars())),
        ("starts_with", [Value::Utf8(other)]) => {
            let other: Vec<char> = other.chars().collect();
            Value::Boolean(chars.get(..other.len()) == Some(&other[..]))
        }
        ("like", [Value::Utf8(pattern)]) => Value::Boolean(like(chars, &pattern.chars().collect::<Vec<_>>())),
        ("position", [Value::Utf8(other)]) => {
            // The first text is looked for in the second.
            let other: Vec<char> = other.chars().collect();
            let found = (0..=other.len()).find(|at| other[*at..].starts_with(chars));
            Value::Int64(found.map_or(0, |at| at as i64 + 1))
        }
        ("split", [Value::Utf8(by)]) if by.is_empty() => Value::List(chars.iter().map(|c| of_chars([*c])).collect()),
        ("split", [Value::Utf8(by)]) => {
            let by: Vec<char> = by.chars().collect();
            let (mut parts, mut part, mut at) = (Vec::new(), Vec::new(), 0);
            while at < chars.len() {
                if chars[at..].starts_with(&by) {
                    parts.push(of_chars(std::mem::take(&mut part)));
                    at += by.len();
                } else {
                    part.push(chars[at]);
                    at += 1;
                }
            }
            parts.push(of_chars(part));
            Value::List(parts)
        }
        ("replace", [Value::Utf8(from), Value::Utf8(to)]) => Value::Utf8(text.replace(&**from, to).into()),
        ("left", [Value::Int64(n)]) => {
            let n = (*n).clamp(0, chars.len() as i64) as usize;
            of_chars(chars[..n].iter().copied())
        }
        ("right", [Value::Int64(n)]) => {
            let n = (*n).clamp(0, chars.len() as i64) as usize;
            of_chars(chars[chars.len() - n..].iter().copied())
        }
        ("substr", [Value::Int64(_), Value::Int64(n)]) if *n < 0 => Value::Null,
        ("substr", [Value::Int64(from), Value::Int64(n)]) => {
            let length = chars.len() as i128;
            let start = match i128::from(*from) {
                0 => 0,
                from if from > 0 => from - 1,
                from => length + from,
            };
            if start < 0 || start >= length {
                return Ok(of_chars([]));
            }
            let end = length.min(start + i128::from(*n));
            of_chars(chars[start as usize..end as usize].iter().copied())
        }
        _ => panic!("{name} {rest:?}"),
    })
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        [c, rest @ ..] => text.first() == Some(c) && like(&text[1..], rest),
    }
}

fn list(name: &str, parts: &[Value], rest: &[Value]) -> Done {
    Ok(match (name, rest) {
        ("cardinality", []) => Value::Int64(parts.len() as i64),
        ("element", [Value::Int64(place)]) => match usize::try_from(*place) {
            Ok(place @ 1..) => parts.get(place - 1).cloned().unwrap_or(Value::Null),
            _ => Value::Null,
        },
        ("array_join", [Value::Utf8(between)]) => {
            let known: Vec<&str> =
                parts.iter().filter_map(|part| if let Value::Utf8(text) = part { Some(&**text) } else { None }).collect();
            Value::Utf8(known.join(between).into())
        }
        ("array_distinct", []) => {
            let mut kept: Vec<Value> = Vec::new();
            for part in parts {
                if !kept.contains(part) {
                    kept.push(part.clone());
                }
            }
            Value::List(kept)
        }
        ("array_sort", []) => {
            // By selection: the least that is left, nulls before all.
            let (mut left, mut sorted) = (parts.to_vec(), Vec::new());
            while !left.is_empty() {
                let least = (0..left.len())
                    .reduce(|a, b| match (&left[a], &left[b]) {
                        (Value::Null, _) => a,
                        (_, Value::Null) => b,
                        (x, y) => {
                            if order(y, x).unwrap().is_lt() {
                                b
                            } else {
                                a
                            }
                        }
                    })
                    .unwrap();
                sorted.push(left.remove(least));
            }
            Value::List(sorted)
        }
        _ => panic!("{name} {rest:?}"),
    })
}

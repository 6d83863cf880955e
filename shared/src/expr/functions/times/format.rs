//! Formats of moments in the letters of Java's `DateTimeFormatter`, which Flink takes over; the ones that logs use.

use crate::expr::time::{DAY, Date, HOUR, MINUTE, Reader, SECOND};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A piece of a format.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A letter and how often it stands there.
    Field(char, usize),
    Character(char),
}

/// The pieces of a format.
pub fn items(format: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut chars = format.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        if c == '\'' {
            if chars.peek() == Some(&'\'') {
                chars.next();
                items.push(Item::Character('\''));
            } else {
                quoted = !quoted;
            }
        } else if quoted || !c.is_ascii_alphabetic() {
            items.push(Item::Character(c));
        } else {
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            match (c, count) {
                ('y' | 'u', 2 | 4) | ('M', 1..=3) | ('d' | 'H' | 'm' | 's', 1 | 2) | ('S', 1..=9) | ('Z' | 'X', 1..=3) => {
                    items.push(Item::Field(c, count))
                }
                _ => {
                    let run: String = std::iter::repeat_n(c, count).collect();
                    return Err(format!(
                        "the format '{format}' has `{run}`; it knows yyyy yy MM M MMM dd d HH H mm ss SSS Z X"
                    ));
                }
            }
        }
    }
    if quoted { Err(format!("the format '{format}' has a quote that is not closed")) } else { Ok(items) }
}

/// The moment that a text names in a format; what the format leaves out is the start of 1970.
pub fn read(text: &str, items: &[Item]) -> Option<i64> {
    let mut reader = Reader(text);
    let (mut year, mut month, mut day, mut micros, mut offset) = (1970, 1, 1, 0, 0);
    let below = |value: i64, end: i64| (value < end).then_some(value);
    for item in items {
        match item {
            Item::Character(wanted) => reader.take(*wanted).then_some(())?,
            Item::Field('y' | 'u', 2) => year = 2000 + reader.number(2, 2)?,
            Item::Field('y' | 'u', _) => year = reader.number(4, 4)?,
            Item::Field('M', 3) => {
                let name = reader.0.get(..3)?.to_ascii_lowercase();
                month = MONTHS.iter().position(|known| *known == name)? as i64 + 1;
                reader.0 = &reader.0[3..];
            }
            Item::Field('M', digits) => month = reader.number(*digits, 2)?,
            Item::Field('d', digits) => day = reader.number(*digits, 2)?,
            Item::Field('H', digits) => micros += HOUR * below(reader.number(*digits, 2)?, 24)?,
            Item::Field('m', digits) => micros += MINUTE * below(reader.number(*digits, 2)?, 60)?,
            Item::Field('s', digits) => micros += SECOND * below(reader.number(*digits, 2)?, 60)?,
            Item::Field('S', digits) => {
                // So many digits of a fraction.
                let number = reader.number(*digits, *digits)?;
                let digits = *digits as u32;
                micros += if digits > 6 { number / 10i64.pow(digits - 6) } else { number * 10i64.pow(6 - digits) };
            }
            Item::Field(_, _) => offset = zone(&mut reader)?,
        }
    }
    let date = Date::new(year, month, day)?;
    reader.0.is_empty().then(|| date.day_number() * DAY + micros - offset)
}

/// `+0100`, `+01:00` or `Z`.
fn zone(reader: &mut Reader<'_>) -> Option<i64> {
    if reader.take('Z') {
        return Some(0);
    }
    let sign = if reader.take('+') { 1 } else { reader.take('-').then_some(-1)? };
    let hours = reader.number(2, 2)?;
    reader.take(':');
    let minutes = reader.number(2, 2)?;
    (hours < 19 && minutes < 60).then_some(sign * (hours * HOUR + minutes * MINUTE))
}

//! The calendar: moments and spans as text and back. Proleptic Gregorian, UTC, no leap seconds; integer arithmetic only.

use std::fmt;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// A day's date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

/// Days of an era of 400 years, and from its 1 March 0000 to 1970-01-01.
const ERA_DAYS: i64 = 146_097;
const TO_1970: i64 = 719_468;

impl Date {
    /// The date of a day, counted from 1970-01-01. Years begin in March here, so that the leap day is a year's last.
    pub fn of_day(day: i64) -> Date {
        let day = day + TO_1970;
        let (era, of_era) = (day.div_euclid(ERA_DAYS), day.rem_euclid(ERA_DAYS));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Date { year, month, day: of_year - (153 * march_month + 2) / 5 + 1 }
    }

    /// The day, counted from 1970-01-01.
    pub fn day_number(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let march_month = (self.month + 9) % 12;
        let of_year = (153 * march_month + 2) / 5 + self.day - 1;
        era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - TO_1970
    }

    /// The date, if there is such a day in the years 1 to 9999.
    pub fn new(year: i64, month: i64, day: i64) -> Option<Date> {
        let date = Date { year, month, day };
        let sound = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        (sound && Date::of_day(date.day_number()) == date).then_some(date)
    }
}

/// Splits a moment into its day since 1970-01-01 and the microseconds of that day.
pub(super) fn split(micros: i64) -> (i64, i64) {
    (micros.div_euclid(DAY), micros.rem_euclid(DAY))
}

/// The year, month and day, and the hour, minute and second of a moment in microseconds since 1970.
pub(crate) fn moment_parts(micros: i64) -> ((i64, i64, i64), (i64, i64, i64)) {
    let (day, rest) = split(micros);
    let Date { year, month, day } = Date::of_day(day);
    ((year, month, day), (rest / HOUR, rest / MINUTE % 60, rest / SECOND % 60))
}

/// How a moment or a span is written.
pub(crate) enum Shown {
    /// `2024-01-02 03:04:05`, with a fraction where there is one.
    Timestamp(i64),
    /// `2 03:04:05`: days, hours, minutes, seconds.
    Interval(i64),
    /// `93784` or `0.5`.
    Seconds(i64),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |f: &mut fmt::Formatter<'_>, micros: i64| {
            let (hours, minutes, seconds) = (micros / HOUR, micros / MINUTE % 60, micros / SECOND % 60);
            write!(f, "{hours:02}:{minutes:02}:{seconds:02}")?;
            fraction(f, micros % SECOND)
        };
        match *self {
            Shown::Timestamp(micros) => {
                let (day, rest) = split(micros);
                let Date { year, month, day } = Date::of_day(day);
                write!(f, "{year:04}-{month:02}-{day:02} ")?;
                clock(f, rest)
            }
            Shown::Interval(micros) => {
                let size = micros.unsigned_abs();
                let (days, rest) = (size / DAY as u64, (size % DAY as u64) as i64);
                write!(f, "{}{days} ", if micros < 0 { "-" } else { "" })?;
                clock(f, rest)
            }
            Shown::Seconds(micros) => {
                let size = micros.unsigned_abs();
                write!(f, "{}{}", if micros < 0 { "-" } else { "" }, size / SECOND as u64)?;
                fraction(f, (size % SECOND as u64) as i64)
            }
        }
    }
}

fn fraction(f: &mut fmt::Formatter<'_>, micros: i64) -> fmt::Result {
    if micros == 0 {
        return Ok(());
    }
    let digits = format!("{micros:06}");
    write!(f, ".{}", digits.trim_end_matches('0'))
}

/// Reads characters one after another.
pub(super) struct Reader<'a>(pub &'a str);

impl Reader<'_> {
    /// The number that between `least` and `most` digits write.
    pub fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if digits < least {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        number.parse().ok()
    }

    /// Digits after a point, as microseconds; digits past the sixth are dropped, as they would be past the clock's last.
    pub fn fraction(&mut self) -> Option<i64> {
        let digits = self.0.bytes().take(18).take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        let kept = &number[..digits.min(6)];
        kept.parse::<i64>().ok().map(|number| number * 10i64.pow(6 - kept.len() as u32))
    }

    pub fn take(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}

/// A moment as ISO 8601 writes it: `2024-01-02`, `2024-01-02 03:04[:05[.678901]]`, also with `T`, and `Z` or `±hh[:mm]` at the end.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    let mut reader = Reader(text.trim());
    let year = reader.number(4, 4)?;
    let (month, day) = (reader.take('-').then(|| reader.number(1, 2))??, reader.take('-').then(|| reader.number(1, 2))??);
    let day = Date::new(year, month, day)?.day_number();
    if reader.0.is_empty() {
        return Some(day * DAY);
    }
    if !(reader.take(' ') || reader.take('T')) {
        return None;
    }
    let (hour, minute) = (reader.number(1, 2)?, reader.take(':').then(|| reader.number(2, 2))??);
    let second = if reader.take(':') { reader.number(2, 2)? } else { 0 };
    let micros = if reader.take('.') { reader.fraction()? } else { 0 };
    let offset = zone(&mut reader)?;
    let sound = reader.0.is_empty() && hour < 24 && minute < 60 && second < 60;
    sound.then_some(day * DAY + hour * HOUR + minute * MINUTE + second * SECOND + micros - offset)
}

/// A zone's offset in microseconds; none written is UTC.
fn zone(reader: &mut Reader<'_>) -> Option<i64> {
    if reader.0.is_empty() || reader.take('Z') {
        return Some(0);
    }
    let sign = if reader.take('+') { 1 } else { reader.take('-').then_some(-1)? };
    let hours = reader.number(2, 2)?;
    let minutes = if reader.take(':') || !reader.0.is_empty() { reader.number(2, 2)? } else { 0 };
    (hours < 19 && minutes < 60).then_some(sign * (hours * HOUR + minutes * MINUTE))
}

/// The units of an interval and of `date_trunc` that have a length, by their names.
pub(super) const UNITS: [(&str, i64); 7] = [
    ("microsecond", 1),
    ("millisecond", 1_000),
    ("second", SECOND),
    ("minute", MINUTE),
    ("hour", HOUR),
    ("day", DAY),
    ("week", 7 * DAY),
];

/// The length of a unit, also in the plural.
pub(super) fn unit(name: &str) -> Option<i64> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('s').unwrap_or(&name);
    UNITS.iter().find(|(known, _)| *known == name).map(|(_, micros)| *micros)
}

/// So many of a unit, as `'5'`, `'-1.5'`, or, for days to seconds, `'1 02:03:04'` and `'02:03:04'`.
pub(super) fn interval(text: &str, unit: i64) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut reader = Reader(text);
    if text.contains(':') {
        let mut size = 0i64;
        if let Some((days, clock)) = text.split_once(' ') {
            size = days.parse::<i64>().ok().filter(|days| *days >= 0)?.checked_mul(DAY)?;
            reader = Reader(clock);
        }
        let (hours, minutes) = (reader.number(1, 9)?, reader.take(':').then(|| reader.number(2, 2))??);
        let seconds = if reader.take(':') { reader.number(2, 2)? } else { 0 };
        let micros = if reader.take('.') { reader.fraction()? } else { 0 };
        if !reader.0.is_empty() || minutes > 59 || seconds > 59 {
            return None;
        }
        let clock = hours * HOUR + minutes * MINUTE + seconds * SECOND + micros;
        return size.checked_add(clock)?.checked_mul(sign);
    }
    let whole = reader.number(1, 18)?.checked_mul(unit)?;
    let part = match reader.take('.') {
        // A unit is at most a week, so millionths of it fit.
        true => (i128::from(reader.fraction()?) * i128::from(unit) / i128::from(SECOND)) as i64,
        false => 0,
    };
    if !reader.0.is_empty() {
        return None;
    }
    whole.checked_add(part)?.checked_mul(sign)
}

/// An interval as a cast from text reads it: what [`Shown::Interval`] writes, or `5 minutes`.
pub(super) fn interval_of_text(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.rsplit_once(' ') {
        Some((count, name)) if name.starts_with(|c: char| c.is_ascii_alphabetic()) => interval(count, unit(name)?),
        _ if text.contains(':') => interval(text, SECOND),
        _ => None,
    }
}

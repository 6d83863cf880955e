//! Functions over moments and spans, all in UTC.

use arrow_array::ArrayRef;

use super::Kind::{Float64, Int64, Interval, Timestamp, Utf8};
use super::call::{Call, Failure, excerpt};
use super::{Fixed, Function, Preparation, Problem, Run, line, literal_text, refused};
use crate::expr::Expr;
use crate::expr::time::{self, DAY, Date, HOUR, MINUTE, SECOND, Shown};
use crate::nearest::{list, nearest};

mod format;

pub(super) static TIMES: &[Function] = &[
    line(
        "to_timestamp",
        Fixed(&[Utf8]),
        Timestamp,
        Run::Strict(of_text),
        "The moment that an ISO 8601 text names, UTC unless it says otherwise. Another text is an error (Flink gives null).",
        ("to_timestamp('2024-01-02T03:04:05+01:00')", "timestamp '2024-01-02 02:04:05'"),
    ),
    line(
        "to_timestamp",
        Fixed(&[Utf8, Utf8]),
        Timestamp,
        Run::Strict(of_format),
        "The moment that a text names in a format of Java's letters: yyyy yy MM M MMM dd d HH H mm ss SSS Z X, other characters as they are or between single quotes.",
        ("to_timestamp('10/Oct/2000:13:55:36 -0700', 'dd/MMM/yyyy:HH:mm:ss Z')", "timestamp '2000-10-10 20:55:36'"),
    )
    .prepared(check_format),
    line(
        "to_timestamp",
        Fixed(&[Int64]),
        Timestamp,
        Run::Strict(of_seconds),
        "So many seconds after 1970-01-01 00:00:00 UTC (DuckDB).",
        ("to_timestamp(86400)", "timestamp '1970-01-02 00:00:00'"),
    ),
    line(
        "to_timestamp",
        Fixed(&[Float64]),
        Timestamp,
        Run::Strict(of_float_seconds),
        "So many seconds after 1970-01-01 00:00:00 UTC, to the nearest microsecond.",
        ("to_timestamp(0.5)", "timestamp '1970-01-01 00:00:00.5'"),
    ),
    line(
        "date_trunc",
        Fixed(&[Utf8, Timestamp]),
        Timestamp,
        Run::Strict(trunc),
        "The start of the microsecond, millisecond, second, minute, hour, day, week (Monday), month, quarter or year (DuckDB).",
        ("date_trunc('month', timestamp '2024-02-29 12:00:00')", "timestamp '2024-02-01 00:00:00'"),
    )
    .prepared(check_unit),
    line(
        "extract",
        Fixed(&[Utf8, Timestamp]),
        Int64,
        Run::Strict(extract),
        "A part of a moment: year quarter month week (ISO) day doy dow (1 is Sunday) isodow (1 is Monday) hour minute second millisecond microsecond (both with the seconds) epoch (Flink).",
        ("extract(year from timestamp '2024-02-29 12:00:00')", "2024"),
    )
    .form("extract(part from Timestamp)")
    .prepared(check_part),
    line(
        "extract",
        Fixed(&[Utf8, Interval]),
        Int64,
        Run::Strict(extract_interval),
        "A part of a span: day hour minute second, or epoch, its length in whole seconds.",
        ("extract(epoch from interval '2' minute)", "120"),
    )
    .form("extract(part from Interval)")
    .prepared(check_part),
    line(
        "date_bin",
        Fixed(&[Interval, Timestamp]),
        Timestamp,
        Run::Strict(bin),
        "The start of the interval in which a moment lies, of intervals from 1970-01-01 on (PostgreSQL).",
        ("date_bin(interval '15' minute, timestamp '2024-01-01 10:47:00')", "timestamp '2024-01-01 10:45:00'"),
    ),
    line(
        "date_bin",
        Fixed(&[Interval, Timestamp, Timestamp]),
        Timestamp,
        Run::Strict(bin),
        "The same, of intervals from another moment on.",
        (
            "date_bin(interval '1' day, timestamp '2024-01-02 05:00:00', timestamp '2024-01-01 06:00:00')",
            "timestamp '2024-01-01 06:00:00'",
        ),
    ),
    line(
        "now",
        Fixed(&[]),
        Timestamp,
        Run::Strict(now),
        "The run's clock, one moment for the whole evaluation.",
        ("now() = now()", "true"),
    ),
];

type Done = Result<ArrayRef, Failure>;

const PARTS: [&str; 16] = [
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "doy",
    "dow",
    "isodow",
    "hour",
    "minute",
    "second",
    "millisecond",
    "microsecond",
    "epoch",
    "decade",
    "century",
];

const CALENDAR_UNITS: [&str; 3] = ["month", "quarter", "year"];

fn check_unit(arguments: &[Expr]) -> Result<Preparation, Problem> {
    match literal_text(arguments, 0) {
        Some(unit) if !is_unit(unit) => {
            let known = || time::UNITS.iter().map(|(name, _)| *name).chain(CALENDAR_UNITS);
            let near = nearest(unit, known()).map(|near| format!("did you mean `{near}`?"));
            Err(refused(0, no_unit(unit), near.or_else(|| Some(format!("the units are {}", list(known()))))))
        }
        _ => Ok(Preparation::Nothing),
    }
}

fn is_unit(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    time::UNITS.iter().any(|(known, _)| *known == name) || CALENDAR_UNITS.contains(&name.as_str())
}

fn no_unit(unit: &str) -> String {
    format!("`{unit}` is no unit of time")
}

fn check_part(arguments: &[Expr]) -> Result<Preparation, Problem> {
    match literal_text(arguments, 0) {
        Some(part) if !PARTS.contains(&part.to_ascii_lowercase().as_str()) => {
            let near = nearest(part, PARTS).map(|near| format!("did you mean `{near}`?"));
            Err(refused(0, no_part(part), near.or_else(|| Some(format!("the parts are {}", list(PARTS))))))
        }
        _ => Ok(Preparation::Nothing),
    }
}

fn no_part(part: &str) -> String {
    format!("`{part}` is no part of a moment")
}

fn check_format(arguments: &[Expr]) -> Result<Preparation, Problem> {
    if let Some(format) = literal_text(arguments, 1) {
        format::items(format).map_err(|message| refused(1, message, Some("for example 'yyyy-MM-dd HH:mm:ss'".to_owned())))?;
    }
    Ok(Preparation::Nothing)
}

fn of_text(call: &Call<'_>) -> Done {
    let texts = call.texts(0);
    call.write_whole(|row| {
        let text = texts.at(row);
        time::timestamp(text).map(Some).ok_or_else(|| format!("'{}' is no moment like '2024-01-02 03:04:05'", excerpt(text)))
    })
}

fn of_format(call: &Call<'_>) -> Done {
    let (texts, formats) = (call.texts(0), call.texts(1));
    let constant = formats.constant().map(format::items);
    call.write_whole(|row| {
        let (text, format) = (texts.at(row), formats.at(row));
        let moment = match &constant {
            Some(items) => format::read(text, items.as_ref().map_err(String::clone)?),
            None => format::read(text, &format::items(format)?),
        };
        moment.map(Some).ok_or_else(|| format!("'{}' is no moment in the format '{}'", excerpt(text), excerpt(format)))
    })
}

fn of_seconds(call: &Call<'_>) -> Done {
    let seconds = call.whole(0);
    call.write_whole(|row| {
        let seconds = seconds.at(row);
        seconds.checked_mul(SECOND).map(Some).ok_or_else(|| format!("{seconds} seconds do not fit a Timestamp"))
    })
}

fn of_float_seconds(call: &Call<'_>) -> Done {
    let seconds = call.floats(0);
    call.write_whole(|row| {
        let seconds = seconds.at(row);
        let micros = (seconds * SECOND as f64).round();
        // Past this a Float64 no longer tells microseconds apart by less than a thousand.
        match micros.abs() < 9.2e18 {
            true => Ok(Some(micros as i64)),
            false => Err(format!("{seconds:?} seconds do not fit a Timestamp")),
        }
    })
}

fn trunc(call: &Call<'_>) -> Done {
    let (units, moments) = (call.texts(0), call.whole(1));
    call.write_whole(|row| {
        let (unit, moment) = (units.at(row), moments.at(row));
        let (day, _) = time::split(moment);
        let start = match unit.to_ascii_lowercase().as_str() {
            // 1970-01-01 was a Thursday.
            "week" => (day + 3).div_euclid(7).checked_mul(7 * DAY).and_then(|weeks| weeks.checked_sub(3 * DAY)),
            name @ ("month" | "quarter" | "year") => {
                let date = Date::of_day(day);
                let month = match name {
                    "month" => date.month,
                    "quarter" => (date.month - 1) / 3 * 3 + 1,
                    _ => 1,
                };
                Date { month, day: 1, ..date }.day_number().checked_mul(DAY)
            }
            name => {
                let (_, length) = time::UNITS.iter().find(|(known, _)| *known == name).ok_or_else(|| no_unit(unit))?;
                moment.div_euclid(*length).checked_mul(*length)
            }
        };
        start.map(Some).ok_or_else(|| format!("the {unit} of {} does not fit a Timestamp", Shown::Timestamp(moment)))
    })
}

fn extract(call: &Call<'_>) -> Done {
    let (parts, moments) = (call.texts(0), call.whole(1));
    call.write_whole(|row| {
        let (part, moment) = (parts.at(row), moments.at(row));
        let (day, micros) = time::split(moment);
        let date = || Date::of_day(day);
        let of_year = |date: Date| day - Date { month: 1, day: 1, ..date }.day_number() + 1;
        Ok(Some(match part.to_ascii_lowercase().as_str() {
            "year" => date().year,
            "quarter" => (date().month - 1) / 3 + 1,
            "month" => date().month,
            "day" => date().day,
            "doy" => of_year(date()),
            "dow" => (day + 4).rem_euclid(7) + 1,
            "isodow" => (day + 3).rem_euclid(7) + 1,
            // A week belongs to the year of its Thursday.
            "week" => {
                let thursday = day - (day + 3).rem_euclid(7) + 3;
                let year = Date::of_day(thursday).year;
                (thursday - Date { year, month: 1, day: 1 }.day_number()) / 7 + 1
            }
            "hour" => micros / HOUR,
            "minute" => micros / MINUTE % 60,
            "second" => micros / SECOND % 60,
            "millisecond" => micros % MINUTE / 1000,
            "microsecond" => micros % MINUTE,
            "epoch" => moment.div_euclid(SECOND),
            "decade" => date().year.div_euclid(10),
            "century" => (date().year - 1).div_euclid(100) + 1,
            _ => return Err(no_part(part)),
        }))
    })
}

fn extract_interval(call: &Call<'_>) -> Done {
    let (parts, spans) = (call.texts(0), call.whole(1));
    call.write_whole(|row| {
        let (part, span) = (parts.at(row), spans.at(row));
        Ok(Some(match part.to_ascii_lowercase().as_str() {
            "day" => span / DAY,
            "hour" => span % DAY / HOUR,
            "minute" => span % HOUR / MINUTE,
            "second" => span % MINUTE / SECOND,
            "epoch" => span / SECOND,
            _ => return Err(format!("`{part}` is no part of a span: there are day, hour, minute, second and epoch")),
        }))
    })
}

fn bin(call: &Call<'_>) -> Done {
    let (lengths, moments) = (call.whole(0), call.whole(1));
    let origins = (call.arguments().len() == 3).then(|| call.whole(2));
    call.write_whole(|row| {
        let (length, moment) = (lengths.at(row), moments.at(row));
        let origin = origins.map_or(0, |origins| origins.at(row));
        if length <= 0 {
            return Err(format!("`date_bin` needs an interval longer than nothing, not of {} seconds", Shown::Seconds(length)));
        }
        let start =
            moment.checked_sub(origin).and_then(|since| since.div_euclid(length).checked_mul(length)?.checked_add(origin));
        start.map(Some).ok_or_else(|| format!("the interval of {} does not fit a Timestamp", Shown::Timestamp(moment)))
    })
}

fn now(call: &Call<'_>) -> Done {
    Ok(call.result.whole(vec![call.context.now_micros], None))
}

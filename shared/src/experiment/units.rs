//! Numbers with units: `10_000`, `64 KiB`, `250 ms`, `40%`. Each error is the sentence's end that says what would fit.

use crate::limits::SPAN_MICROS_MAX;
use crate::time::Span;

/// Bytes of each unit, largest first in each family.
pub(super) const SIZES: [(&str, u64); 7] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1)];

/// Microseconds of each unit.
pub(super) const SPANS: [(&str, u64); 5] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("min", 60_000_000), ("h", 3_600_000_000)];

/// A whole number; digits may be grouped by `_`.
pub(super) fn whole(text: &str) -> Result<u64, String> {
    let digits = digits(text).ok_or_else(|| "write a whole number like `4` or `10_000`".to_owned())?;
    digits.parse().map_err(|_| format!("the largest number is {}", u64::MAX))
}

/// A number of rows: `10_000 rows`, or a plain number.
pub(super) fn rows(text: &str) -> Result<u64, String> {
    let number = text.trim().strip_suffix("rows").unwrap_or(text).trim();
    whole(number).map_err(|_| "write a number of rows like `10_000 rows`".to_owned())
}

/// A size for people, in the largest unit that gives a whole number: `64 KiB`.
pub(super) fn shown(bytes: u64) -> String {
    let mut binary = SIZES.iter().filter(|(name, _)| name.ends_with("iB"));
    match binary.find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)) {
        Some((name, factor)) => format!("{} {name}", bytes / factor),
        None => format!("{bytes} B"),
    }
}

/// Bytes: `64 KiB`, `1.5 MB`, or a plain number.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || "write a size like `64 KiB`, `1 MB` or `512 B`".to_owned();
    let (number, unit) = split(text);
    let factor = match SIZES.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => return Err(wrong()),
    };
    scaled(number, factor).ok_or_else(wrong)
}

/// Bytes a second: `400 KB/s`.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    let bytes = text.strip_suffix("/s").and_then(|text| size(text.trim_end()).ok());
    bytes.ok_or_else(|| "write a speed like `400 KB/s` or `64 MiB/s`".to_owned())
}

/// How often in a second: `200/s`, `0.5/s`, `30/min`.
pub(super) fn frequency(text: &str) -> Result<f64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, ""));
    let seconds = SPANS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, micros)| *micros as f64 / 1e6);
    let often = real(number.trim()).ok().zip(seconds).map(|(number, seconds)| number / seconds);
    let often = often.filter(|often| *often > 0.0);
    often.ok_or_else(|| "write how often like `200/s` or `30/min`".to_owned())
}

/// A span of time: `250 ms`, `1.5 s`. The unit is needed.
pub fn span(text: &str) -> Result<Span, String> {
    let wrong = || "write a span like `250 ms`, `10 s`, `2 min` or `1 h`".to_owned();
    let (number, unit) = split(text);
    let (_, factor) = SPANS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    match scaled(number, *factor).ok_or_else(wrong)? {
        micros if micros <= SPAN_MICROS_MAX => Ok(Span(micros)),
        _ => Err(format!("the longest span is {} h", SPAN_MICROS_MAX / 3_600_000_000)),
    }
}

/// A part of the whole, 0 to 1: `40%`.
pub fn percentage(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| real(number.trim_end()).ok());
    number
        .filter(|number| (0.0..=100.0).contains(number))
        .map(|number| number / 100.0)
        .ok_or_else(|| "write a percentage between `0%` and `100%`".to_owned())
}

/// A finite number: `0.1`, `3`, `1_000.5`.
pub(crate) fn real(text: &str) -> Result<f64, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
    let text = digits(whole).zip(digits(fraction)).map(|(whole, fraction)| format!("{sign}{whole}.{fraction}"));
    let number = text.and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
    number.ok_or_else(|| "write a number like `0.1` or `3`".to_owned())
}

/// The digits without the underscores between them.
fn digits(text: &str) -> Option<String> {
    let grouped = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    text.split('_').all(grouped).then(|| text.replace('_', ""))
}

/// The number and the unit after it.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '_' || c == '.')).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// A decimal number times a whole factor, in whole units: exact, and `None` past 64 bits or between two units.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let (whole, fraction) = (digits(whole)?, digits(fraction)?);
    let fraction = fraction.trim_end_matches('0');
    let tenths = 10u128.checked_pow(fraction.len() as u32)?;
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()?.checked_mul(factor.into())? };
    if part % tenths != 0 {
        return None;
    }
    u64::try_from(whole.parse::<u128>().ok()?.checked_mul(factor.into())?.checked_add(part / tenths)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("64 KiB", 65_536),
            ("64KiB", 65_536),
            ("1 MiB", 1 << 20),
            ("2 GiB", 2 << 30),
            ("3 KB", 3_000),
            ("1.5 MB", 1_500_000),
            ("1 GB", 1_000_000_000),
            ("7 B", 7),
            ("10_000", 10_000),
            ("0", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "KiB", "1 kib", "-1 KiB", "1.5 B", "1..5 MB", "1__0", "_1", "1 KiB x", "99999999999 GiB", "0x10", "1.1.1 KB"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("400 KB/s"), Ok(400_000));
        assert_eq!(rate("1 MiB /s"), Ok(1 << 20));
        assert!(["400 KB", "/s", "KB/s", "1 KB/min", ""].iter().all(|text| rate(text).is_err()));
    }

    #[test]
    fn spans() {
        for (text, micros) in [
            ("250 ms", 250_000),
            ("10 s", 10_000_000),
            ("2 min", 120_000_000),
            ("1 h", 3_600_000_000),
            ("500 us", 500),
            ("0.5s", 500_000),
        ] {
            assert_eq!(span(text), Ok(Span(micros)), "{text}");
        }
        for text in ["", "10", "s", "-1 s", "1 d", "0.1 us", "1001 h"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_and_numbers() {
        assert_eq!(percentage("40%"), Ok(0.4));
        assert_eq!(percentage("12.5 %"), Ok(0.125));
        assert!(["101%", "-1%", "40", "%", ""].iter().all(|text| percentage(text).is_err()));
        assert_eq!(real("0.1"), Ok(0.1));
        assert_eq!(real("-3"), Ok(-3.0));
        assert!(["", ".", "1e3", "inf", "NaN", ".5", "0x1"].iter().all(|text| real(text).is_err()));
        assert_eq!(whole("10_000"), Ok(10_000));
        assert!(["", "-1", "1.0", "1 000", "18446744073709551616"].iter().all(|text| whole(text).is_err()));
    }
}

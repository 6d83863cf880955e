//! Numbers in human scale, each with a way to its exact value.

/// A number as shown, its unit, and the exact value for the hover and the clipboard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    pub value: String,
    pub unit: &'static str,
    pub exact: String,
}

impl Figure {
    /// A place kept for a number that is not known yet.
    pub fn unknown() -> Figure {
        Figure { value: "–".into(), unit: "", exact: "not known yet".into() }
    }
}

/// `1240000` → `1.24` `M`.
pub fn count(number: u64) -> Figure {
    let (value, unit) = scaled(number as f64, &[("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)]);
    Figure {
        value: if number < 10_000 { grouped(number) } else { value },
        unit: if number < 10_000 { "" } else { unit },
        exact: grouped(number),
    }
}

/// `12300000` → `12.3` `MB`.
pub fn bytes(number: u64) -> Figure {
    let (value, unit) = scaled(number as f64, &BYTES);
    Figure { value, unit, exact: format!("{} bytes", grouped(number)) }
}

/// `312000000.0` → `312` `MB/s`.
pub fn bytes_per_second(rate: f64) -> Figure {
    let rate = rate.max(0.0);
    let (value, unit) = scaled(rate, &[("B/s", 1.0), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)]);
    Figure { value, unit, exact: format!("{} bytes a second", grouped(rate.round() as u64)) }
}

/// `18.2` → `18` `ms`; `83000.0` → `1:23` `min`.
pub fn duration_ms(ms: f64) -> Figure {
    let ms = ms.max(0.0);
    let (value, unit) = if ms < 1.0 {
        (format!("{:.0}", ms * 1e3), "µs")
    } else if ms < 1e3 {
        (format!("{ms:.0}"), "ms")
    } else if ms < 60e3 {
        (format!("{:.1}", ms / 1e3), "s")
    } else if ms < 3600e3 {
        let seconds = (ms / 1e3) as u64;
        (format!("{}:{:02}", seconds / 60, seconds % 60), "min")
    } else {
        let minutes = (ms / 60e3) as u64;
        (format!("{}:{:02}", minutes / 60, minutes % 60), "h")
    };
    Figure { value, unit, exact: format!("{ms:.3} ms") }
}

/// A virtual moment, to the millisecond: a step is often shorter than a tenth of a second.
pub fn virtual_clock(ms: f64) -> Figure {
    let ms = ms.max(0.0);
    if ms >= 60e3 {
        return duration_ms(ms);
    }
    Figure { value: format!("{:.3}", ms / 1e3), unit: "s", exact: format!("{ms:.3} ms") }
}

/// `1234567` → `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The number and the word in the right form: `1 task`, `3 tasks`.
pub fn of(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number's sign for the n-th execution: ② for the second. Past the circled ones, in brackets.
pub fn circled(number: u32) -> String {
    match number {
        1..=20 => char::from_u32(0x2460 + number - 1).map_or_else(String::new, String::from),
        _ => format!("({number})"),
    }
}

const BYTES: [(&str, f64); 5] = [("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)];

/// Three significant digits in the largest unit that leaves at least 1.
fn scaled(number: f64, units: &[(&'static str, f64)]) -> (String, &'static str) {
    // 999.5 rounds to 1000, which belongs to the next unit.
    let (unit, size) = units.iter().rev().find(|(_, size)| number >= size * 0.9995).copied().unwrap_or(units[0]);
    let scaled = number / size;
    let digits = if size == 1.0 || scaled >= 99.95 {
        0
    } else if scaled >= 9.995 {
        1
    } else {
        2
    };
    (format!("{scaled:.digits$}"), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(figure: Figure) -> String {
        format!("{} {}", figure.value, figure.unit).trim().to_owned()
    }

    #[test]
    fn numbers_are_shown_in_human_scale() {
        let cases = [
            (count(0), "0"),
            (count(9_999), "9,999"),
            (count(12_345), "12.3 k"),
            (count(1_240_000), "1.24 M"),
            (count(999_999), "1.00 M"),
            (bytes(0), "0 B"),
            (bytes(999), "999 B"),
            (bytes(12_345_678), "12.3 MB"),
            (bytes_per_second(312e6), "312 MB/s"),
            (duration_ms(0.25), "250 µs"),
            (duration_ms(18.2), "18 ms"),
            (duration_ms(2_340.0), "2.3 s"),
            (duration_ms(83_000.0), "1:23 min"),
            (duration_ms(3_720_000.0), "1:02 h"),
        ];
        for (figure, expected) in cases {
            assert_eq!(shown(figure), expected);
        }
    }

    #[test]
    fn the_exact_value_is_kept() {
        assert_eq!(count(1_234_567).exact, "1,234,567");
        assert_eq!(bytes(1_234_567).exact, "1,234,567 bytes");
    }

    #[test]
    fn repeated_executions_are_numbered() {
        assert_eq!(circled(2), "②");
        assert_eq!(circled(20), "⑳");
        assert_eq!(circled(21), "(21)");
    }
}

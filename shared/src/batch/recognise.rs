//! What a file seems to be, by its name and its first bytes: a proposal for people, who may know better.

use super::Format;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Lines of a text that are looked at.
const LINES: usize = 20;

/// What may stand between the fields of a line, likelier ones first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

impl Packing {
    /// By the first bytes of a file.
    pub fn of(head: &[u8]) -> Option<Packing> {
        match head {
            [0x1f, 0x8b, 0x08, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            _ => None,
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }
}

/// The format of a file of this name, whose unpacked bytes begin like this.
pub fn recognise(name: &str, head: &[u8]) -> Format {
    if head.starts_with(b"ARROW1") || head.starts_with(&[0xff; 4]) {
        return Format::Arrow;
    }
    if head.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let text = String::from_utf8_lossy(head);
    // The last line may be cut off.
    let whole = text.rfind('\n').map_or(&*text, |end| &text[..end]);
    let lines: Vec<&str> = whole.lines().filter(|line| !line.trim().is_empty()).take(LINES).collect();
    match ending {
        "csv" => csv(&lines, delimiter(&lines).unwrap_or(b',')),
        "tsv" | "tab" => csv(&lines, b'\t'),
        "jsonl" | "ndjson" => Format::JsonLines,
        "log" => Format::Lines,
        _ if is_json(&lines) => Format::JsonLines,
        // Prose has commas too, but hardly the same number in each line.
        _ => delimiter(&lines).filter(|_| lines.len() > 2).map_or(Format::Lines, |delimiter| csv(&lines, delimiter)),
    }
}

/// What stands between fields: it is in every line, and equally often.
fn delimiter(lines: &[&str]) -> Option<u8> {
    let count = |line: &&str, delimiter: u8| {
        // What stands between quotes separates nothing.
        line.split('"').step_by(2).map(|part| part.bytes().filter(|byte| *byte == delimiter).count()).sum::<usize>()
    };
    let steady = |delimiter: &u8| {
        let mut counts = lines.iter().map(|line| count(line, *delimiter));
        counts.next().is_some_and(|first| first > 0 && counts.all(|other| other == first))
    };
    DELIMITERS.into_iter().find(steady)
}

/// A first line without a number is a header.
fn csv(lines: &[&str], delimiter: u8) -> Format {
    let is_number = |field: &str| field.trim().trim_matches('"').parse::<f64>().is_ok();
    let header = lines.first().is_none_or(|first| !first.split(char::from(delimiter)).any(is_number));
    Format::Csv { header, delimiter, quote: b'"' }
}

fn is_json(lines: &[&str]) -> bool {
    let is_object = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.is_object());
    !lines.is_empty() && lines.iter().all(is_object)
}

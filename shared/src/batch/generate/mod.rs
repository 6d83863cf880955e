//! Inputs made from a seed: the same seed gives the same bytes everywhere.
//!
//! - `clicks`: who looked at which page, with sessions and some disorder. `web_log`: the same as lines of a web server's log.
//! - `tpch`: tables of the benchmark TPC-H. (Words by Zipf's law are in [`super::zipf`].)

mod clicks;
mod tpch;
mod web_log;

use serde::{Deserialize, Serialize};

use self::clicks::Clicks;
use self::tpch::Tpch;
pub use self::tpch::TpchTable;
use self::web_log::WebLog;
use super::zipf::ZipfText;
use super::{Column, Format, Records};
use crate::expr::Type;

/// What is generated, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generator {
    /// Lines of words drawn by Zipf's law, so many bytes.
    Zipf { bytes: u64, seed: u64, distinct: u32 },
    /// CSV: `ts`, `user`, `page`. Some rows come later than their time says, by `disorder_micros` at most.
    Clicks { rows: u64, seed: u64, users: u32, disorder_micros: u64 },
    /// Lines of an access log in Apache's combined format.
    WebLog { rows: u64, seed: u64 },
    /// CSV: a table of TPC-H; a scale of a million millionths is 6 million line items. The same for any seed.
    Tpch { table: TpchTable, scale_millionths: u64 },
}

/// The text of a generator, a piece at a time.
pub struct GeneratedText {
    source: Source,
    /// Bytes or rows that are still to come, whichever the generator counts.
    left: u64,
    /// Written before all else.
    header: Option<&'static str>,
}

enum Source {
    Zipf(ZipfText),
    Clicks(Clicks),
    WebLog(WebLog),
    Tpch(Box<Tpch>),
}

impl Generator {
    /// For people.
    pub fn name(&self) -> String {
        match self {
            Generator::Zipf { seed, .. } => format!("generated words, seed {seed}"),
            Generator::Clicks { seed, .. } => format!("generated clicks, seed {seed}"),
            Generator::WebLog { seed, .. } => format!("generated web log, seed {seed}"),
            Generator::Tpch { table, scale_millionths } => {
                format!("TPC-H {}, scale {}", table.name(), *scale_millionths as f64 / 1e6)
            }
        }
    }

    /// What its records are.
    pub fn records(&self) -> Records {
        let csv = |columns: &[(&str, Type)]| {
            let column = |(name, data_type): &(&str, Type)| Column { name: (*name).to_owned(), data_type: data_type.clone() };
            let format = Format::Csv { header: true, delimiter: b',', quote: b'"' };
            Records::new(format, columns.iter().map(column).collect())
        };
        match self {
            Generator::Zipf { .. } | Generator::WebLog { .. } => {
                Records::new(Format::Lines, vec![Column { name: "line".to_owned(), data_type: Type::Utf8 }])
            }
            Generator::Clicks { .. } => csv(&clicks::COLUMNS),
            Generator::Tpch { table, .. } => csv(table.columns()),
        }
    }

    /// Its text from the start on.
    pub fn text(&self) -> GeneratedText {
        let (source, left, header) = match *self {
            Generator::Zipf { bytes, seed, distinct } => (Source::Zipf(ZipfText::new(seed, distinct)), bytes, None),
            Generator::Clicks { rows, seed, users, disorder_micros } => {
                (Source::Clicks(Clicks::new(seed, users, disorder_micros)), rows, Some(clicks::HEADER))
            }
            Generator::WebLog { rows, seed } => (Source::WebLog(WebLog::new(seed)), rows, None),
            Generator::Tpch { table, scale_millionths } => {
                let tpch = Tpch::new(table, scale_millionths);
                let parts = tpch.parts();
                (Source::Tpch(Box::new(tpch)), parts, Some(table.header()))
            }
        };
        GeneratedText { source, left, header }
    }
}

impl GeneratedText {
    /// Appends some of the text, at least `bytes` bytes if there is so much left; `false` when there is no more.
    pub fn fill(&mut self, text: &mut Vec<u8>, bytes: usize) -> bool {
        if let Some(header) = self.header.take() {
            text.extend_from_slice(header.as_bytes());
            text.push(b'\n');
        }
        let start = text.len();
        if let Source::Zipf(zipf) = &mut self.source {
            zipf.fill(text, bytes.min(usize::try_from(self.left).unwrap_or(usize::MAX)));
            let made = (text.len() - start) as u64;
            text.truncate(start + made.min(self.left) as usize);
            self.left = self.left.saturating_sub(made);
            return self.left > 0;
        }
        while self.left > 0 && text.len() - start < bytes {
            match &mut self.source {
                Source::Clicks(clicks) => clicks.row(text),
                Source::WebLog(log) => log.line(text),
                Source::Tpch(tpch) => tpch.part(text),
                Source::Zipf(_) => {}
            }
            self.left -= 1;
        }
        self.left > 0
    }
}

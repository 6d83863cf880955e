//! A first look at an input: its columns, and its first rows as texts.

use serde::{Deserialize, Serialize};

use super::infer::{Inferred, infer};
use super::input::{RecordReader, Records};
use super::{KernelError, excerpt};
use crate::batch::{Counters, Format, Part, Source, Split};
use crate::expr::show;
use crate::limits::SAMPLE_BYTES;

/// Rows of a look.
const ROWS: usize = 5;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    pub inferred: Inferred,
    /// A text for each column; a null is empty.
    pub rows: Vec<Vec<String>>,
}

/// Looks at a file or text.
pub fn look(format: &Format, source: &mut dyn Source, part: Part) -> Result<Look, KernelError> {
    let inferred = infer(format, source, part)?;
    // A file of columns may begin with one batch that is all of it.
    let end = if format.has_schema() { part.end } else { part.end.min(part.start + SAMPLE_BYTES as u64) };
    let needed = vec![true; inferred.records.columns.len()];
    let mut reader = RecordReader::new(&inferred.records, Split { start: part.start, end }, part, &needed, &[]);
    let batch = loop {
        match reader.next(source, &mut Counters::default())? {
            Records::NotYet => {}
            Records::Some(batch) => break batch.first(ROWS),
            Records::End => return Ok(Look { inferred, rows: Vec::new() }),
        }
    };
    let text = |row: usize, column: &arrow_array::ArrayRef| {
        let mut text = String::new();
        if !column.is_null(row) && show(column, row, &mut text).is_ok() { excerpt(&text).into_owned() } else { String::new() }
    };
    let rows = (0..batch.rows).map(|row| batch.columns.iter().map(|column| text(row, column)).collect()).collect();
    Ok(Look { inferred, rows })
}

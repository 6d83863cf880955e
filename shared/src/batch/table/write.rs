//! A result as the bytes of a file.

use std::io::{self, Write};
use std::ops::Range;

use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;

use super::Table;
use crate::batch::KernelError;

/// Bytes of text that are written together.
const CHUNK_BYTES: usize = 1 << 20;

/// As what rows are written everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsFormat {
    Csv,
    /// An object a line.
    Jsonl,
    /// Arrow IPC, the file format.
    Arrow,
}

impl Table {
    /// Writes some rows, in the result's order.
    pub fn write(&self, format: RowsFormat, rows: Range<usize>, sink: &mut dyn Write) -> io::Result<()> {
        match format {
            RowsFormat::Csv => {
                self.try_csv(rows, CHUNK_BYTES, |csv| sink.write_all(csv).map_err(WriteError::Io)).map_err(Into::into)
            }
            RowsFormat::Jsonl => self.write_jsonl(rows, sink),
            RowsFormat::Arrow => self.write_arrow(rows, sink).map_err(|error| match error {
                ArrowError::IoError(_, error) => error,
                error => io::Error::other(error),
            }),
        }
    }

    fn write_jsonl(&self, rows: Range<usize>, sink: &mut dyn Write) -> io::Result<()> {
        let names: Vec<String> =
            self.columns().iter().map(|column| serde_json::to_string(&column.name)).collect::<Result<_, _>>()?;
        for rows in self.batches(rows) {
            let rows = rows.map_err(io::Error::other)?;
            for row in 0..rows.len() {
                for (index, name) in names.iter().enumerate() {
                    let value = rows.json(row, index);
                    write!(sink, "{}{name}:{value}", if index == 0 { '{' } else { ',' })?;
                }
                writeln!(sink, "{}", if names.is_empty() { "{}" } else { "}" })?;
            }
        }
        Ok(())
    }

    fn write_arrow(&self, rows: Range<usize>, sink: &mut dyn Write) -> Result<(), ArrowError> {
        let schema = self.arrow_schema();
        let mut writer = FileWriter::try_new(sink, &schema)?;
        for rows in self.batches(rows) {
            let rows = rows.map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
            writer.write(&rows.into_arrow(schema.clone()))?;
        }
        writer.finish()
    }
}

/// Why rows could not be written: they could not be read, or nobody took them.
enum WriteError {
    Kernel(KernelError),
    Io(io::Error),
}

impl From<KernelError> for WriteError {
    fn from(error: KernelError) -> WriteError {
        WriteError::Kernel(error)
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> io::Error {
        match error {
            WriteError::Kernel(error) => io::Error::other(error),
            WriteError::Io(error) => error,
        }
    }
}

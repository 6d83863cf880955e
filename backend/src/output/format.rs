//! How rows are bytes: CSV, JSON lines, Arrow IPC (file format), Parquet; each also compressed by gzip or zstd.

use std::io::{self, Write};
use std::ops::Range;

use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use shared::batch::Table;

/// Rows of a record batch or a chunk of text.
const CHUNK_ROWS: usize = 64 << 10;

/// As what rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    format: Format,
    packing: Packing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
    Arrow,
    Parquet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Target {
    pub const CSV: Target = Target { format: Format::Csv, packing: Packing::None };

    /// By the extensions of a file's name; `None` if they say nothing.
    pub fn of(name: &str) -> Option<Target> {
        let (name, packing) = match name.rsplit_once('.')? {
            (name, "gz") => (name, Packing::Gzip),
            (name, "zst") => (name, Packing::Zstd),
            _ => (name, Packing::None),
        };
        let format = match name.rsplit_once('.')?.1 {
            "csv" => Format::Csv,
            "jsonl" | "ndjson" => Format::JsonLines,
            "arrow" => Format::Arrow,
            "parquet" => Format::Parquet,
            _ => return None,
        };
        Some(Target { format, packing })
    }

    /// Writes some rows of a result, in its order.
    pub fn write(self, table: &Table, rows: Range<usize>, sink: &mut (dyn Write + Send)) -> io::Result<()> {
        match self.packing {
            Packing::None => self.format.write(table, rows, sink),
            Packing::Gzip => {
                let mut packed = flate2::write::GzEncoder::new(sink, flate2::Compression::default());
                self.format.write(table, rows, &mut packed)?;
                packed.finish().map(drop)
            }
            Packing::Zstd => {
                let mut packed = zstd::Encoder::new(sink, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                self.format.write(table, rows, &mut packed)?;
                packed.finish().map(drop)
            }
        }
    }
}

impl Format {
    fn write(self, table: &Table, rows: Range<usize>, sink: &mut (dyn Write + Send)) -> io::Result<()> {
        match self {
            Format::Csv => {
                sink.write_all(&table.csv_header())?;
                chunks(&rows).try_for_each(|chunk| sink.write_all(&table.csv_rows(chunk)))
            }
            Format::JsonLines => rows.into_iter().try_for_each(|row| json_line(table, row, sink)),
            Format::Arrow => {
                let mut writer = arrow_ipc::writer::FileWriter::try_new(sink, &table.arrow_schema()).map_err(io_error)?;
                chunks(&rows).try_for_each(|chunk| writer.write(&table.batch(chunk))).map_err(io_error)?;
                writer.finish().map_err(io_error)
            }
            Format::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(sink, table.arrow_schema(), Some(properties));
                let mut writer = writer.map_err(io::Error::from)?;
                chunks(&rows).try_for_each(|chunk| writer.write(&table.batch(chunk))).map_err(io::Error::from)?;
                writer.close().map(drop).map_err(io::Error::from)
            }
        }
    }
}

fn chunks(rows: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = rows.end;
    rows.clone().step_by(CHUNK_ROWS).map(move |from| from..end.min(from + CHUNK_ROWS))
}

fn json_line(table: &Table, row: usize, sink: &mut (dyn Write + Send)) -> io::Result<()> {
    for (index, column) in table.columns().iter().enumerate() {
        let value = table.json(row, index);
        write!(sink, "{}{}:{value}", if index == 0 { '{' } else { ',' }, serde_json::to_string(&column.name)?)?;
    }
    writeln!(sink, "}}")
}

fn io_error(error: arrow_schema::ArrowError) -> io::Error {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}

//! How rows are bytes: CSV, JSON lines, Arrow IPC (file format), Parquet; each also compressed by gzip or zstd.

use std::io::{self, Write};
use std::ops::Range;

use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use shared::batch::table::Rows;
use shared::batch::{Column, KernelError, Table};

/// Bytes of text that are written together.
const CHUNK_BYTES: usize = 1 << 20;

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
        let batches = || table.batches(rows.clone()).map(|rows| rows.map_err(io::Error::other));
        let schema = table.arrow_schema();
        match self {
            Format::Csv => {
                table.try_csv(rows, CHUNK_BYTES, |csv| sink.write_all(csv).map_err(WriteError::Io)).map_err(Into::into)
            }
            Format::JsonLines => batches().try_for_each(|rows| json_lines(&rows?, table.columns(), sink)),
            Format::Arrow => {
                let mut writer = arrow_ipc::writer::FileWriter::try_new(sink, &schema).map_err(io_error)?;
                batches().try_for_each(|rows| writer.write(&rows?.into_arrow(schema.clone())).map_err(io_error))?;
                writer.finish().map_err(io_error)
            }
            Format::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties));
                let mut writer = writer.map_err(io::Error::from)?;
                batches().try_for_each(|rows| writer.write(&rows?.into_arrow(schema.clone())).map_err(io::Error::from))?;
                writer.close().map(drop).map_err(io::Error::from)
            }
        }
    }
}

/// Why rows could not be written: they could not be read, or the file took none.
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

fn json_lines(rows: &Rows<'_>, columns: &[Column], sink: &mut (dyn Write + Send)) -> io::Result<()> {
    for row in 0..rows.len() {
        for (index, column) in columns.iter().enumerate() {
            let value = rows.json(row, index);
            write!(sink, "{}{}:{value}", if index == 0 { '{' } else { ',' }, serde_json::to_string(&column.name)?)?;
        }
        writeln!(sink, "}}")?;
    }
    Ok(())
}

fn io_error(error: arrow_schema::ArrowError) -> io::Error {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}

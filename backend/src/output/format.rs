//! How rows are bytes: CSV, JSON lines, Arrow IPC (file format), Parquet; each also compressed by gzip or zstd.

use std::io::{self, Write};
use std::ops::Range;

use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use shared::batch::Table;
use shared::batch::table::RowsFormat;

/// As what rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    format: Format,
    packing: Packing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Everywhere(RowsFormat),
    Parquet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Target {
    pub const CSV: Target = Target { format: Format::Everywhere(RowsFormat::Csv), packing: Packing::None };

    /// By the extensions of a file's name; `None` if they say nothing.
    pub fn of(name: &str) -> Option<Target> {
        let (name, packing) = match name.rsplit_once('.')? {
            (name, "gz") => (name, Packing::Gzip),
            (name, "zst") => (name, Packing::Zstd),
            _ => (name, Packing::None),
        };
        let format = match name.rsplit_once('.')?.1 {
            "csv" => Format::Everywhere(RowsFormat::Csv),
            "jsonl" | "ndjson" => Format::Everywhere(RowsFormat::Jsonl),
            "arrow" => Format::Everywhere(RowsFormat::Arrow),
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
            Format::Everywhere(format) => table.write(format, rows, sink),
            Format::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let schema = table.arrow_schema();
                let mut writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties))?;
                for rows in table.batches(rows) {
                    writer.write(&rows.map_err(io::Error::other)?.into_arrow(schema.clone()))?;
                }
                writer.close().map(drop).map_err(io::Error::from)
            }
        }
    }
}

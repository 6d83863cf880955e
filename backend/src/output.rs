//! Where rows and reports go: standard output, or a file that appears whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use shared::batch::Table;
use tempfile::TempPath;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
}

/// Why something could not be written. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("`{}` cannot be written: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("standard output cannot be written: {0}")]
    Stdout(io::Error),
    #[error("the rows can be written as .csv and .jsonl; `{0}` is neither")]
    Unknown(String),
    #[error("the rows can be written as .csv and .jsonl so far; .arrow and .parquet (`{0}`) come later")]
    Later(String),
}

impl Format {
    /// By the extension of a file's name; standard output is CSV.
    pub fn of(path: &Path) -> Result<Format, OutputError> {
        let name = path.display().to_string();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Ok(Format::Csv),
            Some("jsonl" | "ndjson") => Ok(Format::JsonLines),
            Some("arrow" | "parquet") => Err(OutputError::Later(name)),
            _ if is_standard(path) || is_special(path) => Ok(Format::Csv),
            _ => Err(OutputError::Unknown(name)),
        }
    }
}

/// Whether a path means standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A device or a pipe: written as it is, never replaced by a file.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Writes rows in the result's order.
pub fn write_rows(table: &Table, format: Format, path: &Path) -> Result<(), OutputError> {
    write(path, |sink| match format {
        Format::Csv => write_csv(table, sink),
        Format::JsonLines => write_json_lines(table, sink),
    })
}

/// Writes to a path, `-` being standard output. Nobody reading standard output any more is no error.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), OutputError> {
    if is_standard(path) {
        let mut sink = BufWriter::new(io::stdout().lock());
        return match fill(&mut sink).and_then(|()| sink.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(OutputError::Stdout),
        };
    }
    let pending = Pending::new(path)?;
    let mut sink = BufWriter::new(&pending.file);
    fill(&mut sink).and_then(|()| sink.flush()).map_err(|error| OutputError::File { path: path.to_owned(), error })?;
    drop(sink);
    pending.keep()
}

/// A file on its way: written beside its place under another name and renamed at the end, so whoever looks sees the old one or
/// the whole new one. Dropped before that, it leaves nothing.
pub struct Pending {
    path: PathBuf,
    file: File,
    /// The private name and the place; a device or a pipe is written where it is.
    renamed: Option<(TempPath, PathBuf)>,
}

impl Pending {
    pub fn new(path: &Path) -> Result<Pending, OutputError> {
        let failed = |error| OutputError::File { path: path.to_owned(), error };
        if is_special(path) {
            let file = File::options().write(true).open(path).map_err(failed)?;
            return Ok(Pending { path: path.to_owned(), file, renamed: None });
        }
        // Through a symbolic link, so that the link stays one.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if place.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // As readable as any new file; the system's mask takes off what the user doesn't want.
        let readable = Permissions::from_mode(0o666);
        let private =
            tempfile::Builder::new().prefix(".millrace-").permissions(readable).tempfile_in(folder).map_err(failed)?;
        let (file, private) = private.into_parts();
        Ok(Pending { path: path.to_owned(), file, renamed: Some((private, place)) })
    }

    /// Where to write, for another thread.
    pub fn sink(&self) -> Result<File, OutputError> {
        self.file.try_clone().map_err(|error| OutputError::File { path: self.path.clone(), error })
    }

    /// Puts it in its place.
    pub fn keep(self) -> Result<(), OutputError> {
        let Some((private, place)) = self.renamed else { return Ok(()) };
        private.persist(&place).map_err(|error| OutputError::File { path: self.path, error: error.error })
    }
}

fn write_csv(table: &Table, sink: &mut dyn Write) -> io::Result<()> {
    const CHUNK_BYTES: usize = 1 << 20;
    let mut from = 0;
    loop {
        let (bytes, next) = table.csv_chunk(from, CHUNK_BYTES);
        sink.write_all(&bytes)?;
        from = next;
        if from >= table.len() {
            return Ok(());
        }
    }
}

fn write_json_lines(table: &Table, sink: &mut dyn Write) -> io::Result<()> {
    for row in 0..table.len() {
        for (index, column) in table.columns().iter().enumerate() {
            let value = table.json(row, index);
            write!(sink, "{}{}:{value}", if index == 0 { '{' } else { ',' }, serde_json::to_string(&column.name)?)?;
        }
        writeln!(sink, "}}")?;
    }
    Ok(())
}

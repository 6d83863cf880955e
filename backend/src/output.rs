//! Where rows and reports go: standard output, or files that appear whole or not at all.
//!
//! - `format`: how rows are bytes. - `pending`: files on their way, under no name until they are whole.

mod format;
mod pending;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use shared::batch::Table;

pub use self::format::Target;
pub use self::pending::Pending;
use self::pending::PendingFolder;

/// In the name of a file: the number of its partition.
const NUMBER: &str = "{n}";

/// The files of a folder without `{n}`.
const PARTS: &str = "part-{n}.csv";

/// Why something could not be written. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("`{}` cannot be written: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("standard output cannot be written: {0}")]
    Stdout(io::Error),
    #[error(
        "rows are written as .csv, .jsonl, .arrow or .parquet, each also compressed as .gz or .zst (rows.csv.gz); `{0}` ends in none of these"
    )]
    Unknown(String),
    #[error("the folder `{}` exists and is not empty: remove it, or name another", .0.display())]
    Occupied(PathBuf),
    #[error("`{0}` has {NUMBER} in the name of a folder: it stands in the file's name, as in `out/part-{NUMBER}.csv`")]
    Number(String),
}

/// Where rows go, and as what.
#[derive(Clone, Debug)]
pub enum Rows {
    One {
        path: PathBuf,
        target: Target,
    },
    /// A file for each partition in a folder of their own, as Hadoop and Spark leave them.
    Parts {
        folder: PathBuf,
        name: String,
        target: Target,
    },
}

impl Rows {
    /// By the path: `rows.csv`, `-`, `out/` and `out/part-{n}.parquet`.
    pub fn at(path: &Path) -> Result<Rows, OutputError> {
        let shown = path.to_string_lossy();
        if is_standard(path) || is_special(path) {
            return Ok(Rows::One { path: path.to_owned(), target: Target::CSV });
        }
        let (folder, name) = match shown.strip_suffix('/') {
            Some(folder) => (Path::new(folder).to_owned(), PARTS.to_owned()),
            None => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                (path.parent().unwrap_or(Path::new("")).to_owned(), name)
            }
        };
        if folder.to_string_lossy().contains(NUMBER) {
            return Err(OutputError::Number(shown.into_owned()));
        }
        let target = Target::of(&name).ok_or_else(|| OutputError::Unknown(shown.clone().into_owned()))?;
        if !name.contains(NUMBER) {
            return Ok(Rows::One { path: path.to_owned(), target });
        }
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        // Before the run, so that hours of work are not for nothing.
        PendingFolder::vacant(&folder)?;
        Ok(Rows::Parts { folder, name, target })
    }

    /// Writes a result.
    pub fn write(&self, table: &Table) -> Result<(), OutputError> {
        match self {
            Rows::One { path, target } => write(path, |sink| target.write(table, 0..table.len(), sink)),
            Rows::Parts { folder, name, target } => parts(table, folder, name, *target),
        }
    }
}

fn parts(table: &Table, folder: &Path, name: &str, target: Target) -> Result<(), OutputError> {
    let mut pending = PendingFolder::new(folder)?;
    for (number, rows) in table.partitions().into_iter().enumerate() {
        let name = name.replace(NUMBER, &format!("{number:05}"));
        pending.add(name, |sink| fill(sink, |sink| target.write(table, Range::clone(&rows), sink)))?;
    }
    pending.add("_SUCCESS".to_owned(), |_| Ok(()))?;
    pending.keep()
}

/// Whether a path means standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A device or a pipe: written as it is, never replaced by a file.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Writes to a path, `-` being standard output. Nobody reading standard output any more is no error.
pub fn write(path: &Path, fill_in: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> Result<(), OutputError> {
    if is_standard(path) {
        return match fill(io::stdout(), fill_in) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(OutputError::Stdout),
        };
    }
    let pending = Pending::new(path)?;
    fill(pending.sink()?, fill_in).map_err(|error| OutputError::File { path: path.to_owned(), error })?;
    pending.keep()
}

fn fill(sink: impl Write + Send, fill_in: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> io::Result<()> {
    const BUFFER_BYTES: usize = 64 << 10;
    let mut sink = BufWriter::with_capacity(BUFFER_BYTES, sink);
    fill_in(&mut sink)?;
    sink.flush()
}

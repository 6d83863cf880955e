//! Where the bytes of a run come from: files, texts in memory, datasets of the page, generated texts, uploads.
//!
//! An [`Input`] is found once and opened by every worker for itself, so that workers read a file side by side. Reading never
//! changes it; a file that is another one than at the run's start is noticed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::batch::{Generator, KernelError, Memory, Source, SourceError};
use shared::experiment;
use shared::session::InputFrom;
use shared::wire::InputChoice;
use tempfile::{NamedTempFile, TempPath};

use crate::assets;
use crate::globs::{self, GlobError};
use crate::limits::{MEMORY_INPUT_BYTES_MAX, UNPACKED_BYTES_MAX};
use crate::uploads::Uploads;

/// Why an input cannot be read. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("the file `{path}` cannot be read: {error}")]
    File { path: String, error: io::Error },
    #[error("`{path}` is not a file; give the path of one, or pipe into `--input -`")]
    NotAFile { path: String },
    #[error("`{path}` is another file than when the run began; run it again")]
    Changed { path: String },
    #[error(
        "this server reads no files (`{path}`): start it with `--data DIR` and put the file there, or upload it from the page"
    )]
    NoFolder { path: String },
    #[error("`{path}` is not inside the folder that this server reads from; only files there can be read")]
    Outside { path: String },
    #[error("there is no dataset `{name}`; there is {known}")]
    NoDataset { name: String, known: String },
    #[error("the dataset `{name}` is built with the page, which is not here: run `cargo xtask play` once")]
    NoPage { name: String },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("this upload is not here any more: choose the file again")]
    NoUpload,
    #[error("a file of the page cannot be read by a server: upload it first")]
    Attached,
    #[error("a temporary file could not be written: {0}; is the disk full?")]
    Temporary(io::Error),
    #[error("`{path}` cannot be unpacked, its {packing} data is damaged or cut off ({error}): fetch or pack it again")]
    Damaged { path: String, packing: &'static str, error: io::Error },
    #[error("`{path}` unpacks to more than {} GiB, the most that one run's inputs may: cut it into several runs", UNPACKED_BYTES_MAX >> 30)]
    Inflated { path: String },
    #[error(transparent)]
    Glob(#[from] GlobError),
    #[error("`{name}`: {error}")]
    Columns { name: String, error: KernelError },
}

/// An input that was found.
#[derive(Clone, Debug)]
pub enum Input {
    File(FileInput),
    Memory { name: String, bytes: Arc<Vec<u8>> },
}

/// A file, and what tells it from another of the same name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileInput {
    /// For people.
    name: String,
    path: PathBuf,
    bytes: u64,
    device: u64,
    inode: u64,
    /// Deletes a temporary file with the last user of it.
    #[serde(skip)]
    _temporary: Option<Arc<TempPath>>,
}

/// Which files an experiment may name.
#[derive(Clone, Debug)]
pub enum Files {
    /// None at all.
    Forbidden,
    /// Those inside this folder, whatever links and `..` say.
    Inside(PathBuf),
    /// Any that this user may read; relative ones are relative to this folder. For the command line.
    From(PathBuf),
}

/// Everything that an experiment's input can be found in.
#[derive(Clone, Debug)]
pub struct Library {
    pub files: Files,
    pub uploads: Option<Arc<Uploads>>,
    /// Read instead of the batch's own input, whatever the experiment says.
    pub instead: Option<Input>,
}

impl Library {
    /// For an experiment on the command line: files are relative to the folder of the one that names them.
    pub fn of_experiment(file: &Path) -> Library {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Library { files: Files::From(folder), uploads: None, instead: None }
    }

    /// Finds an input: one file or text, or, for a pattern, the files that fit, by name. May take as long as it takes to write a
    /// generated text.
    pub fn find(&self, from: &InputFrom) -> Result<Vec<Input>, DataError> {
        let one = match from {
            InputFrom::Chosen(InputChoice::Attached { .. }) => Err(DataError::Attached),
            InputFrom::Chosen(InputChoice::Upload { id, .. }) => {
                self.uploads.as_ref().and_then(|uploads| uploads.find(id)).ok_or(DataError::NoUpload)
            }
            InputFrom::Experiment(experiment::Input::Text(text)) => {
                Ok(Input::Memory { name: "text".to_owned(), bytes: Arc::new(text.clone().into_bytes()) })
            }
            InputFrom::Experiment(experiment::Input::Dataset(name)) => dataset(name),
            InputFrom::Experiment(experiment::Input::File(path)) => return self.files(path),
            InputFrom::Experiment(experiment::Input::Generated(generator)) => generated(generator),
        };
        Ok(vec![one?])
    }

    fn files(&self, path: &str) -> Result<Vec<Input>, DataError> {
        let folder = match &self.files {
            Files::Forbidden => return Err(DataError::NoFolder { path: path.to_owned() }),
            Files::From(folder) | Files::Inside(folder) => folder,
        };
        if !globs::is_pattern(&folder.join(path)) {
            return Ok(vec![self.file(path, folder.join(path))?]);
        }
        // Whether a folder outside exists is none of the client's business.
        if matches!(self.files, Files::Inside(_)) && leads_out(path) {
            return Err(DataError::Outside { path: path.to_owned() });
        }
        let shown = |file: &Path| file.strip_prefix(folder).unwrap_or(file).to_string_lossy().into_owned();
        globs::files(folder, path)?.into_iter().map(|file| self.file(&shown(&file), file)).collect()
    }

    /// One file; `name` is what people call it.
    fn file(&self, name: &str, path: PathBuf) -> Result<Input, DataError> {
        let Files::Inside(folder) = &self.files else { return Ok(Input::File(FileInput::find(name, path)?)) };
        let unreadable = |error| DataError::File { path: name.to_owned(), error };
        // Resolved first, so that neither `..` nor a symbolic link leads out of the folder.
        match path.canonicalize().map_err(unreadable) {
            Ok(resolved) if resolved.starts_with(folder) => Ok(Input::File(FileInput::find(name, resolved)?)),
            Ok(_) => Err(DataError::Outside { path: name.to_owned() }),
            // Whether a file outside exists is none of the client's business.
            Err(_) if leads_out(name) => Err(DataError::Outside { path: name.to_owned() }),
            Err(error) => Err(error),
        }
    }
}

fn leads_out(path: &str) -> bool {
    use std::path::Component;
    Path::new(path).components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
}

impl Input {
    pub fn name(&self) -> &str {
        match self {
            Input::File(file) => &file.name,
            Input::Memory { name, .. } => name,
        }
    }

    pub fn bytes(&self) -> u64 {
        match self {
            Input::File(file) => file.bytes,
            Input::Memory { bytes, .. } => bytes.len() as u64,
        }
    }

    /// A way of its own to read it, for one worker.
    pub fn source(&self) -> Result<Box<dyn Source>, DataError> {
        match self {
            Input::File(file) => Ok(Box::new(file.open()?)),
            Input::Memory { bytes, .. } => Ok(Box::new(Memory(bytes.clone()))),
        }
    }

    /// The same as a file, which another process can open.
    pub fn into_file(self) -> Result<FileInput, DataError> {
        match self {
            Input::File(file) => Ok(file),
            Input::Memory { name, bytes } => FileInput::temporary(&name, |file| file.write_all(&bytes)),
        }
    }

    /// Everything that a reader gives, in a temporary file.
    pub fn drained(name: &str, mut reader: impl Read) -> Result<Input, DataError> {
        FileInput::temporary(name, |file| io::copy(&mut reader, file).map(drop)).map(Input::File)
    }
}

impl FileInput {
    fn find(name: &str, path: PathBuf) -> Result<FileInput, DataError> {
        let unreadable = |error| DataError::File { path: name.to_owned(), error };
        let metadata = path.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(DataError::NotAFile { path: name.to_owned() });
        }
        let (bytes, device, inode) = (metadata.len(), metadata.dev(), metadata.ino());
        let file = FileInput { name: name.to_owned(), path, bytes, device, inode, _temporary: None };
        file.open()?;
        Ok(file)
    }

    /// A new file that only this user can read and that nobody else knows, deleted with its last user.
    pub fn temporary(name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<FileInput, DataError> {
        let mut file = NamedTempFile::with_prefix("millrace-").map_err(DataError::Temporary)?;
        write(file.as_file_mut()).map_err(DataError::Temporary)?;
        FileInput::kept(name, file.into_temp_path())
    }

    /// A temporary file that has been written.
    pub fn kept(name: &str, path: TempPath) -> Result<FileInput, DataError> {
        let mut found = FileInput::find(name, path.to_path_buf())?;
        found._temporary = Some(Arc::new(path));
        Ok(found)
    }

    fn open(&self) -> Result<FileSource, DataError> {
        Ok(FileSource { name: self.name.clone(), bytes: self.bytes, file: self.reader()? })
    }

    /// The file from its start on.
    pub fn reader(&self) -> Result<File, DataError> {
        let unreadable = |error| DataError::File { path: self.name.clone(), error };
        let file = File::open(&self.path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if (metadata.dev(), metadata.ino()) != (self.device, self.inode) {
            return Err(DataError::Changed { path: self.name.clone() });
        }
        Ok(file)
    }
}

impl From<FileInput> for Input {
    fn from(file: FileInput) -> Input {
        Input::File(file)
    }
}

/// One worker's handle on a file: positioned reads, so that nobody shares a cursor.
struct FileSource {
    name: String,
    bytes: u64,
    file: File,
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        // What was appended since the run began is no part of it.
        let wanted = buffer.len().min(usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX));
        let mut filled = 0;
        while filled < wanted {
            match self.file.read_at(&mut buffer[filled..wanted], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let at = offset + filled as u64;
                    return Err(SourceError(format!("the file `{}` cannot be read at byte {at}: {error}", self.name)));
                }
            }
        }
        Ok(filled)
    }
}

fn dataset(name: &str) -> Result<Input, DataError> {
    if let Some(bytes) = assets::dataset(name) {
        return Ok(Input::Memory { name: name.to_owned(), bytes: Arc::new(bytes) });
    }
    match assets::datasets().as_slice() {
        [] => Err(DataError::NoPage { name: name.to_owned() }),
        known => {
            let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Err(DataError::NoDataset { name: name.to_owned(), known })
        }
    }
}

/// A generated text, in memory if it is small.
fn generated(generator: &Generator) -> Result<Input, DataError> {
    const PIECE_BYTES: usize = 4 << 20;
    let (name, mut text) = (generator.name(), generator.text());
    let (mut bytes, mut more) = (Vec::new(), true);
    while more && (bytes.len() as u64) < MEMORY_INPUT_BYTES_MAX {
        more = text.fill(&mut bytes, PIECE_BYTES);
    }
    if !more {
        return Ok(Input::Memory { name, bytes: Arc::new(bytes) });
    }
    let write = |file: &mut File| {
        file.write_all(&bytes)?;
        while more {
            bytes.clear();
            more = text.fill(&mut bytes, PIECE_BYTES);
            file.write_all(&bytes)?;
        }
        Ok(())
    };
    FileInput::temporary(&name, write).map(Input::File)
}

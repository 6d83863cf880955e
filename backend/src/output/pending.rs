//! Files on their way: bytes without a name, which get one when they are whole. A run that is killed, by SIGKILL too, leaves nothing.
//!
//! Linux makes files without a name (`O_TMPFILE`) and gives them one later. Where a file system cannot, the name is a private one,
//! and a killed run may leave that file, never half a file under its own name.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::TempPath;

use super::{OutputError, is_special};

/// Private names begin so.
const PREFIX: &str = ".millrace-";

/// Bytes that nobody else sees.
struct Private {
    file: File,
    /// Where the file system knows no files without a name.
    name: Option<TempPath>,
}

impl Private {
    fn new(folder: &Path) -> io::Result<Private> {
        // As readable as any new file; the system's mask takes off what the user doesn't want.
        let mode = 0o666;
        match rustix::fs::open(folder, OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC, Mode::from_raw_mode(mode)) {
            Ok(file) => Ok(Private { file: file.into(), name: None }),
            Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::ISDIR | rustix::io::Errno::NOENT) => {
                let readable = Permissions::from_mode(mode);
                let named = tempfile::Builder::new().prefix(PREFIX).permissions(readable).tempfile_in(folder)?;
                let (file, name) = named.into_parts();
                Ok(Private { file, name: Some(name) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives it a name that is free.
    fn link(&self, at: &Path) -> io::Result<()> {
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, own, CWD, at, AtFlags::SYMLINK_FOLLOW)?)
    }

    /// Puts it in its place, whatever is there.
    fn replace(self, place: &Path, folder: &Path) -> io::Result<()> {
        let name = match self.name {
            Some(name) => name,
            // A name cannot be given over another file's, but a name can be moved there.
            None => tempfile::Builder::new().prefix(PREFIX).make_in(folder, |path| self.link(path))?.into_temp_path(),
        };
        name.persist(place).map_err(|error| error.error)
    }
}

/// A file on its way. Dropped before [`Pending::keep`], it leaves nothing.
pub struct Pending {
    path: PathBuf,
    way: Way,
}

enum Way {
    /// Seen when it is whole, at this place in this folder.
    Private { private: Private, place: PathBuf, folder: PathBuf },
    /// A device or a pipe is written where it is.
    Open(File),
}

impl Pending {
    pub fn new(path: &Path) -> Result<Pending, OutputError> {
        let failed = |error| OutputError::File { path: path.to_owned(), error };
        let way = if is_special(path) {
            Way::Open(File::options().write(true).open(path).map_err(failed)?)
        } else {
            // Through a symbolic link, so that the link stays one.
            let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if place.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            let folder = parent(&place).to_owned();
            Way::Private { private: Private::new(&folder).map_err(failed)?, place, folder }
        };
        Ok(Pending { path: path.to_owned(), way })
    }

    /// Where to write, for another thread too.
    pub fn sink(&self) -> Result<File, OutputError> {
        let file = match &self.way {
            Way::Private { private, .. } => &private.file,
            Way::Open(file) => file,
        };
        file.try_clone().map_err(|error| OutputError::File { path: self.path.clone(), error })
    }

    /// Puts it in its place.
    pub fn keep(self) -> Result<(), OutputError> {
        let Way::Private { private, place, folder } = self.way else { return Ok(()) };
        private.replace(&place, &folder).map_err(|error| OutputError::File { path: self.path, error })
    }
}

/// A folder on its way: its files have no name until all are whole, and then it appears with all of them.
pub(super) struct PendingFolder {
    folder: PathBuf,
    files: Vec<(String, Private)>,
}

impl PendingFolder {
    /// Whether the folder can be made: nothing is there, or an empty folder.
    pub(super) fn vacant(folder: &Path) -> Result<(), OutputError> {
        match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(OutputError::Occupied(folder.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(OutputError::File { path: folder.to_owned(), error }),
        }
    }

    pub(super) fn new(folder: &Path) -> Result<PendingFolder, OutputError> {
        PendingFolder::vacant(folder)?;
        Ok(PendingFolder { folder: folder.to_owned(), files: Vec::new() })
    }

    pub(super) fn add(&mut self, name: String, fill: impl FnOnce(&File) -> io::Result<()>) -> Result<(), OutputError> {
        let private = Private::new(parent(&self.folder)).and_then(|private| fill(&private.file).map(|()| private));
        let private = private.map_err(|error| OutputError::File { path: self.folder.join(&name), error })?;
        self.files.push((name, private));
        Ok(())
    }

    pub(super) fn keep(self) -> Result<(), OutputError> {
        let PendingFolder { folder, files } = self;
        let appear = || {
            let open = Permissions::from_mode(0o777);
            let made = tempfile::Builder::new().prefix(PREFIX).permissions(open).tempdir_in(parent(&folder))?;
            for (name, private) in files {
                match private.name {
                    Some(from) => from.persist(made.path().join(name)).map_err(|error| error.error)?,
                    None => private.link(&made.path().join(name))?,
                }
            }
            // An empty folder that is in the way is replaced.
            fs::rename(made.path(), &folder)?;
            // It has gone from where it was, so there is nothing to remove.
            let _ = made.keep();
            Ok(())
        };
        appear().map_err(|error: io::Error| OutputError::File { path: folder.clone(), error })
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

//! Patterns that name several files: `logs/2024-*.csv`, `**/*.jsonl`.

use std::io;
use std::path::{Path, PathBuf};

use glob::MatchOptions;

use crate::limits::INPUT_FILES_MAX;

/// Why a pattern names no files. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum GlobError {
    #[error("`{pattern}` is no pattern of files: {problem}")]
    Pattern { pattern: String, problem: &'static str },
    #[error("no file fits `{pattern}`: in a pattern `*` is any part of a name, `?` one character, `**` any folders")]
    Nothing { pattern: String },
    #[error("more than {INPUT_FILES_MAX} files fit `{pattern}`, the most that one run reads: name fewer, or join some")]
    TooMany { pattern: String },
    #[error("the folder `{}` cannot be looked into: {error}", path.display())]
    Folder { path: PathBuf, error: io::Error },
}

/// Whether a path is a pattern. One that names a file as it stands is none, whatever characters it has.
pub fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '[']) && path.symlink_metadata().is_err()
}

/// The path of a pattern or a file that is relative to the current folder, from the root.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    match is_pattern(path) && path.is_relative() {
        true => Ok(below(&std::env::current_dir()?, &path.to_string_lossy()).into()),
        false => std::path::absolute(path),
    }
}

/// The files that fit a pattern which is relative to a folder, by name. Folders do not count.
pub fn files(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, GlobError> {
    // As a shell has it: hidden files have to be named, and `*` stays within a folder.
    let options = MatchOptions { require_literal_separator: true, require_literal_leading_dot: true, ..MatchOptions::new() };
    let whole = if Path::new(pattern).is_absolute() { pattern.to_owned() } else { below(folder, pattern) };
    let found = glob::glob_with(&whole, options)
        .map_err(|error| GlobError::Pattern { pattern: pattern.to_owned(), problem: error.msg })?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| GlobError::Folder { path: error.path().to_owned(), error: error.into() })?;
        if path.is_file() {
            files.push(path);
        }
        if files.len() > INPUT_FILES_MAX {
            return Err(GlobError::TooMany { pattern: pattern.to_owned() });
        }
    }
    if files.is_empty() {
        return Err(GlobError::Nothing { pattern: pattern.to_owned() });
    }
    files.sort();
    Ok(files)
}

/// A pattern below a folder, whose own name is no pattern.
fn below(folder: &Path, pattern: &str) -> String {
    format!("{}/{pattern}", glob::Pattern::escape(&folder.to_string_lossy()))
}

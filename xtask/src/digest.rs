//! Content hashes: how xtask knows that something it made is still up to date.
//!
//! Always of contents, never of modification times: a fresh checkout has new times and the same contents.

use crate::failure::{Done, Failure};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// A SHA-256 over several named parts; lengths are hashed too, so that parts can't run into one another.
#[derive(Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Takes in one part under its name.
    pub fn part(&mut self, name: &str, content: &[u8]) {
        for bytes in [name.as_bytes(), content] {
            self.0.update((bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
    }

    /// Takes in a file or, with all that is in it, a folder. What isn't there counts as absent, which is a state too.
    pub fn tree(&mut self, root: &Path, relative: &str) -> Done {
        let path = root.join(relative);
        if path.is_dir() {
            for file in files_below(&path)? {
                self.part(&format!("{relative}/{file}"), &read(&path.join(&file))?);
            }
        } else if path.exists() {
            self.part(relative, &read(&path)?);
        }
        Ok(())
    }

    /// The hash as 64 hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The SHA-256 of `content` as 64 hexadecimal digits.
pub fn sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// All files below a folder, relative to it, with `/` between folders, in order.
pub fn files_below(dir: &Path) -> Done<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let here = dir.join(&folder);
        let entries = fs::read_dir(&here).map_err(|error| Failure::file("list", &here, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::file("list", &here, &error))?;
            let relative = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(relative);
            } else {
                files.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a whole file.
pub fn read(path: &Path) -> Done<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::file("read", path, &error))
}

/// Writes a whole file, and its folder when that is missing.
pub fn write(path: &Path, content: &[u8]) -> Done {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| Failure::file("make the folder", parent, &error))?;
    }
    fs::write(path, content).map_err(|error| Failure::file("write", path, &error))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_abc_is_the_one_in_fips_180() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        let of = |parts: &[(&str, &str)]| {
            let mut digest = Digest::default();
            parts.iter().for_each(|(name, content)| digest.part(name, content.as_bytes()));
            digest.finish()
        };
        assert_ne!(of(&[("a", "bc")]), of(&[("ab", "c")]));
        assert_ne!(of(&[("a", "b"), ("c", "d")]), of(&[("a", "bcd")]));
        assert_eq!(of(&[("a", "b")]), of(&[("a", "b")]));
    }
}

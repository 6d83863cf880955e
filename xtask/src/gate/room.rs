//! Room on the disk for what the gate builds. A linker that finds none dies of it minutes later, in words that nobody
//! understands, so it is asked for first; and a target folder that has been kept for long is made to give some back.

use crate::failure::{Done, Failure};
use crate::process::capture;
use crate::project::Project;
use crate::stages::note;
use std::fs;
use std::path::{Path, PathBuf};

/// What the gate builds from nothing, tools included, and a margin: `du -sh` of the target folder after
/// `CARGO_INCREMENTAL=0 cargo xtask test` on an empty one.
const BYTES_NEEDED: u64 = 12 << 30;

/// Sees to it that the target folder's disk has room, at the cost of what can be built again.
pub fn make(project: &Project) -> Done {
    fs::create_dir_all(&project.target).map_err(|error| Failure::file("make", &project.target, &error))?;
    let Some(mut free) = free(project) else {
        return Ok(());
    };
    for (what, dirs) in [("incremental compilation", incremental(&project.target)), ("earlier builds", builds(&project.target))]
    {
        if free >= BYTES_NEEDED {
            return Ok(());
        }
        if dirs.is_empty() {
            continue;
        }
        dirs.iter().try_for_each(|dir| fs::remove_dir_all(dir).map_err(|error| Failure::file("remove", dir, &error)))?;
        let before = free;
        free = self::free(project).unwrap_or(u64::MAX);
        note(format!("the disk had {} free: {what} removed, {} now", show(before), show(free)));
    }
    if free >= BYTES_NEEDED {
        return Ok(());
    }
    let what =
        format!("The disk of {} has {} free; the gate needs {}", project.target.display(), show(free), show(BYTES_NEEDED));
    Err(Failure::new(what, "Free some disk space, or name a folder on another disk in CARGO_TARGET_DIR"))
}

/// The bytes that are free where cargo builds, or nothing where the system has no `df` to ask.
fn free(project: &Project) -> Option<u64> {
    let table = capture(project.command("df").arg("-Pk").arg(&project.target), "").ok()?;
    available(&table)
}

/// The fourth column below the heading of `df -Pk`, which is in KiB on every system that has it.
fn available(table: &str) -> Option<u64> {
    let row = table.lines().nth(1)?;
    row.split_whitespace().nth(3)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Cargo's folders for incremental compilation, of every profile and target.
fn incremental(target: &Path) -> Vec<PathBuf> {
    profiles(target).into_iter().map(|profile| profile.join("incremental")).filter(|dir| dir.is_dir()).collect()
}

/// All that cargo has built except xtask itself, which is running, and its tools.
fn builds(target: &Path) -> Vec<PathBuf> {
    let parts = ["deps", "build", "examples", ".fingerprint"];
    profiles(target).into_iter().flat_map(|profile| parts.map(|part| profile.join(part))).filter(|dir| dir.is_dir()).collect()
}

/// Cargo's folders: those with fingerprints in them, two deep for a target and a profile.
fn profiles(target: &Path) -> Vec<PathBuf> {
    let dirs = subfolders(target);
    let inner: Vec<PathBuf> = dirs.iter().flat_map(|dir| subfolders(dir)).collect();
    dirs.into_iter().chain(inner).filter(|dir| dir.join(".fingerprint").is_dir()).collect()
}

fn subfolders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut dirs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    dirs.sort();
    dirs
}

fn show(bytes: u64) -> String {
    format!("{}.{} GiB", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn df_is_read_by_its_posix_columns() {
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a b 263 91 183 100% /\n";
        assert_eq!(available(&table.replace("/dev/a b", "/dev/a")), Some(183 * 1024));
        assert_eq!(available("df: no such thing"), None);
        assert_eq!(show((5 << 30) + (1 << 29)), "5.5 GiB");
    }

    #[test]
    fn what_is_given_back_is_cargos_and_nothing_else() {
        let target = std::env::temp_dir().join(format!("millrace-room-{}", std::process::id()));
        for dir in
            ["debug/.fingerprint", "debug/incremental", "wasm32/page/.fingerprint", "wasm32/page/deps", "tools/bin", "page"]
        {
            fs::create_dir_all(target.join(dir)).unwrap();
        }
        let shown = |dirs: Vec<PathBuf>| {
            let names = dirs.iter().map(|dir| dir.strip_prefix(&target).unwrap().to_string_lossy().into_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(shown(incremental(&target)), ["debug/incremental"]);
        assert_eq!(shown(builds(&target)), ["debug/.fingerprint", "wasm32/page/deps", "wasm32/page/.fingerprint"]);
        fs::remove_dir_all(&target).unwrap();
    }
}

//! The text that is counted: made by `shared`'s generator, the same bytes on every machine.

use super::{Figure, folder};
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use crate::stages::note;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

/// How big the text is at least, in bytes; it ends with a whole line.
const TEXT_BYTES: u64 = 1_000_000_000;
const DISTINCT_WORDS: u32 = 50_000;
const SEED: u64 = 42;

/// Makes the text unless it is there.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let path = get(project)?;
    let bytes = size(&path)?;
    Ok(vec![Figure::of(project.show(&path).to_string(), bytes as f64, "bytes")])
}

/// The text's path; the text is made when it isn't there.
pub fn get(project: &Project) -> Done<PathBuf> {
    of_size(project, TEXT_BYTES)
}

/// A text of at least so many bytes, the beginning of the one that is measured or that one itself.
pub fn of_size(project: &Project, bytes: u64) -> Done<PathBuf> {
    let name = if bytes == TEXT_BYTES { "zipf-1g.txt".to_owned() } else { format!("zipf-{bytes}.txt") };
    let numbers = [SEED.to_string(), DISTINCT_WORDS.to_string(), bytes.to_string()];
    made(project, &name, "zipf_text", &numbers)
}

/// What an example of `shared` prints, as a file; it is made when it isn't there.
pub fn made(project: &Project, name: &str, example: &str, arguments: &[String]) -> Done<PathBuf> {
    let path = folder(project).join(name);
    if path.is_file() {
        return Ok(path);
    }
    note(format!("making {}", project.show(&path)));
    // Under another name until it is whole.
    let unfinished = path.with_extension("unfinished");
    fs::create_dir_all(folder(project)).map_err(|error| Failure::file("make the folder", &folder(project), &error))?;
    let file = fs::File::create(&unfinished).map_err(|error| Failure::file("write", &unfinished, &error))?;
    let mut generator = project.command("cargo");
    generator.args(["run", "--release", "--quiet", "--package", "shared", "--example", example, "--"]).args(arguments);
    process::run(generator.stdout(Stdio::from(file)))?;
    fs::rename(&unfinished, &path).map_err(|error| Failure::file("write", &path, &error))?;
    Ok(path)
}

/// How many bytes a file has.
pub fn size(path: &std::path::Path) -> Done<u64> {
    fs::metadata(path).map(|about| about.len()).map_err(|error| Failure::file("read", path, &error))
}

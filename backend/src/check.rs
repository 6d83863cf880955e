//! `millrace check`: whether experiments make sense, without running them.

use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use shared::experiment::{Checked, Experiment, Known, Problem, check_any};
use shared::limits::EXPERIMENT_BYTES_MAX;
use shared::session::{InputFrom, InputSpec};
use shared::wire::InputView;

use crate::data::Library;
use crate::inputs::Inputs;
use crate::watch::tell_columns;

/// Exit status 2 if a file has a problem, 3 if one cannot be read.
pub fn main(arguments: &crate::config::Check) -> ExitCode {
    let mut status = 0;
    for file in &arguments.files {
        let found = match read(file) {
            Ok(text) => check_any(&text, &[]).and_then(|checked| complete(file, &checked)).err().unwrap_or_default(),
            Err(error) => {
                eprintln!("{error}");
                status = 3;
                continue;
            }
        };
        if !found.is_empty() {
            status = status.max(2);
            tell(file, &found);
        }
    }
    ExitCode::from(status)
}

/// What the text alone does not say.
fn complete(file: &Path, checked: &Checked) -> Result<(), Vec<Problem>> {
    match checked {
        Checked::Batch(experiment) => with_columns(file, experiment),
        Checked::Messaging(_) => Ok(()),
    }
}

/// Looks for columns that are not given in the inputs, tells them, and checks the experiment again. Inputs that cannot be opened here
/// are no problem of the experiment.
fn with_columns(file: &Path, experiment: &Experiment) -> Result<(), Vec<Problem>> {
    let Some(draft) = &experiment.batch.draft else { return Ok(()) };
    let to_infer = experiment.batch.to_infer();
    let specs = experiment.batch.inputs.iter().cloned().zip(to_infer);
    let specs: Vec<_> = specs.map(|(input, infer)| InputSpec { from: InputFrom::Experiment(input), infer }).collect();
    let inferred = match Inputs::find(&Library::of_experiment(file), &specs) {
        Ok(found) => found.inferred(),
        Err(error) => {
            eprintln!("{}: its steps cannot be checked without its input: {error}", file.display());
            return Ok(());
        }
    };
    inferred.iter().flatten().for_each(|inferred| tell_columns(&InputView::new(&inferred.records, Some(inferred))));
    let records = inferred.into_iter().map(|inferred| inferred.map(|inferred| inferred.records));
    let known = experiment.batch.inputs.iter().cloned().zip(records).map(|(input, records)| Known { input, records });
    draft.with(&known.collect::<Vec<_>>()).map(drop)
}

/// An experiment that could not be read: a sentence for the user.
#[derive(Debug, thiserror::Error)]
#[error("the experiment `{}` cannot be read: {error}", file.display())]
pub struct Unreadable {
    file: std::path::PathBuf,
    error: io::Error,
}

/// The text of an experiment; `-` is standard input. Never much more than an experiment may have.
pub fn read(file: &Path) -> Result<String, Unreadable> {
    let limit = EXPERIMENT_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = match file.to_str() {
        Some("-") => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|opened| opened.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Unreadable { file: file.to_owned(), error })?;
    // A character that was cut at the limit is no problem: the text is too long anyway.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes problems as `FILE:line:column: sentence`.
pub fn tell(file: &Path, problems: &[Problem]) {
    for problem in problems {
        eprintln!("{}:{problem}", file.display());
    }
}

//! All that is kept as one file, and back from it.

use serde::{Deserialize, Serialize};
use shared::limits::EXPERIMENT_BYTES_MAX;

use super::database::Kept;
use super::record::{NAMED_MAX, Named, PastRun, RUNS_MAX, free_name, name};
use crate::lab::format::of;

/// What the file's form is called. A later one has another number.
const FORM: u32 = 1;
/// Largest file that is read, in bytes: as many runs as are kept, each with an experiment of the greatest length, are less.
pub const FILE_BYTES_MAX: f64 = 128.0 * 1024.0 * 1024.0;

/// The file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    millrace_kept: u32,
    experiments: Vec<Named>,
    /// The newest first.
    runs: Vec<PastRun>,
}

/// What an import adds to what is kept.
#[derive(Debug, Default, PartialEq)]
pub struct Import {
    pub experiments: Vec<Named>,
    pub runs: Vec<PastRun>,
    /// Entries that were there already.
    pub known: usize,
    /// How many got another name, since theirs is another experiment's.
    pub renamed: usize,
}

/// The file with all that is kept.
pub fn export(kept: &Kept) -> String {
    let export = Export { millrace_kept: FORM, experiments: kept.experiments.clone(), runs: kept.runs.clone() };
    // Numbers and texts alone: there is nothing in it that JSON cannot say.
    serde_json::to_string_pretty(&export).unwrap_or_default() + "\n"
}

/// What a file adds to what is kept; or a sentence what is wrong with it, where, and what would fit.
pub fn import(file: &str, text: &str, kept: &Kept) -> Result<Import, String> {
    let fits = "What fits is a file that “Export all” has made.";
    let export: Export = match form(text) {
        Some(form) if form > u64::from(FORM) => {
            return Err(format!(
                "{file} is of form {form}, which a later version of Millrace wrote; this one reads form {FORM}. Load the new version of \
                 the page first. Nothing was changed."
            ));
        }
        _ => serde_json::from_str(text)
            .map_err(|error| format!("{file} cannot be read: {error}. {fits} Nothing was changed."))?,
    };
    for (index, named) in export.experiments.iter().enumerate() {
        let place = format!("experiment {}", index + 1);
        check(&place, &named.text).and_then(|()| checked_name(&place, &named.name)).map_err(|why| refused(file, &why))?;
    }
    for (index, run) in export.runs.iter().enumerate() {
        check(&format!("run {}", index + 1), &run.text).map_err(|why| refused(file, &why))?;
    }
    let mut import = Import::default();
    for named in export.experiments {
        let all = || kept.experiments.iter().chain(&import.experiments);
        let same = |other: &Named| other.text == named.text && other.place == named.place && other.workers == named.workers;
        if all().any(|other| other.name == named.name && same(other)) {
            import.known += 1;
            continue;
        }
        let free = free_name(&named.name, |name| all().any(|other| other.name == name));
        import.renamed += usize::from(free != named.name);
        import.experiments.push(Named { name: free, ..named });
    }
    let experiments = kept.experiments.len() + import.experiments.len();
    if experiments > NAMED_MAX {
        return Err(format!(
            "With those of {file} there would be {experiments} experiments, and {NAMED_MAX} are kept at most. Delete some first. Nothing was \
             changed."
        ));
    }
    for mut run in export.runs.into_iter().take(RUNS_MAX) {
        if kept.runs.contains(&run) {
            import.known += 1;
            continue;
        }
        // Another that ended in the same millisecond stays.
        while kept.runs.iter().chain(&import.runs).any(|other| other.ended_ms == run.ended_ms) {
            run.ended_ms += 1.0;
        }
        import.runs.push(run);
    }
    Ok(import)
}

/// The form that a file says it has, whatever else is in it.
fn form(text: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Head {
        millrace_kept: u64,
    }
    serde_json::from_str::<Head>(text).ok().map(|head| head.millrace_kept)
}

fn check(place: &str, text: &str) -> Result<(), String> {
    if text.len() <= EXPERIMENT_BYTES_MAX {
        return Ok(());
    }
    Err(format!("the text of {place} has {} bytes, and one has {EXPERIMENT_BYTES_MAX} at most", text.len()))
}

fn checked_name(place: &str, written: &str) -> Result<(), String> {
    match name(written) {
        Ok(name) if name == written => Ok(()),
        _ => Err(format!("the name of {place} is empty, too long or of several lines")),
    }
}

fn refused(file: &str, why: &str) -> String {
    format!("{file} cannot be taken in: {why}. Mend that in the file, or export it anew. Nothing was changed.")
}

impl Import {
    /// What came of it, in a sentence or two.
    pub fn told(&self, file: &str) -> String {
        let mut told = match (self.experiments.len() as u64, self.runs.len() as u64) {
            (0, 0) => format!("There is nothing new in {file}."),
            (experiments, runs) => {
                let experiments = of(experiments, "experiment", "experiments");
                format!("{experiments} and {} came from {file}.", of(runs, "past run", "past runs"))
            }
        };
        if self.known > 0 {
            told.push_str(&format!(" {} kept already.", of(self.known as u64, "entry was", "entries were")));
        }
        if self.renamed > 0 {
            told.push_str(&format!(
                " {} a number behind the name, which another has.",
                of(self.renamed as u64, "experiment got", "experiments got")
            ));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use shared::wire::Place;

    use super::*;
    use crate::lab::kept::record::Read;

    fn named(name: &str, text: &str) -> Named {
        Named { name: name.into(), kept_ms: 1.0, text: text.into(), place: Place::Browser, workers: None }
    }

    fn run(ended_ms: f64) -> PastRun {
        serde_json::from_value(
            serde_json::json!({ "ended_ms": ended_ms, "title": "A", "text": "t", "place": "simulate", "seed": "1" }),
        )
        .unwrap()
    }

    fn kept() -> Kept {
        Kept { runs: vec![run(2.0), run(1.0)], experiments: vec![named("Mine", "a")], unreadable: 0 }
    }

    #[test]
    fn what_was_exported_comes_back_whole_and_twice_adds_nothing() {
        let file = export(&kept());
        let import_into = |kept: &Kept| import("kept.json", &file, kept).unwrap();
        let import = import_into(&Kept::default());
        assert_eq!(import.experiments, kept().experiments);
        assert_eq!(import.runs, kept().runs);
        assert_eq!(import.runs[0].read, Read::AsWritten);
        assert_eq!(import.told("kept.json"), "1 experiment and 2 past runs came from kept.json.");
        let again = import_into(&kept());
        assert_eq!((again.experiments.len(), again.runs.len(), again.known), (0, 0, 3));
        assert_eq!(again.told("kept.json"), "There is nothing new in kept.json. 3 entries were kept already.");
    }

    #[test]
    fn another_experiment_of_the_same_name_gets_a_number() {
        let file = export(&Kept { experiments: vec![named("Mine", "b")], ..Kept::default() });
        let import = import("kept.json", &file, &kept()).unwrap();
        assert_eq!(import.experiments, [named("Mine (2)", "b")]);
        assert_eq!(import.renamed, 1);
    }

    #[test]
    fn two_runs_that_ended_at_once_are_both_kept() {
        let other = PastRun { title: "B".into(), ..run(2.0) };
        let file = export(&Kept { runs: vec![other.clone()], ..Kept::default() });
        assert_eq!(import("kept.json", &file, &kept()).unwrap().runs, [PastRun { ended_ms: 3.0, ..other }]);
    }

    #[test]
    fn a_file_that_is_none_is_told_where_and_what_would_fit() {
        let long = export(&Kept { experiments: vec![named("Mine", &"x".repeat(EXPERIMENT_BYTES_MAX + 1))], ..Kept::default() });
        let experiments = (0..=NAMED_MAX).map(|number| named(&number.to_string(), "")).collect();
        let many = export(&Kept { experiments, ..Kept::default() });
        for (text, part) in [
            ("title: Mine\n", "line 1 column"),
            ("{\n \"millrace_kept\": 1,\n \"experiments\": [{}],\n \"runs\": [] }", "missing field `name` at line 3"),
            ("{ \"millrace_kept\": 2, \"anything\": 1 }", "of form 2, which a later version"),
            (&export(&Kept { experiments: vec![named("two\nlines", "")], ..Kept::default() }), "the name of experiment 1"),
            (&long, "the text of experiment 1 has 262145 bytes"),
            (&many, "there would be 201 experiments"),
        ] {
            let sentence = import("kept.json", text, &Kept::default()).unwrap_err();
            assert!(sentence.contains("kept.json") && sentence.contains(part), "{sentence}");
            assert!(sentence.ends_with("Nothing was changed."), "{sentence}");
        }
    }
}

//! What is kept, as plain data: a run that has ended, and an experiment under a name.
//!
//! Each is kept, and exported, as JSON. A key that a later version adds has a default, so that what an earlier one kept can be read.

use serde::{Deserialize, Serialize};
use shared::wire::{Place, Report, text64, text64_option};

use crate::lab::experiment::gallery::title_of;
use crate::lab::model::{RunModel, Stage};
use crate::lab::state::Input;

/// Runs that are kept at most; the oldest go.
pub const RUNS_MAX: usize = 200;
/// Experiments under names at most.
pub const NAMED_MAX: usize = 200;
/// Longest name of an experiment that is kept, in characters.
pub const NAME_CHARS_MAX: usize = 80;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// What the experiment's text says.
    #[default]
    AsWritten,
    /// The bundled text, so many times over.
    Repeated(u32),
    /// A file of the user's own. It is not kept, only what it was called and how many bytes it had.
    File { name: String, bytes: f64 },
    /// A text that was pasted. It is not kept either.
    Pasted,
}

impl Read {
    pub fn of(input: &Input) -> Read {
        match input {
            Input::AsWritten => Read::AsWritten,
            Input::Repeated(times) => Read::Repeated(*times),
            Input::File(file) => Read::File { name: file.name(), bytes: file.size() },
            Input::Pasted(_) => Read::Pasted,
        }
    }

    /// The same again, as far as it is there: what the user has chosen now may be the file that was read then.
    pub fn again(&self, chosen: &Input) -> Option<Input> {
        match self {
            Read::AsWritten => Some(Input::AsWritten),
            Read::Repeated(times) => Some(Input::Repeated(*times)),
            Read::File { .. } => Some(chosen.clone()).filter(|chosen| Read::of(chosen) == *self),
            Read::Pasted => None,
        }
    }
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastRun {
    /// When it ended, milliseconds since 1970.
    pub ended_ms: f64,
    pub title: String,
    /// As it ran: the faults that were wished for are in it.
    pub text: String,
    pub place: Place,
    #[serde(with = "text64")]
    pub seed: u64,
    /// How many it had; of a bus, whose clients are in its text, nothing.
    #[serde(default)]
    pub workers: Option<u32>,
    #[serde(default)]
    pub read: Read,
    #[serde(default)]
    pub wall_ms: Option<f64>,
    #[serde(default)]
    pub virtual_ms: Option<f64>,
    #[serde(default, with = "text64_option")]
    pub rows: Option<u64>,
    #[serde(default)]
    pub output_hash: Option<String>,
    #[serde(default)]
    pub trace_hash: Option<String>,
    /// How many lines of `expect` there were, and how many held.
    #[serde(default)]
    pub expected: u32,
    #[serde(default)]
    pub held: u32,
    /// Why it ended without a result.
    #[serde(default)]
    pub failure: Option<String>,
}

impl PastRun {
    /// What is to be kept of a run, `None` while it goes on. `text` is what it ran, with the faults that were wished for.
    pub fn of(run: &RunModel, text: String, read: Read, ended_ms: f64) -> Option<PastRun> {
        let place = run.place?;
        let started = run.started.as_ref();
        let kept = PastRun {
            ended_ms,
            title: started.map_or_else(|| title_of(&text), |started| started.title.clone()),
            text,
            place,
            seed: started.map_or(0, |started| started.seed),
            workers: started.filter(|started| started.bus.is_none()).map(|started| started.workers),
            read,
            wall_ms: None,
            virtual_ms: None,
            rows: None,
            output_hash: None,
            trace_hash: None,
            expected: 0,
            held: 0,
            failure: None,
        };
        match &run.stage {
            Stage::Finished(report) => Some(kept.with(report)),
            Stage::Failed { message, problems } => {
                let problem = problems.first().map(|problem| format!("{message}: {}", problem.message));
                Some(PastRun { failure: Some(problem.unwrap_or_else(|| message.clone())), ..kept })
            }
            Stage::Empty | Stage::Uploading { .. } | Stage::Starting | Stage::Running => None,
        }
    }

    fn with(self, report: &Report) -> PastRun {
        PastRun {
            seed: report.seed,
            wall_ms: Some(report.wall_ms),
            virtual_ms: report.virtual_ms,
            rows: Some(report.rows),
            output_hash: Some(report.output_hash.clone()),
            trace_hash: report.trace_hash.clone(),
            expected: report.expectations.len() as u32,
            held: report.expectations.iter().filter(|expectation| expectation.held).count() as u32,
            ..self
        }
    }

    /// What running it again came to, beside what it came to then, in a sentence. And whether nothing is other than it was.
    pub fn beside(&self, again: &Result<Report, String>) -> (bool, String) {
        match (&self.failure, again) {
            (Some(_), Err(why)) => (true, format!("It ended without a result again: {why}")),
            (Some(_), Ok(_)) => (false, "This time it came to a result.".to_owned()),
            (None, Err(why)) => (false, format!("This time it ended without a result: {why}")),
            (None, Ok(report)) => {
                let rows = self.output_hash.as_ref() == Some(&report.output_hash);
                let trace = self.trace_hash.is_none() || self.trace_hash == report.trace_hash;
                let sentence = match (rows, trace, &self.trace_hash) {
                    (true, true, Some(_)) => "The same rows, the same trace.".to_owned(),
                    (true, true, None) => "The same rows.".to_owned(),
                    (true, false, _) => "The same rows, another trace.".to_owned(),
                    (false, true, Some(_)) => format!("Other rows ({}), the same trace.", report.output_hash),
                    (false, true, None) => format!("Other rows ({}).", report.output_hash),
                    (false, false, _) => format!("Other rows ({}), another trace.", report.output_hash),
                };
                (rows && trace, sentence)
            }
        }
    }
}

/// An experiment that somebody gave a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// No two have the same.
    pub name: String,
    /// When it was kept, milliseconds since 1970.
    pub kept_ms: f64,
    pub text: String,
    pub place: Place,
    /// The user's own number of workers; otherwise the experiment and the place decide.
    #[serde(default)]
    pub workers: Option<u32>,
}

/// A name as it is kept; or a sentence why it cannot be.
pub fn name(written: &str) -> Result<String, String> {
    let name = written.split_whitespace().collect::<Vec<_>>().join(" ");
    match name.chars().count() {
        0 => Err("Write a name first: it is what you will look for.".to_owned()),
        chars if chars > NAME_CHARS_MAX => {
            Err(format!("This name has {chars} characters, and one has {NAME_CHARS_MAX} at most. Shorten it."))
        }
        _ => Ok(name),
    }
}

/// A name like this one that nobody has: with a number behind it if need be.
pub fn free_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2u32..).map(|number| {
        let behind = format!(" ({number})");
        let kept: String = name.chars().take(NAME_CHARS_MAX - behind.chars().count()).collect();
        kept + &behind
    });
    [name.to_owned()].into_iter().chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(output: &str, trace: Option<&str>) -> Report {
        serde_json::from_value(serde_json::json!({
            "place": "simulate", "seed": "7", "rows": "3", "wall_ms": 1.0, "virtual_ms": 2.0, "trace_hash": trace,
            "output_hash": output, "counters": shared::batch::Counters::default(), "tally": shared::wire::Tally::default(),
            "expectations": [{ "expectation": "rows: 3", "held": true, "found": "3" }, { "expectation": "rows: 4", "held": false, "found": "3" }]
        }))
        .unwrap()
    }

    fn past(report: &Report) -> PastRun {
        let mut run = RunModel::asked(1, Place::Simulate);
        run.stage = Stage::Finished(report.clone());
        PastRun::of(&run, "title: Mine\n".into(), Read::AsWritten, 5.0).unwrap()
    }

    #[test]
    fn a_run_is_kept_when_it_has_ended_with_what_it_came_to() {
        let mut run = RunModel::asked(1, Place::Simulate);
        let kept = |run: &RunModel| PastRun::of(run, "title: Mine\n".into(), Read::AsWritten, 5.0);
        assert_eq!(kept(&run), None);
        run.stage = Stage::Finished(report("a", Some("t")));
        let past = kept(&run).unwrap();
        assert_eq!((past.title.as_str(), past.seed, past.rows, past.expected, past.held), ("Mine", 7, Some(3), 2, 1));
        run.fail("It was stopped.".into(), Vec::new());
        assert_eq!(kept(&run).unwrap().failure.as_deref(), Some("It was stopped."));
    }

    #[test]
    fn it_comes_back_from_json_as_it_went() {
        let past = past(&report("a", Some("t")));
        let json = serde_json::to_string(&past).unwrap();
        assert!(json.contains("\"seed\":\"7\""), "64-bit integers travel as texts: {json}");
        assert_eq!(serde_json::from_str::<PastRun>(&json).unwrap(), past);
    }

    #[test]
    fn what_an_earlier_version_kept_can_be_read() {
        let least = r#"{"ended_ms":5,"title":"Mine","text":"","place":"browser","seed":"0"}"#;
        assert_eq!(serde_json::from_str::<PastRun>(least).unwrap().read, Read::AsWritten);
    }

    #[test]
    fn two_runs_are_compared_by_their_hashes() {
        let past = past(&report("a", Some("t")));
        let (same, sentence) = past.beside(&Ok(report("a", Some("t"))));
        assert!(same && sentence == "The same rows, the same trace.");
        for (output, trace, told) in [
            ("a", "u", "The same rows, another trace."),
            ("b", "t", "Other rows (b), the same trace."),
            ("b", "u", "Other rows (b), another trace."),
        ] {
            assert_eq!(past.beside(&Ok(report(output, Some(trace)))), (false, told.to_owned()));
        }
        let real = PastRun { trace_hash: None, ..past.clone() };
        assert_eq!(real.beside(&Ok(report("a", None))), (true, "The same rows.".to_owned()));
        assert!(!past.beside(&Err("gone".into())).0);
        assert!(PastRun { failure: Some("gone".into()), ..past }.beside(&Err("gone".into())).0);
    }

    #[test]
    fn a_name_is_one_line_and_not_too_long_and_a_taken_one_gets_a_number() {
        assert_eq!(name("  My \n run "), Ok("My run".to_owned()));
        assert!(name(" ").unwrap_err().contains("Write a name"));
        assert!(name(&"x".repeat(81)).unwrap_err().contains("81 characters"));
        assert_eq!(free_name("a", |_| false), "a");
        assert_eq!(free_name("a", |name| name == "a" || name == "a (2)"), "a (3)");
        assert_eq!(free_name(&"x".repeat(80), |name| name.ends_with('x')).chars().count(), 80);
    }
}

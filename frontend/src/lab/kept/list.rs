//! The lists of the dialog, drawn from what is known: every item with what it is and what can be done with it.

use std::collections::BTreeMap;

use super::database::Kept;
use super::record::{NAMED_MAX, Named, PastRun, Read};
use crate::components::html::{escape, icon};
use crate::lab::experiment::gallery::{fits, title_of};
use crate::lab::format::{duration_ms, grouped, of};
use crate::lab::place_name;

/// A run that is run again.
#[derive(Clone, Debug, PartialEq)]
pub enum Again {
    /// As the run of this number.
    Under(u32),
    /// Whether nothing is other than it was, and a sentence.
    Told(bool, String),
}

/// What can be brought back.
#[derive(Clone, Debug, PartialEq)]
pub enum Deleted {
    Runs(Vec<PastRun>),
    Experiment(Named),
}

/// Everything of the dialog.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// `None` until it has been read once.
    pub kept: Option<Kept>,
    pub sought: String,
    /// Why the last thing that was asked for could not be done.
    pub trouble: Option<String>,
    pub told: String,
    /// The name that is taken, under which something is to be kept.
    pub taken: Option<String>,
    /// The name of the experiment that is given another.
    pub renaming: Option<String>,
    /// Runs that were run again, by when they had ended.
    pub again: BTreeMap<u64, Again>,
    pub deleted: Option<Deleted>,
}

impl State {
    pub fn experiment(&self, index: u64) -> Option<&Named> {
        self.kept.as_ref()?.experiments.get(index as usize)
    }

    pub fn run(&self, index: u64) -> Option<&PastRun> {
        self.kept.as_ref()?.runs.get(index as usize)
    }

    pub fn named(&self, name: &str) -> Option<&Named> {
        self.kept.as_ref()?.experiments.iter().find(|named| named.name == name)
    }

    /// Whether one more experiment would be one too many.
    pub fn is_full(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.experiments.len() >= NAMED_MAX)
    }

    /// Says why something could not be done.
    pub fn refuse(&mut self, trouble: String) {
        (self.trouble, self.told) = (Some(trouble), String::new());
    }

    /// Whether there are past runs to be deleted.
    pub fn has_runs(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| !kept.runs.is_empty())
    }

    pub fn is_empty(&self) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.runs.is_empty() && kept.experiments.is_empty())
    }

    /// The experiments; `when` says when something was.
    pub fn experiments(&self, when: impl Fn(f64) -> String) -> String {
        let Some(kept) = &self.kept else { return hint("They are being read.") };
        if kept.experiments.is_empty() {
            return hint(
                "An experiment that you keep under a name stands here. Write one above to keep what is in the editor.",
            );
        }
        let fitting = kept.experiments.iter().enumerate().filter(|(_, named)| fits(&self.sought, &[&named.name, &named.text]));
        let items: String = fitting
            .map(|(index, named)| {
                let renaming = self.renaming.as_ref() == Some(&named.name);
                experiment(index, named, renaming, &when(named.kept_ms))
            })
            .collect();
        if items.is_empty() { hint("No experiment says that.") } else { items }
    }

    /// The past runs.
    pub fn runs(&self, when: impl Fn(f64) -> String) -> String {
        let Some(kept) = &self.kept else { return hint("They are being read.") };
        let unreadable = match kept.unreadable {
            0 => String::new(),
            many => {
                let entries = of(many as u64, "entry was", "entries were");
                hint(&format!("{entries} kept by another version of Millrace, which this one cannot read."))
            }
        };
        if kept.runs.is_empty() {
            return hint(
                "Every run that you start is kept here when it has ended, with what it came to. Run an experiment, and it is the first.",
            ) + &unreadable;
        }
        let fitting = kept.runs.iter().enumerate().filter(|(_, run)| run_fits(&self.sought, run));
        let items: String =
            fitting.map(|(index, run)| item(index, run, self.again.get(&(run.ended_ms as u64)), &when(run.ended_ms))).collect();
        let items = if items.is_empty() { hint("No past run says that.") } else { items };
        items + &unreadable
    }
}

fn run_fits(sought: &str, run: &PastRun) -> bool {
    let hashes = [&run.output_hash, &run.trace_hash, &run.failure].map(|text| text.as_deref().unwrap_or_default());
    fits(sought, &[&run.title, &run.text, place_name(run.place), outcome(run).1, hashes[0], hashes[1], hashes[2]])
}

fn hint(sentence: &str) -> String {
    format!("<li class=\"hint\">{sentence}</li>")
}

/// How it ended: its sign and its colour's class, and the words.
fn outcome(run: &PastRun) -> ([&'static str; 2], &'static str) {
    match (&run.failure, run.held < run.expected) {
        (Some(_), _) => (["circle-x", "broken"], "Ended without a result"),
        (None, true) => (["triangle-alert", "broken"], "An expectation did not hold"),
        (None, false) => (["circle-check", "held"], "Finished"),
    }
}

/// A button of an item.
struct Button<'a> {
    what: &'a str,
    id: String,
    of: usize,
    label: &'a str,
    /// What it is done to, for who does not see where the button stands.
    to: &'a str,
}

impl Button<'_> {
    fn html(&self) -> String {
        let Button { what, id, of, label, to } = self;
        format!(
            "<button class=\"small\" data-do=\"{what}\" data-of=\"{of}\" data-testid=\"{id}\" aria-label=\"{label}: {}\">{label}</button>",
            escape(to)
        )
    }
}

fn experiment(index: usize, named: &Named, renaming: bool, when: &str) -> String {
    let name = escape(&named.name);
    let button = |what, label| Button { what, id: format!("{what}-{index}"), of: index, label, to: &named.name }.html();
    let (head, buttons) = if renaming {
        let field = format!(
            "<input class=\"kept-field\" data-testid=\"rename-to\" aria-label=\"Another name for {name}\" value=\"{name}\" />"
        );
        (field, button("rename-save", "Rename") + &button("rename-not", "Cancel"))
    } else {
        let buttons = [("open-kept", "Open"), ("rename-kept", "Rename"), ("delete-kept", "Delete")];
        (format!("<strong>{name}</strong>"), buttons.map(|(what, label)| button(what, label)).concat())
    };
    let title = title_of(&named.text);
    let mut facts = vec![escape(place_name(named.place))];
    facts.extend(named.workers.map(|workers| of(workers.into(), "worker", "workers")));
    if title != named.name {
        facts.insert(0, escape(&title));
    }
    format!(
        "<li class=\"kept-item\" data-testid=\"kept-experiment\"><div class=\"kept-head\">{head}<span class=\"hint\">{}</span></div>\
         <p class=\"hint\">{}</p><div class=\"sheet-row\">{buttons}</div></li>",
        escape(when),
        facts.join(" · ")
    )
}

fn item(index: usize, run: &PastRun, again: Option<&Again>, when: &str) -> String {
    let ([sign, class], words) = outcome(run);
    let button = |what, label| Button { what, id: format!("{what}-{index}"), of: index, label, to: &run.title }.html();
    let under = matches!(again, Some(Again::Under(_)));
    let buttons = if under {
        [("open-run", "Open"), ("stop-run", "Stop"), ("delete-run", "Delete")]
    } else {
        [("open-run", "Open"), ("again-run", "Run again and compare"), ("delete-run", "Delete")]
    };
    let buttons = buttons.map(|(what, label)| button(what, label)).concat();
    let hashes = [("rows", &run.output_hash), ("trace", &run.trace_hash)].into_iter().filter_map(|(name, hash)| {
        let hash = escape(hash.as_ref()?);
        Some(format!("<span>{name} <code>{hash}</code></span>"))
    });
    let hashes: String = hashes.collect();
    let failure = run.failure.as_ref().map(|why| format!("<p>{}</p>", escape(why))).unwrap_or_default();
    let told = match again {
        None => String::new(),
        Some(Again::Under(_)) => "<p class=\"hint\">It runs again.</p>".to_owned(),
        Some(Again::Told(same, sentence)) => {
            let (sign, class) = if *same { ("check", "held") } else { ("x", "broken") };
            format!(
                "<p class=\"kept-told {class}\" data-testid=\"again-told-{index}\" data-same=\"{same}\">{}<span>{}</span></p>",
                icon(sign),
                escape(sentence)
            )
        }
    };
    format!(
        "<li class=\"kept-item\" data-testid=\"kept-run\"><div class=\"kept-head\"><span class=\"kept-told {class}\">{}</span>\
         <strong>{}</strong><span class=\"hint\">{}</span></div><p class=\"hint\">{words} · {}</p>{failure}\
         <p class=\"hint kept-hashes\">{hashes}</p><div class=\"sheet-row\">{buttons}</div>{told}</li>",
        icon(sign),
        escape(&run.title),
        escape(when),
        facts(run).join(" · ")
    )
}

/// What there is to say of a run in a line. A file's name is a user's.
fn facts(run: &PastRun) -> Vec<String> {
    let mut facts = vec![place_name(run.place).to_owned()];
    facts.extend(run.workers.map(|workers| of(workers.into(), "worker", "workers")));
    match &run.read {
        Read::AsWritten => {}
        Read::Repeated(times) => facts.push(format!("the bundled text {times} times over")),
        Read::File { name, .. } => facts.push(escape(name)),
        Read::Pasted => facts.push("a pasted text".to_owned()),
    }
    facts.push(format!("seed {}", run.seed));
    facts.extend(run.rows.map(|rows| of(rows, "row", "rows")));
    let span = |ms| {
        let figure = duration_ms(ms);
        format!("{} {}", figure.value, figure.unit)
    };
    facts.extend(run.virtual_ms.map(|ms| format!("{} of virtual time", span(ms))));
    facts.extend(run.wall_ms.map(|ms| format!("took {}", span(ms))));
    if run.expected > 0 {
        facts.push(format!("{} of {} held", grouped(run.held.into()), of(run.expected.into(), "expectation", "expectations")));
    }
    facts
}

#[cfg(test)]
mod tests {
    use shared::wire::Place;

    use super::*;

    fn run() -> PastRun {
        PastRun {
            ended_ms: 5.0,
            title: "<b>Mine</b>".into(),
            text: "steps: reduce".into(),
            place: Place::Simulate,
            seed: 7,
            workers: Some(4),
            read: Read::File { name: "a&b.csv".into(), bytes: 3.0 },
            wall_ms: Some(18.0),
            virtual_ms: Some(1200.0),
            rows: Some(1),
            output_hash: Some("00ff".into()),
            trace_hash: Some("11ee".into()),
            expected: 2,
            held: 1,
            failure: None,
        }
    }

    fn state() -> State {
        let named =
            Named { name: "A \"b\"".into(), kept_ms: 1.0, text: "title: C".into(), place: Place::Browser, workers: Some(2) };
        State { kept: Some(Kept { runs: vec![run()], experiments: vec![named], unreadable: 0 }), ..State::default() }
    }

    #[test]
    fn a_run_is_told_by_what_it_was_and_what_it_came_to_and_no_text_becomes_a_tag() {
        let html = state().runs(|ms| format!("at {ms}"));
        for part in [
            "&lt;b&gt;Mine&lt;/b&gt;",
            "at 5",
            "An expectation did not hold · Simulate · 4 workers · a&amp;b.csv · seed 7 · 1 row · 1.2 s of virtual time · took 18 ms · 1 of 2 \
             expectations held",
            "rows <code>00ff</code>",
            "trace <code>11ee</code>",
            "data-testid=\"again-run-0\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("<b>Mine"));
    }

    #[test]
    fn what_running_it_again_came_to_stands_with_it() {
        let mut state = state();
        state.again.insert(5, Again::Under(3));
        assert!(state.runs(|_| String::new()).contains("data-testid=\"stop-run-0\""));
        state.again.insert(5, Again::Told(true, "The same rows.".into()));
        let html = state.runs(|_| String::new());
        assert!(html.contains("data-same=\"true\"") && html.contains("The same rows."), "{html}");
    }

    #[test]
    fn both_lists_are_searched_by_all_that_is_in_them() {
        for (sought, runs, experiments) in
            [("", 1, 1), ("REDUCE", 1, 0), ("00ff", 1, 0), ("simulate did not hold", 1, 0), ("title", 0, 1), ("nothing", 0, 0)]
        {
            let state = State { sought: sought.into(), ..state() };
            let count = |html: String, id: &str| html.matches(id).count();
            assert_eq!(count(state.runs(|_| String::new()), "kept-run\""), runs, "{sought}");
            assert_eq!(count(state.experiments(|_| String::new()), "kept-experiment\""), experiments, "{sought}");
        }
    }

    #[test]
    fn an_experiment_is_given_another_name_in_its_place() {
        let mut state = state();
        assert!(state.experiments(|_| String::new()).contains("<strong>A &quot;b&quot;</strong>"));
        state.renaming = Some("A \"b\"".into());
        assert!(state.experiments(|_| String::new()).contains("value=\"A &quot;b&quot;\""));
    }
}

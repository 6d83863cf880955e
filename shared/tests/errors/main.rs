//! Every kind of error that the checker and the expression language can tell: `cases.txt` has a case of each, which is run here, and
//! `docs/errors.md` is made of it. What the sources can say and no case provokes fails too, so that the table cannot go stale.
//! `MILLRACE_REWRITE=1 cargo test -p shared --test errors` writes the document anew.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![allow(clippy::disallowed_methods)] // It reads its cases and the sources; the core opens nothing.
#![cfg(not(target_arch = "wasm32"))]

mod sources;

use std::fmt::Write;
use std::path::Path;

use shared::experiment::{Experiment, Problem, check, check_with};
use shared::expr::reference::sample;
use shared::expr::{AggregateExpr, Context, Expr, Schema};

/// What cases with `~` change: the gallery's word count, so short that a change is easily found. The reference page makes its
/// examples of it, too.
const BASE: &str = include_str!("base.yaml");

/// What cases with `filter:` and `value:` stand in; the expression is a block, so that it needs no quotes.
const COLUMNS: &str = include_str!("columns.yaml");

/// What is too long to write into a case, or would be changed by an editor: the mark, what it means, how a reader sees it.
fn marks() -> [(&'static str, String, &'static str); 6] {
    let factors = format!("x{}", "*-n".repeat(60));
    [
        ("<TAB>", "\t".to_owned(), "⇥"),
        ("<LONG>", "x".repeat(256 * 1024), "…"),
        ("<EMPTY>", String::new(), "''"),
        ("<OR>", format!("true{}", " or true".repeat(600)), "true or true or true or …"),
        ("<BIG>", format!("x in ({})", vec![factors; 22].join(",")), "x in (x*-n*-n*-n…, x*-n*-n*-n…, …)"),
        ("<STEPS>", "    - filter: true\n".repeat(300), "    - filter: true\n    - filter: true\n    …"),
    ]
}

struct Case {
    /// What is said, with `…` for what differs from case to case.
    shape: String,
    means: String,
    cure: String,
    /// What provokes it: the kind of the fragment, and the fragment. Several only with `~`.
    fragments: Vec<(String, String)>,
}

struct Section {
    title: String,
    cases: Vec<Case>,
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sections() -> Vec<Section> {
    let text = std::fs::read_to_string(folder().join("tests/errors/cases.txt")).unwrap();
    let section = |text: &str| {
        let (title, cases) = text.split_once('\n').unwrap();
        let cases = cases.trim().strip_prefix("== ").unwrap_or_else(|| panic!("`{title}` begins with no case"));
        Section { title: title.to_owned(), cases: cases.split("\n== ").map(case).collect() }
    };
    text.split("\n## ").skip(1).map(section).collect()
}

fn case(text: &str) -> Case {
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let shape = lines.next().unwrap().to_owned();
    let mut field = |name: &str| {
        let line = lines.next().and_then(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("`{shape}` has no `{name}`")).trim().to_owned()
    };
    let (means, cure) = (field("means:"), field("cure:"));
    let fragments = lines.map(|line| line.split_once(' ').unwrap()).map(|(kind, text)| (kind.to_owned(), text.to_owned()));
    let fragments: Vec<_> = fragments.collect();
    assert!(!fragments.is_empty(), "`{shape}` has nothing that provokes it");
    Case { shape, means, cure, fragments }
}

fn meant(text: &str) -> String {
    marks().iter().fold(text.replace("\\n", "\n"), |text, (mark, meant, _)| text.replace(mark, meant))
}

fn shown(text: &str) -> String {
    marks().iter().fold(text.replace("\\n", "\n"), |text, (mark, _, shown)| text.replace(mark, shown))
}

impl Case {
    /// Everything that is said, a sentence each, without the places.
    fn said(&self) -> Vec<String> {
        let problems = |found: Result<Experiment, Vec<Problem>>| {
            let sentence = |problem: Problem| Problem { line: 0, column: 0, ..problem }.to_string();
            // No input is opened here, so that no columns are inferred.
            let found = found.and_then(|experiment| experiment.batch.draft.map_or(Ok(()), |draft| draft.with(&[]).map(|_| ())));
            found.err().unwrap_or_default().into_iter().map(sentence).collect::<Vec<_>>()
        };
        let (kind, fragment) = &self.fragments[0];
        let fragment = meant(fragment);
        match kind.as_str() {
            "~" => problems(check(&self.changed())),
            "text:" => problems(check(&fragment)),
            "set:" => {
                let (path, value) = fragment.split_once('=').unwrap();
                problems(check_with(BASE, &[(path.to_owned(), value.to_owned())]))
            }
            "filter:" if fragment.is_empty() => problems(check(&format!("{COLUMNS}    - filter: ''\n"))),
            "filter:" => problems(check(&format!("{COLUMNS}    - filter: |\n        {fragment}\n"))),
            "value:" => problems(check(&format!(
                "{COLUMNS}    - reduce:\n        key: word\n        values:\n          v: |\n            {fragment}\n"
            ))),
            "row:" => match Expr::parse(&fragment, &Schema::default()) {
                Err(error) => vec![error.message],
                Ok(expr) => expr.eval(&[]).err().map(|error| error.to_string()).into_iter().collect(),
            },
            "rows:" => over_rows(&fragment).err().into_iter().collect(),
            other => panic!("`{}` has `{other}`, which is no kind of fragment", self.shape),
        }
    }

    /// The word count with this case's changes.
    fn changed(&self) -> String {
        self.fragments.iter().fold(BASE.to_owned(), |text, (_, change)| {
            let (old, new) = change.split_once(" => ").unwrap();
            assert!(text.contains(old), "`{}` replaces `{old}`, which is not there", self.shape);
            text.replacen(old, &meant(new), 1)
        })
    }

    /// What a reader sees of the fragments, a line each.
    fn example(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (kind, fragment) in &self.fragments {
            let text = match kind.as_str() {
                "~" => shown(fragment.split_once(" => ").unwrap().1),
                "text:" => shown(fragment),
                "set:" => format!("--set {}", shown(fragment)),
                "filter:" => format!("filter: {}", shown(fragment)),
                "value:" => format!("values: {{ v: {} }}", shown(fragment)),
                _ => shown(fragment),
            };
            lines.extend(text.lines().map(|line| line.trim_end().to_owned()));
        }
        lines
    }
}

/// Computes an aggregate over the rows of the reference, or says why not.
fn over_rows(text: &str) -> Result<(), String> {
    let (schema, rows) = sample();
    let values = |index: usize| rows.iter().map(|row| row[index].clone()).collect::<Vec<_>>();
    let columns: Vec<_> = schema.0.iter().enumerate().map(|(index, (_, of))| of.array(&values(index))).collect();
    let expr = AggregateExpr::parse(text, &schema).map_err(|error| error.message)?;
    for aggregate in &expr.aggregates {
        let argument = aggregate.argument().map(|of| of.evaluate(&columns, rows.len(), Context::default()));
        let argument = argument.transpose().map_err(|error| error.message)?;
        let mut accumulator = aggregate.accumulator();
        accumulator.update(&vec![0; rows.len()], 1, argument.as_slice()).map_err(|error| error.message)?;
        accumulator.finish().map_err(|error| error.message)?;
    }
    Ok(())
}

/// Whether a sentence has a shape.
fn has_shape(said: &str, shape: &str) -> bool {
    let parts: Vec<&str> = shape.split('…').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    let Some(rest) = said.strip_prefix(first) else { return false };
    if parts.len() == 1 {
        return rest.is_empty();
    }
    let Some(rest) = rest.strip_suffix(last) else { return false };
    let mut middle = parts[1..parts.len() - 1].iter();
    middle.try_fold(rest, |rest, part| rest.split_once(part).map(|(_, rest)| rest)).is_some()
}

#[test]
fn each_case_says_what_the_table_says() {
    let wrong: Vec<String> = sections()
        .iter()
        .flat_map(|section| &section.cases)
        .filter(|case| !case.said().iter().any(|said| has_shape(said, &case.shape)))
        .map(|case| format!("{}\n  is not among\n  {}", case.shape, case.said().join("\n  ")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_error_is_there_twice() {
    let mut shapes: Vec<String> = sections().into_iter().flat_map(|section| section.cases).map(|case| case.shape).collect();
    assert!(shapes.len() >= 150, "{} cases", shapes.len());
    shapes.sort();
    let twice: Vec<_> = shapes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn whatever_the_sources_can_say_is_provoked() {
    let said: Vec<String> = sections().iter().flat_map(|section| &section.cases).flat_map(Case::said).collect();
    let missing = sources::sentences().into_iter().filter(|sentence| !said.iter().any(|said| sentence.is_in(said)));
    let missing: Vec<_> = missing.map(|sentence| format!("{}: {}", sentence.place, sentence.text)).collect();
    assert!(missing.is_empty(), "shared/tests/errors/cases.txt needs a case for each of these:\n{}", missing.join("\n"));
}

#[test]
fn the_document_is_the_cases() {
    let path = folder().join("../docs/errors.md");
    if std::env::var("MILLRACE_REWRITE").is_ok() {
        std::fs::write(&path, document()).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == document(),
        "docs/errors.md is old: MILLRACE_REWRITE=1 cargo test -p shared --test errors writes it anew"
    );
}

const INTRODUCTION: &str = "\
# Errors and their cures

This text is made from the cases in `shared/tests/errors/cases.txt`: `MILLRACE_REWRITE=1 cargo test -p shared --test errors` writes it
anew, and the same test runs every example and fails for a sentence of the sources that has no case here.

The checker reads an experiment to its end and tells everything that is wrong, up to a hundred problems, each with its line and column
(`12:17: …`). What follows in parentheses is what would fit. `…` stands for what differs from case to case. An example is the line
that is wrong, in an experiment that is right but for it.
";

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in sections() {
        let _ = write!(text, "\n## {}\n\n| it says | that means | cure | for example |\n|---|---|---|---|\n", section.title);
        for case in &section.cases {
            let example: Vec<_> = case.example().iter().map(|line| format!("`{}`", line.trim_start())).collect();
            let cells = [case.shape.as_str(), &case.means, &case.cure, &example.join("<br>")].map(cell);
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text
}

/// Text as a cell of a table; what stands in back quotes is code and stays as it is.
fn cell(text: &str) -> String {
    let part = |(index, part): (usize, &str)| {
        let part = part.replace('|', "\\|");
        if index % 2 == 0 { part.replace('*', "\\*") } else { part }
    };
    text.split('`').enumerate().map(part).collect::<Vec<_>>().join("`")
}

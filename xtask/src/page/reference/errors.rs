//! The errors and their cures, from the cases that are run as tests (`shared/tests/errors/cases.txt`), each with an experiment that has it.

use super::functions::{aggregating, mapping};
use super::html::{anchor, escape, prose};
use super::{Entry, Example, Group};

/// Makes what a mark stands for.
type Meant = fn() -> String;

/// What is too long to write into a case: the mark, how a reader sees it, and what it stands for where a link can carry that.
const LONG: [(&str, &str, Option<Meant>); 4] = [
    ("<LONG>", "…", None),
    ("<OR>", "true or true or true or …", Some(|| format!("true{}", " or true".repeat(600)))),
    ("<BIG>", "x in (x*-n*-n*-n…, x*-n*-n*-n…, …)", Some(big)),
    ("<STEPS>", "    - filter: true\n    - filter: true\n    …", Some(|| "    - filter: true\n".repeat(300))),
];

fn big() -> String {
    let factors = format!("x{}", "*-n".repeat(60));
    format!("x in ({})", vec![factors; 22].join(","))
}

/// What an editor would change in a case: the mark, what it stands for, how a reader sees it.
const SHORT: [(&str, &str, &str); 2] = [("<TAB>", "\t", "⇥"), ("<EMPTY>", "", "''")];

/// What the bench never says: it has opened the input, so there are columns.
const NOT_IN_THE_BENCH: [&str; 2] = ["the columns of an input could not be inferred", "there are no columns here"];

/// The experiments that cases stand in.
pub struct Ground<'t> {
    /// What cases change.
    pub base: &'t str,
    /// What expressions stand in.
    pub columns: &'t str,
}

/// A group for each section of the cases.
pub fn groups(cases: &str, ground: &Ground) -> Vec<Group> {
    let mut number = 0;
    let mut group = |text: &str| {
        let (title, cases) = text.split_once('\n').unwrap_or((text, ""));
        let cases = cases.trim().trim_start_matches("== ").split("\n== ");
        let entries = cases.map(|case| {
            number += 1;
            entry(case, number, ground)
        });
        Group {
            id: format!("errors-{}", anchor(title)),
            title: escape(title),
            intro: String::new(),
            entries: entries.collect(),
        }
    };
    cases.split("\n## ").skip(1).map(&mut group).collect()
}

fn entry(case: &str, number: usize, ground: &Ground) -> Entry {
    let mut lines = case.lines().filter(|line| !line.is_empty());
    let shape = lines.next().unwrap_or_default();
    let mut field = |name: &str| lines.next().and_then(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    let (means, cure) = (field("means:"), field("cure:"));
    let fragments: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).collect();
    let example = Example { text: shown(&fragments), opens: experiment(shape, &fragments, ground), ..Example::default() };
    Entry {
        name: String::new(),
        id: format!("error-{number}"),
        term: prose(shape),
        kinds: Vec::new(),
        body: format!("<p>{}</p><p><strong>Cure:</strong> {}</p>", prose(&means), prose(&cure)),
        examples: vec![example],
    }
}

/// What a reader sees of the fragments.
fn shown(fragments: &[(&str, &str)]) -> String {
    let line = |(kind, fragment): &(&str, &str)| match *kind {
        "~" => fragment.split_once(" => ").map_or(*fragment, |(_, new)| new).to_owned(),
        "set:" => format!("--set {fragment}"),
        "filter:" => format!("filter: {fragment}"),
        "value:" => format!("values: {{ v: {fragment} }}"),
        _ => (*fragment).to_owned(),
    };
    let text = fragments.iter().map(line).collect::<Vec<_>>().join("\n").replace("\\n", "\n");
    let text = LONG.iter().fold(text, |text, (mark, seen, _)| text.replace(mark, seen));
    let text = SHORT.iter().fold(text, |text, (mark, _, seen)| text.replace(mark, seen));
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_start().to_owned()
}

/// A whole experiment in which the bench finds the error, if there can be one that is no longer than it should be.
fn experiment(shape: &str, fragments: &[(&str, &str)], ground: &Ground) -> Option<String> {
    let is_long = |fragment: &str| LONG.iter().any(|(mark, _, meant)| meant.is_none() && fragment.contains(mark));
    if fragments.iter().any(|(_, fragment)| is_long(fragment)) || NOT_IN_THE_BENCH.iter().any(|words| shape.contains(words)) {
        return None;
    }
    let meant = |text: &str| {
        let text = SHORT.iter().fold(text.replace("\\n", "\n"), |text, (mark, meant, _)| text.replace(mark, meant));
        LONG.iter().fold(text, |text, (mark, _, meant)| match meant {
            Some(meant) if text.contains(mark) => text.replace(mark, &meant()),
            _ => text,
        })
    };
    let (kind, fragment) = fragments.first()?;
    let (fragment, columns) = (meant(fragment), ground.columns);
    match *kind {
        "~" => fragments.iter().try_fold(ground.base.to_owned(), |text, (_, change)| {
            let (old, new) = change.split_once(" => ")?;
            text.contains(old).then(|| text.replacen(old, &meant(new), 1))
        }),
        "text:" => Some(fragment),
        "filter:" if fragment.is_empty() => Some(format!("{columns}    - filter: ''\n")),
        "filter:" => Some(format!("{columns}    - filter: |\n        {fragment}\n")),
        "value:" => Some(format!(
            "{columns}    - reduce:\n        key: word\n        values:\n          v: |\n            {fragment}\n"
        )),
        "row:" => Some(mapping(shape, &fragment)),
        "rows:" => Some(aggregating(shape, &fragment)),
        // A change from the command line.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &str = "About this file.\n\n## First\n== `…` is <b>wrong</b>\nmeans: Something.\ncure: Another.\n~ a => b\\nc\n~ d => <TAB>e\n\
                         == too long\nmeans: M.\ncure: C.\ntext: # <LONG>\n\n## Second\n== at a row\nmeans: M.\ncure: C.\nrow: 7 / 0\n\
                         == too many\nmeans: M.\ncure: C.\nfilter: <OR>\n";

    fn found() -> Vec<Group> {
        groups(CASES, &Ground { base: "x: a\ny: d\n", columns: "steps:\n" })
    }

    #[test]
    fn each_case_is_an_entry_with_its_cure_and_nothing_in_it_is_markup() {
        let groups = found();
        assert_eq!(
            groups.iter().map(|group| (group.title.as_str(), group.entries.len())).collect::<Vec<_>>(),
            [("First", 2), ("Second", 2)]
        );
        let first = &groups[0].entries[0];
        assert_eq!(first.term, "<code>…</code> is &lt;b&gt;wrong&lt;/b&gt;");
        assert_eq!(first.body, "<p>Something.</p><p><strong>Cure:</strong> Another.</p>");
    }

    #[test]
    fn an_example_is_an_experiment_unless_it_would_be_too_long() {
        let groups = found();
        let opens = |group: usize, entry: usize| groups[group].entries[entry].examples[0].opens.as_deref();
        assert_eq!(opens(0, 0), Some("x: b\nc\ny: \te\n"));
        assert_eq!(groups[0].entries[0].examples[0].text, "b\nc\n⇥e");
        assert_eq!(opens(0, 1), None);
        assert_eq!(groups[0].entries[1].examples[0].text, "# …");
        assert!(opens(1, 0).unwrap().contains("          7 / 0\n"));
        // What a link can carry is written out.
        assert!(opens(1, 1).unwrap().contains("true or true or true or true"));
        assert_eq!(groups[1].entries[1].examples[0].text, "filter: true or true or true or …");
    }
}

//! Every experiment of the gallery, run by the real binary, gives the rows that a few plain lines compute from the same input.
//!
//! `checks/NAME.mjs` is that computation for `examples/NAME.yaml`: a script for Node that shares nothing with the engine but the rows of
//! a generated input, and prints the CSV that `millrace run` should print. The two are compared byte for byte, with the experiment's faults under way. An example
//! without a check fails, and so does a check without an example.
//!
//! Experiments with `messaging` have counters instead of rows. They are simulated under a few seeds, and their expectations hold.
//!
//! Each is simulated under its own seed once more, and what comes of that stands in `frontend/gallery.json`, of which the gallery makes its
//! pictures and says how long each takes. `MILLRACE_REWRITE=1 cargo xtask test examples` writes the file anew.

use crate::digest;
use crate::failure::{Done, Failure};
use crate::page::examples::{GALLERY, is_batch};
use crate::process::capture;
use crate::project::Project;
use crate::stages::note;
use crate::{play, process, setup};
use std::collections::BTreeSet;

/// Runs every example and its check.
pub fn check(project: &Project) -> Done {
    setup::npm_packages(project)?;
    let names = names(project)?;
    play::build_server(project)?;
    if !project.dist.join("data/glosses.txt").is_file() {
        return Err(Failure::new("The bundled text isn't built", "Run `cargo xtask test page examples`"));
    }
    let mut rows = 0;
    for name in &names {
        rows += compare(name, &computed(project, name)?, &run(project, name)?)?;
    }
    note(format!("{} examples give the {rows} lines that their checks compute", names.len()));
    let buses = of_kind(project, false)?;
    buses.iter().try_for_each(|name| simulate(project, name))?;
    note(format!("what {} examples with messaging expect holds under {SEEDS} seeds each", buses.len()));
    gallery(project, names.iter().chain(&buses))
}

/// Compares what the gallery says of each example with what a simulation tells.
fn gallery<'n>(project: &Project, names: impl Iterator<Item = &'n String>) -> Done {
    let mut found = serde_json::Map::new();
    for name in names {
        found.insert(name.clone(), told(project, name)?);
    }
    let path = project.root.join(GALLERY);
    if std::env::var_os("MILLRACE_REWRITE").is_some() {
        let lines = found.iter().map(|(name, told)| format!("  {}: {told}", serde_json::json!(name))).collect::<Vec<_>>();
        return digest::write(&path, format!("{{\n{}\n}}\n", lines.join(",\n")).as_bytes());
    }
    let known: serde_json::Value = serde_json::from_slice(&digest::read(&path)?).unwrap_or_default();
    if known != serde_json::Value::Object(found) {
        let remedy = "MILLRACE_REWRITE=1 cargo xtask test examples writes it anew; then build the page again";
        return Err(Failure::new(format!("{GALLERY} is old"), remedy));
    }
    Ok(())
}

/// What a simulation tells of an example: how long it takes, and its stages or its bus.
fn told(project: &Project, name: &str) -> Done<serde_json::Value> {
    let report = project.target.join("gallery-report.json");
    let binary = play::server_binary(project);
    let mut millrace = project.command(&binary.to_string_lossy());
    millrace.args(["run", &format!("examples/{name}.yaml"), "--place", "simulate", "--report"]).arg(&report);
    capture(&mut millrace, "Run it by hand to see more")?;
    let broken = |_| Failure::new(format!("The report of examples/{name}.yaml is no JSON"), "Run it by hand to see more");
    let report: serde_json::Value = serde_json::from_slice(&digest::read(&report)?).map_err(broken)?;
    let mut told = serde_json::Map::new();
    for key in ["virtual_ms", "stages", "bus"] {
        if let Some(value) = report.get(key) {
            told.insert(key.to_owned(), value.clone());
        }
    }
    Ok(told.into())
}

/// Seeds under which an experiment with `messaging` is simulated.
const SEEDS: u32 = 20;

fn simulate(project: &Project, name: &str) -> Done {
    let binary = play::server_binary(project);
    let mut millrace = project.command(&binary.to_string_lossy());
    millrace.args(["run", &format!("examples/{name}.yaml"), "--place", "simulate", "--seeds", &format!("0..{SEEDS}")]);
    capture(&mut millrace, "Run it by hand to see more").map(drop)
}

/// The names of the examples that are batches, or of those that are not.
fn of_kind(project: &Project, batch: bool) -> Done<BTreeSet<String>> {
    let folder = project.root.join("examples");
    let mut names = BTreeSet::new();
    for file in digest::files_below(&folder)? {
        let Some(name) = file.strip_suffix(".yaml") else { continue };
        let text = digest::read(&folder.join(&file))?;
        if is_batch(&String::from_utf8_lossy(&text)) == batch {
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

/// The examples that are batches, each of which has a check.
fn names(project: &Project) -> Done<BTreeSet<String>> {
    let with_extension = |folder: &str, extension: &str| -> Done<BTreeSet<String>> {
        let files = digest::files_below(&project.root.join(folder))?;
        Ok(files
            .iter()
            .filter_map(|file| file.strip_suffix(extension))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect())
    };
    paired(of_kind(project, true)?, &with_extension("checks", ".mjs")?)
}

fn paired(examples: BTreeSet<String>, checks: &BTreeSet<String>) -> Done<BTreeSet<String>> {
    let list = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let unchecked: Vec<_> = examples.difference(checks).collect();
    if !unchecked.is_empty() {
        let what = format!("Nothing computes the rows of these examples for itself: {}", list(unchecked));
        return Err(Failure::new(what, "Write checks/NAME.mjs for each, as checks/word-count.mjs does it"));
    }
    let orphans: Vec<_> = checks.difference(&examples).collect();
    if !orphans.is_empty() {
        return Err(Failure::new(format!("These checks have no example: {}", list(orphans)), "Rename or remove them"));
    }
    Ok(examples)
}

/// What the check prints.
fn computed(project: &Project, name: &str) -> Done<String> {
    if project.find("node").is_none() {
        return Err(process::missing("node"));
    }
    let mut node = project.command("node");
    node.env("MILLRACE", play::server_binary(project)).arg(format!("checks/{name}.mjs"));
    capture(&mut node, "Correct the check")
}

/// What the engine prints. Its expectations hold, or it fails.
fn run(project: &Project, name: &str) -> Done<String> {
    let binary = play::server_binary(project);
    let mut millrace = project.command(&binary.to_string_lossy());
    capture(millrace.arg("run").arg(format!("examples/{name}.yaml")), "Run it by hand to see more")
}

/// How many lines both have, or the first in which they differ.
fn compare(name: &str, computed: &str, printed: &str) -> Done<usize> {
    if computed == printed {
        return Ok(printed.lines().count());
    }
    let (mut left, mut right) = (computed.split_inclusive('\n'), printed.split_inclusive('\n'));
    let differing =
        (1..).map(|line| (line, left.next(), right.next())).find(|(_, left, right)| left != right || left.is_none());
    let (line, left, right) = differing.unwrap_or((0, None, None));
    let shown = |line: Option<&str>| line.map_or_else(|| "nothing".to_owned(), |line| format!("{line:?}"));
    let what = format!(
        "The rows of examples/{name}.yaml differ in line {line}: the check has {}, the run {}",
        shown(left),
        shown(right)
    );
    Err(Failure::new(what, "One of the two is wrong"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_example_without_a_check_is_named_and_so_is_a_check_without_an_example() {
        assert_eq!(paired(set(&["a", "b"]), &set(&["a", "b"])), Ok(set(&["a", "b"])));
        assert!(
            paired(set(&["a", "b", "c"]), &set(&["b"])).unwrap_err().to_string().contains("these examples for itself: a, c")
        );
        assert!(paired(set(&["a"]), &set(&["a", "b"])).unwrap_err().to_string().contains("These checks have no example: b"));
    }

    #[test]
    fn rows_that_differ_are_shown_with_their_line() {
        assert_eq!(compare("x", "a\n1\n", "a\n1\n"), Ok(2));
        let differ = |computed, printed| compare("x", computed, printed).unwrap_err().to_string();
        assert!(differ("a\n1\n", "a\n2\n").contains("line 2: the check has \"1\\n\", the run \"2\\n\""));
        assert!(differ("a\n1\n", "a\n").contains("line 2: the check has \"1\\n\", the run nothing"));
        assert!(differ("a\n1", "a\n1\n").contains("line 2"));
    }

    #[test]
    fn every_example_of_this_checkout_has_a_check() {
        assert!(names(&Project::here().unwrap()).unwrap().contains("word-count"));
    }
}

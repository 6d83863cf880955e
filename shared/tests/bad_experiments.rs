//! Every way to get an experiment wrong, and the exact sentences: `golden/bad_experiments.txt`.
//!
//! A case is `== its name`, an experiment, `--`, and what `check` says. An experiment is written out, or is the gallery's word count
//! with replacements, `~ old => new`, one a line. `REWRITE=1 cargo test -p shared --test bad_experiments` writes what is said now into the
//! file; then read the diff.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

use std::path::{Path, PathBuf};

use shared::experiment::check;

struct Case {
    name: String,
    experiment: String,
    said: String,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bad_experiments.txt")
}

#[allow(clippy::disallowed_methods)] // The test reads its table; the core still opens nothing.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[allow(clippy::disallowed_methods)] // As above.
fn rewrite(cases: &[Case]) -> bool {
    let wanted = std::env::var("REWRITE").is_ok_and(|value| value == "1");
    if wanted {
        let text: Vec<_> = cases.iter().map(|c| format!("== {}\n{}--\n{}", c.name, c.experiment, said(c))).collect();
        std::fs::write(golden(), text.join("\n")).unwrap();
    }
    wanted
}

fn cases() -> Vec<Case> {
    let text = read(&golden());
    let blocks = text.strip_prefix("== ").unwrap().split("\n== ");
    let case = |block: &str| {
        let (name, rest) = block.split_once('\n').unwrap();
        let rest = format!("\n{rest}");
        let (experiment, said) = rest.split_once("\n--\n").unwrap_or_else(|| panic!("`{name}` has no line `--`"));
        let experiment = experiment.strip_prefix('\n').map_or_else(String::new, |text| format!("{text}\n"));
        Case { name: name.to_owned(), experiment, said: said.trim().to_owned() }
    };
    blocks.map(case).collect()
}

/// The experiment of a case, in full.
fn experiment(case: &Case) -> String {
    if !case.experiment.starts_with("~ ") {
        return hidden(&case.experiment);
    }
    let base = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/word-count.yaml"));
    case.experiment.lines().fold(base, |text, line| {
        let (old, new) = line[2..].split_once(" => ").unwrap();
        let new = hidden(new);
        assert!(text.contains(old), "`{}` replaces `{old}`, which is not there", case.name);
        text.replacen(old, &new.replace("\\n", "\n"), 1)
    })
}

/// Characters that an editor would hide or change, and what is too long to read.
fn hidden(text: &str) -> String {
    let marks = [("<TAB>", "\t"), ("<NUL>", "\0"), ("<CR>", "\r"), ("<BOM>", "\u{feff}"), ("<OR>", &" or true".repeat(600))];
    marks.into_iter().fold(text.to_owned(), |text, (mark, meant)| text.replace(mark, meant))
}

fn said(case: &Case) -> String {
    match check(&experiment(case)) {
        Ok(_) => "it is valid\n".to_owned(),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

#[test]
fn each_says_its_sentences() {
    let cases = cases();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    if rewrite(&cases) {
        return;
    }
    for case in &cases {
        assert_eq!(said(case).trim(), case.said, "\n== {}\n{}", case.name, experiment(case));
    }
}

#[test]
fn each_has_a_place_in_its_text() {
    for case in &cases() {
        let text = experiment(case);
        let problems = check(&text).expect_err(&case.name);
        let lines: Vec<&str> = text.split('\n').collect();
        for problem in problems {
            let line = lines.get(problem.line as usize - 1).unwrap_or_else(|| panic!("{}: {problem}", case.name));
            assert!((1..=line.chars().count() as u32 + 1).contains(&problem.column), "{}: {problem}", case.name);
        }
    }
}

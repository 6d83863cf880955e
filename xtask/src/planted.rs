//! `cargo xtask planted`: plants the bugs of `shared/planted` one at a time, and shows that the test that is there to catch each
//! does.
//!
//! A bug is a patch with a head that says what is wrong and which test notices. The gate only checks that the patches still
//! apply, since replaying them compiles the core once for each.

use crate::digest;
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use crate::stages::{Stages, note};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the patches are, and the table of them.
const FOLDER: &str = "shared/planted";
const README: &str = "shared/planted/README.md";

/// The core is compiled once for each bug and runs one test: that is quickest without optimisation.
const QUICK_BUILD: [&str; 2] = ["--config", "profile.dev.package.shared.opt-level=0"];

/// One patch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bug {
    /// As the file's name begins: `07`.
    number: String,
    patch: PathBuf,
    /// What is wrong.
    sentence: String,
    /// The test binary, and the test in it that notices.
    binary: String,
    test: String,
}

/// Plants the bugs with these numbers, or all, and fails unless each is caught.
pub fn run(project: &Project, numbers: &[String]) -> Done {
    let bugs = choose(bugs(&project.root)?, numbers)?;
    let mut stages = Stages::new(bugs.len() + 1);
    let tree = stages.run("The tests pass without a bug", || {
        let tree = Tree::of_head(project)?;
        tree.passes(&bugs)?;
        Ok(tree)
    })?;
    let mut missed = Vec::new();
    for bug in &bugs {
        let caught = stages.run(&format!("{}: {}", bug.number, bug.sentence), || tree.catches(bug))?;
        if caught {
            note(format!("CAUGHT by {}::{}", bug.binary, bug.test));
        } else {
            note(format!("NOT CAUGHT by {}::{}", bug.binary, bug.test));
            missed.push(bug.number.as_str());
        }
    }
    if missed.is_empty() {
        eprintln!("\n{} bugs planted, each caught.", bugs.len());
        return Ok(());
    }
    let what = format!("{} of {} planted bugs are not caught: {}", missed.len(), bugs.len(), missed.join(", "));
    Err(Failure::new(what, "Write a test that notices, and name it in the patch's head"))
}

/// A stage of the gate: every patch applies, its test exists, and the table in the README says the same.
pub fn check(project: &Project) -> Done {
    let bugs = bugs(&project.root)?;
    for bug in &bugs {
        applies(&project.root, bug)?;
    }
    let tests = sources(&project.root.join("shared/tests"))?;
    for bug in &bugs {
        let name = bug.test.rsplit("::").next().unwrap_or_default();
        if !tests.contains(&format!("fn {name}(")) {
            let what = format!("There is no test `{}::{}`, which bug {} names", bug.binary, bug.test, bug.number);
            return Err(Failure::new(what, "Correct `Caught-by:` in the patch's head"));
        }
    }
    let readme = digest::read(&project.root.join(README))?;
    let table = table(&bugs);
    if !String::from_utf8_lossy(&readme).contains(&table) {
        let what = format!("The table in {README} is not that of the patches, which is\n\n{table}");
        return Err(Failure::new(what, "Put it there"));
    }
    note(format!("{} bugs, each patch applies", bugs.len()));
    Ok(())
}

/// Every bug, by number.
fn bugs(root: &Path) -> Done<Vec<Bug>> {
    let folder = root.join(FOLDER);
    let files = digest::files_below(&folder)?;
    let patches = files.iter().filter(|file| file.ends_with(".patch"));
    patches.map(|file| parse(&folder.join(file), &digest::read(&folder.join(file))?)).collect()
}

fn parse(patch: &Path, content: &[u8]) -> Done<Bug> {
    let text = String::from_utf8_lossy(content);
    let file = patch.file_name().unwrap_or_default().to_string_lossy();
    let value = |key: &str| {
        let head = text.lines().take_while(|line| !line.starts_with("diff "));
        head.filter_map(|line| line.strip_prefix(key)).map(str::trim).find(|value| !value.is_empty()).map(str::to_owned)
    };
    let missing = |what: &str| {
        let remedy = "A patch is called `NN-name.patch` and begins with `Bug: a sentence` and `Caught-by: binary::test`";
        Failure::new(format!("{FOLDER}/{file} has no {what}"), remedy)
    };
    let number = file.split('-').next().filter(|number| number.len() == 2 && number.bytes().all(|it| it.is_ascii_digit()));
    let caught_by = value("Caught-by:").ok_or_else(|| missing("`Caught-by:`"))?;
    let (binary, test) = caught_by.split_once("::").ok_or_else(|| missing("test binary in its `Caught-by:`"))?;
    Ok(Bug {
        number: number.ok_or_else(|| missing("number"))?.to_owned(),
        patch: patch.to_owned(),
        sentence: value("Bug:").ok_or_else(|| missing("`Bug:`"))?,
        binary: binary.to_owned(),
        test: test.to_owned(),
    })
}

fn choose(bugs: Vec<Bug>, numbers: &[String]) -> Done<Vec<Bug>> {
    let named = |bug: &Bug, number: &String| bug.number.trim_start_matches('0') == number.trim_start_matches('0');
    if let Some(unknown) = numbers.iter().find(|number| !bugs.iter().any(|bug| named(bug, number))) {
        return Err(Failure::new(format!("There is no planted bug {unknown}"), format!("{README} lists them")));
    }
    Ok(bugs.into_iter().filter(|bug| numbers.is_empty() || numbers.iter().any(|number| named(bug, number))).collect())
}

/// The table as it stands in the README.
fn table(bugs: &[Bug]) -> String {
    let row = |bug: &Bug| format!("| {} | {} | `{}::{}` |\n", bug.number, bug.sentence, bug.binary, bug.test);
    bugs.iter().fold("| | the bug | the test that catches it |\n|---|---|---|\n".to_owned(), |table, bug| table + &row(bug))
}

fn applies(root: &Path, bug: &Bug) -> Done {
    let remedy = "Make the same mistake in the code as it is now, and write the patch anew with `git diff -U2` under its head";
    process::capture(git(root).args(["apply", "--check"]).arg(&bug.patch), remedy).map(|_| ())
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
    git
}

/// All sources below a folder, one after the other.
fn sources(folder: &Path) -> Done<String> {
    let mut all = String::new();
    for file in digest::files_below(folder)?.iter().filter(|file| file.ends_with(".rs")) {
        all += &String::from_utf8_lossy(&digest::read(&folder.join(file))?);
    }
    Ok(all)
}

/// The files of the last commit in a folder of their own, where bugs do no harm. It and what is built from it lie below the
/// project's target folder, and only the core is compiled again from bug to bug.
struct Tree {
    cargo: PathBuf,
    folder: PathBuf,
    target: PathBuf,
}

impl Tree {
    fn of_head(project: &Project) -> Done<Self> {
        let scratch = project.target.join("planted");
        let (folder, archive) = (scratch.join("tree"), scratch.join("tree.tar"));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| Failure::file("remove", &folder, &error))?;
        }
        fs::create_dir_all(&folder).map_err(|error| Failure::file("make the folder", &folder, &error))?;
        let remedy = "The bugs are planted into the files of the last commit: run this in a clone with git";
        process::capture(git(&project.root).args(["archive", "--format=tar", "HEAD", "--output"]).arg(&archive), remedy)?;
        // With the time of now, not of the commit: cargo goes by it, and has built another bug from these files last time.
        let mut tar = Command::new("tar");
        process::capture(tar.arg("-xmf").arg(&archive).arg("-C").arg(&folder), "Install tar")?;
        let cargo = project.find("cargo").ok_or_else(|| process::missing("cargo"))?;
        Ok(Self { cargo, folder, target: scratch.join("target") })
    }

    /// That every test that is to catch a bug passes without one.
    fn passes(&self, bugs: &[Bug]) -> Done {
        let mut tests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for bug in bugs {
            tests.entry(&bug.binary).or_default().insert(&bug.test);
        }
        for (binary, names) in tests {
            let mut test = self.test(binary);
            let said = process::capture(test.args(["--", "--exact"]).args(&names), "A test that always fails catches nothing")?;
            if let Some(name) = names.iter().find(|name| !said.contains(&format!("test {name} ... ok"))) {
                return Err(Failure::new(
                    format!("There is no test `{binary}::{name}`"),
                    "Correct `Caught-by:` in the patch's head",
                ));
            }
        }
        Ok(())
    }

    /// Whether the test fails with the bug.
    fn catches(&self, bug: &Bug) -> Done<bool> {
        self.patch(bug, &[])?;
        let mut build = self.test(&bug.binary);
        let built =
            process::capture(build.arg("--no-run"), "A bug that doesn't compile is caught by the compiler: mend its patch");
        let caught = built.and_then(|_| self.fails(bug));
        self.patch(bug, &["--reverse"])?;
        caught
    }

    fn fails(&self, bug: &Bug) -> Done<bool> {
        let mut test = self.test(&bug.binary);
        test.args(["--", "--exact", &bug.test]).stdin(Stdio::null());
        let output = test.output().map_err(|_| process::missing("cargo"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        match output.status.success() {
            true => Ok(false),
            false if said.contains(&format!("test {} ... FAILED", bug.test)) => Ok(true),
            false => {
                let words = String::from_utf8_lossy(&output.stderr);
                Err(Failure::new(
                    format!("The test of bug {} didn't end as tests do:\n{said}{words}", bug.number),
                    "See its words",
                ))
            }
        }
    }

    fn patch(&self, bug: &Bug, options: &[&str]) -> Done {
        // If the folder lies in the project's checkout, git would take that for the place to patch.
        let mut git = git(&self.folder);
        git.env("GIT_CEILING_DIRECTORIES", self.folder.parent().unwrap_or(&self.folder));
        let remedy =
            "Run `cargo xtask test planted`, which tells of patches that don't apply; what isn't committed isn't seen here";
        process::capture(git.arg("apply").args(options).arg(&bug.patch), remedy).map(|_| ())
    }

    fn test(&self, binary: &str) -> Command {
        let mut cargo = Command::new(&self.cargo);
        cargo.current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.target).env("RUST_BACKTRACE", "0");
        // Golden files are compared here, whatever the one who calls is about.
        cargo.env_remove("MILLRACE_REWRITE");
        cargo.args(["test", "--locked", "--package", "shared", "--test", binary]).args(QUICK_BUILD);
        cargo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "\
Bug: One and one is three.
Caught-by: sums::small::one_and_one

diff --git a/sum.txt b/sum.txt
--- a/sum.txt
+++ b/sum.txt
@@ -2,3 +2,3 @@
 # Sums
-1 + 1 = 2
+1 + 1 = 3
 2 + 2 = 4
";

    fn parsed(name: &str, patch: &str) -> Done<Bug> {
        parse(Path::new(name), patch.as_bytes())
    }

    #[test]
    fn a_patch_says_what_it_plants_and_what_catches_it() {
        let bug = parsed("07-sum.patch", PATCH).unwrap();
        assert_eq!((bug.number.as_str(), bug.sentence.as_str()), ("07", "One and one is three."));
        assert_eq!((bug.binary.as_str(), bug.test.as_str()), ("sums", "small::one_and_one"));
        assert!(table(&[bug]).ends_with("| 07 | One and one is three. | `sums::small::one_and_one` |\n"));

        let failure = |name, patch: &str| parsed(name, patch).unwrap_err().to_string();
        assert!(failure("sum.patch", PATCH).contains("sum.patch has no number"));
        assert!(failure("07-sum.patch", &PATCH.replace("Bug:", "bug:")).contains("has no `Bug:`"));
        assert!(failure("07-sum.patch", &PATCH.replace("Caught-by: sums::small::one_and_one", "")).contains("no `Caught-by:`"));
        assert!(failure("07-sum.patch", &PATCH.replace("::", ":")).contains("no test binary"));
    }

    #[test]
    fn bugs_are_chosen_by_number() {
        let bugs = || ["01-a.patch", "02-b.patch", "10-c.patch"].map(|name| parsed(name, PATCH).unwrap()).to_vec();
        let chosen = |numbers: &[&str]| {
            let numbers: Vec<String> = numbers.iter().map(|number| (*number).to_owned()).collect();
            choose(bugs(), &numbers).map(|bugs| bugs.into_iter().map(|bug| bug.number).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&[]).unwrap(), ["01", "02", "10"]);
        assert_eq!(chosen(&["10", "1"]).unwrap(), ["01", "10"]);
        assert!(chosen(&["3"]).unwrap_err().to_string().contains("no planted bug 3"));
    }

    #[test]
    fn a_patch_that_no_longer_fits_is_noticed() {
        let folder = std::env::temp_dir().join(format!("millrace-planted-{}", std::process::id()));
        let patch = folder.join("07-sum.patch");
        digest::write(&patch, PATCH.as_bytes()).unwrap();
        let bug = parse(&patch, PATCH.as_bytes()).unwrap();
        digest::write(&folder.join("sum.txt"), b"# A\n# B\n# Sums\n1 + 1 = 2\n2 + 2 = 4\n").unwrap();
        assert_eq!(applies(&folder, &bug), Ok(()));
        digest::write(&folder.join("sum.txt"), b"# A\n# Sums\n1 + 1 = II\n2 + 2 = 4\n").unwrap();
        let failure = applies(&folder, &bug).unwrap_err().to_string();
        assert!(failure.contains("git apply --check") && failure.contains("Make the same mistake"), "{failure}");
        fs::remove_dir_all(&folder).unwrap();
    }
}

//! DuckDB and Polars, in an environment of their own: `target/bench/python`, with the versions that `bench/peers` pins.

use crate::bench::folder;
use crate::digest;
use crate::failure::{Done, Failure};
use crate::process::{capture, missing};
use crate::project::Project;
use crate::stages::note;
use serde_json::Value;
use std::path::{Path, PathBuf};

const REQUIREMENTS: &str = "bench/peers/requirements.txt";
const SCRIPT: &str = "bench/peers/peers.py";

/// An interpreter that has the peers.
pub struct Python<'p> {
    project: &'p Project,
    interpreter: PathBuf,
}

impl Python<'_> {
    /// Makes the environment, unless the one that is there was made of the same requirements.
    pub fn ready(project: &Project) -> Done<Python<'_>> {
        let environment = folder(project).join("python");
        let interpreter = environment.join("bin/python");
        let (wanted, stamp) = (digest::read(&project.root.join(REQUIREMENTS))?, environment.join("stamp"));
        if digest::read(&stamp).is_ok_and(|made| made == wanted) {
            return Ok(Python { project, interpreter });
        }
        if project.find("python3").is_none() {
            return Err(missing("python3"));
        }
        note("DuckDB and Polars");
        let remedy =
            "Install Python with its module venv (on Debian and Ubuntu: apt-get install python3-venv), then run this again";
        capture(project.command("python3").args(["-m", "venv", "--clear"]).arg(&environment), remedy)?;
        let remedy = "The packages come from the network: check that pip reaches its index, then run this again";
        let mut pip = project.command(&interpreter.to_string_lossy());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS]);
        capture(&mut pip, remedy)?;
        digest::write(&stamp, &wanted)?;
        Ok(Python { project, interpreter })
    }

    /// What the script prints.
    pub fn run(&self, arguments: &[&str]) -> Done<Value> {
        let mut python = self.project.command(&self.interpreter.to_string_lossy());
        let printed = capture(python.arg(SCRIPT).args(arguments), "Run it by hand to see more")?;
        let not_json = |error| Failure::new(format!("It printed {printed:?}: {error}"), format!("Correct {SCRIPT}"));
        serde_json::from_str(printed.trim()).map_err(not_json)
    }

    /// The milliseconds of that name in what the script prints.
    pub fn milliseconds(&self, said: &Value, name: &str) -> Done<f64> {
        said[name].as_f64().ok_or_else(|| Failure::new(format!("It names no `{name}`: {said}"), format!("Correct {SCRIPT}")))
    }

    /// Fails unless two files of CSV hold the same rows, whatever their order.
    pub fn compare(&self, ours: &Path, theirs: &Path, keys: &str) -> Done {
        let said = self.run(&["compare", &ours.to_string_lossy(), &theirs.to_string_lossy(), keys])?;
        if said["different"] == 0 && said["rows"].as_u64().is_some_and(|rows| rows > 0) {
            return Ok(());
        }
        let what = format!("{} and {} hold different rows: {said}", self.project.show(ours), self.project.show(theirs));
        Err(Failure::new(what, "One of the two is wrong"))
    }
}

//! The command line, for what must be the same there.

use std::process::{Command, Stdio};

use serde_json::Value;

/// What `millrace run --place simulate` reports of an experiment.
pub fn simulated_natively(text: &str) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (experiment, report) = (folder.path().join("experiment.yaml"), folder.path().join("report.json"));
    std::fs::write(&experiment, text).expect("it can be written");
    let mut run = Command::new(std::env::var("MILLRACE_BIN").expect("`cargo xtask test browser` sets it"));
    run.arg("run").arg(&experiment).args(["--place", "simulate", "--report"]).arg(&report);
    let status = run.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it can be started");
    assert!(status.success(), "{status}");
    serde_json::from_str(&std::fs::read_to_string(&report).expect("there is a report")).expect("it is JSON")
}

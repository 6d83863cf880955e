//! The command line, for what must be the same there.

use std::process::{Command, Stdio};

use serde_json::Value;

/// What `millrace run --place simulate` reports of an experiment, all of whose expectations hold.
pub fn simulated_natively(text: &str) -> Value {
    let (report, holds) = judged_natively(text, &[]);
    assert!(holds, "{report}");
    report
}

/// The same with further flags, and whether every expectation held.
pub fn judged_natively(text: &str, flags: &[&str]) -> (Value, bool) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (experiment, report) = (folder.path().join("experiment.yaml"), folder.path().join("report.json"));
    std::fs::write(&experiment, text).expect("it can be written");
    let mut run = Command::new(std::env::var("MILLRACE_BIN").expect("`cargo xtask test browser` sets it"));
    run.arg("run").arg(&experiment).args(["--place", "simulate", "--report"]).arg(&report);
    run.args(flags);
    let status = run.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it can be started");
    assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    let report = std::fs::read_to_string(&report).expect("there is a report");
    (serde_json::from_str(&report).expect("it is JSON"), status.success())
}

//! Why a command of xtask ended: a sentence for the person at the terminal, and what to do about it.
//!
//! xtask is the one place of the workspace whose errors no program ever reads, so they are words and not an enum.

use std::fmt;
use std::path::Path;

/// What went wrong and what would help. Shown as it is; never with a backtrace.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    what: String,
    remedy: String,
}

/// What every step of xtask returns.
pub type Done<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with its remedy: two sentences, each without its full stop.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// The same failure, told as that of a stage of the gate.
    pub fn of_stage(self, stage: &str) -> Self {
        let remedy = format!("{}. Then run this stage again: `cargo xtask test {stage}`", self.remedy);
        Self::new(format!("The stage `{stage}` failed: {}", self.what), remedy)
    }

    /// A file or folder that can't be read or written.
    pub fn file(action: &str, path: &Path, error: &std::io::Error) -> Self {
        let remedy = match error.kind() {
            std::io::ErrorKind::StorageFull => "Free some disk space, then run this again",
            std::io::ErrorKind::PermissionDenied => "Make the place writable for you, then run this again",
            _ => "Check that the folder is whole (git status), then run this again",
        };
        Self::new(format!("Can't {action} {}: {error}", path.display()), remedy)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What quotes a program ends with its lines, not with a full stop.
        let stop = if self.what.ends_with('\n') { "" } else { "." };
        write!(formatter, "{}{stop}\n{}.", self.what, self.remedy)
    }
}

impl std::error::Error for Failure {}

//! Progress: numbered stages with their times, and a summary at the end.

use crate::failure::Done;
use std::time::{Duration, Instant};

/// Counts and times the stages of a command.
pub struct Stages {
    total: usize,
    started: Instant,
    finished: Vec<(String, Duration)>,
}

impl Stages {
    /// A command of `total` stages.
    pub fn new(total: usize) -> Self {
        Self { total, started: Instant::now(), finished: Vec::new() }
    }

    /// Runs the next stage: its title is shown when it starts and its time when it ended, well or not.
    pub fn run<T>(&mut self, title: &str, stage: impl FnOnce() -> Done<T>) -> Done<T> {
        let number = self.finished.len() + 1;
        eprintln!("[{number}/{}] {title}", self.total);
        let started = Instant::now();
        let result = stage();
        let word = if result.is_ok() { "done" } else { "FAILED" };
        eprintln!("      {word} in {} ({} since the start)", show(started.elapsed()), show(self.started.elapsed()));
        self.finished.push((title.to_owned(), started.elapsed()));
        result
    }

    /// Every stage that ran with its time, and the time of all.
    pub fn summary(&self) -> String {
        let rows = self.finished.iter().map(|(title, time)| (title.as_str(), *time));
        let all = rows.chain([("all together", self.started.elapsed())]);
        all.map(|(title, time)| format!("{:>9}  {title}", show(time))).collect::<Vec<_>>().join("\n")
    }
}

/// A line below a stage: what it found or did.
pub fn note(words: impl std::fmt::Display) {
    eprintln!("      {words}");
}

/// A span in people's units: `850 ms`, `4.2 s`, `3 min 05 s`.
pub fn show(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..1_000 => format!("{ms} ms"),
        ms @ 1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        ms => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn spans_are_shown_in_peoples_units() {
        let shown = [0, 999, 1_000, 59_999, 60_000, 185_250].map(|ms| show(Duration::from_millis(ms)));
        assert_eq!(shown, ["0 ms", "999 ms", "1.0 s", "59.9 s", "1 min 00 s", "3 min 05 s"]);
    }

    #[test]
    fn a_failed_stage_stands_in_the_summary_and_passes_its_failure_on() {
        let mut stages = Stages::new(2);
        assert_eq!(stages.run("first", || Ok(7)), Ok(7));
        let failure = || Failure::new("It broke", "Mend it");
        assert_eq!(stages.run("second", || Err::<(), _>(failure())), Err(failure()));
        let summary = stages.summary();
        assert!(summary.contains("first") && summary.contains("second") && summary.contains("all together"), "{summary}");
    }
}

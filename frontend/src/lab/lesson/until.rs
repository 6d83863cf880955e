//! What a step of a lesson waits for.

use std::str::FromStr;

use crate::lab::model::{RunModel, Stage};

/// What is to happen in the page before the lesson goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    Running,
    /// Held when at least this share is done, 0 to 1.
    Paused(f64),
    Finished,
    /// A run that began after the step did.
    FinishedAgain,
    /// The user let something go wrong, in this run or by writing it.
    Fault,
    /// A task ran again because of a loss.
    Repeated,
    Backup,
    /// An earlier moment of a run is looked at that has been at its end.
    Rewound,
    Redelivered,
    /// It stands still before a message, at a breakpoint.
    Held,
    Compared,
    Swept,
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Until, String> {
        Ok(match text {
            "running" => Until::Running,
            "finished" => Until::Finished,
            "finished again" => Until::FinishedAgain,
            "fault" => Until::Fault,
            "repeated" => Until::Repeated,
            "backup" => Until::Backup,
            "rewound" => Until::Rewound,
            "redelivered" => Until::Redelivered,
            "held" => Until::Held,
            "compared" => Until::Compared,
            "swept" => Until::Swept,
            _ => {
                let share = text.strip_prefix("paused at ").and_then(|share| share.parse().ok());
                Until::Paused(share.ok_or_else(|| format!("no step waits for `{text}`"))?)
            }
        })
    }
}

/// What is counted beside the run, and the run that was looked at when the step began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    pub run: u32,
    pub compared: u32,
    pub swept: u32,
}

impl Until {
    /// Whether it has come to that. `then` is what was seen when the step began.
    pub fn is_so(self, run: &RunModel, now: Seen, then: Seen) -> bool {
        let finished = matches!(run.stage, Stage::Finished(_));
        match self {
            Until::Running => run.is_active() || finished,
            Until::Paused(share) => run.is_paused() && run.progress >= share,
            Until::Finished => finished,
            Until::FinishedAgain => finished && now.run > then.run,
            Until::Fault => run.pace.as_ref().is_some_and(|pace| !pace.wished.is_empty()),
            Until::Repeated => run.tally.tasks_repeated > 0 || finished,
            Until::Backup => run.tally.backup_tasks > 0 || finished,
            Until::Rewound => run.is_rewound(),
            Until::Redelivered => finished || run.bus.as_ref().is_some_and(|bus| bus.now.totals.redelivered > 0),
            Until::Held => run.halt().is_some(),
            Until::Compared => now.compared > then.compared,
            Until::Swept => now.swept > then.swept,
        }
    }

    /// Whether the run has come to its end without what the user was to do in it, so that it takes another one.
    pub fn is_missed(self, run: &RunModel) -> bool {
        let of_a_run = matches!(self, Until::Paused(_) | Until::Fault | Until::Held);
        of_a_run && matches!(run.stage, Stage::Finished(_) | Stage::Failed { .. }) && !run.is_rewound()
    }
}

#[cfg(test)]
mod tests {
    use shared::wire::Place;

    use super::*;

    #[test]
    fn a_pause_counts_from_its_share_on() {
        assert_eq!("paused at 0.25".parse(), Ok(Until::Paused(0.25)));
        assert!("paused".parse::<Until>().is_err());
        let mut run = RunModel::asked(1, Place::Simulate);
        run.progress = 0.5;
        assert!(!Until::Paused(0.25).is_so(&run, Seen::default(), Seen::default()), "it goes on");
    }

    #[test]
    fn what_was_seen_before_does_not_count() {
        let (run, before) = (RunModel::default(), Seen { compared: 2, ..Seen::default() });
        assert!(!Until::Compared.is_so(&run, before, before));
        assert!(Until::Compared.is_so(&run, Seen { compared: 3, ..before }, before));
    }
}

//! What a command asks for, once it is checked: a job or a bus, and what can be done to its run.

use super::SessionSpec;
use super::bus::PreparedBus;
use super::jobs::{Prepared, checked, count};
use super::paced::NO_BREAKPOINTS;
use crate::experiment::{Checked, Experiment, Problem};
use crate::fault::{Act, Effect};
use crate::sim::messaging::Breaks;
use crate::wire::{Breakpoint, Place, RunCommand};

/// Why a run in real time has no breakpoints.
const BREAKPOINTS_WANT_VIRTUAL_TIME: &str =
    "breakpoints need virtual time: real clients do not stand still before a message arrives; choose the place `simulate`";

/// Why a run that nobody watches has none either.
const BREAKPOINTS_WANT_A_PACE: &str =
    "breakpoints need a run with a pace: one that is simulated in one go stands still nowhere";

/// A checked command.
pub(super) enum Work {
    Batch(Box<Prepared>),
    Bus(Box<PreparedBus>),
}

impl Work {
    /// Without an `experiment` the command's text is checked.
    pub(super) fn new(
        session: &SessionSpec,
        command: &RunCommand,
        experiment: Option<Experiment>,
    ) -> Result<Work, (String, Vec<Problem>)> {
        let checked = match experiment {
            Some(experiment) => Checked::Batch(Box::new(experiment)),
            None => checked(command)
                .map_err(|problems| (format!("the experiment has {}, so it was not started", count(&problems)), problems))?,
        };
        let work = match checked {
            Checked::Batch(experiment) => Work::Batch(Box::new(Prepared::new(session, command, *experiment)?)),
            Checked::Messaging(experiment) => Work::Bus(Box::new(PreparedBus::new(session, command, *experiment)?)),
        };
        let refusal = match command.pace {
            _ if command.breakpoints.is_empty() => return Ok(work),
            _ if command.place != Place::Simulate => BREAKPOINTS_WANT_VIRTUAL_TIME,
            None => BREAKPOINTS_WANT_A_PACE,
            Some(_) => return Ok(work),
        };
        Err((refusal.to_owned(), Vec::new()))
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Work::Batch(prepared) => prepared.place,
            Work::Bus(prepared) => prepared.place,
        }
    }

    /// How many workers or clients there are.
    pub(super) fn workers(&self) -> u32 {
        match self {
            Work::Batch(prepared) => prepared.workers,
            Work::Bus(prepared) => prepared.experiment.bus.members().len() as u32,
        }
    }

    /// Whether it can stand still there; if not, a sentence for the user.
    pub(super) fn check_breakpoints(&self, breakpoints: &[Breakpoint]) -> Result<(), String> {
        match self {
            _ if breakpoints.is_empty() => Ok(()),
            _ if self.place() != Place::Simulate => Err(BREAKPOINTS_WANT_VIRTUAL_TIME.to_owned()),
            Work::Batch(_) => Err(NO_BREAKPOINTS.to_owned()),
            Work::Bus(prepared) => Breaks::of(&prepared.experiment.bus, breakpoints).map(drop),
        }
    }

    /// Whether this can happen to it; if not, a sentence for the user.
    pub(super) fn check(&self, effect: &Effect) -> Result<(), String> {
        match (self, effect) {
            (Work::Batch(_), Effect::Message(_)) => {
                Err("only messages of an experiment with `messaging` have names by which one of them is found".to_owned())
            }
            (Work::Bus(prepared), Effect::Message(fault)) if fault.act == Act::Requeue => {
                effect.check(self.workers(), self.place())?;
                match fault.to.is_none_or(|to| prepared.experiment.bus.acknowledges(to.into())) {
                    true => Ok(()),
                    false => Err("only a delivery that waits for its acknowledgement can be requeued".to_owned()),
                }
            }
            (Work::Bus(_), Effect::RestartCoordinator) => Err("a bus has no coordinator that could be restarted".to_owned()),
            _ => effect.check(self.workers(), self.place()),
        }
    }
}

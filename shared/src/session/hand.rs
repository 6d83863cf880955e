//! The user's hand on a run that is under way: what happens to it, where it stands still, and how its time goes.

use super::jobs::Stage;
use super::{Output, Session, paced, real, run};
use crate::fault::Effect;
use crate::messaging::Node;
use crate::time::Time;
use crate::wire::Breakpoint;

impl Session {
    pub(super) fn fault(&mut self, now: Time, run: u32, effect: Effect) {
        let Some(entry) = self.runs.get(&run) else { return self.refuse(format!("there is no run {run} in this session")) };
        if let Err(reason) = entry.work.check(&effect) {
            return self.refuse(reason);
        }
        match &entry.stage {
            Stage::Running { .. } => self.tell_run(now, run, run::Input::Fault(effect)),
            Stage::Conducting => {
                let input = real::Input::Fault(effect.map(Node::from));
                self.outputs.push_back(Output::Baton { run, input });
            }
            _ if entry.has_pacer => self.steer(run, paced::Input::Fault(effect)),
            _ => self.refuse(format!("run {run} is not running: nothing can be killed in it")),
        }
    }

    /// Where a run stands still from now on.
    pub(super) fn break_at(&mut self, run: u32, breakpoints: Vec<Breakpoint>) {
        match self.runs.get(&run).map(|entry| entry.work.check_breakpoints(&breakpoints)) {
            Some(Err(reason)) => self.refuse(reason),
            Some(Ok(())) | None => self.steer(run, paced::Input::Breakpoints(breakpoints)),
        }
    }

    /// A word for a paced simulation.
    pub(super) fn steer(&mut self, run: u32, word: paced::Input) {
        match self.runs.get(&run) {
            Some(entry) if entry.has_pacer => self.outputs.push_back(Output::Steer { run, word }),
            Some(entry) if entry.stage.is_over() => {
                self.refuse(format!("run {run} has ended: its time cannot be changed any more"))
            }
            Some(_) => {
                self.refuse(format!("run {run} is not simulated at a pace: its time cannot be paused, stepped or changed"))
            }
            None => self.refuse(format!("there is no run {run} in this session")),
        }
    }
}

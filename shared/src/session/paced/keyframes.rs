//! A run at some of its moments, so that it can go back: from the nearest one before, it happens again.
//!
//! A keyframe is a copy of the simulation. What is big in it, the rows that kernels gave, all copies share; the rest grows with the
//! tasks and executions of the run, so both how far keyframes lie apart and how many there are is reckoned in that. As a run gets
//! long every second one is dropped.

use super::course::Course;
use crate::fault::Fault;
use crate::limits::{KEYFRAME_SIZES_MAX, KEYFRAMES_MAX};
use crate::time::Time;

/// Events between two keyframes, at least: some milliseconds' worth.
const SPACING_MIN: u64 = 2_000;

/// So many events lie between two keyframes for each thing that has to be copied, at least: an event takes some microseconds, and a
/// copy of one thing some hundredths of one, so keyframes are a small part of a run's work.
const EVENTS_PER_SIZE: f64 = 0.1;

/// See the module. There is always one, of the run's beginning.
pub(super) struct Keyframes<C> {
    first: C,
    /// The oldest first.
    later: Vec<Keyframe<C>>,
    spacing: u64,
    /// The run at its end.
    end: Option<C>,
}

struct Keyframe<C> {
    simulation: C,
    size: usize,
}

impl<C: Course> Keyframes<C> {
    pub(super) fn new(first: C) -> Keyframes<C> {
        Keyframes { first, later: Vec::new(), spacing: SPACING_MIN, end: None }
    }

    /// Takes one, if the last one is long enough ago or the run has ended.
    pub(super) fn consider(&mut self, simulation: &C) {
        if simulation.has_ended() {
            self.end.get_or_insert_with(|| simulation.clone());
            return;
        }
        let last = self.later.last().map_or(0, |keyframe| keyframe.simulation.events());
        if simulation.events() < last + self.spacing {
            return;
        }
        let size = simulation.size();
        let worth = (size as f64 * EVENTS_PER_SIZE) as u64;
        if simulation.events() < last + worth {
            return;
        }
        self.later.push(Keyframe { simulation: simulation.clone(), size });
        self.thin_out();
    }

    fn thin_out(&mut self) {
        let total: usize = self.later.iter().map(|keyframe| keyframe.size).sum();
        if self.later.len() > KEYFRAMES_MAX || total > KEYFRAME_SIZES_MAX {
            let mut place = self.later.len();
            self.later.retain(|_| {
                place -= 1;
                // The last one stays.
                place.is_multiple_of(2)
            });
            self.spacing *= 2;
        }
    }

    /// The run's beginning, with everything planned that somebody has wished for since.
    pub(super) fn first(&self) -> &C {
        &self.first
    }

    /// The run as late as it can be had, but no later than this.
    pub(super) fn nearest(&self, at: Time) -> &C {
        let end = self.end.as_ref().filter(|end| end.now() <= at);
        end.or_else(|| self.later.iter().rev().map(|it| &it.simulation).find(|it| it.now() <= at)).unwrap_or(&self.first)
    }

    /// There will be another fault: what comes after its moment is no more, and what came before goes on to it.
    pub(super) fn plan(&mut self, at: Time, fault: &Fault) -> Result<(), String> {
        self.end = None;
        self.later.retain(|keyframe| keyframe.simulation.now() < at);
        self.first.plan(fault)?;
        self.later.iter_mut().try_for_each(|keyframe| keyframe.simulation.plan(fault))
    }
}

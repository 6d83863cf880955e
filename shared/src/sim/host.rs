//! A machine that a node runs on: it may be slow, stand still, or be empty. A driver in real time has the same.

use crate::id::Incarnation;
use crate::time::{Span, Time};

/// Speeds are in thousandths of a calm host's time: 2000 takes twice as long.
const CALM_PERMILLE: u64 = 1000;

/// See the module. `M` is the machine, `W` what it works on. The coordinator's host holds no worker.
#[derive(Clone, Debug)]
pub struct Host<M, W> {
    pub incarnation: Incarnation,
    pub worker: Option<M>,
    pub computing: Option<Computing<W>>,
    /// Counts the plans for the end of a kernel; an end that was planned earlier is no end.
    pub plan: u64,
    /// When the one timer goes off that is in the queue.
    pub timer: Option<Time>,
    slows: Vec<(Time, u64)>,
    paused_until: Time,
    permille: u64,
    stands_still: bool,
}

/// Work that has begun and whose time has not come.
#[derive(Clone, Debug)]
pub struct Computing<W> {
    pub work: W,
    effort: Span,
    left: Span,
    since: Time,
}

impl<W> Computing<W> {
    /// So much work, not begun.
    pub fn new(work: W, effort: Span, now: Time) -> Computing<W> {
        Computing { work, effort, left: effort, since: now }
    }
}

impl<M, W> Default for Host<M, W> {
    fn default() -> Host<M, W> {
        Host::new()
    }
}

impl<M, W> Host<M, W> {
    /// A calm, empty one.
    pub fn new() -> Host<M, W> {
        Host {
            incarnation: 1,
            worker: None,
            computing: None,
            plan: 0,
            timer: None,
            slows: Vec::new(),
            paused_until: Time::ZERO,
            permille: CALM_PERMILLE,
            stands_still: false,
        }
    }

    /// When it goes on, if it stands still.
    pub fn paused(&self, now: Time) -> Option<Time> {
        Some(self.paused_until).filter(|until| now < *until)
    }

    /// It computes this many times slower for a while.
    pub fn slow(&mut self, until: Time, factor: f64) {
        self.slows.push((until, ((factor * CALM_PERMILLE as f64).round() as u64).max(1)));
    }

    /// It stands still for a while.
    pub fn pause(&mut self, until: Time) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Faults have begun or ended: from now on the work goes on at the new speed. Of several slow-downs the worst counts.
    pub fn reconsider(&mut self, now: Time) {
        self.settle(now);
        self.slows.retain(|(until, _)| now < *until);
        self.permille = self.slows.iter().map(|(_, permille)| *permille).max().unwrap_or(CALM_PERMILLE);
        self.stands_still = now < self.paused_until;
    }

    /// When the work will end if nothing changes; `None` if there is none or the host stands still.
    pub fn ends_at(&self) -> Option<Time> {
        let computing = self.computing.as_ref().filter(|_| !self.stands_still)?;
        Some(computing.since + Span(computing.left.0.saturating_mul(self.permille).div_ceil(CALM_PERMILLE)))
    }

    /// The task at work and how much of it is done, in thousandths.
    pub fn advanced(&mut self, now: Time) -> Option<(&W, u64)> {
        self.settle(now);
        let computing = self.computing.as_ref()?;
        Some((&computing.work, 1000 * (computing.effort.0 - computing.left.0) / computing.effort.0.max(1)))
    }

    /// Books the work done since the last time it was asked.
    fn settle(&mut self, now: Time) {
        let (permille, stands_still) = (self.permille, self.stands_still);
        if let Some(computing) = &mut self.computing {
            if !stands_still {
                let done = now.since(computing.since).0.saturating_mul(CALM_PERMILLE) / permille;
                computing.left.0 = computing.left.0.saturating_sub(done);
            }
            computing.since = now;
        }
    }
}

//! The spans that the batch machines wait for, and the bounds of what they keep in hand.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How often and how long. One set serves every node of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// A worker speaks to its coordinator this often.
    pub heartbeat: Span,
    /// A worker not heard from for this long is lost.
    pub lost_after: Span,
    /// What was not answered is said again after this long.
    pub retry: Span,
    /// Whether a worker that fell silent is ended and made anew; otherwise it may come back by itself, as after a pause.
    pub replaces_silent: bool,
    /// No backup execution before a task has run this long.
    pub backup_after: Span,
}

impl Timing {
    /// Under the virtual clock: a network of a millisecond or so.
    pub const SIMULATED: Timing = Timing {
        heartbeat: Span::millis(100),
        lost_after: Span::millis(500),
        retry: Span::millis(80),
        replaces_silent: false,
        backup_after: Span::millis(100),
    };

    /// In threads, processes and Web Workers: the driver tells of a death at once, so `lost_after` is for hangs only, and a busy
    /// machine must not look like one.
    pub const REAL: Timing = Timing {
        heartbeat: Span::millis(100),
        lost_after: Span::seconds(10),
        retry: Span::seconds(1),
        replaces_silent: true,
        backup_after: Span::millis(500),
    };
}

/// Map tasks given to one worker at a time: one to run, one queued so that it need not wait for the next.
pub const MAPS_IN_HAND: usize = 2;

/// Reduce tasks given to one worker at a time. They have a slot of their own, so that a reduce task waiting for a map task never
/// keeps that map task from running.
pub const REDUCES_IN_HAND: usize = 1;

/// Fetches that a reduce task has open at a time.
pub const FETCHES_OPEN: usize = 8;

/// Unanswered fetches of one map output before the coordinator hears that it cannot be had.
pub const FETCH_TRIES: u32 = 8;

/// Executions of one task that may fail by themselves before the job fails.
pub const FAILURES_PER_TASK: u32 = 3;

/// Executions of one task that may fail on one record before that is passed over, where records may be (MapReduce, OSDI'04 §4.6).
pub const FAILURES_PER_RECORD: u32 = 2;

/// Records that one task passes over at most: more are no accident.
pub const SKIPPED_RECORDS_MAX: usize = 1_000;

/// Workers that may end by themselves (not by a kill) with one task in hand before the job fails: a task that exhausts a worker's
/// memory would do so for ever.
pub const CRASHES_PER_TASK: u32 = 4;

/// Times that a worker may end by itself before it has registered, one after the other, before the job fails.
pub const STILLBIRTHS_MAX: u32 = 4;

/// A backup execution starts when a task has run this many times as long as its phase's mean.
pub const BACKUP_FACTOR: f64 = 1.5;

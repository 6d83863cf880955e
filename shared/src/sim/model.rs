//! What virtual time models, and with which numbers. They are round figures of a small cluster, not a forecast of any machine.
//!
//! Not modelled: a link shared by several messages (each has the whole bandwidth), disks, memory, the coordinator's own thinking.

use crate::rng::Rng;
use crate::time::Span;

/// How long a message takes at least, from node to node.
pub const LATENCY: Span = Span::millis(1);

/// What chance adds to [`LATENCY`], at most; enough for messages to overtake one another.
pub const JITTER_MAX: Span = Span::micros(200);

/// Bytes that a link carries in a microsecond: 125 MB/s, a gigabit.
pub const LINK_BYTES_PER_MICRO: u64 = 125;

/// Bytes that a kernel works through in a second, unless the experiment says otherwise (`compute`): 200 MB/s.
pub const COMPUTE_BYTES_PER_SECOND: u64 = 200_000_000;

/// What every task costs beside its bytes.
pub const TASK_SPAN: Span = Span::millis(1);

/// Chance makes a task's time longer or shorter by at most this many thousandths.
pub const TASK_JITTER_PERMILLE: u64 = 50;

/// From a checkpoint or a commit to its being stored, and the same again until the coordinator knows.
pub const STORE_LATENCY: Span = Span::micros(500);

/// Bytes that the store takes in a microsecond: 500 MB/s.
pub const STORE_BYTES_PER_MICRO: u64 = 500;

/// How long a message of so many bytes is on its way.
pub(super) fn transit(bytes: u64, rng: &mut Rng) -> Span {
    Span(LATENCY.0 + rng.below(JITTER_MAX.0) + bytes / LINK_BYTES_PER_MICRO)
}

/// The same over a link with a latency of its own, to which chance adds as much as to the usual one, in proportion.
pub(super) fn transit_over(latency: Span, bytes: u64, rng: &mut Rng) -> Span {
    let jitter = latency.0 * JITTER_MAX.0 / LATENCY.0;
    Span(latency.0 + rng.below(jitter) + bytes / LINK_BYTES_PER_MICRO)
}

/// How long a kernel of so many bytes a second works through so many.
pub(super) fn reading(bytes: u64, bytes_per_second: u64) -> Span {
    Span((u128::from(bytes) * 1_000_000 / u128::from(bytes_per_second.max(1))) as u64)
}

/// How long a task over so many bytes takes on a node that is not slowed.
pub(super) fn effort(bytes: u64, bytes_per_second: u64, rng: &mut Rng) -> Span {
    let calm = TASK_SPAN.0 + reading(bytes, bytes_per_second).0;
    let permille = 1000 - TASK_JITTER_PERMILLE + rng.below(2 * TASK_JITTER_PERMILLE + 1);
    Span((calm * permille / 1000).max(1))
}

/// How long until so many bytes are stored.
pub(super) fn storing(bytes: u64) -> Span {
    Span(STORE_LATENCY.0 + bytes / STORE_BYTES_PER_MICRO)
}

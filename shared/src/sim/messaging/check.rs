//! What must hold at every step of a bus, whatever the faults.

use crate::messaging::{MessageId, Unconserved};
use crate::time::Time;

/// A simulated bus broke a rule in a way that no fault excuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}. To see it again: millrace run FILE --place simulate --seed {seed}")]
pub struct BusError {
    pub seed: u64,
    pub at: Time,
    pub problem: Problem,
}

/// Which rule was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("time went back from {0}")]
    TimeWentBack(Time),
    #[error("messages are not conserved: {0}")]
    Unconserved(#[from] Unconserved),
    #[error("message {0} was delivered a second time and not marked as redelivered")]
    SecondDelivery(MessageId),
    #[error("message {message} was delivered after number {after} of the same publisher, which came later")]
    OutOfOrder { message: MessageId, after: u64 },
    #[error("nothing will ever happen again, and the time is not over")]
    Dead,
}

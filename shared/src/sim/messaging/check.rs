//! What must hold at every step of a bus, whatever the faults.

use crate::messaging::Unconserved;
use crate::messaging::books::Broken;
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
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("nothing will ever happen again, and the time is not over")]
    Dead,
}

impl From<Unconserved> for Problem {
    fn from(error: Unconserved) -> Problem {
        Problem::Broken(error.into())
    }
}

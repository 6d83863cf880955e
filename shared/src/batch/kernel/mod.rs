//! The compute kernels of MapReduce: what a map task and a reduce task do with bytes, and nothing else.
//!
//! A kernel is pure: it reads a [`Source`](super::Source), is driven in steps short enough for a worker to answer messages in
//! between, and gives the same bytes natively and in wasm. Reading order:
//!
//! - `hash`: the one hash of keys, which places a key in its partition.
//! - `rows`: how rows travel between tasks.
//! - `reader`: which bytes are a split's records.
//! - `map`: a map task. Plans that count words take `words` (with `tokens` for ASCII and `counts` to count); any other plan goes
//!   row by row through `steps`.
//! - `reduce`: a reduce task.
//! - `sequential`: the same answer in one plain pass, the reference for every distributed run.
//!
//! It knows nothing of tasks, attempts, workers or places.

mod counts;
mod hash;
mod map;
mod order;
mod reader;
mod reduce;
mod rows;
mod sequential;
mod steps;
mod tokens;
mod words;

pub use hash::{GOLDEN_HASHES, key_hash, partition_of};
pub use map::{MapKernel, MapResult};
pub use order::sort_rows;
pub use reduce::{ReduceKernel, ReduceResult, reduce};
pub use rows::{RowReader, RowWriter};
pub use sequential::sequential;

use super::SourceError;
use crate::expr::EvalError;
use crate::limits::LINE_BYTES_MAX;

/// Why a kernel could not go on. Each is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source gave fewer bytes than its length promised.
    #[error(
        "the input ends at byte {found}, but it had {expected} bytes when the job began: it was cut while the job ran; run the job again"
    )]
    Shrunk { expected: u64, found: u64 },
    /// A stretch that has to be held at once is longer than [`LINE_BYTES_MAX`].
    #[error("the line at byte {at} is longer than {} MiB, the most that a line may have", LINE_BYTES_MAX >> 20)]
    LineTooLong { at: u64 },
    /// An expression failed on a record.
    #[error("{what} failed on `{record}`: {error}")]
    Eval { what: String, record: String, error: EvalError },
    /// A step gave a value of a type that it may not have there.
    #[error("{what} gave {found} on `{record}`; it must give {wanted}")]
    WrongValue { what: String, record: String, found: &'static str, wanted: &'static str },
    /// Bytes that should be rows of [`RowWriter`] are not.
    #[error("row {row} of a partition cannot be read: {problem}")]
    Corrupt { row: u64, problem: &'static str },
}

//! The compute kernels of MapReduce: what a map task and a reduce task do with bytes, and nothing else.
//!
//! A kernel is pure: it reads a [`Source`](super::Source), is driven in steps short enough for a worker to answer messages in
//! between, and gives the same bytes natively and in wasm. Reading order:
//!
//! - `input`: the records of a split, whatever their format. Of lines, `reader` says which bytes are a split's, and `records` what is
//!   in them: by `cuts` and `quotes` the fields of CSV, by `objects` the values of JSON, by `builder` what they are in a column; `arrow_file` (with `arrow_body`) and `parquet_file` do both for files that hold columns, with `columnar` for what these
//!   share and `convert` for their types. `infer` finds the columns of an input by looking at it, and `look` shows its first rows.
//! - `steps`: the shape of a plan. One that counts words goes block by block through `words` (with `tokens` for ASCII, `counts` to
//!   count and `rows` for what travels); any other takes the columns of a `batch` through its steps, to an `aggregation` by
//!   `groups` (in a map task by a `combiner`), and its columns travel as `transfer` says.
//! - `task`: what a driver runs, one of two kinds. `map` reads a split, by `columns` but for words; `reduce` takes up what
//!   earlier tasks left, by `gather` but for words, with `keyed`, `join` and the `ranges` of a sort; `emit` is what either leaves.
//! - `hash` places a word in its partition, `order` the rows of a result, `by_bytes` keys.
//! - `sequential`: the same answer in one plain pass, the reference for every distributed run.
//!
//! It knows nothing of tasks, attempts, workers or places.

mod aggregation;
mod arrow_body;
mod arrow_file;
mod batch;
mod builder;
mod by_bytes;
mod columnar;
mod columns;
mod combiner;
mod convert;
mod counts;
mod cuts;
mod divide;
mod emit;
mod gather;
mod groups;
mod hash;
mod infer;
mod input;
mod join;
mod keyed;
mod look;
mod map;
mod objects;
mod order;
#[cfg(feature = "parquet")]
mod parquet_file;
mod quotes;
mod ranges;
mod reader;
mod records;
mod reduce;
mod rows;
mod sequential;
mod steps;
mod task;
mod tokens;
mod transfer;
mod words;

pub(super) use aggregation::reduced_types;
pub(super) use batch::together;
pub use hash::{GOLDEN_HASHES, key_hash, partition_of};
pub use infer::{Inferred, infer};
pub use look::{Look, look};
pub use map::MapKernel;
pub(super) use order::sorted;
use records::excerpt;
pub use reduce::ReduceKernel;
pub use rows::{RowReader, RowWriter};
pub use sequential::sequential;
pub(super) use steps::Shape;
pub use task::{TaskKernel, TaskResult};
pub(super) use transfer::Batches;

use super::SourceError;
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
    /// An input that is not of its format, or whose columns are not those of the plan.
    #[error("the input cannot be read as {format}: {problem}")]
    Format { format: &'static str, problem: String },
    /// A record or a row that cannot be read, or on which an expression failed.
    #[error("{place}: {message}")]
    Record {
        place: String,
        message: String,
        /// The byte of the input at which the record begins, if it is one of the input's.
        at: Option<u64>,
    },
    /// Bytes that should be columns of another task are not.
    #[error("the rows of another task cannot be read: {0}")]
    Unreadable(String),
    /// A task is given more than it may hold, in a place that has no disk to put it on.
    #[error(
        "a task would have to hold {} MiB of rows, and may hold {} MiB here: give the job more partitions, or run it on the server, which puts what is too much on disk", gathered >> 20, most >> 20
    )]
    TooLarge { gathered: u64, most: u64 },
    /// The texts of a column are more than one array can hold.
    #[error("the texts of one column in one partition are more than 2 GiB: give the job more partitions")]
    TooMuchText,
    /// Bytes that should be rows of [`RowWriter`] are not.
    #[error("row {row} of a partition cannot be read: {problem}")]
    Corrupt { row: u64, problem: &'static str },
}

//! MapReduce: a job is cut into map and reduce tasks, which a coordinator hands to workers until each has been done once.

pub mod coordinator;
pub mod counters;
pub mod generate;
pub mod job;
pub mod kernel;
pub mod message;
pub mod payload;
pub mod plan;
pub mod recognise;
pub mod source;
pub mod space;
pub mod table;
pub mod task;
pub mod timing;
pub mod worker;
pub mod zipf;

pub use counters::Counters;
pub use generate::Generator;
pub use job::{Job, Need, Part};
pub use kernel::{Inferred, KernelError, Look, MapKernel, ReduceKernel, TaskKernel, TaskResult, infer, look};
pub use payload::{Payload, PayloadPieces};
pub use plan::{Column, Emit, Format, Gather, Join, Plan, READS_PARQUET, Records, Reduce, SortKey, Stage, Step};
pub use source::{Memory, Source, SourceError, Split, micro_batches, splits};
pub use space::{Scratch, Space, Stretches};
pub use table::{Table, View, ViewQuery};

//! MapReduce: a job is cut into map and reduce tasks, which a coordinator hands to workers until each has been done once.

pub mod coordinator;
pub mod counters;
pub mod kernel;
pub mod message;
pub mod payload;
pub mod plan;
pub mod source;
pub mod table;
pub mod task;
pub mod timing;
pub mod worker;
pub mod zipf;

pub use counters::Counters;
pub use kernel::{KernelError, MapKernel, MapResult, ReduceKernel, ReduceResult};
pub use payload::Payload;
pub use plan::{Column, Format, Plan, Reduce, SortKey, Step};
pub use source::{Memory, Source, SourceError, Split, splits};
pub use table::{Table, View, ViewQuery};

//! What a task counted. A task's counters enter the job's totals once, with the execution that was accepted, however often the
//! task ran (MapReduce, OSDI'04 §4.8).

use serde::{Deserialize, Serialize};

/// Counts of one task, or their sum over a job's accepted tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Records (lines) read by map tasks.
    #[serde(with = "crate::wire::text64")]
    pub map_input_records: u64,
    /// Rows that the map steps gave, before the combiner.
    #[serde(with = "crate::wire::text64")]
    pub map_output_records: u64,
    /// Rows that left the map tasks: after the combiner, or the same as `map_output_records` without it.
    #[serde(with = "crate::wire::text64")]
    pub combine_output_records: u64,
    /// Distinct keys that the reduce tasks saw.
    #[serde(with = "crate::wire::text64")]
    pub reduce_input_groups: u64,
    /// Rows that the reduce tasks gave; for a whole job, the rows of its result.
    #[serde(with = "crate::wire::text64")]
    pub output_records: u64,
    /// Records that are not valid in their format: lines with invalid UTF-8, each bad sequence read as U+FFFD.
    #[serde(with = "crate::wire::text64")]
    pub bad_records: u64,
    /// Records that were passed over because tasks failed on them.
    #[serde(with = "crate::wire::text64", default)]
    pub skipped_records: u64,
    /// Bytes of input that the map tasks' records span.
    #[serde(with = "crate::wire::text64")]
    pub input_bytes: u64,
}

impl Counters {
    /// Adds another task's counts to these.
    pub fn add(&mut self, other: &Counters) {
        self.map_input_records += other.map_input_records;
        self.map_output_records += other.map_output_records;
        self.combine_output_records += other.combine_output_records;
        self.reduce_input_groups += other.reduce_input_groups;
        self.output_records += other.output_records;
        self.bad_records += other.bad_records;
        self.skipped_records += other.skipped_records;
        self.input_bytes += other.input_bytes;
    }
}

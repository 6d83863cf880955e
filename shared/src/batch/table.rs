//! The result of a job, as a client looks at it.

use serde::{Deserialize, Serialize};

/// Which rows of a result a client wants to see, and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewQuery {
    /// A column's index, and whether its order is descending; `None`: the result's own order.
    pub sort: Option<(usize, bool)>,
    /// Keep rows whose key contains this, whatever the case; empty: all.
    pub search: String,
    /// Rows to pass over.
    #[serde(with = "crate::wire::text64")]
    pub offset: u64,
    /// At most this many rows.
    pub limit: u32,
}

/// Some rows of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Rows in the whole result.
    #[serde(with = "crate::wire::text64")]
    pub total: u64,
    /// Rows that match the search.
    #[serde(with = "crate::wire::text64")]
    pub matched: u64,
    /// Where among the matching rows these begin.
    #[serde(with = "crate::wire::text64")]
    pub offset: u64,
    pub rows: Vec<Vec<String>>,
}

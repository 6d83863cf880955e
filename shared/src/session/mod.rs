//! What stands behind a page's worker and behind a server's socket: commands in, events out.

pub mod board;
pub mod run;

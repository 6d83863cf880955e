//! The core of Millrace, compiled natively and to wasm: the same code, the same answer.

pub mod batch;
pub mod expr;
pub mod limits;
pub mod nearest;

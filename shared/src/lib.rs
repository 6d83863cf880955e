//! The core of Millrace, compiled natively and to wasm: the same code, the same answer.

pub mod batch;
mod chunks;
pub mod experiment;
pub mod expr;
pub mod fault;
pub mod id;
pub mod limits;
pub mod link;
pub mod machine;
pub mod messaging;
pub mod nearest;
pub mod rng;
pub mod session;
pub mod sim;
pub mod time;
pub mod wire;

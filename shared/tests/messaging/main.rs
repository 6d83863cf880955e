//! Messaging: the broker against a model of it, the rules one by one as transcripts, and whole buses with faults.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

mod durable;
mod faults;
mod model;
mod random;
mod rules;
mod topics;

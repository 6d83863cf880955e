//! The bundle of the page's workers: the session's worker, and the workers of its runs, told apart by their first message.

fn main() {
    engine::start();
}

#[path = "../engine/mod.rs"]
mod engine;

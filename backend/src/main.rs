//! The binary `millrace`: serves the page and its sessions, runs experiments, checks them.
//!
//! Reading order: `config` (the command line), `limits`; `check`, `examples`, `run` and `bus` (experiments on the command line, and live buses); `serve` (the
//! server), `socket` (one connection), `outbox` and `sessions` (what outlives it), `audience` (who else watches its runs), `guard` (who may connect), `frames` (how long what they say is), `assets` (the page),
//! `store` (what durable queues keep),
//! `uploads`, `data`, `globs`, `unpack` and `inputs` (what is read); `engine` (workers as threads and processes: driver 3 of the core).

mod assets;
mod audience;
mod bus;
mod check;
mod config;
mod data;
mod engine;
mod examples;
mod frames;
mod globs;
mod guard;
mod inputs;
mod limits;
mod memory;
mod outbox;
mod output;
mod run;
mod secret;
mod serve;
mod sessions;
mod socket;
mod store;
mod unpack;
mod uploads;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match config::Arguments::parse().command {
        config::Command::Serve(arguments) => serve::main(&arguments),
        config::Command::Run(arguments) => run::main(&arguments),
        config::Command::Check(arguments) => check::main(&arguments),
        config::Command::Examples(arguments) => examples::main(&arguments),
        config::Command::Worker => engine::process::main(),
    }
}

//! A publisher that is three times as fast as its consumer, for a minute under each policy: what memory grows to, beside the queue's bound,
//! and whether every message is delivered or counted as lost.

use super::client::{Client, number};
use super::server::Server;
use super::{SECONDS_VARIABLE, setting};
use crate::bench::{Figure, Promise};
use crate::failure::Done;
use crate::play;
use crate::project::Project;
use crate::stages::note;

/// How long the overload lasts.
const SECONDS: u64 = 60;

/// Messages a second that are consumed, and bytes of a body. The consumer's is a steady rate that any machine keeps up.
const CONSUMED_A_SECOND: u32 = 1_000;
const BODY_BYTES: u32 = 16 * 1024;

/// The queue's bound, and the bus's, which is the only one of a queue that buffers. What is beside the queue is in memory, too: some 400
/// messages on their way to it and at the consumer, and what the allocator keeps; a small bound would measure these.
const QUEUE_MIB_MAX: u64 = 256;
const BUS_MIB_MAX: u64 = 1024;

/// What the server's memory grows by, as a multiple of the bound.
const TO_BOUND_MAX: f64 = 1.1;

const POLICIES: [&str; 6] = ["drop_oldest", "drop_newest", "reject", "buffer", "block", "{ sample: 0.2 }"];

const QUEUE: &str = "work";
const BUS: &str = "overload";

/// Measures under each policy, each with a server that has just begun.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    let seconds = setting(SECONDS_VARIABLE, SECONDS)?;
    note(format!("{seconds} s for each policy ({SECONDS_VARIABLE} changes that)"));
    play::build_server(project)?;
    let client = Client::build(project)?;
    let mut figures = Vec::new();
    for policy in POLICIES {
        let buffers = policy == "buffer";
        let bound = if buffers { BUS_MIB_MAX } else { QUEUE_MIB_MAX } * 1024 * 1024;
        let server = Server::millrace(project, &[(BUS.to_owned(), experiment(policy, !buffers))])?;
        let numbers = [u64::from(BODY_BYTES), u64::from(CONSUMED_A_SECOND), seconds].map(|number| number.to_string());
        let mut arguments = vec!["overload".to_owned(), format!("{}/api/bus/{BUS}", server.url), QUEUE.to_owned()];
        arguments.extend(numbers);
        arguments.push(format!("pid={}", server.pid()));
        let said = client.run(&arguments)?;
        note(format!("{policy}: {said}"));
        let grown = number(&said, "/resident_max")? - number(&said, "/resident_before")?;
        let to_bound = Figure::of(format!("{policy}: what memory grew by, to the bound"), grown / bound as f64, "x");
        let unaccounted =
            Figure::of(format!("{policy}: neither delivered nor counted as lost"), number(&said, "/unaccounted")?, "");
        figures.extend([
            to_bound.promised(Promise::AtMost(TO_BOUND_MAX)),
            unaccounted.promised(Promise::AtMost(0.0)),
            Figure::of(format!("{policy}: sent"), number(&said, "/sent")?, ""),
            Figure::of(format!("{policy}: lost, and counted"), number(&said, "/server/lost")?, ""),
        ]);
    }
    Ok(figures)
}

fn experiment(policy: &str, is_bounded: bool) -> String {
    let bound = if is_bounded { format!("max_bytes: {QUEUE_MIB_MAX} MiB, ") } else { String::new() };
    format!(
        "millrace: 1\ntitle: Too much for one consumer\nmessaging:\n  for: 1 s\n  queues:\n    {QUEUE}: {{ {bound}overload: {policy} }}\n  \
         publishers:\n    source: {{ key: {QUEUE}, rate: 1/s }}\n"
    )
}

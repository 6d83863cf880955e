//! Messaging in real time: `millrace run --place server` of the gallery's buses, and what faults do to real tasks.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::{Command, Stdio};

use common::bus::bus_file;
use common::{BINARY, eventually, kill, millrace};
use rustix::process::Signal;
use serde_json::Value;

/// Runs it on the server with these settings; its report, and its exit status.
fn run(file: &str, sets: &[&str]) -> (i32, Value) {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut arguments = vec!["run", file, "--place", "server", "--report", report.to_str().unwrap()];
    sets.iter().for_each(|set| arguments.extend(["--set", set]));
    let (status, rows, told) = millrace(&arguments, b"");
    assert!(status <= 1, "{file}: {told}");
    assert!(rows.starts_with("counter,value\n"), "{rows}");
    (status, serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap())
}

fn counter(report: &Value, name: &str) -> u64 {
    report["counters"][name].as_u64().unwrap_or(0)
}

/// What does not hold of what must hold however fast the machine is.
fn broken(report: &Value) -> Vec<String> {
    const ALWAYS: [&str; 5] = ["no_loss", "conserved", "duplicates_at_most", "in_order", "depth_at_most"];
    let expectations = report["expectations"].as_array().unwrap();
    let text = |expectation: &Value| expectation["expectation"].as_str().unwrap().to_owned();
    let always = expectations.iter().filter(|it| ALWAYS.iter().any(|name| text(it).starts_with(name)));
    let broken = always.clone().filter(|it| it["held"] != true).map(|it| format!("{} ({})", text(it), it["found"])).collect();
    assert!(always.count() > 0, "nothing was judged");
    broken
}

/// An example, its time and its traffic cut short.
fn example(name: &str, sets: &[&str]) -> Value {
    let file = format!("{}/../examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let (_, report) = run(&file, sets);
    assert_eq!(broken(&report), Vec::<String>::new(), "{name}");
    assert_eq!(report["place"], "server");
    assert!(report["trace_hash"].is_null() && report["virtual_ms"].is_null());
    report
}

#[test]
fn hello_and_routing_hold_to_the_letter() {
    for (name, sets) in [("hello", vec![]), ("routing", vec!["messaging.for=8 s"])] {
        let report = example(name, &sets);
        let held = report["expectations"].as_array().unwrap().iter().all(|it| it["held"] == true);
        assert!(held, "{name}: {:#}", report["expectations"]);
    }
}

#[test]
fn a_killed_worker_s_tasks_are_redelivered_and_nothing_is_lost() {
    let report = example("work-queue", &["messaging.for=5 s", "messaging.publishers.web.messages=150"]);
    assert!(counter(&report, "total/redelivered") >= 1, "{:#}", report["counters"]);
    assert_eq!(counter(&report, "client/web/sent"), 150);
}

#[test]
fn a_poisonous_message_ends_in_the_morgue() {
    let report = example("poison-message", &["messaging.for=8 s", "messaging.publishers.shop.messages=60"]);
    assert_eq!(counter(&report, "queue/morgue/ready"), 1, "{:#}", report["counters"]);
    assert_eq!(counter(&report, "client/worker/failed"), 3);
}

#[test]
fn what_a_durable_queue_had_outlives_a_killed_broker() {
    let sets = ["messaging.for=6 s", "messaging.publishers.shop.messages=200", "faults=[{ at: 1500 ms, kill: broker }]"];
    let report = example("durable-queue", &[&sets[..], &["expect=[{ conserved: true }]"]].concat());
    assert_eq!(counter(&report, "queue/ledger/lost"), 0, "{:#}", report["counters"]);
    assert!(counter(&report, "queue/ledger/processed") >= 200, "{:#}", report["counters"]);
    assert!(counter(&report, "queue/screen/lost") > 0, "{:#}", report["counters"]);
}

#[test]
fn topics_and_fan_out_reach_every_queue() {
    let report = example("topics", &["messaging.for=5 s", "messaging.publishers.zoo.messages=120"]);
    assert_eq!(counter(&report, "queue/everything/processed"), 120);
    assert_eq!(counter(&report, "queue/orange/processed"), 40);
    let sets = ["messaging.for=5 s", "messaging.publishers.shop.messages=100"];
    let report = example("competing-and-fan-out", &sets);
    assert_eq!(counter(&report, "queue/billing/published"), 100);
}

#[test]
fn publish_and_subscribe_keeps_the_order() {
    let report = example("publish-subscribe", &["messaging.for=5 s", "messaging.publishers.service.messages=100"]);
    assert_eq!(counter(&report, "queue/screen/published"), 200);
}

#[test]
fn requests_are_answered_also_by_one_that_stood_still() {
    let sets = ["messaging.for=6 s", "messaging.requesters.shop.messages=60"];
    let report = example("rpc", &[&sets[..], &["faults=[{ at: 1 s, pause: { node: prices-2, for: 2 s } }]"]].concat());
    assert!(counter(&report, "client/shop/answered") >= 40, "{:#}", report["counters"]);
    assert!(counter(&report, "client/shop/timed_out") >= 1, "{:#}", report["counters"]);
}

#[test]
fn overload_stays_within_its_bounds() {
    let report = example("overload", &["messaging.for=4 s"]);
    assert_eq!(counter(&report, "queue/block/dropped"), 0);
    assert!(counter(&report, "queue/drop-oldest/dropped") > 0);
}

#[test]
fn confirms_come_and_faults_of_the_network_are_refused() {
    let sets = ["messaging.for=4 s", "messaging.publishers.shop.messages=200", "faults=[]"];
    let report = example("publisher-confirms", &sets);
    assert_eq!(counter(&report, "client/shop/confirmed"), 200);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/publisher-confirms.yaml");
    let (status, rows, told) = millrace(&["run", file, "--place", "server"], b"");
    assert_eq!((status, rows.as_str()), (2, ""));
    assert!(told.contains("cannot be dropped") && told.contains("choose the place `simulate`"), "{told}");
    let (status, _, told) = millrace(&["run", file, "--set", "faults=[{ random: 3 }]"], b"");
    assert_eq!(status, 2);
    assert!(told.contains("are for the place `simulate`"), "{told}");
}

const WORK: &str = "queues: { tasks: {} }\npublishers:\n  web: { key: tasks, rate: 50/s, confirms: true }\nconsumers:\n  \
                    worker: { queue: tasks, prefetch: 1, service: 10 ms }\n";

#[test]
fn a_killed_broker_loses_what_it_held_and_its_clients_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = bus_file(folder.path(), WORK);
    let sets = ["messaging.for=4 s", "respawn=200 ms", "faults=[{ at: 1 s, kill: broker }]", "expect=[{ conserved: true }]"];
    let (status, report) = run(&file, &sets);
    assert_eq!(status, 0, "{report:#}");
    assert!(counter(&report, "client/web/disconnected") >= 1 && counter(&report, "client/worker/disconnected") >= 1);
    assert!(counter(&report, "client/web/confirmed") > 60, "{:#}", report["counters"]);
}

#[test]
fn a_slow_worker_is_as_slow_as_said_and_a_paused_one_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = bus_file(folder.path(), WORK);
    let slow = ["messaging.for=3 s", "faults=[{ at: 0 s, slow: { node: worker-1, factor: 30 } }]"];
    let (_, report) = run(&file, &slow);
    // Ten of 300 ms each fit into three seconds.
    assert!((1..=10).contains(&counter(&report, "client/worker/processed")), "{:#}", report["counters"]);
    let paused = ["messaging.for=3 s", "faults=[{ at: 1 s, pause: { node: worker-1, for: 10 s } }]"];
    let (_, report) = run(&file, &paused);
    assert!(counter(&report, "queue/tasks/ready") >= 30, "{:#}", report["counters"]);
    assert!(counter(&report, "client/worker/processed") >= 10, "{:#}", report["counters"]);
}

/// Whether a process has something to do when SIGINT comes.
fn minds_ctrl_c(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (Signal::INT.as_raw() - 1)) != 0)
}

#[test]
fn ctrl_c_ends_a_run_before_its_time_and_closes_its_books() {
    let folder = tempfile::tempdir().unwrap();
    let file = bus_file(folder.path(), WORK);
    let arguments = ["run", &file, "--set", "messaging.for=10 min", "--set", "expect=[{ conserved: true }, { no_loss: true }]"];
    let child = Command::new(BINARY).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the run's beginning", || minds_ctrl_c(child.id()));
    kill(child.id(), Signal::INT);
    let ended = child.wait_with_output().unwrap();
    let (rows, told) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!(ended.status.code(), Some(0), "{told}");
    assert!(rows.contains("total/published,") && told.contains("held: no_loss"), "{rows}{told}");
}

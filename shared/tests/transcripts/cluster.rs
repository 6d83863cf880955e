//! Between the coordinator and its workers: the rows of the simulator's trace in words, and the news that a client reads.

use shared::batch::{Memory, Table};
use shared::fault::{EdgeFault, EdgeKind, Effect, Fault, Moment};
use shared::id::NodeId;
use shared::session::run::{RunSpec, Watch};
use shared::sim::{End, Finished, Kind, Row, SimSpec, Simulation};
use shared::time::{Span, Time};

use crate::check;
use crate::common::{Scenario, counts};

/// Four lines, a map task each.
const TEXT: &str = "the mill turns\nthe river turns the mill\nno river no mill\nturn mill turn\n";

/// A line begins in each of the splits of so many bytes.
const SPLIT_BYTES: u64 = 18;

fn scenario(workers: u32) -> Scenario {
    Scenario { respawn: Some(Span::millis(5)), ..Scenario::calm(TEXT, SPLIT_BYTES, 2, workers) }
}

fn at(micros: u64, effect: Effect) -> Fault {
    Fault { at: Moment::Time(Time(micros)), effect }
}

#[test]
fn a_calm_job() {
    check("cluster_calm_job", &transcript("A job of four map and two reduce tasks, nothing goes wrong.", scenario(2)));
}

#[test]
fn a_worker_is_killed_that_has_completed_maps() {
    let about = "A worker is killed after it has completed maps: they run again elsewhere, and reducers fetch from there.";
    let scenario = Scenario { respawn: Some(Span::seconds(1)), ..scenario(3) };
    let kill = Fault { at: Moment::Progress(0.6), effect: Effect::Kill(NodeId::Worker(3)) };
    check("cluster_killed_worker_with_completed_maps", &transcript(about, scenario.with_faults(vec![kill])));
}

#[test]
fn a_completion_message_is_lost() {
    let about = "All that worker-1 says to the coordinator for a while is lost, the completion of a map task with it: it says it again.";
    let (from, to) = (Some(NodeId::Worker(1)), Some(NodeId::Coordinator));
    let span = Some(Span::millis(3));
    let drop = Effect::Edge(EdgeFault { from, to, kind: EdgeKind::Drop, probability: 1.0, span });
    check("cluster_lost_completion", &transcript(about, scenario(2).with_faults(vec![at(2_500, drop)])));
}

#[test]
fn a_backup_execution_wins() {
    let about = "worker-2 is a thousand times slower: near the end others run its tasks too, and finish first.";
    let slow = Effect::Slow { node: NodeId::Worker(2), factor: 1000.0, span: None };
    check("cluster_backup_wins", &transcript(about, scenario(3).with_faults(vec![at(0, slow)])));
}

#[test]
fn the_coordinator_is_restarted() {
    let about = "The coordinator stops half-way; 5 ms later another continues from the last checkpoint.";
    let restart = Fault { at: Moment::Progress(0.5), effect: Effect::RestartCoordinator };
    check("cluster_coordinator_restart", &transcript(about, scenario(2).with_faults(vec![restart])));
}

#[test]
fn the_network_is_partitioned() {
    let about = "worker-2 is cut off for 600 ms, and worker-1 is slow: worker-2 counts as lost and its tasks run again. When it is heard \
                 again, what is not done yet is taken from it, the rest is not wanted.";
    let groups = vec![vec![NodeId::Coordinator, NodeId::Worker(1)], vec![NodeId::Worker(2)]];
    let cut = Effect::Partition { groups, span: Some(Span::millis(600)) };
    let slow = Effect::Slow { node: NodeId::Worker(1), factor: 100.0, span: None };
    let faults = vec![at(3_000, cut), at(3_000, slow)];
    check("cluster_network_partition", &transcript(about, scenario(2).with_faults(faults)));
}

/// Runs a scenario with a client that watches, and tells what happened.
fn transcript(about: &str, scenario: Scenario) -> String {
    let run = RunSpec { watch: Watch::Frames, ..scenario.run_spec() };
    let spec = SimSpec { run, seed: 1, keeps_rows: true };
    let mut simulation = Simulation::new(spec, Box::new(Memory(scenario.text.clone())));
    let mut lines: Vec<(Time, String)> = Vec::new();
    while simulation.step().unwrap() {
        rows_and_news(&mut simulation, &mut lines);
    }
    rows_and_news(&mut simulation, &mut lines);
    // News comes with the next frame, so later than it was; the sort keeps it behind the rows of its moment.
    lines.sort_by_key(|(at, _)| *at);
    let mut text = format!("# {about}\n\n");
    for (at, line) in lines {
        text += &format!("{:>7}.{:03} ms  {line}\n", at.0 / 1000, at.0 % 1000);
    }
    text + "\n" + &result(&scenario, simulation.end().unwrap())
}

fn rows_and_news(simulation: &mut Simulation, lines: &mut Vec<(Time, String)>) {
    lines.extend(simulation.take_rows().iter().filter_map(|row| Some((row.at, words(row)?))));
    while let Some(frame) = simulation.poll_frame() {
        lines.extend(frame.news.into_iter().map(|news| (news.at, format!("** {}", news.text))));
    }
}

fn result(scenario: &Scenario, end: &End) -> String {
    let End::Finished(Finished { rows, counters, tally }) = end else { panic!("{end:?}") };
    let table = Table::new(&scenario.plan, rows.clone()).unwrap();
    let rows: Vec<String> = counts(&table).into_iter().map(|(word, count)| format!("{word} {count}")).collect();
    let counters = serde_json::to_string(counters).unwrap();
    format!("Result: {}\nCounters: {counters}\nTally: {}\n", rows.join(", "), serde_json::to_string(tally).unwrap())
}

/// A row of the trace as a sentence; timers, which say nothing, have none.
fn words(row: &Row) -> Option<String> {
    let attempt = match (row.task, row.attempt) {
        (Some(task), Some(attempt)) => format!("{task} {attempt}"),
        _ => String::new(),
    };
    let node = match row.incarnation {
        0 | 1 => row.node.to_string(),
        life => format!("{} (life {life})", row.node),
    };
    let said = |text: String| Some(format!("{node} -> {}: {text}", row.to.map(|to| to.to_string()).unwrap_or_default()));
    let done = |text: String| Some(format!("{node} {text}"));
    // What is around the bulk data on the modelled wire.
    let bulk = row.bytes.saturating_sub(128);
    match row.kind {
        Kind::Spawned => done("begins to live".into()),
        Kind::Killed => done("is killed".into()),
        Kind::Computing => done(format!("computes {attempt} ({} bytes)", row.bytes)),
        Kind::Computed => done(format!("has computed {attempt}")),
        Kind::Abandoned => done(format!("stops computing {attempt}")),
        Kind::Woke => None,
        Kind::Stored => Some(format!("the store has checkpoint {}", row.bytes)),
        Kind::Landed => Some(format!("the store has the rows of {attempt} ({} bytes)", row.bytes)),
        Kind::LandedAgain => Some(format!("the store is given the rows of {attempt}, and keeps those that it has")),
        Kind::Vanished => Some(format!("the rows of {attempt} die on their way to the store")),
        Kind::Committed => done(format!("hears that {attempt} is committed")),
        Kind::Fault => Some(match row.node {
            NodeId::Coordinator => "a fault begins".to_owned(),
            node => format!("a fault of {node} begins"),
        }),
        Kind::Over => Some(format!("a fault of {} may be over", row.node)),
        Kind::Lost if attempt.is_empty() => said("(lost)".into()),
        Kind::Lost => said(format!("(lost: about {attempt})")),
        Kind::Register => said("here I am".into()),
        Kind::Heartbeat => said("I live".into()),
        Kind::MapDone => said(format!("{attempt} is done, its output is with me")),
        Kind::ReduceDone => said(format!("{attempt} is done, these are its rows ({bulk} bytes)")),
        Kind::Failed => said(format!("{attempt} failed")),
        Kind::Unfetchable => said(format!("the output of {attempt} is not where it should be")),
        Kind::Welcome => said("welcome, this is the job".into()),
        Kind::Assign => said(format!("run {attempt}")),
        Kind::MapAt => said(format!("there is a place to fetch {attempt} from")),
        Kind::Accepted => said(format!("{attempt} is accepted")),
        Kind::Cancel => said(format!("{attempt} is not wanted")),
        Kind::Finished => said("the job is over".into()),
        Kind::Fetch => said(format!("give me my partition of {attempt}")),
        Kind::Fetched => said(format!("my partition of {attempt} for you ({bulk} bytes)")),
    }
}

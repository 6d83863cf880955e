//! A session, by way of its driver: what a client asks for and what it hears.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use common::driver::Driver;
use shared::batch::table::ViewQuery;
use shared::fault::Effect;
use shared::id::{NodeId, TaskId};
use shared::session::{BusText, read_bus};
use shared::sim::messaging::{BusSimulation, BusSpec};
use shared::time::Time;
use shared::wire::{
    BreakEdge, Breakpoint, Command, DataHeader, Event, ExportFormat, Fate, InputChoice, Messages, Place, RunCommand, Speed,
    WorkerState,
};

const EXPERIMENT: &str = r#"
millrace: 1
title: Words
workers: 2
respawn: 5 ms
batch:
  input: { text: "the cat and the dog\nand the bird\nno bird, no cat\nthe end\n" }
  format: lines
  split: 10 B
  partitions: 3
  steps:
    - flat_map: { word: "words(lower(line))" }
    - reduce: { key: word, values: { count: "count(*)" } }
    - sort: count desc, word
expect:
  - equals_sequential: true
  - rows: 7
"#;

fn run(number: u32) -> RunCommand {
    let text = EXPERIMENT.to_owned();
    RunCommand {
        run: number,
        place: Place::Browser,
        text,
        sets: Vec::new(),
        input: None,
        workers: None,
        seed: None,
        pace: None,
        breakpoints: Vec::new(),
        idempotency_key: None,
    }
}

#[test]
fn words_are_counted_and_the_table_can_be_looked_at() {
    let mut driver = Driver::new();
    driver.command(Command::Run(run(1)));
    driver.go(20);
    let Some(Event::Finished { report, .. }) = driver.events.last() else { panic!("{:#?}", driver.events) };
    assert!(report.expectations.iter().all(|it| it.held), "{report:#?}");
    assert_eq!((report.counters.map_input_records, report.counters.map_output_records, report.tally.tasks_run), (4, 14, 16));
    driver.command(Command::View { run: 1, id: 7, query: ViewQuery { limit: 2, ..ViewQuery::default() } });
    let Some(Event::Rows { id: 7, view, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert_eq!(view.rows, [["the", "4"], ["and", "2"]]);
    driver.command(Command::Export { run: 1, id: 8, format: ExportFormat::Csv });
    let csv = String::from_utf8(driver.frames.concat()[DataHeader::LENGTH..].to_vec()).unwrap();
    assert_eq!(csv, "word,count\nthe,4\nand,2\nbird,2\ncat,2\nno,2\ndog,1\nend,1\n");
}

#[test]
fn a_killed_workers_tasks_run_again_and_the_answer_is_the_same() {
    let mut driver = Driver::new();
    driver.kill_after = Some((1, NodeId::Worker(2)));
    driver.command(Command::Run(run(1)));
    driver.go(50);
    let Some(Event::Finished { report, .. }) = driver.events.last() else { panic!("{:#?}", driver.events) };
    assert!(report.expectations.iter().all(|it| it.held), "{report:#?}");
    assert_eq!(report.tally.workers_lost, 1);
    assert!(report.tally.tasks_repeated > 0);
    assert_eq!((report.counters.map_input_records, report.counters.map_output_records), (4, 14), "each task counts once");
}

#[test]
fn a_task_that_ends_worker_after_worker_ends_the_job_with_a_sentence() {
    let mut driver = Driver::new();
    driver.deadly = Some(TaskId::Map(2));
    driver.command(Command::Run(run(1)));
    driver.go(200);
    let Some(Event::Failed { message, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert!(message.starts_with("map-2 ended 4 workers, one after the other"), "{message}");
}

#[test]
fn workers_that_cannot_be_started_end_the_job_with_a_sentence() {
    let mut driver = Driver::new();
    driver.stillborn = true;
    driver.command(Command::Run(run(1)));
    driver.go(200);
    let Some(Event::Failed { message, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert!(message.starts_with("worker-1 ended 4 times before it could begin"), "{message}");
}

#[test]
fn rule_5_a_job_submitted_twice_under_one_key_runs_once() {
    let mut driver = Driver::new();
    let keyed = |number| RunCommand { idempotency_key: Some("monday".into()), ..run(number) };
    driver.command(Command::Run(keyed(1)));
    driver.command(Command::Run(keyed(2)));
    driver.go(20);
    let kernels = driver.kernels;
    driver.command(Command::Run(keyed(3)));
    driver.go(20);
    assert_eq!(driver.kernels, kernels, "nothing ran again");
    assert_eq!(driver.finished(), 2, "the third is answered with the first one's result");
    assert!(driver.events.iter().all(|event| !matches!(event, Event::Started(it) if it.run != 1)));
}

#[test]
fn a_refused_command_is_a_sentence_and_touches_nothing_else() {
    let mut driver = Driver::new();
    driver.command(Command::Kill { run: 9, node: NodeId::Worker(1) });
    assert_eq!(driver.events.pop(), Some(Event::Error { message: "there is no run 9 in this session".into() }));
    driver.command(Command::Run(RunCommand { place: Place::Server, ..run(1) }));
    let Some(Event::Failed { message, .. }) = driver.events.pop() else { panic!() };
    assert_eq!(message, "this session runs in `browser`, not in `server`");
    driver.command(Command::Run(RunCommand { workers: Some(0), ..run(1) }));
    let Some(Event::Failed { message, .. }) = driver.events.pop() else { panic!() };
    assert!(message.starts_with("0 workers are asked for"), "{message}");
    driver.command(Command::Run(run(1)));
    driver.command(Command::Run(run(1)));
    assert!(matches!(driver.events.pop(), Some(Event::Error { .. })));
    driver.command(Command::Stop { run: 1 });
    assert!(matches!(driver.events.pop(), Some(Event::Failed { run: 1, .. })));
}

const BUS: &str = "
millrace: 1
title: Tasks
messaging:
  for: 2 s
  queues: { tasks: {} }
  publishers: { web: { key: tasks, rate: 50/s, confirms: true } }
  consumers: { worker: { count: 2, queue: tasks, prefetch: 1, service: 20 ms } }
expect:
  - no_loss: true
";

fn bus(number: u32, place: Place, pace: Option<Speed>) -> RunCommand {
    RunCommand { place, text: BUS.to_owned(), pace, seed: Some(3), ..run(number) }
}

#[test]
fn a_bus_is_simulated_and_its_counters_are_rows() {
    let mut driver = Driver::new();
    driver.command(Command::Run(bus(1, Place::Simulate, None)));
    let Some(Event::Started(started)) = driver.events.first() else { panic!("{:#?}", driver.events) };
    let view = started.bus.as_ref().unwrap();
    assert_eq!((started.workers, view.queues.len(), view.groups.len()), (3, 1, 2));
    let Some(Event::Finished { report, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert!(report.expectations.iter().all(|it| it.held), "{report:#?}");
    let totals = report.bus.as_ref().unwrap().totals;
    assert!(totals.published >= 99 && totals.processed <= totals.published, "{totals:?}");
    driver.command(Command::View { run: 1, id: 7, query: ViewQuery { limit: 1, ..ViewQuery::default() } });
    let Some(Event::Rows { view, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert_eq!(view.rows, [["client/web/confirmed".to_owned(), totals.published.to_string()]]);
}

#[test]
fn a_bus_at_a_pace_is_touched_and_gone_back_in() {
    let mut driver = Driver::new();
    driver.command(Command::Run(bus(1, Place::Simulate, Some(Speed::Times(1.0)))));
    driver.go(500);
    driver.command(Command::Kill { run: 1, node: NodeId::Worker(2) });
    driver.go(30);
    let Some(Event::Frame(frame)) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert_eq!(frame.workers[1].state, WorkerState::Down);
    assert!(frame.pace.as_ref().unwrap().wished[0].ends_with("kill: worker-1 }"), "{:?}", frame.pace);
    for (node, sentence) in [(9, "there is no worker-9 in this run"), (0, "there is no worker-0")] {
        driver.command(Command::Kill { run: 1, node: NodeId::Worker(node) });
        let Some(Event::Error { message }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
        assert!(message.starts_with(sentence), "{message}");
    }
    driver.command(Command::RestartCoordinator { run: 1 });
    let Some(Event::Error { message }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert_eq!(message, "a bus has no coordinator that could be restarted");
    driver.command(Command::Speed { run: 1, speed: Speed::Max });
    driver.go(200);
    let finished = driver.events.iter().find_map(|event| match event {
        Event::Finished { report, .. } => Some(report),
        _ => None,
    });
    let report = finished.unwrap();
    assert!(report.expectations[0].held, "{report:#?}");
    driver.command(Command::Seek { run: 1, to: Time(100_000) });
    driver.go(30);
    let Some(Event::Frame(frame)) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert!(frame.whole && frame.now == Time(100_000) && frame.workers[1].state != WorkerState::Down, "{frame:#?}");
}

#[test]
fn the_trace_of_a_simulation_is_exported_as_far_as_it_has_come() {
    let mut driver = Driver::new();
    driver.command(Command::Run(bus(1, Place::Simulate, Some(Speed::Times(1.0)))));
    driver.go(1_000);
    driver.command(Command::Kill { run: 1, node: NodeId::Worker(2) });
    driver.command(Command::Export { run: 1, id: 4, format: ExportFormat::Trace });
    driver.go(5);
    let half = exported(&mut driver, 4);
    assert!(half.lines().count() > 100 && half.lines().last().unwrap().contains("\"worker-1\""), "{half}");
    driver.command(Command::Speed { run: 1, speed: Speed::Max });
    driver.go(60);
    driver.command(Command::Export { run: 1, id: 5, format: ExportFormat::Trace });
    driver.go(20);
    let whole = exported(&mut driver, 5);
    assert!(whole.starts_with(&half));

    // It is that of the same experiment with the wish written down.
    let Some(Event::Frame(frame)) = driver.events.iter().rfind(|event| matches!(event, Event::Frame(_))) else {
        panic!("{:#?}", driver.events.last())
    };
    let text = format!("{BUS}faults:\n  - {}\n", frame.pace.as_ref().unwrap().wished[0]);
    let experiment = read_bus(&BusText { text, sets: Vec::new() }).unwrap();
    let mut simulation = BusSimulation::new(BusSpec { keeps_rows: true, ..BusSpec::of(&experiment, 3) });
    while simulation.step().unwrap() {}
    let rows = simulation.take_rows();
    let lines: Vec<_> = rows.iter().map(|row| row.as_json(|node| simulation.name(node)).to_string()).collect();
    assert_eq!(whole.lines().collect::<Vec<_>>(), lines);

    driver.command(Command::Run(bus(2, Place::Simulate, None)));
    driver.command(Command::Export { run: 2, id: 6, format: ExportFormat::Trace });
    let Some(Event::Error { message }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert_eq!(message, "run 2 is not simulated at a pace: it has no trace to export");
}

#[test]
fn the_messages_of_a_stretch_of_time_are_those_of_the_trace() {
    let mut driver = Driver::new();
    driver.command(Command::Run(bus(1, Place::Simulate, Some(Speed::Max))));
    driver.go(60);
    let ask = |driver: &mut Driver, id, from, to| -> Messages {
        driver.command(Command::Messages { run: 1, id, from: Time(from), to: Time(to), about: None });
        driver.go(20);
        serde_json::from_str(&exported(driver, id)).unwrap()
    };
    let (from, to) = (500_000, 700_000);
    let seen = ask(&mut driver, 4, from, to);
    assert_eq!((seen.from, seen.to, seen.until), (Time(from), Time(to), Time(to)));
    assert_eq!(seen.total, seen.messages.len() as u64, "few enough to be told one by one");

    let experiment = read_bus(&BusText { text: BUS.to_owned(), sets: Vec::new() }).unwrap();
    let mut simulation = BusSimulation::new(BusSpec { keeps_rows: true, ..BusSpec::of(&experiment, 3) });
    while simulation.step().unwrap() {}
    let within = |at: Time| (from..=to).contains(&at.0);
    let rows: Vec<_> = simulation.take_rows().into_iter().filter(|row| row.to.is_some() && within(row.at)).collect();
    let mut arrived: Vec<_> = seen.messages.iter().filter(|it| it.fate == Fate::Arrived && within(it.arrives)).collect();
    arrived.sort_by_key(|message| message.arrives);
    assert!(rows.len() > 20, "{rows:#?}");
    assert_eq!(arrived.len(), rows.len());
    for (message, row) in arrived.iter().zip(&rows) {
        assert_eq!((message.arrives, message.bytes.0), (row.at, row.bytes));
        assert!(message.sent < message.arrives);
    }
    // Who settles a delivery names the message that it brought.
    let acks: Vec<_> = seen.messages.iter().filter(|message| message.kind == "ack").collect();
    assert!(!acks.is_empty() && acks.iter().all(|ack| ack.about.is_some()), "{acks:#?}");

    // Of one message all of its way, however long ago it began; another question beside it is answered, too.
    let about = acks[0].about;
    driver.command(Command::Messages { run: 1, id: 7, from: Time(0), to: Time(to), about });
    driver.command(Command::Messages { run: 1, id: 8, from: Time(from), to: Time(to), about: None });
    driver.go(20);
    let answers: Vec<(u32, Messages)> = std::mem::take(&mut driver.frames)
        .iter()
        .map(|frame| {
            let (header, json) = (DataHeader::from_bytes(frame).unwrap(), &frame[DataHeader::LENGTH..]);
            (header.id, serde_json::from_slice(json).unwrap())
        })
        .collect();
    let [(7, way), (8, again)] = &answers[..] else { panic!("{answers:#?}") };
    let kinds: Vec<_> = way.messages.iter().map(|message| message.kind.as_str()).collect();
    assert_eq!(kinds, ["publish", "deliver", "ack"]);
    assert!(way.messages.iter().all(|message| message.about == about), "{way:#?}");
    assert_eq!(*again, seen);

    // Whoever asks again hears the same, and the run is what it was.
    let part = ask(&mut driver, 5, 600_000, 650_000);
    assert!(!part.messages.is_empty());
    assert!(part.messages.iter().all(|message| seen.messages.iter().any(|known| known.id == message.id)), "{part:#?}");
    let Some(Event::Finished { report, .. }) = driver.events.iter().rfind(|event| matches!(event, Event::Finished { .. }))
    else {
        panic!("{:#?}", driver.events.last())
    };
    assert_eq!(report.trace_hash.as_deref(), Some(&*simulation.trace_hash()));

    driver.command(Command::Run(bus(2, Place::Simulate, None)));
    driver.command(Command::Messages { run: 2, id: 6, from: Time(0), to: Time(1), about: None });
    let Some(Event::Error { message }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert_eq!(message, "run 2 is not simulated at a pace: nobody has seen the messages in it");
}

#[test]
fn messages_that_the_network_loses_are_told_as_lost() {
    let mut driver = Driver::new();
    let text = format!("{EXPERIMENT}faults:\n  - {{ at: 0 s, drop: {{ probability: 0.3 }}, for: 2 s }}\n");
    let pace = Some(Speed::Max);
    driver.command(Command::Run(RunCommand { text, place: Place::Simulate, pace, ..run(1) }));
    driver.go(60);
    driver.command(Command::Messages { run: 1, id: 4, from: Time(0), to: Time(u64::MAX), about: None });
    driver.go(60);
    let seen: Messages = serde_json::from_str(&exported(&mut driver, 4)).unwrap();
    let with = |fate| seen.messages.iter().filter(|message| message.fate == fate).count();
    assert!(with(Fate::Lost) > 0 && with(Fate::Arrived) > with(Fate::Lost), "{seen:#?}");
    let tasks = seen.messages.iter().filter(|message| message.kind == "assign");
    assert!(tasks.clone().count() > 0 && tasks.into_iter().all(|message| message.about.is_some()), "{seen:#?}");
}

/// What came as an answer to an export.
fn exported(driver: &mut Driver, id: u32) -> String {
    let mut bytes = Vec::new();
    for (index, frame) in std::mem::take(&mut driver.frames).into_iter().enumerate() {
        let header = DataHeader::from_bytes(&frame).unwrap();
        assert_eq!((header.run, header.id, header.index), (1, id, index as u32));
        bytes.extend_from_slice(&frame[DataHeader::LENGTH..]);
        if header.last {
            return String::from_utf8(bytes).unwrap();
        }
    }
    panic!("the last frame did not come");
}

#[test]
fn a_bus_in_real_time_can_be_touched_and_is_told_again() {
    let mut driver = Driver::new();
    driver.command(Command::Run(RunCommand { idempotency_key: Some("k".to_owned()), ..bus(1, Place::Browser, None) }));
    let Some(Event::Started(started)) = driver.events.first() else { panic!("{:#?}", driver.events) };
    assert_eq!(started.place, Place::Browser);
    driver.go(500);
    for refused in [
        Command::Pause { run: 1 },
        Command::RestartCoordinator { run: 1 },
        Command::Fault { run: 1, effect: Effect::Partition { groups: vec![], span: None } },
    ] {
        driver.command(refused);
        assert!(matches!(driver.events.last(), Some(Event::Error { .. })), "{:#?}", driver.events.last());
    }
    driver.command(Command::Kill { run: 1, node: NodeId::Worker(3) });
    driver.go(20);
    let Some(Event::Frame(frame)) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert!(frame.pace.is_none() && frame.workers[2].state == WorkerState::Down, "{frame:#?}");
    driver.command(Command::Run(RunCommand { idempotency_key: Some("k".to_owned()), ..bus(2, Place::Browser, None) }));
    driver.go(20);
    let whole = driver.events.iter().filter(|event| matches!(event, Event::Frame(frame) if frame.whole && frame.run == 1));
    assert_eq!(whole.count(), 2);
    driver.go(1_600);
    let Some(Event::Finished { report, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
    assert!(report.place == Place::Browser && report.trace_hash.is_none() && report.virtual_ms.is_none(), "{report:#?}");
    assert!(report.expectations.iter().all(|it| it.held), "{report:#?}");
    assert!((1_990.0..2_010.0).contains(&report.wall_ms), "{report:#?}");
    assert!(report.bus.as_ref().unwrap().totals.published >= 90, "{report:#?}");
}

#[test]
fn a_bus_that_cannot_be_run_is_a_sentence() {
    let mut driver = Driver::new();
    let input = Some(InputChoice::Attached { name: "a.txt".to_owned(), bytes: 3, format: None });
    for (command, sentence) in [
        (bus(1, Place::Server, None), "this session runs in `browser`, not in `server`"),
        (bus(5, Place::Browser, Some(Speed::Times(1.0))), "only a simulated run has a pace"),
        (
            RunCommand { text: format!("{BUS}faults:\n  - {{ random: 3 }}\n"), ..bus(6, Place::Browser, None) },
            "faults drawn by the seed (`random`) are for the place `simulate`",
        ),
        (
            RunCommand {
                text: format!("{BUS}faults:\n  - {{ at: 1 s, partition: [[broker], [web-1]], for: 1 s }}\n"),
                ..bus(7, Place::Browser, None)
            },
            "frames between real clients and their broker cannot be cut off by a partition",
        ),
        (
            RunCommand { text: BUS.replace("count: 2", "count: 63"), ..bus(8, Place::Browser, None) },
            "65 nodes are more than the 64 that can be had in real time: choose the place `simulate`",
        ),
        (
            RunCommand { text: format!("{BUS}faults:\n  - requeue: {{ message: web-1/3 }}\n"), ..bus(9, Place::Browser, None) },
            "frames between real clients and their broker cannot be requeued by hand",
        ),
        (
            RunCommand { breakpoints: vec![breakpoint("worker", None)], ..bus(10, Place::Browser, None) },
            "breakpoints need virtual time",
        ),
        (
            RunCommand { breakpoints: vec![breakpoint("worker", None)], ..bus(11, Place::Simulate, None) },
            "breakpoints need a run with a pace",
        ),
        (bus(2, Place::Simulate, Some(Speed::Times(-1.0))), "virtual time goes"),
        (RunCommand { input, ..bus(3, Place::Simulate, None) }, "an experiment with `messaging` makes its own messages"),
        (
            RunCommand { text: BUS.replace("for: 2 s", "for: ever"), ..bus(4, Place::Simulate, None) },
            "the experiment has a problem",
        ),
    ] {
        driver.command(Command::Run(command));
        let Some(Event::Failed { message, .. }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
        assert!(message.starts_with(sentence), "{message}");
    }
}

fn breakpoint(client: &str, when: Option<&str>) -> Breakpoint {
    let edge = BreakEdge::Deliver { queue: None, client: Some(client.to_owned()) };
    Breakpoint { id: 1, edge, when: when.map(str::to_owned) }
}

#[test]
fn breakpoints_that_make_no_sense_are_sentences() {
    let mut driver = Driver::new();
    driver.command(Command::Run(bus(1, Place::Simulate, Some(Speed::Times(0.001)))));
    for (breakpoint, sentence) in [
        (
            breakpoint("wroker", None),
            "a breakpoint is at a client `wroker`, which this experiment does not have (did you mean `worker`?)",
        ),
        (breakpoint("worker", Some("kye = 'a'")), "the condition of a breakpoint: 1:1: there is no column `kye`"),
        (
            breakpoint("worker", Some("n + 1")),
            "the condition of a breakpoint: 1:1: a condition is true or false, and this is Int64",
        ),
    ] {
        driver.command(Command::Breakpoints { run: 1, breakpoints: vec![breakpoint] });
        let Some(Event::Error { message }) = driver.events.last() else { panic!("{:#?}", driver.events.last()) };
        assert!(message.starts_with(sentence), "{message}");
    }
    let told = driver.events.len();
    driver.command(Command::Breakpoints { run: 1, breakpoints: vec![breakpoint("worker-1", Some("n > 1"))] });
    assert!(!driver.events[told..].iter().any(|event| matches!(event, Event::Error { .. })));
    driver.command(Command::Condition { id: 7, text: "n >".to_owned() });
    let Some(Event::Condition { id: 7, problem: Some(problem) }) = driver.events.last() else { panic!() };
    assert_eq!((problem.line, problem.column > 1), (1, true), "{problem}");
    driver.command(Command::Condition { id: 8, text: "key like 'a%'".to_owned() });
    assert_eq!(driver.events.last(), Some(&Event::Condition { id: 8, problem: None }));
}

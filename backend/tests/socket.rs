//! Sessions over the socket: garbage, resuming, slow clients, and kills whose runs give the exact answer.

// A test, its helpers included, may unwrap: a panic is how it fails. A guard that kills would hide that it does.
#![allow(clippy::unwrap_used, clippy::collapsible_match)]

mod common;

use std::io::Read;
use std::time::{Duration, Instant};

use common::{Client, PATIENCE, Server, children, kill, run_command, word_count};
use rustix::process::Signal;
use shared::id::NodeId;
use shared::time::Time;
use shared::wire::{Command, DataHeader, Event, ExportFormat, Frame, Place, Report, Resume, RunCommand, Speed, Stride};
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

fn finished(events: &[Event]) -> &Report {
    match events.last() {
        Some(Event::Finished { report, .. }) => report,
        other => panic!("the run ended with {other:?}"),
    }
}

fn assert_exact(report: &Report) {
    assert!(report.expectations.iter().all(|expectation| expectation.held), "{:?}", report.expectations);
}

#[test]
fn garbage_is_answered_and_the_connection_stays() {
    let server = Server::start(&[]);
    let mut client = server.silent_client();
    client.socket.send(Message::text("hello?")).unwrap();
    assert!(client.error().contains("not a control message"));
    client.say(&Command::Ping);
    assert!(client.error().contains("has to be `hello`"));
    client.say(&Command::Hello { build: String::new(), resume: None });
    assert!(matches!(client.next(), (0, Event::Welcome { resumed: false, .. })));
    for garbage in [
        "{",
        "[]",
        "{\"v\":1}",
        "{\"v\":2,\"type\":\"ping\"}",
        "{\"v\":1,\"type\":\"explode\"}",
        "{\"v\":1,\"type\":\"view\",\"run\":-1}",
    ] {
        client.socket.send(Message::text(garbage)).unwrap();
        assert!(!client.error().is_empty());
    }
    client.socket.send(Message::binary(vec![0; 100])).unwrap();
    assert!(client.error().contains("binary"));
    client.say(&Command::Kill { run: 9, node: NodeId::Worker(1) });
    assert!(client.error().contains("run 9"));
    client.say(&Command::Ping);
    assert!(matches!(client.next().1, Event::Pong));
}

#[test]
fn a_message_that_is_too_long_closes_the_socket_and_nothing_else() {
    let server = Server::start(&[]);
    let mut client = server.client(None);
    let mut other = server.client(None);
    // As long as may be: answered, though it is garbage.
    client.socket.send(Message::text("x".repeat(1 << 20))).unwrap();
    assert!(client.error().contains("not a control message"));
    client.socket.send(Message::text("x".repeat((1 << 20) + 1))).unwrap();
    let (events, code) = client.until_closed();
    assert!(matches!(events.last(), Some(Event::Error { message }) if message.contains("1048576 bytes")), "{events:?}");
    assert_eq!(code, Some(CloseCode::Size));
    other.say(&Command::Ping);
    assert!(matches!(other.next().1, Event::Pong));
}

#[test]
fn a_client_that_comes_back_hears_everything_once_and_in_order() {
    let server = Server::start(&[]);
    let mut client = server.client(None);
    client.say(&Command::Run(run_command(1, &word_count(40, ""))));
    let mut seen: Vec<u64> = Vec::new();
    let mut last = None;
    let mut reconnected = 0;
    while !matches!(last, Some(Event::Finished { .. })) {
        // Dropped in the middle of whatever is on its way, six times.
        if reconnected < 6 && client.seen.len() >= 2 {
            let resume = Resume { session: client.session.clone(), seen: *client.seen.last().unwrap() };
            seen.append(&mut client.seen);
            drop(client);
            client = server.client(Some(resume));
            assert!(client.resumed);
            reconnected += 1;
        }
        let event = client.next().1;
        assert!(!matches!(event, Event::Failed { .. }), "{event:?}");
        last = Some(event);
    }
    seen.append(&mut client.seen);
    assert!(reconnected >= 3, "the run was over before the client had come back often");
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
    let unknown = server.client(Some(Resume { session: "0".repeat(32), seen: 3 }));
    assert!(!unknown.resumed);
}

#[test]
fn a_second_socket_takes_over_and_a_session_left_alone_ends() {
    let server = Server::start(&["--session-keep", "1"]);
    let mut first = server.client(None);
    let second = server.client(first.resume());
    assert!(second.resumed);
    assert_eq!(first.until_closed().1, Some(CloseCode::Normal));
    let resume = second.resume();
    drop(second);
    common::eventually("the session's end", || server.get("/api/health").body.contains("\"sessions\":0"));
    assert!(!server.client(resume).resumed);
}

#[test]
fn a_bus_in_real_time_is_killed_in_and_ends_with_all_its_threads() {
    const TASKS: &str = "millrace: 1\nrespawn: 100 ms\nmessaging:\n  for: 1500 ms\n  queues: { tasks: {} }\n  publishers:\n    \
                         web: { count: 2, key: tasks, rate: 100/s, confirms: true }\n  consumers:\n    \
                         worker: { count: 10, queue: tasks, prefetch: 5, service: 30 ms }\nexpect:\n  - no_loss: true\n";
    let server = Server::start(&[]);
    let threads = || std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count();
    let mut client = server.client(None);
    client.say(&Command::Run(run_command(1, "millrace: 1\n")));
    client.until_over();
    let before = threads();
    for run in 2..=3 {
        client.say(&Command::Run(run_command(run, TASKS)));
        common::eventually("a thread for each node", || threads() >= before + 13);
        client.say(&Command::Kill { run, node: NodeId::Worker(5) });
        let events = client.until_over();
        let Some(Event::Finished { report, .. }) = events.last() else { panic!("{:#?}", events.last()) };
        assert!(report.place == Place::Server && report.expectations[0].held, "{report:#?}");
        assert!(report.bus.as_ref().unwrap().totals.processed > 200, "{report:#?}");
        let news =
            |event: &Event| matches!(event, Event::Frame(frame) if frame.news.iter().any(|news| news.text.contains("killed")));
        assert!(events.iter().any(news), "the kill was told");
        common::eventually("the end of its threads", || threads() <= before + 2);
    }
}

#[test]
fn a_client_that_reads_nothing_is_closed_and_its_run_goes_on() {
    let server = Server::start(&["--client-slow", "2"]);
    let mut client = server.client(None);
    client.say(&Command::Run(run_command(1, &word_count(4, ""))));
    client.until_over();
    // Some 20 MB of answers, none of which is read.
    for id in 0..40 {
        client.say(&Command::Export { run: 1, id, format: ExportFormat::Csv });
    }
    for id in 0..400 {
        let query = shared::batch::table::ViewQuery { limit: 1_000, ..Default::default() };
        client.say(&Command::View { run: 1, id, query });
    }
    // Past the two seconds that it may be slow, within the two that the server waits to say goodbye.
    std::thread::sleep(Duration::from_secs(3));
    let began = Instant::now();
    let mut socket = client.socket.into_inner();
    let mut buffer = vec![0; 1 << 20];
    let mut last = Vec::new();
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        last.extend_from_slice(&buffer[..count]);
        last.drain(..last.len().saturating_sub(1 << 10));
    }
    assert!(began.elapsed() < PATIENCE);
    let code = CloseCode::Again;
    let close = u16::from(code).to_be_bytes();
    assert!(last.windows(2).any(|pair| pair == close), "no close frame with {code} came");
    let again = server.client(Some(Resume { session: client.session, seen: *client.seen.last().unwrap() }));
    assert!(again.resumed);
}

#[test]
fn a_result_can_be_looked_at_and_exported() {
    let server = Server::start(&[]);
    let mut client = server.client(None);
    client.say(&Command::Run(run_command(1, &word_count(1, ""))));
    let rows = finished(&client.until_over()).rows;
    let query = shared::batch::table::ViewQuery { limit: 10, sort: Some((1, true)), ..Default::default() };
    client.say(&Command::View { run: 1, id: 5, query });
    match client.next().1 {
        Event::Rows { run: 1, id: 5, view } => assert_eq!((view.total, view.rows.len()), (rows, 10)),
        other => panic!("{other:?}"),
    }
    client.say(&Command::Export { run: 1, id: 6, format: ExportFormat::Csv });
    let mut csv = Vec::new();
    loop {
        let Message::Binary(frame) = client.socket.read().unwrap() else { continue };
        let header = DataHeader::from_bytes(&frame).unwrap();
        csv.extend_from_slice(&frame[DataHeader::LENGTH..]);
        if header.last {
            break;
        }
    }
    assert_eq!(common::rows(std::str::from_utf8(&csv).unwrap()).len() as u64, rows);
}

#[test]
fn threads_that_are_killed_leave_the_answer_exact() {
    let server = Server::start(&[]);
    let mut client = server.client(None);
    let mut lost = 0;
    for run in 1..=4 {
        client.say(&Command::Run(run_command(run, &word_count(30, SLOW))));
        lost += kill_while_it_runs(&mut client, run, 3, |client, worker| {
            client.say(&Command::Kill { run, node: NodeId::Worker(worker) });
            true
        });
    }
    assert!(lost >= 10, "only {lost} workers were lost");
}

#[test]
fn a_coordinator_that_restarts_goes_on_from_its_checkpoint() {
    let server = Server::start(&[]);
    let mut client = server.client(None);
    let faults = "faults:\n  - { at: 20 %, restart: coordinator }\n  - { at: 40 %, kill: worker-2 }\n  - { at: 60 %, restart: coordinator }\n  \
                  - { at: 10 %, pause: { node: worker-3, for: 200 ms } }\n";
    for isolation in ["thread", "process"] {
        let run = client.seen.len() as u32 + 1;
        client.say(&Command::Run(run_command(run, &word_count(20, &format!("isolation: {isolation}\n{faults}")))));
        let events = client.until_over();
        assert_exact(finished(&events));
        let back = events.iter().filter_map(|event| match event {
            Event::Frame(frame) => Some(frame.news.iter().filter(|news| news.text.contains("coordinator is back")).count()),
            _ => None,
        });
        assert_eq!(back.sum::<usize>(), 2);
    }
}

/// The next frame that fits, of the run that goes on.
fn frame(client: &mut Client, fits: impl Fn(&Frame) -> bool) -> Frame {
    loop {
        match client.next().1 {
            Event::Frame(frame) if fits(&frame) => return *frame,
            Event::Finished { .. } | Event::Failed { .. } => panic!("the run is over"),
            _ => {}
        }
    }
}

#[test]
fn a_paced_simulation_is_paused_stepped_killed_in_and_ends_with_the_trace_of_one_go() {
    let server = Server::start(&[]);
    let mut client = server.client(None);
    let text = word_count(2, "compute: 400 KB/s\n").replace("split: 1 MiB", "split: 64 KiB");
    let simulated = |run, pace| Command::Run(RunCommand { place: Place::Simulate, pace, ..run_command(run, &text) });
    client.say(&simulated(1, None));
    let whole = finished(&client.until_over()).clone();

    client.say(&simulated(2, Some(Speed::Times(0.5))));
    frame(&mut client, |frame| frame.now.0 > 100_000);
    client.say(&Command::Pause { run: 2 });
    let paused = frame(&mut client, |frame| frame.pace.as_ref().is_some_and(|pace| pace.paused));
    client.say(&Command::Step { run: 2, by: Stride::Task });
    assert!(frame(&mut client, |frame| frame.now > paused.now).pace.unwrap().paused);
    client.say(&Command::Speed { run: 2, speed: Speed::Max });
    client.say(&Command::Resume { run: 2 });
    assert_eq!(finished(&client.until_over()).trace_hash, whole.trace_hash);
    // It has ended, and can still be gone back in, until another run takes its place.
    client.say(&Command::Seek { run: 2, to: Time(100_000) });
    let back = frame(&mut client, |frame| frame.whole);
    assert!(back.now == Time(100_000) && back.pace.is_some_and(|pace| pace.paused && pace.end.is_some()));

    client.say(&simulated(3, Some(Speed::Times(1.0))));
    frame(&mut client, |frame| frame.now.0 > 100_000);
    client.say(&Command::Kill { run: 3, node: NodeId::Worker(1) });
    let news = frame(&mut client, |frame| !frame.news.is_empty()).news;
    assert_eq!(news[0].text, "worker-1 was killed.");
    client.say(&Command::Speed { run: 3, speed: Speed::Max });
    let events = client.until_over();
    assert_exact(finished(&events));
    assert_eq!(finished(&events).output_hash, whole.output_hash);
    assert!(finished(&events).tally.workers_lost == 1 && finished(&events).trace_hash != whole.trace_hash);

    client.say(&simulated(4, Some(Speed::Times(1.0))));
    frame(&mut client, |_| true);
    client.say(&Command::Stop { run: 4 });
    assert!(matches!(client.until_over().last(), Some(Event::Failed { message, .. }) if message == "the run was stopped"));
}

/// Slow enough that many frames come between the first task's end and the last one's, on a quick machine too.
const SLOW: &str = "faults: [ { at: 0 %, slow: { node: worker-1, factor: 16 } }, { at: 0 %, slow: { node: worker-2, factor: 16 } }, \
                    { at: 0 %, slow: { node: worker-3, factor: 16 } } ]\n";

/// Kills a worker at each of some frames, far enough apart that it is back; gives how many were lost.
fn kill_while_it_runs(client: &mut Client, run: u32, kills: u32, mut kill: impl FnMut(&mut Client, u32) -> bool) -> u32 {
    let (mut killed, mut next) = (0, 0.1);
    loop {
        match client.next().1 {
            Event::Frame(frame) if killed < kills && frame.progress >= next => {
                if kill(client, killed % 3 + 1) {
                    killed += 1;
                    next = frame.progress + 0.15;
                }
            }
            Event::Finished { run: of, report } => {
                assert_eq!(of, run);
                assert_exact(&report);
                return report.tally.workers_lost;
            }
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
}

#[test]
fn twenty_sigkills_over_jobs_of_processes_leave_the_answers_exact() {
    let server = Server::start(&[]);
    let mut client = server.client(None);
    let (mut kills, mut run) = (0, 0);
    let mut lost = 0;
    while kills < 20 {
        run += 1;
        assert!(run <= 12, "only {kills} kills in {run} jobs");
        client.say(&Command::Run(run_command(run, &word_count(30, &format!("isolation: process\n{SLOW}")))));
        let pid = server.pid();
        lost += kill_while_it_runs(&mut client, run, 4, |_, worker| {
            // Not the engine's hand but somebody else's: it has to notice by itself.
            let workers = children(pid);
            match workers.get(worker as usize % workers.len().max(1)) {
                Some(victim) => {
                    kill(*victim, Signal::KILL);
                    kills += 1;
                    true
                }
                None => false,
            }
        });
    }
    // One that had not registered yet when it was killed was no worker of the job.
    assert!(lost >= 15, "{kills} processes were killed, but {lost} workers are said to be lost");
}

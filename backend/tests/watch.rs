//! Watching: sessions that hear of another session's run, whenever they come and however slowly they read.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Client, Server, run_command, word_count};
use shared::batch::table::{View, ViewQuery};
use shared::id::NodeId;
use shared::wire::{Command, DataHeader, Event, ExportFormat, Frame, Place, Report, RunCommand, Started};
use tungstenite::Message;

/// Slow enough that others come while it runs.
const SLOW: &str = "faults: [ { at: 0 %, slow: { node: worker-1, factor: 8 } }, { at: 30 %, kill: worker-2 } ]\n";

/// A run as a client has heard it: its frames as one, and its number nobody's.
#[derive(Debug, PartialEq)]
struct Heard {
    started: Box<Started>,
    frame: Box<Frame>,
    report: Report,
}

/// What a client is told of a run until it is over.
fn heard(client: &mut Client, run: u32, before: Vec<Event>) -> Heard {
    let (mut started, mut sum) = (None, None::<Box<Frame>>);
    let mut before = before.into_iter();
    let report = loop {
        match before.next().unwrap_or_else(|| client.next().1) {
            Event::Started(it) if it.run == run => started = Some(it),
            Event::Frame(later) if later.run == run => match &mut sum {
                Some(sum) => sum.merge(*later),
                None => sum = Some(later),
            },
            Event::Finished { run: of, report } if of == run => break report,
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    };
    let (mut started, mut frame) = (started.expect("a start"), sum.expect("a frame"));
    (started.run, frame.run, frame.whole) = (0, 0, false);
    Heard { started, frame, report }
}

/// Everything up to the first event that fits, which is the last.
fn until(client: &mut Client, mut fits: impl FnMut(&Event) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = client.next().1;
        assert!(!matches!(event, Event::Failed { .. }) || fits(&event), "{event:?}");
        let found = fits(&event);
        events.push(event);
        if found {
            return events;
        }
    }
}

fn progressed(to: f64) -> impl FnMut(&Event) -> bool {
    move |event| matches!(event, Event::Frame(frame) if frame.progress >= to)
}

/// Asks for the id of a run; what else is heard meanwhile is kept.
fn invite(client: &mut Client, run: u32, events: &mut Vec<Event>) -> String {
    client.say(&Command::Invite { run });
    events.extend(until(client, |event| matches!(event, Event::Invitation { .. })));
    match events.pop() {
        Some(Event::Invitation { run: of, watch }) if of == run => watch,
        other => panic!("{other:?}"),
    }
}

fn watcher(server: &Server, run: u32, watch: &str) -> Client {
    let mut client = server.client(None);
    client.say(&Command::Watch { run, watch: watch.to_owned() });
    client
}

/// Why a watcher is refused, or what it is told when it has nothing more to watch.
fn failed(client: &mut Client, run: u32) -> String {
    match until(client, |event| matches!(event, Event::Failed { .. })).pop() {
        Some(Event::Failed { run: of, message, .. }) if of == run => message,
        other => panic!("{other:?}"),
    }
}

fn rows(client: &mut Client, run: u32, query: ViewQuery) -> View {
    client.say(&Command::View { run, id: 77, query });
    match client.next().1 {
        Event::Rows { run: of, id: 77, view } if of == run => view,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whenever_one_comes_all_of_the_run_is_heard() {
    let server = Server::start(&[]);
    let mut owner = server.client(None);
    owner.say(&Command::Run(run_command(3, &word_count(12, SLOW))));
    let mut events = until(&mut owner, progressed(0.05));
    let id = invite(&mut owner, 3, &mut events);
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(invite(&mut owner, 3, &mut events), id, "a run has one id");
    let mut early = watcher(&server, 1, &id);
    // Under the number of another run of theirs: it is their own number that counts.
    assert!(matches!(early.next().1, Event::Started(started) if started.run == 1 && started.place == Place::Server));
    early.say(&Command::Kill { run: 1, node: NodeId::Worker(1) });
    early.say(&Command::Stop { run: 1 });
    let mut early_events = Vec::new();
    for _ in 0..2 {
        early_events.extend(until(&mut early, |event| matches!(event, Event::Error { .. })));
        let Some(Event::Error { message }) = early_events.pop() else { unreachable!() };
        assert_eq!(message, "run 1 is only watched in this session: whoever started it steers it");
    }
    events.extend(until(&mut owner, progressed(0.6)));
    let mut late = watcher(&server, 8, &id);
    let Event::Started(started) = late.next().1 else { panic!("no start") };
    let first = late.next().1;
    assert!(
        matches!(&first, Event::Frame(frame) if frame.whole && frame.run == 8 && !frame.news.is_empty() && frame.progress > 0.3),
        "{first:?}"
    );
    let of_owner = heard(&mut owner, 3, events);
    assert!(of_owner.report.expectations.iter().all(|it| it.held) && of_owner.report.tally.workers_lost == 1);
    let early_start = Event::Started(Box::new(Started { run: 1, ..(*started).clone() }));
    let of_early = heard(&mut early, 1, std::iter::once(early_start).chain(early_events).collect());
    let of_late = heard(&mut late, 8, vec![Event::Started(started), first]);
    assert_eq!(of_early, of_owner);
    assert_eq!(of_late, of_owner);
    let mut last = watcher(&server, 1, &id);
    assert_eq!(heard(&mut last, 1, Vec::new()), of_owner, "after its end as well");
    for client in [&owner, &early, &late, &last] {
        assert_eq!(client.seen, (1..=client.seen.len() as u64).collect::<Vec<_>>(), "numbered without a gap");
    }
}

#[test]
fn a_bus_is_watched_and_whoever_comes_late_has_its_past() {
    const TASKS: &str = "millrace: 1\nrespawn: 100 ms\nmessaging:\n  for: 2 s\n  queues: { tasks: {} }\n  publishers:\n    \
                         web: { key: tasks, rate: 100/s, confirms: true }\n  consumers:\n    \
                         worker: { count: 2, queue: tasks, prefetch: 5, service: 5 ms }\n";
    let server = Server::start(&[]);
    let mut owner = server.client(None);
    owner.say(&Command::Run(run_command(1, TASKS)));
    let mut events = until(&mut owner, progressed(0.5));
    let id = invite(&mut owner, 1, &mut events);
    let mut late = watcher(&server, 2, &id);
    let (of_owner, of_late) = (heard(&mut owner, 1, events), heard(&mut late, 2, Vec::new()));
    assert!(of_owner.frame.bus.as_ref().is_some_and(|bus| bus.from == 0 && !bus.parts.is_empty()), "{of_owner:?}");
    assert_eq!(of_late, of_owner);
}

#[test]
fn watchers_look_at_the_rows_each_in_an_order_of_their_own_until_the_run_is_let_go_of() {
    let server = Server::start(&[]);
    let mut owner = server.client(None);
    owner.say(&Command::Run(run_command(1, &word_count(1, ""))));
    let mut events = owner.until_over();
    let id = invite(&mut owner, 1, &mut events);
    let (mut one, mut other) = (watcher(&server, 4, &id), watcher(&server, 5, &id));
    let total = heard(&mut one, 4, Vec::new()).report.rows;
    heard(&mut other, 5, Vec::new());
    let order = |falls| ViewQuery { limit: 3, sort: Some((1, falls)), ..ViewQuery::default() };
    let (most, least) = (rows(&mut one, 4, order(true)), rows(&mut other, 5, order(false)));
    assert!((most.total, least.total) == (total, total) && most.rows != least.rows, "{most:?} {least:?}");
    assert_eq!(rows(&mut one, 4, order(true)), most);
    let search = ViewQuery { limit: 9, search: most.rows[0][0].clone(), ..ViewQuery::default() };
    assert!((1..total).contains(&rows(&mut other, 5, search).matched));
    one.say(&Command::Export { run: 4, id: 6, format: ExportFormat::Csv });
    let mut csv = Vec::new();
    loop {
        let Message::Binary(frame) = one.socket.read().unwrap() else { continue };
        let header = DataHeader::from_bytes(&frame).unwrap();
        assert_eq!((header.run, header.id), (4, 6));
        csv.extend_from_slice(&frame[DataHeader::LENGTH..]);
        if header.last {
            break;
        }
    }
    assert_eq!(common::rows(std::str::from_utf8(&csv).unwrap()).len() as u64, total);
    owner.say(&Command::Ping);
    assert!(matches!(owner.next().1, Event::Pong), "the owner hears nothing of that");

    other.say(&Command::Forget { run: 5 });
    other.say(&Command::View { run: 5, id: 1, query: order(true) });
    assert_eq!(other.error(), "run 5 has no result to look at");
    owner.say(&Command::Forget { run: 1 });
    assert_eq!(failed(&mut one, 4), "whoever started this run has let go of it, and its rows are gone with it");
    other.say(&Command::Ping);
    assert!(matches!(other.next().1, Event::Pong), "who has left is told nothing");
    assert!(failed(&mut watcher(&server, 1, &id), 1).starts_with("no run can be watched by this link"));
}

#[test]
fn what_names_no_run_that_can_be_watched_is_a_sentence() {
    let server = Server::start(&[]);
    let mut client = server.client(None);
    for (watch, sentence) in [
        ("", "the link has no id of a run in it"),
        ("x", "the link has no id of a run in it"),
        ("0123456789ABCDEF0123456789ABCDEF", "the link has no id of a run in it"),
        ("00000000000000000000000000000000", "no run can be watched by this link"),
    ] {
        client.say(&Command::Watch { run: 1, watch: watch.to_owned() });
        let told = failed(&mut client, 1);
        assert!(told.starts_with(sentence), "{watch}: {told}");
    }
    client.say(&Command::Invite { run: 1 });
    assert!(client.error().starts_with("run 1 cannot be watched: it has not begun"));
    client.say(&Command::Run(RunCommand { place: Place::Simulate, ..run_command(1, &word_count(1, "")) }));
    client.until_over();
    client.say(&Command::Invite { run: 1 });
    assert!(client.error().starts_with("run 1 is simulated"));

    let mut owner = server.client(None);
    let ids: Vec<String> = (1..=5)
        .map(|run| {
            owner.say(&Command::Run(run_command(run, &word_count(1, ""))));
            owner.until_over();
            invite(&mut owner, run, &mut Vec::new())
        })
        .collect();
    for (run, id) in (11..).zip(&ids[..4]) {
        client.say(&Command::Watch { run, watch: id.clone() });
        client.until_over();
    }
    client.say(&Command::Watch { run: 15, watch: ids[4].clone() });
    assert!(failed(&mut client, 15).starts_with("4 runs are watched in this session"));
    client.say(&Command::Run(run_command(11, &word_count(1, ""))));
    assert!(client.error().starts_with("run 11 is only watched"), "its number is taken");
    client.say(&Command::Forget { run: 11 });
    client.say(&Command::Watch { run: 15, watch: ids[4].clone() });
    assert!(matches!(client.until_over().last(), Some(Event::Finished { run: 15, .. })));

    // As many as may watch one run, and one more.
    let mut watchers: Vec<Client> = (1..64).map(|run| watcher(&server, run, &ids[4])).collect();
    watchers.iter_mut().for_each(|client| drop(client.until_over()));
    assert!(failed(&mut watcher(&server, 1, &ids[4]), 1).starts_with("64 others watch this run"));
}

#[test]
fn one_that_reads_nothing_hinders_neither_the_run_nor_another() {
    let server = Server::start(&["--client-slow", "2"]);
    let (mut owner, mut slow) = (server.client(None), server.client(None));
    slow.say(&Command::Run(run_command(1, &word_count(4, ""))));
    slow.until_over();
    owner.say(&Command::Run(run_command(1, &word_count(12, SLOW))));
    let mut events = until(&mut owner, progressed(0.01));
    let id = invite(&mut owner, 1, &mut events);
    slow.say(&Command::Watch { run: 2, watch: id.clone() });
    // Behind that some 20 MB of answers, none of which is read.
    for id in 0..40 {
        slow.say(&Command::Export { run: 1, id, format: ExportFormat::Csv });
    }
    for id in 0..400 {
        slow.say(&Command::View { run: 1, id, query: ViewQuery { limit: 1_000, ..ViewQuery::default() } });
    }
    let mut quick = watcher(&server, 7, &id);
    let (of_owner, of_quick) = (heard(&mut owner, 1, events), heard(&mut quick, 7, Vec::new()));
    assert_eq!(of_quick, of_owner);
    let resume = slow.resume();
    drop(slow);
    let mut again = server.client(resume);
    assert!(again.resumed);
    assert_eq!(heard(&mut again, 2, Vec::new()), of_owner);
}

#[test]
fn watchers_are_told_when_the_session_that_ran_it_ends() {
    let server = Server::start(&["--session-keep", "1"]);
    let mut owner = server.client(None);
    owner.say(&Command::Run(run_command(1, &word_count(1, ""))));
    let mut events = owner.until_over();
    let done = invite(&mut owner, 1, &mut events);
    owner.say(&Command::Run(run_command(2, &word_count(400, SLOW))));
    let mut events = until(&mut owner, progressed(0.001));
    let running = invite(&mut owner, 2, &mut events);
    let (mut one, mut other) = (watcher(&server, 1, &done), watcher(&server, 2, &running));
    assert!(matches!(one.until_over().last(), Some(Event::Finished { .. })));
    drop(owner);
    assert!(failed(&mut one, 1).starts_with("whoever started this run has let go of it"));
    assert_eq!(failed(&mut other, 2), "the run was stopped");
    assert!(failed(&mut watcher(&server, 1, &running), 1).starts_with("no run can be watched by this link"));
}

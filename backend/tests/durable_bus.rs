//! Durable queues of a live bus: a server that is killed at any moment has every message that it has confirmed, and damage to its file is
//! told, never read.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::bus::{BusClient, bus_file, state};
use common::{BINARY, Server, eventually, millrace};
use rustix::process::Signal;
use shared::messaging::protocol::{BusCommand, BusEvent, Content, encode_command};
use tungstenite::Message;

/// Kills of the server under load; `MILLRACE_KILLS` says how many.
const KILLS: u32 = 10;

/// A killed server is back within this time.
const RESTART_MAX: Duration = Duration::from_secs(2);

/// Messages without a confirm, as the bench has them.
const WINDOW: u64 = 192;

const QUEUES: &str = "queues: { tasks: { durable: true, delivery_limit: 3, dead_letter: { key: dead } }, dead: { durable: true }, \
                      slow: { durable: true, message_ttl: 1 h }, plain: {} }";

/// A folder with a bus and its store.
struct Place {
    folder: tempfile::TempDir,
    bus: String,
}

impl Place {
    fn new(middle: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let bus = format!("b={}", bus_file(folder.path(), middle));
        Place { folder, bus }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("b.redb")
    }

    fn arguments(&self) -> [&str; 5] {
        ["--bus", &self.bus, "--bus-only", "--bus-store", self.folder.path().to_str().unwrap()]
    }

    fn start(&self) -> Server {
        Server::start(&self.arguments())
    }

    /// What a server says that does not start.
    fn refusal(&self) -> String {
        let arguments: Vec<&str> = ["serve", "--listen", "127.0.0.1:0"].into_iter().chain(self.arguments()).collect();
        let (status, _, error) = millrace(&arguments, b"");
        assert_eq!(status, 3, "{error}");
        error
    }
}

fn persistent(key: &str, body: &str) -> BusCommand {
    let message = Content { key: key.to_owned(), body: Some(body.to_owned()), persistent: true, ..Content::default() };
    BusCommand::Publish { message, mandatory: false }
}

/// Publishes to a queue and waits for every confirm.
fn publish_all(server: &Server, key: &str, bodies: impl Iterator<Item = String>) {
    let mut client = BusClient::open(server, true);
    for body in bodies {
        client.say(&persistent(key, &body));
        while !matches!(client.next(), BusEvent::Confirm { ok: true, .. }) {}
    }
}

/// Takes everything out of a queue: bodies in their order, and whether each was marked as redelivered.
fn drain(server: &Server, queue: &str) -> Vec<(String, bool)> {
    let count = state(server)["queues"][queue]["ready"].as_u64().unwrap();
    let mut client = BusClient::open(server, false);
    client.consume(queue, 1_000);
    let mut got = Vec::new();
    for _ in 0..count {
        let delivery = client.delivery();
        client.ack(delivery.delivery);
        got.push((delivery.message.body.unwrap(), delivery.redelivered));
    }
    client.until_pong();
    got
}

#[test]
fn what_was_confirmed_is_there_after_a_kill_in_its_order_and_marked() {
    let place = Place::new(QUEUES);
    let server = place.start();
    publish_all(&server, "tasks", (1..=20).map(|number| number.to_string()));
    let mut client = BusClient::open(&server, true);
    // These are gone with the server: one that is not persistent, and one whose queue is not durable.
    client.publish("tasks", "light");
    client.say(&persistent("plain", "plain"));
    let full = Content {
        key: "slow".to_owned(),
        base64: Some("/wD+AA==".to_owned()),
        headers: BTreeMap::from([("format".to_owned(), "pdf".to_owned())]),
        priority: 3,
        ttl_ms: Some(600_000),
        correlation: Some(u64::MAX),
        reply_to: Some("plain".to_owned()),
        persistent: true,
        ..Content::default()
    };
    client.say(&BusCommand::Publish { message: full.clone(), mandatory: false });
    (0..3).for_each(|_| while !matches!(client.next(), BusEvent::Confirm { ok: true, .. }) {});
    client.consume("tasks", 5);
    let first = client.delivery();
    assert!(!first.redelivered && first.message.persistent);
    client.ack(first.delivery);
    let second = client.delivery();
    client.say(&BusCommand::Reject { delivery: second.delivery, multiple: false });
    // Nothing says when an acknowledgement is on the disk but a later confirm.
    publish_all(&server, "tasks", ["21".to_owned()].into_iter());
    server.signal(Signal::KILL);
    drop(server);

    let server = place.start();
    let counted = state(&server)["queues"].clone();
    assert_eq!(
        (&counted["plain"]["ready"], &counted["dead"]["ready"], &counted["slow"]["ready"]),
        (&0.into(), &1.into(), &1.into())
    );
    let tasks = drain(&server, "tasks");
    assert_eq!(tasks, (3..=21).map(|number| (number.to_string(), true)).collect::<Vec<_>>());
    let mut client = BusClient::open(&server, false);
    let get = |queue: &str| BusCommand::Get { queue: queue.to_owned(), wait_ms: 0, auto_ack: true };
    client.say(&get("slow"));
    let slow = client.delivery();
    assert_eq!((slow.message, slow.redelivered), (full, true));
    client.say(&get("dead"));
    let dead = client.delivery();
    assert_eq!((dead.message.body.as_deref(), dead.deaths[0].reason.as_str(), &dead.id), (Some("2"), "rejected", &second.id));
    // A new message has a name of its own, though its client's is that of an earlier one.
    client.say(&persistent("plain", "new"));
    client.say(&get("plain"));
    let new = client.delivery().id;
    assert!(new != first.id && new != second.id && new.starts_with(second.id.split('/').next().unwrap()), "{new}");
    // What was acknowledged before an orderly end does not come again.
    let mut server = server;
    server.signal(Signal::TERM);
    assert_eq!(server.wait().0, 0);
    let server = place.start();
    assert_eq!(state(&server)["bytes"], 0);
}

#[test]
fn a_message_s_returns_and_its_time_go_on_past_a_kill() {
    let place = Place::new("queues: { tasks: { durable: true, delivery_limit: 1 }, short: { durable: true } }");
    let server = place.start();
    publish_all(&server, "tasks", ["poison".to_owned()].into_iter());
    let mut client = BusClient::open(&server, true);
    client.consume("tasks", 1);
    let delivery = client.delivery();
    client.say(&BusCommand::Requeue { delivery: delivery.delivery, multiple: false });
    client.delivery();
    let message = Content { key: "short".to_owned(), ttl_ms: Some(300), persistent: true, ..Content::default() };
    client.say(&BusCommand::Publish { message, mandatory: false });
    while !matches!(client.next(), BusEvent::Confirm { ok: true, .. }) {}
    server.signal(Signal::KILL);
    drop(server);
    let server = place.start();
    eventually("the end of its time", || state(&server)["queues"]["short"]["expired"] == 1);
    let mut client = BusClient::open(&server, false);
    client.consume("tasks", 1);
    let again = client.delivery();
    assert_eq!((again.redelivered, again.returns), (true, 1));
    client.say(&BusCommand::Requeue { delivery: again.delivery, multiple: false });
    client.until_pong();
    assert_eq!(state(&server)["queues"]["tasks"]["rejected"], 1);
}

/// What the publishers and consumers of a killed server know.
#[derive(Default)]
struct Known {
    confirmed: BTreeSet<u64>,
    acked: BTreeSet<u64>,
    published: u64,
}

/// Publishes and consumes as fast as it can until the server is gone. Some messages are acknowledged, some are not.
fn load(port: u16, known: &mut Known, kill: impl FnOnce() + Send + 'static, after: Duration) {
    let killer = std::thread::spawn(move || {
        // How far the load has come by then is left to chance.
        std::thread::sleep(after);
        kill();
    });
    let (mut publisher, mut consumer) = (BusClient::open_at(port, true), BusClient::open_at(port, false));
    let consumed = std::thread::spawn(move || {
        let mut acked = BTreeSet::new();
        consumer.consume("tasks", 50);
        while let Ok(message) = consumer.socket.read() {
            let Message::Text(text) = message else { continue };
            let Ok(BusEvent::Deliver(delivery)) = shared::messaging::protocol::decode_event(&text) else { continue };
            let number: u64 = delivery.message.body.unwrap().parse().unwrap();
            if !number.is_multiple_of(3) {
                let ack = encode_command(&BusCommand::Ack { delivery: delivery.delivery, multiple: false });
                // It may be heard or not: the bus may have it again.
                acked.insert(number);
                if consumer.try_say(&ack).is_err() {
                    break;
                }
            }
        }
        acked
    });
    let (mut numbers, mut open, mut credit) = (BTreeMap::new(), 0, u64::from(publisher.credit));
    let mut sent = 0;
    'load: loop {
        while open < WINDOW && credit > 0 {
            known.published += 1;
            (sent, open, credit) = (sent + 1, open + 1, credit - 1);
            numbers.insert(sent, known.published);
            let queue = if known.published.is_multiple_of(2) { "tasks" } else { "slow" };
            let command = encode_command(&persistent(queue, &known.published.to_string()));
            if publisher.try_say(&command).is_err() {
                break 'load;
            }
        }
        match publisher.socket.read() {
            Ok(Message::Text(text)) => match shared::messaging::protocol::decode_event(&text).unwrap() {
                BusEvent::Confirm { number, ok } => {
                    assert!(ok);
                    open -= 1;
                    known.confirmed.insert(numbers[&number]);
                }
                BusEvent::Credit { more } => credit += u64::from(more),
                other => panic!("{other:?}"),
            },
            Ok(_) => {}
            Err(_) => break,
        }
    }
    killer.join().unwrap();
    known.acked.extend(consumed.join().unwrap());
}

#[test]
fn every_confirmed_message_is_there_after_each_of_many_kills_under_load() {
    let kills = std::env::var("MILLRACE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let place = Place::new(QUEUES);
    let (mut confirmed, mut slowest, mut most) = (0, Duration::ZERO, 0);
    let mut server = place.start();
    for round in 0..kills {
        let mut known = Known::default();
        let pid = server.pid();
        let after = Duration::from_millis(100 + u64::from(round * 37 % 400));
        load(server.port, &mut known, move || common::kill(pid, Signal::KILL), after);
        assert_ne!(server.wait().0, 0);
        let began = Instant::now();
        server = place.start();
        let restarted = began.elapsed();
        slowest = slowest.max(restarted);
        assert!(restarted < RESTART_MAX, "{restarted:?} until it was back");
        let (mut found, mut held) = (BTreeSet::new(), 0);
        for queue in ["tasks", "slow"] {
            let got: Vec<(u64, bool)> =
                drain(&server, queue).into_iter().map(|(body, marked)| (body.parse().unwrap(), marked)).collect();
            assert!(got.is_sorted(), "`{queue}` is not in its order");
            assert!(got.iter().all(|(_, marked)| *marked), "one of `{queue}` is not marked");
            held += got.len();
            found.extend(got.into_iter().map(|(number, _)| number));
        }
        assert_eq!(found.len(), held, "a message is there twice");
        let lost: Vec<_> =
            known.confirmed.iter().filter(|number| !found.contains(number) && !known.acked.contains(number)).collect();
        assert!(lost.is_empty(), "kill {round}: of {} confirmed these are lost: {lost:?}", known.confirmed.len());
        assert!(found.iter().all(|number| *number <= known.published), "there is one that nobody published");
        (confirmed, most) = (confirmed + known.confirmed.len(), most.max(held));
        // What was taken out is forgotten before the next round, in which numbers begin anew.
        publish_all(&server, "dead", ["marker".to_owned()].into_iter());
        drain(&server, "dead");
    }
    assert!(confirmed > 100 * kills as usize, "{confirmed} confirmed");
    println!("{kills} kills, {confirmed} confirmed, none lost; at most {most} came back, and the server within {slowest:?}");
}

#[test]
fn a_store_that_cannot_be_read_is_told_before_anybody_listens() {
    let place = Place::new(QUEUES);
    let server = place.start();
    publish_all(&server, "tasks", (1..=200).map(|number| number.to_string().repeat(50)));
    let busy = place.refusal();
    assert!(busy.contains("is in use by another process: end that one"), "{busy}");
    server.signal(Signal::KILL);
    drop(server);
    let whole = fs::read(place.store()).unwrap();
    let body = whole.windows(6).position(|window| window == b"177177").unwrap();
    let mut altered = whole.clone();
    altered[body] ^= 1;
    for bytes in [&altered[..], &whole[..whole.len() / 3], &whole[..10], &[]] {
        fs::write(place.store(), bytes).unwrap();
        let told = place.refusal();
        assert!(told.contains("is damaged: ") && told.contains("put a backup in its place, or move it away"), "{told}");
        assert!(told.contains(place.store().to_str().unwrap()), "{told}");
    }
    fs::write(place.store(), &whole).unwrap();
    bus_file(place.folder.path(), "queues: { other: { durable: true } }");
    let told = place.refusal();
    assert!(told.contains("has 200 messages of `tasks`, which is no durable queue of the experiment"), "{told}");
    bus_file(place.folder.path(), QUEUES);
    assert_eq!(state(&place.start())["queues"]["tasks"]["ready"], 200);
}

#[test]
fn a_durable_queue_needs_a_place() {
    let place = Place::new(QUEUES);
    let (status, _, error) = millrace(&["serve", "--listen", "127.0.0.1:0", "--bus", &place.bus], b"");
    assert_eq!(status, 3);
    assert!(error.contains("the queue `tasks` of the bus `b` is durable") && error.contains("`--bus-store DIR`"), "{error}");
    let file = place.folder.path().join("bus.yaml");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--bus", &place.bus, "--bus-store", file.to_str().unwrap()];
    let (status, _, error) = millrace(&arguments, b"");
    assert!(status == 3 && error.contains("cannot be made"), "{error}");
    // Without a durable queue there is no file.
    let plain = Place::new("queues: { tasks: {} }");
    publish_all(&plain.start(), "tasks", ["x".to_owned()].into_iter());
    assert!(!plain.store().exists());
}

#[test]
fn a_full_disk_ends_the_bus_with_a_sentence_and_nothing_is_confirmed_in_vain() {
    let place = Place::new(QUEUES);
    // A file may have 2,048 blocks of 512 bytes: what is written beyond is refused, as by a full disk.
    let script = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" serve --listen 127.0.0.1:0 \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script, BINARY])
        .args(place.arguments())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
    let mut client = BusClient::open_at(port, true);
    let (mut confirmed, body) = (0, "x".repeat(10_000));
    let closed = 'bus: loop {
        client.say(&persistent("tasks", &format!("{} {body}", confirmed + 1)));
        loop {
            match client.socket.read() {
                Ok(Message::Text(text)) => match shared::messaging::protocol::decode_event(&text).unwrap() {
                    BusEvent::Confirm { ok, .. } => {
                        assert!(ok);
                        confirmed += 1;
                        break;
                    }
                    BusEvent::Closed { code, reason } => break 'bus (code, reason),
                    _ => {}
                },
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    assert_eq!(closed, (1001, "the bus has ended".to_owned()));
    common::kill(child.id(), Signal::TERM);
    let told = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(told.contains("the bus `b` ends: the store") && told.contains("cannot be written: "), "{told}");
    assert!(told.contains("What was confirmed is kept"), "{told}");
    // With room again everything is there.
    let server = place.start();
    let numbers: Vec<u64> =
        drain(&server, "tasks").iter().map(|(body, _)| body.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(confirmed > 10 && numbers.len() as u64 >= confirmed, "{confirmed} confirmed, {} there", numbers.len());
    assert!((1..).zip(&numbers).all(|(expected, number)| expected == *number), "{numbers:?}");
}

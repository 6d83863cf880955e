//! Clients of a live bus that mean harm, or mean nothing: others go on, memory stays bounded, and each hears why it is closed.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use common::bus::{BusClient, server, state};
use common::{Server, eventually};
use shared::messaging::protocol::{BusCommand, BusEvent, Content, encode_command};
use tungstenite::Message;

const TASKS: &str = "queues: { tasks: {}, mine: {} }";

/// A queue that lets its publishers wait, who have so little credit that they pass its bound by a tenth.
const BLOCKS: &str =
    "queues: { tasks: { max_messages: 1000, overload: block }, mine: {} }\npublishers: { p: { key: tasks, rate: 1/s } }";

/// Bytes of memory that the server has in use.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// A polite pair's messages come through, one after the other; the longest time that one took.
fn goes_on(server: &Server, messages: u32) -> Duration {
    let mut client = BusClient::open(server, true);
    client.consume("mine", 1);
    let mut longest = Duration::ZERO;
    for number in 0..messages {
        let began = Instant::now();
        client.publish("mine", &number.to_string());
        let delivery = client.delivery();
        assert_eq!(delivery.message.body, Some(number.to_string()));
        client.ack(delivery.delivery);
        longest = longest.max(began.elapsed());
    }
    longest
}

#[test]
fn who_acknowledges_twice_is_closed_and_its_messages_go_to_others() {
    let server = server(TASKS);
    let mut twice = BusClient::open(&server, false);
    twice.publish("tasks", "one");
    twice.publish("tasks", "two");
    twice.consume("tasks", 2);
    let (first, _second) = (twice.delivery(), twice.delivery());
    twice.ack(first.delivery);
    twice.ack(first.delivery);
    let (said, closed) = twice.until_closed();
    let (code, reason) = said.unwrap();
    assert_eq!((code, closed), (4406, Some(4406)));
    assert!(reason.contains("settled before"), "{reason}");
    let mut other = BusClient::open(&server, false);
    other.consume("tasks", 2);
    let again = other.delivery();
    assert_eq!((again.message.body.as_deref(), again.redelivered), (Some("two"), true));
}

#[test]
fn a_flood_of_messages_ends_with_the_credit() {
    let server = server(BLOCKS);
    let mut flood = BusClient::open(&server, false);
    let credit = u64::from(flood.credit);
    let message = Content { key: "tasks".to_owned(), body: Some("x".repeat(1_000)), ..Content::default() };
    let text = encode_command(&BusCommand::Publish { message, mandatory: false });
    // It never listens, and it does not mind.
    let sent = (0..100_000).take_while(|_| flood.try_say(&text).is_ok()).count() as u64;
    let (said, closed) = flood.until_closed();
    let (code, reason) = said.unwrap();
    assert_eq!((code, closed), (4530, Some(4530)), "{reason}");
    assert!(reason.contains("without credit"), "{reason}");
    let ready = state(&server)["queues"]["tasks"]["ready"].as_u64().unwrap();
    assert!(ready <= 1_000 + credit && sent > ready, "{ready} of {sent}");
    goes_on(&server, 100);
}

#[test]
fn a_message_without_credit_is_told_so() {
    let server =
        server("queues: { tasks: { max_messages: 10, overload: block } }\npublishers: { p: { key: tasks, rate: 1/s } }");
    let mut client = BusClient::open(&server, false);
    for _ in 0..10 + client.credit {
        client.publish("tasks", "x");
        client.until_pong();
    }
    let text = r#"{"v":1,"type":"publish","message":{"key":"tasks"}}"#;
    (0..3).for_each(|_| drop(client.try_say(text)));
    let (said, closed) = client.until_closed();
    let (_, reason) = said.unwrap();
    assert_eq!(closed, Some(4530));
    assert!(reason.contains("wait for `credit`"), "{reason}");
}

#[test]
fn a_flood_of_questions_is_not_read_faster_than_it_is_answered() {
    let server = server(TASKS);
    let before = resident(&server);
    let mut flood = BusClient::open(&server, false);
    flood.socket.get_ref().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let text = encode_command(&BusCommand::Ping);
    // It asks and does not listen: at some time nobody reads what it says any more.
    let mut say_many = || (0..1_000).try_for_each(|_| flood.socket.write(Message::text(text.clone())));
    let stalled = (0..5_000).any(|_| say_many().is_err());
    assert!(stalled);
    assert!(goes_on(&server, 200) < Duration::from_secs(2));
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 100 << 20, "{} MiB more", grown >> 20);
}

#[test]
fn who_stops_reading_is_closed_and_holds_nothing_back() {
    let server = server(TASKS);
    let mut deaf = BusClient::open(&server, false);
    deaf.consume("tasks", 1_000);
    deaf.until_pong();
    let before = resident(&server);
    // More than the buffers of a connection take: the deaf one's consumer is given 60 MB that it does not read.
    let mut publisher = BusClient::open(&server, true);
    let body = "x".repeat(1 << 20);
    for _ in 0..60 {
        publisher.publish("tasks", &body);
        while !matches!(publisher.next(), BusEvent::Confirm { ok: true, .. }) {}
    }
    assert!(goes_on(&server, 200) < Duration::from_secs(2));
    // The test's server gives up a client that takes nothing for two seconds.
    eventually("the end of the deaf one", || state(&server)["sockets"] == 1);
    let tasks = state(&server)["queues"]["tasks"].clone();
    assert_eq!((&tasks["ready"], &tasks["unacked"]), (&60.into(), &0.into()));
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 300 << 20, "{} MiB more", grown >> 20);
    // What it finds when it listens at last.
    let (said, closed) = deaf.until_closed();
    if let Some(code) = said.map(|(code, _)| code).or(closed) {
        assert_eq!(code, 1013);
    }
}

#[test]
fn one_byte_more_than_16_mib_closes_and_16_mib_do_not() {
    let server = server(TASKS);
    let head = r#"{"v":1,"type":"publish","message":{"key":"tasks","body":""#;
    let padded = |bytes: usize| format!(r#"{head}{}"}}}}"#, "x".repeat(bytes - head.len() - 3));
    let mut client = BusClient::open(&server, true);
    let most = padded(16 << 20);
    assert_eq!(most.len(), 16 << 20);
    client.try_say(&most).unwrap();
    assert_eq!(client.next(), BusEvent::Confirm { number: 1, ok: true });
    // The server may hang up before all of it is sent.
    let _ = client.try_say(&padded((16 << 20) + 1));
    let (said, closed) = client.until_closed();
    let (code, reason) = said.unwrap();
    assert_eq!((code, closed), (1009, Some(1009)));
    assert!(reason.contains("16777216 bytes"), "{reason}");
    let mut other = BusClient::open(&server, false);
    other.consume("tasks", 1);
    assert_eq!(other.delivery().message.body.unwrap().len(), (16 << 20) - head.len() - 3);
    goes_on(&server, 50);
}

#[test]
fn a_thousand_idle_sockets_cost_little_and_hold_nobody_up() {
    let server = server(TASKS);
    let before = resident(&server);
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.extend((0..250).map(|_| BusClient::open(&server, false)));
        // On a slow machine the first ones have been pinged by now, and who is idle is not deaf.
        idle.iter_mut().for_each(|client| drop(client.until_pong()));
    }
    assert_eq!(state(&server)["sockets"], 1_000);
    assert!(goes_on(&server, 200) < Duration::from_secs(2));
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 200 << 20, "{} MiB for 1,000 sockets", grown >> 20);
    // They are still there, and can begin.
    idle[999].publish("tasks", "late");
    idle[0].consume("tasks", 1);
    assert_eq!(idle[0].delivery().message.body.as_deref(), Some("late"));
    // And their places are free once they go, however they go.
    idle.drain(..500).for_each(|client| client.socket.get_ref().shutdown(Shutdown::Both).unwrap());
    drop(idle);
    eventually("the end of all", || state(&server)["sockets"] == 0);
}

#[test]
fn who_says_nothing_at_first_is_closed_after_a_while() {
    let server = server(TASKS);
    let mut silent = BusClient::silent(&server);
    let began = Instant::now();
    let (said, closed) = silent.until_closed();
    assert_eq!((said.map(|(code, _)| code), closed), (Some(1008), Some(1008)));
    assert!(began.elapsed() >= Duration::from_secs(9));
}

#[test]
fn clients_that_come_and_go_leave_nothing_behind() {
    let server = server(TASKS);
    let hands: Vec<_> = (0..4)
        .map(|_| {
            let port = server.port;
            thread::spawn(move || (0..100).for_each(|_| come_and_go(port)))
        })
        .collect();
    hands.into_iter().for_each(|hand| hand.join().unwrap());
    eventually("the end of all", || state(&server)["sockets"] == 0);
    let state = state(&server);
    assert_eq!(state["queues"]["tasks"]["unacked"], 0);
    // Names are used again: there are as many queues for answers as there were clients at a time, not as there ever were.
    assert!(state["queues"].as_object().unwrap().len() <= 2 + 8, "{:#}", state["queues"]);
}

fn come_and_go(port: u16) {
    let mut client = BusClient::open_at(port, false);
    client.say(&BusCommand::Replies);
    client.publish("tasks", "x");
    client.consume("tasks", 5);
    client.until_pong();
}

//! A live bus as clients anywhere know it: what is delivered, settled and confirmed over the socket, and how each mistake ends.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../examples/bus_client.rs"]
#[allow(dead_code)]
mod rust_client;

use std::collections::BTreeMap;
use std::process::Command;

use common::bus::{BusClient, bus_file, server, state};
use common::{Server, eventually};
use rustix::process::Signal;
use shared::messaging::protocol::{BusCommand, BusEvent, Content, DeathView};

const TASKS: &str = "queues: { tasks: {}, dead: {}, careful: { dead_letter: { key: dead } } }";

#[test]
fn a_message_travels_whole_and_is_settled_once() {
    let server = server(TASKS);
    let (mut publisher, mut consumer) = (BusClient::open(&server, true), BusClient::open(&server, false));
    consumer.consume("tasks", 10);
    let text = Content {
        key: "tasks".to_owned(),
        body: Some("grüße, 世界".to_owned()),
        headers: BTreeMap::from([("format".to_owned(), "pdf".to_owned())]),
        priority: 3,
        ttl_ms: Some(60_000),
        correlation: Some(u64::MAX),
        reply_to: Some("tasks".to_owned()),
        ..Content::default()
    };
    let bytes = Content { key: "tasks".to_owned(), base64: Some("/wD+AA==".to_owned()), ..Content::default() };
    for message in [&text, &bytes] {
        publisher.say(&BusCommand::Publish { message: message.clone(), mandatory: false });
    }
    assert_eq!(publisher.next(), BusEvent::Confirm { number: 1, ok: true });
    assert_eq!(publisher.next(), BusEvent::Confirm { number: 2, ok: true });
    let (first, second) = (consumer.delivery(), consumer.delivery());
    assert_eq!((&first.message, first.delivery, first.queue.as_str()), (&text, 1, "tasks"));
    assert_eq!((&second.message, second.delivery, second.consumer), (&bytes, 2, Some(1)));
    assert!(!first.redelivered && first.id != second.id);
    consumer.say(&BusCommand::Ack { delivery: 2, multiple: true });
    consumer.until_pong();
    let state = state(&server);
    assert_eq!((&state["queues"]["tasks"]["acked"], &state["queues"]["tasks"]["unacked"]), (&2.into(), &0.into()));
    assert_eq!((&state["sockets"], &state["bytes"]), (&2.into(), &0.into()));
}

#[test]
fn what_is_given_back_comes_again_and_what_is_rejected_dies() {
    let server = server(TASKS);
    let mut client = BusClient::open(&server, false);
    client.publish("careful", "one");
    client.consume("careful", 1);
    let first = client.delivery();
    client.say(&BusCommand::Requeue { delivery: first.delivery, multiple: false });
    let again = client.delivery();
    assert_eq!((again.redelivered, again.returns, &again.id), (true, 1, &first.id));
    client.say(&BusCommand::Reject { delivery: again.delivery, multiple: false });
    client.say(&BusCommand::Get { queue: "dead".to_owned(), wait_ms: 5_000, auto_ack: true });
    let dead = client.delivery();
    let death = DeathView { queue: "careful".to_owned(), reason: "rejected".to_owned(), count: 1 };
    assert_eq!((dead.deaths, dead.consumer, dead.delivery), (vec![death], None, 0));
    client.say(&BusCommand::Get { queue: "dead".to_owned(), wait_ms: 0, auto_ack: false });
    assert_eq!(client.next(), BusEvent::Empty);
    client.say(&BusCommand::Get { queue: "dead".to_owned(), wait_ms: 50, auto_ack: false });
    assert_eq!(client.next(), BusEvent::Empty);
}

#[test]
fn prefetch_bounds_what_comes_and_what_a_lost_client_had_goes_to_others() {
    let server = server(TASKS);
    let mut publisher = BusClient::open(&server, false);
    (1..=5).for_each(|number| publisher.publish("tasks", &number.to_string()));
    publisher.until_pong();
    let mut consumer = BusClient::open(&server, false);
    consumer.consume("tasks", 2);
    let bodies: Vec<_> = [consumer.delivery(), consumer.delivery()].into_iter().map(|it| it.message.body.unwrap()).collect();
    assert_eq!(bodies, ["1", "2"]);
    assert_eq!(consumer.until_pong(), []);
    consumer.ack(1);
    assert_eq!(consumer.delivery().message.body.unwrap(), "3");
    let mut other = BusClient::open(&server, false);
    // Its connection breaks without a word.
    drop(consumer);
    eventually("the broker's notice", || state(&server)["queues"]["tasks"]["unacked"] == 0);
    other.consume("tasks", 10);
    let got: Vec<_> = (0..4).map(|_| other.delivery()).map(|it| (it.message.body.unwrap(), it.redelivered)).collect();
    assert_eq!(got.iter().map(|(body, _)| body.as_str()).collect::<Vec<_>>(), ["2", "3", "4", "5"]);
    assert_eq!(got.iter().map(|(_, again)| *again).collect::<Vec<_>>(), [true, true, false, false]);
}

#[test]
fn a_cancelled_consumer_gets_nothing_more_and_an_automatic_one_needs_no_acknowledgement() {
    let server = server(TASKS);
    let mut client = BusClient::open(&server, false);
    client.say(&BusCommand::Consume { tag: 7, queue: "tasks".to_owned(), prefetch: 1, auto_ack: true });
    for number in 1..=20 {
        client.publish("tasks", &number.to_string());
        let delivery = client.delivery();
        assert_eq!((delivery.delivery, delivery.consumer), (0, Some(7)));
    }
    client.say(&BusCommand::Cancel { tag: 7 });
    client.publish("tasks", "later");
    assert!(client.until_pong().iter().all(|event| matches!(event, BusEvent::Credit { .. })));
    let tasks = &state(&server)["queues"]["tasks"];
    assert_eq!((&tasks["acked"], &tasks["ready"]), (&20.into(), &1.into()));
}

#[test]
fn a_full_queue_stops_its_publishers_until_there_is_room() {
    let server =
        server("queues: { tasks: { max_messages: 10, overload: block } }\npublishers: { p: { key: tasks, rate: 1/s } }");
    let mut publisher = BusClient::open(&server, false);
    let (first, mut sent) = (publisher.credit, 0);
    assert!(first >= 1);
    let mut credit = first;
    // As long as there is credit, one more.
    for _ in 0..200 {
        if credit == 0 {
            break;
        }
        publisher.publish("tasks", "x");
        (credit, sent) = (credit - 1, sent + 1);
        for event in publisher.until_pong() {
            if let BusEvent::Credit { more } = event {
                credit += more;
            }
        }
    }
    assert!(credit == 0 && sent <= 10 + first, "{sent} went into a queue of 10");
    let mut consumer = BusClient::open(&server, false);
    consumer.say(&BusCommand::Consume { tag: 1, queue: "tasks".to_owned(), prefetch: 100, auto_ack: true });
    (0..sent).for_each(|_| drop(consumer.delivery()));
    assert!(matches!(publisher.next(), BusEvent::Credit { more } if more >= 1));
}

#[test]
fn a_request_is_answered_in_the_client_s_own_queue() {
    let server = server(TASKS);
    let (mut asks, mut answers) = (BusClient::open(&server, false), BusClient::open(&server, false));
    asks.say(&BusCommand::Replies);
    let BusEvent::Replies { queue } = asks.next() else { panic!("a queue was expected") };
    asks.say(&BusCommand::Consume { tag: 1, queue: queue.clone(), prefetch: 5, auto_ack: true });
    let request = Content {
        key: "tasks".to_owned(),
        correlation: Some(41),
        reply_to: Some(queue.clone()),
        body: Some("?".to_owned()),
        ..Content::default()
    };
    asks.say(&BusCommand::Publish { message: request, mandatory: false });
    answers.consume("tasks", 1);
    let request = answers.delivery();
    let (key, correlation) = (request.message.reply_to.unwrap(), request.message.correlation);
    let answer = Content { key, correlation, body: Some("!".to_owned()), ..Content::default() };
    answers.say(&BusCommand::Publish { message: answer, mandatory: false });
    answers.ack(request.delivery);
    let answer = asks.delivery();
    assert_eq!(
        (answer.queue, answer.message.correlation, answer.message.body.as_deref()),
        (queue.clone(), Some(41), Some("!"))
    );
    // Nobody else takes from it.
    answers.say(&BusCommand::Get { queue, wait_ms: 0, auto_ack: true });
    assert_eq!(answers.until_closed().1, Some(4404));
}

#[test]
fn a_mandatory_message_without_a_queue_comes_back() {
    let server =
        server("exchanges: { topics: { type: topic } }\nqueues: { all: { bind: [ { exchange: topics, key: 'a.#' } ] } }");
    let mut client = BusClient::open(&server, true);
    let message = |key: &str| Content { exchange: "topics".to_owned(), key: key.to_owned(), ..Content::default() };
    client.say(&BusCommand::Publish { message: message("b.c"), mandatory: true });
    match client.next() {
        BusEvent::Returned { message } => assert_eq!(message.key, "b.c"),
        other => panic!("it was to come back, not {other:?}"),
    }
    assert_eq!(client.next(), BusEvent::Confirm { number: 1, ok: true });
    client.say(&BusCommand::Publish { message: message("a.b.c"), mandatory: true });
    assert_eq!(client.next(), BusEvent::Confirm { number: 2, ok: true });
    assert_eq!(state(&server)["queues"]["all"]["ready"], 1);
}

#[test]
fn every_mistake_has_its_code_and_its_sentence() {
    let server = server(TASKS);
    let after_hello = [
        (r#"{"v":1,"type":"consume","tag":1,"queue":"nowhere"}"#, 4404, "there is no queue `nowhere`"),
        (r#"{"v":1,"type":"get","queue":"nowhere"}"#, 4404, "there is no queue `nowhere`"),
        (r#"{"v":1,"type":"publish","message":{"exchange":"nowhere","key":"k"}}"#, 4404, "there is no exchange `nowhere`"),
        (r#"{"v":1,"type":"ack","delivery":"1"}"#, 4406, "delivery tag 1 is unknown"),
        (r#"{"v":1,"type":"ack","delivery":"0","multiple":true}"#, 4406, "delivery tag 0 is unknown"),
        (r#"{"v":1,"type":"consume","tag":1,"queue":"tasks","prefetch":0}"#, 4530, "1 to 10000 together"),
        (r#"{"v":1,"type":"consume","tag":1,"queue":"tasks","prefetch":4294967295}"#, 4530, "1 to 10000 together"),
        (r#"{"v":1,"type":"hello"}"#, 4503, "said once, first"),
        (r#"{"v":2,"type":"ping"}"#, 4540, "has version 2, this bus speaks version 1"),
        (r#"{"type":"ping"}"#, 4540, "has version null"),
        (r#"{"v":1,"type":"explode"}"#, 4502, "not understood"),
        (r#"{"v":1,"type":"ack","delivery":1}"#, 4502, "not understood"),
        (r#"{"v":1,"type":"publish","message":{"key":"tasks","colour":"red"}}"#, 4502, "unknown field `colour`"),
        (r#"{"v":1,"type":"publish","message":{"key":"tasks","base64":"?"}}"#, 4502, "`base64`"),
        (r#"{"v":1,"type":"publish","message":{"key":"tasks","base64":"","body":""}}"#, 4502, "not both"),
        ("hello?", 4502, "not a message in JSON"),
    ];
    for (text, code, sentence) in after_hello {
        let mut client = BusClient::open(&server, false);
        client.try_say(text).unwrap();
        let (said, closed) = client.until_closed();
        let (said, reason) = said.unwrap_or_else(|| panic!("{text}: nothing was said"));
        assert_eq!((said, closed), (code, Some(code)), "{text}: {reason}");
        assert!(reason.contains(sentence), "{text}: {reason}");
    }
    let long = format!(r#"{{"v":1,"type":"publish","message":{{"key":"{}"}}}}"#, "a.".repeat(128));
    let twice = [r#"{"v":1,"type":"consume","tag":1,"queue":"tasks"}"#; 2];
    let gets = [r#"{"v":1,"type":"get","queue":"tasks","wait_ms":60000}"#; 2];
    for (texts, code, sentence) in [
        (&[long.as_str()][..], 4502, "at most 255 bytes"),
        (&twice, 4530, "tag 1 is in use"),
        (&gets, 4530, "waits for its answer"),
    ] {
        let mut client = BusClient::open(&server, false);
        texts.iter().for_each(|text| client.try_say(text).unwrap());
        let (said, closed) = client.until_closed();
        let (_, reason) = said.unwrap();
        assert_eq!(closed, Some(code), "{reason}");
        assert!(reason.contains(sentence), "{reason}");
    }
    let mut hasty = BusClient::silent(&server);
    hasty.say(&BusCommand::Ping);
    assert_eq!(hasty.until_closed().1, Some(4503));
    let mut binary = BusClient::open(&server, false);
    binary.socket.send(tungstenite::Message::binary(vec![0; 9])).unwrap();
    assert_eq!(binary.until_closed().1, Some(4503));
    // None of them has touched the others' bus.
    let mut polite = BusClient::open(&server, true);
    polite.publish("tasks", "fine");
    assert_eq!(polite.next(), BusEvent::Confirm { number: 1, ok: true });
    polite.say(&BusCommand::Close);
    assert_eq!(polite.until_closed(), (None, Some(1000)));
}

#[test]
fn only_who_may_comes_in_and_a_bus_says_what_it_has() {
    let server = server(TASKS);
    let foreign = server.request("GET", "/api/bus/b", &[("Origin", "http://evil.example")], b"");
    assert_eq!(foreign.status, 403, "{}", foreign.body);
    assert_eq!(server.request("GET", "/api/bus", &[("Host", "evil.example")], b"").status, 403);
    let missing = server.get("/api/bus/c");
    assert_eq!((missing.status, missing.body.as_str()), (404, "there is no bus of that name; there are `b`"));
    let list: serde_json::Value = serde_json::from_str(&server.get("/api/bus").body).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["queues"]["tasks"]["ready"]), (&"b".into(), &0.into()));
    assert_eq!((&list[0]["exchanges"], &list[0]["queues"]["tasks"]["consumers"]), (&serde_json::json!([]), &0.into()));
    let mut consumer = BusClient::open(&server, false);
    consumer.consume("tasks", 1);
    consumer.say(&BusCommand::Get { queue: "tasks".to_owned(), wait_ms: 60_000, auto_ack: true });
    consumer.until_pong();
    assert_eq!(state(&server)["queues"]["tasks"]["consumers"], 1, "who waits for one message is no consumer");
    let document: serde_json::Value = serde_json::from_str(&server.get("/api/asyncapi.json").body).unwrap();
    assert_eq!(document["asyncapi"], "3.0.0");
    let none = Server::start(&[]);
    let missing = none.get("/api/bus/b");
    assert!(missing.status == 404 && missing.body.contains("`--bus`"), "{}", missing.body);
}

#[test]
fn the_experiment_s_own_clients_run_beside_those_that_come() {
    let folder = tempfile::tempdir().unwrap();
    let middle = "queues: { tasks: {}, done: {} }\npublishers: { web: { key: tasks, rate: 200/s, size: 100 } }\nconsumers: { \
                  worker: { queue: done, service: 1 ms } }";
    let server = Server::start(&["--bus", &format!("b={}", bus_file(folder.path(), middle))]);
    let mut client = BusClient::open(&server, true);
    client.consume("tasks", 10);
    // Past the experiment's `for`, which is for runs.
    for _ in 0..300 {
        let delivery = client.delivery();
        assert_eq!(delivery.message.body.map(|body| body.len()), Some(100));
        client.ack(delivery.delivery);
    }
    client.publish("done", "by hand");
    eventually("the worker's acknowledgement", || state(&server)["queues"]["done"]["acked"] == 1);
}

#[test]
fn the_end_of_the_server_is_told() {
    let mut server = server(TASKS);
    let mut client = BusClient::open(&server, false);
    server.signal(Signal::TERM);
    let (said, closed) = client.until_closed();
    assert_eq!((said, closed), (Some((1001, "the bus has ended".to_owned())), Some(1001)));
    assert_eq!(server.wait().0, 0);
}

#[test]
fn the_client_in_rust_publishes_and_works() {
    let server = server(TASKS);
    let url = format!("ws://127.0.0.1:{}/api/bus/b", server.port);
    assert_eq!(rust_client::converse(&url, "tasks", 1_000).unwrap(), (1_000, 1_000));
    // The books are asked by another way than the last acknowledgements took.
    eventually("every acknowledgement", || {
        let tasks = &state(&server)["queues"]["tasks"];
        (&tasks["acked"], &tasks["unacked"], &tasks["ready"]) == (&1_000.into(), &0.into(), &0.into())
    });
}

#[test]
fn the_client_in_javascript_publishes_and_works() {
    let server = server(TASKS);
    let url = format!("ws://127.0.0.1:{}/api/bus/b", server.port);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/clients/bus.mjs");
    let ran = Command::new("node").args(["--experimental-websocket", script, &url, "tasks", "500"]).output().unwrap();
    let (told, error) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert!(ran.status.success(), "{told}{error}");
    assert!(told.ends_with("task 500\n500 confirmed, 500 done, 1000 as the client wished\n"), "{told}{error}");
    assert_eq!(state(&server)["queues"]["tasks"]["acked"], 500);
}

#[test]
fn a_bus_that_cannot_be_is_told_before_anybody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let bus = bus_file(folder.path(), "queues: { q: {} }");
    let batch = format!("{}/../examples/hello-not-there.yaml", env!("CARGO_MANIFEST_DIR"));
    let words = format!("{}/../examples/word-count.yaml", env!("CARGO_MANIFEST_DIR"));
    for (flags, told) in [
        (vec![format!("b={batch}")], "cannot be read"),
        (vec![format!("b={words}")], "needs an experiment with `messaging`"),
        (vec![format!("b={bus}"), format!("b={bus}")], "is there twice"),
        (vec!["no bus".to_owned()], "NAME=FILE"),
    ] {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        flags.iter().for_each(|flag| arguments.extend(["--bus", flag]));
        let (status, _, error) = common::millrace(&arguments, b"");
        assert!(status != 0 && error.contains(told), "{flags:?}: {error}");
    }
}

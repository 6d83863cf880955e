//! The gallery's experiments with messaging: what they expect holds, under their own seed and under others, and does not hold of a bus
//! that is built otherwise.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

use std::path::Path;
use std::sync::Arc;

use shared::experiment::{BusExperiment, Checked, Respawn, check_any};
use shared::sim::messaging::{BusSimulation, BusSpec, Summary};
use shared::time::Span;

/// The tests are outside the core: they may read files.
#[allow(clippy::disallowed_methods)]
fn gallery() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let texts =
        yaml.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()));
    let mut buses: Vec<_> = texts.filter(|(_, text)| text.contains("\nmessaging:\n")).collect();
    buses.sort();
    buses
}

fn bus(text: &str, sets: &[(&str, &str)]) -> BusExperiment {
    let sets: Vec<_> = sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    match check_any(text, &sets) {
        Ok(Checked::Messaging(experiment)) => *experiment,
        Ok(Checked::Batch(_)) => panic!("this is a batch"),
        Err(problems) => panic!("{}", problems[0]),
    }
}

fn run(experiment: &BusExperiment, seed: u64) -> Summary {
    let Respawn::After(respawn) = experiment.respawn else { panic!("it respawns") };
    let (bus, faults) = (Arc::new(experiment.bus.clone()), experiment.faults.clone());
    let spec = BusSpec { bus, faults, respawn: Some(respawn), seed, keeps_rows: false };
    BusSimulation::new(spec).run().unwrap()
}

/// What does not hold, in words.
fn broken(experiment: &BusExperiment, seed: u64) -> Vec<String> {
    let summary = run(experiment, seed);
    let judged = experiment.expect.iter().map(|expectation| summary.judge(expectation));
    judged.filter(|it| !it.held).map(|it| format!("{} ({})", it.expectation, it.found)).collect()
}

#[test]
fn what_the_examples_expect_holds_under_many_seeds() {
    let gallery = gallery();
    assert!(gallery.len() >= 10, "{} experiments", gallery.len());
    for (name, text) in gallery {
        let experiment = bus(&text, &[]);
        for seed in (0..10).chain([experiment.seed]) {
            assert_eq!(broken(&experiment, seed), Vec::<String>::new(), "{name}, seed {seed}");
        }
    }
}

fn example(name: &str) -> String {
    gallery().into_iter().find(|(file, _)| file == name).unwrap().1
}

#[test]
fn what_a_killed_consumer_had_is_lost_if_it_acknowledges_before_the_work() {
    let text = example("work-queue.yaml");
    let experiment = bus(&text, &[("messaging.consumers.worker.ack", "before"), ("messaging.consumers.worker.prefetch", "20")]);
    let broken = broken(&experiment, experiment.seed);
    assert!(broken.iter().any(|it| it.starts_with("no_loss")), "{broken:?}");
}

#[test]
fn who_never_acknowledges_gets_no_more_than_its_prefetch() {
    let text = example("work-queue.yaml");
    let sets = [("messaging.consumers.worker.ack", "never"), ("messaging.consumers.worker.prefetch", "4"), ("faults", "[]")];
    let summary = run(&bus(&text, &sets), 1);
    assert_eq!((summary.counter("queue/tasks/delivered"), summary.counter("queue/tasks/unacked")), (12, 12));
}

#[test]
fn without_a_memory_the_receiver_works_on_what_is_sent_again() {
    let text = example("publisher-confirms.yaml");
    let text =
        text.replace(", remembers: 1_000", "").replace("  - counter: { name: client/billing/skipped, at_least: 1 }\n", "");
    let experiment = bus(&text, &[]);
    let broken = broken(&experiment, experiment.seed);
    assert!(broken.iter().any(|it| it.starts_with("duplicates_at_most")), "{broken:?}");
}

#[test]
fn without_a_limit_a_poison_message_comes_back_for_ever() {
    let text = example("poison-message.yaml").replace("{ delivery_limit: 2, ", "{ ");
    let experiment = bus(&text, &[]);
    let summary = run(&experiment, experiment.seed);
    assert_eq!(summary.counter("queue/orders/dead_lettered"), 0);
    assert!(summary.counter("client/worker/failed") > 50, "{:?}", summary.counters);
}

#[test]
fn with_one_worker_the_order_is_kept_and_with_three_it_is_lost() {
    let text = example("competing-and-fan-out.yaml");
    let (one, three) = (bus(&text, &[("messaging.consumers.competitor.count", "1")]), bus(&text, &[]));
    assert_eq!(run(&one, 1).disorder, 0);
    assert!(run(&three, 1).disorder > 10);
}

#[test]
fn a_killed_broker_loses_what_it_had_and_says_so() {
    let text = example("competing-and-fan-out.yaml") + "faults: [ { at: 5 s, kill: broker } ]\n";
    let experiment = bus(&text, &[]);
    let summary = run(&experiment, 1);
    assert!(summary.conserved && summary.counter("queue/shared/lost") > 0, "{:?}", summary.counters);
    assert!(broken(&experiment, 1).iter().any(|it| it.starts_with("no_loss")));
    // And they go on.
    assert!(summary.counter("queue/billing/processed") > 400, "{:?}", summary.counters);
}

#[test]
fn who_is_cut_off_for_longer_than_the_heartbeats_timeout_loses_its_messages_to_others() {
    let text = example("work-queue.yaml").replace(
        "faults:\n  - { at: 40%, kill: worker-2 }\n",
        "faults:\n  - { at: 5 s, partition: [ [ worker-2 ], [ broker, web-1, worker-1, worker-3 ] ], for: 6 s }\n",
    );
    let summary = run(&bus(&text, &[]), 1);
    assert_eq!((summary.missing, summary.counter("queue/tasks/redelivered")), (0, 1), "{:?}", summary.counters);
    // It had worked on it, and could not say so.
    assert_eq!(summary.duplicates, 1);
    assert!(summary.counter("client/worker/disconnected") >= 1);
}

#[test]
fn polling_costs_requests_and_long_polling_costs_none_that_are_wasted() {
    let text = |receive: &str| {
        format!(
            "millrace: 1\nmessaging:\n  for: 20 s\n  queues: {{ news: {{}} }}\n  publishers: {{ p: {{ key: news, rate: 1/s }} }}\n  \
             consumers: {{ c: {{ queue: news, receive: {receive} }} }}\n"
        )
    };
    let ran = |receive: &str| run(&bus(&text(receive), &[]), 1);
    let (poll, long_poll, push) = (ran("{ poll: 100 ms }"), ran("{ long_poll: 5 s }"), ran("push"));
    assert!(poll.counter("client/c/empty_polls") > 100, "{:?}", poll.counters);
    assert_eq!(long_poll.counter("client/c/empty_polls"), 0, "{:?}", long_poll.counters);
    assert!(poll.p99("latency") > Span::millis(50) && long_poll.p99("latency") < Span::millis(5));
    assert_eq!(push.counter("client/c/polls"), 0);
    assert_eq!(push.counter("total/processed"), long_poll.counter("total/processed"));
}

#[test]
fn a_batch_is_full_or_has_waited() {
    let text = |rate: &str| {
        format!(
            "millrace: 1\nmessaging:\n  for: 10 s\n  queues: {{ q: {{}} }}\n  publishers: {{ p: {{ key: q, rate: {rate}, messages: 20 }} }}\n  \
             consumers: {{ c: {{ queue: q, batch: {{ count: 5, linger: 200 ms }} }} }}\n"
        )
    };
    let (quick, slow) = (run(&bus(&text("1_000/s"), &[]), 1), run(&bus(&text("2/s"), &[]), 1));
    for summary in [&quick, &slow] {
        assert_eq!(summary.counter("queue/q/acked"), summary.counter("queue/q/processed"), "{:?}", summary.counters);
    }
    assert!(quick.p99("latency") < Span::millis(20), "{}", quick.p99("latency"));
    let waited = slow.p99("latency");
    assert!(waited >= Span::millis(200) && waited < Span::millis(220), "{waited}");
}

#[test]
fn a_link_takes_its_time_and_what_it_loses_comes_later() {
    let text = |links: &str| {
        format!(
            "millrace: 1\nmessaging:\n  for: 60 s\n  queues: {{ q: {{}} }}\n  publishers: {{ p: {{ key: q, rate: 20/s, messages: 1_000 }} }}\n  \
             consumers: {{ c: {{ queue: q }} }}\n{links}"
        )
    };
    let plain = run(&bus(&text(""), &[]), 1);
    let far = run(&bus(&text("  links: { p: { latency: 100 ms } }\n"), &[]), 1);
    let lossy = run(&bus(&text("  links: { p: { loss: 5% } }\n"), &[]), 1);
    assert!(plain.p99("latency") < Span::millis(5), "{}", plain.p99("latency"));
    assert!(far.p99("latency") > Span::millis(100), "{}", far.p99("latency"));
    assert!(lossy.p99("latency") > Span::millis(200), "{}", lossy.p99("latency"));
    for summary in [plain, far, lossy] {
        assert_eq!((summary.counter("total/processed"), summary.missing, summary.disorder), (1_000, 0, 0));
    }
}

#[test]
fn back_pressure_goes_on_from_hop_to_hop_and_nothing_is_lost() {
    let text = example("back-pressure.yaml");
    let (blocked, dropping) = (run(&bus(&text, &[]), 1), {
        let text = text.replace("overload: block", "overload: drop_oldest");
        run(&bus(&text, &[]), 1)
    });
    // 25 are shipped in a second: in 20 s 500, and three queues and those who forward hold what is left.
    let sent = blocked.counter("client/shop/sent");
    assert!((600..750).contains(&sent), "{sent}");
    assert_eq!((blocked.missing, blocked.lost, blocked.disorder, blocked.duplicates), (0, 0, 0, 0), "{:?}", blocked.counters);
    let sent = dropping.counter("client/shop/sent");
    assert!(sent > 1_990, "{sent}");
    assert!(dropping.counter("queue/packed/dropped") > 1_000, "{:?}", dropping.counters);
    // How long an order takes counts from the shop.
    assert!(blocked.p99("queue/packed/latency") > Span::seconds(5), "{}", blocked.p99("queue/packed/latency"));
}

#[test]
fn what_is_forwarded_twice_after_a_kill_is_one_message_to_an_idempotent_receiver() {
    let text = |remembers: &str, seed: u64| {
        // A message a turn of 40 ms: the seeds look at each millisecond of it.
        let kills = format!(
            "faults: [ {{ at: {} ms, kill: pack-1 }}, {{ at: {} ms, kill: check-1 }}, {{ at: {} ms, kill: pack-1 }} ]\n",
            5_000 + seed,
            9_000 + seed,
            13_000 + seed
        );
        example("back-pressure.yaml")
            .replace("for: 20 s", "for: 30 s")
            .replace("rate: 100/s", "rate: 100/s, messages: 400")
            .replace("prefetch: 5, service: 40 ms", &format!("prefetch: 5, service: 40 ms{remembers}"))
            + &kills
    };
    let mut repeated = 0;
    for seed in 0..40 {
        let ran = |remembers: &str| run(&bus(&text(remembers, seed), &[]), seed);
        let (plain, idempotent) = (ran(""), ran(", remembers: 1_000"));
        for summary in [&plain, &idempotent] {
            assert_eq!((summary.missing, summary.counter("queue/packed/ready")), (0, 0), "seed {seed}: {:?}", summary.counters);
        }
        let worked_on = plain.counter("queue/packed/processed") - plain.counter("queue/packed/duplicates");
        assert_eq!(worked_on, 400, "seed {seed}: {:?}", plain.counters);
        assert_eq!(idempotent.counter("queue/packed/processed"), 400, "seed {seed}: {:?}", idempotent.counters);
        repeated += plain.counter("queue/packed/duplicates");
    }
    assert!(repeated > 0, "somewhere a kill came between a confirm and the acknowledgement");
}

#[test]
fn what_a_full_queue_refuses_is_tried_again_by_who_forwards_it() {
    let text = "millrace: 1\nmessaging:\n  for: 30 s\n  queues: { a: {}, b: { max_messages: 2, overload: reject } }\n  publishers: { p: { key: a, rate: 50/s, messages: 100 } }\n  \
                consumers:\n    f: { queue: a, prefetch: 2, service: 1 ms, forward: { key: b } }\n    c: { queue: b, prefetch: 1, service: 50 ms }\n";
    let summary = run(&bus(text, &[]), 1);
    assert!(summary.counter("client/f/failed") > 10, "{:?}", summary.counters);
    assert_eq!(
        (summary.counter("queue/b/processed"), summary.missing, summary.duplicates),
        (100, 0, 0),
        "{:?}",
        summary.counters
    );
}

#[test]
fn a_forwarder_makes_the_key_and_two_ways_to_one_queue_are_two_messages() {
    let text = "millrace: 1\nmessaging:\n  for: 10 s\n  exchanges: { photos: { type: fanout }, done: { type: topic } }\n  queues:\n    \
                thumbnails: { bind: [ { exchange: photos } ] }\n    faces: { bind: [ { exchange: photos } ] }\n    \
                ready: { bind: [ { exchange: done, key: 'photo.*' } ] }\n    odd: { bind: [ { exchange: done, key: photo.odd } ] }\n  \
                publishers: { camera: { exchange: photos, key: photo, rate: 20/s, messages: 100 } }\n  consumers:\n    \
                shrink: { queue: thumbnails, forward: { exchange: done, key: { expr: \"concat('photo.', if_odd)\" } } }\n    \
                find: { queue: faces, forward: { exchange: done, key: photo.found } }\n    show: { queue: ready }\n    watch: { queue: odd }\n";
    let text = text.replace("if_odd", "case when n % 2 = 1 then 'odd' else 'even' end");
    let summary = run(&bus(&text, &[]), 1);
    let counts = ["ready", "odd"].map(|queue| summary.counter(&format!("queue/{queue}/processed")));
    assert_eq!((counts, summary.duplicates, summary.missing), ([200, 50], 0, 0), "{:?}", summary.counters);
}

#[test]
fn who_has_least_to_do_gets_the_next_and_a_key_stays_with_its_consumer() {
    let text = |balance: &str, prefetch: u32| {
        format!(
            "millrace: 1\nmessaging:\n  for: 20 s\n  queues: {{ q: {{ balance: {balance} }} }}\n  \
             publishers: {{ p: {{ key: q, rate: 100/s, messages: 1_000 }} }}\n  \
             consumers: {{ quick: {{ count: 2, queue: q, prefetch: {prefetch}, service: 10 ms }}, slow: {{ queue: q, prefetch: {prefetch}, service: 100 ms }} }}\n"
        )
    };
    let ran = |balance: &str| run(&bus(&text(balance, 100), &[]), 1);
    let (in_turn, least) = (ran("round_robin"), ran("least_loaded"));
    assert!(in_turn.p99("latency") > Span::seconds(5), "{}", in_turn.p99("latency"));
    assert!(least.p99("latency") < Span::millis(400), "{}", least.p99("latency"));

    let keyed = |balance: &str| {
        let text = format!(
            "millrace: 1\nmessaging:\n  for: 30 s\n  exchanges: {{ x: {{ type: fanout }} }}\n  \
             queues: {{ q: {{ bind: [ {{ exchange: x }} ], balance: {balance} }} }}\n  \
             publishers: {{ p: {{ exchange: x, key: {{ expr: \"concat('user-', cast(n % 7 as text))\" }}, rate: 100/s, messages: 1_000 }} }}\n  \
             consumers: {{ c: {{ count: 4, queue: q, prefetch: 20, service: {{ exponential: 20 ms }} }} }}\n"
        );
        run(&bus(&text, &[]), 1)
    };
    let (in_turn, by_key) = (keyed("round_robin"), keyed("consistent_hash"));
    assert!(in_turn.disorder_of_key > 0);
    assert_eq!((by_key.disorder_of_key, by_key.counter("total/processed")), (0, 1_000), "{:?}", by_key.counters);
}

#[test]
fn a_publisher_sends_a_batch_when_it_is_full_or_has_waited_and_waits_for_its_confirms() {
    let text = |rate: &str, more: &str| {
        format!(
            "millrace: 1\nmessaging:\n  for: 20 s\n  queues: {{ q: {{}} }}\n  \
             publishers: {{ p: {{ key: q, rate: {rate}, messages: 103{more} }} }}\n  consumers: {{ c: {{ queue: q }} }}\n"
        )
    };
    let ran = |rate: &str, more: &str| run(&bus(&text(rate, more), &[]), 1);
    let batch = ", batch: { count: 10, linger: 300 ms }";
    let (quick, slow) = (ran("100/s", batch), ran("20/s", batch));
    for summary in [&quick, &slow] {
        assert_eq!((summary.counter("total/processed"), summary.missing), (103, 0), "{:?}", summary.counters);
    }
    // The last three wait for others in vain; at the slower rate so does each first one.
    let (waited, lingered) = (quick.p99("latency"), slow.p99("latency"));
    assert!(waited >= Span::millis(270) && waited < Span::millis(320), "{waited}");
    assert!(lingered >= Span::millis(300) && lingered < Span::millis(320), "{lingered}");
    // One at a time, ten at a time, and as many as there are: what a confirm costs on a link of 20 ms.
    let link = |more: &str| {
        let text = text("5_000/s", &format!(", confirms: true{more}")).replace("messages: 103", "messages: 100");
        let summary = run(&bus(&(text + "  links: { p: { latency: 20 ms } }\n"), &[]), 1);
        assert_eq!((summary.counter("client/p/confirmed"), summary.missing), (100, 0), "{:?}", summary.counters);
        summary
    };
    let spans = [link(", window: 1"), link(", batch: { count: 10, linger: 10 ms }"), link("")].map(|it| it.p99("latency"));
    assert!(spans[1] < Span::millis(100) && spans[2] < Span::millis(100), "{spans:?}");
}

#[test]
fn messages_come_at_the_times_that_are_given_and_none_is_made_up_for() {
    let text = "millrace: 1\nmessaging:\n  for: 10 s\n  queues: { q: {} }\n  publishers: { p: { key: q, rate: { times: [ 0 s, 1 s, 1 s, 3 s, 5 s, 9 s ] } } }\n  \
                consumers: { c: { queue: q } }\n";
    assert_eq!(run(&bus(text, &[]), 1).counter("total/processed"), 6);
    // It is away from 2.9 to 3.9 s and from 8.8 to 9.8 s.
    let text = text.to_owned() + "faults: [ { at: 2900 ms, kill: p-1 }, { at: 8800 ms, kill: p-1 } ]\n";
    assert_eq!(run(&bus(&text, &[]), 1).counter("total/processed"), 4);
}

#[test]
fn a_batch_that_has_waited_long_enough_waits_on_where_it_cannot_be_forwarded() {
    let text = "millrace: 1\nmessaging:\n  for: 20 s\n  queues: { a: {}, b: { max_messages: 2, overload: block } }\n  \
                publishers: { p: { key: a, rate: 50/s, messages: 100 } }\n  consumers:\n    \
                f: { queue: a, prefetch: 10, batch: { count: 3, linger: 5 ms }, forward: { key: b } }\n    \
                c: { queue: b, prefetch: 1, service: 100 ms }\n";
    let summary = run(&bus(text, &[]), 1);
    assert_eq!(
        (summary.counter("queue/b/processed"), summary.missing, summary.duplicates),
        (100, 0, 0),
        "{:?}",
        summary.counters
    );
}

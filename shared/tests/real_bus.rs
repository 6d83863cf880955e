//! Buses in real time, in a time of the test's own: what the gallery expects holds; nothing that was confirmed is lost, whoever is killed
//! but the broker; and every message is accounted for when all stand still.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/stage.rs"]
mod stage;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use shared::experiment::{BusExperiment, Checked, check_any};
use shared::fault::{Effect, Fault, Moment};
use shared::messaging::Node;
use shared::rng::Rng;
use shared::session::real::{ConductorSpec, Ended, Input, refusal};
use shared::time::{Span, Time};
use shared::wire::{BusPart, WorkerState};
use stage::Stage;

fn bus(text: &str) -> BusExperiment {
    match check_any(text, &[]) {
        Ok(Checked::Messaging(experiment)) => *experiment,
        Ok(Checked::Batch(_)) => panic!("this is a batch"),
        Err(problems) => panic!("{}", problems[0]),
    }
}

/// The tests are outside the core: they may read files.
#[allow(clippy::disallowed_methods)]
fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../examples/{name}.yaml"))).unwrap()
}

fn spec(experiment: &BusExperiment, seed: u64, faults: Vec<Fault<Node>>) -> ConductorSpec {
    ConductorSpec {
        run: 1,
        bus: Arc::new(experiment.bus.clone()),
        seed,
        faults,
        respawn: Some(Span::millis(200)),
        expect: experiment.expect.clone(),
        bytes_max: 1 << 30,
    }
}

fn ended(stage: &mut Stage) -> Box<Ended> {
    stage.go_to(Time(600_000_000));
    stage.ended.take().unwrap().unwrap()
}

fn broken(ended: &Ended) -> Vec<String> {
    ended.expectations.iter().filter(|it| !it.held).map(|it| format!("{} ({})", it.expectation, it.found)).collect()
}

#[test]
fn what_the_gallery_expects_holds_in_real_time_too() {
    for name in [
        "hello",
        "work-queue",
        "publish-subscribe",
        "routing",
        "topics",
        "rpc",
        "publisher-confirms",
        "overload",
        "competing-and-fan-out",
        "poison-message",
        "durable-queue",
    ] {
        let experiment = bus(&example(name));
        let (real, simulated): (Vec<_>, Vec<_>) =
            experiment.faults.iter().cloned().partition(|fault| refusal(&fault.effect).is_none());
        let mut stage = Stage::new(spec(&experiment, experiment.seed, real));
        let ended = ended(&mut stage);
        if simulated.is_empty() {
            assert_eq!(broken(&ended), Vec::<String>::new(), "{name}");
        }
        assert!(ended.summary.conserved, "{name}");
        let last = stage.frames.last().unwrap();
        let told = last.bus.as_ref().unwrap();
        assert_eq!(told.totals.published, ended.summary.counter("total/published"), "{name}");
        assert_eq!(told.totals.processed, ended.summary.counter("total/processed"), "{name}");
        let busy = stage.frames.iter().flat_map(|frame| &frame.bus.as_ref().unwrap().parts).flat_map(|part| &part.lanes);
        assert!(busy.clone().any(|lane| lane.0 > 0) && busy.clone().all(|lane| lane.0 <= 100 && lane.1 <= 100), "{name}");
    }
}

/// What a page knows of the parts of the time, which takes over what each frame tells.
fn parts(stage: &Stage) -> Vec<BusPart> {
    let mut parts = Vec::new();
    for bus in stage.frames.iter().filter_map(|frame| frame.bus.as_ref()) {
        parts.truncate(bus.from as usize);
        parts.extend(bus.parts.iter().cloned());
    }
    parts
}

#[test]
fn a_client_that_is_always_busy_is_drawn_so_though_reports_come_late() {
    let experiment = bus(&CONFIRMED.replace("exponential: 4 ms", "exponential: 40 ms"));
    let mut stage = Stage::new(spec(&experiment, 1, Vec::new()));
    ended(&mut stage);
    let parts = parts(&stage);
    // But for the beginning, where nothing has come, and the end, where everybody stands still.
    let lanes = parts[10..parts.len() - 2].iter().map(|part| part.lanes[3].0);
    let low = lanes.clone().filter(|busy| *busy < 95).count();
    assert!(parts.len() > 290 && low < 6, "{low} of {}: {:?}", parts.len(), lanes.collect::<Vec<_>>());
}

#[test]
fn a_slow_host_stays_slow_whoever_lives_on_it() {
    let experiment =
        bus(&CONFIRMED.replace("count: 3, queue", "count: 1, queue").replace("exponential: 4 ms", "exponential: 10 ms"));
    let fault = |at, effect| Fault { at: Moment::Time(Time(at)), effect };
    let node = Node(3);
    let faults = vec![fault(0, Effect::Slow { node, factor: 20.0, span: None }), fault(1_000_000, Effect::Kill(node))];
    let ended = ended(&mut Stage::new(spec(&experiment, 1, faults)));
    // Some twenty of 200 ms each, not four hundred of ten.
    let processed = ended.summary.counter("client/worker/processed");
    assert!((8..40).contains(&processed), "{processed}");
}

const CONFIRMED: &str = "\
millrace: 1
seed: 3
messaging:
  for: 4 s
  queues: { tasks: {} }
  publishers:
    web: { count: 2, key: tasks, rate: 300/s, confirms: true, messages: 900 }
  consumers:
    worker: { count: 3, queue: tasks, prefetch: 20, service: { exponential: 4 ms } }
expect:
  - no_loss: true
  - conserved: true
";

#[test]
fn nothing_that_was_confirmed_is_lost_whichever_client_is_killed() {
    let experiment = bus(CONFIRMED);
    let (mut again, mut killed) = (0, 0);
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let faults = (0..8).map(|_| {
            let node = Node(1 + (rng.bits() % 5) as u16);
            let span = Span::millis(20 + rng.bits() % 300);
            let effect = match rng.bits() % 4 {
                0 => Effect::Pause { node, span },
                1 => Effect::Slow { node, factor: 5.0, span: Some(span) },
                _ => Effect::Kill(node),
            };
            Fault { at: Moment::Time(Time(100_000 + rng.bits() % 3_500_000)), effect }
        });
        let mut stage = Stage::new(spec(&experiment, seed, faults.collect()));
        let ended = ended(&mut stage);
        assert_eq!(broken(&ended), Vec::<String>::new(), "seed {seed}");
        again += ended.summary.counter("total/redelivered");
        let news = stage.frames.iter().flat_map(|frame| &frame.news);
        killed += news.filter(|news| news.text.contains(" is killed")).count();
    }
    assert!(again > 100 && killed > 100, "{again} deliveries again, {killed} kills");
}

#[test]
fn clients_that_move_and_places_that_go_lose_nothing() {
    let experiment = bus(CONFIRMED);
    let (mut moves, mut gone) = (0, 0);
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let mut stage = Stage::new(spec(&experiment, seed, Vec::new()));
        let mut homes = BTreeSet::new();
        for at in 1..=10 {
            stage.go_to(Time(at * 300_000 + rng.bits() % 100_000));
            let node = Node(1 + (rng.bits() % 5) as u16);
            match rng.bits() % 4 {
                0 => {
                    homes.remove(&node);
                    stage.say(Input::Move { node, home: None });
                }
                1 if homes.remove(&node) => stage.lose(node),
                _ => {
                    homes.insert(node);
                    stage.say(Input::Move { node, home: Some("tab 2".into()) });
                }
            }
        }
        let ended = ended(&mut stage);
        assert_eq!(broken(&ended), Vec::<String>::new(), "seed {seed}");
        let texts = stage.frames.iter().flat_map(|frame| &frame.news).map(|news| news.text.as_str());
        moves += texts.clone().filter(|text| text.contains(" moves to tab 2: ")).count();
        gone += texts.filter(|text| text.starts_with("tab 2 is gone, and ")).count();
    }
    assert!(moves > 100 && gone > 20, "{moves} moves, {gone} gone");
}

#[test]
fn where_a_client_lives_is_told_and_the_broker_stays() {
    let experiment = bus(CONFIRMED);
    let mut stage = Stage::new(spec(&experiment, 1, Vec::new()));
    let doing = |stage: &Stage| stage.frames.last().unwrap().bus.as_ref().unwrap().clients[2].doing.clone();
    stage.go_to(Time(500_000));
    stage.say(Input::Move { node: Node(3), home: Some("tab 2".into()) });
    stage.say(Input::Move { node: Node::BROKER, home: Some("tab 2".into()) });
    stage.say(Input::Move { node: Node(99), home: None });
    stage.go_to(Time(1_000_000));
    assert!(doing(&stage).starts_with("in tab 2: "), "{}", doing(&stage));
    let workers = stage.frames.last().unwrap().workers.iter().map(|worker| worker.incarnation).collect::<Vec<_>>();
    assert_eq!(workers, [1, 1, 2, 1, 1]);
    stage.lose(Node(3));
    stage.go_to(Time(1_100_000));
    assert_eq!(doing(&stage), "down, coming back");
    stage.go_to(Time(1_500_000));
    assert!(!doing(&stage).contains("tab 2"), "{}", doing(&stage));
    assert_eq!(broken(&ended(&mut stage)), Vec::<String>::new());
}

#[test]
fn what_a_killed_broker_held_is_lost_and_told() {
    let experiment = bus(&CONFIRMED.replace("4 ms }", "20 ms }"));
    let kill = Fault { at: Moment::Time(Time(1_500_000)), effect: Effect::Kill(Node::BROKER) };
    let mut stage = Stage::new(spec(&experiment, 1, vec![kill]));
    stage.go_to(Time(1_600_000));
    let frame = stage.frames.last().unwrap();
    assert!(frame.workers.iter().any(|worker| worker.state == WorkerState::Blocked), "{frame:#?}");
    let ended = ended(&mut stage);
    let lost = ended.summary.counter("queue/tasks/lost");
    assert!(lost > 50 && ended.summary.conserved, "{lost}");
    assert_eq!(broken(&ended).len(), 1, "{:?}", ended.expectations);
    // Publishers went on: everything was sent, and what was not confirmed came again.
    assert!(ended.summary.counter("client/web/sent") >= 1_700, "{:#?}", ended.summary.counters);
}

#[test]
fn what_durable_queues_had_is_there_when_a_killed_broker_comes_back() {
    let text = CONFIRMED
        .replace("tasks: {}", "tasks: { durable: true }")
        .replace("confirms: true", "confirms: true, persistent: true");
    let experiment = bus(&text.replace("exponential: 4 ms", "exponential: 12 ms"));
    for seed in 0..20 {
        let kill = |at| Fault { at: Moment::Time(Time(at)), effect: Effect::Kill(Node::BROKER) };
        let mut stage = Stage::new(spec(&experiment, seed, vec![kill(800_000 + seed * 1_000), kill(2_000_000)]));
        let ended = ended(&mut stage);
        assert_eq!(broken(&ended), Vec::<String>::new(), "seed {seed}");
        let news: Vec<_> = stage.frames.iter().flat_map(|frame| &frame.news).map(|news| &*news.text).collect();
        let back = news.iter().filter(|text| text.contains("that its durable queues had kept")).count();
        assert_eq!(back, 2, "{news:#?}");
        assert!(news.iter().all(|text| !text.contains("every message that it held is lost")), "{news:#?}");
    }
}

#[test]
fn what_is_on_its_way_when_the_time_is_over_is_found() {
    let text =
        CONFIRMED.replace("rate: 300/s, confirms: true, messages: 900", "rate: 4000/s").replace("for: 4 s", "for: 300 ms");
    let text = text.replace("prefetch: 20, service: { exponential: 4 ms }", "ack: auto, service: 0 ms");
    let experiment = bus(&text);
    for seed in 0..40 {
        let mut stage = Stage::new(spec(&experiment, seed, Vec::new()));
        // Longer than it takes until the nodes report once more.
        stage.wire_micros = 60_000;
        let ended = ended(&mut stage);
        assert_eq!(broken(&ended), Vec::<String>::new(), "seed {seed}");
        assert!(ended.summary.counter("client/web/sent") > 1_000, "{:#?}", ended.summary.counters);
    }
}

#[test]
fn a_killed_publisher_goes_on_where_it_was_and_gives_no_number_twice() {
    let experiment = bus(CONFIRMED);
    let kills = [1, 2].map(|node| Fault { at: Moment::Time(Time(1_010_000)), effect: Effect::Kill(Node(node)) });
    let mut stage = Stage::new(spec(&experiment, 1, kills.to_vec()));
    let ended = ended(&mut stage);
    assert_eq!(broken(&ended), Vec::<String>::new());
    let (sent, published) = (ended.summary.counter("client/web/sent"), ended.summary.counter("total/published"));
    assert!((1_800..1_820).contains(&sent) && (1_800..1_830).contains(&published), "{sent} sent, {published} published");
    assert!(ended.summary.duplicates == 0, "{:#?}", ended.summary.counters);
}

#[test]
fn a_wish_and_an_early_end_are_heard() {
    let experiment = bus(CONFIRMED);
    let mut stage = Stage::new(spec(&experiment, 1, Vec::new()));
    stage.go_to(Time(1_000_000));
    stage.say(Input::Fault(Effect::Kill(Node(3))));
    stage.go_to(Time(1_100_000));
    assert_eq!(stage.frames.last().unwrap().workers[2].state, WorkerState::Down);
    stage.go_to(Time(1_500_000));
    let back = &stage.frames.last().unwrap().workers[2];
    assert!(back.incarnation == 2 && back.state != WorkerState::Down, "{back:#?}");
    stage.say(Input::End);
    stage.go_to(Time(2_000_000));
    let ended = stage.ended.take().unwrap().unwrap();
    assert!(ended.time < Time(1_600_000), "{:?}", ended.time);
    assert_eq!(broken(&ended), Vec::<String>::new());
}

#[test]
fn a_node_that_cannot_begin_ends_the_run_with_a_sentence() {
    let experiment = bus(CONFIRMED);
    let mut conductor = shared::session::real::Conductor::new(spec(&experiment, 1, Vec::new()));
    use shared::machine::Machine;
    conductor.handle(Time::ZERO, Input::Start);
    let mut said = None;
    for second in 0..10 {
        let now = Time(1_000_000 * second / 2);
        conductor.wake(now);
        while let Some(output) = conductor.poll() {
            match output {
                shared::session::real::Output::Spawn(birth) if birth.node == Node(1) => {
                    conductor.handle(now, Input::Down { node: Node(1), incarnation: birth.incarnation });
                }
                shared::session::real::Output::Ended(ended) => said = ended.err(),
                _ => {}
            }
        }
    }
    assert_eq!(said.unwrap(), "web-1 ended 3 times before it could begin: nodes cannot be started here");
}

//! Whole buses under random faults: what was confirmed is not lost where no policy drops it, only what is marked as redelivered comes
//! twice, and order is kept where the rules keep it. The last two are looked at by the simulator at every delivery.

use std::fmt::Write;
use std::sync::Arc;

use shared::experiment::{BusExperiment, Checked, Respawn, check_any};
use shared::fault::{Cast, Effect, Fault, Moment, draw_among};
use shared::messaging::Node;
use shared::rng::Rng;
use shared::sim::messaging::{BusSimulation, BusSpec, Summary};
use shared::time::Time;

const SEEDS: u64 = 20_000;

pub fn experiment(text: &str) -> BusExperiment {
    match check_any(text, &[]) {
        Ok(Checked::Messaging(experiment)) => *experiment,
        Ok(Checked::Batch(_)) => panic!("this is a batch: {text}"),
        Err(problems) => panic!("{}\n{text}", problems[0]),
    }
}

/// Draws a bus: what differs are kinds of exchanges, bounds, acknowledgements, prefetch, links.
fn draw(rng: &mut Rng, kind: Kind) -> BusExperiment {
    let mut text = "millrace: 1\nmessaging:\n  for: 4 s\n  exchanges:\n".to_owned();
    let exchange = one_of(rng, &["direct", "topic", "fanout"]);
    let _ = writeln!(text, "    jobs: {{ type: {exchange} }}\n    dlx: {{ type: fanout }}\n  queues:");
    let bounds = match kind {
        Kind::Lossless | Kind::Durable => {
            one_of(rng, &["", "max_messages: 20, overload: reject, ", "max_messages: 20, overload: block, "])
        }
        Kind::Any => one_of(
            rng,
            &[
                "max_messages: 20, overload: drop_oldest, ",
                "max_messages: 20, overload: drop_newest, message_ttl: 200 ms, ",
                "max_messages: 20, overload: { sample: 0.5 }, ",
                "max_messages: 20, overload: reject, dead_letter: { exchange: dlx }, ",
                "message_ttl: 100 ms, dead_letter: { exchange: dlx }, ",
            ],
        ),
    };
    let durable = if kind == Kind::Durable { "durable: true, " } else { "" };
    let single = if rng.below(4) == 0 { "single_active_consumer: true, " } else { "" };
    let _ = writeln!(text, "    tasks: {{ {bounds}{single}{durable}bind: [ {{ exchange: jobs, key: task }} ] }}");
    let _ = writeln!(
        text,
        "    audit: {{ {durable}bind: [ {{ exchange: jobs, key: {} }} ] }}",
        one_of(rng, &["task", "'#'", "other"])
    );
    let _ = writeln!(text, "    dead: {{ {durable}bind: [ {{ exchange: dlx }} ] }}\n  publishers:");
    let confirms = kind != Kind::Any || rng.below(2) == 0;
    let persistent = kind == Kind::Durable;
    let window = if confirms && rng.below(3) == 0 { ", window: 4" } else { "" };
    let rate = one_of(rng, &["60/s", "{ poisson: 60/s }", "{ burst: 20, every: 400 ms }"]);
    let _ = writeln!(
        text,
        "    web: {{ count: 2, exchange: jobs, key: task, rate: {rate}, confirms: {confirms}, persistent: {persistent}{window} }}"
    );
    let ack = match kind {
        Kind::Lossless | Kind::Durable => "after",
        Kind::Any => one_of(rng, &["before", "after", "auto", "never"]),
    };
    let service = one_of(rng, &["5 ms", "{ exponential: 20 ms }", "{ heavy_tailed: 20 ms }"]);
    let prefetch = rng.below(5);
    let receive = one_of(rng, &["push", "push", "push", "{ poll: 30 ms }", "{ long_poll: 300 ms }"]);
    let fails = match kind {
        Kind::Lossless | Kind::Durable => {
            one_of(rng, &["", ", fails: { chance: 5%, then: requeue }", ", fails: { chance: 1%, then: crash }"])
        }
        Kind::Any => one_of(rng, &["", ", fails: { chance: 5%, then: reject }"]),
    };
    let batch = if receive == "push" && rng.below(4) == 0 { ", batch: { count: 4, linger: 20 ms }" } else { "" };
    let _ = writeln!(
        text,
        "  consumers:\n    worker: {{ count: 3, queue: tasks, prefetch: {prefetch}, service: {service}, ack: {ack}, receive: \
         {receive}{fails}{batch} }}\n    auditor: {{ queue: audit, remembers: 100 }}"
    );
    if rng.below(3) == 0 {
        text += "  requesters:\n    shop: { queue: quotes, rate: 20/s, timeout: 200 ms, retries: { times: 2 } }\n";
        text += "  responders:\n    prices: { queue: quotes, service: 10 ms }\n";
        text = text.replace("  queues:\n", "  queues:\n    quotes: {}\n");
    }
    if rng.below(3) == 0 {
        text += "  links:\n    web: { latency: 5 ms, loss: 10% }\n    worker-1: { loss: 5% }\n";
    }
    experiment(&text)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With confirms, acknowledgements after the work, and no policy that drops.
    Lossless,
    /// The same, with persistent messages in durable queues.
    Durable,
    Any,
}

fn one_of<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.below(from.len() as u64) as usize]
}

/// Faults of all kinds; `broker`: it may be killed too.
fn faults(rng: &mut Rng, experiment: &BusExperiment, broker: bool) -> Vec<Fault<Node>> {
    let clients: Vec<Node> = experiment.bus.members().into_iter().map(|(node, _, _)| node).collect();
    let nodes: Vec<Node> = [Node::BROKER].into_iter().chain(clients.iter().copied()).collect();
    let killable = if broker { nodes.clone() } else { clients };
    let count = rng.below(6) as u32;
    draw_among(rng, &Cast { nodes, killable, coordinated: false }, count)
}

pub fn run(experiment: &BusExperiment, faults: Vec<Fault<Node>>, seed: u64) -> (Summary, BusSimulation) {
    let respawn = match experiment.respawn {
        Respawn::After(span) => Some(span),
        Respawn::Never => None,
    };
    let bus = Arc::new(experiment.bus.clone());
    let mut simulation = BusSimulation::new(BusSpec { bus, faults: faults.clone(), respawn, seed, keeps_rows: false });
    let summary = simulation.run().unwrap_or_else(|error| panic!("{error}\n{faults:#?}\n{:#?}", experiment.bus));
    (summary, simulation)
}

#[test]
fn what_was_confirmed_is_not_lost_where_no_policy_drops_it() {
    let (mut processed, mut redelivered, mut resent) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let experiment = draw(&mut rng, Kind::Lossless);
        let faults = faults(&mut rng, &experiment, false);
        let (summary, _) = run(&experiment, faults.clone(), seed);
        let told = || format!("seed {seed}\n{faults:#?}\n{:#?}\n{:#?}", summary.counters, experiment.bus);
        assert_eq!(summary.missing, 0, "{}", told());
        assert!(summary.conserved, "{}", told());
        processed += summary.counter("total/processed");
        redelivered += summary.counter("total/redelivered");
        resent += u64::from(summary.counter("client/web/disconnected") > 0);
    }
    // The faults were felt. A publisher gives its connection up after three seconds of silence, and few drawn faults last so long together.
    assert!(processed > 100 * SEEDS && redelivered > SEEDS && resent > 0, "{processed} {redelivered} {resent}");
}

#[test]
fn what_was_confirmed_outlives_the_broker_in_durable_queues() {
    let (mut came_back, mut lost) = (0, 0);
    for seed in 0..SEEDS / 4 {
        let mut rng = Rng::new(seed);
        let experiment = draw(&mut rng, Kind::Durable);
        let mut faults = faults(&mut rng, &experiment, true);
        let at = Moment::Time(Time(500_000 + rng.below(2_500_000)));
        faults.push(Fault { at, effect: Effect::Kill(Node::BROKER) });
        let (summary, _) = run(&experiment, faults.clone(), seed);
        let told = || format!("seed {seed}\n{faults:#?}\n{:#?}\n{:#?}", summary.counters, experiment.bus);
        assert_eq!(summary.missing, 0, "{}", told());
        assert!(summary.conserved, "{}", told());
        came_back += u64::from(summary.counter("total/redelivered") > 0);
        lost += summary.counter("total/lost");
    }
    // What had not been confirmed may be lost; most brokers come back to something.
    assert!(came_back > SEEDS / 8 && lost > 0, "{came_back} {lost}");
}

#[test]
fn every_message_is_accounted_for_whatever_is_dropped_and_killed() {
    let mut lost = 0;
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let experiment = draw(&mut rng, Kind::Any);
        let faults = faults(&mut rng, &experiment, true);
        let (summary, _) = run(&experiment, faults.clone(), seed);
        assert!(summary.conserved, "seed {seed}\n{faults:#?}\n{:#?}", summary.counters);
        lost += summary.counter("total/lost");
    }
    assert!(lost > 0, "no broker was killed with messages");
}

#[test]
fn the_same_seed_has_the_same_trace() {
    for seed in 0..20 {
        let hash = || {
            let mut rng = Rng::new(seed);
            let experiment = draw(&mut rng, Kind::Any);
            let faults = faults(&mut rng, &experiment, true);
            let (_, simulation) = run(&experiment, faults, seed);
            (simulation.events(), simulation.trace_hash())
        };
        assert_eq!(hash(), hash());
    }
}

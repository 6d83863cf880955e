//! Breakpoints: a run stands still before the message that somebody waits for and nowhere else, and that makes no difference to what
//! happens. What is done to that message does, and is the same wherever the experiment runs with the line that it became.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.

mod common;

use common::watched::{SEED, Watched};
use shared::experiment::{BusExperiment, Checked, check_any};
use shared::fault::text::insertion;
use shared::fault::{Act, Edit, Effect, MessageFault};
use shared::id::NodeId;
use shared::session::board::FRAME_TICK;
use shared::session::paced::{BusCourse, Input};
use shared::session::{Simulated, simulate_bus};
use shared::time::{Span, Time};
use shared::wire::{BreakEdge, Breakpoint, Halt, Speed, Stride};

/// Twenty messages, of which the consumers have the first when the last is made.
const TEXT: &str = "\
millrace: 1
respawn: 200 ms
messaging:
  for: 3 s
  exchanges: { jobs: { type: direct } }
  queues:
    tasks: { bind: [ { exchange: jobs, key: task } ] }
    late: { bind: [ { exchange: jobs, key: late } ] }
  publishers: { web: { exchange: jobs, key: task, rate: 20/s, confirms: true, headers: { kind: vip }, messages: 20 } }
  consumers: { worker: { count: 2, queue: tasks, prefetch: 2, service: 30 ms } }
";

const MESSAGES: u64 = 20;

fn experiment(text: &str) -> BusExperiment {
    match check_any(text, &[]) {
        Ok(Checked::Messaging(experiment)) => *experiment,
        other => panic!("{other:?}"),
    }
}

fn published(when: &str) -> Breakpoint {
    let edge = BreakEdge::Publish { client: Some("web".to_owned()), exchange: Some("jobs".to_owned()) };
    Breakpoint { id: 1, edge, when: Some(when.to_owned()).filter(|when| !when.is_empty()) }
}

fn delivered(when: &str) -> Breakpoint {
    let edge = BreakEdge::Deliver { queue: Some("tasks".to_owned()), client: Some("worker".to_owned()) };
    Breakpoint { edge, ..published(when) }
}

/// Runs on until it stands before a message.
fn held(run: &mut Watched<BusCourse>) -> Halt {
    run.go(Span::seconds(100_000));
    *halt(run).expect("it stands before a message")
}

fn halt(run: &Watched<BusCourse>) -> Option<Box<Halt>> {
    run.frames.last().unwrap().1.pace.as_ref().unwrap().halt.clone()
}

fn treat(run: &mut Watched<BusCourse>, halt: &Halt, act: Act) {
    let Halt { publisher, number, to, .. } = *halt;
    run.say(Input::Fault(Effect::Message(MessageFault { publisher, number, to: Some(to), act })));
    run.go(Span::millis(100));
}

fn counter(simulated: &Simulated, name: &str) -> u64 {
    simulated.bus.as_ref().unwrap().counters.get(name).copied().unwrap_or_default()
}

/// Stands before the message, does this to it, goes to the end; and runs the text with the line that it became, on its own.
fn treated(text: &str, at: &Breakpoint, act: Act) -> (Simulated, String) {
    let mut run = Watched::of_broken(&experiment(text), std::slice::from_ref(at), Speed::Times(1.0));
    let halt = held(&mut run);
    treat(&mut run, &halt, act);
    let (stands_at, state) = (run.paced.moment(), run.paced.state_hash());
    let wished = run.frames.last().unwrap().1.pace.clone().unwrap().wished;
    assert_eq!(wished.len(), 1, "{wished:?}");
    run.say(Input::Breakpoints(Vec::new()));
    run.say(Input::Resume);
    let ended = run.run_out();
    // From after and from before, and in the text as it is now.
    let half = Time(stands_at.0 / 2);
    let (at_half, again) = (run.seek(half), run.seek(stands_at));
    assert_eq!(again, state);
    let text = insertion(text, &wished[0]).unwrap().added_to(text);
    let mut anew = Watched::of_bus(&experiment(&text), Speed::Max);
    assert_eq!((anew.seek(stands_at), anew.seek(half)), (state, at_half), "{text}");
    let alone = simulate_bus(1, &experiment(&text), SEED, || false).unwrap();
    assert_eq!(alone.trace_hash, ended.trace_hash, "{text}");
    assert_eq!(alone.bus.as_ref().unwrap().counters, ended.bus.as_ref().unwrap().counters);
    (ended, wished[0].clone())
}

#[test]
fn a_run_stands_exactly_before_the_message_and_goes_on_as_if_it_had_not() {
    let plain = simulate_bus(1, &experiment(TEXT), SEED, || false).unwrap();
    let mut seen = Vec::new();
    for speed in [Speed::Times(0.5), Speed::Times(10.0), Speed::Max] {
        let mut run = Watched::of_broken(&experiment(TEXT), &[delivered("n = 5")], speed);
        let halt = held(&mut run);
        assert_eq!((halt.name.as_str(), halt.queue.as_deref(), halt.key.as_str()), ("web-1/5", Some("tasks"), "task"));
        assert_eq!(halt.headers.get("kind").map(String::as_str), Some("vip"));
        assert!(halt.can_be_requeued && !halt.redelivered && halt.body.is_none());
        assert_eq!(run.paced.moment(), Time(halt.at.0 - 1));
        let straight = {
            let mut straight = Watched::of_bus(&experiment(TEXT), Speed::Times(0.001));
            straight.seek(run.paced.moment())
        };
        assert_eq!(run.paced.state_hash(), straight);
        seen.push(halt);
        run.say(Input::Resume);
        assert_eq!(run.run_out().trace_hash, plain.trace_hash);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

#[test]
fn every_delivery_is_stopped_once_whether_time_goes_on_or_is_stepped() {
    for stride in [None, Some(Stride::Event), Some(Stride::Task), Some(Stride::Fault)] {
        let mut run = Watched::of_broken(&experiment(TEXT), &[delivered("")], Speed::Max);
        let mut names = Vec::new();
        while run.ended.is_none() {
            run.go(Span::seconds(1_000));
            names.extend(halt(&run).map(|halt| halt.name));
            run.say(stride.map_or(Input::Resume, Input::Step));
        }
        names.dedup();
        let all: Vec<String> = (1..=MESSAGES).map(|number| format!("web-1/{number}")).collect();
        assert_eq!(names, all, "{stride:?}");
    }
}

#[test]
fn who_goes_to_a_moment_passes_them_and_sees_the_one_that_comes_next() {
    let breaks = [delivered("")];
    let mut run = Watched::of_broken(&experiment(TEXT), &breaks, Speed::Times(1.0));
    let first = held(&mut run);
    run.seek(Time(1_000_000));
    run.go(FRAME_TICK);
    assert!(halt(&run).is_none_or(|halt| halt.at > Time(1_000_000)));
    run.seek(Time(first.at.0 - 1));
    run.go(FRAME_TICK);
    assert_eq!(halt(&run).as_deref(), Some(&first));
    // Another future is not behind those that are taken away.
    run.say(Input::Breakpoints(Vec::new()));
    run.go(Span::millis(100));
    assert_eq!(halt(&run), None);
    run.say(Input::Resume);
    run.run_out();
}

#[test]
fn a_condition_sees_what_the_message_is() {
    let when = "key = 'task' and exchange = 'jobs' and queue is null and publisher = 'web-1' and n = 7 and size = 256 and body is null \
                and json_value(headers, '$.kind') = 'vip' and priority = 0 and not redelivered and returns = 0 and deaths = 0";
    let mut run = Watched::of_broken(&experiment(TEXT), &[published(when)], Speed::Times(1.0));
    let halt = held(&mut run);
    assert_eq!((halt.name.as_str(), halt.to, halt.can_be_requeued), ("web-1/7", NodeId::Coordinator, false));
    let mut run = Watched::of_broken(&experiment(TEXT), &[published("1 / (n - 3) > 9")], Speed::Times(1.0));
    let halt = held(&mut run);
    assert_eq!((halt.number, halt.trouble.as_deref()), (3, Some("1 / 0: a division by zero")));
}

#[test]
fn a_dropped_publish_is_not_confirmed_and_the_confirms_of_others_keep_their_numbers() {
    let (ended, line) = treated(TEXT, &published("n = 5"), Act::Drop);
    assert!(line.ends_with("drop: { message: web-1/5, to: broker } }"), "{line}");
    assert_eq!((counter(&ended, "client/web/sent"), counter(&ended, "client/web/confirmed")), (MESSAGES, MESSAGES - 1));
    assert_eq!((counter(&ended, "total/published"), counter(&ended, "total/processed")), (MESSAGES - 1, MESSAGES - 1));
    // Nobody was told that it had arrived, so nobody misses it; without confirms it is missing.
    assert_eq!(counter(&ended, "total/missing"), 0);
    let (ended, _) = treated(&TEXT.replace("confirms: true, ", ""), &published("n = 5"), Act::Drop);
    assert_eq!(counter(&ended, "total/missing"), 1);
}

#[test]
fn what_was_not_confirmed_is_sent_again_once_the_connection_is_new() {
    let text = format!("{TEXT}faults:\n  - {{ at: 1.5 s, kill: broker }}\n");
    let (ended, _) = treated(&text, &published("n = 20"), Act::Drop);
    assert_eq!(counter(&ended, "client/web/confirmed"), MESSAGES);
}

#[test]
fn a_dropped_delivery_waits_for_its_acknowledgement_until_the_connection_ends() {
    let (ended, line) = treated(TEXT, &delivered("n = 5"), Act::Drop);
    assert!(line.contains("drop: { message: web-1/5, to: worker-"), "{line}");
    assert_eq!((counter(&ended, "queue/tasks/unacked"), counter(&ended, "total/processed")), (1, MESSAGES - 1));
    assert_eq!((counter(&ended, "total/missing"), counter(&ended, "total/redelivered")), (0, 0));
    let kills = "faults:\n  - { at: 2 s, kill: worker-1 }\n  - { at: 2 s, kill: worker-2 }\n";
    let (ended, _) = treated(&format!("{TEXT}{kills}"), &delivered("n = 5"), Act::Drop);
    let (unacked, processed) = (counter(&ended, "queue/tasks/unacked"), counter(&ended, "total/processed"));
    assert_eq!((unacked, processed, counter(&ended, "total/redelivered")), (0, MESSAGES, 1));
}

#[test]
fn a_dropped_delivery_that_nobody_acknowledges_is_lost_and_counted() {
    let text = TEXT.replace("service: 30 ms", "service: 30 ms, ack: auto");
    let (ended, _) = treated(&text, &delivered("n = 5"), Act::Drop);
    assert_eq!((counter(&ended, "client/worker/lost"), counter(&ended, "total/missing")), (1, 1));
}

#[test]
fn a_requeued_delivery_comes_again_marked_and_is_worked_on_once() {
    let (ended, _) = treated(TEXT, &delivered("n = 5"), Act::Requeue);
    assert_eq!((counter(&ended, "total/redelivered"), counter(&ended, "total/delivered")), (1, MESSAGES + 1));
    assert_eq!((counter(&ended, "total/processed"), counter(&ended, "total/duplicates")), (MESSAGES, 0));
    let polls = TEXT.replace("prefetch: 2, ", "receive: { poll: 20 ms }, ");
    let (ended, _) = treated(&polls, &delivered("n = 5"), Act::Requeue);
    assert_eq!((counter(&ended, "total/redelivered"), counter(&ended, "total/processed")), (1, MESSAGES));
}

#[test]
fn an_edited_message_is_another_one_for_who_gets_it() {
    let key = Edit { key: Some("late".to_owned()), ..Edit::default() };
    let (ended, line) = treated(TEXT, &published("n = 5"), Act::Edit(key));
    assert!(line.ends_with("edit: { message: web-1/5, to: broker, key: \"late\" } }"), "{line}");
    assert_eq!((counter(&ended, "queue/late/published"), counter(&ended, "queue/tasks/published")), (1, MESSAGES - 1));
    assert_eq!((counter(&ended, "client/web/confirmed"), counter(&ended, "total/missing")), (MESSAGES, 0));
    // A consumer that dies of a key sees the key that it gets; in the queue it is as it was.
    let text = TEXT.replace("service: 30 ms", "service: 30 ms, fails: { when: key = 'poison', then: requeue }");
    let poison = Edit {
        key: Some("poison".to_owned()),
        headers: Some([("why".to_owned(), "a \"test\": {#}".to_owned())].into()),
        body: Some("two\nlines".to_owned()),
    };
    let (ended, _) = treated(&text, &delivered("n = 5"), Act::Edit(poison));
    assert_eq!((counter(&ended, "client/worker/failed"), counter(&ended, "total/processed")), (1, MESSAGES));
    let everything = Edit { headers: Some(Default::default()), body: Some(String::new()), key: None };
    let (ended, _) = treated(TEXT, &delivered("n = 5"), Act::Edit(everything));
    assert_eq!(counter(&ended, "total/processed"), MESSAGES);
}

#[test]
fn a_line_by_hand_is_for_the_first_time_that_the_message_arrives() {
    let text = format!("{TEXT}faults:\n  - requeue: {{ message: web-1/3 }}\n  - drop: {{ message: web-1/9, to: any }}\n");
    let ended = simulate_bus(1, &experiment(&text), SEED, || false).unwrap();
    assert_eq!((counter(&ended, "total/redelivered"), counter(&ended, "client/web/confirmed")), (1, MESSAGES - 1));
    // A message that never comes makes no difference.
    let never = format!("{TEXT}faults:\n  - edit: {{ message: web-1/99, key: a }}\n");
    let plain = simulate_bus(1, &experiment(TEXT), SEED, || false).unwrap();
    assert_eq!(simulate_bus(1, &experiment(&never), SEED, || false).unwrap().trace_hash, plain.trace_hash);
}

#[test]
fn who_stands_still_is_not_overtaken_by_a_drop() {
    // The broker stands still when the message comes: it is lost when its turn comes, and the others keep their confirms.
    let text = format!(
        "{TEXT}faults:\n  - {{ at: 150 ms, pause: {{ node: broker, for: 200 ms }} }}\n  - drop: {{ message: web-1/5 }}\n"
    );
    let ended = simulate_bus(1, &experiment(&text), SEED, || false).unwrap();
    assert_eq!((counter(&ended, "client/web/confirmed"), counter(&ended, "total/processed")), (MESSAGES - 1, MESSAGES - 1));
    assert_eq!(counter(&ended, "total/missing"), 0);
}

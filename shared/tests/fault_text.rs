//! A fault as a line of an experiment's text: it says what it is, and putting it in touches nothing else.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.

use shared::experiment::{Experiment, check};
use shared::fault::text::{insertion, item, with_faults, with_seed};
use shared::fault::{self, Effect, Fault, Moment};
use shared::id::NodeId;
use shared::rng::Rng;
use shared::time::{Span, Time};

const HEAD: &str = "\
millrace: 1
# Six words.
workers: 5
batch:
  input: { text: 'faults: [ # no list' }
  steps:
    - map: { word: line } # faults:
";

fn kill() -> Fault {
    Fault { at: Moment::Time(Time(1_204_000)), effect: Effect::Kill(NodeId::Worker(2)) }
}

fn checked(text: &str) -> Experiment {
    check(text).unwrap_or_else(|problems| panic!("{}\n{text}", problems[0]))
}

/// Puts a kill in, and sees to it that the experiment is the same but for that.
fn put_into(text: &str) -> String {
    let insertion = insertion(text, &item(&kill())).unwrap();
    let after = insertion.added_to(text);
    let (was, is) = (checked(text), checked(&after));
    let faults = [&was.faults[..], &[kill()]].concat();
    assert_eq!(is, Experiment { faults, ..was }, "{after}");
    after
}

#[test]
fn a_text_without_faults_gets_them_before_what_is_expected() {
    assert_eq!(put_into(HEAD), format!("{HEAD}faults:\n  - {{ at: 1.204 s, kill: worker-2 }}\n"));
    let open = HEAD.trim_end();
    assert_eq!(put_into(open), format!("{open}\nfaults:\n  - {{ at: 1.204 s, kill: worker-2 }}\n"));
    let tail = "# What must hold.\nexpect:\n  - rows: 6\n";
    let text = format!("{HEAD}\n{tail}");
    assert_eq!(put_into(&text), format!("{HEAD}\nfaults:\n  - {{ at: 1.204 s, kill: worker-2 }}\n{tail}"));
}

#[test]
fn a_list_of_lines_gets_one_more_as_far_in_as_the_others() {
    for (list, with) in [
        ("faults:\n  - { at: 40%, kill: worker-1 }\n", "faults:\n  - { at: 40%, kill: worker-1 }\n  - NEW\n"),
        ("faults:\n- { at: 1 s, kill: worker-1 }\n", "faults:\n- { at: 1 s, kill: worker-1 }\n- NEW\n"),
        (
            "faults: # two\n    -  at: 1 s\n       kill: worker-1 # me\n\n    # Later\n",
            "faults: # two\n    -  at: 1 s\n       kill: worker-1 # me\n    - NEW\n\n    # Later\n",
        ),
        ("faults:\n  - { at: 1 s, kill: worker-1 }", "faults:\n  - { at: 1 s, kill: worker-1 }\n  - NEW"),
        (
            "\"faults\" :\n\n  # first\n  - random: 2\nexpect:\n  - rows: 1\n",
            "\"faults\" :\n\n  # first\n  - random: 2\n  - NEW\nexpect:\n  - rows: 1\n",
        ),
        (
            "faults:\n  - slow:\n      node: worker-1\n      factor: 2\n    at: 3 s\nseed: 7\n",
            "faults:\n  - slow:\n      node: worker-1\n      factor: 2\n    at: 3 s\n  - NEW\nseed: 7\n",
        ),
    ] {
        let with = with.replace("NEW", "{ at: 1.204 s, kill: worker-2 }");
        assert_eq!(put_into(&format!("{HEAD}{list}")), format!("{HEAD}{with}"));
    }
}

#[test]
fn a_list_in_brackets_gets_one_more_before_it_closes() {
    for (list, with) in [
        ("faults: []\n", "faults: [NEW]\n"),
        ("faults: [ ] # none\n", "faults: [NEW ] # none\n"),
        ("faults: [{ at: 40%, kill: worker-1 }]\n", "faults: [{ at: 40%, kill: worker-1 }, NEW]\n"),
        (
            "faults: [ { at: 1 s, partition: [[worker-1], [worker-2]], for: 1 s } ]\n",
            "faults: [ { at: 1 s, partition: [[worker-1], [worker-2]], for: 1 s }, NEW ]\n",
        ),
        (
            "faults:\n  [ # ]\n    { at: 1 s, kill: 'worker-1' }, # the ] first\n  ]\nseed: 7\n",
            "faults:\n  [ # ]\n    { at: 1 s, kill: 'worker-1' }, NEW # the ] first\n  ]\nseed: 7\n",
        ),
    ] {
        let with = with.replace("NEW", "{ at: 1.204 s, kill: worker-2 }");
        assert_eq!(put_into(&format!("{HEAD}{list}")), format!("{HEAD}{with}"));
    }
}

#[test]
fn line_ends_stay_as_they_are() {
    for list in ["", "faults:\n  - random: 1\n", "faults: [{ at: 1 s, kill: worker-1 }]\n", "expect:\n  - rows: 1\n"] {
        let text = format!("{HEAD}{list}").replace('\n', "\r\n");
        let after = put_into(&text);
        assert!(!after.replace("\r\n", "").contains(['\r', '\n']), "{after:?}");
    }
}

#[test]
fn what_is_not_understood_is_not_touched() {
    for text in [
        "{ millrace: 1, faults: [] }",
        &format!("{HEAD}faults: ~\n"),
        &format!("{HEAD}faults: &some []\n"),
        &format!("{HEAD}faults: [ 'open\n"),
        &format!("{HEAD}faults: [ \"a\\\"] \n"),
    ] {
        assert_eq!(insertion(text, &item(&kill())), None, "{text}");
    }
}

#[test]
fn every_fault_is_read_as_it_was_written() {
    let rng = &mut Rng::new(5);
    let mut faults = fault::draw(rng, 5, 300);
    // A drawn partition may have nobody on one side; nobody writes that.
    faults.retain(|fault| !matches!(&fault.effect, Effect::Partition { groups, .. } if groups.iter().any(Vec::is_empty)));
    for micros in [0, 1, 999, 1_000, 1_001, 250_000, 999_999, 1_000_000, 1_000_001, 61_204_310] {
        faults.push(Fault {
            at: Moment::Time(Time(micros)),
            effect: Effect::Pause { node: NodeId::Coordinator, span: Span(1 + micros) },
        });
        faults.push(Fault {
            at: Moment::Time(Time(micros)),
            effect: Effect::Slow { node: NodeId::Worker(1), factor: 2.5, span: None },
        });
    }
    let mut text = HEAD.to_owned();
    for fault in &faults {
        let insertion = insertion(&text, &item(fault)).unwrap();
        assert!(insertion.text.contains(&item(fault)));
        text = insertion.added_to(&text);
    }
    assert_eq!(checked(&text).faults, faults);
}

#[test]
fn any_text_is_answered() {
    let rng = &mut Rng::new(11);
    const PARTS: [&str; 18] =
        ["faults", ":", "\n", "  ", "- ", "[", "]", "{", "}", "\"", "'", "#", "ü", "\\", ",", "expect:", "\r\n", " "];
    for _ in 0..20_000 {
        let text: String = (0..rng.below(30)).map(|_| PARTS[rng.below(PARTS.len() as u64) as usize]).collect();
        if let Some(insertion) = insertion(&text, &item(&kill())) {
            assert!(insertion.added_to(&text).len() > text.len());
        }
    }
}

#[test]
fn other_faults_take_the_place_of_those_that_were_there() {
    let kill = item(&kill());
    let others = [kill.clone(), "{ at: 2 s, restart: coordinator }".to_owned()];
    for (faults, tail) in [
        ("", ""),
        ("faults:\n  - { at: 40%, kill: worker-1 } # gone\n", "# What must hold.\nexpect:\n  - rows: 6\n"),
        ("faults:\n- at: 1 s\n  kill: worker-1\n", "\n# Nothing more.\n"),
        ("faults: [ { at: 1 s, kill: worker-1 },\n  { at: 2 s, kill: worker-2 }\n]\n", "expect:\n  - rows: 6\n"),
        ("faults:\n  - random: 3\n", "expect: [ rows: 6 ]\n"),
    ] {
        let text = format!("{HEAD}{faults}{tail}");
        let is = checked(&with_faults(&text, &others).unwrap());
        assert_eq!(is.faults.iter().map(item).collect::<Vec<_>>(), others, "{text}");
        assert_eq!(is.random_faults, 0);
        let none = with_faults(&text, &[]).unwrap();
        assert!(checked(&none).faults.is_empty(), "{none}");
        assert!(none.ends_with(tail), "{none}");
        let was = checked(&text);
        assert_eq!(Experiment { faults: was.faults.clone(), random_faults: was.random_faults, ..is }, was);
        let windows = text.replace('\n', "\r\n");
        assert_eq!(with_faults(&windows, &others).unwrap(), with_faults(&text, &others).unwrap().replace('\n', "\r\n"));
    }
    assert_eq!(with_faults("{ millrace: 1 }", &others), None);
}

#[test]
fn another_seed_leaves_the_rest_as_it_is() {
    assert_eq!(with_seed(HEAD, 17).unwrap(), HEAD.replacen("millrace: 1\n", "millrace: 1\nseed: 17\n", 1));
    for (line, after) in
        [("seed: 42\n", "seed: 17\n"), ("seed:  4_2  # mine\n", "seed:  17  # mine\n"), ("'seed': 42\n", "'seed': 17\n")]
    {
        let text = format!("{HEAD}{line}");
        assert_eq!(with_seed(&text, 17).unwrap(), format!("{HEAD}{after}"));
        assert_eq!(checked(&with_seed(&text, 17).unwrap()).seed, 17);
    }
    assert_eq!(with_seed("{ millrace: 1 }", 17), None);
    assert_eq!(with_seed("seed:\n  42\n", 17), None);
}

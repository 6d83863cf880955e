//! A fault as a line of an experiment's text: it says what it is, and putting it in touches nothing else.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.

use shared::experiment::{Experiment, check};
use shared::fault::text::{insertion, item, items, moved, removed, with_faults, with_seed};
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

/// Faults in all the ways that they are written, and where the moment of the second one stands.
const LISTS: [&str; 6] = [
    "faults:\n  - { at: 40%, kill: worker-1 } # first\n  # Then:\n  - { kill: 'worker-2', at: <2 s> } # me\n  - { at: 3 s, restart: coordinator }\n",
    "faults: # three\n- at: 40%\n  kill: worker-1\n\n- kill: worker-2 # { at: 5 s }\n  at: <2 s> # here\n-\n  at: 3 s\n  restart: coordinator\n",
    "faults: [{ at: 40%, kill: worker-1 }, { at: '<2 s>', kill: worker-2 }, { at: 3 s, restart: coordinator }]\n",
    "faults:\n  [\n    { at: 40%, kill: worker-1 },\n    { at: <2 s>, kill: worker-2 },\n    { at: 3 s, restart: coordinator },\n  ]\nexpect:\n  - rows: 1\n",
    "\"faults\":\n    - { at: 40%, kill: worker-1 }\n    - { \"at\": \"<2000 ms>\", kill: worker-2 }\n    - at: 3 s\n      restart: coordinator",
    "expect:\n  - rows: 1\nfaults:\n  -   at: 40%\n      kill: worker-1\n  -   at: <2_000 ms>\n      kill: worker-2\n  -   { at: 3 s,\n        restart: coordinator }\nseed: 4\n",
];

#[test]
fn a_fault_is_moved_and_nothing_but_its_moment_changes() {
    for list in LISTS {
        for newline in ["\n", "\r\n"] {
            let marked = format!("{HEAD}{list}").replace('\n', newline);
            let text = marked.replace(['<', '>'], "");
            let (before, after) = (&marked[..marked.find('<').unwrap()], &marked[marked.find('>').unwrap() + 1..]);
            let found = items(&text);
            let words: Vec<_> = found.iter().map(|item| item.what.as_str()).collect();
            assert_eq!(words, ["kill worker-1", "kill worker-2", "restart coordinator"], "{text}");
            assert_eq!(found[1].at, Some(Moment::Time(Time(2_000_000))));
            assert_eq!(found[0].at, Some(Moment::Progress(0.4)));
            let after_it = moved(&text, 1, Moment::Time(Time(1_204_000))).unwrap();
            assert_eq!(after_it, format!("{before}1.204 s{after}"));
            let (was, is) = (checked(&text), checked(&after_it));
            let mut faults = was.faults.clone();
            faults[1] = kill();
            assert_eq!(is, Experiment { faults, ..was }, "{after_it}");
        }
    }
}

#[test]
fn a_fault_is_taken_out_and_the_others_stay() {
    for list in LISTS {
        let text = format!("{HEAD}{list}").replace(['<', '>'], "");
        let was = checked(&text);
        for index in 0..3 {
            let after = removed(&text, index).unwrap();
            let mut faults = was.faults.clone();
            faults.remove(index);
            assert_eq!(checked(&after), Experiment { faults, ..was.clone() }, "{after}");
        }
    }
    let text = LISTS[0].replace(['<', '>'], "");
    let without = "faults:\n  - { at: 40%, kill: worker-1 } # first\n  # Then:\n  - { at: 3 s, restart: coordinator }\n";
    assert_eq!(removed(&text, 1).unwrap(), without);
}

#[test]
fn the_last_fault_goes_with_its_key_unless_a_comment_is_there() {
    let item = item(&kill());
    for text in [HEAD.to_owned(), format!("{HEAD}expect:\n  - rows: 6\n"), format!("{HEAD}# End.\n").replace('\n', "\r\n")] {
        let with = insertion(&text, &item).unwrap().added_to(&text);
        assert_eq!(removed(&with, 0).unwrap(), text);
    }
    for (list, without) in [
        ("faults: # none yet\n  - { at: 1 s, kill: worker-1 }\n", "faults: [] # none yet\n"),
        ("faults:\n  # one\n  - at: 1 s\n    kill: worker-1\nseed: 3\n", "faults: []\n  # one\nseed: 3\n"),
        ("faults: [ { at: 1 s, kill: worker-1 } ]\n", "faults: [  ]\n"),
    ] {
        let after = removed(&format!("{HEAD}{list}"), 0).unwrap();
        assert_eq!(after, format!("{HEAD}{without}"));
        checked(&after);
        assert!(insertion(&after, &item).is_some());
    }
}

#[test]
fn every_kind_is_called_as_its_news_is_and_what_has_no_moment_gets_one() {
    let rng = &mut Rng::new(9);
    let faults = fault::draw(rng, 5, 200);
    let list: Vec<_> = faults.iter().map(item).collect();
    let text = with_faults(HEAD, &list).unwrap();
    for (found, fault) in items(&text).iter().zip(&faults) {
        assert_eq!(found.what, fault.effect.in_short());
        assert_eq!(text[found.range.clone()], item(fault));
    }
    for (list, with) in [
        ("  - { drop: { probability: 0.1 } }\n", "  - { at: 1.204 s, drop: { probability: 0.1 } }\n"),
        (
            "  - drop:\n      probability: 0.1\n    for: 1 s\n",
            "  - at: 1.204 s\n    drop:\n      probability: 0.1\n    for: 1 s\n",
        ),
        (
            "  - { at: 0 s, slow: { node: worker-1, factor: 4.0 } }\n",
            "  - { at: 1.204 s, slow: { node: worker-1, factor: 4.0 } }\n",
        ),
    ] {
        let text = format!("{HEAD}faults:\n{list}");
        assert_eq!(items(&text)[0].at, Some(Moment::Time(Time::ZERO)));
        let after = moved(&text, 0, Moment::Time(Time(1_204_000))).unwrap();
        assert_eq!(after, format!("{HEAD}faults:\n{with}"));
        checked(&after);
    }
    assert_eq!(items("faults:\n  - { at: 0 s, slow: { node: worker-1, factor: 4.0 } }\n")[0].what, "slow worker-1 ×4");
    let drawn = format!("{HEAD}faults:\n  - random: 3\n");
    assert_eq!((items(&drawn)[0].at, moved(&drawn, 0, Moment::Time(Time(1)))), (None, None));
}

#[test]
fn a_fault_that_is_not_understood_is_not_moved() {
    for text in [
        "{ millrace: 1, faults: [] }",
        "faults: ~\n",
        "faults: [ 'open\n",
        "faults:\n  - { at: &when 40%, kill: worker-1 }\n",
        "faults:\n  - *some\n",
        "",
    ] {
        assert_eq!(moved(text, 0, Moment::Time(Time(1))), None, "{text}");
    }
}

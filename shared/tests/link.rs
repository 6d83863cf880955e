//! A link carries an experiment there and back; what is no link is a sentence.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.

use shared::limits::{BREAKPOINTS_MAX, EXPERIMENT_BYTES_MAX, LINK_BREAKPOINTS_BYTES_MAX, LINK_BYTES_MAX};
use shared::link::{Link, LinkError};
use shared::rng::Rng;
use shared::time::Time;
use shared::wire::{BreakEdge, Breakpoint, Place};

fn link(text: impl Into<String>) -> Link {
    Link { text: text.into(), place: Place::Simulate, workers: None, at: Some(Time(1_204_000)), breakpoints: Vec::new() }
}

fn breakpoints(count: u32, when: &str) -> Vec<Breakpoint> {
    let edge = |id: u32| match id % 2 {
        0 => BreakEdge::Publish { client: Some("web".to_owned()), exchange: Some(String::new()) },
        _ => BreakEdge::Deliver { queue: Some("tasks".to_owned()), client: None },
    };
    (1..=count).map(|id| Breakpoint { id, edge: edge(id), when: Some(when.to_owned()).filter(|_| id != 1) }).collect()
}

fn read(fragment: &str) -> Result<Link, LinkError> {
    Link::read(fragment).unwrap()
}

#[test]
fn a_link_comes_back_as_it_was() {
    let rng = &mut Rng::new(2);
    let random: String = (0..60_000).map(|_| char::from_u32(32 + rng.below(90_000) as u32).unwrap_or('ß')).collect();
    for text in ["", "a", "ab", "abc", "abcd", "millrace: 1\n", "\0\u{1F980}\"<script>alert(1)</script>", &random] {
        for place in [Place::Simulate, Place::Browser, Place::Server] {
            for (workers, at) in [(None, None), (Some(64), Some(Time(u64::MAX)))] {
                let link = Link {
                    text: text.to_owned(),
                    place,
                    workers,
                    at,
                    breakpoints: breakpoints(workers.map_or(0, |_| 3), "n = 1"),
                };
                let fragment = link.fragment();
                assert!(fragment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=.".contains(&byte)), "{fragment}");
                assert_eq!(read(&fragment), Ok(link.clone()));
                assert_eq!(read(&format!("#{fragment}")), Ok(link));
            }
        }
    }
}

#[test]
fn a_link_of_before_opens() {
    // A line of three words, as there was when links had no breakpoints.
    let old = "x=1.eNorVtBVMDQyMDDgys3MySlKTE61UjDkAgBACwW8";
    let Ok(Link { text, place, workers, at, breakpoints: none }) = read(old) else { panic!("{:?}", read(old)) };
    assert_eq!((text.as_str(), place, workers, at), ("millrace: 1\n", Place::Simulate, None, Some(Time(12_000))));
    assert!(none.is_empty());
}

#[test]
fn of_too_many_breakpoints_as_many_come_along_as_fit() {
    let of = |breakpoints| Link { breakpoints, ..link("millrace: 1\n") };
    let all = of(breakpoints(100, "a condition with spaces\nand a line"));
    assert_eq!(read(&all.fragment()).unwrap().breakpoints, all.breakpoints[..BREAKPOINTS_MAX]);
    let long = of(breakpoints(30, &"x".repeat(1_000)));
    let came = read(&long.fragment()).unwrap().breakpoints;
    assert!(serde_json::to_string(&came).unwrap().len() <= LINK_BREAKPOINTS_BYTES_MAX);
    assert_eq!(came, long.breakpoints[..came.len()]);
    assert!(came.len() >= 10, "{}", came.len());
}

#[test]
fn the_longest_experiment_fits_in_a_link_whatever_is_in_it() {
    let rng = &mut Rng::new(3);
    let mut noise = || -> String { (0..EXPERIMENT_BYTES_MAX).map(|_| char::from(32 + rng.below(95) as u8)).collect() };
    for text in ["\u{1}".repeat(EXPERIMENT_BYTES_MAX), noise()] {
        let fragment = link(text.clone()).fragment();
        assert!(fragment.len() <= LINK_BYTES_MAX, "{} bytes", fragment.len());
        assert_eq!(read(&fragment).unwrap().text, text);
    }
}

#[test]
fn a_usual_experiment_makes_a_short_link() {
    let text = "millrace: 1\ntitle: Word count\nabout: The first program of the MapReduce paper.\nworkers: 4\nbatch:\n  input: { dataset: glosses }\n  \
                steps:\n    - flat_map: { word: \"words(lower(line))\" }\n    - reduce: { key: word, values: { count: \"count(*)\" } }\n";
    let fragment = link(text).fragment();
    assert!(fragment.len() < 400, "{} bytes", fragment.len());
}

#[test]
fn what_is_no_link_is_a_sentence_and_costs_little() {
    assert_eq!(Link::read(""), None);
    assert_eq!(Link::read("#gallery"), None);
    let long = format!("x=1.{}", "A".repeat(1 << 20));
    assert_eq!(read(&long), Err(LinkError::TooLong(long.len())));
    assert_eq!(read("x=2.AAAA"), Err(LinkError::Version("x=2.".into())));
    assert_eq!(read("x=<script>alert(1)</script>"), Err(LinkError::Version("x=<script>al".into())));
    for damaged in ["x=1.", "x=1.A", "x=1.%%%%", "x=1.AAAA", "x=1.eJw", "x=1.ß"] {
        assert_eq!(read(damaged), Err(LinkError::Damaged), "{damaged}");
    }
    // A small link that unpacks to a hundred megabytes.
    let bomb = link(" ".repeat(100 << 20)).fragment();
    assert!(bomb.len() < LINK_BYTES_MAX, "{} bytes", bomb.len());
    assert_eq!(read(&bomb), Err(LinkError::TooLarge));
    assert_eq!(read(&link(" ".repeat(EXPERIMENT_BYTES_MAX + 1)).fragment()), Err(LinkError::TooLarge));
}

#[test]
fn a_changed_letter_is_noticed() {
    let fragment = link("millrace: 1\nbatch: { input: { text: a b c }, steps: [] }\n").fragment();
    let rng = &mut Rng::new(4);
    for at in 4..fragment.len() {
        let mut changed = fragment.clone().into_bytes();
        while changed[at] == fragment.as_bytes()[at] {
            changed[at] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abc-_"[rng.below(41) as usize];
        }
        let found = read(std::str::from_utf8(&changed).unwrap());
        // The last letter may carry bits that nobody reads.
        assert!(found == Err(LinkError::Damaged) || (at + 1 == fragment.len() && found == read(&fragment)), "{at}: {found:?}");
        assert!(read(&fragment[..at]).is_err(), "cut off at {at}");
    }
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::disallowed_methods)] // It reads a file of this folder; the core opens nothing.
fn the_links_of_the_reference_page_are_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/links.txt");
    let mut count = 0;
    for line in std::fs::read_to_string(path).unwrap().lines() {
        // xtask makes these, by lines of its own.
        let (text, fragment) = line.split_once('\t').unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        assert_eq!(read(fragment), Ok(Link { text, place: Place::Simulate, workers: None, at: None, breakpoints: Vec::new() }));
        count += 1;
    }
    assert_eq!(count, 3);
}

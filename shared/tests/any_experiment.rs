//! Whatever is in the file, checking it ends, says where, and never panics; nor does it need a deep stack.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;
use shared::experiment::{check, check_with};

const EXAMPLES: [&str; 2] =
    [include_str!("../../examples/word-count.yaml"), include_str!("../../examples/word-count-text.yaml")];

/// Pieces that mean something to YAML, to an experiment or to an expression.
const PIECES: [&str; 40] = [
    "- ",
    ": ",
    "\n",
    "\n  ",
    "\n    - ",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "# ",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "? ",
    "---\n",
    "...\n",
    "\t",
    "\u{feff}",
    "\0",
    "~",
    "0",
    "-1",
    "99999999999999999999",
    "1e999",
    ".inf",
    "40%",
    "3 s",
    "64 KiB",
    "kill: worker-1",
    "reduce: ",
    "count(*)",
    "words(",
    "case when",
    "ß\u{301}🙂",
];

fn well_placed(text: &str) -> Result<(), TestCaseError> {
    if let Err(problems) = check(text) {
        prop_assert!(!problems.is_empty());
        for problem in problems {
            prop_assert!(problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty(), "{problem:?}");
        }
    }
    Ok(())
}

/// An example with some of its characters replaced by pieces, taken away or repeated.
fn mutated() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..40usize, prop::option::of(prop::sample::select(&PIECES[..])), any::<bool>());
    (prop::sample::select(&EXAMPLES[..]), prop::collection::vec(change, 1..6)).prop_map(|(example, changes)| {
        changes.into_iter().fold(example.to_owned(), |text, (at, length, piece, twice)| {
            let chars: Vec<char> = text.chars().collect();
            let from = at.index(chars.len().max(1)).min(chars.len());
            let to = (from + length).min(chars.len());
            let middle = piece.map_or_else(|| chars[from..to].iter().collect(), str::to_owned);
            let again = if twice { middle.clone() } else { String::new() };
            chars[..from].iter().collect::<String>() + &middle + &again + &chars[to..].iter().collect::<String>()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_checked(text in any::<String>()) {
        well_placed(&text)?;
    }

    #[test]
    fn any_bytes_are_checked(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        well_placed(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn any_pieces_are_checked(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)) {
        well_placed(&pieces.concat())?;
    }

    #[test]
    fn any_mutation_is_checked(text in mutated()) {
        well_placed(&text)?;
    }

    #[test]
    fn any_override_is_checked(path in "[a-z_]{0,8}(\\.[a-z0-9_]{0,6}){0,3}", value in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..6)) {
        let _ = check_with(EXAMPLES[0], &[(path, value.concat())]);
    }
}

/// Half of what a wasm engine gives, without optimisation.
#[test]
fn nesting_needs_little_stack() {
    let run = || {
        for depth in [20, 23, 24, 25, 100, 10_000] {
            let blocks: String = (0..depth.min(400)).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
            for text in [
                format!("a: {}{}", "[".repeat(depth), "]".repeat(depth)),
                format!("a: {}", "[".repeat(depth)),
                format!("a: {}1{}", "{a: ".repeat(depth), "}".repeat(depth)),
                "- ".repeat(depth),
                "? ".repeat(depth),
                blocks,
            ] {
                check(&text).unwrap_err();
            }
        }
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_long_text_is_refused_before_it_is_read() {
    let long = format!("{}#{}", EXAMPLES[0], "x".repeat(256 * 1024));
    let problems = check(&long).unwrap_err();
    assert!(problems[0].message.ends_with("the limit is 262144"), "{problems:?}");
    let full = format!("{}#", EXAMPLES[0]);
    let full = format!("{full}{}", "x".repeat(256 * 1024 - full.len()));
    check(&full).unwrap();
}

//! Any text is checked: an experiment, or problems that each have a place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::experiment::check;

fuzz_target!(|text: &str| {
    if let Err(problems) = check(text) {
        assert!(!problems.is_empty());
        for problem in problems {
            assert!(problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty(), "{problem:?}");
        }
    }
});

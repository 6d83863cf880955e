//! What stages and tasks are called: one way everywhere, in notes, bars, tables, news and for screen readers.
//!
//! The core numbers its tasks behind shuffles through all stages, `reduce-17`; people want to know what such a task does. Map tasks
//! keep their numbers, which are those of the splits, through all inputs.

use std::ops::Range;

use shared::wire::{Phase, StageView};

/// The stage of a task, and which of the stage's tasks it is.
pub fn stage_of(stages: &[StageView], phase: Phase, task: u32) -> Option<(usize, u32)> {
    let number = |stage: &StageView| task.checked_sub(stage.first).filter(|number| *number < stage.tasks);
    let found = stages.iter().enumerate().filter(|(_, stage)| stage.phase == phase);
    found.filter_map(|(index, stage)| Some((index, number(stage)?))).next()
}

/// `map`, `split by range`; `reduce 2` where several stages do the same.
pub fn stage_name(stages: &[StageView], stage: usize) -> String {
    match (stages.get(stage), ordinal(stages, stage)) {
        (Some(view), Some(ordinal)) => format!("{} {ordinal}", view.what),
        (Some(view), None) => view.what.clone(),
        (None, _) => String::new(),
    }
}

/// The same as a heading: `Map`, `Reduce 2`.
pub fn stage_title(stages: &[StageView], stage: usize) -> String {
    let name = stage_name(stages, stage);
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `map-3`, `join-1`; `reduce 2 · task 1` where several stages do the same.
pub fn task_name(stages: &[StageView], phase: Phase, task: u32) -> String {
    match stage_of(stages, phase, task).filter(|_| phase == Phase::Reduce) {
        None => format!("{}-{task}", core_word(phase)),
        Some((stage, number)) if ordinal(stages, stage).is_some() => {
            format!("{} · task {number}", stage_name(stages, stage))
        }
        Some((stage, number)) => format!("{}-{number}", stages[stage].what.replace(' ', "-")),
    }
}

/// The name of a task below the heading of its stage: `map-3`, `join-1`, `task 1`.
pub fn task_name_in_stage(stages: &[StageView], phase: Phase, task: u32) -> String {
    match task_name(stages, phase, task).split_once(" · ") {
        Some((_, in_stage)) => in_stage.to_owned(),
        None => task_name(stages, phase, task),
    }
}

/// Several tasks of one stage: `map-3 to map-9`, `reduce 2 · task 1 to task 4`.
pub fn tasks_name(stages: &[StageView], phase: Phase, tasks: Range<u32>) -> String {
    let first = task_name(stages, phase, tasks.start);
    if tasks.len() < 2 {
        return first;
    }
    format!("{first} to {}", task_name_in_stage(stages, phase, tasks.end - 1))
}

/// As short as a bar is: `m3`, `j1`, `sbr0`, `r2·1`.
pub fn task_mark(stages: &[StageView], phase: Phase, task: u32) -> String {
    let Some((stage, number)) = stage_of(stages, phase, task).filter(|_| phase == Phase::Reduce) else {
        return format!("{}{task}", &core_word(phase)[..1]);
    };
    let initials: String = stages[stage].what.split(' ').filter_map(|word| word.chars().next()).collect();
    match ordinal(stages, stage) {
        Some(ordinal) => format!("{initials}{ordinal}·{number}"),
        None => format!("{initials}{number}"),
    }
}

/// A sentence of the core's, with the names of tasks behind shuffles as people know them.
pub fn with_names(stages: &[StageView], sentence: &str) -> String {
    const WORD: &str = "reduce-";
    let mut told = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(at) = rest.find(WORD) {
        let (before, from) = rest.split_at(at);
        let digits = from[WORD.len()..].bytes().take_while(u8::is_ascii_digit).count();
        let (id, after) = from.split_at(WORD.len() + digits);
        told.push_str(before);
        let is_part =
            |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '-' || letter == '_');
        let whole = !is_part(told.chars().next_back()) && !is_part(after.chars().next());
        match id[WORD.len()..].parse().ok().filter(|_| whole) {
            Some(task) => told.push_str(&task_name(stages, Phase::Reduce, task)),
            None => told.push_str(id),
        }
        rest = after;
    }
    told.push_str(rest);
    told
}

/// Names in a row: `map 1, map 2 and join`.
pub fn and(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Which of several stages of one word it is, from 1; none where it is the only one.
fn ordinal(stages: &[StageView], stage: usize) -> Option<usize> {
    let what = &stages.get(stage)?.what;
    let same = |stages: &[StageView]| stages.iter().filter(|other| other.what == *what).count();
    (same(stages) > 1).then(|| same(&stages[..=stage]))
}

fn core_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Map => "map",
        Phase::Reduce => "reduce",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(what: &str, phase: Phase, first: u32, tasks: u32) -> StageView {
        StageView { what: what.into(), phase, first, tasks, of: Vec::new() }
    }

    fn one() -> Vec<StageView> {
        vec![stage("map", Phase::Map, 0, 8), stage("reduce", Phase::Reduce, 0, 4)]
    }

    /// Two inputs joined, reduced twice, and sorted.
    fn many() -> Vec<StageView> {
        vec![
            stage("map", Phase::Map, 0, 8),
            stage("map", Phase::Map, 8, 2),
            stage("join", Phase::Reduce, 0, 4),
            stage("reduce", Phase::Reduce, 4, 4),
            stage("reduce", Phase::Reduce, 8, 4),
            stage("choose ranges", Phase::Reduce, 12, 1),
            stage("split by range", Phase::Reduce, 13, 4),
            stage("sort", Phase::Reduce, 17, 4),
        ]
    }

    #[test]
    fn tasks_of_one_map_reduce_are_called_as_the_core_calls_them() {
        assert_eq!(task_name(&one(), Phase::Map, 3), "map-3");
        assert_eq!(task_name(&one(), Phase::Reduce, 2), "reduce-2");
        assert_eq!(task_mark(&one(), Phase::Map, 3), "m3");
        assert_eq!(task_mark(&one(), Phase::Reduce, 2), "r2");
        assert_eq!(tasks_name(&one(), Phase::Map, 3..8), "map-3 to map-7");
        assert_eq!(with_names(&one(), "reduce-2 is slow: worker-1 runs it too."), "reduce-2 is slow: worker-1 runs it too.");
    }

    #[test]
    fn tasks_of_a_chain_are_called_by_what_they_do() {
        let names = |tasks: &[u32]| tasks.iter().map(|task| task_name(&many(), Phase::Reduce, *task)).collect::<Vec<_>>();
        assert_eq!(names(&[1, 5, 8]), ["join-1", "reduce 1 · task 1", "reduce 2 · task 0"]);
        assert_eq!(names(&[12, 14, 17]), ["choose-ranges-0", "split-by-range-1", "sort-0"]);
        assert_eq!(task_name(&many(), Phase::Map, 9), "map-9");
        let marks = [1, 5, 8, 12, 14, 17].map(|task| task_mark(&many(), Phase::Reduce, task));
        assert_eq!(marks, ["j1", "r1·1", "r2·0", "cr0", "sbr1", "s0"]);
        assert_eq!(tasks_name(&many(), Phase::Reduce, 8..12), "reduce 2 · task 0 to task 3");
        assert_eq!(tasks_name(&many(), Phase::Reduce, 17..18), "sort-0");
        assert_eq!(task_name_in_stage(&many(), Phase::Reduce, 9), "task 1");
        assert_eq!(task_name_in_stage(&many(), Phase::Reduce, 18), "sort-1");
    }

    #[test]
    fn stages_of_one_word_are_numbered() {
        let names: Vec<String> = (0..many().len()).map(|index| stage_title(&many(), index)).collect();
        assert_eq!(names, ["Map 1", "Map 2", "Join", "Reduce 1", "Reduce 2", "Choose ranges", "Split by range", "Sort"]);
        assert_eq!(stage_title(&one(), 1), "Reduce");
        assert_eq!(and(&["map 1".into(), "map 2".into(), "join".into()]), "map 1, map 2 and join");
    }

    #[test]
    fn the_cores_sentences_are_told_in_these_names() {
        let cases = [
            ("reduce-9 is slow: worker-2 runs it too.", "reduce 2 · task 1 is slow: worker-2 runs it too."),
            ("reduce-1 and reduce-18, then map-3", "join-1 and sort-1, then map-3"),
            ("map-reduce-1, reduce-x and reduce-1st stay", "map-reduce-1, reduce-x and reduce-1st stay"),
            ("reduce-99 is of no stage", "reduce-99 is of no stage"),
        ];
        for (said, told) in cases {
            assert_eq!(with_names(&many(), said), told);
        }
    }

    #[test]
    fn a_task_of_no_known_stage_keeps_its_number() {
        assert_eq!(task_name(&[], Phase::Reduce, 7), "reduce-7");
        assert_eq!(task_mark(&[], Phase::Reduce, 7), "r7");
    }
}

//! What the graph says in words: its headings, its summary, the note over a cell, and all of it for those who do not see it.

use std::ops::Range;

use shared::wire::{AttemptState, Phase, StageView};

use super::cells::state_name;
use super::columns::sources;
use super::layout::{Of, is_one_map_reduce};
use crate::lab::format::{Figure, bytes, circled, count, duration_ms, of};
use crate::lab::inspect::Selected;
use crate::lab::model::{RunModel, StageCount, TaskState};
use crate::lab::names::{and, stage_name, stage_of, stage_title, task_name, tasks_name};

/// A heading's title.
pub fn title(stages: &[StageView], head: Of) -> String {
    match head {
        Of::Input(_) => "Input".into(),
        Of::Stage(stage) => stage_title(stages, stage),
        Of::Shuffle => "Shuffle".into(),
        Of::Output => "Output".into(),
    }
}

/// The number below a heading's title.
pub fn number(run: &RunModel, counts: &[StageCount], head: Of) -> Figure {
    let stages = run.stages();
    match (head, &run.started) {
        (Of::Input(stage), Some(started)) => {
            let splits = stages.get(stage).map(|stage| stage.first as usize..(stage.first + stage.tasks) as usize);
            let splits = splits.and_then(|splits| started.splits.get(splits)).unwrap_or_default();
            bytes(splits.iter().map(|split| split.0).sum())
        }
        (Of::Stage(stage), Some(_)) => {
            let StageCount { done, tasks, .. } = counts.get(stage).copied().unwrap_or_default();
            let exact = format!("{done} of {tasks} tasks done");
            let value = if is_one_map_reduce(stages) { format!("{done} of {tasks}") } else { format!("{done}/{tasks}") };
            Figure { value, unit: "", exact }
        }
        (Of::Shuffle, Some(_)) => count(run.counters.combine_output_records),
        (Of::Output, Some(_)) => count(run.counters.output_records),
        (_, None) => Figure::unknown(),
    }
}

/// How far the job is, in a line; in a longer chain also what it is at.
pub fn summary(run: &RunModel) -> String {
    if run.started.is_none() {
        return String::new();
    }
    let counts = run.stage_counts();
    let done = run.maps.iter().chain(&run.reduces).filter(|task| task.state == TaskState::Done).count();
    let mut parts = vec![format!("{done} of {}", of((run.maps.len() + run.reduces.len()) as u64, "task", "tasks"))];
    let running: Vec<String> = running(&counts).map(|stage| stage_name(run.stages(), stage)).collect();
    if !running.is_empty() && !is_one_map_reduce(run.stages()) {
        parts.push(format!("now {}", and(&running)));
    }
    if run.tally.tasks_repeated > 0 {
        parts.push(format!("{} repeated", run.tally.tasks_repeated));
    }
    if run.tally.backup_tasks > 0 {
        parts.push(of(u64::from(run.tally.backup_tasks), "backup", "backups"));
    }
    if run.tally.workers_lost > 0 {
        parts.push(of(u64::from(run.tally.workers_lost), "worker lost", "workers lost"));
    }
    parts.join(" · ")
}

/// The graph for those who do not see it: stage after stage, what it gathers from and how far it is.
pub fn told(run: &RunModel) -> String {
    let stages = run.stages();
    let mut told = format!("The job as a graph: {}.", summary(run));
    for (stage, StageCount { tasks, running, done }) in run.stage_counts().into_iter().enumerate() {
        let from: Vec<String> = sources(stages, stage).map(|source| stage_name(stages, source)).collect();
        let from = if from.is_empty() { String::new() } else { format!(", from {}", and(&from)) };
        let running = if running > 0 { format!(", {running} running") } else { String::new() };
        let tasks = of(tasks as u64, "task", "tasks");
        told.push_str(&format!(" {}{from}: {done} of {tasks} done{running}.", stage_title(stages, stage)));
    }
    told
}

/// The stages that something works on.
pub fn running(counts: &[StageCount]) -> impl Iterator<Item = usize> {
    counts.iter().enumerate().filter(|(_, count)| count.running > 0).map(|(stage, _)| stage)
}

/// What the note over a cell says.
pub fn describe(run: &RunModel, phase: Phase, tasks: Range<usize>) -> Option<Vec<String>> {
    if tasks.len() == 1 { describe_one(run, phase, tasks.start as u32) } else { describe_several(run, phase, tasks) }
}

fn describe_several(run: &RunModel, phase: Phase, tasks: Range<usize>) -> Option<Vec<String>> {
    let models = run.tasks(phase).get(tasks.clone())?;
    let states = [TaskState::Done, TaskState::Running, TaskState::Requeued, TaskState::Failed, TaskState::Waiting];
    let counts = states.into_iter().filter_map(|state| {
        let count = models.iter().filter(|task| task.state == state).count();
        (count > 0).then(|| format!("{count} {}", state_name(state)))
    });
    let heading = tasks_name(run.stages(), phase, tasks.start as u32..tasks.end as u32);
    Some(std::iter::once(heading).chain(counts).collect())
}

fn describe_one(run: &RunModel, phase: Phase, task: u32) -> Option<Vec<String>> {
    let (model, stages) = (run.task(phase, task)?, run.stages());
    let mut lines = vec![format!("{}: {}", task_name(stages, phase, task), state_name(model.state))];
    if let (Phase::Map, Some(split)) = (phase, run.started.as_ref().and_then(|started| started.splits.get(task as usize))) {
        let size = bytes(split.0);
        lines.push(format!("split {task}, {} {}", size.value, size.unit));
    }
    if let Some((stage, _)) = stage_of(stages, phase, task).filter(|_| phase == Phase::Reduce && !is_one_map_reduce(stages)) {
        let from: Vec<String> = sources(stages, stage).map(|source| stage_name(stages, source)).collect();
        lines.push(format!("gathers from {}", and(&from)));
    }
    for attempt in run.attempts_of(phase, task) {
        let end = attempt.end.unwrap_or(run.now);
        let length = duration_ms(end.since(attempt.start).0 as f64 / 1e3);
        let backup = if attempt.backup { " (backup)" } else { "" };
        lines.push(format!(
            "{} worker-{}{backup}, {} {}: {}",
            circled(attempt.number),
            attempt.worker,
            length.value,
            length.unit,
            ending(attempt.state)
        ));
    }
    if model.attempts.is_empty() {
        lines.push("Not given to a worker yet".into());
    }
    Some(lines)
}

/// What a node of the graph is, and how it stands, in a line.
pub fn name(run: &RunModel, what: Selected) -> String {
    match what {
        Selected::Task(phase, task) => {
            let lines = describe(run, phase, task as usize..task as usize + 1).unwrap_or_default();
            lines.into_iter().next().unwrap_or_default()
        }
        Selected::Shuffle(stage) => format!("The shuffle before {}", stage_name(run.stages(), stage as usize)),
        _ => String::new(),
    }
}

/// How an attempt stands, in words.
pub fn ending(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Running => "running",
        AttemptState::Done => "done",
        AttemptState::Killed => "its worker was lost while it ran",
        AttemptState::Lost => "done, but its output was lost with its worker",
        AttemptState::Superseded => "another execution was accepted first",
        AttemptState::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::model::story::{attempt, run, stage};

    fn join_and_reduce_twice() -> RunModel {
        let stages = vec![
            stage("map", Phase::Map, 0, 2, &[]),
            stage("map", Phase::Map, 2, 1, &[]),
            stage("join", Phase::Reduce, 0, 2, &[0, 1]),
            stage("reduce", Phase::Reduce, 2, 2, &[2]),
            stage("reduce", Phase::Reduce, 4, 1, &[3]),
        ];
        let maps = (0..3).map(|task| attempt(task, Phase::Map, task, AttemptState::Done));
        let others = [(0, AttemptState::Done), (1, AttemptState::Running), (3, AttemptState::Running)];
        let others = others.iter().enumerate().map(|(at, (task, state))| attempt(3 + at as u32, Phase::Reduce, *task, *state));
        run(stages, maps.chain(others).collect(), &["reduce-3 is slow: worker-2 runs it too."])
    }

    #[test]
    fn a_chain_is_told_stage_after_stage() {
        let run = join_and_reduce_twice();
        assert_eq!(
            told(&run),
            "The job as a graph: 4 of 8 tasks · now join and reduce 1. Map 1: 2 of 2 tasks done. Map 2: 1 of 1 task done. \
             Join, from map 1 and map 2: 1 of 2 tasks done, 1 running. Reduce 1, from join: 0 of 2 tasks done, 1 running. \
             Reduce 2, from reduce 1: 0 of 1 task done."
        );
        let counts = run.stage_counts();
        let numbers: Vec<String> = (0..5).map(|stage| number(&run, &counts, Of::Stage(stage)).value).collect();
        assert_eq!(numbers, ["2/2", "1/1", "1/2", "0/2", "0/1"]);
        assert_eq!(number(&run, &counts, Of::Input(1)).exact, "1,000 bytes");
    }

    #[test]
    fn notes_and_news_name_tasks_by_what_they_do() {
        let run = join_and_reduce_twice();
        let lines = describe(&run, Phase::Reduce, 3..4).expect("the task is there");
        assert_eq!(lines, ["reduce 1 · task 1: running", "gathers from join", "① worker-1, 2 ms: running"]);
        let lines = describe(&run, Phase::Map, 2..3).expect("the task is there");
        assert_eq!(lines, ["map-2: done", "split 2, 1.00 kB", "① worker-1, 1 ms: done"]);
        let lines = describe(&run, Phase::Reduce, 0..2).expect("the tasks are there");
        assert_eq!(lines, ["join-0 to join-1", "1 done", "1 running"]);
        assert_eq!(run.news[0].text, "reduce 1 · task 1 is slow: worker-2 runs it too.");
    }

    #[test]
    fn one_map_reduce_is_told_as_ever() {
        let stages = vec![stage("map", Phase::Map, 0, 2, &[]), stage("reduce", Phase::Reduce, 0, 2, &[0])];
        let run = run(stages, vec![attempt(0, Phase::Map, 0, AttemptState::Running)], &[]);
        assert_eq!(summary(&run), "0 of 4 tasks");
        let counts = run.stage_counts();
        assert_eq!(number(&run, &counts, Of::Stage(0)).value, "0 of 2");
        assert_eq!(number(&run, &counts, Of::Stage(0)).exact, "0 of 2 tasks done");
        let lines = describe(&run, Phase::Reduce, 1..2).expect("the task is there");
        assert_eq!(lines, ["reduce-1: waiting", "Not given to a worker yet"]);
    }
}

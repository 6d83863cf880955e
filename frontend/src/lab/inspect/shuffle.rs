//! A shuffle as a matrix: how many bytes each task before it gave to each partition behind it. A partition that gets more than its
//! share makes its task the one that the others wait for.

use std::ops::Range;

use shared::wire::{Phase, StageView};

use super::told::{button, head, kind_of, sized};
use crate::components::html::escape;
use crate::lab::format::{bytes, grouped, of};
use crate::lab::graph::columns::sources;
use crate::lab::model::RunModel;
use crate::lab::names::{and, stage_name, task_name, tasks_name};

/// Lines and columns of the table at most; of a larger shuffle several tasks share one.
const LINES_MAX: usize = 48;
const COLUMNS_MAX: usize = 12;
/// Columns up to which a cell has its number in it, and not its colour alone.
const NUMBERED_MAX: usize = 3;

/// What the stages of a sort are called that do not shuffle by a key.
const CHOOSE: &str = "choose ranges";
const SPLIT: &str = "split by range";

/// The bytes of a shuffle, of as many tasks as have given theirs.
struct Matrix {
    /// Of each source's tasks: the phase and the number of each, and what it gave to each partition.
    rows: Vec<(Phase, u32, Vec<u64>)>,
    tasks: usize,
    partitions: Vec<u64>,
}

impl Matrix {
    fn of(run: &RunModel, to: &StageView, from: impl Iterator<Item = usize>) -> Matrix {
        let mut matrix = Matrix { rows: Vec::new(), tasks: 0, partitions: vec![0; to.tasks as usize] };
        for stage in from.filter_map(|stage| run.stages().get(stage)) {
            matrix.tasks += stage.tasks as usize;
            for task in stage.first..stage.first + stage.tasks {
                // Each execution makes the same; the latest one that is known stands for the task.
                let made = run.attempts_of(stage.phase, task).filter(|attempt| !attempt.sizes.is_empty()).last();
                let Some(made) = made else { continue };
                let made: Vec<u64> = made.sizes.iter().map(|size| size.0).collect();
                let Some(sizes) = given(&made, (stage, task - stage.first), to) else { continue };
                matrix.partitions.iter_mut().zip(&sizes).for_each(|(sum, size)| *sum += size);
                matrix.rows.push((stage.phase, task, sizes));
            }
        }
        matrix
    }

    fn total(&self) -> u64 {
        self.partitions.iter().sum()
    }

    /// How uneven it is, in a sentence.
    fn told(&self, stages: &[StageView], first: u32) -> String {
        let (total, count) = (self.total(), self.partitions.len() as u64);
        let given = format!(
            "{} of {} have given {} to {}.",
            self.rows.len(),
            of(self.tasks as u64, "task", "tasks"),
            sized(total),
            of(count, "partition", "partitions")
        );
        let largest = self.partitions.iter().enumerate().max_by_key(|(place, size)| (**size, std::cmp::Reverse(*place)));
        match largest {
            Some((place, size)) if total > 0 && count > 1 => {
                let share = *size as f64 / total as f64;
                let times = share * count as f64;
                let name = escape(&task_name(stages, Phase::Reduce, first + place as u32));
                let even = if times < 1.05 { " It is even." } else { "" };
                format!("{given} Most of it, {:.0} %, is for {name}: {:.2} times the mean.{even}", share * 100.0, times)
            }
            _ => given,
        }
    }
}

/// What one task gives to each task of the stage `to`, of the payloads that it made. None where the two do not go together.
fn given(made: &[u64], (from, place): (&StageView, u32), to: &StageView) -> Option<Vec<u64>> {
    let tasks = to.tasks as usize;
    match (to.what.as_str(), made) {
        // A sort's ranges are made of samples: the first payload of each task.
        (CHOOSE, [sample, ..]) => Some(vec![*sample; tasks]),
        // Every task is given the ranges, and the rows of one task before it: its second payload.
        (SPLIT, [ranges, ..]) if from.what == CHOOSE => Some(vec![*ranges; tasks]),
        (SPLIT, [_, rows]) => Some((0..to.tasks).map(|task| if task == place { *rows } else { 0 }).collect()),
        _ => Some(made.to_vec()).filter(|made| made.len() == tasks),
    }
}

/// What the stage at `to` gathers.
pub fn told(run: &RunModel, to: u32) -> String {
    let stages = run.stages();
    let Some(stage) = stages.get(to as usize) else { return String::new() };
    let from: Vec<String> = sources(stages, to as usize).map(|source| stage_name(stages, source)).collect();
    let title = format!("{} to {}", and(&from), stage_name(stages, to as usize));
    let head = head(&title, "idle", "shuffle");
    let matrix = Matrix::of(run, stage, sources(stages, to as usize));
    if matrix.rows.is_empty() {
        let sentence = if run.report().is_some() && matrix.tasks > 0 {
            "This job has so many tasks that its shuffles are not told byte by byte."
        } else {
            "No task has given anything yet: what each gives to each partition will be here."
        };
        return format!("{head}<p class=\"hint\">{sentence}</p>");
    }
    format!("{head}<p>{}</p>{}", matrix.told(stages, stage.first), table(run, stage, &matrix))
}

fn table(run: &RunModel, to: &StageView, matrix: &Matrix) -> String {
    let stages = run.stages();
    let columns = groups(matrix.partitions.len(), COLUMNS_MAX);
    let lines = groups(matrix.rows.len(), LINES_MAX);
    let numbered = columns.len() <= NUMBERED_MAX;
    let sum = |line: &Range<usize>, column: &Range<usize>| -> u64 {
        matrix.rows[line.clone()].iter().flat_map(|(_, _, sizes)| &sizes[column.clone()]).sum()
    };
    let most =
        lines.iter().flat_map(|line| columns.iter().map(move |column| sum(line, column))).max().unwrap_or_default().max(1);
    let partition =
        |column: &Range<usize>| tasks_name(stages, Phase::Reduce, to.first + column.start as u32..to.first + column.end as u32);
    let heads = columns.iter().map(|column| {
        let place = u64::from(to.first) + column.start as u64;
        format!(
            "<th scope=\"col\" title=\"{}\">{}</th>",
            escape(&partition(column)),
            button("reduce", place, &column.start.to_string())
        )
    });
    let heads: String = heads.collect();
    let line = |line: &Range<usize>| {
        let (phase, task, _) = matrix.rows[line.start];
        let name = task_name(stages, phase, task);
        let more = if line.len() > 1 { format!(" +{}", line.len() - 1) } else { String::new() };
        let cells = columns.iter().map(|column| {
            let size = sum(line, column);
            let figure = bytes(size);
            let class = if numbered { "num" } else { "num unseen" };
            format!(
                "<td style=\"--share:{:.2}\" title=\"{} to {}: {}\"><span class=\"{class}\">{} {}</span></td>",
                size as f64 / most as f64,
                escape(&name),
                escape(&partition(column)),
                figure.exact,
                figure.value,
                figure.unit
            )
        });
        let cells: String = cells.collect();
        format!("<tr><th scope=\"row\">{}{more}</th>{cells}</tr>", button(kind_of(phase), task.into(), &name))
    };
    let lines: String = lines.iter().map(line).collect();
    let total = matrix.total().max(1);
    let sums = columns.iter().map(|column| {
        let size: u64 = matrix.partitions[column.clone()].iter().sum();
        format!("<td class=\"num\" title=\"{} bytes\">{:.0} %</td>", grouped(size), 100.0 * size as f64 / total as f64)
    });
    let sums: String = sums.collect();
    format!(
        "<div class=\"matrix\" tabindex=\"0\" role=\"region\" aria-label=\"The shuffle, task by partition\"><table data-testid=\"matrix\"><thead><tr>\
         <th scope=\"col\"><span class=\"hint\">partition</span></th>{heads}</tr></thead><tbody>{lines}</tbody><tfoot><tr>\
         <th scope=\"row\">Share</th>{sums}</tr></tfoot></table></div>"
    )
}

/// So many things in at most so many groups of neighbours.
fn groups(count: usize, most: usize) -> Vec<Range<usize>> {
    let size = count.div_ceil(most).max(1);
    (0..count.div_ceil(size)).map(|group| group * size..((group + 1) * size).min(count)).collect()
}

#[cfg(test)]
mod tests {
    use shared::wire::{AttemptState, AttemptView, Bytes};

    use super::*;
    use crate::lab::model::story;

    fn run(sizes: &[[u64; 2]], maps: u32) -> RunModel {
        let stages = vec![story::stage("map", Phase::Map, 0, maps, &[]), story::stage("reduce", Phase::Reduce, 0, 2, &[0])];
        let attempt = |(task, sizes): (usize, &[u64; 2])| AttemptView {
            sizes: sizes.iter().copied().map(Bytes).collect(),
            ..story::attempt(task as u32, Phase::Map, task as u32, AttemptState::Done)
        };
        story::run(stages, sizes.iter().enumerate().map(attempt).collect(), &[])
    }

    #[test]
    fn bytes_are_summed_by_partition_and_the_uneven_one_is_named() {
        let html = told(&run(&[[100, 300], [100, 500]], 3), 1);
        assert!(html.contains("2 of 3 tasks have given"), "{html}");
        assert!(html.contains("Most of it, 80 %, is for reduce-1: 1.60 times the mean."), "{html}");
        assert!(html.contains("title=\"map-1 to reduce-1: 500 bytes\"") && html.contains("--share:1.00"), "{html}");
        assert!(html.contains("title=\"200 bytes\">20 %") && html.contains("title=\"800 bytes\">80 %"), "{html}");
    }

    #[test]
    fn an_execution_that_is_repeated_counts_once() {
        let mut run = run(&[[100, 100]], 1);
        let again = AttemptView { index: 1, number: 2, ..run.attempts[0].clone() };
        run.attempts.push(again);
        run.maps[0].attempts.push(1);
        assert!(told(&run, 1).contains("title=\"100 bytes\">50 %"));
        assert!(told(&run, 1).contains("It is even."));
    }

    #[test]
    fn a_sort_gives_samples_then_ranges_and_each_task_its_own_rows() {
        let stages = vec![
            story::stage("reduce", Phase::Reduce, 0, 2, &[]),
            story::stage(CHOOSE, Phase::Reduce, 2, 1, &[0]),
            story::stage(SPLIT, Phase::Reduce, 3, 2, &[1, 0]),
        ];
        let attempt = |index: u32, sizes: &[u64]| AttemptView {
            sizes: sizes.iter().copied().map(Bytes).collect(),
            ..story::attempt(index, Phase::Reduce, index, AttemptState::Done)
        };
        let run = story::run(stages, vec![attempt(0, &[7, 100]), attempt(1, &[8, 200]), attempt(2, &[5])], &[]);
        let ranges = told(&run, 1);
        assert!(ranges.contains("2 of 2 tasks have given <span title=\"15 bytes\">"), "{ranges}");
        let rows = told(&run, 2);
        assert!(rows.contains("title=\"105 bytes\"") && rows.contains("title=\"205 bytes\""), "{rows}");
    }

    #[test]
    fn many_tasks_share_lines_and_nothing_is_lost() {
        let html = told(&run(&vec![[1, 2]; 100], 100), 1);
        assert_eq!(html.matches("<tr>").count(), 2 + 34, "a head, a foot, and three tasks a line");
        assert!(html.contains("title=\"100 bytes\">33 %") && html.contains("title=\"200 bytes\">67 %"), "{html}");
        assert!(groups(0, 4).is_empty());
        assert_eq!(groups(5, 4), [0..2, 2..4, 4..5]);
    }

    #[test]
    fn before_anything_is_given_it_says_what_will_be_there() {
        assert!(told(&run(&[], 2), 1).contains("No task has given anything yet"));
    }
}

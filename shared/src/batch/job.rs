//! A plan over an input: which tasks there are, and what each needs.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::{Emit, Gather};
use super::{Plan, Split, splits};
use crate::id::TaskId;

/// A job as its workers know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub plan: Arc<Plan>,
    /// The files or texts that the run's bytes are made of, one after the other.
    pub parts: Vec<Part>,
    /// What the map tasks read, in the order of the inputs. A split never reaches into another part.
    pub splits: Vec<Split>,
    /// The input's length in bytes when the job was submitted.
    pub input_bytes: u64,
    /// The tasks of each of the plan's stages, map tasks or reduce tasks.
    stages: Vec<Range<u32>>,
}

/// A stretch of the run's bytes that is one file or one text: records do not reach over its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which of the plan's inputs it belongs to.
    pub input: u32,
    pub start: u64,
    pub end: u64,
}

/// A payload that a task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub task: TaskId,
    pub partition: u32,
}

impl Job {
    /// The job of a plan whose parts are cut into splits of `split_bytes`. The parts are in the order of the plan's inputs, each of
    /// which has one at least. `cuts` are where micro-batches of the first input begin, the first of which begins where the input
    /// does; none: there is one batch.
    pub fn new(plan: Arc<Plan>, parts: Vec<Part>, split_bytes: u64, cuts: &[u64]) -> Job {
        let plan = if cuts.len() > 1 { Arc::new(plan.in_batches(cuts.len())) } else { plan };
        let (mut all, mut stages, mut next): (Vec<Split>, Vec<Range<u32>>, u32) = (Vec::new(), Vec::new(), 0);
        for stage in &plan.stages {
            let count = match &stage.gather {
                Gather::Read(input) => {
                    let first = all.len() as u32;
                    let batch = stage.batch as usize;
                    let (whole, within) = match (*input, cuts) {
                        (0, [_, _, ..]) => (false, cuts[batch]..cuts.get(batch + 1).copied().unwrap_or(u64::MAX)),
                        _ => (true, 0..u64::MAX),
                    };
                    for part in parts.iter().filter(|part| part.input as usize == *input) {
                        let (start, end) = (part.start.max(within.start), part.end.min(within.end));
                        // An empty input has a split too; the rest of a part that is another micro-batch's has none.
                        if start < end || (whole && start == end) {
                            let cut = splits(end - start, split_bytes).into_iter();
                            all.extend(cut.map(|split| Split { start: start + split.start, end: start + split.end }));
                        }
                    }
                    stages.push(first..all.len() as u32);
                    continue;
                }
                Gather::Reduce { .. } | Gather::Join { .. } => plan.partitions,
                Gather::Rows { of, .. } => match plan.stages[*of].emit {
                    Emit::Whole { .. } => 1,
                    _ => plan.partitions,
                },
                Gather::Samples { .. } => 1,
                Gather::Sampled { of, .. } => stages[*of].len() as u32,
            };
            stages.push(next..next + count);
            next += count;
        }
        let input_bytes = parts.iter().map(|part| part.end - part.start).sum();
        Job { plan, parts, splits: all, input_bytes, stages }
    }

    /// A job over one text or file of this length.
    pub fn over(plan: Arc<Plan>, bytes: u64, split_bytes: u64) -> Job {
        let parts = vec![Part { input: 0, start: 0, end: bytes }];
        Job::new(plan, parts, split_bytes, &[])
    }

    pub fn maps(&self) -> usize {
        self.splits.len()
    }

    /// How many tasks there are behind shuffles, in all stages.
    pub fn reduces(&self) -> usize {
        let shuffled = self.stages.iter().enumerate().filter(|(stage, _)| !self.reads(*stage));
        shuffled.map(|(_, tasks)| tasks.len()).sum()
    }

    /// The tasks of a stage, in their order.
    pub fn tasks(&self, stage: usize) -> impl ExactSizeIterator<Item = TaskId> + use<> {
        let reads = self.reads(stage);
        self.stages[stage].clone().map(move |number| if reads { TaskId::Map(number) } else { TaskId::Reduce(number) })
    }

    /// The tasks whose rows are the result's partitions, in order.
    pub fn last_tasks(&self) -> impl Iterator<Item = TaskId> {
        (0..self.stages.len()).filter(|stage| self.plan.is_last(*stage)).flat_map(|stage| self.tasks(stage))
    }

    /// Whether a task's rows are the result's.
    pub fn is_last(&self, task: TaskId) -> bool {
        self.stage(task).is_some_and(|(stage, _)| self.plan.is_last(stage))
    }

    /// The stage of a task, and which of the stage's tasks it is; `None` for a task that the job does not have.
    pub fn stage(&self, task: TaskId) -> Option<(usize, u32)> {
        let (reads, number) = match task {
            TaskId::Map(number) => (true, number),
            TaskId::Reduce(number) => (false, number),
        };
        let stage =
            (0..self.stages.len()).find(|stage| self.reads(*stage) == reads && self.stages[*stage].contains(&number))?;
        Some((stage, number - self.stages[stage].start))
    }

    /// The payloads that a task's kernel is given, in this order. Nothing for a task that reads the input.
    pub fn needs(&self, task: TaskId) -> Vec<Need> {
        let Some((stage, index)) = self.stage(task) else { return Vec::new() };
        let all = |of: usize, partition: u32| self.tasks(of).map(move |task| Need { task, partition });
        match &self.plan.stages[stage].gather {
            Gather::Read(_) => Vec::new(),
            Gather::Reduce { of, .. } | Gather::Rows { of, .. } => all(*of, index).collect(),
            Gather::Join { left, right, .. } => all(*left, index).chain(all(*right, index)).collect(),
            Gather::Samples { of, .. } => all(*of, 0).collect(),
            Gather::Sampled { of, ranges } => {
                let own = self.tasks(*of).nth(index as usize).map(|task| Need { task, partition: 1 });
                all(*ranges, 0).chain(own).collect()
            }
        }
    }

    /// The part that a map task's split is of.
    pub fn part(&self, split: Split) -> Part {
        let holds = |part: &&Part| part.start <= split.start && split.end <= part.end;
        self.parts.iter().find(holds).copied().unwrap_or(Part { input: 0, start: split.start, end: split.end })
    }

    /// The partition of all rows of a split, when rows stay in the input's order: the splits that begin in its share of its input.
    pub(super) fn partition_of_split(&self, split: Split) -> usize {
        let input = self.part(split).input;
        let parts = || self.parts.iter().filter(|part| part.input == input);
        let start = parts().map(|part| part.start).min().unwrap_or_default();
        let end = parts().map(|part| part.end).max().unwrap_or_default();
        let partitions = self.plan.partitions.max(1);
        let share = u128::from(split.start - start) * u128::from(partitions) / u128::from((end - start).max(1));
        (share as usize).min(partitions as usize - 1)
    }

    fn reads(&self, stage: usize) -> bool {
        matches!(self.plan.stages[stage].gather, Gather::Read(_))
    }
}

//! A task that collects its inputs: which outputs of other tasks it has, where the others are said to be, what to ask next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::batch::Need;
use crate::batch::message::OutputPlace;
use crate::batch::payload::Payload;
use crate::batch::timing::{FETCH_TRIES, FETCHES_OPEN};
use crate::chunks::Chunks;
use crate::id::{Attempt, TaskId};
use crate::time::{Span, Time};

/// What the worker is to do for it next.
pub(super) enum Action {
    /// Ask the worker there for this partition.
    Fetch(OutputPlace, u32),
    /// Tell the coordinator that it is not there.
    Complain(OutputPlace),
}

#[derive(Clone, Debug)]
pub(super) struct Fetching {
    task: TaskId,
    attempt: Attempt,
    needs: Arc<Vec<Need>>,
    /// Which inputs are of a task's output.
    of_tasks: Arc<BTreeMap<TaskId, Vec<u32>>>,
    inputs: Chunks<Input>,
    missing: usize,
    /// How many inputs are `Unknown`, and which ones are `Known`, `Asked` and `Gone`: nobody looks at thousands of inputs to
    /// find the few that there is something to do for.
    unknown: usize,
    known: BTreeSet<u32>,
    asked: BTreeSet<u32>,
    gone: BTreeSet<u32>,
}

#[derive(Clone, Debug)]
enum Input {
    /// The task that makes it is not done, as far as is known here.
    Unknown,
    Known(OutputPlace),
    Asked {
        place: OutputPlace,
        at: Time,
        tries: u32,
    },
    /// It was not there; the coordinator is told until it names another place.
    Gone {
        place: OutputPlace,
        told: Option<Time>,
    },
    Here(Payload),
}

impl Fetching {
    /// The task needs these payloads, in this order.
    pub(super) fn new(task: TaskId, attempt: Attempt, needs: Vec<Need>) -> Fetching {
        let mut of_tasks: BTreeMap<TaskId, Vec<u32>> = BTreeMap::new();
        for (index, need) in needs.iter().enumerate() {
            of_tasks.entry(need.task).or_default().push(index as u32);
        }
        let inputs = Chunks::filled(Input::Unknown, needs.len());
        let (needs, of_tasks) = (Arc::new(needs), Arc::new(of_tasks));
        let (missing, unknown) = (needs.len(), needs.len());
        let (known, asked, gone) = Default::default();
        Fetching { task, attempt, needs, of_tasks, inputs, missing, unknown, known, asked, gone }
    }

    pub(super) fn task(&self) -> TaskId {
        self.task
    }

    pub(super) fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// How many inputs are here or have a place that is believed.
    pub(super) fn known(&self) -> u32 {
        (self.inputs.len() - self.unknown - self.gone.len()) as u32
    }

    /// A task's output is (now) there. News about what is already here, or already asked there, changes nothing.
    pub(super) fn learn(&mut self, place: OutputPlace) {
        for index in self.of_tasks.get(&place.task).cloned().unwrap_or_default() {
            match &self.inputs[index as usize] {
                Input::Here(_) => {}
                Input::Known(old) | Input::Asked { place: old, .. } | Input::Gone { place: old, .. } if *old == place => {}
                _ => self.change(index, Input::Known(place)),
            }
        }
    }

    /// An answer of the place that held this attempt's output: a partition of it, or `None` if it is not there. Rows are the same
    /// whichever attempt made them; a `None` from a place already given up says nothing.
    pub(super) fn fetched(&mut self, task: TaskId, attempt: Attempt, partition: u32, rows: Option<Payload>) {
        for index in self.of_tasks.get(&task).cloned().unwrap_or_default() {
            if self.needs[index as usize].partition != partition {
                continue;
            }
            let place = match &self.inputs[index as usize] {
                Input::Here(_) | Input::Unknown => continue,
                Input::Known(place) | Input::Gone { place, .. } | Input::Asked { place, .. } => *place,
            };
            match &rows {
                Some(rows) => {
                    self.missing -= 1;
                    self.change(index, Input::Here(rows.clone()));
                }
                None if place.attempt == attempt => self.change(index, Input::Gone { place, told: None }),
                None => {}
            }
        }
    }

    /// The next thing to do at `now`, if there is one.
    pub(super) fn next(&mut self, now: Time, retry: Span) -> Option<Action> {
        let untold = |input: &Input| match input {
            Input::Gone { place, told } if told.is_none_or(|told| now >= told + retry) => Some(*place),
            _ => None,
        };
        let found = self.gone.iter().find_map(|index| untold(&self.inputs[*index as usize]).map(|place| (*index, place)));
        if let Some((index, place)) = found {
            self.change(index, Input::Gone { place, told: Some(now) });
            return Some(Action::Complain(place));
        }
        let unanswered = |input: &Input| match input {
            Input::Asked { place, at, tries } if now >= *at + retry => Some((*place, *tries)),
            _ => None,
        };
        let found = self.asked.iter().find_map(|index| unanswered(&self.inputs[*index as usize]).map(|it| (*index, it)));
        if let Some((index, (place, tries))) = found {
            if tries == FETCH_TRIES {
                self.change(index, Input::Gone { place, told: Some(now) });
                return Some(Action::Complain(place));
            }
            self.change(index, Input::Asked { place, at: now, tries: tries + 1 });
            return Some(Action::Fetch(place, self.needs[index as usize].partition));
        }
        let next = self.known.first().copied().filter(|_| self.asked.len() < FETCHES_OPEN)?;
        let Input::Known(place) = self.inputs[next as usize] else { unreachable!("only known inputs are in `known`") };
        self.change(next, Input::Asked { place, at: now, tries: 1 });
        Some(Action::Fetch(place, self.needs[next as usize].partition))
    }

    /// All inputs in the order in which they are needed, once each is here. Call it once.
    pub(super) fn inputs(&mut self) -> Option<Vec<Payload>> {
        if self.missing > 0 {
            return None;
        }
        let take = |input: &mut Input| match input {
            Input::Here(rows) => std::mem::take(rows),
            _ => unreachable!("no input is missing"),
        };
        Some(self.inputs.iter_mut().map(take).collect())
    }

    fn change(&mut self, index: u32, input: Input) {
        self.set_of(&input).map(|set| set.insert(index));
        let old = std::mem::replace(&mut self.inputs[index as usize], input);
        if std::mem::discriminant(&old) != std::mem::discriminant(&self.inputs[index as usize]) {
            self.set_of(&old).map(|set| set.remove(&index));
        }
        self.unknown -= usize::from(matches!(old, Input::Unknown));
    }

    fn set_of(&mut self, input: &Input) -> Option<&mut BTreeSet<u32>> {
        match input {
            Input::Known(_) => Some(&mut self.known),
            Input::Asked { .. } => Some(&mut self.asked),
            Input::Gone { .. } => Some(&mut self.gone),
            Input::Unknown | Input::Here(_) => None,
        }
    }
}

//! A reduce task that collects its inputs: which map outputs it has, where the others are said to be, what to ask next.

use std::collections::BTreeSet;

use crate::batch::message::MapPlace;
use crate::batch::payload::Payload;
use crate::batch::timing::{FETCH_TRIES, FETCHES_OPEN};
use crate::id::{Attempt, TaskId};
use crate::time::{Span, Time};

/// What the worker is to do for it next.
pub(super) enum Action {
    /// Ask the worker there for this task's partition.
    Fetch(MapPlace),
    /// Tell the coordinator that it is not there.
    Complain(MapPlace),
}

#[derive(Debug)]
pub(super) struct Fetching {
    partition: u32,
    attempt: Attempt,
    inputs: Vec<Input>,
    missing: usize,
    /// How many inputs are `Unknown`, and which ones are `Known`, `Asked` and `Gone`: nobody looks at thousands of inputs to
    /// find the few that there is something to do for.
    unknown: usize,
    known: BTreeSet<u32>,
    asked: BTreeSet<u32>,
    gone: BTreeSet<u32>,
}

#[derive(Debug)]
enum Input {
    /// The map task is not done, as far as is known here.
    Unknown,
    Known(MapPlace),
    Asked {
        place: MapPlace,
        at: Time,
        tries: u32,
    },
    /// It was not there; the coordinator is told until it names another place.
    Gone {
        place: MapPlace,
        told: Option<Time>,
    },
    Here(Payload),
}

impl Fetching {
    pub(super) fn new(partition: u32, attempt: Attempt, maps: usize) -> Fetching {
        let inputs = (0..maps).map(|_| Input::Unknown).collect();
        let (known, asked, gone) = Default::default();
        Fetching { partition, attempt, inputs, missing: maps, unknown: maps, known, asked, gone }
    }

    pub(super) fn task(&self) -> TaskId {
        TaskId::Reduce(self.partition)
    }

    pub(super) fn attempt(&self) -> Attempt {
        self.attempt
    }

    pub(super) fn partition(&self) -> u32 {
        self.partition
    }

    /// How many map outputs are here or have a place that is believed.
    pub(super) fn known(&self) -> u32 {
        (self.inputs.len() - self.unknown - self.gone.len()) as u32
    }

    /// A map output is (now) there. News about what is already here, or already asked there, changes nothing.
    pub(super) fn learn(&mut self, place: MapPlace) {
        match self.inputs.get(place.map as usize) {
            None | Some(Input::Here(_)) => {}
            Some(Input::Known(old) | Input::Asked { place: old, .. } | Input::Gone { place: old, .. }) if *old == place => {}
            Some(_) => self.change(place.map, Input::Known(place)),
        }
    }

    /// An answer of the place that held this attempt: the rows, or `None` if they are not there. Rows are the same whichever
    /// attempt made them; a `None` from a place already given up says nothing.
    pub(super) fn fetched(&mut self, map: u32, attempt: Attempt, rows: Option<Payload>) {
        let place = match self.inputs.get(map as usize) {
            None | Some(Input::Here(_) | Input::Unknown) => return,
            Some(Input::Known(place) | Input::Gone { place, .. } | Input::Asked { place, .. }) => *place,
        };
        match rows {
            Some(rows) => {
                self.missing -= 1;
                self.change(map, Input::Here(rows));
            }
            None if place.attempt == attempt => self.change(map, Input::Gone { place, told: None }),
            None => {}
        }
    }

    /// The next thing to do at `now`, if there is one.
    pub(super) fn next(&mut self, now: Time, retry: Span) -> Option<Action> {
        let untold = |input: &Input| match input {
            Input::Gone { place, told } if told.is_none_or(|told| now >= told + retry) => Some(*place),
            _ => None,
        };
        if let Some(place) = self.gone.iter().find_map(|map| untold(&self.inputs[*map as usize])) {
            self.change(place.map, Input::Gone { place, told: Some(now) });
            return Some(Action::Complain(place));
        }
        let unanswered = |input: &Input| match input {
            Input::Asked { place, at, tries } if now >= *at + retry => Some((*place, *tries)),
            _ => None,
        };
        if let Some((place, tries)) = self.asked.iter().find_map(|map| unanswered(&self.inputs[*map as usize])) {
            if tries == FETCH_TRIES {
                self.change(place.map, Input::Gone { place, told: Some(now) });
                return Some(Action::Complain(place));
            }
            self.change(place.map, Input::Asked { place, at: now, tries: tries + 1 });
            return Some(Action::Fetch(place));
        }
        let next = self.known.first().copied().filter(|_| self.asked.len() < FETCHES_OPEN)?;
        let Input::Known(place) = self.inputs[next as usize] else { unreachable!("only known inputs are in `known`") };
        self.change(next, Input::Asked { place, at: now, tries: 1 });
        Some(Action::Fetch(place))
    }

    /// All inputs in map task order, once each is here. Call it once.
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

    fn change(&mut self, map: u32, input: Input) {
        self.set_of(&input).map(|set| set.insert(map));
        let old = std::mem::replace(&mut self.inputs[map as usize], input);
        if std::mem::discriminant(&old) != std::mem::discriminant(&self.inputs[map as usize]) {
            self.set_of(&old).map(|set| set.remove(&map));
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

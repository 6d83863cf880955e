//! A reduce task that collects its inputs: which map outputs it has, where the others are said to be, what to ask next.

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
    open: usize,
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
        Fetching { partition, attempt, inputs, missing: maps, open: 0 }
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
        self.inputs.iter().filter(|input| !matches!(input, Input::Unknown | Input::Gone { .. })).count() as u32
    }

    /// A map output is (now) there. News about what is already here, or already asked there, changes nothing.
    pub(super) fn learn(&mut self, place: MapPlace) {
        let Some(input) = self.inputs.get_mut(place.map as usize) else { return };
        match input {
            Input::Here(_) => return,
            Input::Known(old) | Input::Asked { place: old, .. } | Input::Gone { place: old, .. } if *old == place => return,
            Input::Asked { .. } => self.open -= 1,
            Input::Unknown | Input::Known(_) | Input::Gone { .. } => {}
        }
        *input = Input::Known(place);
    }

    /// An answer of the place that held this attempt: the rows, or `None` if they are not there. Rows are the same whichever
    /// attempt made them; a `None` from a place already given up says nothing.
    pub(super) fn fetched(&mut self, map: u32, attempt: Attempt, rows: Option<Payload>) {
        let Some(input) = self.inputs.get_mut(map as usize) else { return };
        let place = match input {
            Input::Here(_) | Input::Unknown => return,
            Input::Known(place) | Input::Gone { place, .. } | Input::Asked { place, .. } => *place,
        };
        if rows.is_none() && place.attempt != attempt {
            return;
        }
        if matches!(input, Input::Asked { .. }) {
            self.open -= 1;
        }
        *input = match rows {
            Some(rows) => {
                self.missing -= 1;
                Input::Here(rows)
            }
            None => Input::Gone { place, told: None },
        };
    }

    /// The next thing to do at `now`, if there is one.
    pub(super) fn next(&mut self, now: Time, retry: Span) -> Option<Action> {
        if self.missing == 0 {
            return None;
        }
        for input in &mut self.inputs {
            match input {
                Input::Known(place) if self.open < FETCHES_OPEN => {
                    let place = *place;
                    self.open += 1;
                    *input = Input::Asked { place, at: now, tries: 1 };
                    return Some(Action::Fetch(place));
                }
                Input::Asked { place, at, tries } if now >= *at + retry => {
                    let place = *place;
                    if *tries == FETCH_TRIES {
                        self.open -= 1;
                        *input = Input::Gone { place, told: Some(now) };
                        return Some(Action::Complain(place));
                    }
                    (*at, *tries) = (now, *tries + 1);
                    return Some(Action::Fetch(place));
                }
                Input::Gone { place, told } if told.is_none_or(|told| now >= told + retry) => {
                    *told = Some(now);
                    return Some(Action::Complain(*place));
                }
                _ => {}
            }
        }
        None
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
}

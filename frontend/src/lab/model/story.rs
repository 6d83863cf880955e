//! Runs to tell views of, for their tests.

use shared::batch::Counters;
use shared::id::NodeId;
use shared::time::Time;
use shared::wire::{
    AttemptState, AttemptView, Bytes, Event, Frame, News, Phase, Place, StageView, Started, Tally, WorkerState, WorkerView,
};

use super::RunModel;

/// A stage of a plan.
pub fn stage(what: &str, phase: Phase, first: u32, tasks: u32, of: &[u32]) -> StageView {
    StageView { what: what.into(), phase, first, tasks, of: of.to_vec() }
}

/// A first execution, by worker-1.
pub fn attempt(index: u32, phase: Phase, task: u32, state: AttemptState) -> AttemptView {
    let end = (state != AttemptState::Running).then_some(Time(2_000));
    AttemptView {
        index,
        phase,
        task,
        number: 1,
        backup: false,
        worker: 1,
        incarnation: 1,
        start: Time(1_000),
        end,
        state,
        records: Bytes(0),
        bytes: Bytes(0),
        sizes: Vec::new(),
    }
}

/// A run of these stages whose attempts stand like this.
pub fn run(stages: Vec<StageView>, attempts: Vec<AttemptView>, news: &[&str]) -> RunModel {
    let mut run = RunModel::asked(1, Place::Browser);
    let tasks = |phase| stages.iter().filter(move |stage| stage.phase == phase).map(|stage| stage.tasks).sum::<u32>();
    let started = Started {
        run: 1,
        place: Place::Browser,
        title: String::new(),
        input: String::new(),
        input_bytes: 0,
        splits: vec![Bytes(1_000); tasks(Phase::Map) as usize],
        reduces: tasks(Phase::Reduce),
        stages,
        workers: 1,
        seed: 1,
        steps: Vec::new(),
        columns: Vec::new(),
        inputs: Vec::new(),
        faults: Vec::new(),
        bus: None,
    };
    run.apply(Event::Started(Box::new(started)), 0.0);
    let frame = Frame {
        run: 1,
        now: Time(3_000),
        whole: false,
        progress: 0.5,
        workers: vec![WorkerView { node: NodeId::Worker(1), incarnation: 1, state: WorkerState::Busy }],
        attempts,
        counters: Counters::default(),
        tally: Tally::default(),
        news: news.iter().map(|text| News { at: Time(0), text: (*text).into(), fault: None }).collect(),
        pace: None,
        bus: None,
    };
    run.apply(Event::Frame(Box::new(frame)), 0.0);
    run
}

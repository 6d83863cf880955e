//! A run as the page knows it: events go in, plain data comes out.
//!
//! No signal, element or clock in here, so that what the page shows can be tested by telling it a story. Frames may come sixty
//! times a second with hundreds of attempts; whatever a view would have to search for on every frame (the state of a task, what
//! a worker is doing) is kept up to date here, and the tasks that changed are listed for the view that draws them.

#[cfg(test)]
pub mod story;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use shared::batch::Counters;
use shared::experiment::Problem;
use shared::time::{Span, Time};
use shared::wire::{
    AttemptState, AttemptView, Event, Frame, Halt, Messages, News, Pace, Phase, Place, Report, Speed, StageView, Started,
    Tally, WorkerState, WorkerView,
};

use super::bus::BusModel;
use super::names::with_names;
use super::rate::Rate;

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stage {
    /// Nothing has run yet.
    #[default]
    Empty,
    /// The input travels to the server.
    Uploading {
        sent: f64,
        total: f64,
    },
    /// Asked for, not heard of yet.
    Starting,
    Running,
    Finished(Report),
    /// Ended without a result; a sentence, and where the experiment is wrong.
    Failed {
        message: String,
        problems: Vec<Problem>,
    },
}

/// What the cells of the graph tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskState {
    /// Not given out yet.
    #[default]
    Waiting,
    /// Back in the queue: its execution, or what it had made, was lost.
    Requeued,
    Running,
    Done,
    Failed,
}

/// A task, summed up from its executions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskModel {
    pub state: TaskState,
    /// Executions so far.
    pub attempts: Vec<u32>,
    /// How much of its split a running map task has read, 0 to 1.
    pub read: f64,
    /// Records of the execution that counts.
    pub records: u64,
}

/// How the tasks of a stage stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageCount {
    pub tasks: usize,
    pub running: usize,
    pub done: usize,
}

impl StageCount {
    pub fn is_done(self) -> bool {
        self.done == self.tasks
    }
}

/// A worker and what it is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerModel {
    pub view: WorkerView,
    /// The attempt that it works on, by index.
    pub current: Option<u32>,
    /// Input bytes that it has read in the run so far, over all its lives.
    pub bytes: u64,
    pub rate: Rate,
}

/// A run, from the click on Run to its report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunModel {
    /// Its number in its session; 0 before the first run.
    pub run: u32,
    pub place: Option<Place>,
    /// Under which id it is watched, if it is somebody else's.
    pub watch: Option<String>,
    pub stage: Stage,
    pub started: Option<Started>,
    /// The run's clock at the last frame.
    pub now: Time,
    /// How its virtual time goes, if it is simulated at a pace.
    pub pace: Option<Pace>,
    /// The page's clock at the last frame, milliseconds.
    pub heard_ms: f64,
    pub progress: f64,
    pub workers: Vec<WorkerModel>,
    pub attempts: Vec<AttemptView>,
    pub maps: Vec<TaskModel>,
    pub reduces: Vec<TaskModel>,
    pub counters: Counters,
    pub tally: Tally,
    pub news: Vec<News>,
    pub rate: Rate,
    /// Of an experiment with `messaging`.
    pub bus: Option<Box<BusModel>>,
    /// The stretch of time that a picture of the run shows, from 0.
    pub shown: Span,
    /// How often what was known of the run was replaced as a whole: pictures that grow with it begin anew.
    pub told_anew: u32,
    /// Where the flags of faults stand that are still to come: words in the picture leave them room.
    pub planned: Vec<Time>,
    /// What went from node to node in the stretch of time that somebody has asked for last.
    pub messages: Option<Box<Messages>>,
    changed: Vec<(Phase, u32)>,
    /// When the first of so many attempts begins and the last of them ends, by their places; without an end as long as one runs.
    reaches: Vec<(Time, Option<Time>)>,
    /// Which of its worker's executions each is, and how many each worker has had.
    ordinals: (Vec<u32>, Vec<u32>),
}

/// So many attempts have a common reach.
const REACH_OF: usize = 64;

/// How many times as long as it has taken so far a run is shown at once, at most: the beginning may be slower than the rest.
const GUESSED_MAX: f64 = 8.0;

/// The shortest stretch of time that is shown.
const SHOWN_MIN: Span = Span::millis(200);

impl RunModel {
    /// A run that has just been asked for.
    pub fn asked(run: u32, place: Place) -> RunModel {
        RunModel { run, place: Some(place), stage: Stage::Starting, ..RunModel::default() }
    }

    /// A run of somebody else's on the server that is to be watched.
    pub fn watched(run: u32, id: String) -> RunModel {
        RunModel { watch: Some(id), ..RunModel::asked(run, Place::Server) }
    }

    /// No run, after that one.
    pub fn none(last: u32) -> RunModel {
        RunModel { run: last, ..RunModel::default() }
    }

    /// It is somebody else's: nothing of it can be steered here.
    pub fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    pub fn is_active(&self) -> bool {
        matches!(self.stage, Stage::Uploading { .. } | Stage::Starting | Stage::Running)
    }

    /// Every task is done, and the result is being put together and compared with a sequential run.
    pub fn is_closing(&self) -> bool {
        matches!(self.stage, Stage::Running) && self.progress >= 1.0
    }

    /// The run has been at its end, and an earlier moment of it is looked at.
    pub fn is_rewound(&self) -> bool {
        self.can_be_sought() && self.end().is_some_and(|end| self.now < end)
    }

    /// Something can still happen at the moment that is looked at.
    pub fn is_live(&self) -> bool {
        self.is_rewound() || (self.is_active() && !self.is_closing())
    }

    /// Its virtual time stands still, because somebody wants that.
    pub fn is_paused(&self) -> bool {
        self.can_be_steered() && self.pace.as_ref().is_some_and(|pace| pace.paused)
    }

    /// Its virtual time can be paused, stepped and made faster or slower.
    pub fn can_be_steered(&self) -> bool {
        self.can_be_sought() && self.is_live()
    }

    /// Any of its moments can be gone to.
    pub fn can_be_sought(&self) -> bool {
        self.pace.is_some() && matches!(self.stage, Stage::Running | Stage::Finished(_))
    }

    /// The message that it stands before, if a breakpoint waits for that.
    pub fn halt(&self) -> Option<&Halt> {
        self.pace.as_ref().and_then(|pace| pace.halt.as_deref())
    }

    /// When it ends, if it has virtual time and has been there.
    pub fn end(&self) -> Option<Time> {
        self.pace.as_ref().and_then(|pace| pace.end)
    }

    pub fn report(&self) -> Option<&Report> {
        match &self.stage {
            Stage::Finished(report) => Some(report),
            _ => None,
        }
    }

    /// Takes in an event that was heard at `wall_ms` of the page's clock. Events of other runs change nothing, and neither do those
    /// of a run that the page has given up.
    pub fn apply(&mut self, event: Event, wall_ms: f64) {
        if matches!(self.stage, Stage::Failed { .. }) {
            return;
        }
        match event {
            Event::Started(started) if started.run == self.run => self.start(*started, wall_ms),
            Event::Frame(frame) if frame.run == self.run => self.frame(*frame, wall_ms),
            Event::Finished { run, report } if run == self.run => self.finish(report),
            Event::Failed { run, message, problems } if run == self.run => self.fail(message, problems),
            _ => {}
        }
    }

    /// Ends the run without a result; nothing of it goes on.
    pub fn fail(&mut self, message: String, problems: Vec<Problem>) {
        let message = with_names(self.stages(), &message);
        self.stage = Stage::Failed { message, problems };
        for worker in &mut self.workers {
            worker.current = None;
            if worker.view.state == WorkerState::Busy {
                worker.view.state = WorkerState::Idle;
            }
        }
        self.fit();
    }

    /// The run's time at a moment of the page's clock. Between frames real time goes on, and virtual time at its pace.
    pub fn elapsed_ms(&self, wall_ms: f64) -> f64 {
        if let Some(report) = self.report().filter(|_| !self.is_rewound()) {
            return report.virtual_ms.unwrap_or(report.wall_ms);
        }
        /// Frames of a paced run come more often; one that does not come has a run that stands still.
        const UNHEARD_MS_MAX: f64 = 150.0;
        let now_ms = self.now.0 as f64 / 1e3;
        match (&self.stage, self.place) {
            (_, Some(Place::Simulate)) if self.is_live() => match self.pace {
                Some(Pace { speed: Speed::Times(times), paused: false, .. }) => {
                    now_ms + (wall_ms - self.heard_ms).clamp(0.0, UNHEARD_MS_MAX) * times
                }
                _ => now_ms,
            },
            (Stage::Running, Some(Place::Browser | Place::Server)) => now_ms + (wall_ms - self.heard_ms).max(0.0),
            _ => now_ms,
        }
    }

    /// What is still to come at the pace so far, in milliseconds; unknown until a little of the work is done.
    pub fn remaining_ms(&self) -> Option<f64> {
        const PROGRESS_MIN: f64 = 0.02;
        if let Some(end) = self.end().filter(|_| self.is_rewound()) {
            return Some(end.since(self.now).0 as f64 / 1e3);
        }
        let known = matches!(self.stage, Stage::Running) && self.progress >= PROGRESS_MIN;
        known.then(|| self.now.0 as f64 / 1e3 * (1.0 - self.progress) / self.progress)
    }

    /// Input bytes a second: lately while it runs, on the whole when it has ended.
    pub fn bytes_per_second(&self) -> Option<f64> {
        match &self.stage {
            _ if self.is_live() => self.rate.per_second(),
            Stage::Finished(report) => {
                let ms = report.virtual_ms.unwrap_or(report.wall_ms);
                (ms > 0.0).then(|| report.counters.input_bytes as f64 * 1e3 / ms)
            }
            _ => None,
        }
    }

    /// The attempts that run now, each by the worker that works on it.
    pub fn running(&self) -> impl Iterator<Item = &AttemptView> {
        let current = self.workers.iter().filter_map(|worker| self.attempts.get(worker.current? as usize));
        current.filter(|attempt| attempt.state == AttemptState::Running)
    }

    /// The tasks that changed since the last call.
    pub fn take_changed(&mut self) -> Vec<(Phase, u32)> {
        std::mem::take(&mut self.changed)
    }

    pub fn task(&self, phase: Phase, task: u32) -> Option<&TaskModel> {
        self.tasks(phase).get(task as usize)
    }

    pub fn tasks(&self, phase: Phase) -> &[TaskModel] {
        match phase {
            Phase::Map => &self.maps,
            Phase::Reduce => &self.reduces,
        }
    }

    /// What the run's tasks are of; nothing before it has begun.
    pub fn stages(&self) -> &[StageView] {
        self.started.as_ref().map_or(&[], |started| &started.stages)
    }

    /// How each stage stands, in their order.
    pub fn stage_counts(&self) -> Vec<StageCount> {
        let count = |stage: &StageView| {
            let (first, tasks) = (stage.first as usize, stage.tasks as usize);
            let all = self.tasks(stage.phase).get(first..first + tasks).unwrap_or_default();
            let with = |state| all.iter().filter(|task| task.state == state).count();
            StageCount { tasks, running: with(TaskState::Running), done: with(TaskState::Done) }
        };
        self.stages().iter().map(count).collect()
    }

    /// The attempts that can be seen in this stretch of time, and a few beside it, in their order. However many there are, those that lie
    /// elsewhere are not looked at.
    pub fn attempts_within(&self, from: Time, to: Time) -> impl Iterator<Item = &AttemptView> {
        let touches = move |(start, end): &(Time, Option<Time>)| *start <= to && end.is_none_or(|end| end >= from);
        let near = self.reaches.iter().enumerate().filter(move |(_, reach)| touches(reach));
        near.flat_map(|(place, _)| self.attempts.iter().skip(place * REACH_OF).take(REACH_OF))
    }

    /// Which of its worker's executions this is, from 0.
    pub fn ordinal(&self, attempt: &AttemptView) -> u32 {
        self.ordinals.0.get(attempt.index as usize).copied().unwrap_or_default()
    }

    /// The attempts of a task, oldest first.
    pub fn attempts_of(&self, phase: Phase, task: u32) -> impl Iterator<Item = &AttemptView> {
        let indices = self.task(phase, task).map_or(&[][..], |task| &task.attempts);
        indices.iter().filter_map(|index| self.attempts.get(*index as usize))
    }

    fn start(&mut self, started: Started, wall_ms: f64) {
        self.maps = vec![TaskModel::default(); started.splits.len()];
        self.reduces = vec![TaskModel::default(); started.reduces as usize];
        self.bus = started.bus.as_deref().map(|view| Box::new(BusModel::new(view.clone())));
        self.started = Some(started);
        self.stage = Stage::Running;
        self.heard_ms = wall_ms;
        self.fit();
    }

    fn frame(&mut self, frame: Frame, wall_ms: f64) {
        if frame.whole {
            self.forget();
        }
        // Somebody changed what happened: the result was another history's.
        let unended = frame.pace.as_ref().is_some_and(|pace| pace.end.is_none());
        if unended && matches!(self.stage, Stage::Finished(_)) {
            self.stage = Stage::Running;
        }
        self.now = frame.now;
        self.heard_ms = wall_ms;
        self.pace = frame.pace;
        self.progress = frame.progress.clamp(0.0, 1.0);
        self.counters = frame.counters;
        self.tally = frame.tally;
        let stages = self.started.as_ref().map_or(&[][..], |started| &started.stages);
        self.news.extend(frame.news.into_iter().map(|news| News { text: with_names(stages, &news.text), ..news }));
        self.take_workers(frame.workers);
        let mut touched = BTreeSet::new();
        for attempt in frame.attempts {
            touched.insert(attempt.index as usize / REACH_OF);
            self.take_attempt(attempt);
        }
        touched.into_iter().for_each(|place| self.reckon_reach(place));
        self.rate.sample(frame.now, frame.counters.input_bytes);
        if let (Some(bus), Some(told)) = (&mut self.bus, frame.bus) {
            bus.take(frame.now, *told);
        }
        for worker in &mut self.workers {
            worker.rate.sample(frame.now, worker.bytes);
        }
        self.fit();
    }

    /// What is known of the run's course is of another moment.
    fn forget(&mut self) {
        self.maps.fill(TaskModel::default());
        self.reduces.fill(TaskModel::default());
        let tasks = |phase, count: usize| (0..count as u32).map(move |task| (phase, task));
        self.changed = tasks(Phase::Map, self.maps.len()).chain(tasks(Phase::Reduce, self.reduces.len())).collect();
        (self.workers, self.attempts, self.reaches, self.ordinals, self.news) = Default::default();
        self.rate = Rate::default();
        self.bus = self.bus.take().map(|bus| Box::new(BusModel::new(bus.view)));
        self.told_anew += 1;
    }

    /// What is shown holds what is known. It grows in steps, so that bars do not creep, and is the whole run once that has ended.
    fn fit(&mut self) {
        let ended = match (self.end(), &self.stage) {
            (Some(end), _) => Some(end),
            (None, Stage::Finished(_) | Stage::Failed { .. }) => {
                self.attempts.iter().filter_map(|attempt| attempt.end).max().or(Some(self.now))
            }
            _ => None,
        };
        if let Some(bus) = &self.bus {
            self.shown = bus.view.span;
            return;
        }
        let reached = self.pace.as_ref().map_or(self.now, |pace| pace.reached.max(self.now));
        let needed = Span(ended.unwrap_or(reached).0).max(if ended.is_some() { Span::millis(1) } else { SHOWN_MIN });
        self.shown = match ended {
            Some(_) => needed,
            None if self.shown >= needed => self.shown,
            None => needed.scaled(1.5).max(self.guessed(reached).min(needed.scaled(GUESSED_MAX))),
        };
    }

    /// How long the run may take altogether, by what is done so far; nothing as long as that is too little to tell.
    fn guessed(&self, reached: Time) -> Span {
        const TELLS: f64 = 0.02;
        let share = self.progress;
        if share < TELLS { Span::ZERO } else { Span(reached.0).scaled(1.1 / share) }
    }

    fn finish(&mut self, report: Report) {
        if self.is_rewound() {
            self.stage = Stage::Finished(report);
            return;
        }
        self.progress = 1.0;
        self.counters = report.counters;
        self.tally = report.tally;
        self.stage = Stage::Finished(report);
        for worker in &mut self.workers {
            worker.current = None;
            if worker.view.state == WorkerState::Busy {
                worker.view.state = WorkerState::Idle;
            }
        }
        self.fit();
    }

    fn take_workers(&mut self, views: Vec<WorkerView>) {
        for (index, view) in views.into_iter().enumerate() {
            match self.workers.get_mut(index) {
                Some(worker) => worker.view = view,
                None => self.workers.push(WorkerModel { view, current: None, bytes: 0, rate: Rate::default() }),
            }
        }
    }

    fn take_attempt(&mut self, attempt: AttemptView) {
        let index = attempt.index as usize;
        let earlier_bytes = self.attempts.get(index).map_or(0, |known| known.bytes.0);
        if let Some(worker) = (attempt.worker as usize).checked_sub(1).and_then(|number| self.workers.get_mut(number)) {
            if attempt.phase == Phase::Map {
                worker.bytes += attempt.bytes.0.saturating_sub(earlier_bytes);
            }
            if attempt.state == AttemptState::Running {
                worker.current = Some(attempt.index);
            } else if worker.current == Some(attempt.index) {
                worker.current = None;
            }
        }
        let (phase, task) = (attempt.phase, attempt.task);
        if index < self.attempts.len() {
            self.attempts[index] = attempt;
        } else if index == self.attempts.len() {
            let (all, had) = &mut self.ordinals;
            let worker = attempt.worker as usize;
            had.resize(had.len().max(worker + 1), 0);
            all.push(had[worker]);
            had[worker] += 1;
            self.attempts.push(attempt);
            let tasks = if phase == Phase::Map { &mut self.maps } else { &mut self.reduces };
            if let Some(known) = tasks.get_mut(task as usize) {
                known.attempts.push(index as u32);
            }
        }
        self.sum_up(phase, task);
    }

    fn reckon_reach(&mut self, place: usize) {
        let some = self.attempts.iter().skip(place * REACH_OF).take(REACH_OF);
        let Some(start) = some.clone().map(|attempt| attempt.start).min() else { return };
        let end = some.map(|attempt| attempt.end).try_fold(start, |latest, end| Some(latest.max(end?)));
        self.reaches.resize(self.reaches.len().max(place + 1), (start, end));
        self.reaches[place] = (start, end);
    }

    fn sum_up(&mut self, phase: Phase, task: u32) {
        let split = match (phase, &self.started) {
            (Phase::Map, Some(started)) => started.splits.get(task as usize).map_or(0, |bytes| bytes.0),
            _ => 0,
        };
        let mut sum = TaskModel::default();
        for attempt in self.attempts_of(phase, task) {
            let (state, read) = match attempt.state {
                AttemptState::Done => (TaskState::Done, 1.0),
                AttemptState::Running => (TaskState::Running, attempt.bytes.0 as f64 / (split.max(1)) as f64),
                AttemptState::Killed | AttemptState::Lost => (TaskState::Requeued, 0.0),
                AttemptState::Failed => (TaskState::Failed, 0.0),
                AttemptState::Superseded => continue,
            };
            if rank(state) >= rank(sum.state) {
                sum.state = state;
                sum.records = attempt.records.0;
                sum.read = if state == TaskState::Running { sum.read.max(read.min(1.0)) } else { read };
            }
        }
        let tasks = if phase == Phase::Map { &mut self.maps } else { &mut self.reduces };
        if let Some(known) = tasks.get_mut(task as usize) {
            sum.attempts = std::mem::take(&mut known.attempts);
            *known = sum;
            self.changed.push((phase, task));
        }
    }
}

/// Which of its executions tells a task's state: one that counts before one that runs before one that is gone.
fn rank(state: TaskState) -> u8 {
    match state {
        TaskState::Waiting => 0,
        TaskState::Requeued => 1,
        TaskState::Failed => 2,
        TaskState::Running => 3,
        TaskState::Done => 4,
    }
}

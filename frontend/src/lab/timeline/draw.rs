//! The timeline's picture on two canvases over each other: what has ended is painted once, what still moves is painted anew each
//! time. So a frame costs what is running, however much has been done.
//!
//! What a bar tells without its colour: a map task's is solid, that of a task behind a shuffle a frame with a light inside; one that
//! came to nothing is thin and, where there is room or its worker died in it, ends with a cross; a repeated one carries its number and
//! a line below.

use shared::time::Time;
use shared::wire::{AttemptState, AttemptView, Phase, WorkerState};
use web_sys::HtmlCanvasElement;

use super::scale::{AXIS_PX, FLAGS_PX, Part, Scale};
use crate::components::palette::Palette;
use crate::components::pen::{CHARACTER_PX, Ink, Pen};
use crate::lab::bus::{BusModel, lanes};
use crate::lab::format::circled;
use crate::lab::inspect::Selected;
use crate::lab::model::RunModel;
use crate::lab::names::task_mark;

/// Least width of a bar, so that even the shortest attempt is seen. Pixels.
const BAR_PX_MIN: f64 = 1.5;
/// Least width of a bar with a name in it. Pixels.
const NAME_PX_MIN: f64 = 30.0;
/// Least height of a lane with names in its bars, and from one lane's own name to the next. Pixels.
const NAMED_LANE_PX_MIN: f64 = 13.0;
/// Least width of a bar that was done and lost later and ends with a cross. Pixels.
const CROSSED_PX_MIN: f64 = NAME_PX_MIN;
/// Bars that add less than this to what is painted in their lane are left out. Pixels.
const STEP_PX_MIN: f64 = 0.5;
/// Greatest width of a bar that has no gap before the next. Pixels.
const HEAPED_PX_MAX: f64 = 4.0;

/// The picture of what has ended.
pub struct Settled<P = Pen> {
    pen: P,
    scale: Scale,
    /// The run's number, and how often it was told anew.
    run: (u32, u32),
    palette: Palette,
    /// The state in which each attempt is painted; `None`: not yet.
    painted: Vec<Option<AttemptState>>,
    lanes: Vec<Lane>,
}

/// What a lane's last bars hide or are hidden by.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    /// How far plain bars reach, and of which phase the last one is. Pixels.
    reach: f64,
    phase: Option<Phase>,
    /// Where the last cross is. Pixels.
    cross: Option<f64>,
    /// From where to where plain bars reach that are too narrow to be told apart, and are painted as one. Pixels.
    heap: Option<(f64, f64)>,
}

impl Settled {
    /// Takes in what has ended since the last time, or begins anew: for another run or theme, at another scale, or when something
    /// painted has changed after its end.
    pub fn paint(
        before: Option<Settled>,
        canvas: &HtmlCanvasElement,
        scale: Scale,
        run: &RunModel,
        palette: &Palette,
    ) -> Option<Settled> {
        let fits = |settled: &Settled| {
            let seen = run.attempts_within(scale.from, scale.to);
            settled.scale == scale
                && settled.run == (run.run, run.told_anew)
                && settled.palette == *palette
                && seen
                    .filter_map(|attempt| Some(settled.painted.get(attempt.index as usize).copied()?? == attempt.state))
                    .all(|same| same)
        };
        match before.filter(fits) {
            Some(mut settled) => {
                settled.catch_up(run);
                Some(settled)
            }
            None => Settled::anew(canvas, scale, run, palette),
        }
    }

    fn anew(canvas: &HtmlCanvasElement, scale: Scale, run: &RunModel, palette: &Palette) -> Option<Settled> {
        Some(Settled::with(Pen::on(canvas, (scale.width, scale.height))?, scale, run, palette))
    }
}

impl<P: Ink> Settled<P> {
    fn with(pen: P, scale: Scale, run: &RunModel, palette: &Palette) -> Settled<P> {
        let lanes = vec![Lane::default(); scale.lanes];
        let mut settled =
            Settled { pen, scale, run: (run.run, run.told_anew), palette: palette.clone(), painted: Vec::new(), lanes };
        settled.rules();
        axis(&mut settled.pen, scale, &settled.palette);
        settled.catch_up(run);
        settled
    }

    fn catch_up(&mut self, run: &RunModel) {
        self.painted.resize(run.attempts.len(), None);
        let mut gone = Vec::new();
        for attempt in run.attempts_within(self.scale.from, self.scale.to) {
            let index = attempt.index as usize;
            // When a run ends without a result, some attempts never end.
            let moves = attempt.state == AttemptState::Running && run.is_live();
            if moves || self.painted[index].is_some() {
                continue;
            }
            self.painted[index] = Some(attempt.state);
            self.add(run, attempt, attempt.end.unwrap_or(run.now));
            if is_crossed(self.scale, attempt) {
                gone.push(attempt);
            }
        }
        (1..=self.lanes.len() as u32).for_each(|worker| self.put_down(worker));
        // Over the bars, or the next bar would hide the end of the one before.
        for attempt in gone {
            let end = attempt.end.unwrap_or(attempt.start);
            if !self.scale.shows(end) {
                continue;
            }
            let x = self.scale.x(end);
            cross(&mut self.pen, self.scale, attempt.worker, x, &self.palette);
            if let Some(lane) = lane(&mut self.lanes, attempt) {
                lane.cross = Some(lane.cross.map_or(x, |cross| cross.max(x)));
            }
        }
    }

    fn add(&mut self, run: &RunModel, attempt: &AttemptView, end: Time) {
        let scale = self.scale;
        if !scale.sees(attempt.start, end) {
            return;
        }
        let (left, right) = scale.reach(attempt.start, end.max(attempt.start));
        let right = right.max(left + BAR_PX_MIN);
        let plain = attempt.state == AttemptState::Done && attempt.number == 1;
        let Some(lane) = lane(&mut self.lanes, attempt) else { return };
        if plain && lane.phase == Some(attempt.phase) && right < lane.reach + STEP_PX_MIN {
            return;
        }
        if plain {
            (lane.reach, lane.phase) = (lane.reach.max(right), Some(attempt.phase));
        }
        if plain && attempt.phase == Phase::Map && right - left <= HEAPED_PX_MAX {
            match &mut lane.heap {
                Some((_, reach)) if left <= *reach + STEP_PX_MIN => *reach = reach.max(right),
                _ => {
                    self.put_down(attempt.worker);
                    self.lanes[attempt.worker as usize - 1].heap = Some((left, right));
                }
            }
            return;
        }
        let hidden = lane.cross.filter(|cross| (left - cross).abs() < scale.lane_height());
        self.put_down(attempt.worker);
        bar(&mut self.pen, scale, run, attempt, end, &self.palette);
        if let Some(x) = hidden {
            cross(&mut self.pen, scale, attempt.worker, x, &self.palette);
        }
    }

    /// Paints the narrow bars of a lane that are not painted yet.
    fn put_down(&mut self, worker: u32) {
        let Some((left, right)) = self.lanes[worker as usize - 1].heap.take() else { return };
        let (top, thick) = band(self.scale, worker, false, Part::Whole);
        self.pen.fill_with(&self.palette.done, 1.0);
        self.pen.rect(left, top, right - left, thick);
        let (cross_at, near) = (self.lanes[worker as usize - 1].cross, self.scale.lane_height());
        if let Some(x) = cross_at.filter(|x| (left - near..right + near).contains(x)) {
            cross(&mut self.pen, self.scale, worker, x, &self.palette);
        }
    }

    /// Lines between the lanes.
    fn rules(&mut self) {
        let (scale, height) = (self.scale, self.scale.lane_height());
        self.pen.stroke_with(&self.palette.line);
        for worker in 1..=scale.lanes as u32 {
            let y = scale.lane_top(worker) + height - 0.5;
            self.pen.line(&[(scale.gutter(), y), (scale.width, y)]);
        }
    }
}

pub fn axis(pen: &mut impl Ink, scale: Scale, palette: &Palette) {
    pen.fill_with(&palette.quiet, 1.0);
    pen.stroke_with(&palette.line);
    for (at, word) in scale.ticks() {
        let x = scale.x(at).round() + 0.5;
        pen.line(&[(x, FLAGS_PX), (x, scale.height - AXIS_PX + 3.0)]);
        let y = scale.height - AXIS_PX / 2.0 + 1.0;
        if at == scale.from {
            pen.text(&word, x, y);
        } else if x + 20.0 < scale.width {
            pen.centred(&word, x, y);
        }
    }
}

/// Paints what moves: the bars of running attempts up to `now`, the lanes' names, frames around the bars of the selected task, the moment
/// itself.
pub fn moving(canvas: &HtmlCanvasElement, settled: &Settled, run: &RunModel, now: Time, selected: Option<Selected>) {
    let (scale, palette) = (settled.scale, &settled.palette);
    let Some(mut pen) = Pen::on(canvas, (scale.width, scale.height)) else { return };
    over(&mut pen, scale, &settled.lanes, run, now, palette);
    if let Some(Selected::Task(phase, task)) = selected {
        run.attempts_of(phase, task).for_each(|attempt| chosen(&mut pen, scale, run, attempt, now, palette));
    }
}

fn over(pen: &mut impl Ink, scale: Scale, lanes: &[Lane], run: &RunModel, now: Time, palette: &Palette) {
    names(pen, scale, run, palette);
    for attempt in run.running() {
        bar(pen, scale, run, attempt, now, palette);
        let start = scale.reach(attempt.start, now).0;
        let cross_at = lanes.get((attempt.worker as usize).saturating_sub(1)).and_then(|lane| lane.cross);
        if let Some(x) = cross_at.filter(|cross| (start - cross).abs() < scale.lane_height()) {
            cross(pen, scale, attempt.worker, x, palette);
        }
    }
    present(pen, scale, run, now, palette);
}

/// Draws all of it at once, and gives the pen back: a picture that leaves the page.
pub fn whole<P: Ink>(mut pen: P, scale: Scale, run: &RunModel, now: Time, palette: &Palette) -> P {
    if let Some(bus) = &run.bus {
        axis(&mut pen, scale, palette);
        lanes::paint(&mut pen, scale, bus, run, palette);
        present(&mut pen, scale, run, now, palette);
        return pen;
    }
    let Settled { mut pen, lanes, .. } = Settled::with(pen, scale, run, palette);
    over(&mut pen, scale, &lanes, run, now, palette);
    pen
}

/// A frame around a bar.
fn chosen(pen: &mut Pen, scale: Scale, run: &RunModel, attempt: &AttemptView, now: Time, palette: &Palette) {
    let end = attempt.end.unwrap_or(now);
    if !scale.sees(attempt.start, end) {
        return;
    }
    let (left, right) = scale.reach(attempt.start, end);
    pen.stroke_with(&palette.text);
    pen.width(2.0);
    let (top, thick) = scale.part_of(run, attempt, now).of_lane(scale, attempt.worker);
    pen.frame(left - 1.0, top + 1.0, (right - left).max(BAR_PX_MIN) + 1.0, thick - 2.0);
    pen.width(1.0);
}

/// Paints the faults and the moment that is looked at.
pub fn present(pen: &mut impl Ink, scale: Scale, run: &RunModel, now: Time, palette: &Palette) {
    flags(pen, scale, run, palette);
    if !scale.shows(now) {
        return;
    }
    if run.can_be_sought() {
        handle(pen, scale, now, palette);
    } else if run.is_active() {
        pen.stroke_with(&palette.quiet);
        pen.line(&[(scale.x(now), FLAGS_PX), (scale.x(now), scale.height - AXIS_PX)]);
    }
}

/// Paints the lanes of a bus, and the moment above them.
pub fn bus(
    [below, above]: [&HtmlCanvasElement; 2],
    scale: Scale,
    bus: &BusModel,
    run: &RunModel,
    now: Time,
    palette: &Palette,
) {
    let size = (scale.width, scale.height);
    if let Some(mut pen) = Pen::on(below, size) {
        axis(&mut pen, scale, palette);
        lanes::paint(&mut pen, scale, bus, run, palette);
    }
    if let Some(mut pen) = Pen::on(above, size) {
        present(&mut pen, scale, run, now, palette);
    }
}

/// The moment that is looked at, with something to take hold of.
fn handle(pen: &mut impl Ink, scale: Scale, now: Time, palette: &Palette) {
    let (x, foot) = (scale.x(now), scale.height - AXIS_PX);
    pen.stroke_with(&palette.accent);
    pen.width(1.5);
    pen.line(&[(x, FLAGS_PX), (x, foot)]);
    pen.width(1.0);
    pen.fill_with(&palette.accent, 1.0);
    pen.path(&[(x - 5.0, foot + 6.0), (x, foot), (x + 5.0, foot + 6.0)]);
    pen.fill();
}

/// Where something went wrong on purpose: a flag each, and what it was where there is room for the words.
fn flags(pen: &mut impl Ink, scale: Scale, run: &RunModel, palette: &Palette) {
    /// From the words of a flag to the next flag. Pixels.
    const APART_PX: f64 = 4.0;
    let all: Vec<(Time, &str)> = scale.flags(run).filter(|(at, _)| scale.shows(*at)).collect();
    let mut free = 0.0;
    for (place, (at, what)) in all.iter().enumerate() {
        let x = scale.x(*at).round() + 0.5;
        let others = all[place + 1..].iter().map(|(at, _)| *at).chain(run.planned.iter().copied());
        let next = others.map(|at| scale.x(at)).filter(|other| *other > x + 1.0).fold(scale.width, f64::min);
        pen.stroke_with(&palette.down);
        pen.dashed(true);
        pen.line(&[(x, 2.0), (x, scale.height - AXIS_PX)]);
        pen.dashed(false);
        pen.fill_with(&palette.down, 1.0);
        pen.path(&[(x, 1.0), (x + 7.0, 4.5), (x, 8.0)]);
        pen.fill();
        let (from, length) = (x + 10.0, what.chars().count() as f64 * CHARACTER_PX);
        if x >= free && from + length + APART_PX <= next {
            pen.text(what, from, 6.0);
            free = from + length + 6.0;
        }
    }
}

fn lane<'a>(lanes: &'a mut [Lane], attempt: &AttemptView) -> Option<&'a mut Lane> {
    lanes.get_mut((attempt.worker as usize).checked_sub(1)?)
}

fn names(pen: &mut impl Ink, scale: Scale, run: &RunModel, palette: &Palette) {
    let height = scale.lane_height();
    // Where lanes are many, every so many of them has its name.
    let every = (NAMED_LANE_PX_MIN / height.max(0.1)).ceil().max(1.0) as usize;
    for worker in (1..=scale.lanes as u32).step_by(every) {
        let down = run.workers.get(worker as usize - 1).is_some_and(|worker| worker.view.state == WorkerState::Down);
        pen.fill_with(if down { &palette.down } else { &palette.quiet }, 1.0);
        let name = scale.lane_name(&format!("worker-{worker}"));
        pen.text(&name, 2.0, scale.lane_top(worker) + height / 2.0);
    }
}

fn colour(palette: &Palette, state: AttemptState) -> &str {
    match state {
        AttemptState::Running => &palette.busy,
        AttemptState::Done => &palette.done,
        AttemptState::Killed | AttemptState::Lost | AttemptState::Failed => &palette.down,
        AttemptState::Superseded => &palette.dropped,
    }
}

fn bar(pen: &mut impl Ink, scale: Scale, run: &RunModel, attempt: &AttemptView, end: Time, palette: &Palette) {
    let height = scale.lane_height();
    if !scale.sees(attempt.start, end) {
        return;
    }
    let (left, right) = scale.reach(attempt.start, end.max(attempt.start));
    let width = (right - left).max(BAR_PX_MIN);
    let part = scale.part_of(run, attempt, end);
    let (top, thick) = band(scale, attempt.worker, is_gone(attempt), part);
    let colour = colour(palette, attempt.state);
    let gap = if width > HEAPED_PX_MAX { 1.0 } else { 0.0 };
    match attempt.phase {
        Phase::Map => {
            pen.fill_with(colour, if is_gone(attempt) { 0.5 } else { 1.0 });
            pen.rect(left, top, width - gap, thick);
        }
        Phase::Reduce => {
            pen.fill_with(colour, 0.28);
            pen.rect(left, top, width - gap, thick);
            pen.stroke_with(colour);
            pen.frame(left + 0.5, top + 0.5, (width - gap - 1.0).max(0.5), (thick - 1.0).max(0.5));
        }
    }
    if attempt.number > 1 {
        pen.fill_with(&palette.again, 1.0);
        pen.rect(left, top + thick - 2.0, width - gap, 2.0);
    }
    let named_height = if part == Part::Whole { height } else { height / 2.0 };
    if width >= NAME_PX_MIN && named_height >= NAMED_LANE_PX_MIN {
        let again = if attempt.number > 1 { circled(attempt.number) } else { String::new() };
        let label = format!("{}{again}", task_mark(run.stages(), attempt.phase, attempt.task));
        let room = room(scale, run, attempt, left).min(width);
        name(pen, &label, attempt, (left, top + thick / 2.0), room, palette);
    }
}

/// Top and height of a bar in its lane. Work that came to nothing steps back behind the work that counts.
fn band(scale: Scale, worker: u32, gone: bool, part: Part) -> (f64, f64) {
    let (top, height) = part.of_lane(scale, worker);
    let inset: f64 = match height {
        height if height < 10.0 => 0.5,
        _ if part == Part::Whole => 2.5,
        _ => 1.5,
    };
    let inset = if gone { inset.max(height * 0.3) } else { inset };
    (top + inset, (height - 2.0 * inset).max(1.0))
}

/// How far a bar is seen before another begins on top of it: executions are in the order in which they began. Pixels.
fn room(scale: Scale, run: &RunModel, attempt: &AttemptView, left: f64) -> f64 {
    /// No name is longer.
    const NAME_PX_MAX: f64 = 160.0;
    let near = run.attempts_within(scale.from, scale.moment(left + NAME_PX_MAX));
    let later = near.filter(|later| later.index > attempt.index && later.worker == attempt.worker);
    let over = later.filter(|later| scale.sees(later.start, later.end.unwrap_or(run.now)));
    over.map(|later| scale.reach(later.start, later.start).0 - left).fold(f64::INFINITY, f64::min)
}

/// The task's mark inside its bar, if it fits.
fn name(pen: &mut impl Ink, label: &str, attempt: &AttemptView, (left, middle): (f64, f64), width: f64, palette: &Palette) {
    if label.chars().count() as f64 * CHARACTER_PX + 8.0 <= width {
        let solid = attempt.phase == Phase::Map && !is_gone(attempt);
        pen.fill_with(if solid { &palette.ground } else { &palette.text }, 1.0);
        pen.text(label, left + 4.0, middle + 0.5);
    }
}

fn is_gone(attempt: &AttemptView) -> bool {
    matches!(attempt.state, AttemptState::Killed | AttemptState::Lost | AttemptState::Failed)
}

/// One that was done and lost later is one of many, and crosses over crosses say nothing.
fn is_crossed(scale: Scale, attempt: &AttemptView) -> bool {
    let width = attempt.end.map_or(0.0, |end| scale.x(end) - scale.x(attempt.start));
    is_gone(attempt) && (attempt.state != AttemptState::Lost || width >= CROSSED_PX_MIN)
}

/// At the end of an attempt that came to nothing.
fn cross(pen: &mut impl Ink, scale: Scale, worker: u32, x: f64, palette: &Palette) {
    let height = scale.lane_height();
    let y = scale.lane_top(worker) + height / 2.0;
    let reach = (height / 2.0 - 2.0).clamp(1.5, 4.5);
    // A rim in the ground's colour keeps the cross apart from the bar that it ends.
    for (colour, width) in [(&palette.ground, 4.0), (&palette.down, 1.75)] {
        pen.stroke_with(colour);
        pen.width(width);
        pen.line(&[(x - reach, y - reach), (x + reach, y + reach)]);
        pen.line(&[(x + reach, y - reach), (x - reach, y + reach)]);
    }
    pen.width(1.0);
}

//! The graph's cells on a canvas: thousands of tasks may change sixty times a second, so only the cells that did are painted again.
//!
//! Each state has a shape as well as a colour: waiting hollow, back in the queue dashed with a cross, running partly filled, done
//! filled with a tick, repeated with its number (a notched corner where there is no room for it).

use std::ops::Range;

use leptos::prelude::window;
use shared::wire::Phase;
use web_sys::HtmlCanvasElement;

use super::grid::Box;
use super::layout::{Layout, Placed, Role};
use crate::components::palette::Palette;
use crate::components::pen::{CHARACTER_PX, Ink, Pen};
use crate::lab::format::circled;
use crate::lab::model::{RunModel, TaskModel, TaskState};
use crate::lab::names::task_name_in_stage;

/// Least side of a cell with room for a tick or a cross. Pixels.
const SIGN_PX_MIN: f64 = 6.0;
/// Least side of a cell with room for a number. Pixels.
const NUMBER_PX_MIN: f64 = 11.0;
/// Least width of a cell with room for a name. Pixels.
const NAME_PX_MIN: f64 = 60.0;
/// Least width of a cell with room for a name, a number and a tick beside each other. Pixels.
const ALL_PX_MIN: f64 = 120.0;

/// What is painted in a cell; equal ones are not painted again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Face {
    state: TaskState,
    /// Executions of the task that had most.
    attempts: usize,
    /// Width of the filled part, in steps of half a pixel.
    fill: f64,
}

/// The drawn cells of a run.
pub struct Cells<P = Pen> {
    run: u32,
    pen: P,
    palette: Palette,
    placed: Vec<Placed>,
    /// What each of them shows, for each of `placed`.
    faces: Vec<Vec<Option<Face>>>,
}

impl Cells {
    /// Paints every task of the run; `None` where there is no canvas to be had.
    /// `scale`: by how much it is then drawn larger.
    pub fn draw(canvas: &HtmlCanvasElement, layout: &Layout, scale: f64, palette: Palette, run: &RunModel) -> Option<Cells> {
        let density = window().device_pixel_ratio() * scale.max(1.0);
        Some(Cells::with(Pen::at(canvas, layout.size, density)?, layout, palette, run))
    }
}

impl<P: Ink> Cells<P> {
    /// The same with any ink.
    pub fn with(pen: P, layout: &Layout, palette: Palette, run: &RunModel) -> Cells<P> {
        let placed = layout.cells.clone();
        let faces = placed.iter().map(|placed| vec![None; placed.grid.count]).collect();
        let mut cells = Cells { run: run.run, pen, palette, placed, faces };
        for index in 0..cells.placed.len() {
            (0..cells.placed[index].grid.count).for_each(|cell| cells.show(run, index, cell));
        }
        cells
    }

    /// The pen, when all is drawn.
    pub fn into_pen(self) -> P {
        self.pen
    }

    /// Paints the cells of tasks that changed, if what they show differs. Another run than the drawn one has a drawing of its own.
    pub fn update(&mut self, run: &RunModel, changed: &[(Phase, u32)]) {
        if run.run != self.run {
            return;
        }
        for index in 0..self.placed.len() {
            let placed = self.placed[index];
            let mine = changed.iter().filter(|(phase, _)| *phase == placed.phase);
            let mut cells: Vec<usize> = mine.filter_map(|(_, task)| placed.cell_of(*task as usize)).collect();
            cells.sort_unstable();
            cells.dedup();
            cells.into_iter().for_each(|cell| self.show(run, index, cell));
        }
    }

    /// The tasks under a point.
    pub fn tasks_at(&self, x: f64, y: f64) -> Option<(Phase, Range<usize>)> {
        self.placed.iter().find_map(|placed| placed.grid.at(x, y).map(|cell| (placed.phase, placed.tasks(cell))))
    }

    fn show(&mut self, run: &RunModel, index: usize, cell: usize) {
        let placed = self.placed[index];
        let (role, at) = (placed.role, placed.grid.cell(cell));
        let face = face(run, &placed, cell);
        let Some(known) = self.faces[index].get_mut(cell) else { return };
        if *known == Some(face) {
            return;
        }
        *known = Some(face);
        self.pen.clear(at.x - 0.5, at.y - 0.5, at.width + 1.0, at.height + 1.0);
        self.body(role, at, face);
        let has_name = placed.grid.is_list && matches!(role, Role::Map | Role::Reduce);
        if has_name && at.width >= NAME_PX_MIN && at.height >= NUMBER_PX_MIN {
            let task = placed.tasks(cell).start as u32;
            self.name(&task_name_in_stage(run.stages(), placed.phase, task), at, face);
        }
        let is_wide = at.width > 2.0 * at.height;
        let again = is_again(role, face);
        // Where there is little room the number takes the tick's place; the filling says done.
        if !(again && at.width < ALL_PX_MIN && at.height >= NUMBER_PX_MIN) {
            self.sign(role, at, face.state, is_wide);
        }
        if again {
            self.again(at, face.attempts as u32, is_wide);
        }
    }

    /// The box and how far it is filled.
    fn body(&mut self, role: Role, at: Box, face: Face) {
        let palette = &self.palette;
        let (ground, filling, rim) = match (role, face.state) {
            (Role::Split, state) => {
                let strength = if state == TaskState::Done { 0.34 } else { 0.55 };
                (Some((&palette.idle, 0.12)), (&palette.accent, strength), &palette.line)
            }
            (_, TaskState::Waiting) => (None, (&palette.busy, 0.0), &palette.idle),
            (_, TaskState::Requeued) => (None, (&palette.busy, 0.0), &palette.down),
            (_, TaskState::Failed) => (Some((&palette.down, 0.18)), (&palette.down, 0.0), &palette.down),
            (_, TaskState::Running) => (Some((&palette.busy, 0.12)), (&palette.busy, 0.6), &palette.busy),
            (_, TaskState::Done) if is_again(role, face) => (None, (&palette.done, 0.34), &palette.again),
            (_, TaskState::Done) => (None, (&palette.done, 0.34), &palette.done),
        };
        let radius = if at.height >= 12.0 { 3.0 } else { 0.0 };
        let area = |pen: &mut P, width: f64| {
            if radius > 0.0 {
                pen.round(at.x, at.y, width, at.height, radius);
                pen.fill();
            } else {
                pen.rect(at.x, at.y, width, at.height);
            }
        };
        if let Some((colour, alpha)) = ground {
            self.pen.fill_with(colour, alpha);
            area(&mut self.pen, at.width);
        }
        if face.fill > 0.0 {
            self.pen.fill_with(filling.0, filling.1);
            area(&mut self.pen, face.fill);
        }
        let dashed = face.state == TaskState::Requeued && at.height >= SIGN_PX_MIN;
        self.pen.stroke_with(rim);
        if dashed {
            self.pen.dashed(true);
        }
        let (width, height) = ((at.width - 1.0).max(0.5), (at.height - 1.0).max(0.5));
        if radius > 0.0 {
            self.pen.round(at.x + 0.5, at.y + 0.5, width, height, radius);
            self.pen.stroke();
        } else {
            self.pen.frame(at.x + 0.5, at.y + 0.5, width, height);
        }
        if dashed {
            self.pen.dashed(false);
        }
    }

    fn name(&mut self, name: &str, at: Box, face: Face) {
        // A tick, a cross or a number stands at the end.
        let taken = match face.state {
            TaskState::Waiting => 8.0,
            _ if face.attempts > 1 && at.width >= ALL_PX_MIN => 44.0,
            _ => 26.0,
        };
        if name.chars().count() as f64 * CHARACTER_PX + 6.0 + taken <= at.width {
            self.pen.fill_with(&self.palette.text, 1.0);
            self.pen.text(name, at.x + 6.0, at.y + at.height / 2.0 + 0.5);
        }
    }

    /// A tick or a cross, in the middle of a square cell or at the end of a wide one.
    fn sign(&mut self, role: Role, at: Box, state: TaskState, is_wide: bool) {
        let side = at.height.min(at.width);
        if side < SIGN_PX_MIN || role == Role::Split {
            return;
        }
        let reach = (side * 0.28).min(4.5);
        let across = if is_wide { at.width - at.height / 2.0 - 1.0 } else { at.width / 2.0 };
        let (x, y) = (at.x + across, at.y + at.height / 2.0);
        self.pen.width(1.6);
        match state {
            TaskState::Done => {
                self.pen.stroke_with(&self.palette.done);
                self.pen.line(&[(x - reach, y), (x - reach * 0.25, y + reach * 0.75), (x + reach, y - reach * 0.85)]);
            }
            TaskState::Requeued | TaskState::Failed => {
                self.pen.stroke_with(&self.palette.down);
                self.pen.line(&[(x - reach, y - reach), (x + reach, y + reach)]);
                self.pen.line(&[(x + reach, y - reach), (x - reach, y + reach)]);
            }
            TaskState::Waiting | TaskState::Running => {}
        }
        self.pen.width(1.0);
    }

    /// The number of a repeated execution.
    fn again(&mut self, at: Box, attempts: u32, is_wide: bool) {
        self.pen.fill_with(&self.palette.again, 1.0);
        if at.height < NUMBER_PX_MIN {
            self.pen.corner(at.x, at.y, (at.width.min(at.height) * 0.6).max(2.0));
            return;
        }
        let across = match is_wide {
            true if at.width >= ALL_PX_MIN => at.width - at.height - 6.0,
            true => at.width - at.height / 2.0 - 1.0,
            false => at.width / 2.0,
        };
        self.pen.centred(&circled(attempts), at.x + across, at.y + at.height / 2.0 + 0.5);
    }
}

fn is_again(role: Role, face: Face) -> bool {
    let counts = matches!(face.state, TaskState::Running | TaskState::Done) && matches!(role, Role::Map | Role::Reduce);
    counts && face.attempts > 1
}

/// What a cell shows: the state of its tasks that most needs to be seen, and how far they are together.
fn face(run: &RunModel, placed: &Placed, cell: usize) -> Face {
    let (role, tasks, width) = (placed.role, placed.tasks(cell), placed.grid.cell(cell).width);
    let all = run.tasks(placed.phase);
    let tasks = &all[tasks.start.min(all.len())..tasks.end.min(all.len())];
    let any = |state| tasks.iter().any(|task| task.state == state);
    let state = if any(TaskState::Failed) {
        TaskState::Failed
    } else if any(TaskState::Running) {
        TaskState::Running
    } else if any(TaskState::Requeued) {
        TaskState::Requeued
    } else if !tasks.is_empty() && tasks.iter().all(|task| task.state == TaskState::Done) {
        TaskState::Done
    } else {
        TaskState::Waiting
    };
    // A partition's output is there at once or not at all, and a split is never lost.
    let state = match (state, role) {
        (TaskState::Running | TaskState::Requeued, Role::Output) | (TaskState::Requeued, Role::Split) => TaskState::Waiting,
        (state, _) => state,
    };
    let part = |task: &TaskModel| match (task.state, role) {
        (TaskState::Done, _) => 1.0,
        (TaskState::Running, Role::Reduce) => 0.5,
        (TaskState::Running, Role::Split | Role::Map) => task.read,
        _ => 0.0,
    };
    let share = tasks.iter().map(part).sum::<f64>() / tasks.len().max(1) as f64;
    let attempts = tasks.iter().map(|task| task.attempts.len()).max().unwrap_or(0);
    Face { state, attempts, fill: (share * width * 2.0).round() / 2.0 }
}

pub fn state_name(state: TaskState) -> &'static str {
    match state {
        TaskState::Waiting => "waiting",
        TaskState::Requeued => "back in the queue",
        TaskState::Running => "running",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
    }
}

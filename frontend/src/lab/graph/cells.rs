//! The graph's cells, kept up by hand: up to seven hundred tasks change sixty times a second, so only those that did are touched.
//!
//! Each state has a shape as well as a colour: waiting hollow, back in the queue hollow with a cross, running partly filled, done
//! filled with a tick, repeated with its number (a notched corner where there is no room for it).

use std::fmt::Write as _;

use shared::wire::Phase;
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::layout::{Box, Grid};
use crate::lab::format::circled;
use crate::lab::model::{TaskModel, TaskState};

/// Least side of a cell with room for a tick or a cross. Pixels.
const SIGN_PX_MIN: f64 = 6.0;
/// Least side of a cell with room for a number. Pixels.
const NUMBER_PX_MIN: f64 = 11.0;

/// The elements of one cell that change.
struct Cell {
    group: Element,
    fill: Element,
    sign: Element,
    again: Element,
    at: Box,
    shown: Shown,
}

impl Cell {
    fn is_wide(&self) -> bool {
        self.at.width > 2.0 * self.at.height
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Shown {
    state: TaskState,
    attempts: u32,
    /// Width of the filled part. Pixels.
    fill: f64,
}

/// A drawn grid of tasks.
pub struct Cells(Vec<Cell>);

impl Cells {
    /// Draws `grid` into `group`. `role` is a class: `split`, `map`, `reduce` or `output`.
    pub fn draw(group: &Element, grid: &Grid, role: &str, phase: Phase) -> Cells {
        let kind = match phase {
            Phase::Map => "map",
            Phase::Reduce => "reduce",
        };
        let named = grid.is_list && (role == "map" || role == "reduce") && grid.cell(0).width >= 60.0 && grid.cell(0).height >= 11.0;
        let mut svg = String::with_capacity(grid.count * 260);
        for index in 0..grid.count {
            let at = grid.cell(index);
            let (width, height) = (at.width, at.height);
            let radius = if height >= 12.0 { 3.0 } else { 1.0 };
            let name = if named { format!("{kind}-{index}") } else { String::new() };
            let baseline = height / 2.0 + 4.0;
            // Writing to a string cannot fail.
            let _ = write!(
                svg,
                "<g class=\"cell {role} waiting\" data-task=\"{kind}-{index}\" transform=\"translate({:.2} {:.2})\">\
                 <rect class=\"box\" x=\"0.5\" y=\"0.5\" width=\"{:.2}\" height=\"{:.2}\" rx=\"{radius}\"/>\
                 <rect class=\"fill\" width=\"0\" height=\"{height:.2}\" rx=\"{radius}\"/>\
                 <text class=\"name\" x=\"6\" y=\"{baseline:.1}\">{name}</text><path class=\"sign\"/>{}</g>",
                at.x,
                at.y,
                (width - 1.0).max(0.5),
                (height - 1.0).max(0.5),
                again_element(at, grid.is_list),
            );
        }
        group.set_inner_html(&svg);
        let children = group.children();
        let cells = (0..grid.count).filter_map(|index| {
            let group = children.item(index as u32)?;
            let parts = group.children();
            let (fill, sign, again) = (parts.item(1)?, parts.item(3)?, parts.item(4)?);
            Some(Cell { group, fill, sign, again, at: grid.cell(index), shown: Shown::default() })
        });
        Cells(cells.collect())
    }

    /// Shows a task as it is now, if that differs from what is shown.
    pub fn show(&mut self, index: usize, task: &TaskModel, role: &str) {
        let Some(cell) = self.0.get_mut(index) else { return };
        // A partition's output is there at once or not at all, and a split is never lost.
        let state = match (task.state, role) {
            (TaskState::Running | TaskState::Requeued, "output") | (TaskState::Requeued, "split") => TaskState::Waiting,
            (state, _) => state,
        };
        let part = match (state, role) {
            (TaskState::Done, _) => 1.0,
            (TaskState::Running, "reduce") => 0.5,
            (TaskState::Running, _) => task.read,
            _ => 0.0,
        };
        let now = Shown { state, attempts: task.attempts.len() as u32, fill: (part * cell.at.width * 2.0).round() / 2.0 };
        if now == cell.shown {
            return;
        }
        if (now.state, now.attempts) != (cell.shown.state, cell.shown.attempts) {
            let counts = matches!(now.state, TaskState::Running | TaskState::Done) && role != "output" && role != "split";
            let again = if counts && now.attempts > 1 { " again" } else { "" };
            set(&cell.group, "class", &format!("cell {role} {}{again}", class(now.state)));
            // In a square the number takes the tick's place; the filling says done.
            let number_instead = !again.is_empty() && !cell.is_wide() && cell.at.height >= NUMBER_PX_MIN;
            set(&cell.sign, "d", &if number_instead { String::new() } else { sign(now.state, cell.at, role) });
            if cell.again.tag_name() == "text" && now.attempts > 1 {
                cell.again.set_text_content(Some(&circled(now.attempts)));
            }
        }
        if now.fill != cell.shown.fill {
            set(&cell.fill, "width", &format!("{}", now.fill));
        }
        cell.shown = now;
    }
}

/// The task under an event's target.
pub fn task_at(target: &Element) -> Option<(Phase, u32)> {
    let name = target.closest("[data-task]").ok().flatten()?.unchecked_into::<Element>().get_attribute("data-task")?;
    let (kind, index) = name.split_once('-')?;
    let phase = if kind == "map" { Phase::Map } else { Phase::Reduce };
    Some((phase, index.parse().ok()?))
}

pub fn class(state: TaskState) -> &'static str {
    match state {
        TaskState::Waiting => "waiting",
        TaskState::Requeued => "requeued",
        TaskState::Running => "running",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
    }
}

fn again_element(at: Box, is_list: bool) -> String {
    if at.height < NUMBER_PX_MIN {
        let side = (at.width.min(at.height) * 0.6).max(2.0);
        return format!("<path class=\"number\" d=\"M0 0h{side:.1}L0 {side:.1}z\"/>");
    }
    let (x, y) = if is_list { (at.width - 24.0, at.height / 2.0 + 4.5) } else { (at.width / 2.0, at.height / 2.0 + 4.5) };
    format!("<text class=\"number\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\"></text>")
}

/// A tick or a cross, in the middle of a square cell or at the end of a wide one.
fn sign(state: TaskState, at: Box, role: &str) -> String {
    let side = at.height.min(at.width);
    if side < SIGN_PX_MIN || role == "split" {
        return String::new();
    }
    let reach = (side * 0.28).min(4.5);
    let (x, y) = (if at.width > 2.0 * at.height { at.width - at.height / 2.0 - 1.0 } else { at.width / 2.0 }, at.height / 2.0);
    match state {
        TaskState::Done => format!("M{:.1} {:.1}l{:.1} {:.1}l{:.1} {:.1}", x - reach, y, reach * 0.75, reach * 0.75, reach * 1.25, -reach * 1.6),
        TaskState::Requeued | TaskState::Failed => {
            let (from, by) = (-reach, 2.0 * reach);
            format!("M{:.1} {:.1}l{by:.1} {by:.1}M{:.1} {:.1}l{:.1} {by:.1}", x + from, y + from, x - from, y + from, -by)
        }
        TaskState::Waiting | TaskState::Running => String::new(),
    }
}

fn set(element: &Element, name: &str, value: &str) {
    // Fails for names with spaces and the like only, and these are ours.
    let _ = element.set_attribute(name, value);
}

//! The lines between cells: one from each while they are few, a band for all where they are many.

use std::fmt::Write as _;

use super::grid::{Box, Grid};

/// Between a band and the cells at its ends. Pixels.
const GAP_PX: f64 = 3.0;

/// What runs along a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// From splits to map tasks.
    Read,
    /// From the tasks of a stage into a shuffle.
    Into,
    /// Out of a shuffle to the tasks behind it.
    OutOf,
    /// From the last stage's tasks to the output.
    Commit,
}

impl Flow {
    pub fn class(self) -> &'static str {
        match self {
            Flow::Read => "flow read",
            Flow::Into => "flow into",
            Flow::OutOf => "flow out-of",
            Flow::Commit => "flow commit",
        }
    }
}

/// All lines along which the same flows at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    pub flow: Flow,
    /// The stage whose rows they are.
    pub from: usize,
    /// The stage that gathers them; the same where no shuffle is between.
    pub to: usize,
    pub edges: Vec<Edge>,
}

/// A line, or many as a filled band.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub path: String,
    pub bundled: bool,
}

/// From each cell to its counterpart.
pub fn connect(from: &Grid, to: &Grid) -> Vec<Edge> {
    if !(from.is_list && to.is_list) {
        return vec![band(&[from.bounds(), to.bounds()])];
    }
    let edge = |index| {
        let (a, b) = (from.cell(index), to.cell(index));
        line((a.right(), a.middle()), (b.x, b.middle()))
    };
    (0..from.count.min(to.count)).map(edge).collect()
}

/// From each cell to its share of a shuffle's bar.
pub fn gather(from: &Grid, bar: Box) -> Vec<Edge> {
    if !from.is_list {
        return vec![band(&[from.bounds(), bar])];
    }
    let edge = |index| {
        let cell = from.cell(index);
        line((cell.right(), cell.middle()), (bar.x, share(bar, index, from.count)))
    };
    (0..from.count).map(edge).collect()
}

/// From a shuffle's bar to each cell.
pub fn spread(bar: Box, to: &Grid) -> Vec<Edge> {
    if !to.is_list {
        return vec![band(&[bar, to.bounds()])];
    }
    let edge = |index| {
        let cell = to.cell(index);
        line((bar.right(), share(bar, index, to.count)), (cell.x, cell.middle()))
    };
    (0..to.count).map(edge).collect()
}

/// From all of a grid past the columns between, through a strip in each, to a shuffle's bar.
pub fn pass(from: &Grid, strips: &[Box], bar: Box) -> Edge {
    let boxes: Vec<Box> = std::iter::once(from.bounds()).chain(strips.iter().copied()).chain([bar]).collect();
    band(&boxes)
}

/// Where on a bar the n-th of so many lines ends.
fn share(bar: Box, index: usize, count: usize) -> f64 {
    bar.y + bar.height * (index as f64 + 0.5) / count as f64
}

fn line((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> Edge {
    let half = (x0 + x1) / 2.0;
    let path = format!("M{x0:.1} {y0:.1}C{half:.1} {y0:.1} {half:.1} {y1:.1} {x1:.1} {y1:.1}");
    Edge { path, bundled: false }
}

/// A band from box to box: along their upper ends, and back along their lower ones.
fn band(boxes: &[Box]) -> Edge {
    let mut path = String::new();
    let mut at: Option<(f64, f64)> = None;
    let mut go = |x: f64, y: f64, curved: bool| {
        // Writing to a string cannot fail.
        let _ = match at.replace((x, y)) {
            None => write!(path, "M{x:.1} {y:.1}"),
            Some((x0, y0)) if curved => {
                let half = (x0 + x) / 2.0;
                write!(path, "C{half:.1} {y0:.1} {half:.1} {y:.1} {x:.1} {y:.1}")
            }
            Some(_) => write!(path, "L{x:.1} {y:.1}"),
        };
    };
    let last = boxes.len().saturating_sub(1);
    // It begins a little behind the first box and ends a little before the last; between them it runs through.
    let left = |index: usize| if index == last { boxes[index].x - GAP_PX } else { boxes[index].x };
    let right = |index: usize| if index == 0 { boxes[index].right() + GAP_PX } else { boxes[index].right() };
    for (index, stop) in boxes.iter().enumerate() {
        if index > 0 {
            go(left(index), stop.y, true);
        }
        if index < last {
            go(right(index), stop.y, false);
        }
    }
    for (index, stop) in boxes.iter().enumerate().rev() {
        if index < last {
            go(right(index), stop.bottom(), true);
        }
        if index > 0 {
            go(left(index), stop.bottom(), false);
        }
    }
    path.push('Z');
    Edge { path, bundled: true }
}

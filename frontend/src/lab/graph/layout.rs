//! Where everything in the job's graph lies: the input's splits, a column for each shuffle that the rows go through, the output's
//! partitions.
//!
//! A job of one MapReduce is five columns: splits, map tasks, the shuffle, reduce tasks, outputs. A longer one has a column for each
//! step of the way ([`columns`]), joined tables below one another, and a shuffle's bar before each stage that gathers.

use std::ops::Range;

use shared::wire::{Phase, StageView};

use super::columns::{Item, columns, sources};
use super::edges::{Bundle, Flow, connect, gather, pass, spread};
use super::grid::{Box, Grid};
use super::tracks::{HEAD_PX, ONE_LINE_STAGES_MIN, Track, Tracks};

/// Space below the cells. Pixels.
const FOOT_PX: f64 = 8.0;
/// Least height of a stage's cells. Pixels.
const CELLS_PX_MIN: f64 = 24.0;
/// Height of what passes a column, with the space around it. Pixels.
const PASS_PX: f64 = 16.0;
/// The same without. Pixels.
const STRIP_PX: f64 = 6.0;
/// Height of a heading in one line. Pixels.
const ONE_LINE_HEAD_PX: f64 = 18.0;
/// How much of the height of its cells a shuffle's bar takes.
const BAR_SHARE: f64 = 0.7;

/// What a cell stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Split,
    Map,
    /// A task behind a shuffle, whatever it does.
    Reduce,
    Output,
}

/// The cells of a stage's tasks, or of the splits before or the outputs behind them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    pub role: Role,
    pub stage: usize,
    /// What kind of tasks they are of, and the number of the first among those.
    pub phase: Phase,
    pub first: usize,
    pub grid: Grid,
}

impl Placed {
    /// The tasks that a cell stands for.
    pub fn tasks(&self, cell: usize) -> Range<usize> {
        let tasks = self.grid.tasks(cell);
        self.first + tasks.start..self.first + tasks.end
    }

    /// The cell that stands for a task, if it is one of these.
    pub fn cell_of(&self, task: usize) -> Option<usize> {
        let task = task.checked_sub(self.first)?;
        let cell = self.grid.cell_of(task);
        self.grid.tasks(cell).contains(&task).then_some(cell)
    }
}

/// The bar of the shuffle before a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The stages that it gathers from.
    pub from: Vec<usize>,
    pub to: usize,
    pub area: Box,
}

/// What a heading is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The input that a stage reads.
    Input(usize),
    Stage(usize),
    /// The only shuffle.
    Shuffle,
    Output,
}

/// A heading: a title and a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    pub of: Of,
    pub area: Box,
    /// The number is beside the title, not below it.
    pub in_one_line: bool,
}

/// The whole drawing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Its width and height: the panel's, or more where that is too small. Pixels.
    pub size: (f64, f64),
    pub cells: Vec<Placed>,
    pub bars: Vec<Bar>,
    pub bundles: Vec<Bundle>,
    pub heads: Vec<Head>,
}

impl Layout {
    pub fn new(width: f64, height: f64, stages: &[StageView]) -> Layout {
        let columns = columns(stages);
        let tracks = match stages {
            [] => return Layout { size: (width, height), ..Layout::default() },
            [map, _] if is_one_map_reduce(stages) => Tracks::of_one(width, map.tasks as usize),
            _ => Tracks::of_chain(width, stages, &columns),
        };
        let height = columns.iter().map(|items| height_min(items, tracks.top)).fold(height, f64::max);
        let slots = columns.iter().map(|items| slots(stages, items, tracks.top, height)).collect();
        let mut drawing = Drawing { stages, tracks, slots, layout: Layout { size: (0.0, height), ..Layout::default() } };
        drawing.layout.size.0 = drawing.tracks.width;
        drawing.place();
        drawing.wire();
        drawing.layout
    }

    /// The stage whose shuffle's bar is under a point.
    pub fn bar_at(&self, x: f64, y: f64) -> Option<usize> {
        /// A bar is narrow: so far beside it is still on it. Pixels.
        const BESIDE_PX: f64 = 6.0;
        let holds =
            |area: Box| (area.x - BESIDE_PX..=area.right() + BESIDE_PX).contains(&x) && (area.y..=area.bottom()).contains(&y);
        self.bars.iter().find(|bar| holds(bar.area)).map(|bar| bar.to)
    }

    /// Where the bar of the shuffle before a stage is.
    pub fn bar_of(&self, stage: usize) -> Option<Box> {
        self.bars.iter().find(|bar| bar.to == stage).map(|bar| bar.area)
    }

    /// Where a task is drawn.
    pub fn areas(&self, phase: Phase, task: u32) -> Vec<Box> {
        let of_phase = self.cells.iter().filter(|placed| placed.phase == phase);
        of_phase.filter_map(|placed| Some(placed.grid.cell(placed.cell_of(task as usize)?))).collect()
    }

    /// The cells of a stage's own tasks.
    pub fn tasks_of(&self, stage: usize) -> Option<&Grid> {
        let own = |placed: &&Placed| placed.stage == stage && matches!(placed.role, Role::Map | Role::Reduce);
        self.cells.iter().find(own).map(|placed| &placed.grid)
    }
}

/// Map tasks, one shuffle, and the tasks behind it.
pub fn is_one_map_reduce(stages: &[StageView]) -> bool {
    matches!(stages, [map, reduce] if map.phase == Phase::Map && reduce.phase == Phase::Reduce && reduce.of == [0])
}

/// The part of a column's height that a stage has, or what passes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slot {
    item: Item,
    /// Where a stage's heading is, if not in the rows above all cells.
    head: Option<f64>,
    in_one_line: bool,
    top: f64,
    height: f64,
}

/// A layout in the making.
struct Drawing<'a> {
    stages: &'a [StageView],
    tracks: Tracks,
    slots: Vec<Vec<Slot>>,
    layout: Layout,
}

impl Drawing<'_> {
    /// Cells and headings, from left to right and from top to bottom.
    fn place(&mut self) {
        let (stages, last) = (self.stages, self.stages.len() - 1);
        for (column, slots) in std::mem::take(&mut self.slots).into_iter().enumerate() {
            let track = self.tracks.columns[column];
            for slot in &slots {
                let Item::Stage(stage) = slot.item else { continue };
                let is_map = stages[stage].phase == Phase::Map;
                if let Some(splits) = self.tracks.splits.filter(|_| is_map) {
                    self.add(Role::Split, stage, splits, slot);
                    self.head(Of::Input(stage), splits, slot);
                }
                self.add(if is_map { Role::Map } else { Role::Reduce }, stage, track, slot);
                self.head(Of::Stage(stage), track, slot);
                if stage == last {
                    let outputs = self.tracks.outputs;
                    self.add(Role::Output, stage, outputs, slot);
                    self.head(Of::Output, outputs, slot);
                }
            }
            self.slots.push(slots);
        }
        if let Some((x, width)) = self.tracks.shuffle_head {
            let area = Box { x, y: 0.0, width, height: HEAD_PX };
            self.layout.heads.push(Head { of: Of::Shuffle, area, in_one_line: false });
        }
    }

    fn add(&mut self, role: Role, stage: usize, track: Track, slot: &Slot) {
        let StageView { phase, first, tasks, .. } = &self.stages[stage];
        let area = Box { x: track.x, y: slot.top, width: track.width, height: slot.height };
        let grid = Grid::fit(*tasks as usize, area);
        self.layout.cells.push(Placed { role, stage, phase: *phase, first: *first as usize, grid });
    }

    fn head(&mut self, of: Of, track: Track, slot: &Slot) {
        let (x, width) = track.head;
        let row = if track.lower { HEAD_PX } else { 0.0 };
        let area = match slot.head {
            None => Box { x, y: row, width, height: HEAD_PX },
            // Within the column, beside which lines run.
            Some(y) => Box { x, y, width: track.width.min(width), height: slot.top - y },
        };
        self.layout.heads.push(Head { of, area, in_one_line: slot.in_one_line });
    }

    /// Bars and lines.
    fn wire(&mut self) {
        for stage in 0..self.stages.len() {
            self.beside(stage, Role::Split, Flow::Read);
            self.shuffle(stage);
            self.beside(stage, Role::Output, Flow::Commit);
        }
    }

    /// Lines between a stage and the splits before or the outputs behind it.
    fn beside(&mut self, stage: usize, role: Role, flow: Flow) {
        let beside = self.layout.cells.iter().find(|placed| placed.stage == stage && placed.role == role);
        let (Some(beside), Some(tasks)) = (beside, self.layout.tasks_of(stage)) else { return };
        let edges = if flow == Flow::Read { connect(&beside.grid, tasks) } else { connect(tasks, &beside.grid) };
        self.layout.bundles.push(Bundle { flow, from: stage, to: stage, edges });
    }

    /// The bar before a stage, the lines into it, and those out of it.
    fn shuffle(&mut self, to: usize) {
        let Some((column, slot)) = self.slot_of(to) else { return };
        let Some(before) = column.checked_sub(1).map(|before| self.tracks.columns[before]) else { return };
        let Some(tasks) = self.layout.tasks_of(to).copied() else { return };
        // What it gathers from, with the strips on the way, from top to bottom as it comes in.
        let mut incoming: Vec<(f64, usize, Grid, Vec<Box>)> = Vec::new();
        for from in sources(self.stages, to) {
            let Some(grid) = self.layout.tasks_of(from).copied() else { continue };
            let strips = self.strips(from, column);
            let middle = strips.last().copied().unwrap_or(grid.bounds()).middle();
            incoming.push((middle, from, grid, strips));
        }
        incoming.sort_by(|a, b| a.0.total_cmp(&b.0));
        let tallest = incoming.iter().filter(|(.., strips)| strips.is_empty()).map(|(_, _, grid, _)| grid.bounds().height);
        let height = tallest.fold(tasks.bounds().height, f64::max).min(slot.height) * BAR_SHARE;
        let (left, right) = (before.right(), self.tracks.columns[column].x);
        let area = Box {
            x: (left + right - self.tracks.bar) / 2.0,
            y: slot.top + (slot.height - height) / 2.0,
            width: self.tracks.bar,
            height,
        };
        let part = height / incoming.len().max(1) as f64;
        for (index, (_, from, grid, strips)) in incoming.iter().enumerate() {
            let share = Box { y: area.y + part * index as f64, height: part, ..area };
            let edges = if strips.is_empty() { gather(grid, share) } else { vec![pass(grid, strips, share)] };
            self.layout.bundles.push(Bundle { flow: Flow::Into, from: *from, to, edges });
        }
        self.layout.bundles.push(Bundle { flow: Flow::OutOf, from: to, to, edges: spread(area, &tasks) });
        self.layout.bars.push(Bar { from: incoming.iter().map(|(_, from, ..)| *from).collect(), to, area });
    }

    /// The column of a stage, and its part of it.
    fn slot_of(&self, stage: usize) -> Option<(usize, Slot)> {
        self.slots.iter().enumerate().find_map(|(column, slots)| {
            let slot = slots.iter().find(|slot| slot.item == Item::Stage(stage))?;
            Some((column, *slot))
        })
    }

    /// The strips through which a stage's rows pass the columns between it and the column of the stage that gathers them.
    fn strips(&self, from: usize, column: usize) -> Vec<Box> {
        let strip = |(slots, track): (&Vec<Slot>, &Track)| {
            let slot = slots.iter().find(|slot| slot.item == Item::Pass(from))?;
            let y = slot.top + (slot.height - STRIP_PX) / 2.0;
            Some(Box { x: track.x, y, width: track.width, height: STRIP_PX })
        };
        self.slots.iter().zip(&self.tracks.columns).take(column).filter_map(strip).collect()
    }
}

fn is_stage(item: &Item) -> bool {
    matches!(item, Item::Stage(_))
}

/// Height of the headings in a column but for its first.
fn inner_head_px(items: &[Item]) -> f64 {
    if items.iter().filter(|item| is_stage(item)).count() >= ONE_LINE_STAGES_MIN { ONE_LINE_HEAD_PX } else { HEAD_PX }
}

fn height_min(items: &[Item], top: f64) -> f64 {
    let stages = items.iter().filter(|item| is_stage(item)).count();
    let heads = inner_head_px(items) * stages.saturating_sub(1) as f64;
    top + heads + CELLS_PX_MIN * stages as f64 + PASS_PX * (items.len() - stages) as f64 + FOOT_PX
}

/// Shares out a column's height: stages with more tasks get more, up to what a single column of cells needs.
fn slots(stages: &[StageView], items: &[Item], top: f64, height: f64) -> Vec<Slot> {
    let weight = |item: &Item| match item {
        Item::Stage(stage) => f64::from(stages[*stage].tasks.clamp(1, 12)) + 4.0,
        Item::Pass(_) => 0.0,
    };
    let weights: f64 = items.iter().map(weight).sum();
    let left_over = (height - height_min(items, top)).max(0.0);
    let inner = inner_head_px(items);
    let mut y = top;
    let mut first = true;
    let mut slots = Vec::with_capacity(items.len());
    for item in items {
        let mut slot = Slot { item: *item, head: None, in_one_line: false, top: y, height: PASS_PX };
        if is_stage(item) {
            if !first {
                (slot.head, slot.in_one_line, slot.top) = (Some(y), inner < HEAD_PX, y + inner);
            }
            first = false;
            slot.height = CELLS_PX_MIN + left_over * weight(item) / weights;
        }
        y = slot.top + slot.height;
        slots.push(slot);
    }
    slots
}

#[cfg(test)]
mod tests;

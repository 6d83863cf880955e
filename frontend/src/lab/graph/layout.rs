//! Where everything in the job's graph lies: five columns from the input's splits to the output's partitions.
//!
//! Few tasks are wide cells under each other with an edge each; many are a dense grid of squares with one bundled edge, so that
//! seven hundred tasks read as well as seven. Where even small squares have no room, each stands for several tasks.

use std::fmt::Write as _;
use std::ops::Range;

/// Most tasks that are cells in a single column.
const SINGLE_COLUMN_MAX: usize = 12;
/// Least height of a cell in a single column. Pixels.
const WIDE_PX_MIN: f64 = 11.0;
/// Greatest height of a cell in a single column. Pixels.
const WIDE_PX_MAX: f64 = 32.0;
/// Greatest side of a square cell with its gap. Pixels.
const SQUARE_PX_MAX: f64 = 34.0;
/// Least side of a square cell with its gap, where a state can still be told. Pixels.
const SQUARE_PX_MIN: f64 = 4.0;
/// Space above the cells for the columns' headings. Pixels.
pub const HEAD_PX: f64 = 36.0;
/// Space below the cells. Pixels.
const FOOT_PX: f64 = 8.0;

/// A rectangle in the drawing. Pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Box {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Box {
    fn right(self) -> f64 {
        self.x + self.width
    }

    fn middle(self) -> f64 {
        self.y + self.height / 2.0
    }
}

/// Cells of one kind, in rows from the top left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Cells.
    pub count: usize,
    tasks: usize,
    /// Tasks that a cell stands for; the last one may stand for fewer.
    per_cell: usize,
    columns: usize,
    origin: (f64, f64),
    pitch: (f64, f64),
    cell: (f64, f64),
    /// The cells are wide, with room for a name.
    pub is_list: bool,
}

impl Grid {
    /// Cells for `tasks` tasks inside `area`, as large as fits, vertically centred.
    fn fit(tasks: usize, area: Box) -> Grid {
        if tasks <= SINGLE_COLUMN_MAX && area.height / tasks.max(1) as f64 >= WIDE_PX_MIN {
            let pitch = (area.height / tasks.max(1) as f64).min(WIDE_PX_MAX);
            let gap = if pitch > 16.0 { 4.0 } else { 2.0 };
            let top = area.y + (area.height - pitch * tasks as f64) / 2.0;
            return Grid {
                count: tasks,
                tasks,
                per_cell: 1,
                columns: 1,
                origin: (area.x, top),
                pitch: (area.width, pitch),
                cell: (area.width, pitch - gap),
                is_list: true,
            };
        }
        let room = |pitch: f64| ((area.width / pitch).floor() * (area.height / pitch).floor()).max(1.0) as usize;
        let per_cell = tasks.div_ceil(room(SQUARE_PX_MIN));
        let count = tasks.div_ceil(per_cell);
        // The largest whole pitch at which all cells fit, so that every edge lies on a pixel.
        let mut pitch = (area.width * area.height / count as f64).sqrt().min(SQUARE_PX_MAX).floor().max(SQUARE_PX_MIN);
        while room(pitch) < count && pitch > SQUARE_PX_MIN {
            pitch -= 1.0;
        }
        let columns = ((area.width / pitch).floor() as usize).max(1);
        let rows = count.div_ceil(columns);
        let gap = if pitch >= 14.0 {
            3.0
        } else if pitch >= 7.0 {
            2.0
        } else {
            1.0
        };
        let used = columns.min(count) as f64 * pitch;
        let left = area.x + (area.width - used).max(0.0) / 2.0;
        let top = area.y + (area.height - rows as f64 * pitch).max(0.0) / 2.0;
        Grid {
            count,
            tasks,
            per_cell,
            columns,
            origin: (left.floor(), top.floor()),
            pitch: (pitch, pitch),
            cell: (pitch - gap, pitch - gap),
            is_list: false,
        }
    }

    /// The tasks that a cell stands for.
    pub fn tasks(&self, cell: usize) -> Range<usize> {
        (cell * self.per_cell).min(self.tasks)..((cell + 1) * self.per_cell).min(self.tasks)
    }

    /// The cell that stands for a task.
    pub fn cell_of(&self, task: usize) -> usize {
        task / self.per_cell
    }

    /// The cell under a point.
    pub fn at(&self, x: f64, y: f64) -> Option<usize> {
        let (across, down) = ((x - self.origin.0) / self.pitch.0, (y - self.origin.1) / self.pitch.1);
        if across < 0.0 || down < 0.0 || across >= self.columns as f64 {
            return None;
        }
        let index = down as usize * self.columns + across as usize;
        (index < self.count).then_some(index)
    }

    pub fn cell(&self, index: usize) -> Box {
        let (row, column) = (index / self.columns, index % self.columns);
        Box {
            x: self.origin.0 + column as f64 * self.pitch.0,
            y: self.origin.1 + row as f64 * self.pitch.1,
            width: self.cell.0,
            height: self.cell.1,
        }
    }

    /// All cells together.
    fn bounds(&self) -> Box {
        let (first, last) = (self.cell(0), self.cell(self.count.saturating_sub(1)));
        let width = self.cell(self.columns.min(self.count.max(1)) - 1).right() - first.x;
        Box { x: first.x, y: first.y, width, height: last.y + last.height - first.y }
    }
}

/// Which part of the job an edge belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// From splits to map tasks.
    Read,
    /// From map tasks into the shuffle.
    Into,
    /// Out of the shuffle to reduce tasks.
    OutOf,
    /// From reduce tasks to the output.
    Commit,
}

impl Flow {
    pub fn class(self) -> &'static str {
        match self {
            Flow::Read => "edge read",
            Flow::Into => "edge into",
            Flow::OutOf => "edge out-of",
            Flow::Commit => "edge commit",
        }
    }
}

/// A line, or a bundle of them as a filled band.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub flow: Flow,
    pub path: String,
    pub bundled: bool,
}

/// The whole drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub splits: Grid,
    pub maps: Grid,
    pub shuffle: Box,
    pub reduces: Grid,
    pub outputs: Grid,
    pub edges: Vec<Edge>,
    /// Left edge and width of each column's heading.
    pub heads: [(f64, f64); 5],
}

impl Layout {
    pub fn new(width: f64, height: f64, maps: usize, partitions: usize) -> Layout {
        // Shares of the width: the four gaps between columns carry edges, the two around the shuffle many of them.
        let narrow = width < 560.0;
        let pad = if narrow { 8.0 } else { 16.0 };
        let usable = (width - 2.0 * pad).max(100.0);
        let shares = if maps <= SINGLE_COLUMN_MAX {
            [0.17, 0.08, 0.19, 0.11, 0.015, 0.11, 0.16, 0.055, 0.11]
        } else if narrow {
            [0.18, 0.05, 0.28, 0.08, 0.015, 0.08, 0.14, 0.04, 0.135]
        } else {
            [0.20, 0.06, 0.30, 0.08, 0.015, 0.08, 0.125, 0.04, 0.10]
        };
        let mut x = pad;
        let mut spans = [(0.0, 0.0); 9];
        for (span, share) in spans.iter_mut().zip(shares) {
            *span = (x, usable * share);
            x += usable * share;
        }
        let area = |span: usize| Box {
            x: spans[span].0,
            y: HEAD_PX,
            width: spans[span].1,
            height: (height - HEAD_PX - FOOT_PX).max(20.0),
        };
        let splits = Grid::fit(maps, area(0));
        let map_grid = Grid::fit(maps, area(2));
        let reduces = Grid::fit(partitions, area(6));
        let outputs = Grid::fit(partitions, area(8));
        let (inner, outer) = (map_grid.bounds(), reduces.bounds());
        let tall = inner.height.max(outer.height).min(area(4).height) * 0.7;
        let middle = HEAD_PX + area(4).height / 2.0;
        let shuffle = Box { x: area(4).x, y: middle - tall / 2.0, width: area(4).width.clamp(4.0, 8.0), height: tall };

        let mut edges = Vec::new();
        connect(&mut edges, Flow::Read, &splits, &map_grid);
        gather(&mut edges, Flow::Into, &map_grid, shuffle);
        gather(&mut edges, Flow::OutOf, &reduces, shuffle);
        connect(&mut edges, Flow::Commit, &reduces, &outputs);

        let shuffle_head = (spans[3].0 + spans[3].1 * 0.3, spans[3].1 * 0.7 + spans[4].1 + spans[5].1 * 0.7);
        let heads = [spans[0], spans[2], shuffle_head, spans[6], spans[8]];
        Layout { splits, maps: map_grid, shuffle, reduces, outputs, edges, heads }
    }
}

/// One edge from each cell to its counterpart, or a band when they are many.
fn connect(edges: &mut Vec<Edge>, flow: Flow, from: &Grid, to: &Grid) {
    if from.is_list && to.is_list {
        for index in 0..from.count {
            let (a, b) = (from.cell(index), to.cell(index));
            edges.push(Edge { flow, path: curve(a.right(), a.middle(), b.x, b.middle()), bundled: false });
        }
    } else {
        edges.push(band(flow, from.bounds(), to.bounds()));
    }
}

/// Edges between each cell and its share of the shuffle's bar, or a band when they are many.
fn gather(edges: &mut Vec<Edge>, flow: Flow, grid: &Grid, shuffle: Box) {
    if !grid.is_list {
        edges.push(if flow == Flow::Into { band(flow, grid.bounds(), shuffle) } else { band(flow, shuffle, grid.bounds()) });
        return;
    }
    for index in 0..grid.count {
        let cell = grid.cell(index);
        let at = shuffle.y + shuffle.height * (index as f64 + 0.5) / grid.count as f64;
        let path = if flow == Flow::Into {
            curve(cell.right(), cell.middle(), shuffle.x, at)
        } else {
            curve(shuffle.right(), at, cell.x, cell.middle())
        };
        edges.push(Edge { flow, path, bundled: false });
    }
}

fn curve(x0: f64, y0: f64, x1: f64, y1: f64) -> String {
    let half = (x0 + x1) / 2.0;
    let mut path = String::new();
    // Writing to a string cannot fail.
    let _ = write!(path, "M{x0:.1} {y0:.1}C{half:.1} {y0:.1} {half:.1} {y1:.1} {x1:.1} {y1:.1}");
    path
}

fn band(flow: Flow, from: Box, to: Box) -> Edge {
    let (x0, x1) = (from.right() + 3.0, to.x - 3.0);
    let half = (x0 + x1) / 2.0;
    let (top0, top1) = (from.y, to.y);
    let (end0, end1) = (from.y + from.height, to.y + to.height);
    let path = format!(
        "M{x0:.1} {top0:.1}C{half:.1} {top0:.1} {half:.1} {top1:.1} {x1:.1} {top1:.1}L{x1:.1} {end1:.1}\
         C{half:.1} {end1:.1} {half:.1} {end0:.1} {x0:.1} {end0:.1}Z"
    );
    Edge { flow, path, bundled: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(grid: &Grid, width: f64, height: f64) {
        for index in 0..grid.count {
            let cell = grid.cell(index);
            assert!(cell.x >= 0.0 && cell.right() <= width, "{cell:?} of {} is out of {width}", grid.count);
            assert!(
                cell.y >= HEAD_PX - 0.01 && cell.y + cell.height <= height,
                "{cell:?} of {} is out of {height}",
                grid.count
            );
            assert!(cell.width >= 2.0 && cell.height >= 2.0, "{cell:?} of {} is too small", grid.count);
        }
    }

    #[test]
    fn any_number_of_tasks_stays_inside() {
        for (width, height) in [(820.0, 250.0), (370.0, 220.0), (1600.0, 400.0), (300.0, 130.0)] {
            for maps in [0, 1, 2, 8, 12, 13, 48, 120, 700, 4_000, 100_000] {
                for partitions in [1, 4, 13, 64, 256] {
                    let layout = Layout::new(width, height, maps, partitions);
                    for grid in [layout.splits, layout.maps, layout.reduces, layout.outputs] {
                        inside(&grid, width, height);
                    }
                }
            }
        }
    }

    #[test]
    fn every_task_has_its_cell_and_every_point_its_tasks() {
        for maps in [3, 48, 700, 4_000, 100_000] {
            let grid = Layout::new(820.0, 250.0, maps, 4).maps;
            assert_eq!((0..grid.count).map(|cell| grid.tasks(cell).len()).sum::<usize>(), maps);
            for task in [0, maps / 2, maps - 1] {
                let cell = grid.cell_of(task);
                assert!(grid.tasks(cell).contains(&task));
                let at = grid.cell(cell);
                assert_eq!(grid.at(at.x + at.width / 2.0, at.middle()), Some(cell));
            }
            assert_eq!(grid.at(0.0, HEAD_PX), None);
        }
    }

    #[test]
    fn few_tasks_have_an_edge_each_and_many_have_a_band() {
        let few = Layout::new(820.0, 250.0, 6, 4);
        assert_eq!(few.edges.len(), 6 + 6 + 4 + 4);
        assert!(few.edges.iter().all(|edge| !edge.bundled));
        let many = Layout::new(820.0, 250.0, 700, 4);
        assert_eq!(many.edges.iter().filter(|edge| edge.bundled).count(), 2);
    }

    #[test]
    fn cells_do_not_overlap() {
        let grid = Layout::new(820.0, 250.0, 700, 4).maps;
        let (first, right) = (grid.cell(0), grid.cell(1));
        assert!(first.right() < right.x);
        assert!(first.y + first.height < grid.cell(grid.columns).y);
    }
}

//! The cells of a stage's tasks: wide ones under each other while they are few, a dense grid of squares when they are many. Where
//! even small squares have no room, each stands for several tasks.

use std::ops::Range;

/// Most tasks that are cells in a single column.
pub const SINGLE_COLUMN_MAX: usize = 12;
/// Least height of a cell in a single column. Pixels.
const WIDE_PX_MIN: f64 = 11.0;
/// Greatest height of a cell in a single column. Pixels.
const WIDE_PX_MAX: f64 = 32.0;
/// Greatest side of a square cell with its gap. Pixels.
const SQUARE_PX_MAX: f64 = 34.0;
/// Least side of a square cell with its gap, where a state can still be told. Pixels.
const SQUARE_PX_MIN: f64 = 4.0;

/// A rectangle in the drawing. Pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Box {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Box {
    pub fn right(self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(self) -> f64 {
        self.y + self.height
    }

    pub fn middle(self) -> f64 {
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
    pub fn fit(tasks: usize, area: Box) -> Grid {
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
    pub fn bounds(&self) -> Box {
        let (first, last) = (self.cell(0), self.cell(self.count.saturating_sub(1)));
        let width = self.cell(self.columns.min(self.count.max(1)) - 1).right() - first.x;
        Box { x: first.x, y: first.y, width, height: last.y + last.height - first.y }
    }
}

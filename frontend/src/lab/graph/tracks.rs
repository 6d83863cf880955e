//! How wide everything is: the columns from left to right, the gaps between them, and where their headings have room.
//!
//! One MapReduce takes its shares of whatever width there is. A longer chain takes what it needs at least and shares out the rest;
//! where there is too little it leaves out the splits, then it becomes compact, its headings in two rows by turns, and at last the
//! drawing is wider than its panel, which scrolls.

use shared::wire::{Phase, StageView};

use super::columns::Item;
use super::grid::SINGLE_COLUMN_MAX;
use crate::lab::names::stage_title;

/// Space above the cells for a row of headings. Pixels.
pub const HEAD_PX: f64 = 36.0;
/// Between a heading and the next. Pixels.
const HEAD_GAP_PX: f64 = 6.0;
/// Widths of a character in a heading's title and in its number. Pixels.
const TITLE_CHARACTER_PX: f64 = 7.2;
const NUMBER_CHARACTER_PX: f64 = 7.4;
/// Headings with a size, such as `12.3 MB`, below or beside their title, and with a count of rows. Pixels.
const INPUT_HEAD_PX: f64 = 56.0;
const INPUT_LINE_PX: f64 = 94.0;
const OUTPUT_HEAD_PX: f64 = 48.0;
/// Less is narrow. Pixels.
const NARROW_PX: f64 = 560.0;

/// Where a column is, from left to right. Pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Track {
    pub x: f64,
    pub width: f64,
    /// Where its heading begins and how much room it has.
    pub head: (f64, f64),
    /// The heading is in the lower of two rows.
    pub lower: bool,
}

impl Track {
    pub fn right(self) -> f64 {
        self.x + self.width
    }
}

/// All columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracks {
    /// The drawing's width.
    pub width: f64,
    /// Space above the cells.
    pub top: f64,
    /// The widest that a shuffle's bar is.
    pub bar: f64,
    /// Left of the first column, if there is room.
    pub splits: Option<Track>,
    pub columns: Vec<Track>,
    /// Right of the last column.
    pub outputs: Track,
    /// Room for a heading above the only shuffle.
    pub shuffle_head: Option<(f64, f64)>,
}

impl Tracks {
    /// For a job of one MapReduce.
    pub fn of_one(width: f64, maps: usize) -> Tracks {
        let narrow = width < NARROW_PX;
        let pad = Style::ROOMY.pad(width);
        let usable = (width - 2.0 * pad).max(100.0);
        // Shares of the width: the four gaps between columns carry edges, the two around the shuffle many of them.
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
        let track = |index: usize| Track { x: spans[index].0, width: spans[index].1, head: spans[index], lower: false };
        let shuffle_head = (spans[3].0 + spans[3].1 * 0.3, spans[3].1 * 0.7 + spans[4].1 + spans[5].1 * 0.7);
        Tracks {
            width,
            top: HEAD_PX,
            bar: spans[4].1.clamp(4.0, 8.0),
            splits: Some(track(0)),
            columns: vec![track(2), track(6)],
            outputs: track(8),
            shuffle_head: Some(shuffle_head),
        }
    }

    /// For any other job, by its columns.
    pub fn of_chain(width: f64, stages: &[StageView], columns: &[Vec<Item>]) -> Tracks {
        let ways = [(true, Style::ROOMY), (false, Style::ROOMY), (false, Style::COMPACT)];
        let wants = |(splits, style)| wants(stages, columns, splits, style);
        let (splits, style) =
            ways.into_iter().find(|way| total(&wants(*way)) + 2.0 * way.1.pad(width) <= width).unwrap_or(ways[2]);
        laid_out(width, splits, style, &wants((splits, style)))
    }
}

/// How closely things stand.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Style {
    compact: bool,
    /// Least width of cells.
    cells: f64,
    /// Least gap with a shuffle in it.
    shuffle: f64,
    /// Least gap without one.
    side: f64,
    bar: f64,
}

impl Style {
    const ROOMY: Style = Style { compact: false, cells: 32.0, shuffle: 34.0, side: 14.0, bar: 6.0 };
    const COMPACT: Style = Style { compact: true, cells: 18.0, shuffle: 18.0, side: 8.0, bar: 4.0 };

    /// Space at the left and at the right.
    fn pad(self, width: f64) -> f64 {
        if self.compact || width < NARROW_PX { 8.0 } else { 16.0 }
    }
}

/// The least that a column needs, and its shares of what is left over.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Want {
    cells: f64,
    /// To the next column.
    gap: f64,
    head: f64,
    cells_grow: f64,
    gap_grow: f64,
}

fn wants(stages: &[StageView], columns: &[Vec<Item>], with_splits: bool, style: Style) -> Vec<Want> {
    let outputs = Want { cells: style.cells, gap: 0.0, head: OUTPUT_HEAD_PX, cells_grow: 0.6, gap_grow: 0.0 };
    // Headings in the middle of a column may not reach over the lines beside it.
    let cells = |head: f64, stages: usize| if stages > 1 { head.max(style.cells) } else { style.cells };
    let column = |(index, items): (usize, &Vec<Item>)| {
        let of_column = || items.iter().filter_map(|item| if let Item::Stage(stage) = item { Some(*stage) } else { None });
        let in_one_line = of_column().count() >= ONE_LINE_STAGES_MIN;
        let head = of_column().map(|stage| head_px(stages, stage, in_one_line)).fold(0.0, f64::max);
        let cells = cells(head, of_column().count());
        let (gap, gap_grow) = if index + 1 == columns.len() { (style.side, 0.3) } else { (style.shuffle, 1.1) };
        Want { cells, gap, head, cells_grow: 1.0, gap_grow }
    };
    let inputs = stages.iter().filter(|stage| stage.phase == Phase::Map).count();
    let head = if inputs >= ONE_LINE_STAGES_MIN { INPUT_LINE_PX } else { INPUT_HEAD_PX };
    let splits = Want { cells: cells(head, inputs), gap: style.side, head, cells_grow: 0.8, gap_grow: 0.4 };
    let all = with_splits.then_some(splits).into_iter().chain(columns.iter().enumerate().map(column)).chain([outputs]);
    let mut wants: Vec<Want> = all.collect();
    // In one row a heading has its column and the gap behind it; in two by turns also the next column.
    for index in 0..wants.len() {
        let next = wants.get(index + 1).filter(|_| style.compact).map_or(0.0, |next| next.cells + next.gap);
        let want = &mut wants[index];
        let between = if want.gap > 0.0 { HEAD_GAP_PX } else { 0.0 };
        want.cells = want.cells.max(want.head + between - next - want.gap);
    }
    wants
}

/// So many stages above one another have their headings in one line each.
pub const ONE_LINE_STAGES_MIN: usize = 3;

/// The width of a stage's heading: its title above its number, or beside it.
pub fn head_px(stages: &[StageView], stage: usize, in_one_line: bool) -> f64 {
    let tasks = stages[stage].tasks;
    let title = stage_title(stages, stage).chars().count() as f64 * TITLE_CHARACTER_PX;
    let number = format!("{tasks}/{tasks}").len() as f64 * NUMBER_CHARACTER_PX;
    if in_one_line { title + HEAD_GAP_PX + number } else { title.max(number) }
}

fn total(wants: &[Want]) -> f64 {
    wants.iter().map(|want| want.cells + want.gap).sum()
}

/// The columns side by side, as wide as the drawing at least.
fn laid_out(width: f64, splits: bool, style: Style, wants: &[Want]) -> Tracks {
    let pad = style.pad(width);
    let needed = total(wants) + 2.0 * pad;
    let width = if needed > width { needed.ceil() } else { width };
    let left_over = (width - needed).max(0.0);
    let shares: f64 = wants.iter().map(|want| want.cells_grow + want.gap_grow).sum();
    let mut x = pad;
    let mut all = Vec::with_capacity(wants.len());
    for want in wants {
        let cells = want.cells + left_over * want.cells_grow / shares;
        all.push(Track { x, width: cells, ..Track::default() });
        x += cells + want.gap + left_over * want.gap_grow / shares;
    }
    let step = if style.compact { 2 } else { 1 };
    for index in 0..all.len() {
        let end = all.get(index + step).map_or(width - 2.0, |next| next.x - HEAD_GAP_PX);
        all[index].head = (all[index].x, end - all[index].x);
        all[index].lower = style.compact && index % 2 == 1;
    }
    let outputs = all.pop().unwrap_or_default();
    let columns = all.split_off(usize::from(splits).min(all.len()));
    Tracks { width, top: HEAD_PX * step as f64, bar: style.bar, splits: all.pop(), columns, outputs, shuffle_head: None }
}

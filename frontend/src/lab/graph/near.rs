//! How near the graph is looked at, and which of its nodes an arrow key leads to: plain numbers.
//!
//! At 1 it is drawn as the panel has room for it, and where that is too little it is larger than the panel, which scrolls. A job that is
//! looked at more closely is laid out anew in more room, so that its cells show their names, and drawn larger, each half of the way; a bus,
//! whose cards have one size, is drawn larger. From farther away both are laid out in more room and drawn smaller, until all of it is in the
//! panel.

use super::grid::Box;
use crate::lab::inspect::Selected;

/// The nearest that there is.
const ZOOM_MAX: f64 = 8.0;
/// The largest sheet that is drawn on, in pixels of the page: a canvas takes four bytes for each, or sixteen on a dense screen.
const SHEET_PX_MAX: f64 = 4e6;
/// The farthest that there is, where not even that is enough.
const ZOOM_MIN: f64 = 0.1;

/// A node in the picture: what is selected by it, and where it is on the sheet as it is drawn. Pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    pub what: Selected,
    pub area: Box,
}

/// A size in which a graph is laid out, and by how much it is then drawn larger or smaller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    pub size: (f64, f64),
    pub scale: f64,
}

impl Room {
    /// For a job.
    pub fn of_job((width, height): (f64, f64), zoom: f64) -> Room {
        match zoom < 1.0 {
            true => Room { size: (width / zoom, height / zoom), scale: zoom },
            false => {
                let half = zoom.sqrt();
                Room { size: (width * half, height * half), scale: half }
            }
        }
    }

    /// For a bus.
    pub fn of_bus((width, height): (f64, f64), zoom: f64) -> Room {
        let farther = zoom.min(1.0);
        Room { size: (width / farther, height / farther), scale: zoom }
    }

    /// The style of a sheet of this size.
    pub fn style(self, (width, height): (f64, f64)) -> String {
        let scale = if self.scale == 1.0 { String::new() } else { format!(";transform:scale({:.4})", self.scale) };
        format!("width:{width:.0}px;height:{height:.0}px{scale}")
    }

    /// Whether a sheet of this size is larger than the panel.
    pub fn exceeds(self, (width, height): (f64, f64), (panel_width, panel_height): (f64, f64)) -> bool {
        /// What is left over where numbers are rounded. Pixels.
        const ROUNDED_PX: f64 = 0.6;
        width * self.scale > panel_width + ROUNDED_PX || height * self.scale > panel_height + ROUNDED_PX
    }

    /// Where something on the sheet is drawn.
    pub fn drawn(self, area: Box) -> Box {
        let Box { x, y, width, height } = area;
        Box { x: x * self.scale, y: y * self.scale, width: width * self.scale, height: height * self.scale }
    }
}

/// How near a graph that takes this much room at 1 can be looked at, from where all of it is in the panel.
pub fn bounds((width, height): (f64, f64), (natural_width, natural_height): (f64, f64)) -> (f64, f64) {
    if width <= 0.0 || height <= 0.0 {
        return (1.0, 1.0);
    }
    let fit = (width / natural_width.max(1.0)).min(height / natural_height.max(1.0)).clamp(ZOOM_MIN, 1.0);
    let most = (SHEET_PX_MAX / (natural_width * natural_height).max(1.0)).sqrt().clamp(1.0, ZOOM_MAX);
    (fit, most)
}

/// How near it is looked at until somebody says otherwise, between these bounds: what is only a little larger than the panel is drawn smaller,
/// so that all of it is seen; of what is much larger a part can be read.
pub fn at_first((fit, _): (f64, f64)) -> f64 {
    /// At this its words can just be read.
    const READ_MIN: f64 = 0.75;
    if fit >= READ_MIN { fit } else { 1.0 }
}

/// Where an arrow key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Left,
    Right,
    Up,
    Down,
    First,
    Last,
}

impl Way {
    pub fn of(key: &str) -> Option<Way> {
        Some(match key {
            "ArrowLeft" => Way::Left,
            "ArrowRight" => Way::Right,
            "ArrowUp" => Way::Up,
            "ArrowDown" => Way::Down,
            "Home" => Way::First,
            "End" => Way::Last,
            _ => return None,
        })
    }

    /// The node that it leads to: the nearest that way, and of those rather one that is straight ahead. The first where none is selected.
    pub fn from(self, nodes: &[Node], selected: Option<Selected>) -> Option<Node> {
        let place = |node: &&Node| (node.area.x, node.area.y);
        let before = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
        let first = || nodes.iter().min_by(|a, b| before(&place(a), &place(b))).copied();
        let here = match self {
            Way::First => return first(),
            Way::Last => return nodes.iter().max_by(|a, b| before(&place(a), &place(b))).copied(),
            _ => nodes.iter().find(|node| Some(node.what) == selected),
        };
        let Some(here) = here else { return first() };
        let cost = |node: &Node| self.cost(here.area, node.area).map(|cost| (cost, *node));
        nodes.iter().filter_map(cost).min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, node)| node)
    }

    /// How far it is from one node to another this way; `None` if it does not lie there.
    fn cost(self, from: Box, to: Box) -> Option<f64> {
        /// What lies beside the way is so many times as far.
        const ASIDE: f64 = 2.0;
        /// Of nodes that are equally far, the one whose middle is straight ahead.
        const ASKEW: f64 = 0.01;
        let across = |area: Box| (area.x, area.right());
        let down = |area: Box| (area.y, area.bottom());
        let (along, aside) = match self {
            Way::Left | Way::Right => ((across(from), across(to)), (down(from), down(to))),
            _ => ((down(from), down(to)), (across(from), across(to))),
        };
        let middle = |(least, most): (f64, f64)| (least + most) / 2.0;
        let ahead = match self {
            Way::Left | Way::Up => middle(along.0) - middle(along.1),
            _ => middle(along.1) - middle(along.0),
        };
        let gap = (aside.1.0 - aside.0.1).max(aside.0.0 - aside.1.1).max(0.0);
        let askew = (middle(aside.0) - middle(aside.1)).abs();
        (ahead > 1.0).then_some(ahead + ASIDE * gap + ASKEW * askew)
    }
}

/// How far a panel of this length is to be scrolled for this stretch of its sheet to be seen.
pub fn scrolled(at: f64, length: f64, (from, to): (f64, f64)) -> f64 {
    /// Between what is to be seen and the panel's edge. Pixels.
    const MARGIN_PX: f64 = 12.0;
    let (from, to) = (from - MARGIN_PX, to + MARGIN_PX);
    // Of what is longer than the panel, the beginning.
    at.max(to - length).min(from).max(0.0)
}

#[cfg(test)]
mod tests {
    use shared::wire::Phase;

    use super::*;
    use crate::lab::graph::layout::{Layout, Role};
    use crate::lab::model::story;

    #[test]
    fn what_only_just_does_not_fit_is_seen_whole_at_first() {
        assert_eq!(at_first(bounds((360.0, 200.0), (444.0, 180.0))), 360.0 / 444.0);
        assert_eq!(at_first(bounds((360.0, 200.0), (1_500.0, 180.0))), 1.0);
        assert_eq!(at_first(bounds((800.0, 200.0), (444.0, 180.0))), 1.0);
        assert_eq!(at_first(bounds((0.0, 0.0), (444.0, 180.0))), 1.0);
    }

    #[test]
    fn nearer_a_job_has_more_room_and_farther_away_all_of_it_is_in_the_panel() {
        let stages: Vec<_> = (0..14)
            .map(|at| match at {
                0 => story::stage("map", Phase::Map, 0, 400, &[]),
                at => story::stage("reduce", Phase::Reduce, 4 * (at - 1), 4, &[at - 1]),
            })
            .collect();
        let panel = (400.0, 180.0);
        let natural = Layout::new(panel.0, panel.1, &stages).size;
        assert!(natural.0 > panel.0, "there is not enough room for it: {natural:?}");
        let (fit, most) = bounds(panel, natural);
        assert!(fit < 1.0 && most > 1.5, "{fit} {most}");
        for zoom in [fit, 1.0, 3.0] {
            let room = Room::of_job(panel, zoom);
            let size = Layout::new(room.size.0, room.size.1, &stages).size;
            assert_eq!(room.exceeds(size, panel), zoom > fit, "at {zoom}: {size:?}");
        }
    }

    #[test]
    fn what_fits_is_as_far_away_as_there_is() {
        assert_eq!(bounds((800.0, 200.0), (800.0, 200.0)), (1.0, (SHEET_PX_MAX / 160_000.0).sqrt()));
        assert_eq!(bounds((0.0, 0.0), (100.0, 100.0)), (1.0, 1.0), "while it is not shown");
        assert_eq!(Room::of_bus((300.0, 100.0), 2.0), Room { size: (300.0, 100.0), scale: 2.0 });
        assert_eq!(Room::of_bus((300.0, 100.0), 0.5), Room { size: (600.0, 200.0), scale: 0.5 });
    }

    #[test]
    fn arrow_keys_lead_to_every_task_and_shuffle() {
        let stages = [story::stage("map", Phase::Map, 0, 3, &[]), story::stage("reduce", Phase::Reduce, 0, 2, &[0])];
        let layout = Layout::new(800.0, 220.0, &stages);
        let mut nodes = Vec::new();
        for placed in layout.cells.iter().filter(|placed| matches!(placed.role, Role::Map | Role::Reduce)) {
            for cell in 0..placed.grid.count {
                let what = Selected::Task(placed.phase, placed.tasks(cell).start as u32);
                nodes.push(Node { what, area: placed.grid.cell(cell) });
            }
        }
        nodes.extend(layout.bars.iter().map(|bar| Node { what: Selected::Shuffle(bar.to as u32), area: bar.area }));
        let go = |from, way: Way| way.from(&nodes, from).map(|node| node.what);
        let (map, reduce) = (|task| Selected::Task(Phase::Map, task), |task| Selected::Task(Phase::Reduce, task));
        assert_eq!(go(None, Way::Down), Some(map(0)));
        assert_eq!(go(Some(map(0)), Way::Down), Some(map(1)));
        assert_eq!(go(Some(map(1)), Way::Right), Some(Selected::Shuffle(1)));
        let behind = go(Some(Selected::Shuffle(1)), Way::Right);
        assert!(behind == Some(reduce(0)) || behind == Some(reduce(1)), "{behind:?}");
        assert_eq!(go(Some(reduce(1)), Way::Up), Some(reduce(0)));
        assert_eq!(go(Some(reduce(0)), Way::Left), Some(Selected::Shuffle(1)));
        assert_eq!(go(Some(map(0)), Way::Up), None, "there is nothing");
        assert_eq!((go(Some(map(1)), Way::First), go(None, Way::Last)), (Some(map(0)), Some(reduce(1))));
    }

    #[test]
    fn what_is_chosen_is_scrolled_to_and_no_farther() {
        assert_eq!(scrolled(0.0, 200.0, (50.0, 80.0)), 0.0, "it is seen");
        assert_eq!(scrolled(0.0, 200.0, (300.0, 340.0)), 152.0);
        assert_eq!(scrolled(400.0, 200.0, (300.0, 340.0)), 288.0);
        assert_eq!(scrolled(10.0, 200.0, (5.0, 20.0)), 0.0);
        assert_eq!(scrolled(0.0, 100.0, (300.0, 900.0)), 288.0, "of what is longer than the panel, the beginning");
    }
}

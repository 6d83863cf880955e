//! The whole graph in one drawing, for a picture that leaves the page: there the lines and headings that the page has as elements are
//! drawn as the cells are.

use super::cells::Cells;
use super::edges::Flow;
use super::is_flowing;
use super::layout::{Bar, Layout};
use super::words::{number, title};
use crate::components::palette::Palette;
use crate::components::pen::{CHARACTER_PX, Ink};
use crate::lab::model::RunModel;

/// Between the middles of a heading's two lines. Pixels.
const LINE_PX: f64 = 15.0;

/// Draws it, and gives the pen back.
pub fn whole<P: Ink>(mut pen: P, layout: &Layout, run: &RunModel, palette: &Palette) -> P {
    let counts = run.stage_counts();
    let flows = |flow, from, to| is_flowing(&counts, run.is_active(), flow, from, to);
    for bundle in &layout.bundles {
        // As the style sheet has them.
        let (colour, strength) = match (flows(bundle.flow, bundle.from, bundle.to), bundle.flow) {
            (true, Flow::Commit) => (&palette.done, 0.2),
            (true, _) => (&palette.accent, 0.24),
            (false, _) => (&palette.line, 0.45),
        };
        for edge in &bundle.edges {
            pen.shape(&edge.path);
            if edge.bundled {
                pen.fill_with(colour, strength);
                pen.fill();
            } else {
                pen.stroke_with(colour);
                pen.width(1.25);
                pen.stroke();
                pen.width(1.0);
            }
        }
    }
    for Bar { from, to, area } in &layout.bars {
        let into = from.iter().any(|from| flows(Flow::Into, *from, *to));
        match into || flows(Flow::OutOf, *to, *to) {
            true => pen.fill_with(&palette.accent, 1.0),
            false => pen.fill_with(&palette.idle, 0.55),
        }
        pen.round(area.x, area.y, area.width, area.height, 2.0);
        pen.fill();
    }
    for head in &layout.heads {
        let (name, figure) = (title(run.stages(), head.of), number(run, &counts, head.of));
        let (x, y) = (head.area.x, head.area.y + LINE_PX / 2.0);
        pen.fill_with(&palette.quiet, 1.0);
        pen.text(&name, x, y);
        pen.fill_with(&palette.text, 1.0);
        let value = format!("{} {}", figure.value, figure.unit);
        match head.in_one_line {
            true => pen.text(value.trim_end(), x + (name.chars().count() as f64 + 1.0) * CHARACTER_PX, y),
            false => pen.text(value.trim_end(), x, y + LINE_PX),
        }
    }
    Cells::with(pen, layout, palette.clone(), run).into_pen()
}

//! The timeline of a bus: for each queue how much was ready in it, for each client when it was busy, blocked or down.

use shared::time::{Span, Time};
use shared::wire::{BUS_LANES_MAX, BUS_PARTS, BusPart, Lane, WorkerState};

use super::BusModel;
use super::paint::hatch;
use crate::components::palette::Palette;
use crate::components::pen::Ink;
use crate::lab::format::count;
use crate::lab::inspect::Selected;
use crate::lab::model::RunModel;
use crate::lab::timeline::scale::Scale;

/// As long as there are no more lanes than this a queue's is twice as high as a client's.
const HIGH_LANES_MAX: usize = 14;

/// The height of a name. Pixels.
const NAME_PX: f64 = 11.0;

/// How many lanes there are, in the height of a client's.
pub fn count_of(bus: &BusModel) -> usize {
    queue_lanes(bus) * bus.view.queues.len() + bus.clients().min(BUS_LANES_MAX)
}

/// The height of a queue's lane, in that of a client's.
fn queue_lanes(bus: &BusModel) -> usize {
    if 2 * bus.view.queues.len() + bus.clients() > HIGH_LANES_MAX { 1 } else { 2 }
}

/// Paints all of it. It is little, however much has happened: a part of the time is a few rectangles.
pub fn paint(pen: &mut impl Ink, scale: Scale, bus: &BusModel, run: &RunModel, palette: &Palette) {
    let height = scale.lane_height();
    let high = queue_lanes(bus);
    // Where lanes are low not every name has room.
    let mut free = 0.0;
    let mut named = |y: f64| {
        y >= free && {
            free = y + NAME_PX;
            true
        }
    };
    for queue in 0..bus.view.queues.len() {
        let top = scale.lane_top((high * queue) as u32 + 1);
        depth(pen, scale, bus, queue, top, height * high as f64, palette);
        let middle = top + height * high as f64 / 2.0;
        if named(middle) {
            name(pen, scale, &bus.view.queues[queue].name, middle, &palette.text);
        }
    }
    let first = high * bus.view.queues.len();
    for client in 0..bus.clients().min(BUS_LANES_MAX) {
        let top = scale.lane_top((first + client) as u32 + 1);
        work(pen, scale, bus, client, top, height, palette);
        let down = run.workers.get(client).is_some_and(|worker| worker.view.state == WorkerState::Down);
        if named(top + height / 2.0) {
            name(pen, scale, &bus.name(client), top + height / 2.0, if down { &palette.down } else { &palette.quiet });
        }
    }
}

fn name(pen: &mut impl Ink, scale: Scale, name: &str, y: f64, colour: &str) {
    pen.fill_with(colour, 1.0);
    pen.text(&scale.lane_name(name), 2.0, y);
}

/// The parts of the time that are seen, by their places, each with where it is and how wide. They lie on whole pixels: neighbours touch,
/// and nothing shines through between them.
fn seen(scale: Scale, bus: &BusModel) -> impl Iterator<Item = (&BusPart, f64, f64)> {
    let start = move |part: usize| Time(bus.view.span.0 * part as u64 / BUS_PARTS as u64);
    let (first, last) = (place_of(bus, scale.from), place_of(bus, scale.to));
    let parts = bus.parts.iter().enumerate().take(last + 1).skip(first);
    parts.map(move |(place, part)| {
        let (left, right) = scale.reach(start(place), start(place + 1));
        let (left, right) = (left.round(), right.round());
        (part, left, (right - left).max(1.0))
    })
}

/// The part of the time that a moment lies in.
fn place_of(bus: &BusModel, at: Time) -> usize {
    (at.0 * BUS_PARTS as u64 / bus.view.span.0.max(1)) as usize
}

fn depth(pen: &mut impl Ink, scale: Scale, bus: &BusModel, queue: usize, top: f64, height: f64, palette: &Palette) {
    let (foot, room) = (top + height - 1.0, bus.room(queue).max(1) as f64);
    let usable = height - 3.0;
    pen.stroke_with(&palette.line);
    pen.line(&[(scale.gutter(), foot + 0.5), (scale.width, foot + 0.5)]);
    let bound = bus.view.queues[queue].most.map(|most| most as f64);
    for (part, x, width) in seen(scale, bus) {
        let depth = part.depths.get(queue).map_or(0.0, |depth| f64::from(*depth));
        if depth == 0.0 {
            continue;
        }
        let full = bound.is_some_and(|bound| depth >= bound);
        let high = (usable * (depth / room).min(1.0)).max(1.0);
        pen.fill_with(if full { &palette.blocked } else { &palette.busy }, if full { 0.7 } else { 0.5 });
        pen.rect(x, foot - high, width, high);
    }
}

fn work(pen: &mut impl Ink, scale: Scale, bus: &BusModel, client: usize, top: f64, height: f64, palette: &Palette) {
    let inset = if height >= 8.0 { 2.0 } else { 0.5 };
    let thick = (height - 2.0 * inset).max(1.0);
    let mut blocked = None;
    for (part, x, width) in seen(scale, bus) {
        let Some(Lane(busy, held, down)) = part.lanes.get(client).copied() else { continue };
        if busy > 0 {
            pen.fill_with(&palette.busy, 0.15 + 0.7 * f64::from(busy) / 100.0);
            pen.rect(x, top + inset, width, thick);
        }
        if down > 0 {
            pen.fill_with(&palette.down, 1.0);
            pen.rect(x, top + height / 2.0 - 1.0, width * f64::from(down) / 100.0, 2.0);
        }
        // Neighbours are hatched together.
        if held > 30 {
            blocked = Some((blocked.map_or(x, |(from, _)| from), x + width));
        } else if let Some((from, to)) = blocked.take() {
            hatch(pen, palette, from, top + inset, to - from, thick);
        }
    }
    if let Some((from, to)) = blocked {
        hatch(pen, palette, from, top + inset, to - from, thick);
    }
}

/// The queue or client whose name is under a point.
pub fn selected_at(scale: Scale, bus: &BusModel, x: f64, y: f64) -> Option<Selected> {
    let Selected::Worker(lane) = scale.lane_at(x, y)? else { return None };
    let (high, queues) = (queue_lanes(bus) as u32, bus.view.queues.len() as u32);
    Some(if lane < high * queues { Selected::Queue(lane / high) } else { Selected::Worker(lane - high * queues) })
}

/// What a note over the timeline says.
pub fn describe(scale: Scale, bus: &BusModel, x: f64, y: f64) -> Option<Vec<String>> {
    let at = scale.time(x)?;
    let lane = ((y - scale.lane_top(1)) / scale.lane_height()).floor();
    let lane = (lane >= 0.0).then_some(lane as usize)?;
    let part = bus.parts.get(place_of(bus, at))?;
    let first = queue_lanes(bus) * bus.view.queues.len();
    let when = format!("about {}", Span(at.0 / 1_000 * 1_000));
    if lane < first {
        let queue = lane / queue_lanes(bus);
        let depth = count(part.depths.get(queue).copied().unwrap_or_default().into());
        return Some(vec![bus.view.queues[queue].name.clone(), format!("at most {} {} ready", depth.value, depth.unit), when]);
    }
    let client = lane - first;
    let Lane(busy, blocked, down) = part.lanes.get(client).copied()?;
    let words = [(busy, "busy"), (blocked, "blocked"), (down, "down")];
    let words: Vec<String> =
        words.iter().filter(|(share, _)| *share > 0).map(|(share, word)| format!("{share} % {word}")).collect();
    let words = if words.is_empty() { "idle".to_owned() } else { words.join(", ") };
    Some(vec![bus.name(client), words, when])
}

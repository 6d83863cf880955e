//! The picture of a bus. What a state tells without its colour: busy is filled, idle hollow, blocked hatched, down a cross.

use shared::time::Time;
use shared::wire::{QueueNow, Role, WorkerState};

use super::sketch::{CARD_PX, Card, Edge, Flow, Of, Sketch, along};
use super::{BusModel, per_second};
use crate::components::palette::Palette;
use crate::components::pen::{CHARACTER_PX, Ink};
use crate::lab::format::{Figure, count};
use crate::lab::model::RunModel;

/// Space inside a card. Pixels.
const INSET_PX: f64 = 8.0;
/// Side of the sign of a client, and the space for it. Pixels.
const SIGN_PX: f64 = 9.0;
const SIGN_STEP_PX: f64 = 12.0;
/// Height of a queue's bar. Pixels.
const BAR_PX: f64 = 12.0;
/// How long a message is seen on its way, by the clock on the wall. Milliseconds.
pub const WAY_MS: f64 = 420.0;

/// Where on its edge a breakpoint is seen, from 0 to 1: before the keys in the middle. And half its width, pixels.
const STOP_PART: f64 = 0.28;
const STOP_PX: f64 = 7.0;

/// A message that goes along an edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mote {
    pub edge: usize,
    /// When it left, by the page's clock.
    pub left_ms: f64,
}

/// That there are breakpoints at an edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sign {
    pub edge: usize,
    /// One of them is on.
    pub on: bool,
    /// The run stands still at one of them.
    pub holds: bool,
}

/// Paints everything; `run` is nothing before there is one.
pub fn paint(
    pen: &mut impl Ink,
    palette: &Palette,
    sketch: &Sketch,
    bus: &BusModel,
    run: Option<&RunModel>,
    motes: &[Mote],
    now_ms: f64,
) {
    for edge in &sketch.edges {
        line(pen, palette, sketch, edge, bus, run);
    }
    for mote in motes {
        let part = (now_ms - mote.left_ms) / WAY_MS;
        if let Some(edge) = sketch.edges.get(mote.edge).filter(|_| (0.0..=1.0).contains(&part)) {
            dot(pen, palette, along(sketch.curve(edge), part), false);
        }
    }
    if let Some(run) = run.filter(|run| run.is_paused()) {
        on_their_way(pen, palette, sketch, bus, run.now);
    }
    for card in &sketch.cards {
        face(pen, palette, card, bus, run);
    }
}

fn line(pen: &mut impl Ink, palette: &Palette, sketch: &Sketch, edge: &Edge, bus: &BusModel, run: Option<&RunModel>) {
    let rate = match edge.flow {
        Flow::Publish(group) | Flow::Take(group) => bus.group_rate(group),
        Flow::Route(queue) => bus.queue_rate(queue),
        Flow::Dead(_) => None,
    };
    let flows = run.is_some_and(RunModel::is_live) && rate.is_some_and(|rate| rate > 0.0);
    pen.stroke_with(if flows { &palette.accent } else { &palette.line });
    pen.width(if flows { 1.75 } else { 1.25 });
    pen.dashed(matches!(edge.flow, Flow::Dead(_)));
    let curve = sketch.curve(edge);
    pen.curve(curve);
    pen.dashed(false);
    pen.width(1.0);
    let arrow = curve[3];
    pen.fill_with(if flows { &palette.accent } else { &palette.line }, 1.0);
    match edge.flow {
        Flow::Dead(_) if curve[2].1 > arrow.1 => {
            pen.path(&[(arrow.0 - 3.5, arrow.1 + 6.0), arrow, (arrow.0 + 3.5, arrow.1 + 6.0)]);
        }
        _ => pen.path(&[(arrow.0 - 6.0, arrow.1 - 3.5), arrow, (arrow.0 - 6.0, arrow.1 + 3.5)]),
    }
    pen.fill();
    let (x, y) = along(curve, 0.5);
    let room = ((curve[3].0 - curve[0].0) / CHARACTER_PX) as usize;
    if !edge.label.is_empty() && room >= edge.label.chars().count() {
        pen.fill_with(&palette.ground, 0.85);
        let width = edge.label.chars().count() as f64 * CHARACTER_PX + 6.0;
        pen.rect(x - width / 2.0, y - 7.0, width, 14.0);
        pen.fill_with(&palette.quiet, 1.0);
        pen.centred(&edge.label, x, y);
    }
}

/// Where every message is at a moment that stands still, as far as they are told one by one.
fn on_their_way(pen: &mut impl Ink, palette: &Palette, sketch: &Sketch, bus: &BusModel, now: Time) {
    for flight in &bus.now.flights {
        let client = usize::from(flight.from.max(flight.to)).saturating_sub(1);
        let Some(group) = (0..bus.view.groups.len()).find(|group| bus.members(*group).contains(&client)) else { continue };
        let wanted = if flight.to == 0 { Flow::Publish(group) } else { Flow::Take(group) };
        let Some(edge) = sketch.edges.iter().find(|edge| edge.flow == wanted) else { continue };
        let whole = flight.arrives.since(flight.left).0.max(1) as f64;
        let part = (now.since(flight.left).0 as f64 / whole).min(1.0);
        dot(pen, palette, along(sketch.curve(edge), part), flight.again);
    }
}

fn dot(pen: &mut impl Ink, palette: &Palette, (x, y): (f64, f64), again: bool) {
    pen.fill_with(if again { &palette.again } else { &palette.accent }, 1.0);
    pen.round(x - 3.5, y - 3.5, 7.0, 7.0, 3.5);
    pen.fill();
}

/// Where the breakpoints are.
pub fn paint_stops(pen: &mut impl Ink, palette: &Palette, sketch: &Sketch, signs: &[Sign]) {
    for sign in signs {
        if let Some(edge) = sketch.edges.get(sign.edge) {
            stop(pen, palette, along(sketch.curve(edge), STOP_PART), *sign);
        }
    }
}

/// A stop sign: filled where one is on, hollow where none is, and with a ring where the run is held.
fn stop(pen: &mut impl Ink, palette: &Palette, (x, y): (f64, f64), sign: Sign) {
    let corners = |radius: f64| {
        // Half of a side of a regular octagon.
        let half = radius * 0.414;
        [
            (x + half, y - radius),
            (x + radius, y - half),
            (x + radius, y + half),
            (x + half, y + radius),
            (x - half, y + radius),
            (x - radius, y + half),
            (x - radius, y - half),
            (x - half, y - radius),
            (x + half, y - radius),
        ]
    };
    pen.fill_with(if sign.on { &palette.down } else { &palette.ground }, 1.0);
    pen.path(&corners(STOP_PX));
    pen.fill();
    pen.stroke_with(&palette.down);
    pen.width(1.5);
    pen.line(&corners(STOP_PX));
    if sign.holds {
        pen.line(&corners(STOP_PX + 4.0));
    }
    pen.width(1.0);
    if sign.on {
        pen.fill_with(&palette.ground, 1.0);
        pen.rect(x - 2.5, y - 3.0, 2.0, 6.0);
        pen.rect(x + 0.5, y - 3.0, 2.0, 6.0);
    }
}

fn face(pen: &mut impl Ink, palette: &Palette, card: &Card, bus: &BusModel, run: Option<&RunModel>) {
    let Card { x, y, width, height, .. } = *card;
    pen.fill_with(&palette.ground, 1.0);
    pen.stroke_with(&palette.idle);
    pen.round(x + 0.5, y + 0.5, width - 1.0, height - 1.0, if matches!(card.of, Of::Exchange(_)) { height / 2.0 } else { 6.0 });
    pen.fill();
    pen.stroke();
    match card.of {
        Of::Exchange(place) => {
            let exchange = &bus.view.exchanges[place];
            head(pen, palette, card, &exchange.name, &exchange.kind, height / 2.0 + 1.0);
        }
        Of::Queue(place) => {
            let queue = &bus.view.queues[place];
            let now = bus.queue(place);
            if card.height < CARD_PX {
                level(pen, palette, card, Fill::of(bus, place));
                return head(pen, palette, card, &queue.name, &short_count(now.ready.0), height / 2.0);
            }
            head(pen, palette, card, &queue.name, &rate(bus.queue_rate(place), run), 14.0);
            bar(pen, palette, card, Fill::of(bus, place), now);
        }
        Of::Group(place) => {
            let group = &bus.view.groups[place];
            let many = if group.count > 1 { format!("{} ×{}", group.name, group.count) } else { group.name.clone() };
            let sign = match group.role {
                Role::Responder => "answers",
                Role::Requester => "asks",
                Role::Publisher | Role::Consumer => "",
            };
            let rate = rate(bus.group_rate(place), run);
            if card.height < CARD_PX {
                return head(pen, palette, card, &many, &rate, height / 2.0);
            }
            head(pen, palette, card, &many, if rate.is_empty() { sign } else { &rate }, 14.0);
            members(pen, palette, card, bus, place, run);
        }
    }
}

fn rate(rate: Option<f64>, run: Option<&RunModel>) -> String {
    let live = run.is_some_and(RunModel::is_live);
    rate.filter(|_| live).map_or(String::new(), |rate| format!("{}/s", per_second(rate).value))
}

/// The name at the left and something at the right, as far as there is room; the name comes first.
fn head(pen: &mut impl Ink, palette: &Palette, card: &Card, name: &str, beside: &str, y: f64) {
    let room = ((card.width - 2.0 * INSET_PX) / CHARACTER_PX) as usize;
    pen.fill_with(&palette.text, 1.0);
    pen.text(&short(name, room), card.x + INSET_PX, card.y + y);
    let length = beside.chars().count();
    if length > 0 && name.chars().count() + 1 + length <= room {
        pen.fill_with(&palette.quiet, 1.0);
        pen.text(beside, card.x + card.width - INSET_PX - length as f64 * CHARACTER_PX, card.y + y);
    }
}

pub fn short(name: &str, room: usize) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

fn short_count(number: u64) -> String {
    let Figure { value, unit, .. } = count(number);
    format!("{value}{unit}")
}

/// How full a queue is: a part of its bound, or of the most that was ever in it.
#[derive(Clone, Copy)]
struct Fill {
    part: f64,
    /// It has a bound and has come to it.
    full: bool,
}

impl Fill {
    fn of(bus: &BusModel, queue: usize) -> Fill {
        let part = (bus.queue(queue).ready.0 as f64 / bus.room(queue).max(1) as f64).min(1.0);
        Fill { part, full: part >= 1.0 && bus.view.queues[queue].most.is_some() }
    }
}

/// How full a low card's queue is, at the card's foot.
fn level(pen: &mut impl Ink, palette: &Palette, card: &Card, Fill { part, full }: Fill) {
    let Card { x, y, width, height, .. } = *card;
    pen.fill_with(if full { &palette.blocked } else { &palette.busy }, 0.35);
    pen.rect(x + 1.0, y + height - 7.0, (width - 2.0) * part, 6.0);
    if full {
        hatch(pen, palette, x + 1.0, y + height - 7.0, width - 2.0, 6.0);
    }
}

fn bar(pen: &mut impl Ink, palette: &Palette, card: &Card, Fill { part, full }: Fill, now: QueueNow) {
    let (x, y, width) = (card.x + INSET_PX, card.y + 26.0, card.width - 2.0 * INSET_PX);
    pen.fill_with(if full { &palette.blocked } else { &palette.busy }, 0.45);
    pen.rect(x, y, width * part, BAR_PX);
    if full {
        hatch(pen, palette, x, y, width, BAR_PX);
    }
    pen.stroke_with(&palette.line);
    pen.frame(x + 0.5, y + 0.5, width - 1.0, BAR_PX - 1.0);
    pen.fill_with(&palette.text, 1.0);
    let (waiting, unacked) = (format!("{} ready", short_count(now.ready.0)), now.unacked.0);
    let all = if unacked > 0 { format!("{waiting}, {unacked} out") } else { waiting.clone() };
    let fits = |text: &str| text.chars().count() as f64 * CHARACTER_PX <= width - 6.0;
    pen.text(if fits(&all) { &all } else { &waiting }, x + 4.0, y + BAR_PX / 2.0 + 0.5);
}

/// A sign for each client of the group, or, of many, how many there are in each state.
fn members(pen: &mut impl Ink, palette: &Palette, card: &Card, bus: &BusModel, group: usize, run: Option<&RunModel>) {
    let states: Vec<WorkerState> = bus
        .members(group)
        .map(|client| run.and_then(|run| run.workers.get(client)).map_or(WorkerState::Starting, |worker| worker.view.state))
        .collect();
    let (x, y) = (card.x + INSET_PX, card.y + 27.0);
    if states.len() as f64 * SIGN_STEP_PX <= card.width - 2.0 * INSET_PX {
        for (index, state) in states.iter().enumerate() {
            sign(pen, palette, *state, x + index as f64 * SIGN_STEP_PX, y, SIGN_PX);
        }
        return;
    }
    let with = |state| states.iter().filter(|it| **it == state).count();
    let counts = [(WorkerState::Busy, "busy"), (WorkerState::Blocked, "blocked"), (WorkerState::Down, "down")];
    let words: Vec<String> =
        counts.iter().filter(|(state, _)| with(*state) > 0).map(|(state, word)| format!("{} {word}", with(*state))).collect();
    pen.fill_with(&palette.quiet, 1.0);
    let room = ((card.width - 2.0 * INSET_PX) / CHARACTER_PX) as usize;
    pen.text(&short(&words.join(", "), room), x, y + SIGN_PX / 2.0);
}

/// The sign of a state.
pub fn sign(pen: &mut impl Ink, palette: &Palette, state: WorkerState, x: f64, y: f64, side: f64) {
    let colour = match state {
        WorkerState::Starting | WorkerState::Idle => &palette.idle,
        WorkerState::Busy => &palette.busy,
        WorkerState::Blocked => &palette.blocked,
        WorkerState::Down => &palette.down,
    };
    pen.stroke_with(colour);
    match state {
        WorkerState::Busy => {
            pen.fill_with(colour, 1.0);
            pen.rect(x, y, side, side);
        }
        WorkerState::Blocked => {
            hatch(pen, palette, x, y, side, side);
            pen.frame(x + 0.5, y + 0.5, side - 1.0, side - 1.0);
        }
        WorkerState::Down => {
            pen.width(1.75);
            pen.line(&[(x, y), (x + side, y + side)]);
            pen.line(&[(x + side, y), (x, y + side)]);
            pen.width(1.0);
        }
        WorkerState::Starting | WorkerState::Idle => pen.frame(x + 0.5, y + 0.5, side - 1.0, side - 1.0),
    }
}

/// Diagonal lines: something is held back here.
pub fn hatch(pen: &mut impl Ink, palette: &Palette, x: f64, y: f64, width: f64, height: f64) {
    /// Between two lines. Pixels.
    const STEP_PX: f64 = 4.0;
    pen.stroke_with(&palette.blocked);
    let mut at = 0.0;
    while at < width + height {
        // From the foot or the right side up to the left side or the top.
        let (from, to) = (at.min(width), (at - height).max(0.0));
        pen.line(&[(x + from, y + (at - from)), (x + to, y + (at - to))]);
        at += STEP_PX;
    }
}

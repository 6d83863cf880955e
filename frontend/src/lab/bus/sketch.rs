//! Where everything of a bus lies: who makes messages, exchanges, queues, who takes messages, in columns from left to right. Behind who
//! forwards what it takes there are columns of exchanges, queues and takers again.

use shared::wire::{BindingView, BusView, GroupView};

/// Space around a column and between cards. Pixels.
const GAP_PX: f64 = 12.0;
/// Widths of a card. Pixels.
const CARD_PX_MIN: f64 = 96.0;
const CARD_PX_MAX: f64 = 176.0;
/// Height of the card of a group or a queue, and of an exchange or of any card where there is little room. Pixels.
pub const CARD_PX: f64 = 46.0;
const LOW_CARD_PX: f64 = 28.0;
/// The least space between low cards. Pixels.
const LOW_GAP_PX: f64 = 6.0;

/// What a card is of, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Group(usize),
    Exchange(usize),
    Queue(usize),
}

/// A card. Pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Card {
    pub of: Of,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// What goes along a line between two cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// A group's messages.
    Publish(usize),
    /// Messages of an exchange that come to a queue.
    Route(usize),
    /// Deliveries to a group.
    Take(usize),
    /// What dies in a queue.
    Dead(usize),
}

/// A line from one card to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub flow: Flow,
    pub from: usize,
    pub to: usize,
    /// Routing keys, where they tell something.
    pub label: String,
}

/// The whole drawing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    pub size: (f64, f64),
    pub cards: Vec<Card>,
    pub edges: Vec<Edge>,
}

impl Sketch {
    /// In a panel of this size; larger where that is too small.
    pub fn new(view: &BusView, (width, height): (f64, f64)) -> Sketch {
        let hops = Hops::of(view);
        let at = |hops: &[usize], hop: usize, of: fn(usize) -> Of| -> Vec<Of> {
            (0..hops.len()).filter(|place| hops[*place] == hop).map(of).collect()
        };
        let most = hops.groups.iter().copied().max().unwrap_or_default();
        let columns = (0..=most).flat_map(|hop| {
            let (exchanges, queues) = (at(&hops.exchanges, hop, Of::Exchange), at(&hops.queues, hop, Of::Queue));
            [at(&hops.groups, hop, Of::Group), exchanges, queues]
        });
        let columns: Vec<Vec<Of>> = columns.filter(|column| !column.is_empty()).collect();
        let count = columns.len().max(1) as f64;
        let width = width.max(count * (CARD_PX_MIN + 1.25 * GAP_PX));
        let most = columns.iter().map(Vec::len).max().unwrap_or_default() as f64;
        let low = most * (CARD_PX + GAP_PX) + GAP_PX > height;
        let height = if low { height.max(most * (LOW_CARD_PX + LOW_GAP_PX) + LOW_GAP_PX) } else { height };
        let height_of = |of: Of| if low || matches!(of, Of::Exchange(_)) { LOW_CARD_PX } else { CARD_PX };
        let card_width = (width / count - 2.5 * GAP_PX).clamp(CARD_PX_MIN, CARD_PX_MAX);
        // The first column begins at the left edge and the last one ends at the right one.
        let step = if count > 1.0 { (width - card_width - 2.0 * GAP_PX) / (count - 1.0) } else { 0.0 };
        let mut cards = Vec::new();
        for (column, of) in columns.iter().enumerate() {
            let free = height - of.iter().map(|of| height_of(*of)).sum::<f64>();
            let gap = free / (of.len() + 1) as f64;
            let mut y = gap;
            for of in of {
                let height = height_of(*of);
                cards.push(Card { of: *of, x: GAP_PX + column as f64 * step, y, width: card_width, height });
                y += height + gap;
            }
        }
        let mut sketch = Sketch { size: (width, height), cards, edges: Vec::new() };
        sketch.connect(view);
        sketch
    }

    fn connect(&mut self, view: &BusView) {
        for (place, group) in view.groups.iter().enumerate() {
            if let Some(to) = &group.publishes_to {
                self.publish(view, Of::Group(place), to, Flow::Publish(place));
            }
            let queue = view.queues.iter().position(|queue| Some(&queue.name) == group.takes_from.as_ref());
            if let Some(queue) = queue {
                self.edge(Flow::Take(place), Of::Queue(queue), Of::Group(place), String::new());
            }
        }
        for (place, queue) in view.queues.iter().enumerate() {
            for (exchange, known) in view.exchanges.iter().enumerate() {
                let keys: Vec<&str> =
                    queue.bindings.iter().filter(|it| it.exchange == known.name).map(|it| it.key.as_str()).collect();
                if !keys.is_empty() {
                    let label = if known.kind == "fanout" { String::new() } else { keys.join(", ") };
                    self.edge(Flow::Route(place), Of::Exchange(exchange), Of::Queue(place), label);
                }
            }
            if let Some(to) = &queue.dead_letter {
                self.publish(view, Of::Queue(place), to, Flow::Dead(place));
            }
        }
    }

    /// To an exchange, or through the default one to the queue that the key names.
    fn publish(&mut self, view: &BusView, from: Of, to: &BindingView, flow: Flow) {
        if let Some(exchange) = view.exchanges.iter().position(|exchange| exchange.name == to.exchange) {
            self.edge(flow, from, Of::Exchange(exchange), String::new());
        } else {
            // A key that is made for each message may name any queue.
            let fitting = view.queues.iter().enumerate().filter(|(_, queue)| to.key.is_empty() || queue.name == to.key);
            for (queue, _) in fitting {
                self.edge(flow, from, Of::Queue(queue), String::new());
            }
        }
    }

    fn edge(&mut self, flow: Flow, from: Of, to: Of, label: String) {
        let place = |of: Of| self.cards.iter().position(|card| card.of == of);
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            self.edges.push(Edge { flow, from, to, label });
        }
    }

    /// The card under a point.
    pub fn card_at(&self, x: f64, y: f64) -> Option<&Card> {
        let holds = |card: &&Card| x >= card.x && x <= card.x + card.width && y >= card.y && y <= card.y + card.height;
        self.cards.iter().find(holds)
    }

    /// The edge that is nearest to a point, within a few pixels.
    pub fn edge_at(&self, x: f64, y: f64) -> Option<&Edge> {
        const REACH_PX: f64 = 10.0;
        const PARTS: u32 = 32;
        let distance = |edge: &Edge| {
            let curve = self.curve(edge);
            let apart = |part| {
                let (on_x, on_y) = along(curve, f64::from(part) / f64::from(PARTS));
                (on_x - x).hypot(on_y - y)
            };
            (0..=PARTS).map(apart).fold(f64::INFINITY, f64::min)
        };
        let near = self.edges.iter().map(|edge| (distance(edge), edge)).filter(|(distance, _)| *distance <= REACH_PX);
        near.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, edge)| edge)
    }

    /// The corners of an edge's curve: where it leaves, two handles, where it arrives.
    pub fn curve(&self, edge: &Edge) -> [(f64, f64); 4] {
        let (from, to) = (&self.cards[edge.from], &self.cards[edge.to]);
        let middle = |card: &Card| card.y + card.height / 2.0;
        if to.x > from.x {
            let (x0, x1) = (from.x + from.width, to.x);
            let bend = (x1 - x0) / 2.0;
            return [(x0, middle(from)), (x0 + bend, middle(from)), (x1 - bend, middle(to)), (x1, middle(to))];
        }
        // Back: out at the foot, in at the foot.
        let (x0, x1) = (from.x + from.width / 2.0, to.x + to.width / 2.0);
        let (y0, y1) = (from.y + from.height, to.y + to.height);
        let below = y0.max(y1) + 2.0 * GAP_PX;
        [(x0, y0), (x0, below), (x1, below), (x1, y1)]
    }
}

/// How often a message has been taken when it comes to each group, exchange and queue, at least. Who makes messages takes none.
#[derive(Debug, Default)]
struct Hops {
    groups: Vec<usize>,
    exchanges: Vec<usize>,
    queues: Vec<usize>,
}

impl Hops {
    fn of(view: &BusView) -> Hops {
        const FAR: usize = usize::MAX;
        let maker = |group: &GroupView| if group.takes_from.is_none() { 0 } else { FAR };
        let mut hops = Hops {
            groups: view.groups.iter().map(maker).collect(),
            exchanges: vec![FAR; view.exchanges.len()],
            queues: vec![FAR; view.queues.len()],
        };
        while hops.come_nearer(view) {}
        // What nobody publishes to comes first.
        let nowhere = |hops: &mut Vec<usize>| hops.iter_mut().filter(|hops| **hops == FAR).for_each(|hops| *hops = 0);
        nowhere(&mut hops.exchanges);
        nowhere(&mut hops.queues);
        while hops.come_nearer(view) {}
        nowhere(&mut hops.groups);
        hops
    }

    /// Looks along every way once; whether one was shorter than what was known.
    fn come_nearer(&mut self, view: &BusView) -> bool {
        let mut nearer = false;
        let mut take = |known: &mut usize, hops: usize| {
            nearer |= hops < *known;
            *known = hops.min(*known);
        };
        for (group, hops) in view.groups.iter().zip(&mut self.groups) {
            let queue = view.queues.iter().position(|queue| Some(&queue.name) == group.takes_from.as_ref());
            if let Some(queue) = queue {
                take(hops, self.queues[queue].saturating_add(1));
            }
        }
        let groups =
            view.groups.iter().zip(&self.groups).filter_map(|(group, hops)| Some((group.publishes_to.as_ref()?, *hops)));
        let queues =
            view.queues.iter().zip(&self.queues).filter_map(|(queue, hops)| Some((queue.dead_letter.as_ref()?, *hops)));
        let published: Vec<(&BindingView, usize)> = groups.chain(queues).collect();
        for (exchange, hops) in view.exchanges.iter().zip(&mut self.exchanges) {
            let here = published.iter().filter(|(to, _)| to.exchange == exchange.name);
            here.for_each(|(_, from)| take(hops, *from));
        }
        for (queue, hops) in view.queues.iter().zip(&mut self.queues) {
            let here = published.iter().filter(|(to, _)| to.exchange.is_empty() && to.key == queue.name);
            here.for_each(|(_, from)| take(hops, *from));
            let bound = |name: &str| queue.bindings.iter().any(|binding| binding.exchange == name);
            let exchanges = view.exchanges.iter().zip(&self.exchanges).filter(|(exchange, _)| bound(&exchange.name));
            exchanges.for_each(|(_, from)| take(hops, *from));
        }
        nearer
    }
}

/// The point of a curve at this part of its way, 0 to 1.
pub fn along(curve: [(f64, f64); 4], part: f64) -> (f64, f64) {
    let rest = 1.0 - part;
    let weights = [rest.powi(3), 3.0 * rest * rest * part, 3.0 * rest * part * part, part.powi(3)];
    let sum = |of: fn(&(f64, f64)) -> f64| curve.iter().zip(weights).map(|(point, weight)| of(point) * weight).sum();
    (sum(|point| point.0), sum(|point| point.1))
}

#[cfg(test)]
mod tests {
    use shared::wire::{ExchangeView, QueueView, Role};

    use super::*;

    fn binding(exchange: &str, key: &str) -> BindingView {
        BindingView { exchange: exchange.to_owned(), key: key.to_owned() }
    }

    fn queue(name: &str, bindings: Vec<BindingView>, dead_letter: Option<BindingView>) -> QueueView {
        QueueView { name: name.to_owned(), bindings, most: None, overload: "buffer".to_owned(), dead_letter }
    }

    fn group(name: &str, publishes_to: Option<BindingView>, takes_from: Option<&str>) -> GroupView {
        let role = if publishes_to.is_some() { Role::Publisher } else { Role::Consumer };
        let takes_from = takes_from.map(str::to_owned);
        GroupView { name: name.to_owned(), count: 2, role, publishes_to, takes_from, about: String::new() }
    }

    fn view() -> BusView {
        BusView {
            exchanges: vec![ExchangeView { name: "logs".to_owned(), kind: "topic".to_owned() }],
            queues: vec![
                queue("errors", vec![binding("logs", "*.error"), binding("logs", "#")], Some(binding("", "dead"))),
                queue("dead", Vec::new(), None),
            ],
            groups: vec![
                group("web", Some(binding("logs", "")), None),
                group("direct", Some(binding("", "dead")), None),
                group("reader", None, Some("errors")),
            ],
            ..BusView::default()
        }
    }

    #[test]
    fn messages_go_from_left_to_right() {
        let sketch = Sketch::new(&view(), (800.0, 240.0));
        let mut lines: Vec<_> = sketch
            .edges
            .iter()
            .map(|edge| (sketch.cards[edge.from].of, sketch.cards[edge.to].of, edge.label.as_str()))
            .collect();
        let wanted = [
            (Of::Group(0), Of::Exchange(0), ""),
            (Of::Group(1), Of::Queue(1), ""),
            (Of::Queue(0), Of::Group(2), ""),
            (Of::Exchange(0), Of::Queue(0), "*.error, #"),
            (Of::Queue(0), Of::Queue(1), ""),
        ];
        lines.truncate(wanted.len());
        assert_eq!(lines, wanted);
        assert_eq!(sketch.edges.len(), wanted.len());
        let forward = |edge: &&Edge| !matches!(edge.flow, Flow::Dead(_));
        assert!(sketch.edges.iter().filter(forward).all(|edge| sketch.cards[edge.from].x < sketch.cards[edge.to].x));
    }

    #[test]
    fn what_is_forwarded_goes_on_to_the_right_and_what_comes_back_does_not_move_anything() {
        let forwards = |name: &str, from: &str, to: &str| group(name, Some(binding("", to)), Some(from));
        let view = BusView {
            queues: ["orders", "checked", "packed"].map(|name| queue(name, Vec::new(), None)).into(),
            groups: vec![
                group("shop", Some(binding("", "orders")), None),
                forwards("check", "orders", "checked"),
                forwards("pack", "checked", "packed"),
                forwards("again", "packed", "orders"),
                group("ship", None, Some("packed")),
            ],
            ..BusView::default()
        };
        let sketch = Sketch::new(&view, (1_200.0, 300.0));
        let x = |of: Of| sketch.cards.iter().find(|card| card.of == of).unwrap().x;
        let way = [Of::Group(0), Of::Queue(0), Of::Group(1), Of::Queue(1), Of::Group(2), Of::Queue(2), Of::Group(4)];
        assert!(way.windows(2).all(|pair| x(pair[0]) < x(pair[1])), "{:?}", sketch.cards);
        assert_eq!(x(Of::Group(3)), x(Of::Group(4)));
    }

    #[test]
    fn cards_lie_apart_and_in_the_drawing_however_small_the_panel() {
        for size in [(1_000.0, 400.0), (360.0, 120.0), (0.0, 0.0)] {
            let sketch = Sketch::new(&view(), size);
            let (width, height) = sketch.size;
            for (index, card) in sketch.cards.iter().enumerate() {
                assert!(card.x >= 0.0 && card.x + card.width <= width, "{size:?} {card:?}");
                assert!(card.y >= 0.0 && card.y + card.height <= height, "{size:?} {card:?}");
                for other in &sketch.cards[index + 1..] {
                    let apart = card.x + card.width <= other.x || card.y + card.height <= other.y;
                    assert!(apart, "{size:?}: {card:?} and {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_point_finds_the_line_under_it() {
        let sketch = Sketch::new(&view(), (800.0, 240.0));
        for edge in &sketch.edges {
            let (x, y) = along(sketch.curve(edge), 0.5);
            assert!(sketch.edge_at(x, y + 1.0).is_some(), "{edge:?}");
        }
        let edge = &sketch.edges[0];
        let (x, y) = along(sketch.curve(edge), 0.25);
        assert_eq!(sketch.edge_at(x, y), Some(edge));
        assert_eq!(sketch.edge_at(-50.0, -50.0), None);
    }

    #[test]
    fn a_curve_ends_at_its_cards() {
        let curve = [(0.0, 0.0), (5.0, 0.0), (5.0, 10.0), (10.0, 10.0)];
        assert_eq!((along(curve, 0.0), along(curve, 0.5), along(curve, 1.0)), ((0.0, 0.0), (5.0, 5.0), (10.0, 10.0)));
    }
}

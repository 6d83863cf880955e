//! The space-time view: a line for each node, and from line to line the messages, slanted from where and when they were sent to where and
//! when they arrived (Lamport, "Time, clocks, and the ordering of events", 1978). One that was lost ends half-way with a cross.
//!
//! The messages of what is shown are asked for while somebody looks, and of nothing else. Of very many there is a sample.

use std::rc::Rc;
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use shared::id::NodeId;
use shared::time::Time;
use shared::wire::{About, Command, Fate, MessageView, Messages, Place};

use super::draw::{axis, present};
use super::scale::{AXIS_PX, FLAGS_PX, Scale};
use super::{now_of, range, scale_of};
use crate::components::palette::{Palette, use_palette};
use crate::components::pen::{Ink, Pen};
use crate::lab::format::{bytes, duration_ms, grouped};
use crate::lab::inspect::Selected;
use crate::lab::model::RunModel;
use crate::lab::names::task_name;
use crate::lab::state::{Lab, Which, use_lab, wall_ms};

/// Between two questions.
const ASKED_EVERY_MS: f64 = 300.0;
/// How far from a line the pointer may be. Pixels.
const REACH_PX: f64 = 5.0;
/// Height of a name. Pixels.
const NAME_PX: f64 = 11.0;

/// What is under a point of the view, in words, and what a click there selects.
pub type Under = Option<(Vec<String>, Selected)>;
/// Looks for it.
pub type Probe = StoredValue<Option<Rc<dyn Fn(f64, f64) -> Under>>, LocalStorage>;

/// Messages that look the same.
#[derive(Clone, Copy)]
struct Class {
    name: &'static str,
    colour: fn(&Palette) -> &String,
    dash: &'static [f64],
}

const OF_BATCH: [Class; 4] = [
    Class { name: "work given", colour: |palette| &palette.accent, dash: &[] },
    Class { name: "work done", colour: |palette| &palette.done, dash: &[7.0, 3.0] },
    Class { name: "data fetched", colour: |palette| &palette.blocked, dash: &[2.0, 2.0] },
    Class { name: "signs of life", colour: |palette| &palette.idle, dash: &[1.0, 4.0] },
];
const OF_BUS: [Class; 4] = [
    Class { name: "published", colour: |palette| &palette.accent, dash: &[] },
    Class { name: "delivered", colour: |palette| &palette.done, dash: &[7.0, 3.0] },
    Class { name: "settled", colour: |palette| &palette.blocked, dash: &[2.0, 2.0] },
    Class { name: "all else", colour: |palette| &palette.idle, dash: &[1.0, 4.0] },
];

/// Its class's place.
fn class_of(message: &MessageView) -> usize {
    match message.kind.as_str() {
        "assign" | "map_at" | "cancel" | "publish" => 0,
        "map_done" | "reduce_done" | "failed" | "unfetchable" | "accepted" | "deliver" | "redeliver" => 1,
        "fetch" | "fetched" | "ack" | "requeue" | "reject" | "confirm" | "nack" | "return" => 2,
        _ => 3,
    }
}

/// What is hidden of the classes.
type Hidden = [bool; 4];

/// What is asked for: of this run, told anew so often, with so many faults wished for, from then to then.
type Asked = (u32, u32, usize, (Time, Time));

#[component]
pub fn SpaceTime(#[prop(into)] size: Signal<(f64, f64)>, probe: Probe) -> impl IntoView {
    let lab = use_lab();
    let canvas = NodeRef::<html::Canvas>::new();
    let palette = use_palette();
    let hidden = RwSignal::new(Hidden::default());
    ask(lab);
    Effect::new(move |_| {
        let (size, window, selected, hidden) = (size.get(), lab.window.get(), lab.selected.get(), hidden.get());
        let (Some(canvas), true) = (canvas.get(), lab.messages_shown.get()) else { return };
        palette.with(|palette| {
            lab.run.with(|run| {
                let scale = scale_of(size, run, window).map(|scale| with_lanes(scale, run));
                if let (Some(scale), Some(mut pen)) = (scale, Pen::on(&canvas, size)) {
                    paint(&mut pen, scale, run, palette, selected, hidden);
                }
            });
        });
    });
    let look = move |x: f64, y: f64| {
        lab.run.with_untracked(|run| {
            let scale = with_lanes(scale_of(size.get_untracked(), run, lab.window.get_untracked())?, run);
            let message = nearest(scale, run, hidden.get_untracked(), x, y)?;
            Some((describe(run, message), Selected::Message(message.id)))
        })
    };
    probe.set_value(Some(Rc::new(look)));
    on_cleanup(move || drop(probe.try_set_value(None)));
    let told = Memo::new(move |_| {
        let window = lab.window.get();
        lab.run.with(|run| told(run, range(window, run.shown)))
    });
    let is_bus = Memo::new(move |_| lab.run.with(|run| run.bus.is_some()));
    // Of real workers there is nothing but a sentence.
    let known = Memo::new(move |_| lab.run.with(|run| matches!(run.place, None | Some(Place::Simulate))));
    let keys = move || {
        let classes = if is_bus.get() { OF_BUS } else { OF_BATCH };
        let colours = palette.get();
        let key = move |(place, class): (usize, Class)| {
            let dash: Vec<String> = class.dash.iter().map(f64::to_string).collect();
            let line = format!(
                "<svg width=\"22\" height=\"8\" aria-hidden=\"true\"><line x1=\"0\" y1=\"4\" x2=\"22\" y2=\"4\" stroke=\"{}\" \
                 stroke-width=\"2\" stroke-dasharray=\"{}\"/></svg>{}",
                (class.colour)(&colours),
                dash.join(" "),
                class.name
            );
            view! {
                <button
                    class="quiet small"
                    data-testid=format!("messages-class-{place}")
                    aria-pressed=move || if hidden.get()[place] { "false" } else { "true" }
                    on:click=move |_| hidden.update(|hidden| hidden[place] = !hidden[place])
                    inner_html=line
                ></button>
            }
        };
        classes.into_iter().enumerate().map(key).collect_view()
    };
    view! {
        <div class="messages" class:hidden=move || !lab.messages_shown.get()>
            <canvas node_ref=canvas role="img" data-testid="messages" aria-label=told></canvas>
            <div class="messages-row" class:hidden=move || !known.get()>
                <span class="messages-keys" role="group" aria-label="Which messages are shown">{keys}</span>
            </div>
            <p class="hint" class:messages-count=known class:empty=move || !known.get() data-testid="messages-told" title=told>{told}</p>
        </div>
    }
}

/// Asks for the messages of what is shown, as often as that or the moment that the run is at has changed, and takes the answers in.
fn ask(lab: Lab) {
    let id = StoredValue::new(0);
    let last = StoredValue::new(None::<(Asked, Time)>);
    // When the last question was asked, if it is not answered, and from when on there can be another.
    let (asked_ms, free_ms) = (StoredValue::new(None::<f64>), StoredValue::new(f64::NEG_INFINITY));
    let due = StoredValue::new(None::<TimeoutHandle>);
    let wanted = move || {
        let window = lab.window.get_untracked();
        lab.run.with_untracked(|run| {
            let pace = run.pace.as_ref().filter(|_| run.can_be_sought())?;
            let stretch = range(window, run.shown);
            // What is behind the moment that the run is at is asked for again when that has come nearer to the stretch's end.
            Some(((run.run, run.told_anew, pace.wished.len(), stretch), run.now.clamp(stretch.0, stretch.1)))
        })
    };
    let send = move || {
        due.set_value(None);
        let Some(now @ ((run, _, _, (from, to)), _)) = wanted().filter(|now| last.get_value() != Some(*now)) else { return };
        last.set_value(Some(now));
        asked_ms.set_value(Some(wall_ms()));
        free_ms.set_value(wall_ms() + ASKED_EVERY_MS);
        id.set_value(lab.next_id());
        let Some(place) = lab.run.with_untracked(|run| run.place) else { return };
        lab.send(Which::of(place), &Command::Messages { run, id: id.get_value(), from, to, about: None });
    };
    Effect::new(move |_| {
        lab.window.track();
        lab.run.track();
        let (before, now) = (last.get_value(), wanted());
        if !lab.messages_shown.get() || due.with_value(Option::is_some) || before == now {
            return;
        }
        // The moment goes on while an answer is on its way; only for another stretch is that not awaited.
        let same_stretch = before.zip(now).is_some_and(|(before, now)| before.0 == now.0);
        if same_stretch && asked_ms.with_value(Option::is_some) {
            return;
        }
        let wait_ms = free_ms.get_value() - wall_ms();
        if wait_ms <= 0.0 {
            send();
        } else {
            due.set_value(set_timeout_with_handle(send, Duration::from_millis(wait_ms.ceil() as u64)).ok());
        }
    });
    Effect::new(move |_| {
        let Some((of, bytes)) = lab.answer.get().filter(|(of, _)| *of == id.get_value()) else { return };
        // What is no answer is none: the engine and the page are of one build.
        let Ok(mut answer) = serde_json::from_slice::<Messages>(&bytes.to_vec()) else { return };
        let run = last.get_value().map(|((run, ..), _)| run);
        // An answer that took its time is not asked for all the time: the run is to go on, too.
        let took_ms = asked_ms.try_update_value(Option::take).flatten().map_or(0.0, |asked| wall_ms() - asked);
        free_ms.set_value(wall_ms() + ASKED_EVERY_MS.max(2.0 * took_ms));
        let selected = lab.selected.get_untracked();
        lab.answer.set(None);
        lab.run.maybe_update(|model| {
            let fits = run == Some(model.run) && of == id.get_value();
            if fits {
                // What is looked at closely stays known.
                if let Some(known) = selected.and_then(|selected| message_of(model, selected))
                    && answer.messages.iter().all(|message| message.id != known.id)
                {
                    let kin = known.clone();
                    answer.messages.push(kin);
                }
                model.messages = Some(Box::new(answer));
            }
            fits
        });
    });
    on_cleanup(move || due.try_update_value(Option::take).flatten().iter().for_each(TimeoutHandle::clear));
}

/// The message that is selected, if one is and is known.
pub fn message_of(run: &RunModel, selected: Selected) -> Option<&MessageView> {
    let Selected::Message(id) = selected else { return None };
    run.messages.as_ref()?.messages.iter().find(|message| message.id == id)
}

/// All that is known of what this is about, in the order in which it was sent.
pub fn kin<'a>(run: &'a RunModel, message: &'a MessageView) -> impl Iterator<Item = &'a MessageView> {
    let all = run.messages.as_ref().map_or(&[][..], |messages| &messages.messages);
    all.iter().filter(move |other| other.id == message.id || (message.about.is_some() && same(other.about, message.about)))
}

/// Executions of one task belong together.
fn same(a: Option<About>, b: Option<About>) -> bool {
    match (a, b) {
        (Some(About::Task { phase, task, .. }), Some(About::Task { phase: other, task: number, .. })) => {
            (phase, task) == (other, number)
        }
        (a, b) => a == b,
    }
}

/// A node's name.
pub fn node_name(run: &RunModel, node: NodeId) -> String {
    match (node, &run.bus) {
        (NodeId::Coordinator, Some(_)) => "broker".to_owned(),
        (NodeId::Worker(number), Some(bus)) => bus.name(number.saturating_sub(1) as usize),
        (node, None) => node.to_string(),
    }
}

/// What it says, in words.
pub fn said(message: &MessageView) -> String {
    message.kind.replace('_', " ")
}

/// What became of it, in words.
pub fn fate(message: &MessageView) -> &'static str {
    match message.fate {
        Fate::Arrived => "arrived",
        Fate::Underway => "under way",
        Fate::Lost => "lost on the way",
        Fate::Nobody => "came to a node that was not there",
        Fate::Dropped => "dropped by a fault",
        Fate::Requeued => "sent back to its queue by a fault",
        Fate::Edited => "edited by a fault",
    }
}

/// What it is about, in words.
pub fn about(run: &RunModel, message: &MessageView) -> Option<String> {
    Some(match message.about? {
        About::Task { phase, task, attempt } => format!("{}, execution {attempt}", task_name(run.stages(), phase, task)),
        About::Message { publisher, number } => {
            format!("message {} of {}", grouped(number), node_name(run, NodeId::Worker(publisher)))
        }
    })
}

fn describe(run: &RunModel, message: &MessageView) -> Vec<String> {
    let length = duration_ms(message.arrives.since(message.sent).0 as f64 / 1e3);
    let size = bytes(message.bytes.0);
    let when = match message.fate {
        Fate::Lost => format!("sent at {}, {}", message.sent, fate(message)),
        _ => format!("sent at {}, {} {} on its way", message.sent, length.value, length.unit),
    };
    let route = format!("{} to {}", node_name(run, message.from), node_name(run, message.to));
    let fate = (message.fate != Fate::Lost).then(|| fate(message).to_owned());
    let lines = [Some(said(message)), Some(route), Some(when), fate, about(run, message)];
    lines.into_iter().flatten().chain([format!("{} {}", size.value, size.unit)]).collect()
}

/// How many messages there are, in a sentence; or why there are none.
fn told(run: &RunModel, shown: (Time, Time)) -> String {
    if run.started.is_some() && run.place != Some(Place::Simulate) {
        return "Nobody writes down the messages between real workers: simulate it at a pace to see them.".to_owned();
    }
    match &run.messages {
        Some(known) if (known.from, known.to) == shown => match (known.total, known.messages.len() as u64) {
            (0, _) => "Nothing was under way in this stretch.".to_owned(),
            (1, _) => "1 message".to_owned(),
            (total, some) if some < total => format!(
                "{} of {} messages, {:.1} %: zoom in for all",
                grouped(some),
                grouped(total),
                100.0 * some as f64 / total as f64
            ),
            (total, _) => format!("{} messages", grouped(total)),
        },
        _ => "The messages are coming.".to_owned(),
    }
}

/// A lane for each node, the coordinator or broker first.
pub fn with_lanes(scale: Scale, run: &RunModel) -> Scale {
    let workers = run.started.as_ref().map_or(0, |started| started.workers as usize);
    Scale { lanes: 1 + workers.max(run.workers.len()), ..scale }
}

/// The line of a node.
fn line_of(scale: Scale, node: NodeId) -> f64 {
    let place = match node {
        NodeId::Coordinator => 0.5,
        NodeId::Worker(number) => f64::from(number) + 0.5,
    };
    FLAGS_PX + (scale.height - AXIS_PX - FLAGS_PX) * place / scale.lanes.max(1) as f64
}

/// Where a message is seen: its ends, as far as they are shown.
fn ends(scale: Scale, message: &MessageView) -> Option<[(f64, f64); 2]> {
    let (from, to) = (line_of(scale, message.from), line_of(scale, message.to));
    let (left, right) = (scale.x(message.sent), scale.x(message.arrives));
    // A lost one ends half-way.
    let (right, to) = if message.fate == Fate::Lost { ((left + right) / 2.0, (from + to) / 2.0) } else { (right, to) };
    let (least, most) = (scale.gutter(), scale.gutter() + scale.usable());
    if right < least || left > most {
        return None;
    }
    let at = |x: f64| if right > left { (x, from + (to - from) * (x - left) / (right - left)) } else { (x, to) };
    let first = if left < least { at(least) } else { (left, from) };
    let last = if right > most { at(most) } else { (right, to) };
    Some([first, last])
}

fn nearest(scale: Scale, run: &RunModel, hidden: Hidden, x: f64, y: f64) -> Option<&MessageView> {
    let messages = &run.messages.as_ref()?.messages;
    let seen = messages.iter().filter(|message| !hidden[class_of(message)]);
    let near = seen.filter_map(|message| {
        let [(ax, ay), (bx, by)] = ends(scale, message)?;
        let (dx, dy) = (bx - ax, by - ay);
        let length = dx * dx + dy * dy;
        let share = if length > 0.0 { (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
        let distance = (x - ax - share * dx).hypot(y - ay - share * dy);
        (distance <= REACH_PX).then_some((distance, message))
    });
    near.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, message)| message)
}

/// All of the view: what the page shows, and a picture that leaves it.
pub fn paint(
    pen: &mut impl Ink,
    scale: Scale,
    run: &RunModel,
    palette: &Palette,
    selected: Option<Selected>,
    hidden: [bool; 4],
) {
    axis(pen, scale, palette);
    lines(pen, scale, run, palette);
    let messages = run.messages.as_ref().map_or(&[][..], |messages| &messages.messages);
    let classes = if run.bus.is_some() { OF_BUS } else { OF_BATCH };
    for (place, class) in classes.into_iter().enumerate().rev().filter(|(place, _)| !hidden[*place]) {
        pen.stroke_with((class.colour)(palette));
        pen.dash(class.dash);
        for message in messages.iter().filter(|message| class_of(message) == place) {
            if let Some(ends) = ends(scale, message) {
                pen.line(&ends);
            }
        }
    }
    pen.dash(&[]);
    for message in messages.iter().filter(|message| !hidden[class_of(message)]) {
        mark(pen, scale, message, palette);
    }
    if let Some(message) = selected.and_then(|selected| message_of(run, selected)) {
        pen.stroke_with(&palette.text);
        pen.width(2.0);
        for kin in kin(run, message) {
            if let Some(ends) = ends(scale, kin) {
                pen.line(&ends);
            }
        }
        if let Some([(x, y), _]) = ends(scale, message) {
            pen.width(1.5);
            pen.frame(x - 3.5, y - 3.5, 7.0, 7.0);
        }
        pen.width(1.0);
    }
    present(pen, scale, run, now_of(run), palette);
}

/// A line for each node, with its name where there is room for one.
fn lines(pen: &mut impl Ink, scale: Scale, run: &RunModel, palette: &Palette) {
    let mut free = 0.0;
    for place in 0..scale.lanes as u32 {
        let node = if place == 0 { NodeId::Coordinator } else { NodeId::Worker(place) };
        let y = line_of(scale, node);
        pen.stroke_with(&palette.line);
        pen.line(&[(scale.gutter(), y), (scale.gutter() + scale.usable(), y)]);
        if y >= free {
            pen.fill_with(&palette.quiet, 1.0);
            pen.text(&scale.lane_name(&node_name(run, node)), 2.0, y);
            free = y + NAME_PX;
        }
    }
}

/// What tells how it ended: a cross for one that did not arrive.
fn mark(pen: &mut impl Ink, scale: Scale, message: &MessageView, palette: &Palette) {
    const REACH: f64 = 3.5;
    if matches!(message.fate, Fate::Arrived | Fate::Underway | Fate::Edited) {
        return;
    }
    let Some([_, (x, y)]) = ends(scale, message) else { return };
    pen.stroke_with(&palette.down);
    pen.width(1.5);
    pen.line(&[(x - REACH, y - REACH), (x + REACH, y + REACH)]);
    pen.line(&[(x + REACH, y - REACH), (x - REACH, y + REACH)]);
    pen.width(1.0);
}

#[cfg(test)]
mod tests {
    use shared::time::Span;
    use shared::wire::{Bytes, Phase};

    use super::*;
    use crate::lab::model::story;

    fn message(id: u32, kind: &str, to: u32, sent: u64, fate: Fate) -> MessageView {
        MessageView {
            id,
            kind: kind.to_owned(),
            from: NodeId::Coordinator,
            to: NodeId::Worker(to),
            sent: Time(sent),
            arrives: Time(sent + 1_000),
            fate,
            bytes: Bytes(128),
            about: Some(About::Task { phase: Phase::Map, task: id / 10, attempt: 1 }),
        }
    }

    fn run() -> RunModel {
        let mut run = story::run(vec![story::stage("map", Phase::Map, 0, 2, &[])], Vec::new(), &[]);
        run.shown = Span(10_000);
        let messages = vec![
            message(10, "assign", 1, 1_000, Fate::Arrived),
            message(11, "map_done", 1, 4_000, Fate::Lost),
            message(20, "heartbeat", 1, 6_000, Fate::Arrived),
        ];
        let (from, to) = (Time(0), Time(10_000));
        run.messages = Some(Box::new(Messages { from, to, until: to, total: 30, messages }));
        run
    }

    const SCALE: Scale = Scale { width: 500.0, height: 232.0, lanes: 2, from: Time(0), to: Time(10_000) };

    #[test]
    fn the_line_under_the_pointer_is_told_and_its_kin_found() {
        let run = run();
        let middle = (SCALE.x(Time(1_500)), (line_of(SCALE, NodeId::Coordinator) + line_of(SCALE, NodeId::Worker(1))) / 2.0);
        let found = nearest(SCALE, &run, [false; 4], middle.0, middle.1).unwrap();
        assert_eq!(found.id, 10);
        let words = describe(&run, found);
        assert_eq!(words[..3], ["assign", "coordinator to worker-1", "sent at 0.001000 s, 1 ms on its way"]);
        assert_eq!(words[4], "map-1, execution 1");
        assert_eq!(kin(&run, found).map(|kin| kin.id).collect::<Vec<_>>(), [10, 11]);
        assert_eq!(nearest(SCALE, &run, [true, false, false, false], middle.0, middle.1), None, "what is hidden is not there");
        assert_eq!(nearest(SCALE, &run, [false; 4], middle.0 + 60.0, middle.1), None);
    }

    #[test]
    fn a_lost_message_ends_half_way_and_what_is_beside_the_picture_is_cut() {
        let run = run();
        let lost = &run.messages.as_ref().unwrap().messages[1];
        let [from, to] = ends(SCALE, lost).unwrap();
        assert!((to.0 - SCALE.x(Time(4_500))).abs() < 1e-6 && to.1 > from.1 && to.1 < line_of(SCALE, NodeId::Worker(1)));
        let near = Scale { from: Time(1_250), to: Time(1_750), ..SCALE };
        let [from, to] = ends(near, &run.messages.as_ref().unwrap().messages[0]).unwrap();
        assert_eq!((from.0, to.0), (near.gutter(), near.gutter() + near.usable()));
        assert!(from.1 > line_of(near, NodeId::Coordinator) && to.1 < line_of(near, NodeId::Worker(1)));
        assert_eq!(ends(near, lost), None);
    }

    #[test]
    fn a_sample_says_of_how_many_it_is() {
        let mut run = run();
        assert!(told(&run, (Time(0), Time(10_000))).starts_with("Nobody writes down"));
        run.place = Some(Place::Simulate);
        assert_eq!(told(&run, (Time(0), Time(10_000))), "3 of 30 messages, 10.0 %: zoom in for all");
        assert_eq!(told(&run, (Time(0), Time(5_000))), "The messages are coming.");
    }
}

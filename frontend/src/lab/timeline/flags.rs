//! The faults of the text on the timeline, each with a handle: dragged to another moment, or moved there by the keys, it is written into the
//! text, and the run is simulated again up to the moment that is looked at.
//!
//! What has happened has a flag in the picture, too, which tells what came of it; one that is only planned is hollow.

use std::collections::BTreeMap;

use leptos::html;
use leptos::prelude::*;
use shared::fault::Moment;
use shared::fault::text::{Item, items};
use shared::time::{Span, Time};
use shared::wire::Place;
use web_sys::{KeyboardEvent, MouseEvent, PointerEvent};

use super::scale::{AXIS_PX, Scale};
use super::{DRAG_PX_MIN, scale_of};
use crate::components::html::{escape, icon, wanted};
use crate::components::pen::CHARACTER_PX;
use crate::components::tip::{Note, Tip};
use crate::lab::format::{Figure, virtual_clock};
use crate::lab::model::RunModel;
use crate::lab::state::use_lab;

/// How much of what is shown an arrow key moves a flag, and a page key.
const ARROW_PART: f64 = 0.01;
const PAGE_PART: f64 = 0.1;
/// From a flag's pole to its words, and from those to the next pole. Pixels.
const WORDS_PX: f64 = 10.0;
const APART_PX: f64 = 4.0;
/// Where the pole is in its handle. Pixels.
const POLE_PX: f64 = 8.0;
/// The run's clock and the moment of a fault that happens at it may differ by so much: a wish comes at the first moment of which nothing
/// has happened yet.
const SAME_MICROS_MAX: u64 = 1;

/// When a fault comes that is about one message.
pub const WITH_ITS_MESSAGE: &str = "when that message comes";

/// A fault of the text in the picture.
#[derive(Clone, Debug, PartialEq)]
struct Flag {
    /// Its place in the text.
    index: usize,
    at: Time,
    /// What it is, in two or three words.
    what: String,
    /// Its moment as the text says it.
    when: String,
    /// It has happened at the moment that is looked at.
    is_past: bool,
    /// Its moment in the run is known, and not reckoned.
    is_sure: bool,
    /// Its moment can be changed.
    moves: bool,
    /// Its moment is this share of the progress, and stays one when it is moved.
    share: Option<f64>,
}

/// A flag that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    index: usize,
    at: Time,
}

#[component]
pub fn Flags(#[prop(into)] size: Signal<(f64, f64)>, frame: NodeRef<html::Div>) -> impl IntoView {
    let lab = use_lab();
    let tip = expect_context::<Tip>();
    let there = Memo::new(move |_| {
        let can = lab.run.with(|run| run.place == Some(Place::Simulate) && run.can_be_sought());
        can && lab.text_runs()
    });
    let planned = Memo::new(move |_| if there.get() { lab.text.with(|text| items(text)) } else { Vec::new() });
    let seen = StoredValue::new((0, Seen::default()));
    let flags = Memo::new(move |_| {
        planned.with(|items| {
            lab.run.with(|run| {
                let flags = seen.try_update_value(|(of, seen)| {
                    // What was seen of another run is a good guess where only its faults were changed.
                    if *of != run.run && lab.edits.with_untracked(Vec::is_empty) {
                        seen.clear();
                    }
                    *of = run.run;
                    flags(items, run, seen)
                });
                flags.unwrap_or_default()
            })
        })
    });
    let places = Memo::new(move |_| flags.with(|flags| flags.iter().map(|flag| flag.index).collect::<Vec<_>>()));
    Effect::new(move |_| {
        let planned: Vec<Time> = flags.with(|flags| flags.iter().filter(|flag| !flag.is_past).map(|flag| flag.at).collect());
        if lab.run.with_untracked(|run| run.planned != planned) {
            lab.run.update(|run| run.planned = planned);
        }
    });
    let scale = Memo::new(move |_| {
        let size = size.get();
        let window = lab.window.get();
        lab.run.with(|run| scale_of(size, run, window))
    });
    let held = RwSignal::new(None::<Held>);
    // Where the pointer went down on a flag, until it comes up; and whether it has moved since, so that the click at its end is none.
    let pressed = StoredValue::new(None::<f64>);
    let was_dragged = StoredValue::new(false);
    let open = RwSignal::new(None::<usize>);
    let is_held = move |index| held.get().filter(|held| held.index == index).map(|held| held.at);
    let let_go = move || {
        pressed.set_value(None);
        if let Some(Held { index, at }) = held.try_update(Option::take).flatten()
            && let Some(to) = flags.with_untracked(|flags| lab.run.with_untracked(|run| moved_to(flags, index, at, run)))
        {
            lab.move_fault(index, to);
        }
    };
    let drag = move |index: usize, event: &PointerEvent| {
        let x = f64::from(event.client_x());
        let (Some(from), Some(scale), Some(frame)) = (pressed.get_value(), scale.get_untracked(), frame.get_untracked()) else {
            return false;
        };
        if was_dragged.get_value() || (x - from).abs() >= DRAG_PX_MIN {
            was_dragged.set_value(true);
            tip.hide();
            let at = rounded(scale.moment(x - frame.get_bounding_client_rect().left()), scale);
            held.set(Some(Held { index, at }));
        }
        true
    };
    let tell = move |index: usize, event: &PointerEvent| {
        let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
        if let Some(lines) = flags.with_untracked(|flags| of(flags, index).map(|flag| flag.lines().to_vec())) {
            tip.show(Note { x, y, lines });
        }
    };
    let press_key = move |index: usize, event: &KeyboardEvent| {
        let (key, Some(scale)) = (event.key(), scale.get_untracked()) else { return };
        let Some(flag) = flags.with_untracked(|flags| of(flags, index).cloned()) else { return };
        let at = held.get_untracked().filter(|held| held.index == index).map_or(flag.at, |held| held.at);
        match (way(&key), key.as_str()) {
            (Some(way), _) => {
                if flag.moves {
                    held.set(Some(Held { index, at: way.from(at, scale) }));
                }
            }
            (None, "Delete" | "Backspace") => lab.remove_fault(index),
            (None, "Escape") if held.get_untracked().is_some() => {
                pressed.set_value(None);
                held.set(None);
            }
            _ => return,
        }
        event.prevent_default();
        // The timeline's keys go to another moment.
        event.stop_propagation();
    };
    let flag = move |index: usize| {
        let node = NodeRef::<html::Button>::new();
        let face = Memo::new(move |_| {
            let (scale, at) = (scale.get()?, is_held(index));
            flags.with(|flags| lab.run.with_untracked(|run| face(flags, index, at, scale, run)))
        });
        Effect::new(move |_| {
            let (Some(node), Some(face)) = (node.get(), face.get()) else { return };
            for (name, value) in face {
                // Refused only for names that are none.
                let _ = node.set_attribute(name, &value);
            }
        });
        let grab = move |event: PointerEvent| {
            was_dragged.set_value(false);
            let moves = flags.with_untracked(|flags| of(flags, index).is_some_and(|flag| flag.moves));
            if let Some(node) = node.get_untracked().filter(|_| event.button() == 0 && moves) {
                let _ = node.set_pointer_capture(event.pointer_id());
                pressed.set_value(Some(f64::from(event.client_x())));
            }
        };
        let press = move |event: MouseEvent| {
            if was_dragged.get_value() {
                was_dragged.set_value(false);
                return event.prevent_default();
            }
            tip.hide();
            open.set(Some(index));
        };
        view! {
            <button
                node_ref=node
                class="flag"
                data-testid=format!("fault-flag-{index}")
                role="slider"
                popovertarget="fault-flag"
                on:pointerdown=grab
                on:pointermove=move |event| if !drag(index, &event) { tell(index, &event) }
                on:pointerup=move |_| let_go()
                on:pointercancel=move |_| {
                    pressed.set_value(None);
                    held.set(None);
                }
                on:pointerleave=move |_| tip.hide()
                on:keydown=move |event| press_key(index, &event)
                on:keyup=move |event| if way(&event.key()).is_some() { let_go() }
                on:blur=move |_| held.set(None)
                on:click=press
            ></button>
        }
    };
    let menu = move || {
        let index = open.get()?;
        flags.with(|flags| of(flags, index).map(menu))
    };
    let choose = move |event: MouseEvent| {
        if let Some((_, Some(index))) = wanted(&event) {
            lab.remove_fault(index as usize);
        }
    };
    let poles = move || scale.get().map(|scale| format!("--pole:{:.0}px", scale.height - AXIS_PX));
    view! {
        <div class="flags" style=poles>
            <For each=move || places.get() key=|index| *index children=flag />
        </div>
        <div
            id="fault-flag"
            class="hindrances"
            popover="auto"
            role="group"
            aria-label="This fault"
            inner_html=move || menu().unwrap_or_default()
            on:click=choose
        ></div>
    }
}

/// The flag of the fault in this place of the text.
fn of(flags: &[Flag], index: usize) -> Option<&Flag> {
    flags.iter().find(|flag| flag.index == index)
}

/// What is in a flag's menu.
fn menu(flag: &Flag) -> String {
    let index = flag.index;
    let [what, when, ..] = flag.lines().map(|line| escape(&line));
    format!(
        "<p><strong>{what}</strong><br><span class=\"hint\">{when}</span></p>\
         <button class=\"quiet small\" data-do=\"remove\" data-of=\"{index}\" data-testid=\"remove-fault-{index}\" \
         popovertarget=\"fault-flag\" popovertargetaction=\"hide\">{}Take it out of the text</button>",
        icon("x")
    )
}

/// Where a key moves a flag.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    By(f64),
    First,
    Last,
}

fn way(key: &str) -> Option<Way> {
    Some(match key {
        "ArrowLeft" | "ArrowDown" => Way::By(-ARROW_PART),
        "ArrowRight" | "ArrowUp" => Way::By(ARROW_PART),
        "PageDown" => Way::By(-PAGE_PART),
        "PageUp" => Way::By(PAGE_PART),
        "Home" => Way::First,
        "End" => Way::Last,
        _ => return None,
    })
}

impl Way {
    fn from(self, at: Time, scale: Scale) -> Time {
        let (least, most) = (scale.from.0 as f64, scale.to.0 as f64);
        match self {
            Way::By(part) => rounded(Time((at.0 as f64 + part * scale.micros()).clamp(least, most) as u64), scale),
            Way::First => scale.from,
            Way::Last => scale.to,
        }
    }
}

/// To a round number that is no coarser than a pixel.
fn rounded(at: Time, scale: Scale) -> Time {
    let pixel = (scale.micros() / scale.width.max(1.0)).max(1.0);
    let step = 10f64.powf(pixel.log10().floor());
    Time(((at.0 as f64 / step).round() * step) as u64)
}

/// What the text says of a fault.
type Told = (String, String);

/// What is known of faults whose moment is a share of the progress.
#[derive(Debug, Default)]
struct Seen {
    /// When they were seen to happen.
    happened: BTreeMap<Told, Time>,
    /// Where their flags stand before that is known.
    reckoned: BTreeMap<Told, Time>,
}

impl Seen {
    fn clear(&mut self) {
        *self = Seen::default();
    }

    /// Where a flag stands that is reckoned to be here: what is reckoned changes with every frame, and a flag that trembles cannot be taken
    /// hold of.
    fn stand(&mut self, told: &Told, at: Time, shown: Span) -> Time {
        /// So much of what is shown a flag may be away from where it is reckoned to be.
        const AWAY_MAX: f64 = 0.02;
        let far = |stand: Time| stand.0.abs_diff(at.0) as f64 > AWAY_MAX * shown.0 as f64;
        match self.reckoned.get_mut(told) {
            Some(stand) => {
                if far(*stand) {
                    *stand = at;
                }
                *stand
            }
            None => *self.reckoned.entry(told.clone()).or_insert(at),
        }
    }
}

/// The faults as flags; those of `seen` grow.
fn flags(items: &[Item], run: &RunModel, seen: &mut Seen) -> Vec<Flag> {
    let mut news: Vec<(Time, &str)> = run.news.iter().filter_map(|news| Some((news.at, news.fault.as_deref()?))).collect();
    let mut take = |what: &str, at: Option<Time>| {
        let fits =
            |(when, known): &(Time, &str)| *known == what && at.is_none_or(|at| at.0.abs_diff(when.0) <= SAME_MICROS_MAX);
        news.iter().position(fits).map(|place| news.remove(place).0)
    };
    // Those whose moment is known have theirs before the others choose.
    let exact: Vec<Option<Time>> = items
        .iter()
        .map(|item| match item.at {
            Some(Moment::Time(at)) if !item.is_of_message => take(&item.what, Some(at)),
            _ => None,
        })
        .collect();
    let mut flag = |(index, (item, exact)): (usize, (&Item, Option<Time>))| {
        let (what, moves) = (item.what.clone(), item.at.is_some());
        if item.is_of_message {
            let when = WITH_ITS_MESSAGE.to_owned();
            let key = (what.clone(), when.clone());
            let happened = take(&what, None);
            if let Some(at) = happened {
                seen.happened.insert(key.clone(), at);
            }
            // Before it has been seen to come nobody knows when that is.
            let at = happened.or_else(|| seen.happened.get(&key).copied())?;
            return Some(Flag { index, at, what, when, is_past: happened.is_some(), is_sure: true, moves: false, share: None });
        }
        match item.at? {
            Moment::Time(at) => {
                let is_past = exact.is_some() || at <= run.now;
                // What is to come later than anything that is known waits at the end.
                Some(Flag {
                    index,
                    at: at.min(Time(run.shown.0)),
                    what,
                    when: format!("at {}", clock(at)),
                    is_past,
                    is_sure: true,
                    moves,
                    share: None,
                })
            }
            Moment::Progress(share) => {
                let when = format!("at {}% of the progress", (share * 1e4).round() / 1e2);
                let key = (what.clone(), when.clone());
                let happened = take(&what, None);
                if let Some(at) = happened {
                    seen.happened.insert(key.clone(), at);
                }
                let known = happened.or_else(|| seen.happened.get(&key).copied());
                let sure = known.or_else(|| run.bus.as_ref().map(|bus| bus.view.span.scaled(share)).map(|span| Time(span.0)));
                let at = sure.unwrap_or_else(|| seen.stand(&key, reckoned(share, run), run.shown));
                let (is_past, is_sure) = (happened.is_some(), sure.is_some());
                Some(Flag { index, at, what, when, is_past, is_sure, moves, share: Some(share) })
            }
        }
    };
    items.iter().zip(exact).enumerate().filter_map(&mut flag).collect()
}

/// How far the run is at a moment, to a hundredth: between the moments of which that is known it goes on evenly.
fn share_at(at: Time, flags: &[Flag], run: &RunModel) -> f64 {
    let hundredths = |share: f64| ((share * 100.0).round() / 100.0).clamp(0.0, 1.0);
    if let Some(bus) = &run.bus {
        return hundredths(at.0 as f64 / bus.view.span.0.max(1) as f64);
    }
    let end = run.end().unwrap_or(Time(run.shown.0));
    let mut known = vec![(Time::ZERO, 0.0), (run.now, run.progress), (end, 1.0)];
    known.extend(flags.iter().filter(|flag| flag.is_sure).filter_map(|flag| Some((flag.at, flag.share?))));
    known.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let before = known.iter().rev().find(|(known, _)| *known <= at).copied().unwrap_or((Time::ZERO, 0.0));
    let after = known.iter().find(|(known, _)| *known > at).copied().unwrap_or((end, 1.0));
    let length = after.0.since(before.0).0.max(1) as f64;
    hundredths(before.1 + (after.1 - before.1) * (at.since(before.0).0 as f64 / length).min(1.0))
}

/// The moment that a fault has when its flag is let go here; `None` if that is the one that it had.
fn moved_to(flags: &[Flag], index: usize, at: Time, run: &RunModel) -> Option<Moment> {
    let flag = of(flags, index)?;
    match flag.share {
        Some(share) => Some(share_at(at, flags, run)).filter(|to| (to - share).abs() > 1e-6).map(Moment::Progress),
        None => Some(Moment::Time(at)).filter(|_| flag.at != at),
    }
}

/// When a run will be so far, if it goes on as it went.
fn reckoned(share: f64, run: &RunModel) -> Time {
    const PROGRESS_MIN: f64 = 0.02;
    let Span(shown) = run.shown;
    let at = match run.progress {
        progress if progress < PROGRESS_MIN => shown as f64 * share,
        progress => run.now.0 as f64 / progress * share,
    };
    Time((at as u64).min(shown))
}

impl Flag {
    /// What its note says.
    fn lines(&self) -> [String; 3] {
        let when = if self.is_sure { self.when.clone() } else { format!("{}, about {}", self.when, clock(self.at)) };
        let how = match self.moves {
            true => "Drag it, or use the arrow keys, for another moment. Delete takes it out.",
            false => "Delete takes it out.",
        };
        [self.what.clone(), when, how.to_owned()]
    }
}

/// The attributes of a flag in the picture, which somebody may hold at another moment.
fn face(flags: &[Flag], index: usize, held: Option<Time>, scale: Scale, run: &RunModel) -> Option<[(&'static str, String); 9]> {
    let flag = of(flags, index)?;
    let at = held.unwrap_or(flag.at);
    let state = match (held, flag.is_past) {
        (Some(_), _) => "held",
        (None, true) => "past",
        (None, false) => "planned",
    };
    let x = scale.x(at);
    let held_at = |at| match flag.share {
        Some(_) => format!("{:.0} % of the progress", share_at(at, flags, run) * 100.0),
        None => clock(at),
    };
    let words = match held {
        Some(at) => held_at(at),
        // What has happened has its words in the picture.
        None if flag.is_past || !has_room(flags, flag, scale) => String::new(),
        None => flag.what.clone(),
    };
    let past = if flag.is_past { "it has happened" } else { "it is to come" };
    let [_, when, how] = flag.lines();
    let told = match held {
        Some(at) => format!("at {}", held_at(at)),
        None => format!("{when}: {past}. {how}"),
    };
    Some([
        // One that is not shown cannot be reached either.
        ("style", format!("left:{:.1}px{}", x - POLE_PX, if scale.shows(at) { "" } else { ";visibility:hidden" })),
        ("data-state", state.to_owned()),
        ("data-at", at.0.to_string()),
        ("data-words", words),
        ("aria-label", format!("Fault: {}", flag.what)),
        ("aria-valuemin", (scale.from.0 as f64 / 1e3).to_string()),
        ("aria-valuemax", (scale.to.0 as f64 / 1e3).to_string()),
        ("aria-valuenow", (at.0 as f64 / 1e3).to_string()),
        ("aria-valuetext", told),
    ])
}

/// Whether a flag's words end before the next flag and the picture's end.
fn has_room(flags: &[Flag], flag: &Flag, scale: Scale) -> bool {
    let x = scale.x(flag.at);
    let others = flags.iter().filter(|other| other.index != flag.index).map(|other| scale.x(other.at));
    let next = others.filter(|other| *other >= x).fold(scale.width, f64::min);
    x + WORDS_PX + flag.what.chars().count() as f64 * CHARACTER_PX + APART_PX <= next
}

fn clock(at: Time) -> String {
    let Figure { value, unit, .. } = virtual_clock(at.0 as f64 / 1e3);
    format!("{value} {unit}")
}

#[cfg(test)]
mod tests {
    use shared::wire::News;

    use super::*;

    const TEXT: &str = "faults:\n  - { at: 40%, kill: worker-2 }\n  - { at: 3 s, kill: worker-2 }\n  - random: 2\n  - { at: 60%, drop: { probability: 0.5 } }\n";

    fn run(now: u64, progress: f64, news: &[(u64, &str)]) -> RunModel {
        let news = news.iter().map(|(at, fault)| News { at: Time(*at), text: String::new(), fault: Some((*fault).to_owned()) });
        let mut run = RunModel::asked(1, Place::Simulate);
        (run.now, run.progress, run.news, run.shown) = (Time(now), progress, news.collect(), Span(10_000_000));
        run
    }

    #[test]
    fn a_flag_is_where_its_fault_happened_or_will() {
        let found = items(TEXT);
        let mut seen = Seen::default();
        let at = |run: &RunModel, seen: &mut Seen| {
            flags(&found, run, seen).iter().map(|flag| (flag.at.0, flag.is_past, flag.is_sure)).collect::<Vec<_>>()
        };
        // What the seed draws has none.
        let early = at(&run(0, 0.0, &[]), &mut seen);
        assert_eq!(early, [(4_000_000, false, false), (3_000_000, false, true), (6_000_000, false, false)]);
        let after = [(2_200_000, "kill worker-2"), (3_000_000, "kill worker-2")];
        let later = at(&run(3_000_000, 0.5, &after), &mut seen);
        assert_eq!(later, [(2_200_000, true, true), (3_000_000, true, true), (3_600_000, false, false)]);
        // Gone back before both: what was seen is still known.
        let back = at(&run(1_000_000, 0.2, &[]), &mut seen);
        assert_eq!(back, [(2_200_000, false, true), (3_000_000, false, true), (3_000_000, false, false)]);
    }

    #[test]
    fn what_is_done_to_one_message_has_its_flag_where_that_came() {
        let found = items(
            "faults:\n  - drop: { message: web-1/30, to: broker }\n  - { at: 40%, kill: web-1 }\n  - { at: 2 s, requeue: { message: web-1/60 } }\n",
        );
        assert_eq!(found.iter().map(|item| item.is_of_message).collect::<Vec<_>>(), [true, false, true]);
        let mut seen = Seen::default();
        let at = |run: &RunModel, seen: &mut Seen| {
            flags(&found, run, seen).iter().map(|flag| (flag.index, flag.at.0, flag.is_past, flag.moves)).collect::<Vec<_>>()
        };
        assert_eq!(at(&run(0, 0.0, &[]), &mut seen), [(1, 4_000_000, false, true)], "nobody knows when they come");
        let news = [(1_500_000, "drop web-1/30"), (3_100_000, "requeue web-1/60")];
        let after = at(&run(3_200_000, 0.3, &news), &mut seen);
        assert_eq!((after[0], after[2]), ((0, 1_500_000, true, false), (2, 3_100_000, true, false)));
        // Gone back before the second.
        let back = at(&run(2_000_000, 0.2, &news[..1]), &mut seen);
        assert_eq!((back[0], back[2]), ((0, 1_500_000, true, false), (2, 3_100_000, false, false)));
    }

    #[test]
    fn a_share_stays_one_wherever_its_flag_is_dragged() {
        let found = items(TEXT);
        let happened = [(2_200_000, "kill worker-2"), (3_000_000, "kill worker-2")];
        let run = run(3_000_000, 0.5, &happened);
        let flags = flags(&found, &run, &mut Seen::default());
        let to = |index, at| moved_to(&flags, index, Time(at), &run);
        // At 2.2 s it was at 40 %, and at 3 s it is at 50 %.
        assert_eq!(to(0, 2_600_000), Some(Moment::Progress(0.45)));
        assert_eq!(to(0, 1_100_000), Some(Moment::Progress(0.2)));
        assert_eq!(to(0, 2_203_000), None, "that is where it was");
        assert_eq!(to(1, 2_600_000), Some(Moment::Time(Time(2_600_000))));
        // What the seed draws stands between them in the text.
        assert_eq!((to(3, 10_000_000), to(2, 0), to(9, 0)), (Some(Moment::Progress(1.0)), None, None));
    }

    #[test]
    fn a_flag_that_is_reckoned_does_not_tremble() {
        let mut seen = Seen::default();
        let told = ("kill worker-2".to_owned(), "at 40%".to_owned());
        let stands: Vec<u64> = [4_000_000, 4_100_000, 3_900_000, 4_300_000, 4_250_000]
            .map(|at| seen.stand(&told, Time(at), Span(10_000_000)).0)
            .into();
        assert_eq!(stands, [4_000_000, 4_000_000, 4_000_000, 4_300_000, 4_300_000]);
    }

    #[test]
    fn keys_move_a_flag_to_round_moments_within_what_is_shown() {
        let scale = Scale { width: 800.0, height: 100.0, lanes: 2, from: Time(0), to: Time(8_400_000) };
        let moved = |key: &str, at| way(key).map(|way| way.from(Time(at), scale).0);
        assert_eq!(moved("ArrowRight", 1_203_456), Some(1_290_000));
        assert_eq!(moved("ArrowLeft", 40_000), Some(0));
        assert_eq!(moved("PageUp", 8_000_000), Some(8_400_000));
        assert_eq!((moved("Home", 5), moved("End", 5), moved("a", 5)), (Some(0), Some(8_400_000), None));
    }

    #[test]
    fn words_are_there_where_they_have_room() {
        let scale = Scale { width: 800.0, height: 100.0, lanes: 2, from: Time(0), to: Time(10_000_000) };
        let (found, run) = (items(TEXT), run(0, 0.0, &[]));
        let flags = flags(&found, &run, &mut Seen::default());
        let words = |index, held| face(&flags, index, held, scale, &run).map(|face| face[3].1.clone());
        assert_eq!(words(3, None).as_deref(), Some("drop messages"));
        assert_eq!(words(1, None).as_deref(), Some(""));
        assert_eq!(words(1, Some(Time(5_000_000))).as_deref(), Some("5.000 s"));
        assert_eq!(words(7, None), None);
    }
}

//! Pictures that leave the page: the graph and the timeline as they stand, in the colours of the present theme, as SVG or PNG.
//!
//! Both kinds are drawn by the code that draws on the page, with another [`Ink`], on a sheet of a width of its own: so a picture does not
//! depend on how wide a panel happens to be.

use js_sys::Array;
use leptos::prelude::*;
use shared::time::Time;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::HtmlCanvasElement;

use super::bus::paint::{paint, short};
use super::bus::sketch::Sketch;
use super::format::{duration_ms, of, virtual_clock};
use super::graph::layout::Layout;
use super::graph::picture as graph;
use super::inspect::Selected;
use super::model::RunModel;
use super::place_name;
use super::state::{Lab, use_lab};
use super::timeline::scale::{AXIS_PX, FLAGS_PX, Scale};
use super::timeline::{Window, draw as timeline, messages, now_of, scale_of};
use crate::components::palette::{Palette, use_palette};
use crate::components::pen::{CHARACTER_PX, Ink, Pen};
use crate::components::svg::Svg;

/// Width of what is drawn, without the margins. Pixels.
const WIDTH_PX: f64 = 960.0;
/// Height of a graph that does not need more. Pixels.
const GRAPH_PX: f64 = 260.0;
/// Height of a lane. Pixels.
const LANE_PX: f64 = 26.0;
/// Height of a picture of messages. Pixels.
const MESSAGES_PX: f64 = 480.0;
/// Height of all lanes together, at most. Pixels.
const LANES_PX_MAX: f64 = 900.0;
const MARGIN_PX: f64 = 16.0;
/// Height of the title and the line below it. Pixels.
const HEAD_PX: f64 = 56.0;
/// Pixels of a PNG for one of the drawing's.
const DENSITY: f64 = 2.0;

/// What there is a picture of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Graph,
    Timeline,
}

/// What the page shows of the timeline.
#[derive(Clone, Copy, Default)]
struct Shown {
    window: Window,
    messages: bool,
    selected: Option<Selected>,
}

/// What is drawn, measured out.
enum Drawing {
    Job(Layout),
    Bus(Sketch),
    Timeline(Scale),
    Messages(Scale, Option<Selected>),
}

impl Drawing {
    /// `None` before a run has begun.
    fn new(subject: Subject, run: &RunModel, shown: Shown) -> Option<Drawing> {
        run.started.as_ref()?;
        Some(match (subject, &run.bus) {
            (Subject::Graph, None) => Drawing::Job(Layout::new(WIDTH_PX, GRAPH_PX, run.stages())),
            (Subject::Graph, Some(bus)) => Drawing::Bus(Sketch::new(&bus.view, (WIDTH_PX, GRAPH_PX))),
            (Subject::Timeline, _) => {
                let scale = scale_of((WIDTH_PX, GRAPH_PX), run, shown.window)?;
                let height = (scale.lanes as f64 * LANE_PX).min(LANES_PX_MAX) + FLAGS_PX + AXIS_PX;
                match shown.messages {
                    true => {
                        Drawing::Messages(messages::with_lanes(Scale { height: MESSAGES_PX, ..scale }, run), shown.selected)
                    }
                    false => Drawing::Timeline(Scale { height, ..scale }),
                }
            }
        })
    }

    /// Of the whole sheet.
    fn size(&self) -> (f64, f64) {
        let (width, height) = match self {
            Drawing::Job(layout) => layout.size,
            Drawing::Bus(sketch) => sketch.size,
            Drawing::Timeline(scale) | Drawing::Messages(scale, _) => (scale.width, scale.height),
        };
        (width + 2.0 * MARGIN_PX, height + HEAD_PX + MARGIN_PX)
    }

    fn draw<P: Ink>(&self, mut pen: P, run: &RunModel, now: Time, palette: &Palette) -> P {
        let (width, height) = self.size();
        pen.fill_with(&palette.ground, 1.0);
        pen.rect(0.0, 0.0, width, height);
        pen.move_to(MARGIN_PX, 0.0);
        let room = ((width - 2.0 * MARGIN_PX) / CHARACTER_PX) as usize;
        pen.fill_with(&palette.text, 1.0);
        pen.text(&short(&title(run), room), 0.0, 20.0);
        pen.fill_with(&palette.quiet, 1.0);
        pen.text(&short(&about(run, now), room), 0.0, 36.0);
        pen.move_to(MARGIN_PX, HEAD_PX);
        match self {
            Drawing::Job(layout) => graph::whole(pen, layout, run, palette),
            Drawing::Bus(sketch) => {
                if let Some(bus) = &run.bus {
                    paint(&mut pen, palette, sketch, bus, Some(run), &[], 0.0);
                }
                pen
            }
            Drawing::Timeline(scale) => timeline::whole(pen, *scale, run, now, palette),
            Drawing::Messages(scale, selected) => {
                messages::paint(&mut pen, *scale, run, palette, *selected, [false; 4]);
                pen
            }
        }
    }
}

fn title(run: &RunModel) -> String {
    run.started
        .as_ref()
        .map(|started| started.title.clone())
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| "Run".to_owned())
}

/// Which run it is, so that it can be run again: its seed, where it ran, and the moment.
fn about(run: &RunModel, now: Time) -> String {
    let Some(started) = &run.started else { return String::new() };
    let virtually = run.report().map_or(run.pace.is_some(), |report| report.virtual_ms.is_some());
    let ms = now.0 as f64 / 1e3;
    let at = if virtually { virtual_clock(ms) } else { duration_ms(ms) };
    let clients = if run.bus.is_some() { ("client", "clients") } else { ("worker", "workers") };
    let many = of(u64::from(started.workers), clients.0, clients.1);
    format!("seed {} · {} · {many} · at {} {} · Millrace", started.seed, place_name(started.place), at.value, at.unit)
}

/// The picture as the text of an SVG; `None` before a run has begun.
fn svg(subject: Subject, run: &RunModel, now: Time, shown: Shown, palette: &Palette) -> Option<String> {
    let drawing = Drawing::new(subject, run, shown)?;
    Some(drawing.draw(Svg::new(), run, now, palette).finish(drawing.size(), &title(run)))
}

/// The same on a canvas that is in no page.
fn canvas(subject: Subject, run: &RunModel, now: Time, shown: Shown, palette: &Palette) -> Option<HtmlCanvasElement> {
    let drawing = Drawing::new(subject, run, shown)?;
    let canvas: HtmlCanvasElement = document().create_element("canvas").ok()?.dyn_into().ok()?;
    drawing.draw(Pen::at(&canvas, drawing.size(), DENSITY)?, run, now, palette);
    Some(canvas)
}

impl Lab {
    fn shown(self) -> Shown {
        let (window, selected) = (self.window.get_untracked(), self.selected.get_untracked());
        Shown { window, messages: self.messages_shown.get_untracked(), selected }
    }

    fn give_svg(self, subject: Subject, palette: &Palette) {
        let text = self.run.with_untracked(|run| svg(subject, run, now_of(run), self.shown(), palette));
        if let Some(text) = text {
            self.give_picture(&Array::of1(&text.into()), subject, "svg");
        }
    }

    fn give_png(self, subject: Subject, palette: &Palette) {
        let failed = move || self.notice.set(Some("This browser made no picture of it: choose SVG instead.".to_owned()));
        let canvas = self.run.with_untracked(|run| canvas(subject, run, now_of(run), self.shown(), palette));
        let Some(canvas) = canvas else { return failed() };
        let give = move |blob: wasm_bindgen::JsValue| match blob.is_null() {
            true => failed(),
            false => self.give_picture(&Array::of1(&blob), subject, "png"),
        };
        if canvas.to_blob(Closure::once_into_js(give).unchecked_ref()).is_err() {
            failed();
        }
    }

    fn give_picture(self, parts: &Array, subject: Subject, kind: &str) {
        let subject = match subject {
            Subject::Graph => "graph",
            Subject::Timeline => "timeline",
        };
        let name = self.run.with_untracked(title);
        self.give(parts, &format!("{name} {subject}"), kind);
    }
}

/// The part of the share dialog that gives pictures.
#[component]
pub fn Pictures() -> impl IntoView {
    let lab = use_lab();
    let palette = use_palette();
    let there = Memo::new(move |_| lab.run.with(|run| run.started.is_some()));
    let row = move |subject: Subject, label: &'static str, name: &'static str| {
        let title = move |kind| format!("{label} as it stands, as {kind}");
        view! {
            <p class="sheet-row">
                <span class="picture-of">{label}</span>
                <button
                    class="small"
                    data-testid=format!("picture-{name}-svg")
                    aria-label=title("SVG")
                    disabled=move || !there.get()
                    on:click=move |_| lab.give_svg(subject, &palette.get_untracked())
                >
                    "SVG"
                </button>
                <button
                    class="small"
                    data-testid=format!("picture-{name}-png")
                    aria-label=title("PNG")
                    disabled=move || !there.get()
                    on:click=move |_| lab.give_png(subject, &palette.get_untracked())
                >
                    "PNG"
                </button>
            </p>
        }
    };
    view! {
        {row(Subject::Graph, "The graph", "graph")}
        {row(Subject::Timeline, "The timeline", "timeline")}
        <p class="hint" class:hidden=there>"There is a picture as soon as something has run."</p>
    }
}

#[cfg(test)]
mod tests {
    use shared::id::NodeId;
    use shared::wire::{
        AttemptState, AttemptView, Bytes, Event, Frame, News, Phase, Place, StageView, Started, WorkerState, WorkerView,
    };

    use super::*;

    fn palette() -> Palette {
        let names =
            ["ground", "line", "text", "quiet", "accent", "idle", "busy", "blocked", "down", "done", "again", "dropped"];
        let [ground, line, text, quiet, accent, idle, busy, blocked, down, done, again, dropped] = names.map(str::to_owned);
        Palette { ground, line, text, quiet, accent, idle, busy, blocked, down, done, again, dropped }
    }

    fn attempt(index: u32, task: u32, number: u32, start: u64, end: Option<u64>, state: AttemptState) -> AttemptView {
        let (phase, worker, end) = (Phase::Map, index % 2 + 1, end.map(Time));
        let (backup, incarnation, records, bytes) = (false, 1, Bytes(10), Bytes(100));
        AttemptView {
            index,
            phase,
            task,
            number,
            backup,
            worker,
            incarnation,
            start: Time(start),
            end,
            state,
            records,
            bytes,
            sizes: Vec::new(),
        }
    }

    /// One of two map tasks is done, the other was killed and runs again.
    fn run() -> RunModel {
        let stage = |what: &str, phase, tasks, of| StageView { what: what.to_owned(), phase, first: 0, tasks, of };
        let started = Started {
            run: 1,
            place: Place::Server,
            title: "Words & <more>".to_owned(),
            input: "text".to_owned(),
            input_bytes: 200,
            splits: vec![Bytes(100); 2],
            reduces: 1,
            stages: vec![stage("map", Phase::Map, 2, Vec::new()), stage("reduce", Phase::Reduce, 1, vec![0])],
            workers: 2,
            seed: 42,
            steps: Vec::new(),
            columns: Vec::new(),
            inputs: Vec::new(),
            faults: Vec::new(),
            bus: None,
        };
        let mut run = RunModel::asked(1, Place::Server);
        run.apply(Event::Started(Box::new(started)), 0.0);
        let kill = News { at: Time(80_000), text: "worker-2 was killed.".to_owned(), fault: Some("kill worker-2".to_owned()) };
        let worker = |number, state| WorkerView { node: NodeId::Worker(number), incarnation: 1, state };
        let frame = Frame {
            run: 1,
            workers: vec![worker(1, WorkerState::Busy), worker(2, WorkerState::Down)],
            now: Time(150_000),
            progress: 0.5,
            attempts: vec![
                attempt(0, 0, 1, 0, Some(90_000), AttemptState::Done),
                attempt(1, 1, 1, 0, Some(80_000), AttemptState::Killed),
                attempt(2, 1, 2, 100_000, None, AttemptState::Running),
            ],
            news: vec![kill],
            ..Frame::default()
        };
        run.apply(Event::Frame(Box::new(frame)), 0.0);
        run
    }

    /// Only whole elements, as many opened as closed.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').unwrap();
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.push(tag.split(' ').next().unwrap()),
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(!svg.contains("NaN") && !svg.contains("\"\""), "{svg}");
    }

    #[test]
    fn a_picture_says_which_run_it_is_of_and_holds_what_is_seen() {
        let (run, now) = (run(), Time(150_000));
        for subject in [Subject::Graph, Subject::Timeline] {
            let svg = svg(subject, &run, now, Shown::default(), &palette()).unwrap();
            assert_well_formed(&svg);
            assert!(svg.contains("<title>Words &amp; &lt;more&gt;</title>"), "{svg}");
            assert!(svg.contains("seed 42 · Server · 2 workers · at 150 ms · Millrace"), "{svg}");
            assert!(svg.contains("JetBrains Mono"), "by its family's name: {svg}");
            assert!(svg.contains("fill=\"done\"") && svg.contains("②"), "{svg}");
        }
        let timeline = svg(Subject::Timeline, &run, now, Shown::default(), &palette()).unwrap();
        for part in ["worker-1", "worker-2", "kill worker-2", "fill=\"down\"", "fill=\"busy\""] {
            assert!(timeline.contains(part), "{part}: {timeline}");
        }
        let graph = svg(Subject::Graph, &run, now, Shown::default(), &palette()).unwrap();
        for part in [">Input<", ">Map<", ">Reduce<", ">Output<", "reduce-0"] {
            assert!(graph.contains(part), "{part}: {graph}");
        }
    }

    #[test]
    fn there_is_none_before_a_run_has_begun() {
        assert_eq!(svg(Subject::Graph, &RunModel::default(), Time(0), Shown::default(), &palette()), None);
        assert_eq!(svg(Subject::Timeline, &RunModel::asked(1, Place::Server), Time(0), Shown::default(), &palette()), None);
    }
}

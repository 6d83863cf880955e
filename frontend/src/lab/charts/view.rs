//! The charts as they are seen: a heading with what each line is, the drawing, a sentence, and the numbers in a fold.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use shared::time::Time;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

use super::script::{self, Drawing, Drawn, Grounds, Plan, Said};
use super::series::{Chart, Course, Kind, OF_BATCH, OF_BUS, course};
use super::words::{clock, legend, line, summary, table, to_the_millisecond};
use crate::components::palette::{Palette, use_palette};
use crate::components::pen::FONT;
use crate::components::script::{load, plain};
use crate::components::size::use_size;
use crate::lab::measures::latency;
use crate::lab::model::RunModel;
use crate::lab::state::{Lab, use_lab, wall_ms};
use crate::lab::timeline::range;
use crate::lab::timeline::scale::{RIGHT_PX, Scale};

/// Between two looks at a run that goes on: nobody reads numbers that change more often, and drawing takes its time.
const LOOK_EVERY_MS: f64 = 250.0;

/// How it stands with the script that draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pens {
    Coming,
    There,
    Failed,
}

/// What all charts share.
#[derive(Clone, Copy)]
struct Sheet {
    course: RwSignal<Option<Course>>,
    pens: RwSignal<Pens>,
    palette: RwSignal<Palette>,
}

/// The inside of the panel.
#[component]
pub fn ChartsOfRun() -> impl IntoView {
    let lab = use_lab();
    let frame = NodeRef::<html::Div>::new();
    let size = use_size(move || frame.get().map(|frame| frame.unchecked_into()));
    let sheet = Sheet { course: look(lab, size), pens: RwSignal::new(Pens::Coming), palette: use_palette() };
    let fetch = move || {
        sheet.pens.set(Pens::Coming);
        load("charts", move |loaded| {
            sheet.pens.try_set(if loaded { Pens::There } else { Pens::Failed });
        });
    };
    fetch();
    let is_bus = Memo::new(move |_| lab.is_bus());
    let at = move || lab.pointed.get().map(to_the_millisecond);
    let exact = move || lab.pointed.get().map(|at| at.0.to_string());
    view! {
        <div class="charts" node_ref=frame data-testid="charts">
            <p class="hint chart-at">
                <span data-testid="pointed-at" data-exact=exact>
                    {move || match at() {
                        Some(at) => format!("Values at {at}."),
                        None => "Values at the lines' ends. Point at any moment for its own.".to_owned(),
                    }}
                </span>
            </p>
            {move || (sheet.pens.get() == Pens::Failed).then(|| view! {
                <p class="hint" role="alert">
                    "What draws the charts did not load: the server that it comes from does not answer. The numbers below are all there. "
                    <button class="small" on:click=move |_| fetch()>"Try again"</button>
                </p>
            })}
            {move || {
                let kinds: &[Kind] = if is_bus.get() { &OF_BUS } else { &OF_BATCH };
                kinds.iter().map(|kind| view! { <ChartOf kind=*kind sheet=sheet /> }).collect_view()
            }}
            {move || is_bus.get().then(|| view! { <Latency /> })}
        </div>
    }
}

/// The run's course, looked at now and then, and not while nobody sees it.
fn look(lab: Lab, size: Signal<(f64, f64)>) -> RwSignal<Option<Course>> {
    let seen = RwSignal::new(None);
    let (last_ms, due) = (StoredValue::new(f64::NEG_INFINITY), StoredValue::new(None::<TimeoutHandle>));
    let shown = Memo::new(move |_| size.get().0 > 0.0);
    let now = move || {
        last_ms.set_value(wall_ms());
        due.set_value(None);
        let course = lab.run.with_untracked(course);
        if seen.with_untracked(|seen| *seen != course) {
            seen.set(course);
        }
    };
    Effect::new(move |_| {
        lab.run.track();
        if !shown.get() || due.with_value(Option::is_some) {
            return;
        }
        let wait_ms = last_ms.get_value() + LOOK_EVERY_MS - wall_ms();
        if wait_ms <= 0.0 {
            now();
        } else {
            due.set_value(set_timeout_with_handle(now, Duration::from_millis(wait_ms.ceil() as u64)).ok());
        }
    });
    on_cleanup(move || {
        if let Some(due) = due.try_update_value(Option::take).flatten() {
            due.clear();
        }
    });
    seen
}

#[component]
fn ChartOf(kind: Kind, sheet: Sheet) -> impl IntoView {
    let lab = use_lab();
    let name = kind.name();
    let host = NodeRef::<html::Div>::new();
    let size = use_size(move || host.get().map(|host| host.unchecked_into()));
    let of_chart = move |words: fn(&Course, &Chart) -> String| {
        sheet.course.with(|course| course.as_ref().and_then(|course| Some(words(course, course.chart(kind)?))))
    };
    let point = move |at: Option<Time>| {
        lab.pointed.try_set(at);
    };
    // The closure lives as long as the view; the drawing calls it.
    let said = StoredValue::new_local(Closure::<dyn FnMut(String)>::new(move |words: String| match Said::of(&words) {
        Said::Go(at) => lab.seek(at),
        Said::At(at) => point(Some(at)),
        Said::Away => point(None),
    }));
    let drawing = RwSignal::new_local(None::<Drawing>);
    Effect::new(move |_| {
        let there = sheet.pens.get() == Pens::There && drawing.with_untracked(Option::is_none);
        let Some(host) = host.get().filter(|_| there) else { return };
        drawing.set(said.with_value(|said| script::create(&host, said)).ok());
    });
    Effect::new(move |_| {
        let (size, window) = (size.get(), lab.window.get());
        sheet.palette.with(|palette| {
            drawing.with(|drawing| {
                sheet.course.with(|course| {
                    let (Some(drawing), Some(course)) = (drawing, course) else { return };
                    if let Some(plan) =
                        course.chart(kind).and_then(|chart| plan_of(course, chart, range(window, course.span), size, palette))
                    {
                        // A chart that cannot be drawn is still there in words and numbers.
                        let _ = drawing.draw(&plain(&plan));
                    }
                });
            });
        });
    });
    Effect::new(move |_| {
        let at = lab.pointed.get().map(|at| at.0 as f64 / 1e6);
        drawing.with(|drawing| drawing.iter().for_each(|drawing| drawing.point(at)));
    });
    on_cleanup(move || {
        if let Some(Some(drawing)) = drawing.try_get_untracked() {
            drawing.destroy();
        }
    });
    let keys = Memo::new(move |_| {
        let pointed = lab.pointed.get();
        sheet.course.with(|course| {
            course.as_ref().and_then(|course| Some(legend(course, course.chart(kind)?, pointed))).unwrap_or_default()
        })
    });
    let sentence = Memo::new(move |_| of_chart(summary).unwrap_or_default());
    let empty = Memo::new(move |_| sheet.course.with(|course| course.as_ref().is_none_or(|course| course.over == 0)));
    let seekable = Memo::new(move |_| lab.run.with(RunModel::can_be_sought));
    // Nobody reads a table that is folded away.
    let opened = RwSignal::new(false);
    let numbers = Memo::new(move |_| if opened.get() { of_chart(table).unwrap_or_default() } else { String::new() });
    let heading = format!("chart-{name}-title");
    view! {
        <section class="chart" data-testid=format!("chart-{name}") aria-labelledby=heading.clone()>
            <header class="chart-head">
                <h3 id=heading.clone()>{kind.title()} <span class="hint">{kind.unit()}</span></h3>
                <div class="chart-keys" aria-hidden="true" inner_html=keys></div>
            </header>
            <div
                class="chart-host"
                class:seekable=seekable
                class:waits=empty
                node_ref=host
            >
                <p class="empty hint">{kind.promise()}</p>
            </div>
            <p class="hint chart-words" data-testid=format!("chart-summary-{name}")>{sentence}</p>
            <details
                class="chart-numbers"
                data-testid=format!("chart-numbers-{name}")
                on:toggle=move |event| {
                    let details = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
                    opened.set(details.is_some_and(|details| details.has_attribute("open")));
                }
            >
                <summary>"As a table"</summary>
                <div class="chart-rows" tabindex="0" role="region" aria-label=format!("{} as a table", kind.title())>
                    <table data-testid=format!("chart-table-{name}") inner_html=numbers></table>
                </div>
            </details>
        </section>
    }
}

/// How long messages took. It is told when a run has ended, over all of it.
#[component]
fn Latency() -> impl IntoView {
    let lab = use_lab();
    let sentence = Memo::new(move |_| {
        let spans = lab.run.with(|run| run.report().and_then(latency));
        match spans {
            Some([half, most, all]) => {
                let [half, most, all] = [half, most, all].map(|ms| clock(Time((ms * 1e3).round() as u64)));
                format!("Half of the messages took at most {half}, 99 of 100 at most {most}, and none longer than {all}.")
            }
            None => "How long messages took is known when the run has ended.".to_owned(),
        }
    });
    view! {
        <section class="chart" data-testid="chart-latency" aria-labelledby="chart-latency-title">
            <header class="chart-head">
                <h3 id="chart-latency-title">"Latency of the whole run " <span class="hint">"from publish to the end of the work"</span></h3>
            </header>
            <p class="hint" data-testid="chart-summary-latency">{sentence}</p>
        </section>
    }
}

fn plan_of<'a>(
    course: &Course,
    chart: &Chart,
    (from, to): (Time, Time),
    (width, height): (f64, f64),
    palette: &'a Palette,
) -> Option<Plan<'a>> {
    if width <= 0.0 || height <= 0.0 {
        return None;
    }
    let scale = Scale { width, height, lanes: 1, from, to };
    let seconds = |at: Time| at.0 as f64 / 1e6;
    // A word that would be cut off at the right edge is left out, as in the timeline.
    let ticks = scale.ticks().into_iter().filter(|(at, _)| scale.x(*at) + 20.0 < width);
    let series = chart.series.iter().enumerate().map(|(index, series)| {
        let look = line(chart.kind, index);
        // A line goes on to the end of its last part.
        let values = series.values.iter().chain(series.values.last()).copied().map(|value| (!value.is_nan()).then_some(value));
        let values = if series.values.is_empty() { vec![None] } else { values.collect() };
        Drawn { colour: palette.named(look.colour), dash: look.dash, values }
    });
    Some(Plan {
        width,
        height,
        gutter: scale.gutter(),
        right: RIGHT_PX,
        from: seconds(from),
        to: seconds(to.max(Time(1))),
        ticks: ticks.map(|(at, word)| (seconds(at), word)).collect(),
        colours: Grounds { line: &palette.line, quiet: &palette.quiet },
        font: FONT,
        edges: (0..=course.over).map(|part| seconds(course.start(part))).collect(),
        series: series.collect(),
    })
}

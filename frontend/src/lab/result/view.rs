//! The result's table: only the rows in view exist, however many there are.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{KeyboardEvent, WheelEvent};

use super::is_numeric;
use super::pack::can_pack;
use super::report::Report;
use super::scroll::{ROW_PX, Scroll};
use crate::components::html::{escape, wanted};
use crate::components::icon::Icon;
use crate::components::panel::Panel;
use crate::components::size::use_size;
use crate::lab::compare::Compare;
use crate::lab::format::{bytes, grouped, of};
use crate::lab::metrics::with_problem;
use crate::lab::model::Stage;
use crate::lab::state::{Lab, use_lab};
use crate::lab::sweep::Seeds;
use shared::wire::{ExportFormat, Place};

/// Rows fetched beyond those in view, on either side.
const PREFETCH_ROWS: u64 = 100;
/// What a result can be besides CSV, and whether it is compressed then.
const OTHERS: [(ExportFormat, bool, &str); 6] = [
    (ExportFormat::Jsonl, false, "JSON lines"),
    (ExportFormat::Arrow, false, "Arrow IPC file"),
    (ExportFormat::Trace, false, "Trace, JSON lines"),
    (ExportFormat::Csv, true, "CSV, gzip"),
    (ExportFormat::Jsonl, true, "JSON lines, gzip"),
    (ExportFormat::Trace, true, "Trace, gzip"),
];
/// How long typing must pause before the search goes out.
const PAUSE: Duration = Duration::from_millis(150);

#[component]
pub fn Result() -> impl IntoView {
    let lab = use_lab();
    let finished = Memo::new(move |_| lab.run.with(|run| run.report().is_some()));
    let failure = Memo::new(move |_| {
        lab.run.with(|run| match &run.stage {
            Stage::Failed { message, problems } => Some(with_problem(message, problems)),
            _ => None,
        })
    });
    let body = move || match (finished.get(), failure.get()) {
        (true, _) => view! {
            <div class="result">
                <Rows />
                <Report />
            </div>
        }
        .into_any(),
        (_, Some(message)) => view! {
            <div class="failure" data-testid="failure" role="alert">
                <Icon name="circle-x" />
                <p>{message}</p>
                <Again />
            </div>
        }
        .into_any(),
        _ => view! { <p class="empty hint">"The rows will be here when the run ends: to sort, to search, to download."</p> }
            .into_any(),
    };
    view! {
        <Panel name="result" title="Result" aside=move || view! { <Tools finished=finished /> }>
            {body}
        </Panel>
    }
}

/// What can be done about a run without a result.
#[component]
fn Again() -> impl IntoView {
    let lab = use_lab();
    let watched = lab.run.with_untracked(|run| run.watch.clone());
    match watched {
        Some(id) => view! {
            <button data-testid="watch-again" on:click=move |_| lab.watch(id.clone())>
                <Icon name="rotate-ccw" />
                "Look for it again"
            </button>
        }
        .into_any(),
        None => view! {
            <button on:click=move |_| lab.run()>
                <Icon name="play" />
                "Run again"
            </button>
        }
        .into_any(),
    }
}

/// Search, counts and the download, beside the panel's heading.
#[component]
fn Tools(finished: Memo<bool>) -> impl IntoView {
    let lab = use_lab();
    let table = lab.table;
    let pending = StoredValue::new(None::<TimeoutHandle>);
    let search = move |event| {
        let text = event_target_value(&event);
        if let Some(handle) = pending.try_update_value(Option::take).flatten() {
            handle.clear();
        }
        pending.set_value(set_timeout_with_handle(move || table.turn_search(text.clone()), PAUSE).ok());
    };
    let total = move || table.totals.get().map(|totals| totals.total);
    let matched = move || table.totals.get().filter(|totals| totals.matched != totals.total).map(|totals| totals.matched);
    let has_trace = Memo::new(move |_| lab.run.with(|run| run.place == Some(Place::Simulate)));
    let choose = move |event| {
        let chosen = wanted(&event).and_then(|(_, place)| OTHERS.get(place? as usize));
        if let Some((format, packed, _)) = chosen {
            lab.export(*format, *packed);
        }
    };
    let exporting = move || lab.exporting.get().map(|sum| bytes(sum as u64));
    view! {
        {move || finished.get().then(|| view! {
            <span class="counts num">
                <span data-testid="rows-matched" data-exact=move || matched().map(|rows| rows.to_string())>
                    {move || matched().map(|rows| format!("{} of ", grouped(rows)))}
                </span>
                <span data-testid="rows-total" data-exact=move || total().map(|rows| rows.to_string())>
                    {move || total().map(|rows| of(rows, "row", "rows"))}
                </span>
            </span>
            <label class="search">
                <Icon name="search" />
                <input
                    type="search"
                    data-testid="result-search"
                    aria-label="Keep rows whose key contains"
                    placeholder="Search"
                    prop:value=move || table.search.get()
                    on:input=search
                />
            </label>
            <button class="small" data-testid="download-csv" disabled=move || exporting().is_some() on:click=move |_| lab.export(ExportFormat::Csv, false)>
                <Icon name="download" />
                {move || match exporting() {
                    Some(sum) => format!("{} {}", sum.value, sum.unit),
                    None => "CSV".to_owned(),
                }}
            </button>
            <button
                class="quiet icon-only small"
                data-testid="downloads"
                popovertarget="downloads"
                aria-label="Download in another format"
                title="Download in another format"
                disabled=move || exporting().is_some()
            >
                <Icon name="ellipsis" />
            </button>
            <div
                id="downloads"
                class="hindrances"
                popover="auto"
                role="group"
                aria-label="Download in another format"
                inner_html=move || others(has_trace.get(), can_pack())
                on:click=choose
            ></div>
        })}
        // A frame of another page has no room for them.
        {(!crate::is_embedded()).then(|| view! {
            <Compare />
            <Seeds />
        })}
    }
}

/// The menu of the other formats, as HTML. A trace has what was simulated.
fn others(has_trace: bool, can_pack: bool) -> String {
    let button = |(place, (format, packed, label)): (usize, &(ExportFormat, bool, &str))| {
        let gz = if *packed { ".gz" } else { "" };
        format!(
            "<button class=\"quiet small\" data-do=\"download\" data-of=\"{place}\" data-testid=\"download-{}{gz}\" \
             popovertarget=\"downloads\" popovertargetaction=\"hide\">{label}</button>",
            format.extension()
        )
    };
    let there = |(_, (format, packed, _)): &(usize, &(ExportFormat, bool, &str))| {
        (has_trace || *format != ExportFormat::Trace) && (can_pack || !packed)
    };
    OTHERS.iter().enumerate().filter(there).map(button).collect()
}

#[component]
fn Rows() -> impl IntoView {
    let lab = use_lab();
    let table = lab.table;
    let viewport = NodeRef::<html::Div>::new();
    let size = use_size(move || viewport.get().map(|viewport| viewport.unchecked_into()));
    let columns =
        Memo::new(move |_| lab.run.with(|run| run.started.as_ref().map(|started| started.columns.clone()).unwrap_or_default()));
    let matched = Memo::new(move |_| table.totals.get().map_or(0, |totals| totals.matched));
    let scroll = Memo::new(move |_| Scroll { rows: matched.get(), viewport_px: (size.get().1 - ROW_PX).max(ROW_PX) });
    // The row at the top, with its fraction: the truth that the scroll bar follows, not the other way round.
    let position = RwSignal::new(0.0_f64);
    let set_bar = move |to: f64| {
        if let Some(viewport) = viewport.get_untracked() {
            viewport.set_scroll_top(scroll.get_untracked().top_px(to).round() as i32);
        }
    };
    let move_to = move |to: f64| {
        let to = to.clamp(0.0, scroll.get_untracked().last_position());
        position.set(to);
        set_bar(to);
    };
    let scrolled = move |_| {
        if let Some(viewport) = viewport.get_untracked() {
            let scroll = scroll.get_untracked();
            let top_px = f64::from(viewport.scroll_top());
            // The bar as `move_to` left it says nothing new, and less exactly.
            if (scroll.top_px(position.get_untracked()) - top_px).abs() > 1.0 {
                position.set(scroll.position(top_px));
            }
        }
    };
    let wheel = move |event: WheelEvent| {
        if scroll.get_untracked().is_scaled() && event.delta_y() != 0.0 {
            event.prevent_default();
            let unit = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE { 1.0 } else { 1.0 / ROW_PX };
            move_to(position.get_untracked() + event.delta_y() * unit);
        }
    };
    let press = move |event: KeyboardEvent| {
        let now = position.get_untracked();
        let page = (scroll.get_untracked().viewport_px / ROW_PX - 1.0).max(1.0);
        let to = match event.key().as_str() {
            "ArrowDown" => now + 1.0,
            "ArrowUp" => now - 1.0,
            "PageDown" => now + page,
            "PageUp" => now - page,
            "Home" => 0.0,
            "End" => f64::INFINITY,
            _ => return,
        };
        event.prevent_default();
        move_to(to);
    };
    // Another order or search begins at its top, and so does another result.
    Effect::new(move |_| {
        table.sort.track();
        table.search.track();
        lab.run.with(|run| run.run);
        move_to(0.0);
    });
    let visible = Memo::new(move |_| scroll.get().visible(position.get().min(scroll.get().last_position())));
    Effect::new(move |_| {
        table.turned.track();
        let (from, to) = visible.get();
        lab.want_rows(from.saturating_sub(PREFETCH_ROWS), (to + PREFETCH_ROWS).min(matched.get()).max(1));
    });

    let shown = move || {
        table.turned.track();
        let (from, to) = visible.get();
        let columns = columns.with(Vec::len);
        table.cache.with_value(|cache| (from..to).map(|index| row(index, cache.row(index), columns)).collect::<String>())
    };
    let offset = move || {
        let position = position.get().min(scroll.get().last_position());
        format!("translateY({:.2}px)", -position.fract() * ROW_PX)
    };
    let nothing = move || {
        table.totals.get().map(|totals| match (totals.total, totals.matched) {
            (0, _) => Some("The result has no rows.".to_owned()),
            (_, 0) => Some(format!("No key contains “{}”.", table.search.get())),
            _ => None,
        })
    };
    view! {
        <div
            class="rows"
            node_ref=viewport
            role="table"
            data-testid="result-table"
            aria-label="The result"
            aria-rowcount=move || (matched.get() + 1).to_string()
            tabindex="0"
            style=move || format!("--columns:{}", columns.with(|columns| columns.len().max(1)))
            on:scroll=scrolled
            on:wheel=wheel
            on:keydown=press
        >
            <div class="rows-head" role="row" aria-rowindex="1">
                {move || columns.get().into_iter().enumerate().map(|(index, name)| heading(lab, index, name)).collect_view()}
            </div>
            <div class="rows-space" role="presentation" style:height=move || format!("{}px", scroll.get().content_px())>
                <div class="rows-window" role="rowgroup">
                    <div role="presentation" style:transform=offset inner_html=shown></div>
                </div>
            </div>
            {move || nothing().flatten().map(|sentence| view! { <p class="empty hint">{sentence}</p> })}
        </div>
    }
}

fn heading(lab: Lab, index: usize, name: String) -> impl IntoView {
    let table = lab.table;
    let order = move || match table.sort.get() {
        Some((column, falls)) if column == index => {
            if falls {
                "descending"
            } else {
                "ascending"
            }
        }
        _ => "none",
    };
    let icon = move || match order() {
        "descending" => Some(view! { <Icon name="arrow-down" /> }),
        "ascending" => Some(view! { <Icon name="arrow-up" /> }),
        _ => None,
    };
    view! {
        <div role="columnheader" aria-sort=order class:end=is_numeric(index)>
            <button data-testid=format!("sort-{name}") title=format!("Sort by {name}") on:click=move |_| table.turn_sort(index)>
                {name.clone()}
                {icon}
            </button>
        </div>
    }
}

/// One row; a place kept for one that is on its way.
fn row(index: u64, values: Option<&Vec<String>>, columns: usize) -> String {
    let cells = (0..columns).map(|column| {
        let number = is_numeric(column);
        let value = values.and_then(|values| values.get(column));
        let text = match value {
            Some(value) if number => value.parse::<u64>().map_or_else(|_| escape(value), grouped),
            Some(value) => escape(value),
            None => "…".to_owned(),
        };
        let class = if number { " class=\"num end\"" } else { "" };
        format!("<div role=\"cell\"{class} title=\"{text}\">{text}</div>")
    });
    let cells: String = cells.collect();
    let coming = if values.is_none() { " coming" } else { "" };
    // The heading is row 1.
    let number = index + 2;
    format!("<div class=\"row-line{coming}\" role=\"row\" data-testid=\"row\" aria-rowindex=\"{number}\">{cells}</div>")
}

//! What the page takes while a simulation goes on for a long time with everything open that draws: the timeline and the charts. The heap
//! of the page's scripts after a collection that DevTools force, the page's DOM nodes, and all memory of the tab are looked at every half
//! minute, and printed as one line of JSON each; the last line says how much more there is at the end than after the first two minutes.
//!
//! `MILLRACE_BIN=… cargo run -p e2e --example page_memory [MINUTES [SPEED]]`; a speed is the end of a button's test id, `1` or `10`.

// A measurement: a panic is how it fails.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use e2e::{Browser, Page, Server};
use serde_json::json;
use thirtyfour::prelude::*;

/// How long it is looked at, unless somebody says otherwise.
const MINUTES: u64 = 10;
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// By then everything has been loaded and drawn once, and what is kept of a run has its bounds.
const SETTLED: Duration = Duration::from_secs(120);

/// Twenty messages a second of virtual time over a bus, for as long as an experiment may take.
const LONG: &str = "\
millrace: 1
title: A long day
messaging:
  for: 100 min
  exchanges: { jobs: { type: direct } }
  queues:
    tasks: { bind: [ { exchange: jobs, key: task } ], max_messages: 50, overload: drop_oldest }
  publishers:
    web: { count: 2, exchange: jobs, key: task, rate: 10/s }
  consumers:
    worker: { count: 3, queue: tasks, prefetch: 2, service: { exponential: 100 ms } }
";

#[tokio::main]
async fn main() -> WebDriverResult<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let minutes: u64 = arguments.first().map_or(MINUTES, |minutes| minutes.parse().unwrap());
    let speed = arguments.get(1).map_or("10", String::as_str);
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(LONG).await?;
    page.press("place-simulate").await?;
    page.press(&format!("speed-{speed}")).await?;
    page.press("fold-charts").await?;
    page.press("run").await?;
    page.until_attribute("status", "data-stage", |stage| stage == "running").await?;
    page.element("chart-depth").await?;
    page.devtools("HeapProfiler.enable", json!({})).await?;
    page.devtools("Performance.enable", json!({})).await?;
    let begun = Instant::now();
    let mut looks = Vec::new();
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        tokio::time::sleep(LOOK_EVERY).await;
        // A run that has ended draws nothing.
        assert_eq!(page.attribute("status", "data-stage").await?, "running");
        let look = look(&page, &browser, begun.elapsed()).await?;
        println!("{}", json!({ "s": look.at.as_secs(), "heap_bytes": look.heap, "nodes": look.nodes, "tab_bytes": look.tab }));
        looks.push(look);
    }
    let first = looks.iter().find(|look| look.at >= SETTLED).unwrap_or(&looks[0]);
    let last = looks.last().unwrap();
    let more = |from: u64, to: u64| to as i64 - from as i64;
    let told = json!({
        "minutes": minutes,
        "more_heap_bytes": more(first.heap, last.heap),
        "more_nodes": more(first.nodes, last.nodes),
        "more_tab_bytes": more(first.tab, last.tab),
    });
    println!("{told}");
    page.driver.quit().await
}

/// What there is at a moment.
struct Look {
    at: Duration,
    heap: u64,
    nodes: u64,
    tab: u64,
}

async fn look(page: &Page, browser: &Browser, at: Duration) -> WebDriverResult<Look> {
    page.devtools("HeapProfiler.collectGarbage", json!({})).await?;
    let metrics = page.devtools("Performance.getMetrics", json!({})).await?;
    let metric = |name: &str| {
        let all = metrics["metrics"].as_array().unwrap();
        all.iter().find(|metric| metric["name"] == name).and_then(|metric| metric["value"].as_f64()).unwrap() as u64
    };
    Ok(Look { at, heap: metric("JSHeapUsedSize"), nodes: metric("Nodes"), tab: browser.tab_bytes() })
}

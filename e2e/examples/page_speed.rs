//! How soon the page can be used, how fast it counts a big file, and what that costs; printed as one JSON object.
//! `cargo xtask bench page` runs it and compares it with what is promised.
//!
//! `MILLRACE_BIN=… cargo run -p e2e --example page_speed FILE EXPERIMENT.yaml`

// A measurement: a panic is how it fails.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use e2e::watch::{self, MemoryWatch};
use e2e::{Browser, Page, Server};
use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// How often the page is loaded into a browser that has never seen it.
const LOADS: usize = 5;

/// How often each number of workers counts the file.
const ROUNDS: usize = 3;

/// How long one run may take.
const RUN_MAX: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> WebDriverResult<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, experiment] = &arguments[..] else { panic!("name a file and an experiment") };
    let server = Server::start();
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        loads.push(cold_load(&server.url).await?);
    }
    let big = big_file(&server.url, Path::new(file), &std::fs::read_to_string(experiment).unwrap()).await?;
    println!("{}", json!({ "loads": loads, "big": big }));
    Ok(())
}

/// A browser of its own, so nothing is cached: until the page answers, and until the first result of the bundled text.
async fn cold_load(url: &str) -> WebDriverResult<Value> {
    let browser = Browser::start().await;
    let page = Page::open(&browser, "about:blank").await?;
    watch::set_marks(&page.driver).await?;
    page.driver.goto(url).await?;
    ended(&page, "").await?;
    // The mark is set with the next frame.
    page.element("row").await?;
    let marks = loop {
        let marks = watch::marks(&page.driver).await?;
        if marks.result_ms.is_some() {
            break marks;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    page.driver.quit().await?;
    Ok(json!({ "ready_ms": marks.ready_ms, "result_ms": marks.result_ms, "long_ms": marks.long_ms }))
}

/// Counts the file with one and with two workers, in turns.
async fn big_file(url: &str, file: &Path, experiment: &str) -> WebDriverResult<Value> {
    let browser = Browser::start().await;
    let page = Page::open(&browser, "about:blank").await?;
    watch::set_marks(&page.driver).await?;
    page.driver.goto(&format!("{url}/?autorun=no")).await?;
    write(&page, "experiment-text", experiment).await?;
    page.press("input-file").await?;
    page.choose_file(&file.to_string_lossy()).await?;
    let mut runs = Vec::new();
    let mut before = String::new();
    for _ in 0..ROUNDS {
        for workers in [1, 2] {
            write(&page, "workers-input", &workers.to_string()).await?;
            watch::forget_long_tasks(&page.driver).await?;
            let memory = MemoryWatch::start(browser.profile());
            page.press("run").await?;
            before = ended(&page, &before).await?;
            let elapsed = page.element("elapsed").await?.attr("data-exact").await?.unwrap_or_default();
            let elapsed_ms: f64 = elapsed.trim_end_matches(" ms").parse().unwrap();
            let marks = watch::marks(&page.driver).await?;
            let hash = page.text("output-hash").await?;
            runs.push(json!({
                "workers": workers, "elapsed_ms": elapsed_ms, "bytes": memory.most(), "long_ms": marks.long_ms, "hash": hash,
            }));
        }
    }
    page.driver.quit().await?;
    Ok(json!(runs))
}

/// Types into a field as a user who leaves it afterwards.
async fn write(page: &Page, id: &str, text: &str) -> WebDriverResult<()> {
    let script = "const [field, text] = arguments; field.value = text;
        for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true }));";
    let field = page.element(id).await?.to_json()?;
    page.driver.execute(script, vec![field, json!(text)]).await.map(drop)
}

/// Waits until a run other than `before` has finished, and gives its number.
async fn ended(page: &Page, before: &str) -> WebDriverResult<String> {
    let began = Instant::now();
    loop {
        let status = page.element("status").await?;
        let stage = status.attr("data-stage").await?.unwrap_or_default();
        let run = status.attr("data-run").await?.unwrap_or_default();
        assert_ne!(stage, "failed", "{}", page.text("status").await?);
        if run != before && stage == "finished" {
            return Ok(run);
        }
        assert!(began.elapsed() < RUN_MAX, "the run takes longer than {RUN_MAX:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

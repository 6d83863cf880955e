//! How soon the page can be used, how fast it counts a big file, and what that costs; printed as one JSON object. The first result is
//! that of a page which is asked to count the bundled text at once, in its own workers (`?run=browser`): the simulation in slow motion
//! that it opens on otherwise takes as long as it is meant to.
//! `cargo xtask bench page`, `tenth` and `bus` run it and compare it with what is promised.
//!
//! `MILLRACE_BIN=… cargo run -p e2e --example page_speed CASES.json`, where the cases are
//! `{ "loads": 5, "files": [{ "name": "words", "file": PATH, "experiment": TEXT, "workers": [1, 2], "rounds": 3 }],
//! "buses": [{ "name": "1→1", "experiment": TEXT }] }`.

// A measurement: a panic is how it fails.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use e2e::{Browser, Page, Server};
use serde::Deserialize;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// Between two looks at a run and at the memory that it takes; each walks through all the tab's memory, and too many of them would be
/// what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Run in a document before its own scripts: notes in `window.marks` when the page first answers (`ready`: its buttons are there) and
/// when its first result is (`result`), in milliseconds since the navigation began.
const MARKS: &str = r#"
    window.marks = {};
    const look = () => {
        const stage = document.querySelector("[data-testid=status]")?.dataset.stage;
        if (stage && marks.ready === undefined) marks.ready = performance.now();
        if (stage === "finished" && document.querySelector("[data-testid=row]")) {
            marks.result = performance.now();
            return;
        }
        requestAnimationFrame(look);
    };
    addEventListener("DOMContentLoaded", look);
"#;

/// Begins to note in `window.frames` how many milliseconds lie between two frames of the page.
const FRAMES: &str = "
    window.frames = [];
    let last = performance.now();
    const frame = now => { frames.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
";

/// What is measured.
#[derive(Deserialize)]
struct Cases {
    /// How often the page is loaded into a browser that has never seen it.
    loads: usize,
    files: Vec<FileCase>,
    buses: Vec<BusCase>,
}

/// An experiment over a file, with so many workers in turns.
#[derive(Deserialize)]
struct FileCase {
    name: String,
    file: String,
    experiment: String,
    workers: Vec<u32>,
    rounds: usize,
}

/// A bus in the page's workers.
#[derive(Deserialize)]
struct BusCase {
    name: String,
    experiment: String,
}

#[tokio::main]
async fn main() -> WebDriverResult<()> {
    let path = std::env::args().nth(1).expect("the cases are named");
    let cases: Cases = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let server = Server::start();
    let (mut loads, mut files, mut buses) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..cases.loads {
        loads.push(cold_load(&format!("{}/?run=browser", server.url)).await?);
    }
    for case in &cases.files {
        files.extend(over_file(&server.url, case).await?);
    }
    for case in &cases.buses {
        buses.push(bus(&server.url, case).await?);
    }
    println!("{}", json!({ "loads": loads, "files": files, "buses": buses }));
    Ok(())
}

/// A browser of its own, so nothing is cached: until the page answers, and until the first result of the bundled text.
async fn cold_load(url: &str) -> WebDriverResult<Value> {
    let browser = Browser::start().await;
    let page = Page::open(&browser, "about:blank").await?;
    page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": MARKS })).await?;
    page.driver.goto(url).await?;
    page.finished().await?;
    page.element("row").await?;
    let marks = loop {
        let marks = page.driver.execute("return window.marks", vec![]).await?.json().clone();
        // The mark is set with the next frame.
        if marks["result"].is_number() {
            break marks;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let long_ms = long_tasks(&page).await?;
    page.driver.quit().await?;
    Ok(json!({ "ready_ms": marks["ready"], "result_ms": marks["result"], "long_ms": long_ms }))
}

/// Runs an experiment over a file with each number of workers, in turns.
async fn over_file(url: &str, case: &FileCase) -> WebDriverResult<Vec<Value>> {
    let browser = Browser::start().await;
    let page = Page::open_idle(&browser, url).await?;
    page.write_experiment(&case.experiment).await?;
    page.press("place-browser").await?;
    page.choose_file(&case.file).await?;
    let mut runs = Vec::new();
    for _ in 0..case.rounds {
        for workers in &case.workers {
            let field = page.element("workers-input").await?.to_json()?;
            let script =
                "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change', { bubbles: true }));";
            page.driver.execute(script, vec![field, json!(workers.to_string())]).await?;
            page.driver.execute("window.longTasks.length = 0", vec![]).await?;
            page.start().await?;
            let mut bytes = 0;
            while !matches!(page.attribute("status", "data-stage").await?.as_str(), "finished" | "failed") {
                bytes = bytes.max(browser.tab_bytes());
                tokio::time::sleep(LOOK_EVERY).await;
            }
            page.finished().await?;
            let elapsed = page.attribute("elapsed", "data-exact").await?;
            let elapsed_ms: f64 = elapsed.trim_end_matches(" ms").parse().unwrap();
            let (hash, long_ms) = (page.text("output-hash").await?, long_tasks(&page).await?);
            runs.push(json!({
                "name": case.name, "workers": workers, "elapsed_ms": elapsed_ms, "bytes": bytes, "long_ms": long_ms, "hash": hash,
            }));
        }
    }
    page.driver.quit().await?;
    Ok(runs)
}

/// Runs a bus in real time; the views that a newcomer sees are open.
async fn bus(url: &str, case: &BusCase) -> WebDriverResult<Value> {
    let browser = Browser::start().await;
    let page = Page::open_idle(&browser, url).await?;
    page.write_experiment(&case.experiment).await?;
    page.press("place-browser").await?;
    page.driver.execute("window.longTasks.length = 0", vec![]).await?;
    page.driver.execute(FRAMES, vec![]).await?;
    page.start().await?;
    page.finished().await?;
    let frames = page.driver.execute("return window.frames", vec![]).await?.json().clone();
    let long_ms = long_tasks(&page).await?;
    let counters = page.download(&browser).await?;
    let processed = counters.lines().find_map(|line| line.strip_prefix("total/processed,")?.parse::<u64>().ok());
    page.driver.quit().await?;
    Ok(json!({ "name": case.name, "processed": processed, "frames_ms": frames, "long_ms": long_ms }))
}

/// How long each noted long task of the main thread took, in milliseconds by the clock on the wall.
async fn long_tasks(page: &Page) -> WebDriverResult<Vec<f64>> {
    let tasks = page.driver.execute("return window.longTasks", vec![]).await?.json().clone();
    Ok(tasks.as_array().into_iter().flatten().filter_map(|task| task[1].as_f64()).collect())
}

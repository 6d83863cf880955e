//! How soon the page can be used, how fast it counts a big file, and what that costs; printed as one JSON object. The first result is
//! that of a page which is asked to count the bundled text at once, in its own workers (`?run=browser`): the simulation in slow motion
//! that it opens on otherwise takes as long as it is meant to.
//! `cargo xtask bench page` runs it and compares it with what is promised.
//!
//! `MILLRACE_BIN=… cargo run -p e2e --example page_speed FILE EXPERIMENT.yaml`

// A measurement: a panic is how it fails.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use e2e::{Browser, Page, Server};
use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// How often the page is loaded into a browser that has never seen it.
const LOADS: usize = 5;

/// How often each number of workers counts the file.
const ROUNDS: usize = 3;

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

#[tokio::main]
async fn main() -> WebDriverResult<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, experiment] = &arguments[..] else { panic!("name a file and an experiment") };
    let server = Server::start();
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        loads.push(cold_load(&format!("{}/?run=browser", server.url)).await?);
    }
    let big = big_file(&server.url, file, &std::fs::read_to_string(experiment).unwrap()).await?;
    println!("{}", json!({ "loads": loads, "big": big }));
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

/// Counts the file with one and with two workers, in turns.
async fn big_file(url: &str, file: &str, experiment: &str) -> WebDriverResult<Value> {
    let browser = Browser::start().await;
    let page = Page::open_idle(&browser, url).await?;
    page.write_experiment(experiment).await?;
    page.choose_file(file).await?;
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        for workers in [1, 2] {
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
            runs.push(
                json!({ "workers": workers, "elapsed_ms": elapsed_ms, "bytes": bytes, "long_ms": long_ms, "hash": hash }),
            );
        }
    }
    page.driver.quit().await?;
    Ok(json!(runs))
}

/// How long each noted long task of the main thread took, in milliseconds by the clock on the wall.
async fn long_tasks(page: &Page) -> WebDriverResult<Vec<f64>> {
    let tasks = page.driver.execute("return window.longTasks", vec![]).await?.json().clone();
    Ok(tasks.as_array().into_iter().flatten().filter_map(|task| task[1].as_f64()).collect())
}

//! A bus in the page: what is seen at any moment is what there was natively, a client is killed by a click, and the click becomes a line;
//! in real time each node is a worker of its own, in the page or on the server, and what is killed is really gone.

use e2e::{Browser, LOOKS, Page, Server, simulated_natively, until};
use thirtyfour::prelude::*;

/// Two seconds in which a queue runs over and a consumer cannot keep up.
const OVERLOAD: &str = "\
millrace: 1
title: Frames <b>of</b> a camera
seed: 7
respawn: 200 ms
messaging:
  for: 2 s
  exchanges:
    video: { type: topic }
  queues:
    frames: { bind: [{ exchange: video, key: 'hall.#' }], max_messages: 20, overload: drop_oldest }
    slow: { max_messages: 10, overload: block }
  publishers:
    camera: { exchange: video, key: hall.left, rate: 100/s }
    sensor: { key: slow, rate: 60/s }
  consumers:
    viewer: { count: 2, queue: frames, prefetch: 1, service: 40 ms }
    logger: { queue: slow, prefetch: 1, service: 25 ms }
# What must hold.
expect:
  - conserved: true
  - depth_at_most: { queue: frames, messages: 20 }
";

async fn opened(browser: &Browser, server: &Server) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, &server.url).await?;
    page.write_experiment(OVERLOAD).await?;
    page.until("outline", "the bus", |outline| outline.contains("frames, at most 20, then drop_oldest")).await?;
    page.press("place-simulate").await?;
    page.press("speed-max").await?;
    page.run().await?;
    Ok(page)
}

/// Four seconds of tasks that nobody may lose.
const TASKS: &str = "\
millrace: 1
title: Tasks
respawn: 600 ms
messaging:
  for: 4 s
  queues: { tasks: {} }
  publishers:
    web: { key: tasks, rate: 200/s, confirms: true, messages: 500 }
  consumers:
    worker: { count: 2, queue: tasks, prefetch: 10, service: 15 ms }
expect:
  - no_loss: true
  - conserved: true
  - counter: { name: client/web/confirmed, at_least: 400 }
  - counter: { name: total/redelivered, at_least: 1 }
";

#[tokio::test]
async fn it_is_simulated_as_it_is_natively_and_drawn_with_its_loss() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    assert!(page.text("status").await?.contains("Simulate"), "{}", page.text("status").await?);
    assert_eq!(page.text("trace-hash").await?, simulated_natively(OVERLOAD)["trace_hash"].as_str().unwrap_or_default());
    let news = page.text("news").await?;
    assert!(news.contains("frames is full: the oldest messages make room"), "{news}");
    assert!(news.contains("sensor-1 has used up its credit"), "{news}");
    let drawn = page.attribute("graph", "aria-label").await?;
    assert!(drawn.starts_with("The bus: arrow keys go from one part to the next"), "{drawn}");
    page.press("timeline-as-table").await?;
    let table = page.text("timeline-table").await?;
    assert!(table.contains("frames") && table.contains("viewer-2") && table.contains("waits"), "{table}");
    page.driver.quit().await
}

#[tokio::test]
async fn any_moment_is_gone_to_and_a_click_there_is_a_line_of_the_text() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let calm = page.text("trace-hash").await?;
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(page.slide("PageDown").await?);
    }
    for moment in seen.iter().rev().skip(1) {
        let there = page.slide("PageUp").await?;
        assert!(there.at != moment.at || there.state == moment.state, "{there:?} {moment:?}");
    }
    for _ in 0..3 {
        page.slide("PageDown").await?;
    }
    // The third client is the first viewer.
    assert!(page.text("worker-3").await?.contains("viewer-1"));
    page.press("kill-worker-3").await?;
    page.until_attribute("worker-3", "data-state", |state| state == "down").await?;
    page.until("news", "the kill", |news| news.contains("viewer-1 is killed")).await?;
    page.press("kill-broker").await?;
    page.until("news", "the broker's end", |news| news.contains("broker is killed")).await?;
    page.press("pause").await?;
    page.finished().await?;
    let touched = page.text("trace-hash").await?;
    assert_ne!(touched, calm);
    let change = page.text("change").await?;
    assert!(change.contains("Lost or dropped") && change.contains("Latency, 99 of 100"), "{change}");
    let text = page.experiment().await?;
    assert!(text.contains("kill: viewer-1 }") && text.contains("kill: broker }"), "{text}");
    assert_eq!(simulated_natively(&text)["trace_hash"], touched.as_str());
    page.driver.quit().await
}

#[tokio::test]
async fn in_real_time_a_killed_client_loses_nothing_and_a_killed_broker_does() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(TASKS).await?;
    page.until("outline", "the bus", |outline| outline.contains("tasks")).await?;
    for place in ["place-browser", "place-server"] {
        page.press(place).await?;
        page.start().await?;
        page.until("worker-2", "work", |worker| worker.contains("worker-1") && !worker.contains(" 0 ")).await?;
        page.until("throughput", "a rate", |rate| rate.contains("msg/s")).await?;
        page.press("kill-worker-2").await?;
        page.until_attribute("worker-2", "data-state", |state| state == "down").await?;
        page.until("news", "its return", |news| news.contains("worker-1 is killed") && news.contains("worker-1 is back"))
            .await?;
        page.finished().await?;
        assert_eq!(page.broken().await?, Vec::<String>::new(), "{place}");
        assert!(!page.has("trace-hash").await?, "real time has no trace");
        // What it came to is rows, as everywhere.
        page.until("row", "counters", |row| row.contains("client/web/confirmed")).await?;
    }
    for place in ["place-browser", "place-server"] {
        page.press(place).await?;
        page.start().await?;
        page.until("worker-2", "work", |worker| worker.contains("worker-1") && !worker.contains(" 0 ")).await?;
        page.press("kill-broker").await?;
        page.until("news", "its return", |news| news.contains("broker is killed") && news.contains("broker is back")).await?;
        page.finished().await?;
        let broken = page.broken().await?;
        assert!(broken.iter().any(|it| it.contains("no_loss")), "{place}: {broken:?}");
        assert!(
            !broken.iter().any(|it| it.contains("client/web/confirmed") || it.contains("conserved")),
            "{place}: {broken:?}"
        );
    }
    page.driver.quit().await
}

#[tokio::test]
async fn a_bus_that_is_stopped_leaves_no_worker_behind() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(TASKS).await?;
    page.until("outline", "the bus", |outline| outline.contains("tasks")).await?;
    page.press("place-browser").await?;
    page.start().await?;
    page.until("throughput", "a rate", |rate| rate.contains("msg/s")).await?;
    assert_eq!(browser.worker_threads(), 5, "the engine, the broker and three clients");
    page.press("stop").await?;
    assert_eq!(page.ended().await?, "failed");
    until("no worker but the engine", async || (browser.worker_threads() == 1).then_some(())).await;
    // And the engine is well.
    page.run().await?;
    assert_eq!(page.broken().await?.len(), 1, "nobody was killed, so nothing came twice");
    assert!(!page.has("notice").await?);
    page.driver.quit().await
}

#[tokio::test]
async fn nothing_is_wrong_for_those_who_hear_the_page() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    for look in LOOKS {
        page.look(look).await?;
        assert_eq!(page.violations().await?, Vec::<String>::new(), "{look:?}");
    }
    page.driver.quit().await
}

//! One run of messaging in several tabs: a client that another tab has taken over works there, is killed there, comes back, and is gone
//! with its tab, and nothing is lost.

use e2e::{Browser, Page, Server, until};
use thirtyfour::prelude::*;

/// Tasks for a single worker, for as long as a slow machine needs to do all this.
const TASKS: &str = "\
millrace: 1
title: Tasks for tabs
respawn: 500 ms
messaging:
  for: 70 s
  queues: { tasks: {} }
  publishers:
    web: { key: tasks, rate: 10/s, confirms: true, messages: 500 }
  consumers:
    worker: { queue: tasks, prefetch: 10, service: 80 ms }
expect:
  - no_loss: true
  - conserved: true
  - counter: { name: client/web/confirmed, at_least: 500 }
  - counter: { name: client/worker/processed, at_least: 500 }
  - counter: { name: total/redelivered, at_least: 1 }
";

/// What the first tab says of a worker that lives in another, and is connected.
fn in_tab_2(worker: &str) -> bool {
    worker.contains("in tab 2: at work") || worker.contains("in tab 2: waits for a message")
}

fn at_home(worker: &str) -> bool {
    (worker.contains("at work") || worker.contains("waits for a message")) && !worker.contains("tab 2")
}

fn milliseconds(elapsed: &str) -> f64 {
    elapsed.trim_end_matches(" ms").parse().unwrap_or_default()
}

#[tokio::test]
async fn a_consumer_lives_in_another_tab_and_nothing_is_lost_when_that_closes() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.press("join-open").await?;
    page.until("no-tabs", "a sentence", |none| none.contains("No tab runs messaging in real time now")).await?;
    page.press("join-close").await?;
    page.write_experiment(TASKS).await?;
    page.until("outline", "the bus", |outline| outline.contains("tasks")).await?;
    page.press("place-browser").await?;
    page.start().await?;
    page.until("worker-2", "work", |worker| worker.contains("worker-1") && !worker.contains(" 0 ")).await?;
    let threads = browser.worker_threads();
    assert_eq!(threads, 4, "the engine, the broker and two clients");

    let home = page.open_beside(&format!("{}/?autorun=no", server.url)).await?;
    let away = page.driver.window().await?;
    page.press("join-open").await?;
    let tabs = page.until("tabs", "the run of the first tab", |tabs| tabs.contains("Tasks for tabs")).await?;
    assert!(tabs.contains("worker-1 in the tab of the run") && tabs.contains("Take over web-1"), "{tabs}");
    assert!(!tabs.contains("broker"), "{tabs}");
    page.press("take-worker-1").await?;
    page.until("client-worker-1", "its new place", |client| client.starts_with("worker-1 in this tab")).await?;
    page.until("tabs-told", "that it lives here", |told| told.contains("lives in this tab")).await?;
    until("a worker more, and one less", async || (browser.worker_threads() == threads + 1).then_some(())).await;

    // The first tab says where it lives, and what it does there.
    page.driver.switch_to_window(home.clone()).await?;
    page.until("worker-2", "work in tab 2", in_tab_2).await?;
    page.until("news", "the move", |news| news.contains("worker-1 moves to tab 2")).await?;
    // To kill it is real there, too; its next life begins there.
    page.press("kill-worker-2").await?;
    page.until("news", "the kill", |news| news.contains("worker-1 is killed")).await?;
    page.until_attribute("worker-2", "data-incarnation", |life| life == "3").await?;
    page.until("worker-2", "work in tab 2", in_tab_2).await?;

    // The other tab gives it back, and takes it once more.
    page.driver.switch_to_window(away.clone()).await?;
    page.press("back-worker-1").await?;
    page.until("client-worker-1", "its old place", |client| client.contains("in the tab of the run")).await?;
    page.driver.switch_to_window(home.clone()).await?;
    page.until("worker-2", "work at home", at_home).await?;
    page.driver.switch_to_window(away).await?;
    page.press("take-worker-1").await?;
    page.until("client-worker-1", "its new place", |client| client.starts_with("worker-1 in this tab")).await?;
    page.driver.switch_to_window(home.clone()).await?;
    page.until("worker-2", "work in tab 2", in_tab_2).await?;

    // Its tab is closed: it goes down, and comes back here.
    for window in page.driver.windows().await? {
        if window != home {
            page.driver.switch_to_window(window).await?;
            page.driver.close_window().await?;
        }
    }
    page.driver.switch_to_window(home).await?;
    page.until("news", "the end of the tab", |news| news.contains("tab 2 is gone, and worker-1 with it")).await?;
    page.until("worker-2", "work at home", at_home).await?;
    // The run is longer than a sign may take.
    page.until_attribute("elapsed", "data-exact", |elapsed| milliseconds(elapsed) > 45_000.0).await?;
    page.finished().await?;
    assert_eq!(page.broken().await?, Vec::<String>::new());
    assert!(!page.has("notice").await?);
    page.driver.quit().await
}

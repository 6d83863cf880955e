//! Word count in the page: counted right, whatever is killed.

use e2e::{Browser, ENDLESS, Page, Server, Text, until};
use serde_json::json;
use thirtyfour::prelude::*;

/// Two workers, small splits and a quick return, so that each job loses work in every phase.
const TO_KILL: &str = "\
millrace: 1
title: To kill
workers: 2
respawn: 100 ms
batch:
  input: { dataset: glosses }
  format: lines
  split: 1 MiB
  partitions: 8
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
";

/// Presses a worker's Kill button as soon as the run has come so far and the worker is busy; says whether it was pressed before the
/// run's end. In the page, because a round trip by the driver takes as long as several tasks.
const KILL: &str = "\
const [worker, percent, done] = arguments;
const find = id => document.querySelector(`[data-testid='${id}']`);
const look = () => {
    const stage = find('status').dataset.stage;
    if (stage === 'finished' || stage === 'failed') return done(false);
    const button = find('kill-' + worker);
    const ripe = stage === 'running' && find('progress').ariaValueNow >= percent;
    if (ripe && button && !button.disabled && find(worker).dataset.state === 'busy') {
        button.click();
        return done(true);
    }
    requestAnimationFrame(look);
};
look();";

async fn kill(page: &Page, worker: &str, percent: u32) -> WebDriverResult<bool> {
    page.driver.execute_async(KILL, vec![json!(worker), json!(percent)]).await?.convert()
}

#[tokio::test]
async fn twenty_kills_over_ten_jobs_change_no_count() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let text = Text::of_megabytes(128);
    page.write_experiment(TO_KILL).await?;
    page.choose_file(text.path()).await?;
    let mut lost = 0;
    for job in 0..10 {
        page.start().await?;
        // The first kill earlier from job to job, the second later.
        let (first, second) = if job % 2 == 0 { ("worker-1", "worker-2") } else { ("worker-2", "worker-1") };
        assert!(kill(&page, first, 27 - 3 * job).await?, "job {job} was over before {first} could be killed");
        assert!(kill(&page, second, 30 + 6 * job).await?, "job {job} was over before {second} could be killed");
        page.finished().await?;
        lost += page.exact("counter-workers_lost").await?;
        assert_eq!(page.counts(&browser).await?, text.counts, "job {job}");
        let news = page.text("news").await?;
        assert!(news.contains("worker-1 was killed") && news.contains("worker-2 was killed"), "the news say only: {news}");
    }
    assert_eq!(lost, 20, "every kill ended a worker");
    page.driver.quit().await
}

#[tokio::test]
async fn the_bundled_text_gives_the_same_rows_in_every_place() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_counting(&browser, &server.url).await?;
    page.finished().await?;
    let here = page.text("output-hash").await?;
    for place in ["place-server", "place-simulate"] {
        page.press(place).await?;
        page.run().await?;
        assert_eq!(page.text("output-hash").await?, here, "{place}");
        assert_eq!(page.attribute("expectation", "data-held").await?, "true", "{place}");
    }
    page.driver.quit().await
}

#[tokio::test]
async fn a_page_that_is_closed_or_loaded_again_leaves_no_worker_behind() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    until("the engine's worker", async || (browser.worker_threads() == 1).then_some(())).await;
    let first = page.driver.window().await?;
    page.write_experiment(ENDLESS).await?;
    page.start().await?;
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    assert!(browser.worker_threads() >= 2, "a running job has workers");
    page.driver.refresh().await?;
    until("no worker but the new page's engine", async || (browser.worker_threads() == 1).then_some(())).await;

    // Another page keeps the browser open while this one is closed.
    page.write_experiment(ENDLESS).await?;
    page.start().await?;
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    let other = page.driver.new_window().await?;
    page.driver.switch_to_window(first).await?;
    page.driver.close_window().await?;
    page.driver.switch_to_window(other).await?;
    until("no worker at all", async || (browser.worker_threads() == 0).then_some(())).await;
    page.driver.quit().await
}

//! The page stays small while a job runs, and tells how quick it was: how long a page is busy at a time depends on the machine, so it is
//! printed and judged by `cargo xtask bench page`.

use std::time::Duration;

use e2e::{Browser, MainThread, Page, Server, Text, until};
use thirtyfour::prelude::*;

/// Four thousand map tasks, one of whose workers dies half-way.
const MANY_TASKS: &str = "\
millrace: 1
title: Many tasks
workers: 2
batch:
  input: { dataset: glosses }
  format: lines
  split: 25 KB
  partitions: 64
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
faults:
  - { at: 50%, kill: worker-2 }
";

#[tokio::test]
async fn four_thousand_tasks_leave_the_page_free() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let text = Text::of_megabytes(96);
    page.write_experiment(MANY_TASKS).await?;
    page.choose_file(text.path()).await?;
    until("the engine", async || (browser.worker_threads() > 0).then_some(())).await;
    let main = MainThread::watch(&page, &browser).await?;
    page.run().await?;
    assert!(page.exact("counter-tasks_run").await? > 4_000);
    main.tell(&page).await?;
    assert_eq!(page.counts(&browser).await?, text.counts);
    page.driver.quit().await
}

/// Bytes that the tab may take.
const TAB_BYTES_MAX: u64 = 600 << 20;

/// Between two looks at the tab's memory.
const MEMORY_EVERY: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_large_file_is_read_in_slices() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let text = Text::of_megabytes(300);
    page.choose_file(text.path()).await?;
    until("the engine", async || (browser.worker_threads() > 0).then_some(())).await;
    let main = MainThread::watch(&page, &browser).await?;
    page.start().await?;
    page.until_attribute("status", "data-stage", |stage| stage != "starting").await?;
    let mut most = 0;
    while page.attribute("status", "data-stage").await? == "running" {
        most = most.max(browser.tab_bytes());
        // A look walks through all the tab's memory, and too many of them would be what is measured.
        tokio::time::sleep(MEMORY_EVERY).await;
    }
    page.finished().await?;
    assert!(most > 0, "the run was over before its memory was looked at");
    assert!(most < TAB_BYTES_MAX, "the tab took {} MiB", most >> 20);
    main.tell(&page).await?;
    assert_eq!(page.counts(&browser).await?, text.counts);
    page.driver.quit().await
}

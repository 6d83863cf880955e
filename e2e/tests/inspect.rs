//! The inspector: what it says of a task is what the table of executions says, and its buttons lead on.

use e2e::{Browser, LOOKS, Page, Server, WORDS};
use thirtyfour::prelude::*;

const BUS: &str = "\
millrace: 1
title: A queue and its consumers
seed: 7
messaging:
  for: 2 s
  exchanges: { jobs: { type: direct } }
  queues:
    tasks: { bind: [ { exchange: jobs, key: task } ], max_messages: 20, overload: drop_oldest }
  publishers:
    web: { exchange: jobs, key: task, rate: 100/s }
  consumers:
    worker: { count: 2, queue: tasks, prefetch: 1, service: 25 ms }
";

/// The lines of a list or table in the inspector.
async fn lines(page: &Page, selector: &str) -> WebDriverResult<Vec<String>> {
    let found = page.driver.find_all(By::Css(format!("[data-testid=inspected] {selector}"))).await?;
    let mut lines = Vec::new();
    for line in found {
        lines.push(line.text().await?);
    }
    Ok(lines)
}

#[tokio::test]
async fn every_execution_of_the_table_is_under_its_task() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::simulated(&browser, &server.url, WORDS).await?;
    page.press("timeline-as-table").await?;
    let rows = page.driver.find_all(By::Css("[data-testid=timeline-table] tbody tr")).await?;
    let mut of_maps = Vec::new();
    for row in rows {
        let words = row.text().await?;
        if words.starts_with("map-") {
            of_maps.push(words);
        }
    }
    assert!(of_maps.iter().any(|row| row.contains("lost with its worker")), "the kill cost something: {of_maps:?}");
    page.press("timeline-as-table").await?;

    page.press("select-first").await?;
    let mut executions = 0;
    let mut again = 0;
    for task in 0.. {
        page.until("inspected-name", "the next task", |name| name == format!("map-{task}")).await?;
        assert_eq!(page.driver.find_all(By::Css(".graph .chosen")).await?.len(), 2, "its split and its cell are marked");
        let lines = lines(&page, ".inspect-list li").await?;
        executions += lines.len();
        again += lines.iter().filter(|line| line.contains("Again, because")).count();
        if !page.has("select-next").await? {
            break;
        }
        page.press("select-next").await?;
    }
    assert_eq!(executions, of_maps.len());
    assert!(again > 0, "and it says why a task ran again");
    page.press("select-none").await?;
    e2e::until("nothing to be selected", async || (!page.has("inspected-name").await.ok()?).then_some(())).await;
    assert!(page.driver.find_all(By::Css(".graph .chosen")).await?.is_empty());
    page.driver.quit().await
}

#[tokio::test]
async fn a_shuffle_is_a_matrix_whose_shares_are_the_whole() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::simulated(&browser, &server.url, WORDS).await?;
    // From a bar of the timeline to its task, from there to the shuffle, and from the shuffle back to a task.
    page.press("select-first").await?;
    page.until("inspected-name", "a task", |name| name == "map-0").await?;
    page.driver.execute("document.querySelector(\"[data-testid=inspected] [data-do=worker]\").click()", Vec::new()).await?;
    page.until("inspected-name", "its worker", |name| name.starts_with("worker-")).await?;
    let of_reduce = "document.querySelector(\"[data-testid=inspected] [data-do=reduce]\").click()";
    page.driver.execute(of_reduce, Vec::new()).await?;
    page.until("inspected-name", "a task that gathers", |name| name.starts_with("reduce-")).await?;
    page.driver.execute("document.querySelector(\"[data-testid=inspected] [data-do=shuffle]\").click()", Vec::new()).await?;
    page.until("inspected-name", "the shuffle", |name| name == "map to reduce").await?;
    let maps = lines(&page, "[data-testid=matrix] tbody tr").await?.len();
    let told = page.text("inspected").await?;
    assert!(told.contains(&format!("{maps} of {maps} tasks have given")), "{told}");
    let shares = lines(&page, "[data-testid=matrix] tfoot td").await?;
    let sum: u32 = shares.iter().filter_map(|share| share.trim_end_matches(" %").parse::<u32>().ok()).sum();
    assert!(shares.len() == 2 && (99..=101).contains(&sum), "{shares:?}");
    // A time leads to its moment.
    page.driver.execute(of_reduce, Vec::new()).await?;
    page.until("inspected-name", "a task again", |name| name.starts_with("reduce-")).await?;
    let at: u64 = page
        .driver
        .execute("const seek = document.querySelector(\"[data-testid=inspected] [data-do=seek]\"); seek.click(); return seek.dataset.of", Vec::new())
        .await?
        .json()
        .as_str()
        .and_then(|at| at.parse().ok())
        .expect("an execution has its moment");
    page.arrived("the moment at which it began", |there| there == at).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_bus_is_looked_into_from_its_queue_to_each_client() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::simulated(&browser, &server.url, BUS).await?;
    page.press("select-first").await?;
    page.until("inspected-name", "the queue", |name| name == "tasks").await?;
    let told = page.text("inspected").await?.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("20 messages, then drop_oldest") && told.contains("jobs for task"), "{told}");
    page.driver.execute("document.querySelector(\"[data-testid=inspected] [data-do=group]\").click()", Vec::new()).await?;
    page.until("inspected-name", "who takes from it", |name| name == "worker").await?;
    assert_eq!(lines(&page, ".inspect-list li").await?.len(), 2);
    page.driver.execute("document.querySelector(\"[data-testid=inspected] [data-do=worker]\").click()", Vec::new()).await?;
    page.until("inspected-name", "one of them", |name| name == "worker-1").await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?}: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}

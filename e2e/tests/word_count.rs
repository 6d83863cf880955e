//! Word count in the page: counted right, whatever is killed, with and without a server.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use e2e::{Browser, Page, Server};
use thirtyfour::prelude::*;

/// Waits until the run has ended, well or not, and gives the stage.
async fn ended(page: &Page, after_run: &str) -> WebDriverResult<String> {
    for _ in 0..2400 {
        let status = page.element("status").await?;
        let stage = status.attr("data-stage").await?.unwrap_or_default();
        let run = status.attr("data-run").await?.unwrap_or_default();
        if run != after_run && (stage == "finished" || stage == "failed") {
            return Ok(stage);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("no run ended within a minute: {}", page.text("status").await?);
}

async fn run_number(page: &Page) -> WebDriverResult<String> {
    Ok(page.element("status").await?.attr("data-run").await?.unwrap_or_default())
}

/// A text of a few megabytes from a small generator, and its count by the plainest means.
fn text(megabytes: usize) -> (tempfile::NamedTempFile, BTreeMap<String, u64>) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let mut counts = BTreeMap::new();
    let mut state: u64 = 7;
    let mut line = String::new();
    let mut written = 0;
    while written < megabytes << 20 {
        line.clear();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let word = format!("w{}", (state >> 33) % 977);
            *counts.entry(word.clone()).or_default() += 1;
            line.push_str(&word);
            line.push(' ');
        }
        line.push('\n');
        file.write_all(line.as_bytes()).expect("the text can be written");
        written += line.len();
    }
    (file, counts)
}

/// The rows that the page's table shows now: each row's last two cells, a word and its count.
async fn shown_rows(page: &Page) -> WebDriverResult<Vec<(String, u64)>> {
    page.element("row").await?;
    let mut rows = Vec::new();
    for row in page.driver.find_all(By::Css("[data-testid='row']")).await? {
        let text = row.text().await?;
        let cells: Vec<&str> = text.split_whitespace().collect();
        let Some(at) = cells.iter().position(|cell| cell.starts_with('w')) else { continue };
        let digits: String = cells[at + 1..].concat().chars().filter(char::is_ascii_digit).collect();
        rows.push((cells[at].to_owned(), digits.parse().unwrap_or_else(|_| panic!("`{text}` has no count"))));
    }
    Ok(rows)
}

#[tokio::test]
async fn a_chosen_file_is_counted_exactly_while_workers_are_killed() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open(&browser, &format!("{}/?autorun=no", server.url)).await?;
    let (file, counts) = text(160);
    page.press("input-file").await?;
    page.choose_file(&file.path().to_string_lossy()).await?;
    let before = run_number(&page).await?;
    page.press("run").await?;
    page.element("kill-worker-1").await?;
    let mut kills = 0;
    for _ in 0..400 {
        let stage = page.element("status").await?.attr("data-stage").await?.unwrap_or_default();
        if stage == "finished" || kills == 2 {
            break;
        }
        let worker = page.element("worker-1").await?.attr("data-state").await?.unwrap_or_default();
        if stage == "running" && worker == "busy" {
            page.press("kill-worker-1").await?;
            kills += 1;
        }
    }
    assert_eq!(ended(&page, &before).await?, "finished");
    assert!(kills > 0, "the run was over before a worker could be killed");
    assert!(page.text("news").await?.contains("worker-1 was killed"), "the news tell of the kill");
    let rows = shown_rows(&page).await?;
    assert!(rows.len() >= 5, "the table shows {rows:?}");
    for (word, count) in rows {
        assert_eq!(Some(&count), counts.get(&word), "{word}");
    }
    page.driver.quit().await
}

#[tokio::test]
async fn the_bundled_text_gives_the_same_rows_in_every_place() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open(&browser, &server.url).await?;
    assert_eq!(ended(&page, "").await?, "finished", "the page opens on a run of the bundled text");
    let here = page.text("output-hash").await?;
    for place in ["place-server", "place-simulate"] {
        let before = run_number(&page).await?;
        page.press(place).await?;
        page.press("run").await?;
        assert_eq!(ended(&page, &before).await?, "finished", "{place}");
        assert_eq!(page.text("output-hash").await?, here, "{place}");
    }
    page.driver.quit().await
}

#[tokio::test]
async fn the_page_runs_a_job_after_its_server_is_gone_and_it_is_loaded_again() -> WebDriverResult<()> {
    let (mut server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open(&browser, &server.url).await?;
    assert_eq!(ended(&page, "").await?, "finished");
    let cached = "const done = arguments[0]; navigator.serviceWorker.ready.then(() => done(true));";
    page.driver.execute_async(cached, vec![]).await?;
    let hash = page.text("output-hash").await?;
    server.stop();
    page.driver.refresh().await?;
    assert_eq!(ended(&page, "").await?, "finished", "the reloaded page runs its bundled text without a server");
    assert_eq!(page.text("output-hash").await?, hash);
    page.driver.quit().await
}

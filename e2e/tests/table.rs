//! The result's table: sorted, searched, saved, however long it is.

use e2e::{Browser, MainThread, Page, Server, Text};
use serde_json::json;
use thirtyfour::prelude::*;

/// An experiment whose result is in the order of its keys.
const BY_KEY: &str = "\
millrace: 1
title: By key
workers: 2
batch:
  input: { dataset: glosses }
  format: lines
  split: 1 MiB
  partitions: 4
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
    - sort: word
";

/// Presses a heading until its order is the wanted one.
async fn sort(page: &Page, column: &str, order: &str) -> WebDriverResult<()> {
    let of_heading = format!("return document.querySelector(\"[data-testid='sort-{column}']\").parentElement.ariaSort");
    for _ in 0..3 {
        let now: Option<String> = page.driver.execute(&of_heading, vec![]).await?.convert()?;
        if now.as_deref() == Some(order) {
            return Ok(());
        }
        page.press(&format!("sort-{column}")).await?;
    }
    panic!("`{column}` cannot be sorted {order}");
}

/// Waits until the first row in view is this one.
async fn first_row(page: &Page, word: &str, count: u64) -> WebDriverResult<()> {
    let wanted = (1, word.to_owned(), count);
    e2e::until(&format!("the first row to be {wanted:?}"), async || {
        page.rows_in_view().await.ok().filter(|rows| rows.first() == Some(&wanted)).map(|_| ())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn the_table_shows_what_the_file_holds_sorted_and_searched() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let text = Text::of(3 << 20, 977, 12);
    page.write_experiment(BY_KEY).await?;
    page.choose_file(text.path()).await?;
    page.run().await?;

    // Page by page, all of it.
    let by_key: Vec<(String, u64)> = text.counts.clone().into_iter().collect();
    let mut seen = Vec::new();
    while seen.len() < by_key.len() {
        let rows = page.rows_in_view().await?;
        let fresh: Vec<_> =
            rows.into_iter().filter(|(row, ..)| *row == seen.len() as u64 + 1 || *row > seen.len() as u64).collect();
        for (row, word, count) in fresh {
            assert_eq!(row, seen.len() as u64 + 1, "no row is left out");
            seen.push((word, count));
        }
        page.element("result-table").await?.send_keys(Key::PageDown).await?;
    }
    assert_eq!(seen, by_key);

    let csv = page.download(&browser).await?;
    // The same, compressed: what any other program unpacks.
    page.press("download-csv.gz").await?;
    let packed = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(packed.path(), page.downloaded_bytes(&browser, "gz").await?).expect("it can be written");
    let unpacked = std::process::Command::new("gzip").args(["-dc"]).stdin(packed.reopen().expect("it is there")).output();
    let unpacked = unpacked.expect("gzip can be started").stdout;
    assert!(unpacked == csv.as_bytes() && packed.path().metadata().expect("it is there").len() < csv.len() as u64);
    let lines: Vec<String> = by_key.iter().map(|(word, count)| format!("{word},{count}")).collect();
    assert_eq!(csv.lines().skip(1).collect::<Vec<_>>(), lines, "the file has the table's rows in its order");

    let mut by_count = by_key.clone();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sort(&page, "count", "descending").await?;
    first_row(&page, &by_count[0].0, by_count[0].1).await?;
    sort(&page, "count", "ascending").await?;
    let fewest = by_key.iter().min_by_key(|(_, count)| *count).unwrap();
    first_row(&page, &fewest.0, fewest.1).await?;
    sort(&page, "word", "descending").await?;
    let last = by_key.last().unwrap();
    first_row(&page, &last.0, last.1).await?;

    page.element("result-search").await?.send_keys("W97").await?;
    let matching: Vec<_> = by_key.iter().rev().filter(|(word, _)| word.contains("w97")).collect();
    first_row(&page, &matching[0].0, matching[0].1).await?;
    assert_eq!(page.exact("rows-matched").await?, matching.len() as u64, "a search knows no case");
    page.driver.quit().await
}

#[tokio::test]
async fn a_million_rows_stay_quick() -> WebDriverResult<()> {
    const ROWS: u64 = 1_000_000;
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let text = Text::of_distinct(ROWS);
    page.write_experiment(BY_KEY).await?;
    page.choose_file(text.path()).await?;
    page.run().await?;
    assert_eq!(page.exact("rows-total").await?, ROWS);
    page.rows_in_view().await?;
    let main = MainThread::watch(&page, &browser).await?;

    let by_key: Vec<&String> = text.counts.keys().collect();
    page.element("result-table").await?.send_keys(Key::End).await?;
    e2e::until("the last row", async || {
        let rows = page.rows_in_view().await.ok()?;
        let (row, word, _) = rows.last()?;
        (*row == ROWS && word == by_key[ROWS as usize - 1]).then_some(())
    })
    .await;
    for share in [0.25, 0.5, 0.75] {
        let script = "const rows = document.querySelector('.rows'); rows.scrollTop = rows.scrollHeight * arguments[0];";
        page.driver.execute(script, vec![json!(share)]).await?;
        e2e::until("rows in the middle", async || {
            let rows = page.rows_in_view().await.ok()?;
            let (row, word, _) = rows.first()?;
            let near = (*row as f64 / ROWS as f64 - share).abs() < 0.01;
            (near && word == by_key[*row as usize - 1]).then_some(())
        })
        .await;
    }
    sort(&page, "count", "descending").await?;
    first_row(&page, "w0", 2).await?;
    page.element("result-search").await?.send_keys("w77777").await?;
    first_row(&page, "w77777", 1).await?;
    assert_eq!(page.exact("rows-matched").await?, 11, "w77777 and the ten that begin with it");
    main.tell(&page).await?;
    page.driver.quit().await
}

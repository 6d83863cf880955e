//! Inputs that are not as one would like them: each gets the right answer or a clear sentence.

use e2e::{Browser, Counts, Page, Server, Text};
use serde_json::json;
use thirtyfour::prelude::*;

async fn opened(browser: &Browser, server: &Server) -> WebDriverResult<Page> {
    Page::open_idle(browser, &server.url).await
}

#[tokio::test]
async fn odd_files_have_the_right_answer() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;

    let empty = Text::known(b"", &[]);
    page.choose_file(empty.path()).await?;
    page.run().await?;
    assert_eq!(page.counts(&browser).await?, Counts::new());
    assert!(page.text("result-table").await?.contains("The result has no rows"), "an empty result says so");

    let crlf = Text::known(b"one two\r\ntwo three\r\n\r\nthree three", &[("one", 1), ("two", 2), ("three", 3)]);
    page.choose_file(crlf.path()).await?;
    page.run().await?;
    assert_eq!(page.counts(&browser).await?, crlf.counts);
    assert!(!page.has("bad-records").await?, "nothing is wrong with it");

    // A lone byte, a cut-off character, and one in good order; each bad sequence is one U+FFFD, which is no letter.
    let bad = Text::known(
        b"good caf\xC3\xA9\nbad \xFF byte\ncut \xE2\x82\ngood again\n",
        &[("good", 2), ("caf\u{e9}", 1), ("bad", 1), ("byte", 1), ("cut", 1), ("again", 1)],
    );
    page.choose_file(bad.path()).await?;
    page.run().await?;
    assert_eq!(page.counts(&browser).await?, bad.counts);
    assert_eq!(page.exact("bad-records").await?, 2, "two lines are bad");
    assert!(page.text("bad-records").await?.contains("2 lines are not valid UTF-8"), "the page says it in words");
    page.driver.quit().await
}

#[tokio::test]
async fn a_single_line_of_a_hundred_megabytes_is_counted() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let line = Text::of(100 << 20, 977, 20_000_000);
    page.choose_file(line.path()).await?;
    page.run().await?;
    assert_eq!(page.counts(&browser).await?, line.counts);
    page.driver.quit().await
}

#[tokio::test]
async fn a_single_word_of_a_hundred_megabytes_is_a_row_and_the_page_lives() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let word = Text::written(|file| {
        let part = vec![b'a'; 1 << 20];
        (0..100).try_for_each(|_| file.write_all(&part))
    });
    page.choose_file(word.path()).await?;
    page.run().await?;
    assert_eq!(page.exact("rows-total").await?, 1);
    let rows = page.rows_in_view().await?;
    assert!(rows[0].1.len() < 2_000 && rows[0].1.ends_with('…'), "the table shows the word's beginning");
    assert_eq!(rows[0].2, 1);
    page.driver.quit().await
}

#[tokio::test]
async fn a_file_that_changes_or_disappears_is_told_of_by_name() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let gone = Text::of_megabytes(2);
    page.choose_file(gone.path()).await?;
    gone.delete();
    let sentence = page.run_in_vain().await?;
    assert!(sentence.contains("could not be read") && sentence.contains("choose it again"), "the page says: {sentence}");

    let cut = Text::of_megabytes(2);
    page.choose_file(cut.path()).await?;
    cut.truncate(1000);
    let sentence = page.run_in_vain().await?;
    assert!(sentence.contains("could not be read") && sentence.contains("choose it again"), "the page says: {sentence}");

    // The page is none the worse for it.
    let good = Text::of_megabytes(2);
    page.choose_file(good.path()).await?;
    page.run().await?;
    assert_eq!(page.counts(&browser).await?, good.counts);
    page.driver.quit().await
}

const EXPERIMENT: &str = "\
millrace: 1
title: Word count
workers: 2
batch:
  input: { dataset: glosses }
  format: lines
  split: 512 KiB
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
";

#[tokio::test]
async fn a_wrong_experiment_is_told_of_with_its_place_and_not_started() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    for (right, wrong, place, words) in [
        ("workers: 2", "workers: 0", "3:10", "workers"),
        ("split: 512 KiB", "split: 0 B", "7:10", "split"),
        ("split: 512", "splitt: 512", "7:3", "splitt"),
    ] {
        page.write_experiment(&EXPERIMENT.replace(right, wrong)).await?;
        let problem = page.until("problem", "a sentence", |text| text.contains(words)).await?;
        assert!(problem.starts_with(place), "`{wrong}` is said to be wrong at: {problem}");
        let sentence = page.run_in_vain().await?;
        assert!(sentence.contains("a problem, so it was not started"), "the page says: {sentence}");
    }
    page.write_experiment(EXPERIMENT).await?;
    page.run().await?;
    page.driver.quit().await
}

#[tokio::test]
async fn zero_workers_cannot_be_asked_for() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    page.write_experiment(EXPERIMENT).await?;
    let input = page.element("workers-input").await?;
    // Twice, because the second time nothing changes.
    for _ in 0..2 {
        input.send_keys(Key::Control + "a").await?;
        input.send_keys("0" + Key::Enter).await?;
        assert_eq!(input.prop("value").await?.as_deref(), Some("1"), "the fewest that work are taken instead");
    }
    page.run().await?;
    assert!(page.has("worker-1").await? && !page.has("worker-2").await?);

    // One worker is too few for an experiment that kills the second.
    page.write_experiment(&format!("{EXPERIMENT}faults:\n  - {{ at: 40%, kill: worker-2 }}\n")).await?;
    let sentence = page.run_in_vain().await?;
    assert!(sentence.contains("faults name worker-2"), "the page says: {sentence}");
    page.driver.quit().await
}

#[tokio::test]
async fn a_file_that_is_dropped_on_the_page_is_the_input() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let text = Text::of_megabytes(1);
    // As the system reports it, so that the page gets a real file of the disk.
    for step in ["dragEnter", "dragOver", "drop"] {
        let data = json!({ "items": [], "files": [text.path()], "dragOperationsMask": 1 });
        page.devtools("Input.dispatchDragEvent", json!({ "type": step, "x": 700, "y": 500, "data": data })).await?;
    }
    let name = text.path().file_name().unwrap().to_string_lossy().into_owned();
    page.until("file-name", "the dropped file's name", |shown| shown.contains(&name)).await?;
    page.run().await?;
    assert_eq!(page.counts(&browser).await?, text.counts);
    page.driver.quit().await
}

#[tokio::test]
async fn a_pasted_text_is_counted() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    page.press("input-paste").await?;
    assert_eq!(page.element("run").await?.prop("disabled").await?.as_deref(), Some("true"), "there is nothing to count yet");
    page.element("paste-input").await?.send_keys("to be or not to be").await?;
    page.run().await?;
    let counts = [("to", 2), ("be", 2), ("or", 1), ("not", 1)].map(|(word, count)| (word.to_owned(), count));
    assert_eq!(page.counts(&browser).await?, Counts::from(counts));
    page.driver.quit().await
}

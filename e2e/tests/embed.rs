//! The page in a frame of another page.

use e2e::{Browser, FileServer, LOOKS, Page, Server, simulated_natively};
use thirtyfour::prelude::*;

const WORDS: &str = "\
millrace: 1
title: Words of a frame
workers: 3
seed: 5
batch:
  input: { text: \"a b a\\nb c\\n\" }
  format: lines
  partitions: 2
  steps:
    - flat_map: { word: \"words(line)\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
faults:
  - { at: 40%, kill: worker-2 }
";

/// A page with this experiment, which is simulated.
async fn written(browser: &Browser, url: &str) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, url).await?;
    page.write_experiment(WORDS).await?;
    page.press("place-simulate").await?;
    Ok(page)
}

#[tokio::test]
async fn the_frame_that_the_page_gives_out_runs_in_a_page_of_somebody_elses() -> WebDriverResult<()> {
    let natively = simulated_natively(WORDS);
    let hash = natively["trace_hash"].as_str().expect("a simulated run has one").to_owned();
    let browser = Browser::start().await;
    // From a Millrace server, and from a server of files.
    let (server, files) = (Server::start(), FileServer::start());
    for url in [server.url.as_str(), files.url.trim_end_matches('/')] {
        let page = written(&browser, url).await?;
        let frame = page.frame().await?;
        assert!(frame.starts_with(&format!("<iframe src=\"{url}/embed.html#x=1.")), "{frame}");
        let _document = page.enter_frame_of(&frame).await?;

        // Nothing runs before somebody wants it, and what would run is there to be seen.
        page.until("status", "the title", |said| said.contains("Words of a frame")).await?;
        page.element("plan").await?;
        assert_eq!(page.attribute("status", "data-stage").await?, "empty");
        page.press("speed-max").await?;
        page.run().await?;
        page.element("graph").await?;
        page.until_attribute("fault-flag-0", "data-state", |state| state == "past").await?;
        page.press("show-result").await?;
        assert_eq!(page.text("trace-hash").await?, hash);
        assert_eq!(page.exact("rows-total").await?, 3);

        // Any moment of it can be gone to, and the page itself goes on from there.
        page.press("show-run").await?;
        let seen = page.slide("Home").await?;
        assert_eq!(seen.at, 0);
        let link = page.link_out_of_frame().await?;
        page.driver.enter_default_frame().await?;
        page.driver.goto(&link).await?;
        assert_eq!(page.experiment().await?, WORDS);
        page.arrived("the moment of the frame", |at| at == 0).await?;
        page.driver.quit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_its_reader_has_kept_is_neither_looked_at_nor_written_over() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = written(&browser, &server.url).await?;
    page.press("share-open").await?;
    let frame = page.until_frame().await?;
    page.press("share-close").await?;
    page.write_experiment("millrace: 1\ntitle: Mine\n").await?;
    page.until_kept("Mine").await?;
    let kept = "return JSON.stringify(Object.entries(localStorage).filter(([key]) => !key.endsWith('.bench')).sort())";
    let before: String = page.driver.execute(kept, vec![]).await?.convert()?;

    // The same document, where the browser keeps nothing apart.
    let address = frame.split('"').nth(1).expect("the frame has an address").to_owned();
    page.driver.goto(&address).await?;
    page.until("status", "the title", |said| said.contains("Words of a frame")).await?;
    page.run().await?;
    page.press("fold-timeline").await?;
    page.driver.goto(&format!("{}/?autorun=no", server.url)).await?;
    assert_eq!(page.experiment().await?, "millrace: 1\ntitle: Mine\n");
    let after: String = page.driver.execute(kept, vec![]).await?.convert()?;
    assert_eq!(after, before);
    page.press("kept-open").await?;
    page.element("kept-name").await?;
    assert!(!page.has("kept-run").await?, "no run of the frame is kept");
    page.driver.quit().await
}

#[tokio::test]
async fn axe_finds_nothing_in_a_frame_in_any_look() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = written(&browser, &server.url).await?;
    let frame = page.frame().await?;
    let address = frame.split('"').nth(1).expect("the frame has an address").to_owned();
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.driver.goto("about:blank").await?;
        page.driver.goto(&address).await?;
        page.element("plan").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} before a run: {line}")));
        page.press("speed-max").await?;
        page.run().await?;
        page.slide("PageDown").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} gone back: {line}")));
        page.press("show-result").await?;
        page.rows_in_view().await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} with the result: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}

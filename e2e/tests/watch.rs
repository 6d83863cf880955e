//! A run on the server that other pages watch, by the link that its own page gives out.

use e2e::{Browser, ENDLESS, Page, Server};
use thirtyfour::prelude::*;

/// Slow for so long that others come while it runs, and then done at once.
const FOR_A_WHILE: &str = "\
millrace: 1
title: For a while
workers: 2
respawn: 100 ms
batch:
  input: { dataset: glosses }
  format: lines
  split: 1 MiB
  partitions: 2
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
faults:
  - { at: 0 s, slow: { node: worker-1, factor: 500 }, for: 20 s }
  - { at: 0 s, slow: { node: worker-2, factor: 500 }, for: 20 s }
";

/// Starts a run on the server, and gives the link by which it is watched.
async fn run_to_be_watched(page: &Page, experiment: &str) -> WebDriverResult<String> {
    page.until_attribute("place-server", "data-link", |link| link == "up").await?;
    page.press("place-server").await?;
    page.write_experiment(experiment).await?;
    page.start().await?;
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    page.press("share-open").await?;
    let script = "const done = arguments[0]; const look = () => { const link = \
                  document.querySelector(\"[data-testid='watch-link']\").value; link ? done(link) : setTimeout(look, 20); }; look();";
    let link: String = page.driver.execute_async(script, vec![]).await?.convert()?;
    page.press("share-close").await?;
    assert!(link.contains("#watch="), "the link is {link}");
    Ok(link)
}

#[tokio::test]
async fn two_pages_watch_one_run() -> WebDriverResult<()> {
    let server = Server::start();
    let (home, elsewhere) = (Browser::start().await, Browser::start().await);
    let page = Page::open_idle(&home, &server.url).await?;
    let link = run_to_be_watched(&page, FOR_A_WHILE).await?;

    let watching = Page::open(&elsewhere, &link).await?;
    let title = watching.until("status", "the run's title", |text| text.contains("For a while")).await?;
    assert!(title.contains("watched"), "the page says: {title}");
    watching.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    assert!(watching.text("watching").await?.starts_with("You are watching; whoever started the run steers it"));
    for button in ["stop", "kill-worker-1", "hinder-worker-1"] {
        assert!(!watching.element(button).await?.is_enabled().await?, "`{button}` steers a run of somebody else's");
    }
    // What happens is seen in both.
    page.press("kill-worker-2").await?;
    for page in [&page, &watching] {
        page.until("news", "the kill", |text| text.contains("worker-2 was killed")).await?;
    }
    for page in [&page, &watching] {
        page.finished().await?;
        assert!(page.text("news").await?.contains("worker-2 was killed"));
    }
    assert_eq!(watching.text("output-hash").await?, page.text("output-hash").await?);
    assert_eq!(watching.exact("rows-total").await?, page.exact("rows-total").await?);
    // Each has an order and a search of its own.
    watching.element("result-search").await?.send_keys("water").await?;
    assert!(watching.exact("rows-matched").await? < watching.exact("rows-total").await?);
    assert_eq!(page.attribute("rows-matched", "data-exact").await?, "");

    // Whoever comes after the end has its past as well.
    watching.driver.refresh().await?;
    watching.finished().await?;
    watching.until("news", "the kill", |text| text.contains("worker-2 was killed")).await?;

    page.write_experiment(ENDLESS).await?;
    page.start().await?;
    let sentence = watching.until("failure", "a sentence", |text| !text.is_empty()).await?;
    assert!(sentence.contains("whoever started this run has let go of it"), "the page says: {sentence}");
    watching.press("watch-again").await?;
    let sentence = watching.until("failure", "another sentence", |text| text.contains("no run can be watched")).await?;
    assert!(sentence.contains("by this link"), "the page says: {sentence}");

    // A run of one's own takes the place of the one that was watched, also when the page is loaded again.
    watching.press("place-browser").await?;
    watching.run().await?;
    assert!(!watching.has("watching").await? && !watching.has("notice").await?);
    assert!(!watching.driver.current_url().await?.as_str().contains("watch="));
    watching.driver.quit().await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_link_that_names_no_run_is_a_sentence_and_a_server_that_comes_back_is_asked_again() -> WebDriverResult<()> {
    let (mut server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open(&browser, &format!("{}/#watch=0", server.url)).await?;
    let sentence = page.until("failure", "a sentence", |text| !text.is_empty()).await?;
    assert!(sentence.contains("copy the whole of the link again"), "the page says: {sentence}");
    page.driver.quit().await?;

    let (home, elsewhere) = (Browser::start().await, Browser::start().await);
    let page = Page::open_idle(&home, &server.url).await?;
    let link = run_to_be_watched(&page, ENDLESS).await?;
    let watching = Page::open(&elsewhere, &link).await?;
    watching.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    let address = server.address();
    server.stop();
    watching.element("banner").await?;
    let _again = Server::start_at(&address);
    let sentence = watching.until("failure", "a sentence", |text| !text.is_empty()).await?;
    assert!(sentence.contains("the server was started anew since"), "the page says: {sentence}");
    assert!(!watching.has("notice").await?, "nothing else is wrong");
    watching.driver.quit().await?;
    page.driver.quit().await
}

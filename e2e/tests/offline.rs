//! The server comes and goes; the page stays.

use e2e::{Browser, ENDLESS, FileServer, Page, Server, Text, until};
use thirtyfour::prelude::*;

const COUNT: &str = "\
millrace: 1
title: Count
batch:
  input: { dataset: glosses }
  format: lines
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
";

async fn run_without_end_on_the_server(page: &Page) -> WebDriverResult<()> {
    page.until_attribute("place-server", "data-link", |link| link == "up").await?;
    page.press("place-server").await?;
    page.write_experiment(ENDLESS).await?;
    page.start().await?;
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    Ok(())
}

#[tokio::test]
async fn the_page_runs_a_job_after_its_server_is_gone_and_it_is_loaded_again() -> WebDriverResult<()> {
    let (mut server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_counting(&browser, &server.url).await?;
    page.finished().await?;
    page.cached().await?;
    let hash = page.text("output-hash").await?;
    server.stop();
    page.driver.refresh().await?;
    page.finished().await?;
    assert_eq!(page.text("output-hash").await?, hash);
    page.driver.quit().await
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_a_run_and_comes_back_is_told_of_and_recovered_from() -> WebDriverResult<()> {
    let (mut server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    run_without_end_on_the_server(&page).await?;
    server.stop();

    let sentence = page.until("banner", "a sentence", |text| !text.is_empty()).await?;
    assert!(sentence.contains("The server does not answer"), "the page says: {sentence}");
    // Nothing is heard of the run there, and the page is of use meanwhile.
    assert_eq!(page.attribute("status", "data-stage").await?, "running");
    let small = Text::of_megabytes(2);
    page.choose_file(small.path()).await?;
    page.write_experiment(COUNT).await?;
    page.press("place-browser").await?;
    page.run().await?;
    assert_eq!(page.counts(&browser).await?, small.counts);
    assert!(!page.has("banner").await?, "a server that is not chosen troubles nobody");

    let address = server.address();
    let _again = Server::start_at(&address);
    page.press("place-server").await?;
    page.until_attribute("place-server", "data-link", |link| link == "up").await?;
    page.run().await?;
    assert_eq!(page.counts(&browser).await?, small.counts);
    assert!(!page.has("banner").await? && !page.has("notice").await?, "nothing is wrong any more");
    page.driver.quit().await
}

#[tokio::test]
async fn a_run_that_was_lost_with_its_server_ends_with_a_sentence_when_the_server_is_back() -> WebDriverResult<()> {
    let (mut server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    run_without_end_on_the_server(&page).await?;
    let address = server.address();
    server.stop();
    page.element("banner").await?;
    let _again = Server::start_at(&address);
    let sentence = page.until("failure", "a sentence", |text| !text.is_empty()).await?;
    assert!(sentence.contains("The server was restarted, and this run ended with it"), "the page says: {sentence}");
    page.until_attribute("place-server", "data-link", |link| link == "up").await?;
    page.write_experiment(COUNT).await?;
    page.run().await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_run_on_a_server_that_does_not_answer_can_be_stopped() -> WebDriverResult<()> {
    let (mut server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    run_without_end_on_the_server(&page).await?;
    server.stop();
    page.element("banner").await?;
    page.press("stop").await?;
    let sentence = page.until("failure", "a sentence", |text| !text.is_empty()).await?;
    assert!(sentence.contains("stopped in this page"), "the page says: {sentence}");
    page.write_experiment(COUNT).await?;
    page.press("run-here").await?;
    page.finished().await?;
    page.driver.quit().await
}

/// The build that the open page says it is.
async fn build(page: &Page) -> WebDriverResult<String> {
    let script = "return document.querySelector('meta[name=build]').content";
    page.driver.execute(script, vec![]).await?.convert()
}

#[tokio::test]
async fn a_new_version_is_offered_and_loaded_when_somebody_says_so() -> WebDriverResult<()> {
    let (mut server, browser) = (FileServer::start(), Browser::start().await);
    let page = Page::open_counting(&browser, server.url.trim_end_matches('/')).await?;
    page.finished().await?;
    page.cached().await?;
    let first = build(&page).await?;
    assert!(!page.has("update").await?, "the first version needs nobody's consent");

    let second = server.renew();
    page.driver.refresh().await?;
    page.element("update").await?;
    assert_eq!(build(&page).await?, first, "the page is the one that is kept until somebody says otherwise");
    // All of it is of one build: the engine, the workers, and what is loaded later.
    page.finished().await?;
    let hash = page.text("output-hash").await?;
    page.press("gallery-open").await?;
    page.until("gallery", "the examples", |text| text.contains("Distributed sort")).await?;
    page.press("update-later").await?;
    assert!(!page.has("update").await?);

    // It comes again with the next load. Another window goes on with the old version while this one takes the new.
    page.driver.refresh().await?;
    page.element("update").await?;
    let new = page.driver.window().await?;
    let other = page.driver.new_window().await?;
    page.driver.switch_to_window(other.clone()).await?;
    page.driver.goto(format!("{}?autorun=no", server.url)).await?;
    page.element("update").await?;
    page.driver.switch_to_window(new).await?;
    page.press("update-load").await?;
    until("the new version", async || (build(&page).await.ok()? == second).then_some(())).await;
    page.finished().await?;
    assert_eq!(page.text("output-hash").await?, hash);
    assert!(!page.has("update").await?);

    page.driver.switch_to_window(other).await?;
    assert_eq!(build(&page).await?, first);
    page.run().await?;
    page.press("gallery-open").await?;
    page.until("gallery", "the examples", |text| text.contains("Distributed sort")).await?;
    // Without a server, too.
    server.stop();
    page.press("update-load").await?;
    until("the new version here", async || (build(&page).await.ok()? == second).then_some(())).await;
    page.run().await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_plain_server_of_files_is_asked_for_nothing_that_it_does_not_have() -> WebDriverResult<()> {
    let (mut server, browser) = (FileServer::start(), Browser::start().await);
    let page = Page::open_counting(&browser, server.url.trim_end_matches('/')).await?;
    page.finished().await?;
    page.until_attribute("place-server", "data-link", |link| link == "down").await?;
    page.cached().await?;
    assert_eq!((server.missing(), server.strays()), (Vec::new(), Vec::new()));
    // Nor does the page take what was kept for a server when nobody answers.
    server.stop();
    page.driver.refresh().await?;
    page.finished().await?;
    page.until_attribute("place-server", "data-link", |link| link == "down").await?;
    page.driver.quit().await
}

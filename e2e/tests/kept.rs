//! What is kept between visits: runs that have ended, experiments under names, and where one was.

use e2e::{Browser, FileServer, LOOKS, Page, Server, until};
use serde_json::json;
use tempfile::NamedTempFile;
use thirtyfour::prelude::*;

const WORDS: &str = "\
millrace: 1
title: Words of a river
workers: 3
batch:
  input: { text: \"a b a\\nb c\\n\" }
  format: lines
  partitions: 2
  steps:
    - flat_map: { word: \"words(line)\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
expect:
  - rows: 4
";

/// An idle page that simulates WORDS as fast as it can.
async fn simulating(browser: &Browser, url: &str) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, url).await?;
    page.write_experiment(WORDS).await?;
    page.until_kept("river").await?;
    page.press("place-simulate").await?;
    page.press("speed-max").await?;
    Ok(page)
}

/// Waits until the dialog lists so many of these.
async fn listed(page: &Page, id: &str, count: usize) -> WebDriverResult<()> {
    until(&format!("{count} times `{id}`"), async || {
        let all = page.driver.find_all(By::Css(format!("[data-testid={id}]"))).await.ok()?;
        (all.len() == count).then_some(())
    })
    .await;
    Ok(())
}

/// Writes into a field as if by keys.
async fn write(page: &Page, id: &str, text: &str) -> WebDriverResult<()> {
    let field = page.element(id).await?.to_json()?;
    let script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', { bubbles: true }))";
    page.driver.execute(script, vec![field, json!(text)]).await?;
    Ok(())
}

/// Chooses a file with this content for the import. The file is there as long as what this gives.
async fn import(page: &Page, content: &str) -> WebDriverResult<NamedTempFile> {
    let file = tempfile::Builder::new().suffix(".json").tempfile().expect("a temporary file can be made");
    std::fs::write(file.path(), content).expect("it can be written");
    page.element("kept-import").await?.send_keys(file.path().to_string_lossy()).await?;
    Ok(file)
}

#[tokio::test]
async fn a_run_that_has_ended_is_kept_found_run_again_and_opened() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = simulating(&browser, &server.url).await?;
    page.run().await?;
    let (rows, trace) = (page.text("output-hash").await?, page.text("trace-hash").await?);
    page.press("place-browser").await?;
    page.run().await?;
    page.write_experiment("millrace: 1\ntitle: Nothing yet\n").await?;
    page.until_kept("Nothing").await?;
    // It is there after a reload, the newest first.
    page.driver.refresh().await?;
    page.press("kept-open").await?;
    listed(&page, "kept-run", 2).await?;
    let runs = page.text("kept").await?;
    for part in ["Words of a river", "An expectation did not hold", "3 workers", "0 of 1 expectation held", &rows, &trace] {
        assert!(runs.contains(part), "{part}: {runs}");
    }
    assert!(runs.find("This browser").expect("it is told") < runs.find("Simulate").expect("it is told"), "{runs}");

    write(&page, "kept-search", "simulate").await?;
    listed(&page, "kept-run", 1).await?;
    page.press("again-run-1").await?;
    assert_eq!(page.text("again-told-1").await?, "The same rows, the same trace.");
    assert_eq!(page.attribute("again-told-1", "data-same").await?, "true");

    page.press("open-run-1").await?;
    page.until_kept("river").await?;
    assert_eq!(page.experiment().await?, WORDS);
    let chosen = page.element("place-simulate").await?.prop("checked").await?;
    assert_eq!(chosen.as_deref(), Some("true"));
    assert_eq!(page.element("workers-input").await?.prop("value").await?.as_deref(), Some("3"));
    // What was written before is not lost.
    page.press("gallery-open").await?;
    page.press("open-own").await?;
    page.until_kept("Nothing").await?;

    page.press("kept-open").await?;
    write(&page, "kept-search", "").await?;
    page.press("kept-delete-all").await?;
    listed(&page, "kept-run", 0).await?;
    page.press("kept-undo").await?;
    listed(&page, "kept-run", 2).await?;
    page.press("delete-run-0").await?;
    listed(&page, "kept-run", 1).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn experiments_have_names_and_go_out_and_come_in_as_a_file() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = simulating(&browser, &server.url).await?;
    page.press("kept-open").await?;
    page.press("kept-keep").await?;
    listed(&page, "kept-experiment", 1).await?;
    assert!(page.text("kept-experiment").await?.contains("Words of a river"), "it is called by its title");
    // A name that is taken is asked for.
    page.press("kept-keep").await?;
    page.press("kept-overwrite").await?;
    page.until("kept-told", "that it is kept", |told| told.contains("kept as")).await?;
    listed(&page, "kept-experiment", 1).await?;
    page.press("rename-kept-0").await?;
    write(&page, "rename-to", "Mine <i>").await?;
    page.press("rename-save-0").await?;
    page.until("kept-experiment", "the other name", |text| text.contains("Mine <i>")).await?;

    page.press("kept-export").await?;
    let exported = page.downloaded(&browser, "json").await?;
    page.press("delete-kept-0").await?;
    listed(&page, "kept-experiment", 0).await?;
    let _good = import(&page, &exported).await?;
    listed(&page, "kept-experiment", 1).await?;
    page.until("kept-experiment", "the name", |text| text.contains("Mine <i>")).await?;
    // What does not fit changes nothing, and is told.
    let _bad = import(&page, &exported.replace("\"name\"", "\"nome\"")).await?;
    let trouble = page.until("kept-trouble", "a sentence", |text| !text.is_empty()).await?;
    assert!(trouble.contains("line ") && trouble.contains("What fits is a file"), "{trouble}");
    listed(&page, "kept-experiment", 1).await?;

    page.press("kept-close").await?;
    page.write_experiment("millrace: 1\ntitle: Another\n").await?;
    page.press("kept-open").await?;
    page.press("open-kept-0").await?;
    assert_eq!(page.experiment().await?, WORDS);
    page.driver.quit().await
}

#[tokio::test]
async fn a_browser_that_keeps_nothing_is_told_of_and_the_page_works_on() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    for (refusal, sentence) in [
        (
            "Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('no', 'SecurityError') } })",
            "keep nothing",
        ),
        ("IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') }", "no more room"),
        (
            "const open = IDBFactory.prototype.open; IDBFactory.prototype.open = function (name) { \
             const request = open.call(this, name, 99); request.onsuccess = () => request.result.close(); \
             IDBFactory.prototype.open = open; return open.call(this, name, 1) }",
            "later version",
        ),
    ] {
        let page = Page::open_idle(&browser, &server.url).await?;
        page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": refusal })).await?;
        page.driver.refresh().await?;
        page.write_experiment(WORDS).await?;
        page.run().await?;
        page.press("kept-open").await?;
        let trouble = page.until("kept-trouble", "a sentence", |text| !text.is_empty()).await?;
        assert!(trouble.contains(sentence), "{trouble}");
        page.press("kept-close").await?;
        page.run().await?;
        assert!(!page.has("notice").await? && !page.has("panicked").await?);
        page.driver.quit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_page_in_another_folder_has_nothing_in_common_with_this_one() -> WebDriverResult<()> {
    let (server, browser) = (FileServer::start(), Browser::start().await);
    let page = Page::open_idle(&browser, server.url.trim_end_matches('/')).await?;
    page.write_experiment(WORDS).await?;
    page.run().await?;
    page.press("theme").await?;
    page.press("kept-open").await?;
    listed(&page, "kept-run", 1).await?;
    page.press("kept-close").await?;
    page.driver.goto(format!("{}?autorun=no", server.other_url)).await?;
    assert!(page.experiment().await?.contains("Word count"), "its text is its own");
    assert_eq!(page.attribute("theme", "title").await?, "Theme: system. Switch to light");
    page.press("kept-open").await?;
    page.until("kept", "no runs", |text| text.contains("Every run that you start is kept here")).await?;
    page.driver.goto(format!("{}?autorun=no", server.url)).await?;
    assert_eq!(page.experiment().await?, WORDS);
    assert_eq!(page.attribute("theme", "title").await?, "Theme: light. Switch to dark");
    page.driver.quit().await
}

#[tokio::test]
async fn a_reload_goes_on_where_one_was() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = simulating(&browser, &server.url).await?;
    page.press("speed-10").await?;
    page.run().await?;
    let trace = page.text("trace-hash").await?;
    let seen = page.slide("PageDown").await?;
    page.driver.goto(&server.url).await?;
    // The same moment of the same run, by its hash.
    assert_eq!(page.arrived("the moment that was looked at", |at| at == seen.at).await?, seen);
    let speed = page.element("speed-10").await?.prop("checked").await?;
    assert_eq!(speed.as_deref(), Some("true"));
    // What comes after it has not been simulated yet.
    page.press("pause").await?;
    page.finished().await?;
    assert_eq!(page.text("trace-hash").await?, trace);
    // It is the same run, and is kept once.
    page.driver.refresh().await?;
    page.finished().await?;
    page.press("kept-open").await?;
    listed(&page, "kept-run", 1).await?;
    page.press("kept-close").await?;

    // One that is under way stands still where it was, and goes on from there.
    page.write_experiment(e2e::WORDS).await?;
    page.until_kept("title: Words\n").await?;
    page.press("speed-0.1").await?;
    page.start().await?;
    page.virtual_time(20.0).await?;
    page.driver.refresh().await?;
    page.until_attribute("status", "data-paused", |paused| paused == "true").await?;
    let stood = page.virtual_ms().await?;
    assert!(stood >= 20.0, "{stood} ms");
    page.press("speed-max").await?;
    page.press("pause").await?;
    page.finished().await?;

    // What is real does not begin by itself.
    page.press("place-browser").await?;
    page.run().await?;
    page.driver.refresh().await?;
    page.until_attribute("status", "data-stage", |stage| stage == "empty").await?;
    let place = page.element("place-browser").await?.prop("checked").await?;
    assert_eq!(place.as_deref(), Some("true"));
    page.run().await?;
    page.driver.quit().await
}

#[tokio::test]
async fn axe_finds_nothing_in_what_is_kept_in_any_look() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = simulating(&browser, &server.url).await?;
    page.run().await?;
    // It is written down before the page is left.
    page.press("kept-open").await?;
    listed(&page, "kept-run", 1).await?;
    page.press("kept-close").await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.driver.refresh().await?;
        page.press("kept-open").await?;
        listed(&page, "kept-run", 1).await?;
        page.press("again-run-0").await?;
        page.element("again-told-0").await?;
        page.press("kept-keep").await?;
        page.element("rename-kept-0").await?;
        page.press("rename-kept-0").await?;
        page.element("rename-to").await?;
        page.press("kept-keep").await?;
        page.element("kept-overwrite").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?}: {line}")));
        page.press("kept-close").await?;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}

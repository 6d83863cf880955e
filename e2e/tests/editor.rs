//! The experiment is written in the page: problems where they are, completions, explanations, the outline, the gallery.

use e2e::{Browser, LOOKS, Page, Server, until};
use thirtyfour::prelude::*;

const SOUND: &str = "\
millrace: 1
title: Mine
workers: 2
batch:
  input: { text: a b a }
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
    - sort: word
expect:
  - rows: 2
";

/// Notes, in the page, when a key came and when the problems last changed, so that the driver's own time does not count.
const WATCH: &str = "window.typed = 0; window.told = 0; \
    document.addEventListener('input', () => { window.typed = performance.now(); }, true); \
    new MutationObserver(() => { window.told = performance.now(); }) \
        .observe(document.getElementById('problems'), { childList: true, subtree: true });";

#[tokio::test]
async fn a_wrong_key_is_marked_at_its_place_and_told_and_once_mended_the_experiment_runs() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(&SOUND.replace("flat_map", "flatmap").replace("rows: 2", "rows: two")).await?;
    assert_eq!(page.marked().await?, ["flatmap", "two"], "both at once, each at its place");
    let problem = page.until("problem", "a sentence", |text| text.contains("flatmap")).await?;
    assert!(problem.contains("7:7") && problem.contains("did you mean `flat_map`?"), "the page says: {problem}");

    page.write_experiment(SOUND).await?;
    page.element("sound").await?;
    page.run().await?;
    assert_eq!(page.rows_in_view().await?.len(), 2);
    page.driver.quit().await
}

#[tokio::test]
async fn problems_are_told_behind_the_last_key_and_gone_when_it_is_taken_back() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(SOUND).await?;
    page.element("sound").await?;
    page.driver.execute(WATCH, vec![]).await?;
    let mut took = Vec::new();
    for _ in 0..5 {
        page.type_at_the_end("x").await?;
        page.element("problem").await?;
        let (typed, told): (f64, f64) = page.driver.execute("return [window.typed, window.told]", vec![]).await?.convert()?;
        assert!(typed > 0.0 && told > typed, "a key was typed and something was told");
        took.push(told - typed);
        page.driver.action_chain().send_keys(Key::Backspace).perform().await?;
        page.element("sound").await?;
    }
    took.sort_by(f64::total_cmp);
    // 150 ms are promised; on a busy machine the clock says nothing of the page, so it is told and not judged.
    println!("problems came {took:?} ms after the last key");
    page.driver.quit().await
}

#[tokio::test]
async fn steps_columns_and_functions_are_offered_where_they_may_stand_and_explained() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let head = SOUND.split_once("    - flat_map").map(|(head, _)| head.to_owned()).unwrap_or_default();
    page.write_experiment(&head).await?;
    page.type_at_the_end("    - fl").await?;
    assert_eq!(page.offered().await?.first().map(String::as_str), Some("flat_map"));
    page.driver.action_chain().send_keys(Key::Escape).perform().await?;

    page.write_experiment(&format!("{head}    - map: {{ n: length(line) }}\n    - filter: ")).await?;
    page.type_at_the_end("n").await?;
    let offered = page.offered().await?;
    assert_eq!(offered.first().map(String::as_str), Some("n"), "the column that the step before makes, of {offered:?}");
    page.driver.action_chain().send_keys(Key::Escape).perform().await?;

    page.write_experiment(SOUND).await?;
    let explained = page.explanation_of("lower").await?;
    assert!(explained.contains("lower(Utf8)"), "the page says: {explained}");
    let explained = page.explanation_of("flat_map").await?;
    assert!(explained.contains("Each element of a list becomes a row"), "the page says: {explained}");
    page.driver.quit().await
}

#[tokio::test]
async fn the_outline_and_the_plan_follow_the_text() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(SOUND).await?;
    let outline = page.until("outline", "the text's steps", |text| text.contains("sort")).await?;
    for part in ["flat_map", "words(lower(line))", "word Utf8", "count Int64", "Shuffle", "4 partitions"] {
        assert!(outline.contains(part), "`{part}` is not in: {outline}");
    }
    let plan = page.text("plan").await?;
    assert!(plan.contains("flat_map") && plan.contains("Reduce"), "the plan says: {plan}");
    page.write_experiment(&SOUND.replace("count: ", "number: ")).await?;
    page.until("outline", "the new column", |text| text.contains("number Int64")).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn an_example_is_found_opened_and_run_and_what_was_written_before_comes_back() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(SOUND).await?;
    page.press("gallery-open").await?;
    page.element("open-sort").await?;
    page.element("gallery-search").await?.send_keys("web server status").await?;
    until("only what was sought", async || (!page.has("open-sort").await.ok()?).then_some(())).await;
    page.press("open-url-count").await?;
    assert!(page.experiment().await?.contains("title: URL access frequency"));
    page.run().await?;
    assert_eq!(page.exact("rows-total").await?, 4);

    page.press("gallery-open").await?;
    page.press("open-own").await?;
    assert_eq!(page.experiment().await?, SOUND);
    // And by undoing twice: the own text was opened over the example, which was opened over it.
    for expected in ["title: URL access frequency", "title: Mine"] {
        page.editor().await?;
        page.driver.action_chain().key_down(Key::Control).send_keys("z").key_up(Key::Control).perform().await?;
        let text = page.experiment().await?;
        assert!(text.contains(expected), "{text}");
    }
    page.driver.quit().await
}

#[tokio::test]
async fn the_text_is_there_after_a_reload_and_runs_when_it_is_told_to() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(SOUND).await?;
    page.until("outline", "the text's steps", |text| text.contains("sort")).await?;
    page.driver.goto(&server.url).await?;
    assert_eq!(page.experiment().await?, SOUND);
    page.until("outline", "the text's steps", |text| text.contains("sort")).await?;
    assert_eq!(page.attribute("status", "data-stage").await?, "empty", "nobody asked for a run of it");
    page.run().await?;
    page.driver.quit().await
}

#[tokio::test]
async fn axe_finds_nothing_in_the_editor_with_problems_completions_and_the_gallery_in_any_look() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.write_experiment(&SOUND.replace("flat_map", "flatmap")).await?;
        page.marked().await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} with a problem: {line}")));
        page.type_at_the_end("  - cou").await?;
        page.offered().await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} with completions: {line}")));
        page.driver.action_chain().send_keys(Key::Escape).perform().await?;
        page.press("gallery-open").await?;
        page.element("open-sort").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} in the gallery: {line}")));
        page.driver.action_chain().send_keys(Key::Escape).perform().await?;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}

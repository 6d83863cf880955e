//! Faults that somebody chooses and moves: each is a line of the text, and the run is the one that the text tells.

use e2e::{Browser, Page, Server, WORDS as SHARE, simulated_natively, until};
use serde_json::json;
use thirtyfour::prelude::*;

/// A worker is killed while it has work. What stands around its fault must stay.
const WORDS: &str = "\
millrace: 1
title: Words # of the river
seed: 7
workers: 3
respawn: 100 ms
compute: 1 KB/s
batch:
  input: { text: 'the mill turns and the river turns the mill and no river runs back to where it came from the mill turns and the river turns the mill and no river runs back' }
  split: 20 B
  partitions: 2
  steps:
    - flat_map: { word: words(line) }
    - reduce: { key: word, values: { count: count(*) } }
faults: # two of them
  - { at: 20 ms,   kill: worker-2 } # first
  # And then:
  - at: '60 ms'
    slow: { node: worker-1, factor: 3 }
expect:
  - equals_sequential: true
";

/// A client sends ten messages a second to a broker.
const LETTERS: &str = "\
millrace: 1
title: Letters
seed: 7
messaging:
  for: 4 s
  queues:
    letters: {}
  publishers:
    office: { key: letters, rate: 10/s }
  consumers:
    clerk: { queue: letters, prefetch: 1, service: 5 ms }
";

async fn opened(browser: &Browser, server: &Server, text: &str) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, &server.url).await?;
    page.write_experiment(text).await?;
    page.press("place-simulate").await?;
    page.press("speed-max").await?;
    page.run().await?;
    Ok(page)
}

/// Writes into a field of the dialog, or chooses in it.
async fn fill(page: &Page, id: &str, value: &str) -> WebDriverResult<()> {
    let script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', { bubbles: true }))";
    page.driver.execute(script, vec![page.element(id).await?.to_json()?, value.into()]).await?;
    Ok(())
}

/// Presses a key on an element and lets it go.
async fn key(page: &Page, id: &str, key: &str) -> WebDriverResult<()> {
    let script = "arguments[0].focus(); for (const type of ['keydown', 'keyup']) \
        arguments[0].dispatchEvent(new KeyboardEvent(type, { key: arguments[1], bubbles: true, cancelable: true }))";
    page.driver.execute(script, vec![page.element(id).await?.to_json()?, json!(key)]).await?;
    Ok(())
}

/// Waits until another run than this one is looked at, and is where it should be.
async fn happened_again(page: &Page, run: &str) -> WebDriverResult<()> {
    page.until_attribute("status", "data-run", |now| now != run).await?;
    Ok(())
}

async fn experiment(page: &Page) -> String {
    until("the text", async || page.experiment().await.ok()).await
}

/// The run that is looked at, which has ended, is the one that the command line makes of the text.
async fn is_what_the_text_tells(page: &Page) -> WebDriverResult<()> {
    page.finished().await?;
    let native = simulated_natively(&experiment(page).await);
    assert_eq!(native["trace_hash"], page.text("trace-hash").await?.as_str());
    Ok(())
}

#[tokio::test]
async fn a_fault_that_is_dragged_is_rewritten_and_the_run_happens_again() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, WORDS).await?;
    let run = page.run_number().await?;
    let before: u64 = page.attribute("fault-flag-0", "data-at").await?.parse().unwrap_or_default();
    assert_eq!(before, 20_000);
    let flag = page.element("fault-flag-0").await?;
    page.driver.action_chain().click_and_hold_element(&flag).move_by_offset(120, 0).release().perform().await?;
    happened_again(&page, &run).await?;
    let at: u64 = page.attribute("fault-flag-0", "data-at").await?.parse().unwrap_or_default();
    assert!(at > before, "{at}");
    let text = experiment(&page).await;
    let (head, tail) = WORDS.split_once("20 ms").unwrap_or_default();
    let written = text.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
    assert_eq!(written, Some(format!("{} ms", at as f64 / 1e3).as_str()), "{text}");
    page.until("edits", "what was moved", |edits| edits.contains("Moved: kill worker-2, from 20 ms to")).await?;
    is_what_the_text_tells(&page).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_fault_at_a_share_of_the_progress_stays_at_one_when_it_is_dragged() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, SHARE).await?;
    let run = page.run_number().await?;
    let flag = page.element("fault-flag-0").await?;
    page.driver.action_chain().click_and_hold_element(&flag).move_by_offset(90, 0).release().perform().await?;
    happened_again(&page, &run).await?;
    let text = experiment(&page).await;
    let (head, tail) = SHARE.split_once("30%").unwrap_or_default();
    let share = text.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)).unwrap_or_else(|| panic!("{text}"));
    let percent: u64 = share.strip_suffix('%').and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{share}"));
    assert!((31..=100).contains(&percent), "{share}");
    page.until("edits", "what was moved", |edits| edits.contains("from 30% to")).await?;
    is_what_the_text_tells(&page).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_fault_is_moved_and_taken_out_by_the_keys_at_the_moment_that_is_looked_at() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, WORDS).await?;
    let looked_at = page.slide("PageDown").await?.at;
    let run = page.run_number().await?;
    key(&page, "fault-flag-1", "PageUp").await?;
    happened_again(&page, &run).await?;
    assert_eq!(page.arrived("the moment that was looked at", |_| true).await?.at, looked_at);
    let (head, tail) = WORDS.split_once("60 ms").unwrap_or_default();
    let text = experiment(&page).await;
    assert!(text.starts_with(head) && text.ends_with(tail) && text != WORDS, "{text}");
    let run = page.run_number().await?;
    key(&page, "fault-flag-1", "Delete").await?;
    happened_again(&page, &run).await?;
    let (head, tail) =
        (WORDS.split_once("  - at: '60").unwrap_or_default().0, WORDS.split_once("expect:").unwrap_or_default().1);
    assert_eq!(experiment(&page).await, format!("{head}expect:{tail}"));
    page.until("edits", "what was taken out", |edits| edits.contains("Removed: ")).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn messages_are_dropped_on_an_edge_that_was_chosen() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, LETTERS).await?;
    let run = page.run_number().await?;
    page.press("faults-open").await?;
    fill(&page, "fault-kind", "partition").await?;
    page.until("fault-told", "what is missing", |told| told.contains("one side")).await?;
    fill(&page, "fault-kind", "drop").await?;
    fill(&page, "fault-from", "worker-1").await?;
    fill(&page, "fault-to", "coordinator").await?;
    fill(&page, "fault-probability", "100%").await?;
    fill(&page, "fault-for", "10 s").await?;
    fill(&page, "fault-time-at", "1 s").await?;
    let item = "{ at: 1 s, drop: { from: office-1, to: broker, probability: 1 }, for: 10 s }";
    page.until("fault-line", "the line", |line| line == item).await?;
    page.press("fault-do").await?;
    happened_again(&page, &run).await?;
    let text = experiment(&page).await;
    assert_eq!(text, format!("{LETTERS}faults:\n  - {item}\n"));
    page.until("edits", "what was added", |edits| edits.contains(item)).await?;
    // Of some forty messages those of the first second have come through.
    page.until("change", "fewer messages", |change| {
        let line = change.lines().find(|line| line.starts_with("Worked on"));
        let figures: Vec<u64> = line.into_iter().flat_map(str::split_whitespace).filter_map(|it| it.parse().ok()).collect();
        matches!(figures[..], [was, is] if is > 0 && is * 2 < was)
    })
    .await?;
    is_what_the_text_tells(&page).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn what_real_workers_cannot_do_is_said_and_simulated_instead() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(WORDS).await?;
    page.press("place-browser").await?;
    page.press("faults-open-workers").await?;
    fill(&page, "fault-kind", "drop").await?;
    fill(&page, "fault-share-at", "30%").await?;
    page.until("fault-told", "why not", |told| told.starts_with("Messages between real workers cannot be dropped")).await?;
    page.press("fault-simulate").await?;
    page.finished().await?;
    assert!(experiment(&page).await.contains("{ at: 30%, drop: { probability: 0.2 } }"));
    page.until("news", "the fault", |news| !news.is_empty()).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn what_is_done_to_one_message_is_listed_and_has_its_flag_when_it_has_come() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let text =
        format!("{LETTERS}faults:\n  - drop: {{ message: office-1/20, to: broker }}\n  - {{ at: 3 s, kill: clerk-1 }}\n");
    let page = opened(&browser, &server, &text).await?;
    page.slide("Home").await?;
    page.press("faults-open").await?;
    let line = page.text("fault-listed-0").await?;
    assert!(line.contains("drop office-1/20") && line.contains("when that message comes"), "{line}");
    assert!(page.text("fault-listed-1").await?.contains("at 3 s"));
    // It has happened in this run, so its flag stands there, and cannot be dragged.
    page.until_attribute("fault-flag-0", "data-state", |state| state == "planned").await?;
    let at: u64 = page.attribute("fault-flag-0", "data-at").await?.parse().expect("a moment");
    assert!((1_900_000..2_200_000).contains(&at), "{at}");
    page.press("fault-unlist-0").await?;
    page.until("fault-list", "the other one alone", |list| !list.contains("office-1/20") && list.contains("kill clerk-1"))
        .await?;
    assert!(!page.experiment().await?.contains("drop:"));
    assert_eq!(page.violations().await?, Vec::<String>::new());
    page.driver.quit().await
}

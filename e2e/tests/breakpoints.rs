//! Breakpoints of a simulated bus in the page: the run stands still before the message, what is done to it is a line of the text and has
//! its consequence, and the run is the one that the text tells.

use e2e::{Browser, LOOKS, Page, Server, simulated_natively};
use serde_json::json;
use thirtyfour::prelude::*;

/// Twenty messages in a second.
const TASKS: &str = "\
millrace: 1
title: Tasks
messaging:
  for: 3 s
  exchanges: { jobs: { type: direct } }
  queues:
    tasks: { bind: [ { exchange: jobs, key: task } ] }
    late: { bind: [ { exchange: jobs, key: late } ] }
  publishers: { web: { exchange: jobs, key: task, rate: 20/s, confirms: true, messages: 20 } }
  consumers: { worker: { count: 2, queue: tasks, prefetch: 2, service: 10 ms } }
";

async fn opened(browser: &Browser, server: &Server) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, &server.url).await?;
    page.write_experiment(TASKS).await?;
    page.until("outline", "the bus", |outline| outline.contains("tasks")).await?;
    page.press("place-simulate").await?;
    page.press("speed-max").await?;
    Ok(page)
}

#[tokio::test]
async fn a_run_stands_before_the_message_that_is_waited_for_and_a_drop_is_a_line_of_the_text() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    page.press("breaks-open").await?;
    page.write_condition("kye = 'task'").await?;
    page.until("break-told", "what is wrong", |told| told.starts_with("1:1: there is no column `kye`")).await?;
    page.press("breaks-close").await?;
    page.break_at("web → jobs", "n = 5").await?;
    page.break_at("tasks → worker", "n = 9").await?;
    assert_eq!(page.attribute("breaks-open", "data-count").await?, "2");
    page.start().await?;
    page.held(|name| name == "web-1/5").await?;
    let held = page.text("held").await?;
    assert!(held.contains("web-1 → broker") && held.contains("jobs") && held.contains("task"), "{held}");
    let way = page.until("held-way", "its way", |way| way.contains("published once")).await?;
    assert!(way.contains("web-1 to broker") && way.contains("under way") && !way.contains("delivered"), "{way}");
    let note = page.text("pace-note").await?;
    assert_eq!(note, "Stopped at a breakpoint: message web-1/5 is about to arrive at broker.");
    page.press("held-drop").await?;
    page.until("news", "the drop", |news| news.contains("Message web-1/5 is dropped on its way to broker.")).await?;
    page.until_attribute("status", "data-paused", |paused| paused == "true").await?;
    page.press("pause").await?;
    page.held(|name| name == "web-1/9").await?;
    page.press("held-requeue").await?;
    page.until("news", "the requeue", |news| news.contains("it goes back to its queue")).await?;
    page.press("pause").await?;
    // It comes again, perhaps to the other one, and is stopped again.
    page.held(|name| name == "web-1/9").await?;
    let again = page.text("held").await?;
    assert!(again.contains("yes, came back 1 time"), "{again}");
    page.until("held-way-told", "both deliveries", |way| way.contains("delivered 2 times and requeued once")).await?;
    page.press("held-continue").await?;
    page.finished().await?;
    let text = page.experiment().await?;
    assert!(text.contains("drop: { message: web-1/5, to: broker }") && text.contains("requeue: { message: web-1/9"), "{text}");
    let native = simulated_natively(&text);
    assert_eq!(native["trace_hash"], page.text("trace-hash").await?.as_str());
    page.driver.quit().await
}

#[tokio::test]
async fn a_message_is_edited_and_breakpoints_stay_over_a_reload_until_they_are_removed() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    page.break_at("web → jobs", "n = 5").await?;
    page.driver.refresh().await?;
    page.until_attribute("breaks-open", "data-count", |count| count == "1").await?;
    page.start().await?;
    page.held(|name| name == "web-1/5").await?;
    page.press("held-edit").await?;
    page.press("held-edit-do").await?;
    page.until("held", "a sentence", |held| held.contains("Nothing is changed")).await?;
    page.fill("held-key", "late").await?;
    page.fill("held-headers", "kind: vip").await?;
    page.press("held-edit-do").await?;
    page.until("news", "the edit", |news| news.contains("Message web-1/5 is edited")).await?;
    page.press("breaks-open").await?;
    page.press("break-remove-1").await?;
    page.until_attribute("breaks-open", "data-count", |count| count == "0").await?;
    page.press("breaks-close").await?;
    page.press("pause").await?;
    page.finished().await?;
    let text = page.experiment().await?;
    let line = "edit: { message: web-1/5, to: broker, key: \"late\", headers: { \"kind\": \"vip\" } }";
    assert!(text.contains(line), "{text}");
    assert_eq!(simulated_natively(&text)["trace_hash"], page.text("trace-hash").await?.as_str());
    page.driver.quit().await
}

#[tokio::test]
async fn a_link_takes_the_breakpoints_along_and_lands_before_the_same_message() -> WebDriverResult<()> {
    let (server, browser, other) = (Server::start(), Browser::start().await, Browser::start().await);
    let page = opened(&browser, &server).await?;
    page.break_at("web → jobs", "n = 5").await?;
    page.break_at("tasks → worker", "n = 700").await?;
    page.start().await?;
    page.held(|name| name == "web-1/5").await?;
    page.press("share-open").await?;
    page.until("share-told", "the breakpoints", |told| told.contains("2 breakpoints at its edges")).await?;
    let link = page.until_link().await?;
    page.press("share-close").await?;

    let there = Page::open(&other, &link).await?;
    there.until("notice", "what came", |notice| notice.contains("with 2 breakpoints")).await?;
    there.held(|name| name == "web-1/5").await?;
    there.until_attribute("breaks-open", "data-count", |count| count == "2").await?;
    assert_eq!(there.at().await?, page.at().await?);
    there.press("held-continue").await?;
    there.finished().await?;
    page.press("held-continue").await?;
    page.finished().await?;
    assert_eq!(there.text("trace-hash").await?, page.text("trace-hash").await?);
    // Once more: they are there already.
    there.driver.goto("about:blank").await?;
    there.driver.goto(&link).await?;
    there.held(|name| name == "web-1/5").await?;
    there.until_attribute("breaks-open", "data-count", |count| count == "2").await?;
    there.driver.quit().await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_run_that_its_place_refuses_says_why_where_one_looks_also_on_a_small_screen() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(&format!("{TASKS}faults:\n  - drop: {{ message: web-1/5 }}\n")).await?;
    page.until("outline", "the bus", |outline| outline.contains("tasks")).await?;
    page.press("place-browser").await?;
    for look in LOOKS {
        page.look(look).await?;
        page.start().await?;
        assert_eq!(page.ended().await?, "failed");
        let why = page.text("status-line").await?;
        assert_eq!(why, page.text("failure").await?.lines().next().unwrap_or_default(), "{look:?}");
        assert!(why.contains("simulate"), "{why}");
        // All of it is to be read, and in view where Run is pressed.
        let script = "const [line, run] = arguments; line.scrollIntoView({ block: 'nearest' }); \
                      const [box, button] = [line, run].map(it => it.getBoundingClientRect()); \
                      return [line.scrollHeight <= line.clientHeight + 1, box.left >= 0 && box.right <= innerWidth + 1, \
                              Math.abs(button.top - box.bottom) < innerHeight];";
        let run = page.element(if look.width < 800 { "run-narrow" } else { "run" }).await?.to_json()?;
        let line = page.element("status-line").await?.to_json()?;
        let seen: Vec<bool> = page.driver.execute(script, vec![line, run]).await?.convert()?;
        assert_eq!(json!(seen), json!([true, true, true]), "{look:?}: {why}");
        assert_eq!(page.violations().await?, Vec::<String>::new(), "{look:?}");
    }
    page.driver.quit().await
}

#[tokio::test]
async fn the_dialog_and_the_message_at_a_breakpoint_can_be_read_by_everybody() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    page.break_at("web → jobs", "n = 5").await?;
    page.start().await?;
    page.held(|name| name == "web-1/5").await?;
    page.press("held-edit").await?;
    for look in LOOKS {
        page.look(look).await?;
        assert_eq!(page.violations().await?, Vec::<String>::new(), "{look:?}");
    }
    page.press("place-browser").await?;
    page.press("breaks-open").await?;
    page.until("breaks-real", "why not", |told| told.starts_with("Breakpoints need virtual time")).await?;
    for look in LOOKS {
        page.look(look).await?;
        assert_eq!(page.violations().await?, Vec::<String>::new(), "the dialog, {look:?}");
    }
    page.driver.quit().await
}

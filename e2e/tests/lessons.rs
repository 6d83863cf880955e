//! Every lesson, taken as it says: each step goes on by itself when what it asks has happened, and not before.

use e2e::{Browser, LOOKS, Page, Server};
use serde_json::Value;
use thirtyfour::prelude::*;

const LESSONS: &str = include_str!("../../frontend/lessons.json");

async fn take(page: &Page, name: &str) -> WebDriverResult<()> {
    page.press("gallery-open").await?;
    page.press(&format!("take-{name}")).await?;
    page.until_attribute("lesson", "data-step", |step| step == "1").await?;
    Ok(())
}

/// Lets virtual time go on to the end of the run.
async fn to_the_end(page: &Page) -> WebDriverResult<()> {
    page.press("speed-max").await?;
    if page.attribute("status", "data-paused").await? == "true" {
        page.press("pause").await?;
    }
    page.finished().await
}

/// What a step asks for, done as somebody would do it.
async fn follow(page: &Page, lesson: &str, say: &str, until: &str) -> WebDriverResult<()> {
    match until {
        "running" => page.press("run").await,
        "finished" if page.attribute("status", "data-stage").await? == "empty" => page.run().await,
        "finished" | "repeated" | "backup" | "redelivered" => to_the_end(page).await,
        "finished again" => page.run().await,
        "fault" if lesson == "straggler" => {
            page.press("hinder-worker-3").await?;
            page.press("slow-worker-3-10").await
        }
        "fault" if lesson == "breakpoint" => {
            page.press("held-edit").await?;
            page.fill("held-key", "late").await?;
            page.press("held-edit-do").await
        }
        "fault" => page.press("kill-worker-2").await,
        "held" => {
            let mut words = say.split('`').skip(1).step_by(2);
            let (edge, when) = (words.next().expect("an edge"), words.next().expect("a condition"));
            page.break_at(edge, when).await?;
            page.start().await?;
            page.held(|name| name == "web-1/30").await.map(drop)
        }
        "rewound" => page.slide("PageDown").await.map(drop),
        "compared" => {
            page.press("compare-open").await?;
            let choose = "const [select, part] = arguments; \
                select.value = [...select.options].find(option => option.label.includes(part)).value; \
                select.dispatchEvent(new Event('change', { bubbles: true }));";
            // A value to be written stands between backticks.
            let own = say.split('`').skip(1).step_by(2).find(|word| word.contains('='));
            let part = match lesson {
                _ if own.is_some() => "that I write",
                "combiner" => "combiner",
                "speed-up" => "workers",
                "twice" => "three other seeds",
                _ => "every policy",
            };
            page.driver.execute(choose, vec![page.element("compare-with").await?.to_json()?, part.into()]).await?;
            if let Some(own) = own {
                let field = page.element("compare-set").await?;
                field.clear().await?;
                field.send_keys(own).await?;
            }
            page.press("compare-run").await?;
            page.until("verdict", "a sentence", |verdict| !verdict.is_empty()).await?;
            page.press("compare-close").await
        }
        "swept" => {
            page.press("seeds-open").await?;
            let count = page.element("seeds-count").await?;
            count.clear().await?;
            count.send_keys("4").await?;
            page.press("seeds-run").await?;
            page.until("seeds-told", "all of them", |told| told.contains("holds under each")).await?;
            page.press("seeds-close").await
        }
        paused => {
            let share: f64 = paused.strip_prefix("paused at ").and_then(|share| share.parse().ok()).expect("a share");
            // Who comes too late does as the lesson says: runs it again, and more slowly.
            loop {
                if page.attribute("status", "data-stage").await? != "running" {
                    page.start().await?;
                }
                let is_there = |now: &str| now.parse().is_ok_and(|now: f64| now >= share * 100.0);
                page.until_attribute("progress", "aria-valuenow", is_there).await?;
                page.press("pause").await?;
                let held = e2e::until("a pause, or the end", async || {
                    let paused = page.attribute("status", "data-paused").await.ok()? == "true";
                    let ended = page.attribute("status", "data-stage").await.ok()? == "finished";
                    (paused || ended).then_some(paused)
                });
                if held.await {
                    return Ok(());
                }
                page.press("speed-0.1").await?;
            }
        }
    }
}

#[tokio::test]
async fn every_lesson_goes_on_as_its_steps_are_done() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let lessons: Vec<Value> = serde_json::from_str(LESSONS).expect("it is JSON");
    for lesson in &lessons {
        let name = lesson["name"].as_str().expect("a name");
        take(&page, name).await?;
        assert!(!page.has("notice").await?, "{}", page.text("notice").await?);
        let steps = lesson["steps"].as_array().expect("steps");
        // What one step did may have done the next one too.
        loop {
            let at = page.attribute("lesson", "data-step").await?;
            let step = &steps[at.parse::<usize>().expect("a number") - 1];
            let Some(until) = step["until"].as_str() else { break };
            println!("{name}, step {at}: until {until}");
            follow(&page, name, step["say"].as_str().expect("a sentence"), until).await?;
            page.until_attribute("lesson", "data-step", |step| step != at).await?;
        }
        let last = steps.last().and_then(|step| step["say"].as_str()).expect("a sentence");
        // What stands between backticks is set as code.
        let last = last.replace('`', "");
        page.until("lesson-step", &last, |shown| shown.contains(&last)).await?;
        page.press("lesson-end").await?;
        assert!(!page.has("lesson").await?, "{name} has ended");
    }
    page.driver.quit().await
}

#[tokio::test]
async fn a_step_waits_for_what_it_asks_and_can_be_gone_back_to() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    take(&page, "combiner").await?;
    page.run().await?;
    page.until_attribute("lesson", "data-step", |step| step == "2").await?;
    // Another run is no comparison.
    page.run().await?;
    assert_eq!(page.attribute("lesson", "data-step").await?, "2");
    page.press("lesson-skip").await?;
    assert_eq!(page.attribute("lesson", "data-step").await?, "3");
    page.press("lesson-back").await?;
    assert_eq!(page.attribute("lesson", "data-step").await?, "2");
    // A step that is done already is done again by another run, and one that was missed says so.
    page.press("lesson-back").await?;
    assert_eq!(page.attribute("lesson", "data-step").await?, "1");
    page.run().await?;
    page.until_attribute("lesson", "data-step", |step| step == "2").await?;
    page.press("lesson-end").await?;
    take(&page, "killed-worker").await?;
    page.press("speed-max").await?;
    page.run().await?;
    page.until_attribute("lesson", "data-step", |step| step == "2").await?;
    page.until("lesson-missed", "that it was missed", |said| said.contains("Press Run")).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_lesson_is_for_everyone() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.driver.refresh().await?;
        page.element("run").await?;
        take(&page, "work-queue").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?}: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}

#[tokio::test]
async fn a_lesson_goes_on_at_its_step_after_the_page_is_loaded_again() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    take(&page, "killed-worker").await?;
    page.press("run").await?;
    page.until_attribute("lesson", "data-step", |step| step == "2").await?;
    // The step is there as soon as the run is asked for; time can be paused once it goes.
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    page.press("pause").await?;
    page.until_attribute("status", "data-paused", |paused| paused == "true").await?;
    let said = page.text("lesson-step").await?;
    page.driver.goto(&server.url).await?;
    page.until_attribute("lesson", "data-step", |step| step == "2").await?;
    assert_eq!(page.text("lesson-step").await?, said);
    page.press("lesson-end").await?;
    page.driver.goto("about:blank").await?;
    page.driver.goto(&server.url).await?;
    page.element("run").await?;
    assert!(!page.has("lesson").await?, "one that was ended does not come again");
    page.driver.quit().await
}

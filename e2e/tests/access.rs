//! The page for everyone: what axe-core finds, and the keyboard alone.

use e2e::{Browser, ENDLESS, LOOKS, Page, Server, Text};
use thirtyfour::prelude::*;

#[tokio::test]
async fn axe_finds_nothing_before_during_and_after_a_run_in_any_look() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let short = Text::known(b"short and bad \xFF", &[]);
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.driver.refresh().await?;
        page.element("run").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} before a run: {line}")));
        let experiment = page.experiment().await?;
        page.write_experiment(ENDLESS).await?;
        page.start().await?;
        page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
        page.press("kill-worker-1").await?;
        page.until_attribute("worker-1", "data-state", |state| state == "down").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} while it runs: {line}")));
        page.press("stop").await?;
        page.element("failure").await?;
        page.write_experiment(&experiment).await?;
        page.choose_file(short.path()).await?;
        page.run().await?;
        page.rows_in_view().await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} after it: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}

/// Presses Tab until an element has the focus.
async fn tab_to(page: &Page, id: &str) -> WebDriverResult<()> {
    const STOPS_MAX: usize = 80;
    for _ in 0..STOPS_MAX {
        let focused = page.driver.active_element().await?;
        if focused.attr("data-testid").await?.as_deref() == Some(id) {
            return Ok(());
        }
        press(page, Key::Tab).await?;
    }
    panic!("`{id}` is not within {STOPS_MAX} presses of Tab");
}

async fn press(page: &Page, key: Key) -> WebDriverResult<()> {
    page.driver.action_chain().send_keys(key).perform().await
}

#[tokio::test]
async fn a_text_is_chosen_run_killed_in_and_sorted_by_the_keyboard_alone() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    // The bundled text, forty times over: the third of four choices.
    tab_to(&page, "times-input").await?;
    press(&page, Key::Down).await?;
    press(&page, Key::Down).await?;
    tab_to(&page, "run").await?;
    press(&page, Key::Enter).await?;
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    tab_to(&page, "kill-worker-1").await?;
    press(&page, Key::Enter).await?;
    page.until("news", "the kill", |news| news.contains("worker-1 was killed")).await?;
    page.finished().await?;
    tab_to(&page, "sort-word").await?;
    let first = page.rows_in_view().await?;
    press(&page, Key::Enter).await?;
    e2e::until("rows in the order of their words", async || {
        let rows = page.rows_in_view().await.ok()?;
        (rows != first && rows.is_sorted_by_key(|(_, word, _)| word.clone())).then_some(())
    })
    .await;
    page.driver.quit().await
}

//! What is loaded later: one that does not load says so, and is there when it does.

use e2e::{Browser, Page, Server};
use serde_json::json;
use thirtyfour::prelude::*;

/// Whether the page's later part can be had, by whatever way.
async fn lets_through(page: &Page, all: bool) -> WebDriverResult<()> {
    let blocked = if all { json!([]) } else { json!(["*/later-*"]) };
    page.devtools("Network.setBlockedURLs", json!({ "urls": blocked })).await?;
    Ok(())
}

#[tokio::test]
async fn a_part_that_does_not_load_says_so_and_is_tried_again() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open(&browser, "about:blank").await?;
    page.devtools("Network.enable", json!({})).await?;
    page.devtools("Network.setBypassServiceWorker", json!({ "bypass": true })).await?;
    lets_through(&page, false).await?;
    page.driver.goto(format!("{}/?autorun=no", server.url)).await?;
    page.press("gallery-open").await?;
    page.until("gallery", "a sentence", |gallery| gallery.contains("did not load")).await?;
    // All else goes on.
    page.driver.execute("document.querySelector('[data-testid=gallery]').close()", vec![]).await?;
    page.run().await?;
    assert!(!page.has("panicked").await?);

    lets_through(&page, true).await?;
    page.press("gallery-open").await?;
    page.driver.find(By::Css("[data-testid=gallery] .broken button")).await?.click().await?;
    page.until("gallery", "the examples", |gallery| gallery.contains("Lessons")).await?;
    page.press("take-combiner").await?;
    page.until("lesson-step", "its first step", |step| !step.is_empty()).await?;
    page.driver.quit().await
}

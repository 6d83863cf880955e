//! The graph's zoom, pan and arrow keys, and the selection that the graph, the timeline and the table of executions have in common.

use e2e::{Browser, Page, Server, WORDS, until};
use thirtyfour::prelude::*;

const BUS: &str = "\
millrace: 1
title: A queue and its consumers
seed: 7
messaging:
  for: 2 s
  queues:
    tasks: {}
  publishers:
    web: { key: tasks, rate: 50/s }
  consumers:
    worker: { count: 2, queue: tasks, prefetch: 1, service: 20 ms }
";

async fn ran(browser: &Browser, server: &Server, text: &str) -> WebDriverResult<Page> {
    let page = Page::simulated(browser, &server.url, text).await?;
    page.element("graph-zoom-in").await?;
    Ok(page)
}

#[tokio::test]
async fn the_graph_zooms_by_buttons_keys_and_the_wheel_and_is_panned() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = ran(&browser, &server, WORDS).await?;
    let first = page.graph().await?;
    assert_eq!(first.zoom, 1.0);
    assert!(first.sheet.0 <= first.panel.0 + 1.0, "all of it is in the panel: {first:?}");

    page.press("graph-zoom-in").await?;
    let near = page.graph_until("nearer", |graph| graph.zoom > 1.0 && graph.sheet.0 > graph.panel.0 + 1.0).await;
    page.wheel_on_graph(-100, true).await?;
    let nearer = page.graph_until("nearer by the wheel", |graph| graph.zoom > near.zoom).await;
    page.element("graph").await?.send_keys("-").await?;
    page.graph_until("farther by a key", |graph| graph.zoom < nearer.zoom).await;

    // A mouse that is held down takes the sheet along, and selects nothing by that.
    let before = page.graph_until("room to pan", |graph| graph.sheet.0 > graph.panel.0 + 40.0).await;
    let graph = page.element("graph").await?;
    page.driver.action_chain().click_and_hold_element(&graph).move_by_offset(-30, 0).release().perform().await?;
    page.graph_until("a panned graph", |graph| graph.scroll.0 != before.scroll.0).await;
    assert!(!page.has("inspected-name").await?, "a press that pans is no click");

    // As it runs again it stays as near; another experiment begins anew.
    page.run().await?;
    page.graph_until("the same", |graph| graph.zoom == before.zoom).await;
    graph.send_keys("0").await?;
    let fit = page.graph_until("all of it", |graph| graph.zoom == 1.0).await;
    assert!(fit.sheet.0 <= fit.panel.0 + 1.0, "{fit:?}");
    page.press("graph-zoom-in").await?;
    page.graph_until("nearer", |graph| graph.zoom > 1.0).await;
    page.write_experiment(BUS).await?;
    page.run().await?;
    page.element("graph-zoom-in").await?;
    page.graph_until("another graph as it is at first", |graph| graph.zoom == 1.0).await;

    // The bus: what is drawn larger is still found under the pointer.
    page.press("graph-zoom-in").await?;
    page.graph_until("a nearer bus", |graph| graph.zoom > 1.0 && graph.sheet.0 > graph.panel.0 + 1.0).await;
    page.element("graph").await?.send_keys(Key::Home + "").await?;
    let name = page.until("inspected-name", "a part of the bus", |name| !name.is_empty()).await?;
    page.press("select-none").await?;
    page.click_on_mark_of(&name).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn arrow_keys_go_through_the_graph_and_say_where_they_are() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = ran(&browser, &server, WORDS).await?;
    let graph = page.element("graph").await?;
    assert_eq!(graph.attr("tabindex").await?.as_deref(), Some("0"), "Tab stops there");
    graph.send_keys(Key::Right + "").await?;
    page.until("inspected-name", "the first task", |name| name == "map-0").await?;
    graph.send_keys(Key::Right + "").await?;
    page.until("inspected-name", "the shuffle", |name| name == "map to reduce").await?;
    graph.send_keys(Key::Right + "").await?;
    page.until("inspected-name", "a task behind it", |name| name.starts_with("reduce-")).await?;
    until("a screen reader to hear of it", async || page.spoken().await.ok().filter(|said| said.starts_with("reduce-"))).await;
    page.driver.quit().await
}

#[tokio::test]
async fn a_row_of_the_table_of_executions_selects_in_all_pictures() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = ran(&browser, &server, WORDS).await?;
    page.press("timeline-as-table").await?;
    let rows = page
        .driver
        .query(By::Css("[data-testid=select-row]"))
        .wait(e2e::SIGN_WITHIN, e2e::LOOK_EVERY)
        .all_from_selector()
        .await?;
    // By a click anywhere in the row.
    let name = rows[1].text().await?;
    let cell = page.driver.find(By::Css("[data-testid=timeline-table] tbody tr:nth-child(2) td:nth-child(3)")).await?;
    cell.click().await?;
    page.until("inspected-name", "the row's task", |inspected| inspected == name).await?;
    assert_eq!(rows[1].attr("aria-pressed").await?.as_deref(), Some("true"));
    assert!(page.marks().await? > 0, "the graph marks it");
    // By the keys: the row that is selected has the focus, arrow keys lead on, and Enter selects.
    page.driver.execute("arguments[0].focus()", vec![rows[1].to_json()?]).await?;
    page.driver.action_chain().send_keys(Key::Up).perform().await?;
    let first = page.driver.active_element().await?;
    let name = first.text().await?;
    first.send_keys(Key::Enter + "").await?;
    page.until("inspected-name", "the first row's task", |inspected| inspected == name).await?;
    page.driver.quit().await
}

//! The timeline's zoom and pan, and the messages between the nodes.

use e2e::{Browser, Page, Server, WORDS};
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
    web: { key: tasks, rate: 50/s, confirms: true }
  consumers:
    worker: { count: 2, queue: tasks, prefetch: 1, service: 20 ms }
";

async fn ran(browser: &Browser, server: &Server, place: &str, text: &str) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, &server.url).await?;
    page.write_experiment(text).await?;
    page.press(place).await?;
    if place == "place-simulate" {
        page.press("speed-max").await?;
    }
    page.run().await?;
    page.finished().await?;
    Ok(page)
}

/// What is shown, in microseconds.
async fn shown(page: &Page) -> WebDriverResult<(u64, u64)> {
    let moment = |text: String| text.parse().expect("a number of microseconds");
    Ok((moment(page.attribute("overview", "data-from").await?), moment(page.attribute("overview", "data-to").await?)))
}

/// What is shown, as soon as it is not that any more.
async fn shown_after(page: &Page, before: (u64, u64)) -> (u64, u64) {
    e2e::until("something else to be shown", async || shown(page).await.ok().filter(|now| *now != before)).await
}

#[tokio::test]
async fn the_timeline_zooms_by_buttons_keys_and_the_wheel_and_pans_by_its_strip() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = ran(&browser, &server, "place-simulate", WORDS).await?;
    page.until_attribute("overview", "data-to", |to| to.parse().is_ok_and(|to: u64| to > 0)).await?;
    let whole = shown(&page).await?;
    assert_eq!(whole.0, 0);
    page.press("zoom-in").await?;
    let near = shown_after(&page, whole).await;
    assert!((near.1 - near.0).abs_diff(whole.1 / 2) <= 1, "half of it: {near:?} of {whole:?}");
    page.until("zoom-said", "what is shown, in words", |said| said.starts_with("Shown is from")).await?;

    let strip = page.element("overview").await?;
    strip.send_keys(Key::Home + "").await?;
    let first = shown_after(&page, near).await;
    assert_eq!(first.0, 0);
    strip.send_keys(Key::Right + "").await?;
    let later = shown_after(&page, first).await;
    assert_eq!(later.1 - later.0, first.1 - first.0, "it pans, and does not zoom");

    let timeline = page.element("timeline").await?;
    timeline.send_keys("+").await?;
    let nearer = shown_after(&page, later).await;
    assert!(nearer.1 - nearer.0 < later.1 - later.0);
    // A wheel with Ctrl, as a pad says that two fingers part.
    page.driver
        .execute(
            "const of = document.querySelector('[data-testid=timeline]'); const { left, top, width } = of.getBoundingClientRect(); \
             of.querySelector('canvas:last-of-type').dispatchEvent(new WheelEvent('wheel', { deltaY: -100, ctrlKey: true, bubbles: true, \
             cancelable: true, clientX: left + width / 2, clientY: top + 40 }));",
            Vec::new(),
        )
        .await?;
    let nearest = shown_after(&page, nearer).await;
    assert!(nearest.0 >= nearer.0 && nearest.1 <= nearer.1 && nearest != nearer);

    // The moment that is looked at is gone to as ever.
    let end = page.exact("time-at").await?;
    timeline.send_keys(Key::Left + "").await?;
    e2e::until("an earlier moment", async || page.exact("time-at").await.ok().filter(|at| *at < end)).await;
    timeline.send_keys("0").await?;
    assert_eq!(shown_after(&page, nearest).await, whole);
    page.driver.quit().await
}

#[tokio::test]
async fn messages_of_a_bus_are_told_and_one_is_followed_in_the_inspector() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = ran(&browser, &server, "place-simulate", BUS).await?;
    page.press("timeline-messages").await?;
    page.until("messages-told", "how many there are", |told| told.ends_with(" messages")).await?;
    page.press("timeline-as-table").await?;
    let rows = page.driver.find_all(By::Css("[data-testid=timeline-table] tbody tr")).await?;
    let mut said = Vec::new();
    for row in rows {
        said.push(row.text().await?);
    }
    for (word, way) in [("publish", "web-1 broker"), ("deliver", "broker worker-"), ("ack", "worker-")] {
        assert!(said.iter().any(|row| row.starts_with(word) && row.contains(way)), "{word}: {said:?}");
    }
    page.press("timeline-as-table").await?;

    // Somewhere in the picture is a line that can be clicked.
    for _ in 0..3 {
        page.press("zoom-in").await?;
    }
    page.until("messages-told", "how many there are", |told| told.ends_with(" messages")).await?;
    let timeline = page.element("timeline").await?;
    let area = timeline.rect().await?;
    let mut found = String::new();
    for step in 0..60 {
        let x = (area.width * 0.2) as i64 + step * 5 - (area.width / 2.0) as i64;
        page.driver.action_chain().move_to_element_with_offset(&timeline, x, 0).perform().await?;
        if page.has("tip").await? {
            found = page.text("tip").await?;
            page.driver.action_chain().click().perform().await?;
            break;
        }
    }
    assert!(found.contains(" to ") && found.contains("sent at"), "{found}");
    page.until("inspected-name", "the message", |name| found.starts_with(name)).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn of_real_workers_no_messages_are_known_and_that_is_said() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = ran(&browser, &server, "place-browser", WORDS).await?;
    page.press("timeline-messages").await?;
    page.until("messages-told", "why there are none", |told| told.starts_with("Nobody writes down the messages")).await?;
    page.driver.quit().await
}

//! The charts: their numbers are the report's, what is pointed at in one is marked in all, and a click goes there.

use e2e::{Browser, FRAMES, LOOKS, Page, Server};
use thirtyfour::prelude::*;

/// A worker is killed while it has work.
const WORDS: &str = "\
millrace: 1
title: Words
seed: 7
workers: 3
respawn: 100 ms
compute: 1 KB/s
batch:
  input: { text: \"the mill turns\\nand the river\\nturns the mill\\nand no river\\nruns back to\\nwhere it came\\nfrom the mill\\nturns and the\\nriver turns\\nthe mill and\" }
  split: 20 B
  partitions: 2
  steps:
    - flat_map: { word: words(line) }
    - reduce: { key: word, values: { count: count(*) } }
faults:
  - { at: 30%, kill: worker-2 }
";

async fn opened(browser: &Browser, server: &Server, text: &str, sign: &str) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, &server.url).await?;
    page.write_experiment(text).await?;
    page.until("outline", "the experiment", |outline| outline.contains(sign)).await?;
    page.press("place-simulate").await?;
    page.press("speed-max").await?;
    Ok(page)
}

#[tokio::test]
async fn a_job_is_charted_with_the_numbers_of_its_report() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, WORDS, "words(line)").await?;
    assert_eq!(page.chart_scripts().await?, Vec::<String>::new(), "nobody has wanted charts yet");
    assert!(!page.has("charts").await?);
    page.fold_charts().await?;
    page.run().await?;
    page.chart_drawn("throughput").await?;
    page.chart_drawn("busy").await?;
    assert_eq!(page.chart_scripts().await?.len(), 1);
    let records = page.exact("records").await?;
    page.open_chart_table("throughput").await?;
    let (parts, _) = page.chart_counts("throughput", "read", |sum| sum == records).await?;
    assert_eq!((parts.len(), parts.iter().sum::<u64>()), (60, records), "each record is in one part of the time");
    let (_, in_vain) = page.chart_counts("throughput", "in vain", |_| true).await?;
    assert!(in_vain > 0, "a worker was killed while it had work");
    let told = page.text("chart-summary-busy").await?;
    assert!(told.starts_with("Busy workers") && told.contains("map at most 3"), "{told}");
    // As it was left.
    page.driver.refresh().await?;
    page.element("charts").await?;
    page.fold_charts().await?;
    page.driver.refresh().await?;
    page.element("fold-charts").await?;
    assert!(!page.has("charts").await?);
    page.driver.quit().await
}

#[tokio::test]
async fn one_moment_is_marked_in_all_pictures_and_a_click_goes_there() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, WORDS, "words(line)").await?;
    page.fold_charts().await?;
    page.run().await?;
    page.chart_drawn("throughput").await?;
    page.chart_drawn("busy").await?;
    let end = page.at().await?;
    let of_chart = "[data-testid=chart-throughput] .u-over";
    for (place, part) in [(of_chart, 0.25), ("[data-testid=timeline]", 0.6)] {
        let pointed = page.point_at(place, part).await?;
        assert_eq!(pointed.lines.len(), 3, "the timeline and both charts: {pointed:?}");
        assert!(pointed.lines.iter().all(|x| (x - pointed.lines[0]).abs() < 1.5), "one line through all: {pointed:?}");
    }
    let pointed = page.point_at(of_chart, 0.5).await?;
    assert!(pointed.at.abs_diff(end / 2) < end / 50, "{pointed:?} of {end}");
    page.driver.action_chain().click().perform().await?;
    // What is seen is the last thing that happened until then.
    page.arrived("the moment in the chart", |at| at <= pointed.at && pointed.at - at < end / 5).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_bus_is_charted_with_the_numbers_of_its_report() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, FRAMES, "frames, at most 20").await?;
    page.fold_charts().await?;
    page.run().await?;
    page.chart_drawn("depth").await?;
    page.chart_drawn("messages").await?;
    let published = page.exact("records").await?;
    page.open_chart_table("messages").await?;
    let (parts, _) = page.chart_counts("messages", "published", |sum| sum == published).await?;
    assert_eq!(parts.iter().sum::<u64>(), published);
    let (_, lost) = page.chart_counts("messages", "lost or dropped", |_| true).await?;
    assert!(lost > 0, "the queue ran over");
    let told = page.text("chart-summary-depth").await?;
    assert!(told.contains("frames at most 20 "), "{told}");
    let told = page.text("chart-summary-latency-over-time").await?;
    assert!(told.starts_with("Latency: half of them at most "), "{told}");
    let told = page.text("chart-summary-latency").await?;
    assert!(told.starts_with("Half of the messages took at most"), "{told}");
    for look in LOOKS {
        page.look(look).await?;
        assert_eq!(page.violations().await?, Vec::<String>::new(), "{look:?}");
    }
    page.driver.quit().await
}

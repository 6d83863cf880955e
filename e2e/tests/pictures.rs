//! The graph and the timeline as files.

use std::fs;

use e2e::{Browser, Page, Server, until};
use thirtyfour::prelude::*;

#[tokio::test]
async fn the_graph_and_the_timeline_leave_the_page_as_pictures() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_counting(&browser, &server.url).await?;
    page.finished().await?;
    page.press("share-open").await?;
    for subject in ["graph", "timeline"] {
        page.press(&format!("picture-{subject}-svg")).await?;
        let svg = page.downloaded(&browser, "svg").await?;
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "the picture is {svg}");
        assert!(svg.contains("<title>Word count</title>") && svg.contains("This browser"), "the picture is {svg}");
        page.press(&format!("picture-{subject}-png")).await?;
        let path = browser.downloads().join(format!("word-count-{subject}.png"));
        let png = until("the picture", async || fs::read(&path).ok().filter(|png| png.ends_with(b"IEND\xaeB`\x82"))).await;
        assert!(png.starts_with(b"\x89PNG"), "it is a PNG");
    }
    page.driver.quit().await
}

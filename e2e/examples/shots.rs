//! Pictures of the page: light and dark, wide and narrow, while it runs (one worker just killed) and when it is done; and of the reference.
//!
//! `cargo xtask shots` builds what it needs and runs it with a folder for the pictures.

use std::path::PathBuf;

use e2e::{Browser, LOOKS, Page, Server};
use thirtyfour::prelude::*;

#[tokio::main]
async fn main() -> WebDriverResult<()> {
    let folder = PathBuf::from(std::env::args().nth(1).expect("name a folder for the pictures"));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    for look in LOOKS {
        page.look(look).await?;
        page.driver.goto(&server.url).await?;
        page.until_attribute("worker-2", "data-state", |state| state == "down").await?;
        save(&page, &folder, &format!("{}-{}-opening", look.theme, look.width)).await?;
        page.press("pause").await?;
        page.until_attribute("status", "data-paused", |paused| paused == "true").await?;
        save(&page, &folder, &format!("{}-{}-paused", look.theme, look.width)).await?;
        page.press("speed-max").await?;
        page.press("pause").await?;
        page.finished().await?;
        page.rows_in_view().await?;
        save(&page, &folder, &format!("{}-{}-simulated", look.theme, look.width)).await?;
        // Half-way back, where another worker is killed.
        for _ in 0..5 {
            page.slide("PageDown").await?;
        }
        page.press("kill-worker-3").await?;
        page.until_attribute("worker-3", "data-state", |state| state == "down").await?;
        for _ in 0..3 {
            page.press("step-task").await?;
        }
        page.arrived("some tasks later", |_| true).await?;
        save(&page, &folder, &format!("{}-{}-gone-back", look.theme, look.width)).await?;
        page.press("hinder-worker-1").await?;
        save(&page, &folder, &format!("{}-{}-menu", look.theme, look.width)).await?;
        page.press("hinder-worker-1").await?;
        for dialog in ["share", "shortcuts"] {
            page.press(&format!("{dialog}-open")).await?;
            save(&page, &folder, &format!("{}-{}-{dialog}", look.theme, look.width)).await?;
            page.press(&format!("{dialog}-close")).await?;
        }
        page.press("pause").await?;
        page.finished().await?;
        // The introduction's button: the bundled text often enough over for a kill.
        page.press("real-run").await?;
        page.until("graph-summary", "a third of its tasks", |text| {
            let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.replace(',', "").parse().ok()).collect();
            numbers.len() >= 2 && numbers[0] >= numbers[1] / 3.0
        })
        .await?;
        page.press("kill-worker-1").await?;
        page.until_attribute("worker-1", "data-state", |state| state == "down").await?;
        save(&page, &folder, &format!("{}-{}-running", look.theme, look.width)).await?;
        page.finished().await?;
        page.rows_in_view().await?;
        save(&page, &folder, &format!("{}-{}-finished", look.theme, look.width)).await?;
        page.driver.goto(&format!("{}/reference.html", server.url)).await?;
        page.element("search").await?;
        save(&page, &folder, &format!("{}-{}-reference", look.theme, look.width)).await?;
    }
    page.driver.quit().await
}

async fn save(page: &Page, folder: &std::path::Path, name: &str) -> WebDriverResult<()> {
    let path = folder.join(format!("{name}.png"));
    std::fs::write(&path, page.picture().await?).expect("the picture can be written");
    println!("{}", path.display());
    Ok(())
}

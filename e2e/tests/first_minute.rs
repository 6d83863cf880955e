//! The first minute: the page opens on a simulation in slow motion that can be paused, stepped and killed in.

use e2e::{Browser, LOOKS, Page, Server, simulated_natively};
use serde_json::json;
use thirtyfour::prelude::*;

/// Everything that is seen of the page, its drawings included, now and after a while.
const SEEN_TWICE: &str = "\
const [wait, done] = arguments;
const see = () => document.body.innerText + [...document.querySelectorAll('canvas')].map(it => it.toDataURL()).join()
    + [...document.querySelectorAll('[style]')].map(it => it.getAttribute('style')).join();
const before = see();
setTimeout(() => done([before === see(), document.getAnimations().length]), wait);";

/// Long enough for anything that moves by itself to move.
const WHILE_MS: u64 = 700;

async fn opening(browser: &Browser, server: &Server) -> WebDriverResult<Page> {
    let page = Page::open(browser, &server.url).await?;
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    Ok(page)
}

/// The whole of a worker's misfortune, as the news tell it.
async fn lost(page: &Page, worker: &str) -> WebDriverResult<()> {
    page.until_attribute(worker, "data-state", |state| state == "down").await?;
    let news = page.until("news", "the loss", |news| news.contains(&format!("{worker} is lost"))).await?;
    assert!(news.contains(&format!("{worker} was killed.")) && news.contains("go back to the queue"), "{news}");
    Ok(())
}

async fn as_the_sequential_run(page: &Page) -> WebDriverResult<()> {
    page.finished().await?;
    assert_eq!(page.attribute("expectation", "data-held").await?, "true");
    page.rows_in_view().await.map(drop)
}

#[tokio::test]
async fn the_page_opens_on_a_simulation_in_which_worker_2_is_killed() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opening(&browser, &server).await?;
    let bright = page.driver.find_all(By::Css("button.bright")).await?;
    let mut shown = Vec::new();
    for button in bright {
        if button.is_displayed().await? {
            shown.push(button.text().await?);
        }
    }
    assert_eq!(shown, ["Kill one yourself"], "it is the only bright button");
    assert!(page.text("status").await?.contains("Simulate at 0.5×"));
    let sentences = page.text("intro").await?;
    assert!(sentences.contains("At 40 % worker-2 is killed"), "{sentences}");
    lost(&page, "worker-2").await?;
    page.press("speed-10").await?;
    as_the_sequential_run(&page).await?;
    assert_eq!(page.exact("counter-workers_lost").await?, 1);
    assert!(page.exact("counter-tasks_repeated").await? > 0);
    // The next step: a text of one's own, counted by real workers.
    page.press("own-text").await?;
    let script = "const area = document.querySelector('[data-testid=paste-input]'); area.value = 'to be or not to be'; \
                  area.dispatchEvent(new Event('input', { bubbles: true }));";
    page.element("paste-input").await?;
    page.driver.execute(script, vec![]).await?;
    page.run().await?;
    assert!(page.text("status").await?.contains("This browser"));
    assert_eq!(page.rows_in_view().await?[0], (1, "be".to_owned(), 2));
    page.driver.quit().await
}

#[tokio::test]
async fn paused_means_that_nothing_moves_and_a_kill_is_possible_all_the_same() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opening(&browser, &server).await?;
    page.press("pause").await?;
    page.until_attribute("status", "data-paused", |paused| paused == "true").await?;
    assert!(page.text("status").await?.contains("paused at"));
    // What is loaded after the page's own code comes once.
    for later in ["overview", "zoom-in", "graph-zoom-in"] {
        page.element(later).await?;
    }
    let at = page.virtual_ms().await?;
    let seen = page.driver.execute_async(SEEN_TWICE, vec![json!(WHILE_MS)]).await?;
    assert_eq!(seen.json(), &json!([true, 0]), "something moved, or an animation ran");

    page.press("step-task").await?;
    page.virtual_time(at + 0.001).await?;
    let stepped = page.virtual_ms().await?;
    assert_eq!(page.attribute("status", "data-paused").await?, "true", "a step leaves it paused");
    page.press("step-event").await?;
    page.virtual_time(stepped + 0.001).await?;

    page.press("kill-one").await?;
    let news = page.until("news", "the kill", |news| news.contains("was killed.")).await?;
    assert!(page.virtual_ms().await? < stepped + 100.0, "no time passes for a kill");
    page.press("pause").await?;
    page.until_attribute("status", "data-paused", |paused| paused == "false").await?;
    let victim = news.split_whitespace().find(|word| word.starts_with("worker-")).unwrap_or_default().to_owned();
    lost(&page, &victim).await?;
    page.press("speed-max").await?;
    as_the_sequential_run(&page).await?;
    assert!(page.exact("counter-workers_lost").await? >= 1);
    page.driver.quit().await
}

#[tokio::test]
async fn at_full_speed_it_ends_at_once_with_the_trace_of_the_command_line() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opening(&browser, &server).await?;
    let text = page.experiment().await?;
    page.press("speed-max").await?;
    as_the_sequential_run(&page).await?;
    let (trace, rows) = (page.text("trace-hash").await?, page.text("output-hash").await?);
    let report = simulated_natively(&text);
    assert_eq!((json!(trace), json!(rows)), (report["trace_hash"].clone(), report["output_hash"].clone()));
    assert_eq!(page.virtual_ms().await?, report["virtual_ms"].as_f64().unwrap_or_default());

    // The server simulates it to the same end, and so does this page at another pace.
    page.press("speed-10").await?;
    page.run().await?;
    assert_eq!(page.text("trace-hash").await?, trace);
    page.driver.quit().await
}

#[tokio::test]
async fn a_run_of_ones_own_takes_the_place_of_the_first_one() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opening(&browser, &server).await?;
    page.press("place-browser").await?;
    page.run().await?;
    assert!(page.text("status").await?.contains("This browser"));
    assert_eq!(page.attribute("expectation", "data-held").await?, "true");
    assert!(!page.has("notice").await? && !page.has("failure").await?, "nobody is troubled by the end of the first run");
    page.driver.quit().await
}

#[tokio::test]
async fn axe_finds_nothing_in_the_first_minute_in_any_look() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.driver.goto(&server.url).await?;
        page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} while it runs: {line}")));
        page.press("pause").await?;
        page.until_attribute("status", "data-paused", |paused| paused == "true").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} while it is paused: {line}")));
        page.press("speed-max").await?;
        page.press("pause").await?;
        page.finished().await?;
        page.rows_in_view().await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} after it: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}

//! The page as a user sees it: what can be pressed, what can be read.

use std::path::Path;

use serde_json::json;
use thirtyfour::prelude::*;

use crate::Browser;
use crate::busy::NOTE_LONG_TASKS;
use crate::wait::{LOOK_EVERY, SIGN_WITHIN, until};

/// The open page.
pub struct Page {
    pub driver: WebDriver,
}

impl Page {
    /// Opens a page of the server without a first run and without an introduction.
    pub async fn open_idle(browser: &Browser, url: &str) -> WebDriverResult<Page> {
        Page::open(browser, &format!("{url}/?autorun=no")).await
    }

    /// Opens the page and has an experiment simulated in it, as fast as it goes, to its end.
    pub async fn simulated(browser: &Browser, url: &str, text: &str) -> WebDriverResult<Page> {
        let page = Page::open_idle(browser, url).await?;
        page.write_experiment(text).await?;
        page.press("place-simulate").await?;
        page.press("speed-max").await?;
        page.run().await?;
        Ok(page)
    }

    /// Opens a page that counts the bundled text in its own workers at once.
    pub async fn open_counting(browser: &Browser, url: &str) -> WebDriverResult<Page> {
        Page::open(browser, &format!("{url}/?run=browser")).await
    }

    /// Opens an address in a window of its own. A page without a query begins with a simulation in slow motion.
    pub async fn open(browser: &Browser, url: &str) -> WebDriverResult<Page> {
        let page = Page { driver: browser.window().await? };
        page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": NOTE_LONG_TASKS })).await?;
        let downloads = json!({ "behavior": "allow", "downloadPath": browser.downloads() });
        page.devtools("Browser.setDownloadBehavior", downloads).await?;
        page.driver.goto(url).await?;
        Ok(page)
    }

    /// A command of the browser's devtools protocol.
    pub async fn devtools(&self, command: &str, arguments: serde_json::Value) -> WebDriverResult<serde_json::Value> {
        self.driver.cdp().send_raw(command, arguments).await
    }

    /// The text of an element, once it is there.
    pub async fn text(&self, id: &str) -> WebDriverResult<String> {
        self.element(id).await?.text().await
    }

    /// An element by its test id, once it is there.
    pub async fn element(&self, id: &str) -> WebDriverResult<WebElement> {
        self.driver.query(By::Css(selector(id))).wait(SIGN_WITHIN, LOOK_EVERY).first().await
    }

    /// Whether it is there now.
    pub async fn has(&self, id: &str) -> WebDriverResult<bool> {
        Ok(!self.driver.find_all(By::Css(selector(id))).await?.is_empty())
    }

    /// An attribute of an element that is there; empty if it has none.
    pub async fn attribute(&self, id: &str, name: &str) -> WebDriverResult<String> {
        Ok(self.element(id).await?.attr(name).await?.unwrap_or_default())
    }

    /// The exact number behind a figure, once it has one.
    pub async fn exact(&self, id: &str) -> WebDriverResult<u64> {
        let exact = self.until_attribute(id, "data-exact", |exact| !exact.is_empty()).await?.replace(',', "");
        Ok(exact.parse().unwrap_or_else(|_| panic!("`{id}` has no exact number but `{exact}`")))
    }

    /// Presses a button, by script: what is under test is what it does, not where it is scrolled to.
    pub async fn press(&self, id: &str) -> WebDriverResult<()> {
        let element = self.element(id).await?;
        self.driver.execute("arguments[0].click()", vec![element.to_json()?]).await?;
        Ok(())
    }

    /// Waits until the text of an element fits, and gives it.
    pub async fn until(&self, id: &str, what: &str, fits: impl Fn(&str) -> bool) -> WebDriverResult<String> {
        let sign = format!("`{id}` to come to {what}");
        let found = until(&sign, async || {
            // It may be replaced between the look and the word.
            let element = self.driver.find(By::Css(selector(id))).await.ok()?;
            element.text().await.ok().filter(|text| fits(text))
        });
        Ok(found.await)
    }

    /// Waits until an attribute of an element fits, and gives it.
    pub async fn until_attribute(&self, id: &str, name: &str, fits: impl Fn(&str) -> bool) -> WebDriverResult<String> {
        let sign = format!("`{name}` of `{id}` to fit");
        let found = until(&sign, async || {
            let element = self.driver.find(By::Css(selector(id))).await.ok()?;
            element.attr(name).await.ok()?.filter(|value| fits(value))
        });
        Ok(found.await)
    }

    /// Chooses a file by the picker.
    pub async fn choose_file(&self, path: impl AsRef<Path>) -> WebDriverResult<()> {
        self.press("input-file").await?;
        self.element("file-input").await?.send_keys(path.as_ref().to_string_lossy()).await
    }

    /// The number of the run that is looked at; `0` before the first.
    pub async fn run_number(&self) -> WebDriverResult<String> {
        self.attribute("status", "data-run").await
    }

    /// Presses Run, and waits until the new run is the one that is looked at.
    pub async fn start(&self) -> WebDriverResult<()> {
        let before = self.run_number().await?;
        self.press("run").await?;
        self.until_attribute("status", "data-run", |run| run != before).await?;
        Ok(())
    }

    /// Waits until the run that is looked at has ended, well or not, and gives the stage.
    pub async fn ended(&self) -> WebDriverResult<String> {
        self.until_attribute("status", "data-stage", |stage| stage == "finished" || stage == "failed").await
    }

    /// Waits until the run has ended well; otherwise the test fails with what the page says.
    pub async fn finished(&self) -> WebDriverResult<()> {
        if self.ended().await? == "failed" {
            panic!("the run failed: {}", self.text("failure").await?);
        }
        Ok(())
    }

    /// Presses Run and waits for a good end.
    pub async fn run(&self) -> WebDriverResult<()> {
        self.start().await?;
        self.finished().await
    }

    /// Presses Run, waits for an end without a result, and gives the page's sentence about it.
    pub async fn run_in_vain(&self) -> WebDriverResult<String> {
        self.start().await?;
        assert_eq!(self.ended().await?, "failed", "the run was to end without a result");
        self.text("failure").await
    }

    /// Virtual time of the simulation that is looked at, in milliseconds.
    pub async fn virtual_ms(&self) -> WebDriverResult<f64> {
        let exact = self.attribute("elapsed", "data-exact").await?;
        Ok(exact.trim_end_matches(" ms").parse().unwrap_or_else(|_| panic!("`{exact}` is no time")))
    }

    /// Waits until virtual time has come so far.
    pub async fn virtual_time(&self, ms: f64) -> WebDriverResult<()> {
        let past = |exact: &str| exact.trim_end_matches(" ms").parse::<f64>().is_ok_and(|at| at >= ms);
        self.until_attribute("elapsed", "data-exact", past).await.map(drop)
    }

    /// Waits until the service worker has the page, so that it loads without its server.
    pub async fn cached(&self) -> WebDriverResult<()> {
        let script = "const done = arguments[0]; navigator.serviceWorker.ready.then(() => done(true));";
        self.driver.execute_async(script, vec![]).await?;
        Ok(())
    }
}

/// An element's selector by its test id.
fn selector(id: &str) -> String {
    format!("[data-testid='{id}']")
}

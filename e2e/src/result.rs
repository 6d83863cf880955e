//! What a run came to, as a user gets it: the downloaded file, the rows in view.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use thirtyfour::prelude::*;

use crate::{Browser, Page, until};

/// How often each word is in a text.
pub type Counts = BTreeMap<String, u64>;

impl Page {
    /// Downloads the result by its button and gives the file's text.
    pub async fn download(&self, browser: &Browser) -> WebDriverResult<String> {
        self.press("download-csv").await?;
        self.downloaded(browser, "csv").await
    }

    /// Waits for a download with this ending and gives the file's text.
    pub async fn downloaded(&self, browser: &Browser, ending: &str) -> WebDriverResult<String> {
        let bytes = self.downloaded_bytes(browser, ending).await?;
        Ok(String::from_utf8(bytes).expect("the download is a text"))
    }

    /// The same of what is no text.
    pub async fn downloaded_bytes(&self, browser: &Browser, ending: &str) -> WebDriverResult<Vec<u8>> {
        let path = until("the downloaded file", async || {
            let entries = fs::read_dir(browser.downloads()).ok()?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
            // A file that is still being written has another ending; its name is kept for it by an empty one, and a result is never
            // empty, since it has a heading.
            let whole = |path: &PathBuf| {
                path.extension().is_some_and(|extension| extension == ending)
                    && path.metadata().is_ok_and(|about| about.len() > 0)
            };
            entries.into_iter().find(whole)
        })
        .await;
        let bytes = fs::read(&path).expect("the download can be read");
        fs::remove_file(&path).expect("the download can be removed");
        Ok(bytes)
    }

    /// The expectations of the run that is looked at that did not hold, with their words.
    pub async fn broken(&self) -> WebDriverResult<Vec<String>> {
        let mut broken = Vec::new();
        for expectation in self.driver.find_all(By::Css("[data-testid='expectation']")).await? {
            if expectation.attr("data-held").await?.as_deref() != Some("true") {
                broken.push(expectation.text().await?);
            }
        }
        Ok(broken)
    }

    /// The whole result, by way of the download.
    pub async fn counts(&self, browser: &Browser) -> WebDriverResult<Counts> {
        let csv = self.download(browser).await?;
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("word,count"), "the file has a heading");
        let count = |line: &str| {
            let (word, count) = line.rsplit_once(',').unwrap_or_else(|| panic!("`{line}` has no comma"));
            (word.to_owned(), count.parse().unwrap_or_else(|_| panic!("`{line}` has no count")))
        };
        Ok(lines.map(count).collect())
    }

    /// The rows in view: each one's number in the table from 1, its word and its count. Waits until none of them is on its way.
    pub async fn rows_in_view(&self) -> WebDriverResult<Vec<(u64, String, u64)>> {
        let script = "const rows = [...document.querySelectorAll('[data-testid=row]')]; \
                      if (rows.length === 0 || rows.some(row => row.classList.contains('coming'))) return null; \
                      return rows.map(row => [row.getAttribute('aria-rowindex') - 1, ...[...row.children].map(cell => cell.title)]);";
        let rows = until("rows in view", async || {
            let found = self.driver.execute(script, vec![]).await.ok()?;
            found.convert::<Option<Vec<(u64, String, String)>>>().ok()?
        })
        .await;
        let digits = |text: &str| text.replace(',', "");
        let number = |text: String| digits(&text).parse().unwrap_or_else(|_| panic!("`{text}` is no count"));
        Ok(rows.into_iter().map(|(row, word, count)| (row, word, number(count))).collect())
    }
}

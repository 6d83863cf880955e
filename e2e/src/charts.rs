//! The charts below the timeline, as those have them who see them and those who read them.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::wait::{LOOK_EVERY, SIGN_WITHIN};
use crate::{Page, until};

/// Where something points in all pictures of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointed {
    /// The moment, in microseconds.
    pub at: u64,
    /// Where its line stands on the page, in the timeline first and then in each chart. Pixels.
    pub lines: Vec<f64>,
}

impl Page {
    /// Unfolds or folds the charts by the keyboard.
    pub async fn fold_charts(&self) -> WebDriverResult<()> {
        self.element("fold-charts").await?.send_keys(Key::Enter + "").await
    }

    /// The scripts of charts that the page has loaded.
    pub async fn chart_scripts(&self) -> WebDriverResult<Vec<String>> {
        let script = "return performance.getEntriesByType('resource').map(entry => entry.name.split('/').pop()) \
                      .filter(name => name.startsWith('charts-'))";
        self.driver.execute(script, vec![]).await?.convert()
    }

    /// Waits until a chart is drawn.
    pub async fn chart_drawn(&self, name: &str) -> WebDriverResult<()> {
        let drawing = format!("[data-testid='chart-{name}'] canvas");
        self.driver.query(By::Css(drawing)).wait(SIGN_WITHIN, LOOK_EVERY).first().await.map(drop)
    }

    /// Opens the table of a chart by the keyboard.
    pub async fn open_chart_table(&self, name: &str) -> WebDriverResult<()> {
        let fold = format!("[data-testid='chart-numbers-{name}'] summary");
        let fold = self.driver.query(By::Css(fold)).wait(SIGN_WITHIN, LOOK_EVERY).first().await?;
        fold.send_keys(Key::Enter + "").await
    }

    /// What a chart's open table says of one of its lines: what was counted in each part of the time, and altogether. Waits until the
    /// sum fits.
    pub async fn chart_counts(&self, name: &str, line: &str, fits: impl Fn(u64) -> bool) -> WebDriverResult<(Vec<u64>, u64)> {
        let script = "const table = document.querySelector(`[data-testid='chart-table-${arguments[0]}']`); \
                      const column = [...table.querySelectorAll('thead th')].findIndex(head => head.textContent === arguments[1]); \
                      const cells = part => [...table.querySelectorAll(part)].map(row => row.children[column]?.dataset.exact); \
                      return [cells('tbody tr'), cells('tfoot tr')[0]];";
        let what = format!("the numbers of {line}");
        let counts = until(&what, async || {
            let found = self.driver.execute(script, vec![json!(name), json!(line)]).await.ok()?;
            let (parts, sum): (Vec<String>, String) = found.convert().ok()?;
            let sum = sum.parse().ok().filter(|sum| fits(*sum))?;
            Some((parts.iter().map(|count| count.parse().ok()).collect::<Option<Vec<u64>>>()?, sum))
        });
        Ok(counts.await)
    }

    /// Moves the pointer over an element, to a part of its width, and waits for the moment.
    pub async fn point_at(&self, css: &str, part: f64) -> WebDriverResult<Pointed> {
        let element = self.driver.query(By::Css(css)).wait(SIGN_WITHIN, LOOK_EVERY).first().await?;
        element.scroll_into_view().await?;
        let area = element.rect().await?;
        let script = "const area = arguments[0].getBoundingClientRect(); return [area.left, area.top]";
        let [left, top]: [f64; 2] = self.driver.execute(script, vec![element.to_json()?]).await?.convert()?;
        let (x, y) = (left + area.width * part, top + area.height * 0.6);
        self.driver.action_chain().move_to(x as i64 - 3, y as i64).move_to(x as i64, y as i64).perform().await?;
        let script = "const at = document.querySelector('[data-testid=pointed-at]').dataset.exact; \
                      const lines = [...document.querySelectorAll('.pointed.shown')].map(line => line.getBoundingClientRect().x); \
                      return [at ?? '', lines]";
        let pointed = until("a moment that is pointed at", async || {
            let (at, lines): (String, Vec<f64>) = self.driver.execute(script, vec![]).await.ok()?.convert().ok()?;
            let here = lines.first().is_some_and(|line| (line - x).abs() < 2.0);
            Some(Pointed { at: at.parse().ok().filter(|_| here)?, lines })
        });
        Ok(pointed.await)
    }
}

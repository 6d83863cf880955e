//! The graph, as it is looked at.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::{Page, until};

/// How near the graph is looked at, and where. Pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GraphLook {
    pub zoom: f64,
    pub panel: (f64, f64),
    /// As it is drawn.
    pub sheet: (f64, f64),
    pub scroll: (f64, f64),
}

const LOOK: &str = "const frame = document.querySelector('[data-testid=graph]'); \
    const { width, height } = frame.querySelector('.graph-sheet').getBoundingClientRect(); \
    return [Number(frame.dataset.zoom), [frame.clientWidth, frame.clientHeight], [width, height], [frame.scrollLeft, frame.scrollTop]];";

impl Page {
    pub async fn graph(&self) -> WebDriverResult<GraphLook> {
        let (zoom, panel, sheet, scroll) = self.driver.execute(LOOK, vec![]).await?.convert()?;
        Ok(GraphLook { zoom, panel, sheet, scroll })
    }

    /// Waits until the graph is looked at so.
    pub async fn graph_until(&self, what: &str, fits: impl Fn(&GraphLook) -> bool) -> GraphLook {
        until(what, async || self.graph().await.ok().filter(|look| fits(look))).await
    }

    /// Turns the wheel over the middle of the graph.
    pub async fn wheel_on_graph(&self, down: i64, with_control: bool) -> WebDriverResult<()> {
        let script = "const [deltaY, ctrlKey] = arguments; const frame = document.querySelector('[data-testid=graph]'); \
            const { left, top, width, height } = frame.getBoundingClientRect(); \
            frame.querySelector('canvas').dispatchEvent(new WheelEvent('wheel', { deltaY, ctrlKey, bubbles: true, cancelable: true, \
            clientX: left + width / 2, clientY: top + height / 2 }));";
        self.driver.execute(script, vec![json!(down), json!(with_control)]).await?;
        Ok(())
    }

    /// How many frames the graph has around what is selected.
    pub async fn marks(&self) -> WebDriverResult<usize> {
        Ok(self.driver.find_all(By::Css("[data-testid=graph] .marks .chosen")).await?.len())
    }

    /// Selects this by the arrow keys' first stop, deselects it, and clicks where its frame was.
    pub async fn click_on_mark_of(&self, name: &str) -> WebDriverResult<()> {
        self.element("graph").await?.send_keys(Key::Home + "").await?;
        self.until("inspected-name", name, |inspected| inspected == name).await?;
        let script = "const { left, top, width, height } = document.querySelector('[data-testid=graph] .chosen').getBoundingClientRect(); \
            return [left + width / 2, top + height / 2];";
        let (x, y): (f64, f64) = self.driver.execute(script, vec![]).await?.convert()?;
        self.press("select-none").await?;
        self.driver.action_chain().move_to(x as i64, y as i64).click().perform().await?;
        self.until("inspected-name", name, |inspected| inspected == name).await.map(drop)
    }

    /// What a screen reader was told last.
    pub async fn spoken(&self) -> WebDriverResult<String> {
        let script =
            "return [...document.querySelectorAll('body > .unseen[role=status]')].map(it => it.textContent).join(' ').trim()";
        self.driver.execute(script, vec![]).await?.convert()
    }
}

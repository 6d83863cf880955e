//! Breakpoints, and the message that a run stands before, as a user has them.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::{Page, until};

impl Page {
    /// Sets a breakpoint in the dialog: at the edge that reads so, with this condition.
    pub async fn break_at(&self, edge: &str, when: &str) -> WebDriverResult<()> {
        self.press("breaks-open").await?;
        self.until("break-edge", edge, |edges| edges.contains(edge)).await?;
        let choose = "const [field, edge] = arguments; \
                      field.value = [...field.options].find(option => option.text === edge).value;";
        self.driver.execute(choose, vec![self.element("break-edge").await?.to_json()?, json!(edge)]).await?;
        self.write_condition(when).await?;
        until("the condition to be found sound", async || {
            let button = self.driver.find(By::Css("[data-testid=break-here]")).await.ok()?;
            button.is_enabled().await.ok()?.then_some(())
        })
        .await;
        self.press("break-here").await?;
        self.until("break-list", "the breakpoint", |list| list.contains(edge)).await?;
        self.press("breaks-close").await
    }

    /// Writes a condition into the open dialog.
    pub async fn write_condition(&self, when: &str) -> WebDriverResult<()> {
        self.fill("break-when", when).await
    }

    /// Waits until the run stands before a message, and gives its name.
    pub async fn held(&self, fits: impl Fn(&str) -> bool) -> WebDriverResult<String> {
        self.until("held-name", "a message at a breakpoint", |name| !name.is_empty() && fits(name)).await
    }
}

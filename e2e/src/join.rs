//! A live bus as a user of the page has it: attached to, published to, taken from.

use thirtyfour::WindowHandle;
use thirtyfour::prelude::*;

use crate::{Page, until};

impl Page {
    /// Opens the dialog, and attaches to the bus of this name.
    pub async fn attach(&self, bus: &str) -> WebDriverResult<()> {
        self.press("join-open").await?;
        self.press(&format!("attach-{bus}")).await?;
        self.until("bus-told", "an open connection", |told| told.starts_with(&format!("Attached to {bus} as client-"))).await?;
        Ok(())
    }

    /// Opens an address in another window of the same browser, which is looked at from now on. Gives the handle of the one before.
    pub async fn open_beside(&self, url: &str) -> WebDriverResult<WindowHandle> {
        let before = self.driver.window().await?;
        let other = self.driver.new_window().await?;
        self.driver.switch_to_window(other).await?;
        self.driver.goto(url).await?;
        Ok(before)
    }

    /// Writes into a field instead of what is there.
    pub async fn fill(&self, id: &str, text: &str) -> WebDriverResult<()> {
        let field = self.element(id).await?;
        field.clear().await?;
        field.send_keys(text).await
    }

    /// Chooses in a list.
    pub async fn choose(&self, id: &str, value: &str) -> WebDriverResult<()> {
        // What can be chosen comes from the server.
        let script = "const [select, value] = arguments; select.value = value; return select.value === value;";
        let select = self.element(id).await?;
        let sign = format!("`{value}` among what `{id}` offers");
        until(&sign, async || {
            let chosen = self.driver.execute(script, vec![select.to_json().ok()?, value.into()]).await.ok()?;
            chosen.convert::<bool>().ok()?.then_some(())
        })
        .await;
        Ok(())
    }

    /// Publishes so many messages to a queue.
    pub async fn publish(&self, queue: &str, count: u32) -> WebDriverResult<()> {
        self.fill("publish-key", queue).await?;
        self.fill("publish-count", &count.to_string()).await?;
        self.press("publish").await
    }

    /// Takes from a queue.
    pub async fn subscribe(&self, queue: &str, prefetch: u32, acks: &str) -> WebDriverResult<()> {
        self.choose("subscribe-queue", queue).await?;
        self.fill("subscribe-prefetch", &prefetch.to_string()).await?;
        self.choose("subscribe-acks", acks).await?;
        self.press("subscribe").await
    }

    /// Waits until so many deliveries are there and fit, and gives the text of each.
    pub async fn deliveries(&self, what: &str, fits: impl Fn(&[String]) -> bool) -> Vec<String> {
        until(what, async || {
            let mut texts = Vec::new();
            for delivery in self.driver.find_all(By::Css("[data-testid='delivery']")).await.ok()? {
                texts.push(delivery.text().await.ok()?);
            }
            fits(&texts).then_some(texts)
        })
        .await
    }
}

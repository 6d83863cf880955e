//! The experiment as a form: fields that are written into and chosen, items that are added, moved and removed.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::{Page, until};

const CHOOSE: &str =
    "const [select, word] = arguments; select.value = word; select.dispatchEvent(new Event('change', { bubbles: true }));";

impl Page {
    /// Shows the experiment as a form.
    pub async fn as_form(&self) -> WebDriverResult<()> {
        self.press("view-form").await?;
        self.element("field-").await.map(drop)
    }

    /// Its text, as it is copied from the editor; the form is shown again afterwards.
    pub async fn text_of_form(&self) -> WebDriverResult<String> {
        self.press("view-text").await?;
        let text = self.experiment().await?;
        self.as_form().await?;
        Ok(text)
    }

    /// Writes into the field at a path, over what was there, and leaves it.
    pub async fn write_field(&self, path: &str, value: &str) -> WebDriverResult<()> {
        let field = self.element(&format!("value-{path}")).await?;
        self.driver.execute("arguments[0].focus(); arguments[0].select()", vec![field.to_json()?]).await?;
        field.send_keys(value).await?;
        self.driver.action_chain().send_keys(Key::Tab).perform().await
    }

    /// Chooses a word in the field at a path.
    pub async fn choose_in(&self, path: &str, word: &str) -> WebDriverResult<()> {
        let field = self.element(&format!("value-{path}")).await?.to_json()?;
        self.driver.execute(CHOOSE, vec![field, json!(word)]).await?;
        Ok(())
    }

    /// Adds one of the offers to the field at a path.
    pub async fn add_to(&self, path: &str, offer: &str) -> WebDriverResult<()> {
        self.press(&format!("add-{path}")).await?;
        self.press(&format!("offer-{offer}")).await
    }

    /// Waits until the field at a path has this value.
    pub async fn until_field(&self, path: &str, value: &str) {
        until(&format!("the field {path} to be `{value}`"), async || {
            let field = self.driver.find(By::Css(format!("[data-testid='value-{path}']"))).await.ok()?;
            (field.prop("value").await.ok()?? == value).then_some(())
        })
        .await;
    }
}

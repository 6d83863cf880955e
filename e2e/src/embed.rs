//! The frame that other pages can have of this one, as a user takes it along.

use std::io::Write;

use tempfile::NamedTempFile;
use thirtyfour::prelude::*;

use crate::wait::{LOOK_EVERY, SIGN_WITHIN};
use crate::{Page, until};

impl Page {
    /// The frame in the dialog that the button Share opens, while that is open.
    pub async fn until_frame(&self) -> WebDriverResult<String> {
        let frame = until("a frame", async || {
            let field = self.driver.find(By::Css("[data-testid=frame-link]")).await.ok()?;
            field.prop("value").await.ok()?.filter(|frame| frame.contains('#'))
        });
        Ok(frame.await)
    }

    /// The same, with the dialog opened and closed for it.
    pub async fn frame(&self) -> WebDriverResult<String> {
        self.press("share-open").await?;
        let frame = self.until_frame().await?;
        self.press("share-close").await?;
        Ok(frame)
    }

    /// Opens a document of somebody's own with this frame in it, and goes into the frame. The document is there as long as what this
    /// gives.
    pub async fn enter_frame_of(&self, frame: &str) -> WebDriverResult<NamedTempFile> {
        let mut document = tempfile::Builder::new().suffix(".html").tempfile().expect("a temporary file can be made");
        write!(document, "<!doctype html><title>A lesson</title><h1>A lesson</h1>{frame}").expect("it can be written");
        self.driver.goto(&format!("file://{}", document.path().display())).await?;
        let frame = self.driver.query(By::Tag("iframe")).wait(SIGN_WITHIN, LOOK_EVERY).first().await?;
        frame.enter_frame().await?;
        Ok(document)
    }

    /// The address that a press of "Open in Millrace" goes to.
    pub async fn link_out_of_frame(&self) -> WebDriverResult<String> {
        let link = self.element("open-in-millrace").await?;
        let script = "const [link] = arguments; link.addEventListener('click', event => event.preventDefault(), { once: true }); \
                      link.click(); return link.href";
        self.driver.execute(script, vec![link.to_json()?]).await?.convert()
    }
}

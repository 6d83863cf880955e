//! The slider of virtual time, as a user has it.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::{Page, until};

/// A moment of a run that somebody went to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Virtual time, in microseconds.
    pub at: u64,
    /// The hash of what is seen then.
    pub state: String,
}

impl Page {
    /// Where the slider stands, in microseconds of virtual time.
    pub async fn at(&self) -> WebDriverResult<u64> {
        Ok(self.attribute("time-at", "data-exact").await?.parse().unwrap_or_default())
    }

    /// Presses a key on the slider, and waits until the run is somewhere else.
    pub async fn slide(&self, key: &str) -> WebDriverResult<Moment> {
        let (before, state) = (self.at().await?, self.attribute("time", "data-state").await?);
        let slider = self.element("time").await?.to_json()?;
        let script = "arguments[0].focus(); arguments[0].dispatchEvent(new KeyboardEvent('keydown', \
                      { key: arguments[1], bubbles: true, cancelable: true }))";
        self.driver.execute(script, vec![slider, json!(key)]).await?;
        let what = format!("{key} to go elsewhere than {before} µs");
        let found = until(&what, async || self.seen().await.filter(|seen| seen.at != before && seen.state != state));
        Ok(found.await)
    }

    /// Waits until the run is where somebody wanted to be.
    pub async fn arrived(&self, what: &str, fits: impl Fn(u64) -> bool) -> WebDriverResult<Moment> {
        let found = until(what, async || self.seen().await.filter(|seen| fits(seen.at)));
        Ok(found.await)
    }

    /// Where the run is, unless it is on its way.
    async fn seen(&self) -> Option<Moment> {
        let script = "const [at, line] = ['time-at', 'time'].map(id => document.querySelector(`[data-testid=${id}]`)); \
                      return [at.dataset.exact, line.dataset.state, line.dataset.sought];";
        let seen: [String; 3] = self.driver.execute(script, vec![]).await.ok()?.convert().ok()?;
        let [at, state, sought] = seen;
        let at = at.parse().ok()?;
        (sought == "false" && !state.is_empty()).then_some(Moment { at, state })
    }
}

impl Page {
    /// The link in the dialog that the button Share opens.
    pub async fn until_link(&self) -> WebDriverResult<String> {
        let link = until("a link", async || {
            let field = self.driver.find(By::Css("[data-testid=share-link]")).await.ok()?;
            field.prop("value").await.ok()?.filter(|link| link.contains('#'))
        });
        Ok(link.await)
    }

    /// Waits until the page would have this text after a reload.
    pub async fn until_kept(&self, part: &str) -> WebDriverResult<()> {
        let script = "return localStorage.getItem('millrace.experiment') ?? ''";
        until("the text to be kept", async || {
            let kept: String = self.driver.execute(script, vec![]).await.ok()?.convert().ok()?;
            kept.contains(part).then_some(())
        })
        .await;
        Ok(())
    }
}

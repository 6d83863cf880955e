//! The experiment's editor as a user has it: written into, pasted into, copied from, completed, pointed at.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::{Page, until};

/// Selects all, as Ctrl+A does, in the element that is the first argument.
const SELECT_ALL: &str = "const [area, text] = arguments; area.focus(); area.dispatchEvent(new KeyboardEvent('keydown', \
    { key: 'a', code: 'KeyA', keyCode: 65, ctrlKey: true, bubbles: true, cancelable: true })); ";

const PASTE: &str = "const pasted = new DataTransfer(); pasted.setData('text/plain', text); area.dispatchEvent( \
    new ClipboardEvent('paste', { clipboardData: pasted, bubbles: true, cancelable: true }));";

const COPY: &str = "const copied = new DataTransfer(); area.dispatchEvent( \
    new ClipboardEvent('copy', { clipboardData: copied, bubbles: true, cancelable: true })); \
    return copied.getData('text/plain');";

/// Where a word of the text is on the screen, `[left, top, width, height]`; null if it is not in view.
const BOX_OF: &str = "const [area, word] = arguments; const walk = document.createTreeWalker(area, NodeFilter.SHOW_TEXT); \
    while (walk.nextNode()) { const at = walk.currentNode.data.indexOf(word); if (at < 0) continue; \
        const range = document.createRange(); range.setStart(walk.currentNode, at); range.setEnd(walk.currentNode, at + word.length); \
        walk.currentNode.parentElement.scrollIntoView({ block: 'center' }); \
        const box = range.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; } return null;";

impl Page {
    /// The element that the experiment is written in, once the editor is there, which it is when it has been seen.
    pub async fn editor(&self) -> WebDriverResult<WebElement> {
        self.element("editor").await?.scroll_into_view().await?;
        self.until_attribute("editor", "data-editor", |editor| editor == "full").await?;
        self.element("experiment-text").await
    }

    /// Writes the experiment's text, as if it had been pasted over what was there.
    pub async fn write_experiment(&self, text: &str) -> WebDriverResult<()> {
        let area = self.editor().await?.to_json()?;
        self.driver.execute(format!("{SELECT_ALL}{PASTE}"), vec![area, json!(text)]).await?;
        Ok(())
    }

    /// The experiment's text, as it is copied.
    pub async fn experiment(&self) -> WebDriverResult<String> {
        let area = self.editor().await?.to_json()?;
        self.driver.execute(format!("{SELECT_ALL}{COPY}"), vec![area]).await?.convert()
    }

    /// Types at the end of the text, key by key.
    pub async fn type_at_the_end(&self, text: &str) -> WebDriverResult<()> {
        let area = self.editor().await?;
        self.driver.execute("arguments[0].focus()", vec![area.to_json()?]).await?;
        let chain = self.driver.action_chain();
        chain.key_down(Key::Control).send_keys(Key::End).key_up(Key::Control).send_keys(text).perform().await
    }

    /// The parts of the text that are marked as wrong, once there are any.
    pub async fn marked(&self) -> WebDriverResult<Vec<String>> {
        let marks = until("a mark in the text", async || {
            let marks = self.driver.find_all(By::Css(".cm-lintRange-error")).await.ok()?;
            (!marks.is_empty()).then_some(marks)
        });
        let mut texts = Vec::new();
        for mark in marks.await {
            texts.push(mark.text().await?);
        }
        Ok(texts)
    }

    /// What is offered to complete what was typed, once something is.
    pub async fn offered(&self) -> WebDriverResult<Vec<String>> {
        let labels = until("completions", async || {
            let script = "return [...document.querySelectorAll('.cm-completionLabel')].map(label => label.textContent)";
            let labels: Vec<String> = self.driver.execute(script, vec![]).await.ok()?.convert().ok()?;
            (!labels.is_empty()).then_some(labels)
        });
        Ok(labels.await)
    }

    /// What is explained when the pointer rests on a word of the text.
    pub async fn explanation_of(&self, word: &str) -> WebDriverResult<String> {
        let area = self.editor().await?.to_json()?;
        let found: Option<[f64; 4]> = self.driver.execute(BOX_OF, vec![area, json!(word)]).await?.convert()?;
        let [left, top, width, height] = found.unwrap_or_else(|| panic!("`{word}` is not in view"));
        let (x, y) = ((left + width / 2.0) as i64, (top + height / 2.0) as i64);
        // From elsewhere, so that there is a movement.
        self.driver.action_chain().move_to(x - 3, y).move_to(x, y).perform().await?;
        let text = until("an explanation", async || {
            let help = self.driver.find(By::Css(".cm-tooltip-hover .help")).await.ok()?;
            // It is measured before it is shown, and has no text until then.
            help.text().await.ok().filter(|text| !text.is_empty())
        });
        Ok(text.await)
    }
}

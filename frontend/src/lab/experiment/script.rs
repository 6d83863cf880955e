//! Speaks to the editor's script (`frontend/editor`).

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

/// What the text is called to those who do not see it.
pub const LABEL: &str = "The experiment, in YAML";

#[wasm_bindgen]
extern "C" {
    /// An editor with its text.
    #[derive(Clone)]
    pub type Editor;

    #[wasm_bindgen(catch, js_namespace = millraceEditor, js_name = create)]
    fn create_in(
        host: &HtmlElement,
        text: &str,
        attributes: &Object,
        changed: &Closure<dyn FnMut(String)>,
    ) -> Result<Editor, JsValue>;

    /// Replaces the text, if it is another; the user can undo it.
    #[wasm_bindgen(method, js_name = setText)]
    pub fn set_text(this: &Editor, text: &str);

    /// Marks problems in the text.
    #[wasm_bindgen(method, js_name = setProblems)]
    pub fn set_problems(this: &Editor, problems: &JsValue);

    /// Says which columns there are at each step, for completion.
    #[wasm_bindgen(method, js_name = setOutline)]
    pub fn set_outline(this: &Editor, outline: &JsValue);

    /// Puts the cursor at a line and column, both from 1.
    #[wasm_bindgen(method, js_name = goTo)]
    pub fn go_to(this: &Editor, line: u32, column: u32);

    #[wasm_bindgen(method)]
    pub fn focus(this: &Editor);

    /// The text as fields, with the problems where they lie: JSON of `form::fields`.
    #[wasm_bindgen(method)]
    pub fn fields(this: &Editor, problems: &JsValue) -> String;

    /// The path of the field at a line and column, both from 1, as JSON.
    #[wasm_bindgen(method, js_name = fieldAt)]
    pub fn field_at(this: &Editor, line: u32, column: u32) -> String;

    /// Does what an action (JSON of `form::fields`) says, in one step that can be undone; whether it was done.
    #[wasm_bindgen(method)]
    pub fn act(this: &Editor, action: &str) -> bool;

    #[wasm_bindgen(method)]
    pub fn undo(this: &Editor);

    #[wasm_bindgen(method)]
    pub fn redo(this: &Editor);

    #[wasm_bindgen(method)]
    pub fn destroy(this: &Editor);
}

/// Puts an editor into an element. The script must be loaded.
pub fn create(host: &HtmlElement, text: &str, changed: &Closure<dyn FnMut(String)>) -> Result<Editor, JsValue> {
    let attributes = Object::new();
    for (name, value) in [("data-testid", "experiment-text"), ("aria-label", LABEL), ("aria-describedby", "problems")] {
        Reflect::set(&attributes, &name.into(), &value.into())?;
    }
    create_in(host, text, &attributes, changed)
}

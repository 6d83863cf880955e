//! The editor's script (`frontend/editor`): loads it, and speaks to it.

use js_sys::{JSON, Object, Reflect};
use leptos::prelude::*;
use serde::Serialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, HtmlScriptElement};

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

    #[wasm_bindgen(method)]
    pub fn destroy(this: &Editor);
}

/// Loads the script and says whether it is there.
pub fn load(then: impl Fn(bool) + Clone + 'static) {
    let address = document()
        .query_selector("meta[name=editor]")
        .ok()
        .flatten()
        .and_then(|meta| meta.get_attribute("content"))
        .filter(|address| address.starts_with("./"));
    let script = document().create_element("script").ok().and_then(|element| element.dyn_into::<HtmlScriptElement>().ok());
    let (Some(address), Some(script), Some(head)) = (address, script, document().head()) else {
        return then(false);
    };
    let told = |loaded: bool| {
        let then = then.clone();
        // Only one of the two is ever called, so neither can free the other.
        Closure::once_into_js(move || then(loaded))
    };
    script.set_onload(Some(told(true).unchecked_ref()));
    script.set_onerror(Some(told(false).unchecked_ref()));
    script.set_src(&address);
    if head.append_child(&script).is_err() {
        then(false);
    }
}

/// Puts an editor into an element. The script must be loaded.
pub fn create(host: &HtmlElement, text: &str, changed: &Closure<dyn FnMut(String)>) -> Result<Editor, JsValue> {
    let attributes = Object::new();
    for (name, value) in [("data-testid", "experiment-text"), ("aria-label", LABEL), ("aria-describedby", "problems")] {
        Reflect::set(&attributes, &name.into(), &value.into())?;
    }
    create_in(host, text, &attributes, changed)
}

/// A value as the script reads it.
pub fn plain(value: &impl Serialize) -> JsValue {
    let json = serde_json::to_string(value).unwrap_or_default();
    JSON::parse(&json).unwrap_or(JsValue::NULL)
}

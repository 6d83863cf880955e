//! Scripts that are loaded when they are first wanted; `cargo xtask page` bundles them.

use js_sys::JSON;
use leptos::prelude::*;
use serde::Serialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::HtmlScriptElement;

/// Loads the script of this name and says whether it is there.
pub fn load(name: &str, then: impl Fn(bool) + Clone + 'static) {
    let address = document()
        .query_selector(&format!("meta[name={name}]"))
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

/// A value as a script reads it.
pub fn plain(value: &impl Serialize) -> JsValue {
    let json = serde_json::to_string(value).unwrap_or_default();
    JSON::parse(&json).unwrap_or(JsValue::NULL)
}

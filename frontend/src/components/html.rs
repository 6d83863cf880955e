//! Parts of the page that are written as HTML: lists and tables that come whole. Every view of its own makes the page's code larger.

use leptos::prelude::document;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, MouseEvent};

/// A text as HTML shows it, between tags and in attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A text that is HTML already, with what stands between two backticks set as code.
pub fn in_code(html: &str) -> String {
    let mut parts = html.split('`');
    let mut set = parts.next().unwrap_or_default().to_owned();
    while let Some(code) = parts.next() {
        match parts.next() {
            Some(behind) => set.extend(["<code>", code, "</code>", behind]),
            // A lone one is none.
            None => set.extend(["`", code]),
        }
    }
    set
}

/// An icon that says nothing by itself.
pub fn icon(name: &str) -> String {
    format!("<svg class=\"icon\" aria-hidden=\"true\" focusable=\"false\"><use href=\"icons.svg#{name}\"></use></svg>")
}

/// A frame around what is selected, for an `svg` over a picture. Pixels.
pub fn mark(x: f64, y: f64, width: f64, height: f64) -> String {
    let (x, y, width, height) = (x - 2.0, y - 2.0, width + 4.0, height + 4.0);
    format!("<rect class=\"chosen\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\"></rect>")
}

/// What the button that was pressed in such a part wants: its `data-do`, and its `data-of` if that is a number.
pub fn wanted(event: &MouseEvent) -> Option<(String, Option<u64>)> {
    let pressed = event.target()?.dyn_into::<Element>().ok()?.closest("button[data-do]").ok()??;
    let of = pressed.get_attribute("data-of").and_then(|of| of.parse().ok());
    Some((pressed.get_attribute("data-do")?, of))
}

/// What stands in the field with this test id.
pub fn value_of(id: &str) -> String {
    let field = document().query_selector(&format!("[data-testid={id}]")).ok().flatten();
    field.and_then(|field| text(&field, "value")).unwrap_or_default()
}

/// A property that is a text.
pub fn text(of: &JsValue, name: &str) -> Option<String> {
    js_sys::Reflect::get(of, &name.into()).ok()?.as_string()
}

#[cfg(test)]
mod tests {
    use super::{escape, in_code};

    #[test]
    fn what_stands_between_backticks_is_code() {
        let set = in_code("`a` and `b`, a lone ` too");
        assert_eq!(set, "<code>a</code> and <code>b</code>, a lone ` too");
    }

    #[test]
    fn no_text_becomes_a_tag_or_leaves_its_attribute() {
        assert_eq!(
            escape("<b class=\"x\" id='y'>a & b</b>"),
            "&lt;b class=&quot;x&quot; id=&#39;y&#39;&gt;a &amp; b&lt;/b&gt;"
        );
        assert_eq!(escape("größer"), "größer");
    }
}

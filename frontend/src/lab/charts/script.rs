//! Speaks to the script that draws the charts (`frontend/charts`).

use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    /// A drawing in its element.
    #[derive(Clone)]
    pub type Drawing;

    /// Puts a drawing into an element; `said` hears what the pointer does, and at which second. The script must be loaded.
    #[wasm_bindgen(catch, js_namespace = millraceCharts)]
    pub fn create(host: &HtmlElement, said: &Closure<dyn FnMut(String, f64)>) -> Result<Drawing, JsValue>;

    /// Draws a [`Plan`].
    #[wasm_bindgen(method, catch)]
    pub fn draw(this: &Drawing, plan: &JsValue) -> Result<(), JsValue>;

    /// Shows the moment that is pointed at, in seconds.
    #[wasm_bindgen(method)]
    pub fn point(this: &Drawing, at: Option<f64>);

    #[wasm_bindgen(method)]
    pub fn destroy(this: &Drawing);
}

/// What is drawn. Lengths in pixels, times in seconds.
#[derive(Debug, Serialize)]
pub struct Plan<'a> {
    pub width: f64,
    pub height: f64,
    /// Space beside the drawing.
    pub gutter: f64,
    pub right: f64,
    pub span: f64,
    /// Where the axis has a word, and which.
    pub ticks: Vec<(f64, String)>,
    pub colours: Grounds<'a>,
    pub font: &'static str,
    /// When the parts of the time begin, and the end of the last.
    pub edges: Vec<f64>,
    pub series: Vec<Drawn<'a>>,
}

/// The colours of the grid and of what is written beside it.
#[derive(Debug, Serialize)]
pub struct Grounds<'a> {
    pub line: &'a str,
    pub quiet: &'a str,
}

/// A line.
#[derive(Debug, Serialize)]
pub struct Drawn<'a> {
    pub colour: &'a str,
    pub dash: &'static [u32],
    /// One for each edge; none where nothing is known.
    pub values: Vec<Option<f64>>,
}

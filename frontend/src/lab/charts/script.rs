//! Speaks to the script that draws the charts (`frontend/charts`).

use serde::Serialize;
use shared::time::Time;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    /// A drawing in its element.
    #[derive(Clone)]
    pub type Drawing;

    /// Puts a drawing into an element; `said` hears what the pointer does, see [`Said`]. The script must be loaded.
    ///
    /// A text, and no word and number: this file is cut out of the page's wasm, and a kind of closure that only it knew would have
    /// nothing in what is left that tells wasm-bindgen of it.
    #[wasm_bindgen(catch, js_namespace = millraceCharts)]
    pub fn create(host: &HtmlElement, said: &Closure<dyn FnMut(String)>) -> Result<Drawing, JsValue>;

    /// Draws a [`Plan`].
    #[wasm_bindgen(method, catch)]
    pub fn draw(this: &Drawing, plan: &JsValue) -> Result<(), JsValue>;

    /// Shows the moment that is pointed at, in seconds.
    #[wasm_bindgen(method)]
    pub fn point(this: &Drawing, at: Option<f64>);

    #[wasm_bindgen(method)]
    pub fn destroy(this: &Drawing);
}

/// What the pointer does over a drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said {
    /// It is on a moment.
    At(Time),
    /// It wants to go to one.
    Go(Time),
    /// It is not there any more.
    Away,
}

impl Said {
    /// Of the drawing's words: `at 1.25`, `go 1.25`, in seconds, or `away`.
    pub fn of(words: &str) -> Said {
        let moment = |seconds: &str| seconds.parse().ok().map(|seconds: f64| Time((seconds * 1e6).round().max(0.0) as u64));
        match words.split_once(' ').map(|(what, seconds)| (what, moment(seconds))) {
            Some(("at", Some(at))) => Said::At(at),
            Some(("go", Some(at))) => Said::Go(at),
            _ => Said::Away,
        }
    }
}

/// What is drawn. Lengths in pixels, times in seconds.
#[derive(Debug, Serialize)]
pub struct Plan<'a> {
    pub width: f64,
    pub height: f64,
    /// Space beside the drawing.
    pub gutter: f64,
    pub right: f64,
    /// What is shown of the time.
    pub from: f64,
    pub to: f64,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawing_says_a_moment_in_seconds() {
        assert_eq!(Said::of("at 1.25"), Said::At(Time(1_250_000)));
        assert_eq!(Said::of("go 0"), Said::Go(Time(0)));
        assert_eq!((Said::of("away"), Said::of("at noon")), (Said::Away, Said::Away));
    }
}

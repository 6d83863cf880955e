//! What pictures are drawn with, and the pen over a canvas, at the screen's own resolution. Colours are set only when they differ:
//! handing one to the browser costs more than the rectangle that is filled with it.

use leptos::prelude::window;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, Path2d};

/// Characters of this font are so wide. Pixels.
pub const CHARACTER_PX: f64 = 6.7;
/// What is written in a picture.
pub const FONT: &str = "11px \"JetBrains Mono\", ui-monospace, monospace";

/// What draws a picture, wherever that is.
pub trait Ink {
    fn fill_with(&mut self, colour: &str, alpha: f64);
    fn stroke_with(&mut self, colour: &str);
    fn width(&mut self, width: f64);
    /// Lines are of dashes and gaps of these lengths from now on; without any they are whole.
    fn dash(&mut self, lengths: &'static [f64]);
    /// Lines are dashed from now on, or not.
    fn dashed(&mut self, dashed: bool) {
        self.dash(if dashed { &[3.0, 2.0] } else { &[] });
    }
    fn clear(&mut self, x: f64, y: f64, width: f64, height: f64);
    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64);
    fn frame(&mut self, x: f64, y: f64, width: f64, height: f64);
    /// A rectangle with round corners, as the path that `fill` and `stroke` take.
    fn round(&mut self, x: f64, y: f64, width: f64, height: f64, radius: f64);
    /// The path that `fill` and `stroke` take, as an SVG has it.
    fn shape(&mut self, path: &str);
    fn fill(&mut self);
    fn stroke(&mut self);
    /// A line through these points.
    fn line(&mut self, points: &[(f64, f64)]);
    /// A curve by its ends and two handles.
    fn curve(&mut self, ends_and_handles: [(f64, f64); 4]);
    /// An area with these corners, as the path that `fill` takes.
    fn path(&mut self, corners: &[(f64, f64)]);
    /// A triangle in the corner at the top left.
    fn corner(&mut self, x: f64, y: f64, side: f64) {
        self.path(&[(x, y), (x + side, y), (x, y + side)]);
        self.fill();
    }
    fn text(&mut self, text: &str, x: f64, y: f64);
    fn centred(&mut self, text: &str, x: f64, y: f64);
    /// What is drawn from now on has its origin there.
    fn move_to(&mut self, x: f64, y: f64);
}

/// See the module.
pub struct Pen {
    context: CanvasRenderingContext2d,
    fill: String,
    stroke: String,
    alpha: f64,
    density: f64,
    /// Instead of the context's own path.
    shape: Option<Path2d>,
}

impl Pen {
    /// A pen on a clean sheet of `size` CSS pixels; `None` where there is no canvas to be had.
    pub fn on(canvas: &HtmlCanvasElement, size: (f64, f64)) -> Option<Pen> {
        Pen::at(canvas, size, window().device_pixel_ratio())
    }

    /// The same with so many of the canvas's pixels in one of CSS.
    pub fn at(canvas: &HtmlCanvasElement, (width, height): (f64, f64), density: f64) -> Option<Pen> {
        let pixels = ((width * density).round() as u32, (height * density).round() as u32);
        if (canvas.width(), canvas.height()) != pixels {
            canvas.set_width(pixels.0);
            canvas.set_height(pixels.1);
        }
        let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        context.set_transform(density, 0.0, 0.0, density, 0.0, 0.0).ok()?;
        context.clear_rect(0.0, 0.0, width, height);
        context.set_line_width(1.0);
        context.set_font(FONT);
        context.set_text_baseline("middle");
        context.set_text_align("left");
        context.set_global_alpha(1.0);
        Some(Pen { context, fill: String::new(), stroke: String::new(), alpha: 1.0, density, shape: None })
    }

    fn set_alpha(&mut self, alpha: f64) {
        if self.alpha != alpha {
            self.context.set_global_alpha(alpha);
            self.alpha = alpha;
        }
    }
}

impl Ink for Pen {
    fn fill_with(&mut self, colour: &str, alpha: f64) {
        if self.fill != colour {
            self.context.set_fill_style_str(colour);
            colour.clone_into(&mut self.fill);
        }
        self.set_alpha(alpha);
    }

    fn stroke_with(&mut self, colour: &str) {
        if self.stroke != colour {
            self.context.set_stroke_style_str(colour);
            colour.clone_into(&mut self.stroke);
        }
        self.set_alpha(1.0);
    }

    fn width(&mut self, width: f64) {
        self.context.set_line_width(width);
    }

    fn dash(&mut self, lengths: &'static [f64]) {
        let dashes: js_sys::Array = lengths.iter().map(|length| wasm_bindgen::JsValue::from_f64(*length)).collect();
        // Fails for lengths that are no numbers.
        let _ = self.context.set_line_dash(&dashes);
    }

    fn clear(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.context.clear_rect(x, y, width, height);
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.context.fill_rect(x, y, width, height);
    }

    fn frame(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.context.stroke_rect(x, y, width, height);
    }

    fn round(&mut self, x: f64, y: f64, width: f64, height: f64, radius: f64) {
        self.shape = None;
        self.context.begin_path();
        // Fails for a negative radius.
        let _ = self.context.round_rect_with_f64(x, y, width, height, radius);
    }

    fn shape(&mut self, path: &str) {
        // Fails where a browser knows no paths of an SVG, and then the path is empty.
        self.shape = Path2d::new_with_path_string(path).ok();
        self.context.begin_path();
    }

    fn fill(&mut self) {
        match &self.shape {
            Some(shape) => self.context.fill_with_path_2d(shape),
            None => self.context.fill(),
        }
    }

    fn stroke(&mut self) {
        match &self.shape {
            Some(shape) => self.context.stroke_with_path(shape),
            None => self.context.stroke(),
        }
    }

    fn line(&mut self, points: &[(f64, f64)]) {
        self.context.begin_path();
        for (index, (x, y)) in points.iter().enumerate() {
            if index == 0 { self.context.move_to(*x, *y) } else { self.context.line_to(*x, *y) }
        }
        self.context.stroke();
    }

    fn curve(&mut self, [from, leaves, arrives, to]: [(f64, f64); 4]) {
        self.context.begin_path();
        self.context.move_to(from.0, from.1);
        self.context.bezier_curve_to(leaves.0, leaves.1, arrives.0, arrives.1, to.0, to.1);
        self.context.stroke();
    }

    fn path(&mut self, corners: &[(f64, f64)]) {
        self.shape = None;
        self.context.begin_path();
        for (x, y) in corners {
            self.context.line_to(*x, *y);
        }
    }

    fn text(&mut self, text: &str, x: f64, y: f64) {
        // Fails for a canvas that is gone, and then nobody sees it.
        let _ = self.context.fill_text(text, x, y);
    }

    fn centred(&mut self, text: &str, x: f64, y: f64) {
        self.context.set_text_align("center");
        self.text(text, x, y);
        self.context.set_text_align("left");
    }

    fn move_to(&mut self, x: f64, y: f64) {
        let density = self.density;
        // Fails for numbers that are none.
        let _ = self.context.set_transform(density, 0.0, 0.0, density, x * density, y * density);
    }
}

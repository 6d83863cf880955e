//! Ink that writes an SVG: the same picture as on a canvas, as text.

use std::fmt::Write as _;

use super::html::escape;
use super::pen::Ink;

/// As on the canvas, by the families' names: a file has no fonts in it.
const FONT: &str = "font-family=\"JetBrains Mono, ui-monospace, monospace\" font-size=\"11\"";

/// See the module.
#[derive(Debug, Default)]
pub struct Svg {
    body: String,
    fill: String,
    alpha: f64,
    stroke: String,
    width: f64,
    dash: &'static [f64],
    /// What `fill` and `stroke` take.
    path: String,
    /// It was given as it is, without the origin.
    as_given: bool,
    /// Where the origin is, and so everything that is written.
    origin: (f64, f64),
}

impl Svg {
    pub fn new() -> Svg {
        Svg { width: 1.0, alpha: 1.0, ..Svg::default() }
    }

    /// The file: so large, and called so.
    pub fn finish(self, (width, height): (f64, f64), title: &str) -> String {
        let (width, height) = (number(width), number(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\">\n<title>{}</title>\n<g {FONT}>\n{}</g>\n</svg>\n",
            escape(title),
            self.body
        )
    }

    /// Writing to a string cannot fail, and neither does this.
    fn write(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(element);
    }

    fn filling(&self) -> String {
        let alpha = if self.alpha < 1.0 { format!(" fill-opacity=\"{}\"", number(self.alpha)) } else { String::new() };
        format!("fill=\"{}\"{alpha}", escape(&self.fill))
    }

    fn stroking(&self) -> String {
        let width = if self.width == 1.0 { String::new() } else { format!(" stroke-width=\"{}\"", number(self.width)) };
        let lengths: Vec<String> = self.dash.iter().map(f64::to_string).collect();
        let dashes = if lengths.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", lengths.join(" ")) };
        format!("fill=\"none\" stroke=\"{}\"{width}{dashes}", escape(&self.stroke))
    }

    fn letters(&mut self, text: &str, x: f64, y: f64, anchor: &str) {
        let (x, y) = self.at(x, y);
        let filling = self.filling();
        self.write(format_args!(
            "<text x=\"{x}\" y=\"{y}\" dominant-baseline=\"central\"{anchor} {filling}>{}</text>\n",
            escape(text)
        ));
    }

    fn at(&self, x: f64, y: f64) -> (String, String) {
        (number(x + self.origin.0), number(y + self.origin.1))
    }

    fn through(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let (x, y) = self.at(*x, *y);
            let _ = write!(path, "{}{x} {y}", if index == 0 { 'M' } else { 'L' });
        }
        path
    }

    fn stroked(&mut self, path: &str) {
        let paint = self.stroking();
        self.painted(path, &paint, false);
    }

    fn painted(&mut self, path: &str, paint: &str, as_given: bool) {
        let place = match (as_given, self.at(0.0, 0.0)) {
            (true, (x, y)) => format!(" transform=\"translate({x} {y})\""),
            (false, _) => String::new(),
        };
        self.write(format_args!("<path d=\"{path}\"{place} {paint}/>\n"));
    }
}

impl Ink for Svg {
    fn fill_with(&mut self, colour: &str, alpha: f64) {
        colour.clone_into(&mut self.fill);
        self.alpha = alpha;
    }

    fn stroke_with(&mut self, colour: &str) {
        colour.clone_into(&mut self.stroke);
    }

    fn width(&mut self, width: f64) {
        self.width = width;
    }

    fn dash(&mut self, lengths: &'static [f64]) {
        self.dash = lengths;
    }

    /// A picture that is drawn once has nothing to be cleared.
    fn clear(&mut self, _x: f64, _y: f64, _width: f64, _height: f64) {}

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64) {
        let ((x, y), filling) = (self.at(x, y), self.filling());
        let (width, height) = (number(width.max(0.0)), number(height.max(0.0)));
        self.write(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {filling}/>\n"));
    }

    fn frame(&mut self, x: f64, y: f64, width: f64, height: f64) {
        let path = self.through(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height)]);
        self.stroked(&(path + "Z"));
    }

    fn round(&mut self, x: f64, y: f64, width: f64, height: f64, radius: f64) {
        let radius = radius.min(width / 2.0).min(height / 2.0).max(0.0);
        let (x, y) = (x + self.origin.0, y + self.origin.1);
        self.as_given = false;
        let (across, down, r) = (number(width - 2.0 * radius), number(height - 2.0 * radius), number(radius));
        self.path = format!(
            "M{} {}h{across}a{r} {r} 0 0 1 {r} {r}v{down}a{r} {r} 0 0 1 -{r} {r}h-{across}a{r} {r} 0 0 1 -{r} -{r}v-{down}a{r} {r} 0 0 1 {r} -{r}Z",
            number(x + radius),
            number(y),
        );
    }

    fn shape(&mut self, path: &str) {
        path.clone_into(&mut self.path);
        self.as_given = true;
    }

    fn fill(&mut self) {
        let (path, paint) = (self.path.clone(), self.filling());
        self.painted(&path, &paint, self.as_given);
    }

    fn stroke(&mut self) {
        let (path, paint) = (self.path.clone(), self.stroking());
        self.painted(&path, &paint, self.as_given);
    }

    fn line(&mut self, points: &[(f64, f64)]) {
        let path = self.through(points);
        self.stroked(&path);
    }

    fn curve(&mut self, [from, leaves, arrives, to]: [(f64, f64); 4]) {
        let [from, leaves, arrives, to] = [from, leaves, arrives, to].map(|(x, y)| self.at(x, y));
        let path = format!("M{} {}C{} {} {} {} {} {}", from.0, from.1, leaves.0, leaves.1, arrives.0, arrives.1, to.0, to.1);
        self.stroked(&path);
    }

    fn path(&mut self, corners: &[(f64, f64)]) {
        self.path = self.through(corners) + "Z";
        self.as_given = false;
    }

    fn text(&mut self, text: &str, x: f64, y: f64) {
        self.letters(text, x, y, "");
    }

    fn centred(&mut self, text: &str, x: f64, y: f64) {
        self.letters(text, x, y, " text-anchor=\"middle\"");
    }

    fn move_to(&mut self, x: f64, y: f64) {
        self.origin = (x, y);
    }
}

/// A length in pixels, to a hundredth.
fn number(value: f64) -> String {
    let hundredths = (value * 100.0).round() / 100.0;
    // No minus before a nought.
    format!("{}", hundredths + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_written_as_it_stands() {
        let mut svg = Svg::new();
        svg.move_to(10.0, 20.0);
        svg.fill_with("#fff", 0.5);
        svg.rect(1.0, 2.0, 3.333, 4.0);
        svg.stroke_with("red");
        svg.dashed(true);
        svg.line(&[(0.0, 0.0), (1.0, -20.0)]);
        svg.dashed(false);
        svg.width(1.6);
        svg.frame(0.0, 0.0, 2.0, 2.0);
        svg.fill_with("black", 1.0);
        svg.corner(0.0, 0.0, 5.0);
        svg.centred("<a & b>", 0.0, 0.0);
        assert_eq!(
            svg.body,
            "<rect x=\"11\" y=\"22\" width=\"3.33\" height=\"4\" fill=\"#fff\" fill-opacity=\"0.5\"/>\n\
             <path d=\"M10 20L11 0\" fill=\"none\" stroke=\"red\" stroke-dasharray=\"3 2\"/>\n\
             <path d=\"M10 20L12 20L12 22L10 22Z\" fill=\"none\" stroke=\"red\" stroke-width=\"1.6\"/>\n\
             <path d=\"M10 20L15 20L10 25Z\" fill=\"black\"/>\n\
             <text x=\"10\" y=\"20\" dominant-baseline=\"central\" text-anchor=\"middle\" fill=\"black\">&lt;a &amp; b&gt;</text>\n"
        );
    }

    #[test]
    fn corners_are_round_as_far_as_there_is_room() {
        let mut svg = Svg::new();
        svg.fill_with("red", 1.0);
        svg.round(0.0, 0.0, 4.0, 10.0, 3.0);
        svg.fill();
        assert_eq!(
            svg.body,
            "<path d=\"M2 0h0a2 2 0 0 1 2 2v6a2 2 0 0 1 -2 2h-0a2 2 0 0 1 -2 -2v-6a2 2 0 0 1 2 -2Z\" fill=\"red\"/>\n"
        );
    }
}

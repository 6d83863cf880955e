//! The mark, a wheel in a channel, as a vector and as the pictures that an installed page needs.
//!
//! The shapes are those of `frontend/src/components/icon.rs`, in its square of 32 units. The pictures are drawn from them by how far each
//! pixel is from the nearest line.

use std::f64::consts::{FRAC_PI_2, PI};
use std::io::Write as _;

/// A place, in units.
type Point = (f64, f64);

/// A line without width.
#[derive(Clone, Copy)]
enum Line {
    Straight(Point, Point),
    /// A quarter of a circle or all of it: the centre, the radius, where it begins and how far it goes, in radians clockwise.
    Arc(Point, f64, f64, f64),
}

/// Lines of one width and colour.
struct Stroke {
    class: &'static str,
    width: f64,
    colour: Colour,
    lines: &'static [Line],
}

type Colour = [u8; 3];

/// The page's own, in its light theme (`frontend/style/base.css`).
const GROUND: Colour = [0xfb, 0xfb, 0xf9];
const TEXT: Colour = [0x1b, 0x22, 0x26];
const ACCENT: Colour = [0x0b, 0x6e, 0x8a];

const HUB: Point = (19.5, 14.5);
const WHOLE: f64 = 2.0 * PI;

/// What is drawn, the lowest first. The hub is filled by the ground.
const STROKES: [Stroke; 3] = [
    Stroke {
        class: "water",
        width: 2.8,
        colour: ACCENT,
        lines: &[
            Line::Straight((1.0, 9.0), (9.5, 9.0)),
            Line::Arc((9.5, 15.5), 6.5, -FRAC_PI_2, FRAC_PI_2),
            Line::Straight((16.0, 15.5), (16.0, 24.0)),
            Line::Arc((20.0, 24.0), 4.0, FRAC_PI_2, FRAC_PI_2),
            Line::Straight((20.0, 28.0), (31.0, 28.0)),
        ],
    },
    Stroke {
        class: "wheel",
        width: 1.8,
        colour: TEXT,
        lines: &[
            Line::Arc(HUB, 8.0, 0.0, WHOLE),
            Line::Straight((19.5, 4.0), (19.5, 25.0)),
            Line::Straight((9.0, 14.5), (30.0, 14.5)),
            Line::Straight((12.1, 7.1), (26.9, 21.9)),
            Line::Straight((26.9, 7.1), (12.1, 21.9)),
        ],
    },
    Stroke { class: "hub", width: 1.8, colour: TEXT, lines: &[Line::Arc(HUB, 2.4, 0.0, WHOLE)] },
];

/// The middle of all that is drawn.
const MIDDLE: Point = (16.0, 16.8);
/// Units of the square that it stands in.
const UNITS: f64 = 32.0;

/// What stands around the mark.
#[derive(Clone, Copy, PartialEq)]
pub enum Frame {
    /// Rounded corners, and little room.
    Rounded,
    /// Ground to the edges, and so much room that a system may cut a circle out of it (W3C, Web App Manifest: maskable icons).
    Maskable,
}

impl Frame {
    /// The mark's part of the width.
    fn part(self) -> f64 {
        match self {
            Self::Rounded => 0.8,
            Self::Maskable => 0.62,
        }
    }
}

/// The mark as an element; the page's style gives it its colours.
pub fn svg(class: &str) -> String {
    format!("<svg class=\"{class}\" viewBox=\"0 0 32 32\" aria-hidden=\"true\" focusable=\"false\">{}</svg>", shapes())
}

/// The mark as a file of its own, light or dark as the system is.
pub fn svg_file() -> String {
    let colour = |colour: Colour| colour.iter().map(|part| format!("{part:02X}")).collect::<String>();
    let (ground, text, accent) = (colour(GROUND), colour(TEXT), colour(ACCENT));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-4 -3.2 40 40\"><style>\
         rect{{fill:#{ground}}}path,circle{{fill:none;stroke:#{text};stroke-width:1.8;stroke-linecap:round}}\
         .water{{stroke:#{accent};stroke-width:2.8}}.hub{{fill:#{ground}}}\
         @media(prefers-color-scheme:dark){{rect,.hub{{fill:#101416}}path,circle{{stroke:#E8ECED}}.water{{stroke:#5CC3DC}}}}\
         </style><rect x=\"-4\" y=\"-3.2\" width=\"40\" height=\"40\" rx=\"8\"/>{}</svg>\n",
        shapes()
    )
}

fn shapes() -> String {
    let stroke = |stroke: &Stroke| {
        let (mut path, mut circles) = (String::new(), String::new());
        for line in stroke.lines {
            match *line {
                Line::Straight((x, y), (to_x, to_y)) => path.push_str(&format!("M{x} {y}L{to_x} {to_y}")),
                Line::Arc((x, y), radius, _, span) if span == WHOLE => {
                    circles.push_str(&format!(
                        "<circle class=\"{}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"></circle>",
                        stroke.class
                    ));
                }
                Line::Arc(_, radius, _, _) => {
                    let ((x, y), (to_x, to_y)) = line.ends();
                    path.push_str(&format!("M{x} {y}A{radius} {radius} 0 0 1 {to_x} {to_y}"));
                }
            }
        }
        let path = if path.is_empty() { path } else { format!("<path class=\"{}\" d=\"{path}\"></path>", stroke.class) };
        path + &circles
    };
    STROKES.iter().map(stroke).collect()
}

impl Line {
    fn ends(self) -> (Point, Point) {
        match self {
            Self::Straight(from, to) => (from, to),
            Self::Arc((x, y), radius, from, span) => {
                // To a thousandth of a unit: what comes of π is not exact.
                let round = |value: f64| (value * 1000.0).round() / 1000.0;
                let at = |angle: f64| (round(x + radius * angle.cos()), round(y + radius * angle.sin()));
                (at(from), at(from + span))
            }
        }
    }

    /// How far a point is from it.
    fn distance(self, point: Point) -> f64 {
        match self {
            Self::Straight(from, to) => {
                let along = (to.0 - from.0, to.1 - from.1);
                let length = along.0 * along.0 + along.1 * along.1;
                let part = ((point.0 - from.0) * along.0 + (point.1 - from.1) * along.1) / length;
                let part = part.clamp(0.0, 1.0);
                between(point, (from.0 + part * along.0, from.1 + part * along.1))
            }
            Self::Arc(centre, radius, from, span) => {
                let angle = (point.1 - centre.1).atan2(point.0 - centre.0);
                if (angle - from).rem_euclid(WHOLE) <= span {
                    return (between(point, centre) - radius).abs();
                }
                let (start, end) = self.ends();
                between(point, start).min(between(point, end))
            }
        }
    }
}

fn between(a: Point, b: Point) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// The mark as a picture (PNG), so many pixels wide and high.
pub fn png(pixels: u32, frame: Frame) -> Vec<u8> {
    let size = f64::from(pixels);
    let per_unit = size * frame.part() / UNITS;
    let mut rows = Vec::with_capacity((pixels * (4 * pixels + 1)) as usize);
    for y in 0..pixels {
        // How a row is filtered: not at all.
        rows.push(0);
        for x in 0..pixels {
            let (x, y) = (f64::from(x) + 0.5 - size / 2.0, f64::from(y) + 0.5 - size / 2.0);
            let point = (MIDDLE.0 + x / per_unit, MIDDLE.1 + y / per_unit);
            rows.extend(colour_at(point, per_unit));
            rows.push((255.0 * opacity((x, y), size, frame)).round() as u8);
        }
    }
    encode(pixels, &rows)
}

fn colour_at(point: Point, per_unit: f64) -> Colour {
    let mut colour = GROUND;
    for stroke in &STROKES {
        let distance = stroke.lines.iter().map(|line| line.distance(point)).fold(f64::INFINITY, f64::min);
        if stroke.class == "hub" {
            colour = mix(colour, GROUND, covered((between(point, HUB) - 2.4) * per_unit));
        }
        colour = mix(colour, stroke.colour, covered((distance - stroke.width / 2.0) * per_unit));
    }
    colour
}

/// How much of a pixel is inside a shape, whose edge is so many pixels from its middle; negative inside.
fn covered(distance: f64) -> f64 {
    (0.5 - distance).clamp(0.0, 1.0)
}

fn mix(under: Colour, over: Colour, part: f64) -> Colour {
    let blend = |under: u8, over: u8| (f64::from(under) + (f64::from(over) - f64::from(under)) * part).round() as u8;
    [blend(under[0], over[0]), blend(under[1], over[1]), blend(under[2], over[2])]
}

/// How much of the ground is in a pixel, so far from the picture's middle.
fn opacity((x, y): Point, size: f64, frame: Frame) -> f64 {
    if frame == Frame::Maskable {
        return 1.0;
    }
    let radius = size / 5.0;
    let inner = size / 2.0 - radius;
    let outside = ((x.abs() - inner).max(0.0), (y.abs() - inner).max(0.0));
    covered(outside.0.hypot(outside.1) - radius)
}

/// Rows of red, green, blue and opacity as a PNG (W3C, Portable Network Graphics §5).
fn encode(pixels: u32, rows: &[u8]) -> Vec<u8> {
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    // It writes into memory, which can't fail.
    deflated.write_all(rows).expect("a Vec takes every byte");
    let deflated = deflated.finish().expect("a Vec takes every byte");
    // Eight bits each of four colours; compressed, filtered and in rows as there is only one way to be.
    let head = [&pixels.to_be_bytes()[..], &pixels.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", &head[..]), (b"IDAT", &deflated), (b"IEND", &[])] {
        file.extend((content.len() as u32).to_be_bytes());
        let mut sum = flate2::Crc::new();
        sum.update(name);
        sum.update(content);
        file.extend(name);
        file.extend(content);
        file.extend(sum.sum().to_be_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arc_is_near_where_it_is_drawn_and_ends_where_it_ends() {
        let arc = Line::Arc((9.5, 15.5), 6.5, -FRAC_PI_2, FRAC_PI_2);
        assert_eq!(arc.ends(), ((9.5, 9.0), (16.0, 15.5)));
        assert!(arc.distance((9.5 + 6.5 * 0.6, 15.5 - 6.5 * 0.8)) < 1e-9);
        // Behind its beginning it is as far as that is.
        assert!((arc.distance((5.5, 9.0)) - 4.0).abs() < 1e-9);
    }

    #[test]
    fn the_picture_has_the_wheels_colours_where_the_wheel_is() {
        let per_unit = 10.0;
        assert_eq!(colour_at(HUB, per_unit), GROUND, "the hub is hollow");
        assert_eq!(colour_at((19.5, 6.5), per_unit), TEXT, "the rim");
        assert_eq!(colour_at((4.0, 9.0), per_unit), ACCENT, "the channel");
        assert_eq!(colour_at((2.0, 2.0), per_unit), GROUND);
    }

    #[test]
    fn a_picture_is_a_png_of_its_size() {
        let file = png(16, Frame::Rounded);
        assert_eq!(&file[..16], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
        assert_eq!(&file[16..24], &[0, 0, 0, 16, 0, 0, 0, 16]);
        assert_eq!(&file[file.len() - 12..], b"\0\0\0\0IEND\xae\x42\x60\x82");
        assert_eq!(opacity((7.5, 7.5), 16.0, Frame::Rounded), 0.0, "the corners are round");
        assert_eq!(opacity((7.5, 7.5), 16.0, Frame::Maskable), 1.0);
    }
}

//! The icons: one SVG sprite out of single files from npm `lucide-static`. The page shows one by
//! `<svg><use href="./icons.svg#play"></use></svg>`; it takes the colour of the text around it.

use crate::failure::{Done, Failure};
use std::path::Path;

/// The icons that the page may use, by lucide's names.
const NAMES: [&str; 76] = [
    "activity",
    "archive",
    "arrow-down",
    "arrow-right",
    "arrow-up",
    "arrow-up-down",
    "book-open",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "chevron-up",
    "circle",
    "circle-alert",
    "circle-check",
    "circle-dashed",
    "circle-dot",
    "circle-help",
    "circle-x",
    "clipboard-paste",
    "clock",
    "code",
    "columns-2",
    "copy",
    "cpu",
    "database",
    "dices",
    "download",
    "ellipsis",
    "external-link",
    "eye",
    "file-text",
    "filter",
    "folder-open",
    "gauge",
    "globe",
    "info",
    "laptop",
    "library",
    "loader",
    "maximize-2",
    "menu",
    "minus",
    "monitor",
    "moon",
    "move-horizontal",
    "network",
    "octagon-pause",
    "pause",
    "pencil",
    "play",
    "plus",
    "redo-2",
    "refresh-cw",
    "rotate-ccw",
    "search",
    "server",
    "settings",
    "share-2",
    "skull",
    "square",
    "step-forward",
    "sun",
    "table-2",
    "text-cursor-input",
    "timer",
    "trash-2",
    "triangle-alert",
    "undo-2",
    "upload",
    "users",
    "wifi-off",
    "x",
    "zap",
    "zoom-in",
    "zoom-out",
];

/// The sprite: a symbol for every name.
pub fn sprite(packages: &Path) -> Done<String> {
    let mut sprite = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\">\n");
    for name in NAMES {
        let path = packages.join("lucide-static/icons").join(format!("{name}.svg"));
        let file = std::fs::read_to_string(&path).map_err(|_| {
            Failure::new(format!("lucide-static has no icon called {name}"), "Correct the name in xtask/src/page/icons.rs")
        })?;
        let symbol = symbol(name, &file).ok_or_else(|| {
            Failure::new(format!("{} is not the SVG file it should be", path.display()), "Remove target/npm and run this again")
        })?;
        sprite.push_str(&symbol);
    }
    sprite.push_str("</svg>\n");
    Ok(sprite)
}

/// What is inside the file's `svg` element, as a symbol that carries lucide's common attributes.
fn symbol(name: &str, file: &str) -> Option<String> {
    let (_, after_start) = file.split_once("<svg")?;
    let (_, inside) = after_start.split_once('>')?;
    let (shapes, _) = inside.rsplit_once("</svg>")?;
    let shapes = shapes.lines().map(str::trim).collect::<String>();
    Some(format!(
        "<symbol id=\"{name}\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" \
         stroke-linecap=\"round\" stroke-linejoin=\"round\">{shapes}</symbol>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_keeps_the_shapes_and_takes_the_colour_of_the_text() {
        let file =
            "<!-- a note -->\n<svg\n  class=\"x\"\n  width=\"24\"\n>\n  <path d=\"M1 2\" />\n  <circle r=\"1\" />\n</svg>\n";
        let symbol = symbol("thing", file).unwrap();
        assert!(symbol.starts_with("<symbol id=\"thing\"") && symbol.contains("stroke=\"currentColor\""), "{symbol}");
        assert!(symbol.contains("><path d=\"M1 2\" /><circle r=\"1\" /></symbol>"), "{symbol}");
        assert_eq!(super::symbol("thing", "not svg"), None);
    }

    #[test]
    fn names_are_in_order_and_occur_once() {
        assert!(NAMES.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

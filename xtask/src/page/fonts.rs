//! The typefaces: Inter for text, JetBrains Mono for numbers and code, from npm, and the style sheet that names them.
//!
//! Each weight comes as two files, Latin and extended Latin; `unicode-range` makes a browser load only what a text needs.

use super::{Files, SHORT_HASH_DIGITS};
use crate::digest;
use crate::failure::{Done, Failure};
use std::fmt::Write as _;
use std::path::Path;

/// A family as the style sheet calls it, its npm package and file prefix, and the weights that the page uses.
struct Family {
    name: &'static str,
    package: &'static str,
    weights: &'static [u16],
}

const FAMILIES: [Family; 2] = [
    Family { name: "Inter", package: "inter", weights: &[400, 500, 600] },
    Family { name: "JetBrains Mono", package: "jetbrains-mono", weights: &[400, 500] },
];

const SUBSETS: [&str; 2] = ["latin-ext", "latin"];

/// The font files under `fonts/`, named by their contents, and `fonts.css`.
pub fn files(packages: &Path) -> Done<Files> {
    let mut files = Files::new();
    let mut css = String::new();
    for family in &FAMILIES {
        let folder = packages.join("@fontsource").join(family.package);
        let ranges = unicode_ranges(&folder.join("unicode.json"))?;
        for weight in family.weights {
            for subset in SUBSETS {
                let stem = format!("{}-{subset}-{weight}", family.package);
                let font = digest::read(&folder.join(format!("files/{stem}-normal.woff2")))?;
                let path = format!("fonts/{stem}-{}.woff2", &digest::sha256(&font)[..SHORT_HASH_DIGITS]);
                let range = ranges.get(subset).and_then(|range| range.as_str()).ok_or_else(|| {
                    Failure::new(
                        format!("{}'s unicode.json has no subset {subset}", family.package),
                        "Take back the change of package.json",
                    )
                })?;
                css.push_str(&face(family.name, *weight, &path, range));
                files.insert(path, font);
            }
        }
    }
    files.insert("fonts.css".into(), css.into_bytes());
    Ok(files)
}

/// One `@font-face` rule. Until the font is there text is shown in the next best one, so nothing waits for it.
fn face(family: &str, weight: u16, path: &str, range: &str) -> String {
    let mut rule = String::new();
    let lines = [
        format!("font-family: \"{family}\""),
        "font-style: normal".into(),
        format!("font-weight: {weight}"),
        "font-display: swap".into(),
        format!("src: url(\"./{path}\") format(\"woff2\")"),
        format!("unicode-range: {range}"),
    ];
    rule.push_str("@font-face {\n");
    for line in lines {
        // Writing to a string can't fail.
        let _ = writeln!(rule, "  {line};");
    }
    rule.push_str("}\n");
    rule
}

fn unicode_ranges(path: &Path) -> Done<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_slice(&digest::read(path)?).map_err(|error| {
        Failure::new(
            format!("{} is not the JSON object it should be: {error}", path.display()),
            "Remove target/npm and run this again",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_font_face_rule_names_family_weight_file_and_range() {
        let rule = face("Inter", 500, "fonts/inter-latin-500-0123.woff2", "U+0000-00FF");
        for part in
            ["\"Inter\";", "font-weight: 500;", "url(\"./fonts/inter-latin-500-0123.woff2\")", "unicode-range: U+0000-00FF;"]
        {
            assert!(rule.contains(part), "{part} is missing in {rule}");
        }
    }
}

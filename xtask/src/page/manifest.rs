//! What makes the page installable: a manifest (W3C, Web Application Manifest) and the icons that it names.

use super::Files;
use super::mark::{self, Frame};

/// The file; `frontend/index.html` links to it.
pub const MANIFEST: &str = "manifest.webmanifest";

/// The pictures: file, pixels, what stands around the mark.
const PICTURES: [(&str, u32, Frame); 4] = [
    ("icons/millrace-192.png", 192, Frame::Rounded),
    ("icons/millrace-512.png", 512, Frame::Rounded),
    ("icons/millrace-maskable-192.png", 192, Frame::Maskable),
    ("icons/millrace-maskable-512.png", 512, Frame::Maskable),
];

/// The mark as a vector.
const VECTOR: &str = "icons/millrace.svg";

/// Adds the manifest and its icons. All addresses are relative to the manifest, so the page may lie in any folder.
pub fn add(files: &mut Files) {
    let mut icons = vec![serde_json::json!({ "src": format!("./{VECTOR}"), "sizes": "any", "type": "image/svg+xml" })];
    for (file, pixels, frame) in PICTURES {
        let purpose = if frame == Frame::Maskable { "maskable" } else { "any" };
        let sizes = format!("{pixels}x{pixels}");
        icons.push(serde_json::json!({ "src": format!("./{file}"), "sizes": sizes, "type": "image/png", "purpose": purpose }));
        files.insert(file.to_owned(), mark::png(pixels, frame));
    }
    files.insert(VECTOR.to_owned(), mark::svg_file().into_bytes());
    let manifest = serde_json::json!({
        "id": "./",
        "name": "Millrace",
        "short_name": "Millrace",
        "description": "MapReduce, streams and messaging, really run: in your browser or on a server.",
        "lang": "en",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "theme_color": "#FBFBF9",
        "background_color": "#FBFBF9",
        "icons": icons,
    });
    files.insert(MANIFEST.to_owned(), format!("{manifest:#}\n").into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_of_the_manifest_is_there() {
        let mut files = Files::new();
        add(&mut files);
        let manifest: serde_json::Value = serde_json::from_slice(&files[MANIFEST]).unwrap();
        let icons = manifest["icons"].as_array().unwrap();
        for icon in icons {
            let file = icon["src"].as_str().and_then(|source| source.strip_prefix("./")).unwrap();
            assert!(!files[file].is_empty(), "{file}");
        }
        for (sizes, purpose) in [("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")] {
            assert!(icons.iter().any(|icon| icon["sizes"] == sizes && icon["purpose"] == purpose), "{sizes} {purpose}");
        }
        assert_eq!((&manifest["start_url"], &manifest["scope"]), (&"./".into(), &"./".into()));
    }
}

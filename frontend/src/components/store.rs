//! What the page remembers between visits: sizes, what is folded, the theme, the experiment's text. Never a file or a text to be counted.
//!
//! A browser may refuse to remember; then every visit is the first. So is every one in a frame of another page: what its reader has kept
//! here is neither looked at nor written over there. Pages in different folders of one origin have nothing in common: a
//! key has the page's folder in it. At the top of an origin that is empty, so that keys there are what they were before folders counted.

use leptos::prelude::window;

fn storage() -> Option<web_sys::Storage> {
    if crate::is_embedded() {
        return None;
    }
    window().local_storage().ok().flatten()
}

/// What was kept under `key`.
pub fn recall(key: &str) -> Option<String> {
    storage()?.get_item(&full(&crate::folder(), key)).ok().flatten()
}

/// Keeps `value` under `key`.
pub fn keep(key: &str, value: &str) {
    if let Some(storage) = storage() {
        // Full or forbidden: nothing is lost but a preference.
        let _ = storage.set_item(&full(&crate::folder(), key), value);
    }
}

/// The key as the browser has it. The HTML of the page and of the reference read the theme by the same rule, before the first paint.
fn full(folder: &str, key: &str) -> String {
    let folder = if folder == "/" { "" } else { folder };
    format!("millrace{folder}.{key}")
}

#[cfg(test)]
mod tests {
    use super::full;

    #[test]
    fn pages_in_other_folders_have_other_keys_and_the_top_has_those_of_old() {
        assert_eq!(full("/", "theme"), "millrace.theme");
        assert_eq!(full("/some/folder/", "theme"), "millrace/some/folder/.theme");
        // No folder and key can be read as another's: a key has no stroke.
        assert_ne!(full("/a/", "b.c"), full("/a.b/", "c"));
    }
}

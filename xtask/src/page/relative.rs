//! The page works in any folder of any server of files: nothing in it names the top of its origin.

use super::Files;
use crate::failure::{Done, Failure};

/// Endings of the files whose addresses are looked at. Scripts of others, and what a compiler makes, have texts that look alike.
const LOOKED_AT: [&str; 3] = [".html", ".css", ".webmanifest"];

/// Refuses a page with an address that begins at the top.
pub fn check(files: &Files) -> Done {
    for (path, content) in files {
        let ours = LOOKED_AT.iter().any(|ending| path.ends_with(ending)) || path == "sw.js";
        if ours && let Some(address) = address_at_the_top(&String::from_utf8_lossy(content)) {
            let what = format!("{path} has the address {address}, which is wrong where the page lies in a folder");
            return Err(Failure::new(what, "Let it begin with ./"));
        }
    }
    Ok(())
}

/// The first quoted or bracketed text that begins with `/` and a name.
fn address_at_the_top(text: &str) -> Option<&str> {
    text.char_indices().filter(|(_, character)| "\"'`(".contains(*character)).find_map(|(at, _)| {
        let address = text[at + 1..].split(['"', '\'', '`', ')', ' ', '\n']).next()?;
        let name = address.strip_prefix('/')?;
        name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_').then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;
    use crate::page::{manifest, reference, service_worker};
    use crate::project::Project;

    #[test]
    fn an_address_at_the_top_is_found_wherever_addresses_stand() {
        for (text, address) in [
            ("<link href=\"/fonts.css\">", "/fonts.css"),
            ("import init from '/app.js';", "/app.js"),
            ("src: url(/a/b.woff2)", "/a/b.woff2"),
            ("{\"./\":1,\n \"/app.js\":2}", "/app.js"),
        ] {
            assert_eq!(address_at_the_top(text), Some(address));
        }
        for text in ["<link href=\"./a.css\"/>", "url(\"./a\")", "\"/\" and '/'", "<a href='http://w3.org/x'>", "a / b (c / d)"]
        {
            assert_eq!(address_at_the_top(text), None, "{text}");
        }
        let files: Files = [("a.css".to_owned(), b"url('/b')".to_vec())].into();
        assert!(check(&files).unwrap_err().to_string().contains("a.css has the address /b"));
        // Another's script may say what it likes.
        let files: Files = [("editor-1.js".to_owned(), b"'/b'".to_vec())].into();
        assert_eq!(check(&files), Ok(()));
    }

    #[test]
    fn what_this_checkout_makes_of_its_own_has_none() {
        let project = Project::here().unwrap();
        let text = |path: &str| digest::read(&project.root.join(path)).unwrap();
        let mut files = Files::new();
        files.insert("index.html".to_owned(), text("frontend/index.html"));
        files.insert("base-0.css".to_owned(), text("frontend/style/base.css"));
        manifest::add(&mut files);
        reference::add(&mut files, &project).unwrap();
        files.insert("sw.js".to_owned(), service_worker::script(&files, "b1").into_bytes());
        assert_eq!(check(&files), Ok(()));
        let trunk = String::from_utf8(text("Trunk.toml")).unwrap();
        assert!(trunk.contains("\npublic_url = \"./\"\n"), "trunk writes relative addresses");
    }

    #[test]
    fn the_pages_own_code_has_none() {
        let folder = Project::here().unwrap().root.join("frontend/src");
        for file in digest::files_below(&folder).unwrap() {
            let source = std::fs::read_to_string(folder.join(&file)).unwrap();
            // What a file's tests say is not in the page.
            let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
                assert_eq!(address_at_the_top(line), None, "{file}: {line}");
                assert!(!line.contains("href=\"/\"") && !line.contains("location().origin()"), "{file}: {line}");
            }
        }
    }
}

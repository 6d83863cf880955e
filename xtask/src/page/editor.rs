//! The experiment's editor: CodeMirror and our scripts of `frontend/editor`, bundled into one file by esbuild, from npm both.

use super::{Files, SHORT_HASH_DIGITS};
use crate::digest;
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;

/// Where the page's HTML wants to hear which file has the editor.
const PLACEHOLDER: &str = "__EDITOR__";

/// The script's file in the page begins so.
pub const PREFIX: &str = "editor-";

/// Adds the editor, named by its content, and tells the page's HTML the name.
pub fn add(files: &mut Files, project: &Project) -> Done {
    let bundle = project.page_cache.join("editor.js");
    let packages = project.npm.join("node_modules");
    let mut esbuild = project.command("node");
    esbuild.arg(packages.join("esbuild/bin/esbuild")).arg("frontend/editor/editor.js");
    esbuild.args(["--bundle", "--minify", "--format=iife", "--global-name=millraceEditor", "--target=es2022"]);
    esbuild.args(["--legal-comments=none", "--log-level=warning"]).arg(format!("--outfile={}", bundle.display()));
    // The packages are not where a script of ours would look for them.
    esbuild.env("NODE_PATH", &packages);
    process::run(&mut esbuild)?;
    let script = digest::read(&bundle)?;
    let name = format!("{PREFIX}{}.js", &digest::sha256(&script)[..SHORT_HASH_DIGITS]);
    tell(files, &name)?;
    files.insert(name, script);
    Ok(())
}

fn tell(files: &mut Files, name: &str) -> Done {
    let html = files.get_mut("index.html").map(|html| String::from_utf8_lossy(html).into_owned()).unwrap_or_default();
    if !html.contains(PLACEHOLDER) {
        let element = format!("<meta name=\"editor\" content=\"{PLACEHOLDER}\">");
        return Err(Failure::new(
            "frontend/index.html has no place for the editor's address",
            format!("Add {element} to its head"),
        ));
    }
    files.insert("index.html".to_owned(), html.replace(PLACEHOLDER, &format!("./{name}")).into_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_html_hears_where_the_editor_is() {
        let html = b"<meta name=\"editor\" content=\"__EDITOR__\">".to_vec();
        let mut files: Files = [("index.html".to_owned(), html)].into();
        tell(&mut files, "editor-01.js").unwrap();
        assert_eq!(files["index.html"], b"<meta name=\"editor\" content=\"./editor-01.js\">");
        assert!(tell(&mut files, "editor-01.js").unwrap_err().to_string().contains("Add <meta name=\"editor\""));
    }
}

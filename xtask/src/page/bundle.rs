//! Scripts that the page loads when they are first wanted: a package from npm and our part of it, bundled into one file by esbuild.

use super::{Files, SHORT_HASH_DIGITS};
use crate::digest;
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;

/// The experiment's editor: CodeMirror with `frontend/editor`.
pub const EDITOR: Bundle = Bundle { name: "editor", global: "millraceEditor" };

/// What draws the charts: uPlot with `frontend/charts`.
pub const CHARTS: Bundle = Bundle { name: "charts", global: "millraceCharts" };

/// A script made of `frontend/NAME/NAME.js`. In the page it is `NAME-HASH.js`, and `<meta name="NAME">` in the HTML tells where it is.
#[derive(Clone, Copy, Debug)]
pub struct Bundle {
    name: &'static str,
    /// Where its exports stand once it is loaded: this property of `window`.
    global: &'static str,
}

impl Bundle {
    /// Adds the script, named by its content, and tells the page's HTML the name.
    pub fn add(self, files: &mut Files, project: &Project) -> Done {
        let Bundle { name, global } = self;
        let bundle = project.page_cache.join(format!("{name}.js"));
        let packages = project.npm.join("node_modules");
        let mut esbuild = project.command("node");
        esbuild.arg(packages.join("esbuild/bin/esbuild")).arg(format!("frontend/{name}/{name}.js"));
        esbuild.args(["--bundle", "--minify", "--format=iife", &format!("--global-name={global}"), "--target=es2022"]);
        esbuild.args(["--legal-comments=none", "--log-level=warning"]).arg(format!("--outfile={}", bundle.display()));
        // The packages are not where a script of ours would look for them.
        esbuild.env("NODE_PATH", &packages);
        process::run(&mut esbuild)?;
        let script = digest::read(&bundle)?;
        let file = format!("{}{}.js", self.prefix(), &digest::sha256(&script)[..SHORT_HASH_DIGITS]);
        self.tell(files, &file)?;
        files.insert(file, script);
        Ok(())
    }

    /// Whether a file of the page is this script.
    pub fn is(self, path: &str) -> bool {
        path.starts_with(&self.prefix()) && path.ends_with(".js")
    }

    fn prefix(self) -> String {
        format!("{}-", self.name)
    }

    fn tell(self, files: &mut Files, file: &str) -> Done {
        let name = self.name;
        // Where the page's HTML wants to hear which file it is.
        let placeholder = format!("__{}__", name.to_uppercase());
        let html = files.get_mut("index.html").map(|html| String::from_utf8_lossy(html).into_owned()).unwrap_or_default();
        if !html.contains(&placeholder) {
            let element = format!("<meta name=\"{name}\" content=\"{placeholder}\">");
            return Err(Failure::new(
                format!("frontend/index.html has no place for the address of {name}-HASH.js"),
                format!("Add {element} to its head"),
            ));
        }
        files.insert("index.html".to_owned(), html.replace(&placeholder, &format!("./{file}")).into_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_html_hears_where_each_script_is() {
        let html = b"<meta name=\"editor\" content=\"__EDITOR__\"><meta name=\"charts\" content=\"__CHARTS__\">".to_vec();
        let mut files: Files = [("index.html".to_owned(), html)].into();
        EDITOR.tell(&mut files, "editor-01.js").unwrap();
        CHARTS.tell(&mut files, "charts-02.js").unwrap();
        let told: &[u8] = b"<meta name=\"editor\" content=\"./editor-01.js\"><meta name=\"charts\" content=\"./charts-02.js\">";
        assert_eq!(files["index.html"], told);
        assert!(EDITOR.tell(&mut files, "editor-01.js").unwrap_err().to_string().contains("Add <meta name=\"editor\""));
    }

    #[test]
    fn a_script_is_known_by_its_name() {
        assert!(EDITOR.is("editor-01.js") && CHARTS.is("charts-02.js"));
        assert!(!EDITOR.is("charts-02.js") && !CHARTS.is("charts-02.js.br") && !CHARTS.is("app-1.js"));
    }
}

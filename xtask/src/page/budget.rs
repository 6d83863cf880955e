//! What the page may weigh, in bytes over the wire (brotli): past a bound the gate fails.

use crate::digest::{self, files_below};
use crate::failure::{Done, Failure};
use crate::project::Project;
use crate::stages::note;

/// The page's own scripts, wasm and style, in bytes: what has to come before anything can be clicked.
pub const UI_BYTES_MAX: usize = 400_000;
/// What the page loads when it is first wanted, in bytes: dialogs and what else few look at in their first minute.
pub const LATER_BYTES_MAX: usize = 340_000;
/// The engine, in bytes: the wasm and the scripts of a worker.
pub const ENGINE_BYTES_MAX: usize = 1_500_000;
/// The editor, in bytes: CodeMirror with our part of it, loaded when it is first seen.
pub const EDITOR_BYTES_MAX: usize = 160_000;
/// What draws the charts, in bytes: uPlot with our part of it, loaded when a chart is first wanted.
pub const CHARTS_BYTES_MAX: usize = 25_000;

/// Weighs the page in `target/dist` and compares it with the bounds.
pub fn check(project: &Project) -> Done {
    let weight = Weight::of_page(project)?;
    let Weight { ui, later, engine, editor, charts } = weight;
    note(format!(
        "UI {ui} of {UI_BYTES_MAX} bytes, its later part {later} of {LATER_BYTES_MAX}, engine {engine} of {ENGINE_BYTES_MAX}, \
         editor {editor} of {EDITOR_BYTES_MAX}, charts {charts} of {CHARTS_BYTES_MAX}"
    ));
    weight.judge()
}

/// Bytes over the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Weight {
    /// The page's own scripts, wasm and style.
    pub ui: usize,
    /// The part of the page's wasm that is loaded when it is first wanted.
    pub later: usize,
    /// A worker's scripts and wasm.
    pub engine: usize,
    /// The editor's script.
    pub editor: usize,
    /// The script that draws the charts.
    pub charts: usize,
}

impl Weight {
    /// What the page in `target/dist` weighs.
    pub fn of_page(project: &Project) -> Done<Self> {
        let mut sizes = Vec::new();
        for path in files_below(&project.dist)? {
            let bytes = digest::read(&project.dist.join(&path))?.len();
            sizes.push((path, bytes));
        }
        Ok(Self::of(&sizes))
    }

    /// Sums the brotli files; a file that doesn't shrink by brotli goes over the wire as it is.
    fn of(sizes: &[(String, usize)]) -> Self {
        let mut weight = Self { ui: 0, later: 0, engine: 0, editor: 0, charts: 0 };
        for (path, _) in sizes.iter().filter(|(path, _)| is_code(path)) {
            let compressed = format!("{path}.br");
            let over_the_wire = sizes.iter().find(|(other, _)| *other == compressed);
            let own = sizes.iter().find(|(other, _)| other == path);
            let bytes = over_the_wire.or(own).map_or(0, |(_, bytes)| *bytes);
            // The service worker comes after all that, and the reference is a page of its own.
            match path.as_str() {
                "sw.js" => {}
                path if path.starts_with(super::reference::PREFIX) => {}
                path if path.starts_with(super::split::LATER) => weight.later += bytes,
                path if path.starts_with("engine") => weight.engine += bytes,
                path if super::bundle::EDITOR.is(path) => weight.editor += bytes,
                path if super::bundle::CHARTS.is(path) => weight.charts += bytes,
                _ => weight.ui += bytes,
            }
        }
        weight
    }

    fn judge(&self) -> Done {
        let remedy = "See what grew (cargo tree, twiggy top on the .wasm), and make it small again";
        let over = |what: &str, bytes: usize, bound: usize| {
            Failure::new(format!("{what} is {bytes} bytes over the wire; its bound is {bound}"), remedy)
        };
        match self {
            Self { ui: 0, .. }
            | Self { later: 0, .. }
            | Self { engine: 0, .. }
            | Self { editor: 0, .. }
            | Self { charts: 0, .. } => {
                Err(Failure::new(format!("The page in target/dist isn't whole ({self:?})"), "Run `cargo xtask page`"))
            }
            Self { ui, .. } if *ui > UI_BYTES_MAX => Err(over("The UI bundle", *ui, UI_BYTES_MAX)),
            Self { later, .. } if *later > LATER_BYTES_MAX => Err(over("The UI's later part", *later, LATER_BYTES_MAX)),
            Self { engine, .. } if *engine > ENGINE_BYTES_MAX => Err(over("The engine", *engine, ENGINE_BYTES_MAX)),
            Self { editor, .. } if *editor > EDITOR_BYTES_MAX => Err(over("The editor", *editor, EDITOR_BYTES_MAX)),
            Self { charts, .. } if *charts > CHARTS_BYTES_MAX => {
                Err(over("The script of the charts", *charts, CHARTS_BYTES_MAX))
            }
            _ => Ok(()),
        }
    }
}

fn is_code(path: &str) -> bool {
    [".js", ".wasm", ".css"].iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(sizes: &[(&str, usize)]) -> Weight {
        Weight::of(&sizes.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes)).collect::<Vec<_>>())
    }

    #[test]
    fn what_counts_is_the_brotli_size_of_code() {
        let files = [
            ("app-1.js", 10),
            ("app-1.js.br", 4),
            ("app-1.js.gz", 5),
            ("app-1_bg.wasm", 100),
            ("app-1_bg.wasm.br", 30),
            ("charts-1.js", 30),
            ("charts-1.js.br", 11),
            ("data/glosses.txt", 9_000_000),
            ("editor-1.js", 50),
            ("editor-1.js.br", 20),
            ("engine.js", 7),
            ("later-1.wasm", 9),
            ("later-1.wasm.br", 5),
            ("split-1.js", 1),
            ("engine_bg.wasm", 200),
            ("engine_bg.wasm.br", 60),
            ("reference-1.css", 9),
            ("sw.js", 9),
        ];
        assert_eq!(weight(&files), Weight { ui: 35, later: 5, engine: 67, editor: 20, charts: 11 });
    }

    #[test]
    fn past_a_bound_the_sentence_names_it() {
        let full = || Weight {
            ui: UI_BYTES_MAX,
            later: LATER_BYTES_MAX,
            engine: ENGINE_BYTES_MAX,
            editor: EDITOR_BYTES_MAX,
            charts: CHARTS_BYTES_MAX,
        };
        assert_eq!(full().judge(), Ok(()));
        let heavy = |weight: Weight| weight.judge().unwrap_err().to_string();
        let told = heavy(Weight { ui: UI_BYTES_MAX + 1, ..full() });
        assert!(told.contains("The UI bundle is 400001 bytes"), "{told}");
        let told = heavy(Weight { engine: ENGINE_BYTES_MAX + 1, ..full() });
        assert!(told.contains("The engine is 1500001 bytes"), "{told}");
        let told = heavy(Weight { editor: EDITOR_BYTES_MAX + 1, ..full() });
        assert!(told.contains("The editor is 160001 bytes"), "{told}");
        let told = heavy(Weight { charts: CHARTS_BYTES_MAX + 1, ..full() });
        assert!(told.contains("The script of the charts is 25001 bytes"), "{told}");
    }

    #[test]
    fn an_empty_page_is_not_a_light_page() {
        assert!(weight(&[]).judge().is_err());
    }
}

//! The reference: one page of HTML beside the bench, made of what the code says of itself.
//!
//! ```text
//! examples ───────────────▶ the gallery ─────────────────┐
//! docs/schema.json ───────▶ format, faults, expectations ┤
//! docs/functions.json ────▶ functions ───────────────────┤
//! tests/errors/cases.txt ─▶ errors ──────────────────────┼─▶ reference.html
//! lab/keys.html ──────────▶ keyboard ────────────────────┤
//! modelled.html ──────────▶ what is modelled ────────────┘
//! ```
//!
//! Only what is modelled is written by hand. Everything from a file is escaped, but for the two that are HTML: they are ours.
//! Examples are links that open in the bench. A small script searches; without it the page is whole, too.

mod errors;
mod format;
mod functions;
mod html;
mod kinds;
mod link;
mod uses;

use super::{Files, SHORT_HASH_DIGITS, examples, mark};
use crate::digest;
use crate::failure::{Done, Failure};
use crate::project::Project;
use html::{anchor, code, escape, prose};
use serde_json::Value;
use std::collections::BTreeSet;

/// The file.
pub const PAGE: &str = "reference.html";
/// How the names of its style and its script begin.
pub const PREFIX: &str = "reference-";

const TEMPLATE: &str = include_str!("reference.html");
const SCRIPT: &str = include_str!("reference.js");
const MODELLED: &str = include_str!("modelled.html");

/// A part of the page with a heading of its own.
struct Section {
    id: &'static str,
    title: &'static str,
    /// HTML.
    intro: String,
    groups: Vec<Group>,
    /// HTML that stands as it is, with headings and entries of its own.
    verbatim: String,
}

/// Entries under one heading. The title and the introduction are HTML.
struct Group {
    id: String,
    title: String,
    intro: String,
    entries: Vec<Entry>,
}

/// One thing that can be looked up. All but the name is HTML.
struct Entry {
    /// What it is called, if it has a name: who searches for that means this.
    name: String,
    id: String,
    term: String,
    /// What kind of thing it is, in a few words each.
    kinds: Vec<String>,
    body: String,
    examples: Vec<Example>,
}

/// An example, which opens in the bench if there is an experiment of it.
#[derive(Default)]
struct Example {
    text: String,
    opens: Option<String>,
    /// HTML.
    after: String,
    /// Whether the text is what an experiment of the gallery is called.
    is_title: bool,
}

/// An experiment of the gallery.
struct Experiment {
    name: String,
    title: String,
    about: String,
    text: String,
}

/// What the page is made of.
struct Sources {
    schema: Value,
    functions: Value,
    functions_notes: String,
    errors_notes: String,
    cases: String,
    base: String,
    columns: String,
    keys: String,
    gallery: Vec<Experiment>,
}

/// Adds the page with its style and its script. The bench's style must be there.
pub fn add(files: &mut Files, project: &Project) -> Done {
    let style = digest::read(&project.root.join("frontend/style/reference.css"))?;
    let name = |content: &[u8], ending: &str| format!("{PREFIX}{}.{ending}", &digest::sha256(content)[..SHORT_HASH_DIGITS]);
    let (style_name, script_name) = (name(&style, "css"), name(SCRIPT.as_bytes(), "js"));
    let base = files.keys().find(|path| path.starts_with("base-") && path.ends_with(".css")).cloned().ok_or_else(|| {
        Failure::new("trunk made no base-….css, which the reference shares with the bench", "Check frontend/index.html")
    })?;
    let page = page(&Sources::read(project)?, [&base, &style_name, &script_name]);
    files.insert(style_name, style);
    files.insert(script_name, SCRIPT.as_bytes().to_vec());
    files.insert(PAGE.to_owned(), page.into_bytes());
    Ok(())
}

impl Sources {
    fn read(project: &Project) -> Done<Sources> {
        let text =
            |path: &str| -> Done<String> { Ok(String::from_utf8_lossy(&digest::read(&project.root.join(path))?).into_owned()) };
        let json = |path: &str, text: &str| -> Done<Value> {
            serde_json::from_str(text)
                .map_err(|error| Failure::new(format!("{path} is no JSON: {error}"), "Take back the change of it"))
        };
        let gallery = json("examples.json", &examples::json(project)?)?;
        let part = |experiment: &Value, key: &str| experiment[key].as_str().unwrap_or_default().to_owned();
        let experiment = |it: &Value| Experiment {
            name: part(it, "name"),
            title: part(it, "title"),
            about: part(it, "about"),
            text: part(it, "text"),
        };
        Ok(Sources {
            schema: json("docs/schema.json", &text("docs/schema.json")?)?,
            functions: json("docs/functions.json", &text("docs/functions.json")?)?,
            functions_notes: text("docs/functions.md")?,
            errors_notes: text("docs/errors.md")?,
            cases: text("shared/tests/errors/cases.txt")?,
            base: text("shared/tests/errors/base.yaml")?,
            columns: text("shared/tests/errors/columns.yaml")?,
            keys: text("frontend/src/lab/keys.html")?,
            gallery: gallery.as_array().into_iter().flatten().map(experiment).collect(),
        })
    }

    fn sections(&self) -> Vec<Section> {
        let paths = |experiment: &Experiment| uses::paths(&experiment.text, &self.schema).into_iter().flatten().collect();
        let paths: Vec<BTreeSet<String>> = self.gallery.iter().map(paths).collect();
        let used = |path: &str| self.use_of(path, &paths);
        let format = format::format(&self.schema, &used);
        let ground = errors::Ground { base: &self.base, columns: &self.columns };
        let section = |id, title, intro: Vec<String>, groups| {
            let intro = intro.iter().map(|paragraph| format!("<p>{}</p>", prose(paragraph))).collect();
            Section { id, title, intro, groups, verbatim: String::new() }
        };
        let keyboard = self.keys.lines().map(|line| format!("<div class=\"entry\">{line}</div>\n")).collect::<String>();
        vec![
            section("examples", "Examples", own(EXAMPLES), vec![self.examples()]),
            section("format", "The format", own(FORMAT), format.keys),
            section("faults", "Faults", own(FAULTS), format.faults),
            section("expectations", "Expectations", own(EXPECTATIONS), format.expectations),
            section(
                "functions",
                "Functions and aggregates",
                paragraphs(&self.functions_notes, None),
                functions::groups(&self.functions, &self.functions_notes),
            ),
            section(
                "errors",
                "Errors and their cures",
                paragraphs(&self.errors_notes, None),
                errors::groups(&self.cases, &ground),
            ),
            Section {
                verbatim: format!("<dl class=\"keyboard\">\n{keyboard}</dl>\n"),
                ..section("keyboard", "Keyboard", own(KEYBOARD), Vec::new())
            },
            Section {
                verbatim: MODELLED.to_owned(),
                ..section("modelled", "What is modelled and what is not", own(INTRO_MODELLED), Vec::new())
            },
        ]
    }

    fn examples(&self) -> Group {
        let entry = |experiment: &Experiment| Entry {
            name: experiment.name.clone(),
            id: format!("example-{}", anchor(&experiment.name)),
            term: format!("<a href=\"{}\">{}</a>", link::to_bench(&experiment.text), escape(&experiment.title)),
            kinds: vec![if examples::is_batch(&experiment.text) { "batch" } else { "messaging" }.to_owned()],
            body: format!("<p>{}</p>", prose(&experiment.about)),
            examples: Vec::new(),
        };
        Group {
            id: String::new(),
            title: String::new(),
            intro: String::new(),
            entries: self.gallery.iter().map(entry).collect(),
        }
    }

    /// The shortest experiment of the gallery that has a key. `paths` are those of each experiment.
    fn use_of(&self, path: &str, paths: &[BTreeSet<String>]) -> Option<Example> {
        let having = self.gallery.iter().zip(paths).filter(|(_, paths)| paths.contains(path));
        let shortest = having.map(|(experiment, _)| experiment).min_by_key(|experiment| experiment.text.len())?;
        Some(Example { text: shortest.title.clone(), opens: Some(shortest.text.clone()), is_title: true, ..Example::default() })
    }
}

const EXAMPLES: &str = "Whole experiments. Each opens in the bench, where it is simulated at once and can be changed.";
const FORMAT: &str = "An experiment is one YAML document. A size is a number and `B`, `KB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`; a span a number \
                      and `us`, `ms`, `s`, `min` or `h`. An unknown key is an error that names the nearest known one. Below a key stands a \
                      value as an experiment has it, and the shortest experiment of the gallery with that key.";
const FAULTS: &str = "What goes wrong, when, and to whom. Nodes are called `coordinator` and `worker-1`, `worker-2` and so on; of a bus `broker`, \
                      and the clients by their groups: `web-1`.";
const EXPECTATIONS: &str = "What must hold when the run has ended. An experiment with expectations is its own test, in the page and for `millrace run`.";
const KEYBOARD: &str = "In the bench, where nobody writes or presses a button.";
const INTRO_MODELLED: &str = "So that nobody takes a picture for more than it is.";

fn own(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

/// The paragraphs of a document of ours: those before its first section, but for the first, which says how it is made; or a section's.
fn paragraphs(document: &str, section: Option<&str>) -> Vec<String> {
    let mut parts = document.split("\n## ");
    let part = match section {
        None => parts.next(),
        Some(title) => parts.find(|part| part.lines().next() == Some(title)),
    };
    let blocks =
        part.unwrap_or_default().split("\n\n").map(str::trim).filter(|block| !block.is_empty() && !block.starts_with('|'));
    let before = if section.is_some() { 1 } else { 2 };
    blocks.skip(before).map(|block| block.replace('\n', " ")).collect()
}

/// A text as YAML has it in quotes. JSON's are YAML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The whole file. `beside`: the bench's style, the page's own, its script.
fn page(sources: &Sources, beside: [&str; 3]) -> String {
    let sections = sources.sections();
    let [base, style, script] = beside;
    let contents: String = sections.iter().map(contents).collect();
    let body: String = sections.iter().map(Section::html).collect();
    // What comes from files is put in last, so that nothing in it is taken for a place.
    [
        ("__BASE__", base),
        ("__STYLE__", style),
        ("__SCRIPT__", script),
        ("__LOGO__", &mark::svg("logo")),
        ("__CONTENTS__", &contents),
    ]
    .iter()
    .fold(TEMPLATE.to_owned(), |page, (place, text)| page.replace(place, text))
    .replacen("__SECTIONS__", &body, 1)
}

/// A section's lines in the table of contents.
fn contents(section: &Section) -> String {
    let line = |id: &str, title: &str| format!("<li><a href=\"#{id}\">{title}</a></li>\n");
    let titled = section.groups.iter().filter(|group| !group.title.is_empty());
    let mut below: String = titled.map(|group| line(&group.id, &group.title)).collect();
    for heading in section.verbatim.split("<h3 id=\"").skip(1) {
        let parts = heading.split_once("\">").and_then(|(id, rest)| Some((id, rest.split_once("</h3>")?.0)));
        below.push_str(&parts.map(|(id, title)| line(id, title)).unwrap_or_default());
    }
    let below = if below.is_empty() { below } else { format!("\n<ul>\n{below}</ul>\n") };
    format!("<li><a href=\"#{}\">{}</a>{below}</li>\n", section.id, escape(section.title))
}

impl Section {
    fn html(&self) -> String {
        let groups: String = self.groups.iter().map(Group::html).collect();
        let Section { id, title, intro, verbatim, .. } = self;
        format!(
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{}</h2>\n{intro}\n{groups}{verbatim}</section>\n",
            escape(title)
        )
    }
}

impl Group {
    fn html(&self) -> String {
        let Group { id, title, intro, entries } = self;
        let heading = if title.is_empty() { String::new() } else { format!("<h3 id=\"{id}\">{title}</h3>\n") };
        let intro = if intro.is_empty() { String::new() } else { format!("<p>{intro}</p>\n") };
        let entries: String = entries.iter().map(Entry::html).collect();
        format!("<div class=\"group\">\n{heading}{intro}<dl>\n{entries}</dl>\n</div>\n")
    }
}

impl Entry {
    fn html(&self) -> String {
        let Entry { name, id, term, kinds, body, examples } = self;
        let name = if name.is_empty() { String::new() } else { format!(" data-name=\"{}\"", escape(name)) };
        let kinds =
            if kinds.is_empty() { String::new() } else { format!(" <span class=\"kinds\">{}</span>", kinds.join(" · ")) };
        let examples: String = examples.iter().map(Example::html).collect();
        format!("<div class=\"entry\" id=\"{id}\"{name}><dt>{term}{kinds}</dt><dd>{body}{examples}</dd></div>\n")
    }
}

impl Example {
    fn html(&self) -> String {
        let Example { text, opens, after, is_title } = self;
        let shown = if *is_title { format!("in <span>{}</span>", escape(text)) } else { code(text) };
        let shown = opens.as_ref().map(|it| format!("<a href=\"{}\">{shown}</a>", link::to_bench(it))).unwrap_or(shown);
        format!("<p class=\"example\">{shown} {after}</p>")
    }
}

#[cfg(test)]
mod tests;

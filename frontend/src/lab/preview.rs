//! A file that was chosen, before it is run: what it seems to be, its columns and its first rows, and whether it is read so.

use leptos::prelude::*;
use shared::batch::Format;
use shared::wire::{Command, Event, InputView};
use web_sys::File;

use super::later::{Later, Part};
use super::state::{Input, Lab, use_lab};
use crate::components::html::escape;

/// What is known of the file that was chosen last.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    pub format: Format,
    pub input: Option<InputView>,
    /// A text for each column.
    pub rows: Vec<Vec<String>>,
    /// Why it cannot be read.
    pub problem: Option<String>,
}

/// The look at the file that was chosen last.
#[derive(Clone, Copy)]
pub struct Preview {
    /// The number of the last look: answers to others come too late.
    id: RwSignal<u32>,
    looked: RwSignal<Option<Looked>>,
    /// Whether the file is read as what it seems to be, and not as the experiment says.
    as_found: RwSignal<bool>,
}

impl Preview {
    pub fn new() -> Preview {
        Preview { id: RwSignal::new(0), looked: RwSignal::new(None), as_found: RwSignal::new(false) }
    }

    /// Takes the answer to a look.
    pub fn hear(self, event: Event, experiment: &str) {
        let Event::Looked { id, format, input, rows, problem } = event else { return };
        if id != self.id.get_untracked() {
            return;
        }
        // An experiment that says no format reads lines, as it may want to of any text.
        let other = format != Format::Lines && experiment.contains("format:");
        self.as_found.set(format.has_schema() || other);
        self.looked.set(Some(Looked { format, input, rows, problem }));
    }

    /// The format that a run of the file is told, if it is another than the experiment's.
    pub fn format(self) -> Option<Format> {
        let looked = self.looked.get_untracked();
        looked.filter(|_| self.as_found.get_untracked()).map(|looked| looked.format)
    }

    fn forget(self) -> u32 {
        self.looked.set(None);
        self.as_found.set(false);
        self.id.update(|id| *id += 1);
        self.id.get_untracked()
    }
}

impl Default for Preview {
    fn default() -> Preview {
        Preview::new()
    }
}

/// Has each file that is chosen looked at, and shows what was found.
#[component]
pub fn FilePreview() -> impl IntoView {
    let lab = use_lab();
    Effect::new(move |_| {
        let file = match lab.input.get() {
            Input::File(file) => Some(file),
            _ => None,
        };
        let id = lab.preview.forget();
        if let Some(file) = file {
            lab.look(id, &file);
        }
    });
    view! { <Later part=Part::Preview wanted=move || lab.preview.looked.with(Option::is_some) quiet=true /> }
}

/// What was found.
#[component]
pub fn FirstRows() -> impl IntoView {
    let lab = use_lab();
    move || lab.preview.looked.get().map(|looked| shown(lab, looked))
}

fn shown(lab: Lab, looked: Looked) -> impl IntoView {
    let Looked { format, input, rows, problem } = looked;
    let name = named(&format);
    let as_found = lab.preview.as_found;
    let choose = move |event| as_found.set(event_target_value(&event) == "found");
    let columns = input.map(|input| input.columns).unwrap_or_default();
    let head = columns
        .iter()
        .map(|column| format!("<th scope=\"col\">{}<small>{}</small></th>", escape(&column.name), escape(&column.data_type)));
    let cell = |text: &String| format!("<td>{}</td>", escape(text));
    let rows = rows.iter().map(|row| format!("<tr>{}</tr>", row.iter().map(cell).collect::<String>()));
    let (head, rows): (String, String) = (head.collect(), rows.collect());
    let table = format!("<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>");
    view! {
        <div class="preview" data-testid="preview">
            <label class="row">
                <span>"Read as"</span>
                <select data-testid="read-as" on:change=choose>
                    <option value="experiment" selected=move || !as_found.get()>"the experiment says"</option>
                    <option value="found" selected=move || as_found.get()>{name}</option>
                </select>
            </label>
            {problem.map(|problem| view! { <p class="hint" role="alert">{problem}</p> })}
            <div class="preview-rows" tabindex="0" role="region" aria-label="The file's first rows" inner_html=table></div>
        </div>
    }
}

fn named(format: &Format) -> String {
    match format {
        Format::Csv { header, delimiter, .. } => {
            let delimiter = match delimiter {
                b'\t' => "tabs".to_owned(),
                other => format!("`{}`", char::from(*other)),
            };
            let header = if *header { "" } else { ", no header" };
            format!("CSV with {delimiter}{header}")
        }
        Format::Lines => "lines of text".to_owned(),
        Format::JsonLines => "JSON lines".to_owned(),
        Format::Arrow => "Arrow".to_owned(),
        Format::Parquet => "Parquet".to_owned(),
    }
}

impl Lab {
    /// Asks the engine what a file holds; it is read here, even if the run is to be elsewhere.
    fn look(self, id: u32, file: &File) {
        if let Some(local) = self.inner.with_value(|inner| inner.local.clone()) {
            local.send(&Command::Look { id, name: file.name() }, Some(file));
        }
    }
}

//! The gallery: experiments to start from, and the last text of the user's own that one of them replaced.

use gloo_net::http::Request;
use js_sys::{Array, JSON, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use super::thumb::Told;
use crate::components::html::{escape, in_code, text, wanted};
use crate::components::icon::Icon;
use crate::components::sheet::{Dialog, SearchHead};
use crate::components::store::recall;
use crate::lab::format::of;
use crate::lab::later::{Later, Part};
use crate::lab::lesson::{self, Lesson};
use crate::lab::state::{OWN_TEXT_KEY, use_lab};

/// The examples, beside the page.
const EXAMPLES: &str = "examples.json";

/// An experiment of the gallery.
#[derive(Clone, Debug, PartialEq)]
struct Example {
    name: String,
    title: String,
    about: String,
    text: String,
    told: Told,
}

impl Example {
    fn read(value: &JsValue) -> Option<Example> {
        let told = Reflect::get(value, &"told".into()).ok().and_then(|told| Told::read(&told));
        let [name, title, about, text] = ["name", "title", "about", "text"].map(|name| text(value, name));
        Some(Example { name: name?, title: title?, about: about?, text: text?, told: told.unwrap_or_default() })
    }

    /// Whether every word that is sought stands somewhere in it.
    fn fits(&self, sought: &str) -> bool {
        fits(sought, &[&self.name, &self.title, &self.about, &self.text])
    }
}

/// Everything of the dialog.
#[derive(Clone, Debug, Default)]
struct State {
    /// `None` while they are coming; else they, or a sentence why not.
    examples: Option<Result<Vec<Example>, String>>,
    lessons: Option<Result<Vec<Lesson>, String>>,
    own: Option<String>,
    sought: String,
}

impl State {
    fn example(&self, index: u64) -> Option<&Example> {
        self.examples.as_ref()?.as_ref().ok()?.get(index as usize)
    }

    fn is_an_example(&self, text: &str) -> bool {
        self.examples.iter().flatten().flatten().any(|example| example.text == text)
    }

    fn lesson_cards(&self) -> String {
        let lessons = match &self.lessons {
            None => return hint("The lessons are coming."),
            Some(Err(sentence)) => return hint(sentence),
            Some(Ok(lessons)) => lessons,
        };
        let fitting =
            lessons.iter().enumerate().filter(|(_, lesson)| fits(&self.sought, &[&lesson.name, &lesson.title, &lesson.about]));
        let card = |(index, lesson): (usize, &Lesson)| {
            let minutes = of(lesson.minutes.into(), "minute", "minutes");
            let about = format!("{} {minutes}.", lesson.about);
            let button = Button { what: "take", of: index, id: format!("take-{}", lesson.name), label: "Begin" };
            card(&lesson.title, &about, "", &button)
        };
        fitting.map(card).collect()
    }

    /// Of those with messaging, or of the others, and what the user wrote last among those.
    fn example_cards(&self, messaging: bool) -> String {
        let examples = match &self.examples {
            None => return hint("The examples are coming."),
            Some(Err(sentence)) => return hint(sentence),
            Some(Ok(examples)) => examples,
        };
        let is_here = |text: &str| text.contains("\nmessaging:") == messaging;
        let own = self.own.as_ref().filter(|own| is_here(own) && !self.is_an_example(own)).map(|own| {
            let button = Button { what: "own", of: 0, id: "open-own".to_owned(), label: "Open" };
            card("Your last text", &title_of(own), "", &button)
        });
        let fitting = examples.iter().enumerate().filter(|(_, example)| is_here(&example.text) && example.fits(&self.sought));
        let cards: String = fitting
            .map(|(index, example)| {
                let button = Button { what: "open", of: index, id: format!("open-{}", example.name), label: "Open" };
                card(&example.title, &example.about, &example.told.shown(), &button)
            })
            .collect();
        if cards.is_empty() {
            return hint("No example here says that. Seek a step, a function or a word of its title.");
        }
        own.into_iter().chain([cards]).collect()
    }
}

/// A card's button.
struct Button {
    what: &'static str,
    of: usize,
    id: String,
    label: &'static str,
}

/// What is `shown` is HTML.
fn card(title: &str, about: &str, shown: &str, button: &Button) -> String {
    let (title, about, id) = (escape(title), in_code(&escape(about)), escape(&button.id));
    let Button { what, of, label, .. } = button;
    format!(
        "<li class=\"card\"><h4>{title}</h4><p>{about}</p>{shown}<button data-do=\"{what}\" data-of=\"{of}\" data-testid=\"{id}\" \
         aria-label=\"{label}: {title}\">{label}</button></li>"
    )
}

fn hint(sentence: &str) -> String {
    format!("<li class=\"hint\">{}</li>", escape(sentence))
}

/// Whether every word that is sought stands somewhere in these texts.
pub fn fits(sought: &str, texts: &[&str]) -> bool {
    let all = texts.join(" ").to_lowercase();
    sought.to_lowercase().split_whitespace().all(|word| all.contains(word))
}

/// The button, and the dialog that it opens.
#[component]
pub fn Gallery() -> impl IntoView {
    let dialog = Dialog::new();
    view! {
        <button class="quiet small" data-testid="gallery-open" aria-label="Examples" title="Experiments to start from" on:click=move |_| dialog.open()>
            <Icon name="library" />
            <span class="aside-word">"Examples"</span>
        </button>
        <dialog class="gallery" node_ref=dialog.node data-testid="gallery" aria-label="Examples">
            <Later part=Part::Gallery(dialog) wanted=move || dialog.was_opened() />
        </dialog>
    }
}

/// What is in the dialog.
#[component]
pub fn Cards(dialog: Dialog) -> impl IntoView {
    let lab = use_lab();
    let state = RwSignal::new(State::default());
    Effect::new(move |_| {
        dialog.opened.track();
        let own = recall(OWN_TEXT_KEY).filter(|own| lab.text.with_untracked(|text| text != own));
        state.update(|state| state.own = own);
        if state.with_untracked(|state| !matches!((&state.examples, &state.lessons), (Some(Ok(_)), Some(Ok(_))))) {
            leptos::task::spawn_local(async move {
                let (examples, lessons) = (fetch().await, lesson::fetch().await);
                // The page may be gone by then.
                state.try_update(|state| (state.examples, state.lessons) = (Some(examples), Some(lessons)));
            });
        }
    });
    let press = move |event| {
        let Some((what, Some(index))) = wanted(&event) else { return };
        let (text, lesson) = state.with_untracked(|state| match what.as_str() {
            "own" => (state.own.clone(), None),
            "open" => (state.example(index).map(|example| example.text.clone()), None),
            _ => (None, state.lessons.as_ref().and_then(|found| found.as_ref().ok()?.get(index as usize).cloned())),
        });
        if state.with_untracked(|state| !lab.text.with_untracked(|now| state.is_an_example(now))) {
            lab.keep_own_text();
        }
        if let Some(text) = text {
            lab.open_text(text);
        }
        if let Some(lesson) = lesson {
            lab.take_lesson(lesson);
        }
        dialog.close();
    };
    view! {
        <div class="gallery-inside">
            <SearchHead
                dialog=dialog
                name="gallery"
                title="Examples"
                search="Search the examples"
                on_search=move |sought| state.update(|state| state.sought = sought)
            />
            <div class="gallery-body" on:click=press>
                <h3>"Lessons"</h3>
                <p class="hint">"An experiment, and what to do with it, step by step."</p>
                <ul class="cards-of-examples" inner_html=move || state.with(State::lesson_cards)></ul>
                <h3>"Batch"</h3>
                <p class="hint">"One opens in the editor. What you wrote stays: undo brings it back, and so does “Your last text” here."</p>
                <ul class="cards-of-examples" inner_html=move || state.with(|state| state.example_cards(false))></ul>
                <h3>"Messaging"</h3>
                <ul class="cards-of-examples" inner_html=move || state.with(|state| state.example_cards(true))></ul>
            </div>
        </div>
    }
}

async fn fetch() -> Result<Vec<Example>, String> {
    let failed = || "The examples did not load. Close this, and open it again.".to_owned();
    let response = Request::get(&crate::beside(EXAMPLES)).send().await.map_err(|_| failed())?;
    if !response.ok() {
        return Err(failed());
    }
    let text = response.text().await.map_err(|_| failed())?;
    let examples = JSON::parse(&text).ok().and_then(|examples| examples.dyn_into::<Array>().ok()).ok_or_else(failed)?;
    examples.iter().map(|example| Example::read(&example)).collect::<Option<_>>().ok_or_else(failed)
}

/// The title that a text gives itself, from its line alone: a text that is not finished has one too.
pub fn title_of(text: &str) -> String {
    let title = text.lines().find_map(|line| line.strip_prefix("title:")).unwrap_or_default().trim();
    let title = title.trim_matches(['"', '\'']);
    if title.is_empty() { "Untitled".to_owned() } else { title.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_found_by_words_of_its_title_or_its_text() {
        let example = Example {
            name: "sort".into(),
            title: "Distributed sort".into(),
            about: "Sorts lines.".into(),
            text: "- sort: length desc".into(),
            told: Told::default(),
        };
        for (sought, fits) in [("", true), ("SORT lines", true), ("length", true), ("reduce", false), ("sort reduce", false)] {
            assert_eq!(example.fits(sought), fits, "{sought}");
        }
    }

    #[test]
    fn a_text_is_called_by_its_title() {
        assert_eq!(title_of("millrace: 1\ntitle: \"Mine\"\n"), "Mine");
        assert_eq!(title_of("title:"), "Untitled");
    }
}

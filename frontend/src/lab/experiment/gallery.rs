//! The gallery: experiments to start from, and the last text of the user's own that one of them replaced.

use gloo_net::http::Request;
use leptos::html;
use leptos::prelude::*;
use serde::Deserialize;

use crate::components::icon::Icon;
use crate::components::sheet;
use crate::components::store::recall;
use crate::lab::state::{Input, OWN_TEXT_KEY, use_lab};

/// The examples, beside the page.
const EXAMPLES: &str = "examples.json";

/// An experiment of the gallery.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Example {
    name: String,
    title: String,
    about: String,
    text: String,
}

impl Example {
    /// Whether every word that is sought stands somewhere in it.
    fn fits(&self, sought: &str) -> bool {
        let all = format!("{} {} {} {}", self.name, self.title, self.about, self.text).to_lowercase();
        sought.to_lowercase().split_whitespace().all(|word| all.contains(word))
    }
}

/// The button, and the dialog that it opens.
#[component]
pub fn Gallery() -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let examples = RwSignal::new(None::<Result<Vec<Example>, String>>);
    let own = RwSignal::new(None::<String>);
    let open = move |_| {
        own.set(recall(OWN_TEXT_KEY));
        if !matches!(examples.get_untracked(), Some(Ok(_))) {
            leptos::task::spawn_local(async move {
                let found = fetch().await;
                examples.try_set(Some(found));
            });
        }
        sheet::show(dialog);
    };
    view! {
        <button class="quiet small" data-testid="gallery-open" on:click=open>
            <Icon name="library" />
            "Examples"
        </button>
        <dialog class="gallery" node_ref=dialog data-testid="gallery" aria-labelledby="gallery-title">
            <Cards examples=examples own=own close=Callback::new(move |()| sheet::close(dialog)) />
        </dialog>
    }
}

#[component]
fn Cards(
    examples: RwSignal<Option<Result<Vec<Example>, String>>>,
    own: RwSignal<Option<String>>,
    close: Callback<()>,
) -> impl IntoView {
    let lab = use_lab();
    let sought = RwSignal::new(String::new());
    let take = move |text: String| {
        let now = lab.text.get_untracked();
        let is_an_example = |found: &Option<Result<Vec<Example>, String>>| {
            found.as_ref().is_some_and(|found| found.iter().flatten().any(|example| example.text == now))
        };
        if !examples.with_untracked(is_an_example) {
            lab.keep_own_text();
        }
        lab.input.set(Input::AsWritten);
        lab.text.set(text);
        close.run(());
    };
    let own_card = move || {
        own.get().filter(|text| lab.text.with(|now| now != text)).map(|text| {
            view! {
                <li class="card">
                    <h3>"Your last text"</h3>
                    <p class="hint">{title_of(&text)}</p>
                    <button data-testid="open-own" on:click=move |_| take(text.clone())>"Open"</button>
                </li>
            }
        })
    };
    let card = move |example: Example| {
        let Example { name, title, about, text } = example;
        view! {
            <li class="card">
                <h3>{title.clone()}</h3>
                <p>{about}</p>
                <button data-testid=format!("open-{name}") aria-label=format!("Open {title}") on:click=move |_| take(text.clone())>
                    "Open"
                </button>
            </li>
        }
    };
    let cards = move || match examples.get() {
        None => view! { <li class="hint">"The examples are coming."</li> }.into_any(),
        Some(Err(sentence)) => view! { <li class="hint">{sentence}</li> }.into_any(),
        Some(Ok(examples)) => {
            let fitting: Vec<_> = sought.with(|sought| examples.into_iter().filter(|example| example.fits(sought)).collect());
            if fitting.is_empty() {
                return view! { <li class="hint">"No example says that. Seek a step, a function or a word of its title."</li> }
                    .into_any();
            }
            fitting.into_iter().map(card).collect_view().into_any()
        }
    };
    view! {
        <header class="gallery-head">
            <h2 id="gallery-title">"Examples"</h2>
            <input
                type="search"
                data-testid="gallery-search"
                aria-label="Search the examples"
                placeholder="Search"
                prop:value=sought
                on:input=move |event| sought.set(event_target_value(&event))
            />
            <button class="quiet icon-only" aria-label="Close the examples" on:click=move |_| close.run(())>
                <Icon name="x" />
            </button>
        </header>
        <p class="hint">"One opens in the editor. What you wrote stays: undo brings it back, and so does “Your last text” here."</p>
        <ul class="cards-of-examples">{own_card} {cards}</ul>
    }
}

async fn fetch() -> Result<Vec<Example>, String> {
    let failed = || "The examples did not load. Close this, and open it again.".to_owned();
    let response = Request::get(&crate::at_root(EXAMPLES)).send().await.map_err(|_| failed())?;
    if !response.ok() {
        return Err(failed());
    }
    let text = response.text().await.map_err(|_| failed())?;
    serde_json::from_str(&text).map_err(|_| failed())
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

//! The head of the page: the mark, where experiments run, the reference, a link to this, the keys, the theme.

use leptos::prelude::*;
use shared::wire::Place;

use super::join::Join;
use super::keys::Shortcuts;
use super::place_name;
use super::share::Share;
use super::state::{Link, use_lab};
use crate::components::icon::{Icon, Logo};
use crate::components::theme::ThemeToggle;

#[component]
pub fn Header() -> impl IntoView {
    view! {
        <header class="top">
            <a class="mark" href="./" aria-label="Millrace: start again">
                <Logo />
                <span>"Millrace"</span>
            </a>
            <fieldset class="places" role="radiogroup" aria-label="Where experiments run">
                <PlaceButton place=Place::Simulate icon="timer" testid="place-simulate" />
                <PlaceButton place=Place::Browser icon="laptop" testid="place-browser" />
                <PlaceButton place=Place::Server icon="server" testid="place-server" />
            </fieldset>
            <a class="button quiet" data-testid="reference" href="./reference.html" aria-label="Reference" title="Everything that an experiment can say">
                <Icon name="book-open" />
                <span class="head-word">"Reference"</span>
            </a>
            <Join />
            <Share />
            <Shortcuts />
            <ThemeToggle />
        </header>
    }
}

#[component]
fn PlaceButton(place: Place, icon: &'static str, testid: &'static str) -> impl IntoView {
    let lab = use_lab();
    let link = lab.link(place);
    let state = move || match link.get() {
        Link::Unknown => "unknown",
        Link::Connecting => "connecting",
        Link::Up { .. } => "up",
        Link::Down(_) => "down",
    };
    let title = move || match (place, link.get()) {
        (Place::Simulate, _) => "In virtual time, from a seed: the same run every time".to_owned(),
        (Place::Browser, _) => "In Web Workers of this page; nothing leaves this computer".to_owned(),
        (Place::Server, Link::Up { cores }) => format!("On the server, which has {cores} cores"),
        (Place::Server, Link::Connecting) => "Looking for a server at this address".to_owned(),
        (Place::Server, _) => "No server answers at this address. Choose this to try again".to_owned(),
    };
    // Only the server comes and goes; the dot is its second sign beside the words of the title.
    let dot = (place == Place::Server).then(|| {
        view! { <span class="dot" role="img" aria-label=move || if link.get().is_up() { "there" } else { "not there" }></span> }
    });
    view! {
        <label class="place" title=title data-link=state>
            <input
                type="radio"
                name="place"
                data-testid=testid
                data-link=state
                prop:checked=move || lab.place.get() == place
                on:change=move |_| lab.choose(place)
            />
            <span class="place-face">
                <Icon name=icon />
                <span class="place-name">{place_name(place)}</span>
                {dot}
            </span>
        </label>
    }
}

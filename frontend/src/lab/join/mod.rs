//! Joining what runs elsewhere: a live bus of the server, as one of its clients; a run of another tab, by taking clients of it over.
//!
//! [`client`] is such a client as plain data, [`requests`] what it asks over the bus, [`socket`] its connection, [`bus`], [`mod@ask`] and
//! [`deliveries`] what is seen of it; [`tabs`] are the other tabs. Only the button and the link are in the page's first bundle.

pub mod ask;
pub mod bus;
pub mod client;
pub mod deliveries;
pub mod requests;
pub mod socket;
pub mod tabs;

use leptos::prelude::*;

use super::later::{Later, Part};
use super::state::{Lab, use_lab};
use crate::components::icon::Icon;
use crate::components::sheet::{Dialog, Sheet};

/// How the fragment of a link begins that leads to a live bus.
const BUS_PREFIX: &str = "bus=";

/// The name of a bus that stands behind a `#`, as it is written there; `None` if nothing there claims to be one.
fn read(fragment: &str) -> Option<&str> {
    fragment.trim_start_matches('#').strip_prefix(BUS_PREFIX)
}

impl Lab {
    /// Joins what the link in the page's address names, if that is such a link. Whether it was.
    pub(super) fn open_join(self) -> bool {
        let fragment = window().location().hash().unwrap_or_default();
        let Some(name) = read(&fragment) else { return false };
        // A name that cannot be read as one is none that a bus has.
        let name = js_sys::decode_uri_component(name).map_or_else(|_| name.to_owned(), String::from);
        self.to_join.set(Some(name));
        true
    }
}

/// The button, and the dialog that it opens.
#[component]
pub fn Join() -> impl IntoView {
    let (lab, dialog) = (use_lab(), Dialog::new());
    let is_joined = Memo::new(move |_| lab.joined.get() != (false, 0));
    Effect::new(move |_| {
        if lab.to_join.with(Option::is_some) {
            dialog.open();
        }
    });
    view! {
        <button
            class="quiet"
            class:joined=is_joined
            data-testid="join-open"
            aria-label=move || if is_joined.get() { "Joined" } else { "Join" }
            title="A live bus of the server, or a run of another tab"
            on:click=move |_| dialog.open()
        >
            <Icon name="users" />
            <span class="head-word">{move || if is_joined.get() { "Joined" } else { "Join" }}</span>
        </button>
        <Sheet dialog=dialog name="join" title="Join" wide=true>
            <Later part=Part::Join(dialog) wanted=move || dialog.was_opened() />
        </Sheet>
    }
}

/// What is in the dialog.
#[component]
pub fn Joining(dialog: Dialog) -> impl IntoView {
    view! {
        <div class="sheet-inside">
            <bus::BusToJoin dialog=dialog />
            <tabs::TabsToJoin dialog=dialog />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_link_to_a_bus_is_told_from_others() {
        assert_eq!(read("#bus=work"), Some("work"));
        assert_eq!(read("#bus="), Some(""));
        assert_eq!(read("#watch=0123"), None);
        assert_eq!(read(""), None);
    }
}

//! Light, dark, or as the system is; remembered.

use leptos::prelude::*;

use super::icon::Icon;
use super::palette::watch_colours;
use super::store::{keep, recall};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    fn name(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Theme::System => "monitor",
            Theme::Light => "sun",
            Theme::Dark => "moon",
        }
    }

    fn next(self) -> Theme {
        match self {
            Theme::System => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::System,
        }
    }
}

/// The page's colours have changed: whoever paints by hand paints again.
#[derive(Clone, Copy)]
pub struct Colours(pub Trigger);

/// The button that goes through the themes.
#[component]
pub fn ThemeToggle() -> impl IntoView {
    let kept = match recall("theme").as_deref() {
        Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        _ => Theme::System,
    };
    let theme = RwSignal::new(kept);
    let colours = expect_context::<Colours>();
    watch_colours(colours);
    Effect::new(move |before: Option<()>| {
        let theme = theme.get();
        // The page's HTML does the same before the first paint.
        if let Some(root) = document().document_element() {
            let _ = match theme {
                Theme::System => root.remove_attribute("data-theme"),
                theme => root.set_attribute("data-theme", theme.name()),
            };
        }
        if before.is_some() {
            keep("theme", theme.name());
        }
        colours.0.notify();
    });
    let label = move || format!("Theme: {}. Switch to {}", theme.get().name(), theme.get().next().name());
    view! {
        <button
            class="quiet icon-only"
            data-testid="theme"
            title=label
            aria-label=label
            on:click=move |_| theme.update(|theme| *theme = theme.next())
        >
            {move || view! { <Icon name=theme.get().icon() /> }}
        </button>
    }
}

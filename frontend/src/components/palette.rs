//! The page's colours as its style sheet has them, for what is painted by hand.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use super::theme::Colours;

/// The colours of the states and of the ground, as the style sheet writes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Palette {
    pub ground: String,
    pub line: String,
    pub text: String,
    pub quiet: String,
    pub accent: String,
    pub idle: String,
    pub busy: String,
    pub blocked: String,
    pub down: String,
    pub done: String,
    pub again: String,
    pub dropped: String,
}

impl Palette {
    /// The colour that the style sheet calls so; that of text where it knows no such name.
    pub fn named(&self, name: &str) -> &str {
        match name {
            "accent" => &self.accent,
            "busy" => &self.busy,
            "blocked" => &self.blocked,
            "down" => &self.down,
            "done" => &self.done,
            "again" => &self.again,
            "quiet" => &self.quiet,
            _ => &self.text,
        }
    }

    fn read() -> Palette {
        let style = document().document_element().and_then(|root| window().get_computed_style(&root).ok().flatten());
        let colour = |name: &str| {
            let value = style.as_ref().and_then(|style| style.get_property_value(name).ok());
            value.map(|value| value.trim().to_owned()).unwrap_or_default()
        };
        Palette {
            ground: colour("--ground"),
            line: colour("--line"),
            text: colour("--text"),
            quiet: colour("--quiet"),
            accent: colour("--accent"),
            idle: colour("--idle"),
            busy: colour("--busy"),
            blocked: colour("--blocked"),
            down: colour("--down"),
            done: colour("--done"),
            again: colour("--again"),
            dropped: colour("--dropped"),
        }
    }
}

/// The colours of this moment: they change with the theme, the page's or the system's. It also speaks up when the page's fonts
/// have come, since a canvas keeps the letters that it was painted with.
pub fn use_palette() -> RwSignal<Palette> {
    let colours = expect_context::<Colours>();
    let palette = RwSignal::new(Palette::default());
    Effect::new(move |_| {
        colours.0.track();
        palette.set(Palette::read());
    });
    palette
}

/// Speaks up by `colours` when the system turns from light to dark or back, and when the fonts have come.
pub fn watch_colours(colours: Colours) {
    let notify = move || colours.0.notify();
    let fonts = document().fonts().ready();
    leptos::task::spawn_local(async move {
        if let Ok(ready) = fonts
            && wasm_bindgen_futures::JsFuture::from(ready).await.is_ok()
        {
            notify();
        }
    });
    let Some(query) = window().match_media("(prefers-color-scheme: dark)").ok().flatten() else { return };
    let changed = Closure::<dyn FnMut()>::new(notify);
    query.set_onchange(Some(changed.as_ref().unchecked_ref()));
    let kept = StoredValue::new_local(Some((query, changed)));
    on_cleanup(move || {
        if let Some(Some((query, _changed))) = kept.try_update_value(Option::take) {
            query.set_onchange(None);
        }
    });
}

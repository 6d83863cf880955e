//! The page of Millrace: everything that runs on a browser's main thread.
//!
//! Reading order: [`session`] (how the page reaches an engine, here or on the server), [`lab`] (the one screen: what is run, what it is
//! doing, what came of it), [`components`] (small parts without knowledge of runs), [`update`] (a new version of the page).
//!
//! The page never links the engine. From `shared` it takes the vocabulary: the protocol, ids, time, problems.

pub mod components;
pub mod lab;
pub mod session;
pub mod update;

use leptos::prelude::*;

/// Puts the page in the place of the skeleton that was painted first.
pub fn start() {
    components::panic::install();
    if let Some(skeleton) = document().get_element_by_id("skeleton") {
        skeleton.remove();
    }
    mount_to_body(lab::Lab);
    lab::later::load_ahead();
}

/// The address of what lies beside the page, wherever on its origin that is: in the page's own folder. A server is looked for there, too,
/// so that one that stands behind a folder of another is found.
pub fn beside(path: &str) -> String {
    format!("./{path}")
}

/// The path of the page's folder, from `/` to `/`.
pub fn folder() -> String {
    let path = window().location().pathname().unwrap_or_default();
    path.rsplit_once('/').map_or_else(|| "/".to_owned(), |(folder, _)| format!("{folder}/"))
}

/// Whether this is the form of the page that stands in a frame of another page: `cargo xtask page` marks it so in its HTML.
pub fn is_embedded() -> bool {
    document().document_element().is_some_and(|root| root.has_attribute("data-embedded"))
}

/// The id that the page's build wrote into its HTML; `dev` when it was not built by `cargo xtask page`.
pub fn build_id() -> String {
    let content = document()
        .query_selector("meta[name=build]")
        .ok()
        .flatten()
        .and_then(|meta| meta.get_attribute("content"))
        .unwrap_or_default();
    if content.is_empty() || content.starts_with("__") { "dev".into() } else { content }
}

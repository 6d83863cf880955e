//! How the run went over time: throughput and running tasks of a job; queue depth, messages and latency of a bus.
//!
//! [`series`] counts, [`words`] says it in sentences and tables, [`mod@view`] shows both, `script` speaks to what draws (`frontend/charts`).
//! All of it is loaded when the panel is first unfolded. The charts have the timeline's scale of time and stand below it, so that the
//! moment that is pointed at in one of them is one line through all.

mod script;
pub mod series;
pub mod view;
pub mod words;

use leptos::prelude::*;

use super::later::{Later, Part};
use crate::components::panel::{Panel, remembered};

/// The panel, folded until somebody wants it.
#[component]
pub fn Charts() -> impl IntoView {
    let folded = remembered("charts", true);
    view! {
        <Panel name="charts" title="Charts" folded=folded>
            <Later part=Part::Charts wanted=Signal::derive(move || !folded.get()) />
        </Panel>
    }
}

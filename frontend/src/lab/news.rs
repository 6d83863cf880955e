//! What happened just now: one line each, the latest first.

use leptos::prelude::*;

use super::format::{duration_ms, of};
use super::model::Stage;
use super::state::use_lab;
use crate::components::panel::Panel;

/// Lines shown at most; the rest are counted.
const LINES_MAX: usize = 200;

#[component]
pub fn News() -> impl IntoView {
    let lab = use_lab();
    // News only grow within a run that nobody leaps about in, so these numbers say whether there is anything to do.
    let known = Memo::new(move |_| lab.run.with(|run| ((run.run, run.told_anew), run.news.len())));
    let empty = Memo::new(move |_| lab.run.with(|run| run.news.is_empty()));
    let hint = Memo::new(move |_| {
        lab.run.with(|run| match run.stage {
            Stage::Running => "Kills, losses and repeated work appear here as they happen.",
            Stage::Finished(_) => "Nothing out of the ordinary happened.",
            _ => "Kills, losses and repeated work will be told here.",
        })
    });
    let items = move || {
        let (run, length) = known.get();
        let from = length.saturating_sub(LINES_MAX);
        (from..length).rev().map(|index| (run, index)).collect::<Vec<_>>()
    };
    let line = move |(_, index): ((u32, u32), usize)| {
        lab.run.with_untracked(|run| {
            run.news.get(index).map(|news| {
                let at = duration_ms(news.at.0 as f64 / 1e3);
                view! {
                    <li>
                        <span class="num when" title=at.exact>{at.value} " " {at.unit}</span>
                        <span>{news.text.clone()}</span>
                    </li>
                }
            })
        })
    };
    let more = move || known.get().1.saturating_sub(LINES_MAX) as u64;
    view! {
        <Panel name="news" title="News">
            <ol class="news" data-testid="news" aria-label="News, the latest first" tabindex="0">
                <For each=items key=|item| *item children=line />
            </ol>
            <p class="hint" class:hidden=move || !empty.get()>{hint}</p>
            <p class="hint" class:hidden=move || more() == 0>{move || format!("and {} before", of(more(), "line", "lines"))}</p>
        </Panel>
    }
}

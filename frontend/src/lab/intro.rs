//! The first minute: three sentences beside the run that the page opens on, and one thing to do.

use leptos::prelude::*;

use super::commands::TIMES_TO_WATCH;
use super::state::use_lab;
use crate::components::icon::Icon;

#[component]
pub fn Intro() -> impl IntoView {
    let lab = use_lab();
    let active = Memo::new(move |_| lab.run.with(|run| run.is_active()));
    let ended = Memo::new(move |_| lab.run.with(|run| run.report().is_some()));
    let act = move |_| if active.get_untracked() { lab.kill_one() } else { lab.run_to_watch() };
    view! {
        <Show when=move || lab.intro.get()>
            <section class="intro" aria-label="What you see">
                <button class="quiet icon-only close" aria-label="Close the introduction" on:click=move |_| lab.intro.set(false)>
                    <Icon name="x" />
                </button>
                <p>
                    "Workers in this page count every word of a dictionary: map tasks each count a piece of the text, reduce tasks add the counts up. "
                    "At 40 % worker-2 is killed, for real, and what it had done is done again elsewhere. "
                    "The answer is the same, to the byte."
                </p>
                <button class="bright" data-testid="kill-one" on:click=act>
                    <Icon name="skull" />
                    {move || if active.get() || !ended.get() { "Kill one yourself" } else { "Run it longer and kill one yourself" }}
                </button>
                <p class="hint">
                    {move || {
                        if ended.get() {
                            format!("The whole dictionary took a moment. {TIMES_TO_WATCH} times over leaves time for a kill.")
                        } else {
                            "Ends the worker that has been busy longest.".to_owned()
                        }
                    }}
                </p>
            </section>
        </Show>
    }
}

//! The first minute: three sentences beside the run that the page opens on, and one thing to do; when it has ended, the next step.

use leptos::prelude::*;

use super::commands::TIMES_TO_WATCH;
use super::model::{RunModel, Stage};
use super::state::use_lab;
use crate::components::icon::Icon;

#[component]
pub fn Intro() -> impl IntoView {
    let lab = use_lab();
    let ended = Memo::new(move |_| lab.run.with(|run| !run.is_active()));
    let stopped = Memo::new(move |_| lab.run.with(|run| matches!(run.stage, Stage::Failed { .. })));
    let news = Memo::new(move |_| lab.run.with(latest));
    // Both texts are there, one of them unseen, so that nothing moves when one takes the other's place.
    view! {
        {move || lab.intro.get().then(|| view! {
            <section class="intro" aria-label="What you see" data-testid="intro">
                <button class="quiet icon-only close" aria-label="Close the introduction" on:click=move |_| lab.intro.set(false)>
                    <Icon name="x" />
                </button>
                <div class="turns">
                    <div class="turn" class:away=ended>
                        <p>
                            "Four workers count every word of a dictionary, in slow motion: map tasks each count a piece of the text, reduce tasks add the counts up. "
                            "At " <span class="whole">"40 %"</span> " " <span class="whole">"worker-2"</span> " is killed; what it was doing, and all it had counted, goes back to the queue and is done again by the others. "
                            "Pause, step, or kill any worker at any moment: the answer stays the same, to the byte."
                        </p>
                        <button class="bright" data-testid="kill-one" on:click=move |_| lab.kill_one()>
                            <Icon name="skull" />
                            "Kill one yourself"
                        </button>
                        <p class="hint latest">{news}</p>
                    </div>
                    <div class="turn" class:away=move || !ended.get()>
                        <p>
                            "That was a simulation: the same experiment and seed give the same run, to the byte, on every computer. "
                            {move || if stopped.get() {
                                "This one was ended before it had a result; Run begins it again. "
                            } else {
                                "Its rows equal those of one plain pass over the text, whatever was killed. The slider goes back to any moment of it. "
                            }}
                            "In this browser and on a server the same code counts for real, and a kill ends a real worker."
                        </p>
                        <button class="bright" data-testid="own-text" on:click=move |_| lab.prepare_own_text()>
                            <Icon name="clipboard-paste" />
                            "Count a text of your own"
                        </button>
                        <button data-testid="real-run" on:click=move |_| lab.run_to_watch()>
                            <Icon name="play" />
                            {format!("The dictionary {TIMES_TO_WATCH} times, for real")}
                        </button>
                    </div>
                </div>
            </section>
        })}
    }
}

/// What has just happened, or what the button does.
fn latest(run: &RunModel) -> String {
    match run.news.last() {
        Some(news) => news.text.clone(),
        None if run.is_paused() => "Paused: nothing moves. A worker can be killed now, too.".to_owned(),
        None => "It ends the worker that has been busy longest.".to_owned(),
    }
}

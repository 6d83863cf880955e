//! Troubles, in one line each: what happened, why, what to do. Runs elsewhere go on.

use leptos::prelude::*;
use shared::wire::Place;

use super::state::{Link, Which, use_lab};
use crate::components::icon::Icon;

#[component]
pub fn Banners() -> impl IntoView {
    let lab = use_lab();
    // The server matters when it is chosen, or when it holds the run that is looked at.
    let server_matters = Memo::new(move |_| {
        lab.place.get() == Place::Server
            || lab.run.with(|run| run.place.map(Which::of) == Some(Which::Server) && run.is_active())
    });
    let run_is_there = Memo::new(move |_| lab.run.with(|run| run.place == Some(Place::Server) && run.is_active()));
    // While it knocks again the banner stays.
    let server_away = Memo::new(move |away: Option<&bool>| {
        server_matters.get()
            && match lab.server.get() {
                Link::Down(_) => true,
                Link::Connecting => away.copied().unwrap_or(false),
                Link::Unknown | Link::Up { .. } => false,
            }
    });
    let engine_away = move || match lab.engine.get() {
        Link::Down(sentence) => Some(sentence),
        _ => None,
    };
    view! {
        <div class="banners">
            {move || {
                engine_away()
                    .map(|sentence| {
                        view! {
                            <div class="banner" data-testid="banner" role="alert">
                                <Icon name="circle-alert" />
                                <p>{sentence} " Nothing can run in this browser until it is started again."</p>
                                <button data-testid="banner-action" on:click=move |_| lab.restart_engine()>
                                    "Restart the engine"
                                </button>
                            </div>
                        }
                    })
            }}
            {move || server_away.get().then(|| view! {
                <div class="banner" data-testid="banner" role="status">
                    <Icon name="wifi-off" />
                    <p>
                        {move || {
                            if run_is_there.get() {
                                "The server does not answer, so nothing is heard of the run there. The page goes on knocking, and runs in this browser work."
                            } else {
                                "The server does not answer. Runs in this browser work without it."
                            }
                        }}
                    </p>
                    <button data-testid="run-here" on:click=move |_| lab.run_here()>
                        "Run in this browser"
                    </button>
                    <button data-testid="banner-action" on:click=move |_| lab.connect()>
                        "Try again"
                    </button>
                </div>
            })}
            {move || {
                lab.notice
                    .get()
                    .map(|sentence| {
                        view! {
                            <div class="banner" data-testid="notice" role="status">
                                <Icon name="info" />
                                <p>{sentence}</p>
                                {move || (lab.set_aside.with(Option::is_some)).then(|| view! {
                                    <button data-testid="bring-back" on:click=move |_| lab.bring_back()>
                                        "Bring it back"
                                    </button>
                                })}
                                <button class="quiet icon-only" aria-label="Close" on:click=move |_| lab.notice.set(None)>
                                    <Icon name="x" />
                                </button>
                            </div>
                        }
                    })
            }}
        </div>
    }
}

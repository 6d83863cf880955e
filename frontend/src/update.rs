//! A new version of the page: it is offered, and loaded when somebody says so.
//!
//! The service worker (`xtask/src/page/service_worker.js`) keeps every file of the build that is open. That of a new build installs
//! beside it and waits; here it is noticed, and told to take over. The offer itself comes with what is loaded
//! [`later`](crate::lab::later): there is none in most visits.

use js_sys::Function;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::ServiceWorkerRegistration;

use crate::lab::later::{Part, do_later};
use crate::{beside, build_id};

/// The new version, while it is offered.
pub type Offer = RwSignal<Option<ServiceWorkerRegistration>, LocalStorage>;

/// Makes the page load without a server, and offers a new version as soon as all of it is there. Browsers allow it in secure contexts
/// only, and the page works without.
pub fn watch() {
    if !window().is_secure_context() || build_id() == "dev" {
        return;
    }
    let offer = Offer::new_local(None);
    let promise = window().navigator().service_worker().register(&beside("sw.js"));
    leptos::task::spawn_local(async move {
        // Without it the page needs its server at every load; nothing that the user could do about it.
        let Ok(registration) = JsFuture::from(promise.unchecked_into::<js_sys::Promise>()).await else { return };
        let registration: ServiceWorkerRegistration = registration.unchecked_into();
        let known = registration.clone();
        let mut offered = false;
        let look = move || {
            // The first one ever has none before it, and nobody has to be asked.
            if known.waiting().is_some() && known.active().is_some() {
                offer.try_set(Some(known.clone()));
                // Once there, it shows whatever is offered.
                if !std::mem::replace(&mut offered, true) {
                    do_later(Part::Offer(offer));
                }
            }
            // Another may be on its way, and this very function hears when it is there.
            if let Some(coming) = known.installing() {
                coming.set_onstatechange(known.onupdatefound().as_ref());
            }
        };
        // It listens as long as the page is there.
        let listening = Closure::<dyn FnMut()>::new(look).into_js_value().unchecked_into::<Function>();
        registration.set_onupdatefound(Some(&listening));
        // A value that is no function cannot be called, and this one is.
        let _ = listening.call0(&listening);
    });
}

/// Shows the offer, over the page so that nothing moves when it comes.
pub fn show(offer: Offer) {
    mount_to_body(move || {
        move || {
            offer.with(Option::is_some).then(|| {
                view! {
                    <div class="afloat" data-testid="update" role="status">
                        <p>"A new version is there. Loading it ends what runs in this page; the text stays."</p>
                        <button data-testid="update-load" on:click=move |_| load(offer)>"Load it"</button>
                        <button class="quiet" data-testid="update-later" on:click=move |_| offer.set(None)>"Later"</button>
                    </div>
                }
            })
        }
    });
}

/// Lets the new version take over, and loads it.
fn load(offer: Offer) {
    let Some(registration) = offer.get_untracked() else { return };
    let again = || drop(window().location().reload());
    let Some(waiting) = registration.waiting() else {
        // Another window has let it in.
        return again();
    };
    let taken_over = Closure::once_into_js(again);
    window().navigator().service_worker().set_oncontrollerchange(Some(taken_over.unchecked_ref()));
    // What this page asks for until it is loaded anew is spared.
    if waiting.post_message(&build_id().into()).is_err() {
        again();
    }
}

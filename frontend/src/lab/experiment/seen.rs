//! When an element is first seen.

use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{Element, IntersectionObserver, IntersectionObserverEntry};

/// Calls `then` once, when the element comes into the window for the first time. `element` may come later.
pub fn once_seen(element: impl Fn() -> Option<Element> + 'static, then: impl Fn() + 'static) {
    let watching = StoredValue::new_local(None::<(IntersectionObserver, Closure<dyn FnMut(Array)>)>);
    let stop = move || {
        if let Some(Some((observer, closure))) = watching.try_update_value(Option::take) {
            observer.disconnect();
            // It may be the one that runs now.
            queue_microtask(move || drop(closure));
        }
    };
    let then = StoredValue::new_local(then);
    Effect::new(move |_| {
        let Some(element) = element() else { return };
        let noticed = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
            let seen = entries.iter().any(|entry| entry.unchecked_into::<IntersectionObserverEntry>().is_intersecting());
            if seen {
                stop();
                then.with_value(|then| then());
            }
        });
        if let Ok(observer) = IntersectionObserver::new(noticed.as_ref().unchecked_ref()) {
            observer.observe(&element);
            watching.set_value(Some((observer, noticed)));
        }
    });
    on_cleanup(stop);
}

//! How large an element is, as a signal.

use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{Element, ResizeObserver};

/// Width and height of an element's inside, in CSS pixels; zero while it is not shown. `element` may come later.
pub fn use_size(element: impl Fn() -> Option<Element> + 'static) -> Signal<(f64, f64)> {
    let size = RwSignal::new((0.0, 0.0));
    let watching = StoredValue::new_local(None::<(ResizeObserver, Closure<dyn FnMut(Array)>)>);
    Effect::new(move |_| {
        let Some(element) = element() else { return };
        let seen = element.clone();
        let changed = Closure::<dyn FnMut(Array)>::new(move |_| {
            let now = (f64::from(seen.client_width()), f64::from(seen.client_height()));
            // The observer may speak once more after its view is gone.
            if size.try_get_untracked().is_some_and(|known| known != now) {
                size.set(now);
            }
        });
        if let Ok(observer) = ResizeObserver::new(changed.as_ref().unchecked_ref()) {
            observer.observe(&element);
            watching.set_value(Some((observer, changed)));
        }
    });
    on_cleanup(move || {
        if let Some(Some((observer, _changed))) = watching.try_update_value(Option::take) {
            observer.disconnect();
        }
    });
    size.into()
}

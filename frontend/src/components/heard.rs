//! Listeners that hear what happens in an element before whatever is inside it does.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{Element, Event};

/// Such a listener, for as long as this lives.
pub struct Heard {
    on: Element,
    name: &'static str,
    then: Closure<dyn FnMut(Event)>,
}

impl Heard {
    pub fn new(on: &Element, name: &'static str, then: Box<dyn FnMut(Event)>) -> Heard {
        let then = Closure::wrap(then);
        // Neither fails: the element and the closure are there.
        let _ = on.add_event_listener_with_callback_and_bool(name, then.as_ref().unchecked_ref(), true);
        Heard { on: on.clone(), name, then }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let _ = self.on.remove_event_listener_with_callback_and_bool(self.name, self.then.as_ref().unchecked_ref(), true);
    }
}

//! A way between two workers: a port between workers of one tab, or a channel between tabs.
//!
//! What is posted to a port waits until somebody listens; what is posted to a channel that nobody has opened is gone. So each end of a
//! channel says that it is there, and keeps what it has to say until it hears the other. A channel has a name that is given once: whoever
//! goes on at the end of an earlier life is heard by nobody.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent, MessagePort};

/// What an end says when it has come, and what it answers to that.
const IS_THERE: &str = "?";
const HERE: &str = "!";

/// See the module. Who lets go of it is not called any more.
pub struct Way {
    end: End,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

enum End {
    Port(MessagePort),
    Channel(Rc<Channel>),
}

struct Channel {
    channel: BroadcastChannel,
    /// What is kept for the other end; `None` once that is there.
    waiting: RefCell<Option<Vec<JsValue>>>,
}

impl Way {
    /// From a port, or from the name of a channel. `None` for anything else, or where there are no channels. With `other_is_there` what is
    /// posted is not kept: the other end of the channel was opened before.
    pub fn new(end: &JsValue, other_is_there: bool, mut hear: impl FnMut(JsValue) + 'static) -> Option<Way> {
        if let Some(port) = end.dyn_ref::<MessagePort>() {
            let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| hear(event.data()));
            port.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
            return Some(Way { end: End::Port(port.clone()), _on_message: on_message });
        }
        let waiting = if other_is_there { None } else { Some(Vec::new()) };
        let channel = BroadcastChannel::new(&end.as_string()?).ok()?;
        let channel = Rc::new(Channel { channel, waiting: RefCell::new(waiting) });
        let own = channel.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let data = event.data();
            match data.as_string().as_deref() {
                Some(IS_THERE) => {
                    own.say(&HERE.into());
                    own.open();
                }
                Some(HERE) => own.open(),
                _ => hear(data),
            }
        });
        channel.channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        channel.say(&IS_THERE.into());
        Some(Way { end: End::Channel(channel), _on_message: on_message })
    }

    /// Posts a value; what is given away goes with it, where it can.
    pub fn post(&self, value: &JsValue, given: &Array) {
        match &self.end {
            // A value of these can always be posted.
            End::Port(port) => drop(port.post_message_with_transferable(value, given)),
            End::Channel(channel) => match &mut *channel.waiting.borrow_mut() {
                Some(waiting) => waiting.push(value.clone()),
                None => channel.say(value),
            },
        }
    }

    /// Ends it. Its call may be on the stack, so it is freed a turn later.
    pub fn close(self) {
        match &self.end {
            End::Port(port) => {
                port.set_onmessage(None);
                port.close();
            }
            End::Channel(channel) => {
                channel.channel.set_onmessage(None);
                channel.channel.close();
            }
        }
        wasm_bindgen_futures::spawn_local(async move { drop(self) });
    }
}

impl Channel {
    fn say(&self, value: &JsValue) {
        // A channel that is closed says nothing any more.
        let _ = self.channel.post_message(value);
    }

    /// The other end is there.
    fn open(&self) {
        let waiting = self.waiting.borrow_mut().take().unwrap_or_default();
        waiting.iter().for_each(|value| self.say(value));
    }
}
